/* Types and variables in any bytes' DWARF, compressed or not. */
#include "tests/fuzz/fuzz_image.h"
#include "heaptop/symbols/dwarf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(image_closep) struct image *image = fuzz_image_open(data, size);
    if (!image)
        return 0;
    struct dwarf_field fields[] = {
        {.type_name = "g", .field_name = ""},       {.type_name = "g", .field_name = "sched.sp"},
        {.type_name = "g", .field_name = "stack"},  {.type_name = "g", .field_name = "next.next.next"},
        {.type_name = "gobuf", .field_name = "pc"}, {.type_name = "none", .field_name = "x"}};
    struct dwarf_variable variables[] = {{.name = "allgs"}, {.name = "mbuckets"}, {.name = "none"}};
    error_destroy(dwarf_find(image, fields, ARRAY_SIZE(fields), variables, ARRAY_SIZE(variables)));
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        if (fields[i].offset < -1)
            abort();
    return 0;
}
