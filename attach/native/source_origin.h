/* Whose code a function of the program itself is, by the path of its source: much of what is in a program of C++ or
 * Rust was compiled from the headers and sources of libraries. */
#ifndef ATTACH_NATIVE_SOURCE_ORIGIN_H
#define ATTACH_NATIVE_SOURCE_ORIGIN_H

#include <stdint.h>

/* `origin`, an enum frame_origin, of the file that the code is in, and the same or another by the path of its source,
 * "" for unknown, or else by its symbol, which may be NULL: templates of the C++ library are compiled into the
 * programs that use them. */
uint8_t source_origin(uint8_t origin, const char *symbol, const char *path);

#endif
