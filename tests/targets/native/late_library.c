/* A library that is loaded while the program runs. */
#include <stddef.h>
#include <stdlib.h>

void library_keeps(void (*keep)(void *block, size_t size));

void library_keeps(void (*keep)(void *block, size_t size))
{
    for (int i = 0; i < 20000; i++)
        keep(malloc(1000), 1000);
}
