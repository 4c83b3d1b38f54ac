/* Go's function table in any bytes: found by section or by signature, then asked all there is to ask. */
#include <string.h>

#include "tests/fuzz/fuzz_image.h"
#include "heaptop/symbols/pclntab.h"

/* Addresses asked for in each function, and functions. */
#define PROBES 3
#define FUNCTIONS 24

DEFINE_CLEANUP(struct pclntab *, pclntab_close)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void probe(struct pclntab *table, uint64_t address, size_t size)
{
    struct go_function function;
    struct error *error = pclntab_find_function(table, address, &function);
    if (!error && (!function.name || address < function.entry || address >= function.end))
        abort();
    error_destroy(error);
    struct go_frame frames[PCLNTAB_MAX_INLINE_DEPTH + 1];
    size_t count = 0;
    error = pclntab_find_frames(table, address, frames, ARRAY_SIZE(frames), &count);
    if (!error && (count == 0 || count > PCLNTAB_MAX_INLINE_DEPTH))
        abort();
    for (size_t i = 0; !error && i < count; i++)
        if (!frames[i].function || strlen(frames[i].function) > size + 16 ||
            (frames[i].file && strlen(frames[i].file) > size))
            abort();
    error_destroy(error);
    int32_t delta;
    error_destroy(pclntab_find_stack_delta(table, address, &delta));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(image_closep) struct image *image = fuzz_image_open(data, size);
    if (!image)
        return 0;
    _cleanup_(pclntab_closep) struct pclntab *table = NULL;
    error_destroy(pclntab_open(image, &table));
    if (!table)
        return 0;
    uint64_t address = pclntab_text_start(table);
    if (address == 0)
        pclntab_set_text_start(table, address = 0x401000);
    pclntab_set_go_minor(table, 20 + (unsigned)size % 8);
    /* Where the fixtures' trees are: behind the table, somewhere. */
    pclntab_set_gofunc(table, pclntab_address(table) + size / 2);
    for (int i = 0; i < FUNCTIONS; i++) {
        struct go_function function = {0};
        error_destroy(pclntab_find_function(table, address, &function));
        if (!function.name)
            break;
        for (uint64_t at = 0; at < PROBES && function.end > function.entry; at++)
            probe(table, function.entry + (function.end - function.entry - 1) * at / (PROBES - 1), size);
        address = function.end;
    }
    const char *const names[] = {"main.main", "runtime.goexit", "no.such", "main.main", ""};
    struct go_function found[ARRAY_SIZE(names)];
    struct error *error = pclntab_find_names(table, names, ARRAY_SIZE(names), found);
    if (!error && (found[0].name != found[3].name || found[4].name))
        abort();
    error_destroy(error);
    if (pclntab_memory(table) == 0)
        abort();
    return 0;
}
