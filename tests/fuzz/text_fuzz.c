/* Whatever a target calls itself, what reaches the terminal is UTF-8 without controls. */
#include <stdint.h>
#include <stdlib.h>

#include "heaptop/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text text = {0};
    text_append_escaped(&text, (const char *)data, size);
    if (text.failed)
        abort();
    for (size_t at = 0; at < text.length;) {
        uint32_t rune = 0;
        size_t taken = utf8_decode(text.data + at, text.length - at, &rune);
        char bytes[4];
        if (taken == 0 || utf8_from_rune(rune, bytes) != taken)
            abort();
        if (rune < 0x20 || (rune >= 0x7f && rune < 0xa0) || rune == 0x61c || (rune >= 0x200e && rune <= 0x200f) ||
            (rune >= 0x2028 && rune <= 0x202e) || (rune >= 0x2066 && rune <= 0x2069))
            abort();
        at += taken;
    }
    if (text.data && utf8_width(text.data) > 2 * text.length)
        abort();
    text_deinit(&text);
    return 0;
}
