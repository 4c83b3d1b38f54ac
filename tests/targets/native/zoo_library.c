/* The shared library of zoo.cc: gives out blocks that its user must hand back. */
#include <stdlib.h>
#include <string.h>

void *library_make(unsigned number);
void library_drop(void *block);

#define BLOCK_BYTES 7000

__attribute__((noinline)) void *library_make(unsigned number)
{
    void *block = malloc(BLOCK_BYTES);
    if (!block)
        abort();
    return memset(block, (int)number, BLOCK_BYTES);
}

__attribute__((noinline)) void library_drop(void *block)
{
    free(block);
}
