#include "tui/list_screen.h"

void list_screen_close(void *state)
{
    list_deinit(&((struct list_screen *)state)->list);
}

struct list *list_screen_focus(void *state)
{
    return &((struct list_screen *)state)->list;
}

struct error *list_screen_set(struct session *session, void *state, const void *rows, size_t count, size_t size)
{
    struct list_screen *screen = state;
    return list_set_rows(&screen->list, &session->model, rows, count, size) ? NULL : error_no_memory();
}
