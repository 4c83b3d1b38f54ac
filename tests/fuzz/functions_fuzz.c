/* Call frames, functions, MiniDebugInfo and demangling of any bytes. */
#include <string.h>

#include "heaptop/symbols.h"
#include "tests/fuzz/fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PLACES 16

static bool read_address(void *context, uint64_t address, uint64_t *ret_value)
{
    (void)context;
    *ret_value = address ^ 0xff;
    return address % 3 != 0;
}

/* Addresses spread over the segments, by rising address. */
static size_t choose_addresses(const struct image *image, uint64_t addresses[PLACES])
{
    size_t count = 0;
    for (size_t i = 0; i < image_segment_count(image); i++) {
        const struct image_segment *segment = image_segment_at(image, i);
        for (uint64_t part = 0; part < 4 && count < PLACES; part++) {
            uint64_t address = segment->address + segment->memory_size / 4 * part + part;
            if (count == 0 || address > addresses[count - 1])
                addresses[count++] = address;
        }
    }
    return count;
}

static void look_up(struct image *image, const uint64_t *addresses, size_t count)
{
    struct image_function functions[PLACES] = {0};
    for (size_t i = 0; i < count; i++)
        functions[i].address = addresses[i];
    error_destroy(image_find_functions(image, functions, count));
    for (size_t i = 0; i < count; i++) {
        if (functions[i].name) {
            if (strlen(functions[i].name) > IMAGE_MAX_NAME || functions[i].start > addresses[i])
                abort();
            free(demangle(functions[i].name));
        }
        free(functions[i].name);
    }
}

/* frames: NULL where there are none. */
static void leave_frames(struct call_frames *frames, const uint64_t *addresses, size_t count)
{
    for (size_t i = 0; i < count && frames; i++) {
        struct call_frame_row row;
        struct call_frame_state state = {.registers = {[CALL_FRAME_RSP] = 4096}, .known = 1u << CALL_FRAME_RSP | 0x40u,
                                         .read = read_address}, caller;
        struct error *error = call_frames_find(frames, addresses[i], &row);
        if (!error && call_frames_step(frames, &row, &state, &caller) && caller.known >> CALL_FRAME_REGISTERS)
            abort();
        error_destroy(error);
    }
    call_frames_close(frames);
}

static void read_names(const uint8_t *data, size_t size)
{
    char name[512];
    size_t length = size < sizeof(name) - 1 ? size : sizeof(name) - 1;
    memcpy(name, data, length);
    name[length] = '\0';
    char *demangled = demangle(name);
    if (!demangled)
        abort();
    free(demangled);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t addresses[PLACES];
    struct call_frame_state state = {.registers = {[CALL_FRAME_RSP] = 4096}, .known = 0xffff, .read = read_address};
    uint64_t value = 4096;
    if (size < 64)
        call_frame_evaluate(data, size, &state, &value, &value);
    read_names(data, size);
    _cleanup_(image_closep) struct image *image = fuzz_image_open(data, size);
    if (!image)
        return 0;
    size_t count = choose_addresses(image, addresses);
    look_up(image, addresses, count);
    struct call_frames *frames = NULL, *debug_frames = NULL;
    error_destroy(call_frames_open(image, &frames));
    leave_frames(frames, addresses, count);
    error_destroy(call_frames_open_debug(image, &debug_frames));
    leave_frames(debug_frames, addresses, count);
    char build_id[DEBUG_FILE_BUILD_ID_BUFFER];
    if (debug_file_supplement_id(image, build_id) && strlen(build_id) % 2 != 0)
        abort();
    struct image *mini = NULL;
    error_destroy(debug_file_open_mini(image, &mini));
    if (mini)
        look_up(mini, addresses, count);
    image_close(mini);
    return 0;
}
