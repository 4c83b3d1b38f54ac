/* Names of C++ and Rust functions as people write them. */
#ifndef HEAPTOP_SYMBOLS_DEMANGLE_H
#define HEAPTOP_SYMBOLS_DEMANGLE_H

/* The name behind a symbol: of C++ (Itanium ABI) with its parameters, of Rust (legacy and v0) without the hash; what is
 * neither is copied, a symbol version ("@@GLIBC_2.2.5") taken off. malloc'd; NULL when memory is out. */
char *demangle(const char *symbol);

#endif
