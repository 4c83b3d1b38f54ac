#include "tui/save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tui/session.h"

/* As wide as names need, and so many rows at a time. */
#define LIST_WIDTH 240
#define LIST_PAGE 400
#define MAX_NAME 80

static void fill_clipboard(struct session *session)
{
    const struct open_screen *top = session_top(session);
    const struct list *list = top->ops->focus ? top->ops->focus(top->state) : NULL;
    const void *row = list ? list_selected(list) : NULL;
    char buffer[LIST_TEXT];
    text_deinit(&session->clipboard);
    if (top->ops->copy)
        top->ops->copy(session, top->state, &session->clipboard);
    if (session->clipboard.length == 0 && row)
        text_append(&session->clipboard, list->ops->text(list->context, row, buffer));
}

void save_to_clipboard(struct session *session)
{
    fill_clipboard(session);
    if (session->clipboard.failed)
        text_deinit(&session->clipboard);
    if (session->clipboard.length)
        session_say(session, "sent to the terminal's clipboard: %s", session->clipboard.data);
    else
        session_say(session, "there is nothing to copy here");
}

/* "heaptop-sites-20260102-030405.txt"; a file of that name is left alone. */
static struct error *open_new(const struct session *session, const char *what, char name[MAX_NAME],
                              int *ret_descriptor)
{
    char moment[32];
    time_t now = time(NULL);
    struct tm local;
    if (!localtime_r(&now, &local) || strftime(moment, sizeof(moment), "%Y%m%d-%H%M%S", &local) == 0)
        snprintf(moment, sizeof(moment), "%lld", (long long)now);
    snprintf(name, MAX_NAME, "heaptop-%s%s-%s.txt", session_top(session)->ops->title, what, moment);
    for (char *c = name; *c; c++)
        *c = *c == ' ' ? '-' : *c >= 'A' && *c <= 'Z' ? (char)(*c + ('a' - 'A')) : *c;
    *ret_descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return *ret_descriptor < 0 ? error_from_errno(errno, "cannot make '%s'", name) : NULL;
}

static struct error *write_file(const struct session *session, const char *what, const struct text *text,
                                char name[MAX_NAME])
{
    int descriptor;
    struct error *error = text->failed ? error_no_memory() : open_new(session, what, name, &descriptor);
    if (error)
        return error;
    for (size_t done = 0; !error && done < text->length;) {
        ssize_t wrote = write(descriptor, text->data + done, text->length - done);
        if (wrote > 0)
            done += (size_t)wrote;
        else if (wrote == 0 || errno != EINTR)
            error = error_from_errno(wrote == 0 ? ENOSPC : errno, "cannot write '%s'", name);
    }
    if (close(descriptor) != 0 && !error)
        error = error_from_errno(errno, "cannot write '%s'", name);
    /* Half a file would be taken for a whole one. */
    if (error)
        unlink(name);
    return error;
}

static void save(struct session *session, const char *what, struct text *text)
{
    char name[MAX_NAME];
    struct error *error = write_file(session, what, text, name);
    session_say(session, "%s%s", error ? "" : "saved: ", error ? error->message : name);
    error_destroy(error);
    text_deinit(text);
}

void save_screen(struct session *session)
{
    struct text text = {0};
    session_draw(session);
    grid_dump_text(&session->grid, &text);
    save(session, "", &text);
}

/* All rows, page after page, drawn by a copy of the list that is as wide as it likes. */
static bool dump_list(const struct session *session, const struct list *list, struct text *text)
{
    struct grid page = {.glyphs = session->grid.glyphs};
    struct list copy = *list;
    copy.pan = 0;
    copy.search[0] = '\0';
    bool done = true;
    for (size_t from = 0; done && from < list->num_rows; from += LIST_PAGE) {
        size_t rows = list->num_rows - from < LIST_PAGE ? list->num_rows - from : LIST_PAGE;
        bool has_titles = !list->ops->hide_titles;
        done = grid_resize(&page, LIST_WIDTH, (int)rows + has_titles);
        copy.top = copy.selected = from;
        if (!done)
            break;
        list_draw(&copy, canvas_over(&page), false);
        struct text lines = {0};
        grid_dump_text(&page, &lines);
        const char *begin = lines.data ? lines.data : "";
        /* Titles once. */
        if (from > 0 && has_titles)
            begin = strchr(begin, '\n') ? strchr(begin, '\n') + 1 : begin;
        text_append(text, begin);
        text->failed |= lines.failed;
        text_deinit(&lines);
    }
    grid_deinit(&page);
    return done;
}

void save_list(struct session *session)
{
    const struct list *list = session_list(session);
    struct text text = {0};
    if (!list || list->num_rows == 0) {
        session_say(session, "there is no list to save here");
        return;
    }
    if (!dump_list(session, list, &text))
        text.failed = true;
    save(session, "-list", &text);
}
