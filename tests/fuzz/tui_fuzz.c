/* Events of any kind and order, over samples whose names come from the input: nothing may break, and no control
 * character may get into the grid. The first byte: size of the names; then the names; then events of one or three
 * bytes. */
#include <stdint.h>
#include <stdlib.h>

#include "tests/unit/tui/scene.h"
#include "tui/session.h"

#define MAX_EVENTS 400
#define SECONDS 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_grid(const struct grid *grid)
{
    for (int i = 0; i < grid->width * grid->height; i++) {
        uint32_t rune = grid->cells[i].rune;
        if ((rune < 0x20 && rune != 0) || (rune >= 0x7f && rune <= 0x9f) || grid->cells[i].role >= ROLE_COUNT ||
            grid->cells[i].ground >= GROUND_COUNT)
            abort();
        /* A wide character is whole: its right half stands behind it, in its row, and nowhere else. */
        int x = i % grid->width;
        bool is_wide = rune != 0 && rune_width(rune) == 2;
        if (is_wide && (x + 1 == grid->width || grid->cells[i + 1].rune != 0))
            abort();
        if (rune == 0 && (x == 0 || rune_width(grid->cells[i - 1].rune) != 2))
            abort();
    }
}

/* Names that nobody escaped: the grid is the last to look at them. */
static void add_names(struct scene *scene, const uint8_t *names, size_t size)
{
    struct builder *b = scene->b;
    string_id name = catalog_add_string(b->catalog, (const char *)names, size);
    struct frame frame = {.function = name, .file = name, .line = 7, .origin = FRAME_APPLICATION};
    frame_id frames[] = {catalog_add_frame(b->catalog, &frame)};
    struct site site = {.stack = catalog_add_stack(b->catalog, frames, 1), .object_size = 64};
    if (!vector_append(&b->sites, site) || !vector_append(&b->published, (struct site_counts){0}))
        abort();
    builder_hold(b, b->sites.count - 1, 400e6);
    b->target.comm = b->target.runtime_version = name;
    b->groups.items[0].start = frames[0];
    b->groups.items[0].count = 100000;
    b->groups.items[1].wait_reason = name;
    b->threads.items[0].name = b->threads.items[0].system_call = name;
    b->regions.items[0].name = name;
}

static struct event read_event(const uint8_t **data, size_t *size)
{
    static const uint32_t keys[] = {INPUT_UP,        INPUT_DOWN,     INPUT_LEFT,    INPUT_RIGHT,
                                    INPUT_HOME,      INPUT_END,      INPUT_PAGE_UP, INPUT_PAGE_DOWN,
                                    INPUT_TAB,       INPUT_BACK_TAB, INPUT_ENTER,   INPUT_ESCAPE,
                                    INPUT_BACKSPACE, INPUT_DELETE,   INPUT_F1,      0x6f22};
    uint8_t first = **data;
    (*data)++, (*size)--;
    if (first >= 0x20 && first < 0x7f)
        return (struct event){.type = EVENT_KEY, .key = first == 'q' || first == 'p' ? ' ' : first};
    if (first < 0x10)
        return (struct event){.type = EVENT_KEY, .key = keys[first]};
    if (*size < 2)
        return (struct event){.type = EVENT_NONE};
    uint8_t x = (*data)[0], y = (*data)[1];
    *data += 2, *size -= 2;
    if (first < 0xa0)
        return (struct event){.type = EVENT_MOUSE, .mouse = (enum mouse_kind)(first % 4), .x = x, .y = y};
    return (struct event){.type = EVENT_RESIZE, .width = x, .height = y % 80};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scene scene;
    struct snapshot *snapshots[SECONDS];
    scene_init(&scene);
    if (size > 0) {
        size_t names = data[0] < size - 1 ? data[0] : size - 1;
        add_names(&scene, data + 1, names);
        data += 1 + names;
        size -= 1 + names;
    }
    for (size_t i = 0; i < SECONDS; i++)
        snapshots[i] = scene_next(&scene);
    struct source *source = builder_source(snapshots, SECONDS);
    struct builder_source *fed = (struct builder_source *)source;
    struct session *session = NULL;
    struct session_options options = {.width = 100, .height = 30, .glyphs = (enum glyphs)(size % 3), .can_pick = true};
    fed->count = 1;
    if (session_create(source, &options, &session))
        abort();
    for (size_t i = 0; i < MAX_EVENTS && size > 0; i++) {
        struct event event = read_event(&data, &size);
        /* Now and then another sample arrives. */
        if (i % 7 == 0 && fed->count < SECONDS)
            fed->count++;
        if (session_pull(session) || session_handle(session, &event))
            abort();
        session_draw(session);
        check_grid(&session->grid);
    }
    session_destroy(session);
    fed->count = SECONDS;
    source_close(source);
    builder_release(snapshots, SECONDS);
    scene_deinit(&scene);
    return 0;
}
