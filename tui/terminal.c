#include "tui/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "heaptop/base/clock.h"
#include "tui/terminal_type.h"

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>

/* How long curses waits for the rest of a key's sequence after Escape. */
#define ESCAPE_DELAY_MS 25
#define DOUBLE_CLICK_NS 400000000
#define RESTORE_SIZE 256
#define DIRECT_COLORS (1 << 24)
#define TYPE_BUFFER 64

/* Signals that ask: each becomes a byte in the pipe. */
static const int asking_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};
/* Signals of a program that is broken: the terminal is restored, then they run their course. */
static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

struct look {
    bool made;
    attr_t attributes;
    int pair;
};

struct terminal {
    SCREEN *screen;
    enum glyphs glyphs;
    enum colour_depth depth;
    enum tui_theme theme;           /* What looks are made for. */
    bool mouse, lost, resized;
    WINDOW *keys;                   /* A pad that is never shown: reading keys by it shows nothing half drawn. */
    struct grid front;              /* What is on the screen. */
    struct look looks[ROLE_COUNT][GROUND_COUNT];
    int32_t pair_foreground[256], pair_background[256];
    int num_pairs;
    int pipe[2];
    struct sigaction asked_before[ARRAY_SIZE(asking_signals)], crash_before[ARRAY_SIZE(crash_signals)];
    void *signal_stack;
    int last_x, last_y;
    uint64_t last_press_ns;
};

/* Signal handlers have no other way to know these. Set before the handlers are. */
static int signal_pipe = -1;
static struct termios saved_modes;
static char restore_sequence[RESTORE_SIZE];
static size_t restore_length;

/* ---- signals ---- */

static void note_signal(int signal_number)
{
    int saved = errno;
    char byte = (char)signal_number;
    ssize_t written = write(signal_pipe, &byte, 1);
    (void)written;
    errno = saved;
}

static void restore_and_die(int signal_number)
{
    ssize_t written = write(STDOUT_FILENO, restore_sequence, restore_length);
    (void)written;
    tcsetattr(STDIN_FILENO, TCSANOW, &saved_modes);
    /* The handler was reset when it was entered: this time the signal does what it does. */
    raise(signal_number);
}

static void append_capability(const char *name)
{
    const char *string = tigetstr(name);
    if (!string || string == (const char *)-1)
        return;
    for (; *string && restore_length + 1 < RESTORE_SIZE; string++) {
        /* Padding, "$<5>", is for terminals of another age. */
        if (string[0] == '$' && string[1] == '<') {
            const char *end = strchr(string, '>');
            if (!end)
                return;
            string = end;
            continue;
        }
        restore_sequence[restore_length++] = *string;
    }
}

static void prepare_restore(void)
{
    static const char mouse_off[] = "\033[?1000l\033[?1002l\033[?1006l";
    restore_length = 0;
    memcpy(restore_sequence, mouse_off, sizeof(mouse_off) - 1);
    restore_length = sizeof(mouse_off) - 1;
    append_capability("sgr0");
    append_capability("cnorm");
    append_capability("rmkx");
    append_capability("rmcup");
}

static void catch_signals(struct terminal *terminal)
{
    struct sigaction note = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
    struct sigaction crash = {.sa_handler = restore_and_die, .sa_flags = (int)(SA_RESETHAND | SA_ONSTACK | SA_NODEFER)};
    for (size_t i = 0; i < ARRAY_SIZE(asking_signals); i++)
        sigaction(asking_signals[i], &note, &terminal->asked_before[i]);
    /* A stack of its own: a crash may be that of the other one. */
    size_t size = (size_t)sysconf(_SC_SIGSTKSZ);
    terminal->signal_stack = malloc(size);
    if (terminal->signal_stack)
        sigaltstack(&(stack_t){.ss_sp = terminal->signal_stack, .ss_size = size}, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(crash_signals); i++)
        sigaction(crash_signals[i], &crash, &terminal->crash_before[i]);
}

static void release_signals(struct terminal *terminal)
{
    for (size_t i = 0; i < ARRAY_SIZE(asking_signals); i++)
        sigaction(asking_signals[i], &terminal->asked_before[i], NULL);
    for (size_t i = 0; i < ARRAY_SIZE(crash_signals); i++)
        sigaction(crash_signals[i], &terminal->crash_before[i], NULL);
    if (terminal->signal_stack)
        sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    free(terminal->signal_stack);
}

/* ---- colours ---- */

static enum colour_depth find_depth(const struct tui_options *options)
{
    const char *refused = getenv("NO_COLOR");
    if (options->colour == TUI_COLOUR_NEVER || !has_colors())
        return DEPTH_MONO;
    if (options->colour == TUI_COLOUR_AUTO && refused && refused[0])
        return DEPTH_MONO;
    return COLORS >= DIRECT_COLORS ? DEPTH_RGB : COLORS >= 256 ? DEPTH_256 : COLORS >= 16 ? DEPTH_16 : DEPTH_8;
}

/* Curses speaks RGB only where the terminal's description says so: "xterm-direct" for a terminal that calls itself
 * "xterm-256color" and announces RGB the way people do, by COLORTERM. NULL where there is no such description: then the
 * 256 colours, which are close, have to do. */
static const char *find_direct_type(char *buffer)
{
    const char *type = getenv("TERM"), *kind = getenv("COLORTERM");
    if (!type || !kind || (strcmp(kind, "truecolor") != 0 && strcmp(kind, "24bit") != 0))
        return NULL;
    const char *suffix = strstr(type, "-256color");
    if (!suffix || suffix[strlen("-256color")] != '\0')
        return NULL;
    int status;
    snprintf(buffer, TYPE_BUFFER, "%.*s-direct", (int)(suffix - type), type);
    if (setupterm(buffer, STDOUT_FILENO, &status) == ERR)
        return NULL;
    bool speaks_rgb = tigetflag("RGB") > 0 && tigetnum("colors") >= DIRECT_COLORS;
    del_curterm(cur_term);
    return speaks_rgb ? buffer : NULL;
}

static int pair_of(struct terminal *terminal, int32_t foreground, int32_t background)
{
    if (foreground < 0 && background < 0)
        return 0;
    for (int i = 1; i <= terminal->num_pairs; i++)
        if (terminal->pair_foreground[i] == foreground && terminal->pair_background[i] == background)
            return i;
    int pair = terminal->num_pairs + 1;
    if (pair >= (int)ARRAY_SIZE(terminal->pair_foreground) || pair >= COLOR_PAIRS ||
        init_extended_pair(pair, foreground, background) == ERR)
        return 0;
    terminal->num_pairs = pair;
    terminal->pair_foreground[pair] = foreground;
    terminal->pair_background[pair] = background;
    return pair;
}

static const struct look *find_look(struct terminal *terminal, uint8_t role, uint8_t ground)
{
    struct look *look = &terminal->looks[role][ground];
    if (look->made)
        return look;
    struct appearance appearance = theme_resolve(terminal->theme, terminal->depth, role, ground);
    look->made = true;
    look->attributes = (appearance.attributes & ATTRIBUTE_BOLD ? A_BOLD : 0) |
                       (appearance.attributes & ATTRIBUTE_DIM ? A_DIM : 0) |
                       (appearance.attributes & ATTRIBUTE_REVERSE ? A_REVERSE : 0) |
                       (appearance.attributes & ATTRIBUTE_UNDERLINE ? A_UNDERLINE : 0);
    look->pair = terminal->depth == DEPTH_MONO ? 0 : pair_of(terminal, appearance.foreground, appearance.background);
    return look;
}

/* ---- opening and closing ---- */

static enum glyphs find_glyphs(const struct tui_options *options)
{
    setlocale(LC_CTYPE, "");
    bool is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    /* Containers and servers rarely have the locale that somebody's own machine sends along. */
    if (!is_utf8 && (options->glyphs == TUI_GLYPHS_UTF8 || terminal_wants_utf8()))
        is_utf8 = setlocale(LC_CTYPE, "C.UTF-8") != NULL;
    if (!is_utf8 || options->glyphs == TUI_GLYPHS_ASCII)
        return GLYPHS_ASCII;
    const char *type = getenv("TERM");
    return type && strcmp(type, "linux") == 0 ? GLYPHS_BLOCK : GLYPHS_BRAILLE;
}

/* What terminals send whose description, as $TERM names it, says otherwise: PuTTY, rxvt, tmux under another name, and
 * those that leave the keypad as it is. Left alone, the digit in the middle would be taken for a key. */
static void define_other_keys(void)
{
    static const struct {
        const char *sequence;
        int key;
    } others[] = {
        {"\033[1~", KEY_HOME},  {"\033[4~", KEY_END},   {"\033[7~", KEY_HOME}, {"\033[8~", KEY_END},
        {"\033[H", KEY_HOME},   {"\033[F", KEY_END},    {"\033OH", KEY_HOME},  {"\033OF", KEY_END},
        {"\033[A", KEY_UP},     {"\033[B", KEY_DOWN},   {"\033[C", KEY_RIGHT}, {"\033[D", KEY_LEFT},
        {"\033OA", KEY_UP},     {"\033OB", KEY_DOWN},   {"\033OC", KEY_RIGHT}, {"\033OD", KEY_LEFT},
        {"\033[5~", KEY_PPAGE}, {"\033[6~", KEY_NPAGE}, {"\033[3~", KEY_DC},   {"\033[Z", KEY_BTAB},
    };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (key_defined(others[i].sequence) == 0)
            define_key(others[i].sequence, others[i].key);
}

static void enter_modes(struct terminal *terminal)
{
    cbreak();
    noecho();
    nonl();
    intrflush(terminal->keys, FALSE);
    keypad(terminal->keys, TRUE);
    define_other_keys();
    nodelay(terminal->keys, TRUE);
    set_escdelay(ESCAPE_DELAY_MS);
    curs_set(0);
    leaveok(stdscr, TRUE);
    /* A key that waits must not leave the screen half drawn. */
    typeahead(-1);
    if (terminal->mouse) {
        mouseinterval(0);
        mousemask(BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
    }
}

/* By the description that curses finds, else by the one that is built in. */
static SCREEN *open_type(const char *type)
{
    SCREEN *screen = newterm(type, stdout, stdin);
    const char *description = screen ? NULL : terminal_type_description(type);
    if (description) {
        const char *before = getenv("TERMINFO");
        char *kept = before ? strdup(before) : NULL;
        setenv("TERMINFO", description, 1);
        screen = newterm(type, stdout, stdin);
        if (kept)
            setenv("TERMINFO", kept, 1);
        else
            unsetenv("TERMINFO");
        free(kept);
    }
    return screen;
}

static SCREEN *open_screen(void)
{
    char direct[TYPE_BUFFER];
    const char *type = find_direct_type(direct), *named = getenv("TERM");
    SCREEN *screen = type ? newterm(type, stdout, stdin) : NULL;
    if (!screen && named && *named)
        screen = open_type(named);
    const char *kin = !screen && named ? terminal_type_kin(named) : NULL;
    return kin ? open_type(kin) : screen;
}

struct error *terminal_open(const struct tui_options *options, struct terminal **ret_terminal)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return error_create(ERROR_UNSUPPORTED, "standard input and output must be a terminal");
    struct terminal *terminal = calloc(1, sizeof(*terminal));
    if (!terminal)
        return error_no_memory();
    if (pipe2(terminal->pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        struct error *error = error_from_errno(errno, "cannot make a pipe");
        free(terminal);
        return error;
    }
    terminal->mouse = options->mouse;
    terminal->last_x = terminal->last_y = -1;
    terminal->glyphs = find_glyphs(options);
    tcgetattr(STDIN_FILENO, &saved_modes);
    signal_pipe = terminal->pipe[1];
    /* Before curses: it leaves alone the signals that are taken. */
    catch_signals(terminal);
    use_tioctl(TRUE);
    terminal->screen = open_screen();
    const char *place_cursor = terminal->screen ? tigetstr("cup") : NULL;
    if (!place_cursor || place_cursor == (const char *)-1) {
        const char *type = getenv("TERM");
        struct error *error = error_create(
            ERROR_UNSUPPORTED,
            "the terminal type '%.32s' is not known, or cannot do what is needed: TERM=xterm-256color may help, and "
            "heaptop report needs no terminal",
            type ? type : "");
        terminal_close(terminal);
        return error;
    }
    terminal->keys = newpad(1, 1);
    if (!terminal->keys) {
        terminal_close(terminal);
        return error_no_memory();
    }
    prepare_restore();
    if (has_colors()) {
        start_color();
        use_default_colors();
    }
    terminal->depth = find_depth(options);
    enter_modes(terminal);
    *ret_terminal = terminal;
    return NULL;
}

void terminal_close(struct terminal *terminal)
{
    if (!terminal)
        return;
    if (terminal->keys)
        delwin(terminal->keys);
    if (terminal->screen) {
        endwin();
        delscreen(terminal->screen);
    }
    release_signals(terminal);
    close(terminal->pipe[0]);
    close(terminal->pipe[1]);
    signal_pipe = -1;
    grid_deinit(&terminal->front);
    free(terminal);
}

enum glyphs terminal_glyphs(const struct terminal *terminal)
{
    return terminal->glyphs;
}

const char *tui_terminal_library(void)
{
    /* "ncurses 6.4.20221231" */
    const char *version = strchr(curses_version(), ' ');
    return version ? version + 1 : curses_version();
}

enum tui_theme terminal_theme(enum tui_theme wanted)
{
    return theme_choose(wanted, getenv("COLORFGBG"));
}

void terminal_size(const struct terminal *terminal, int *ret_width, int *ret_height)
{
    (void)terminal;
    *ret_width = COLS;
    *ret_height = LINES;
}

/* ---- drawing ---- */

static void send_cell(struct terminal *terminal, const struct cell *cell, int x, int y)
{
    const struct look *look = find_look(terminal, cell->role, cell->ground);
    wchar_t text[CELL_COMBINING + 2] = {(wchar_t)cell->rune};
    for (size_t i = 0; i < CELL_COMBINING; i++)
        text[i + 1] = (wchar_t)cell->combining[i];
    /* Where the C library sees another width than we do, its terminal would shift the rest of the line. */
    if (cell->rune > 0x7e && wcwidth((wchar_t)cell->rune) != rune_width(cell->rune)) {
        text[0] = '?';
        text[1] = 0;
    }
    cchar_t out;
    /* The pair goes the long way: a short would not hold what terminals with RGB have. */
    if (setcchar(&out, text, look->attributes, 0, &look->pair) != ERR)
        mvadd_wch(y, x, &out);
}

void terminal_draw(struct terminal *terminal, const struct grid *grid)
{
    if (terminal->theme != grid->theme) {
        /* Pairs that were made stay: there are few, and the next theme may want them. */
        memset(terminal->looks, 0, sizeof(terminal->looks));
        terminal->theme = grid->theme;
        terminal->lost = true;
    }
    bool all = terminal->lost || terminal->front.width != grid->width || terminal->front.height != grid->height;
    if (all && !grid_resize(&terminal->front, grid->width, grid->height))
        return;
    int width = grid->width < COLS ? grid->width : COLS, height = grid->height < LINES ? grid->height : LINES;
    if (all)
        erase();
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            const struct cell *cell = grid_cell(grid, x, y);
            struct cell *front = grid_cell(&terminal->front, x, y);
            if (!all && memcmp(cell, front, sizeof(*cell)) == 0)
                continue;
            *front = *cell;
            if (cell->rune != 0)
                send_cell(terminal, cell, x, y);
        }
    }
    if (terminal->lost)
        clearok(stdscr, TRUE);
    else if (terminal->resized)
        /* Whatever the terminal has made of what was there. */
        redrawwin(stdscr);
    terminal->lost = terminal->resized = false;
    refresh();
}

static void append_base64(struct text *out, const char *bytes, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < length; i += 3) {
        size_t count = length - i < 3 ? length - i : 3;
        uint32_t group = 0;
        for (size_t j = 0; j < 3; j++)
            group = group << 8 | (j < count ? (unsigned char)bytes[i + j] : 0);
        char quad[4];
        for (size_t j = 0; j < 4; j++)
            quad[j] = j <= count ? digits[group >> (18 - 6 * j) & 63] : '=';
        text_append_bytes(out, quad, sizeof(quad));
    }
}

void terminal_copy(struct terminal *terminal, const char *text, size_t length)
{
    (void)terminal;
    struct text out = {0};
    /* screen hands on only what is wrapped for it; tmux takes the sequence itself, where its set-clipboard is on. */
    const char *type = getenv("TERM");
    bool in_screen = type && strncmp(type, "screen", 6) == 0 && !getenv("TMUX");
    text_append(&out, in_screen ? "\033P\033]52;c;" : "\033]52;c;");
    append_base64(&out, text, length < TERMINAL_MAX_COPY ? length : TERMINAL_MAX_COPY);
    text_append(&out, in_screen ? "\a\033\\" : "\a");
    /* Behind what curses has not sent yet. */
    fflush(stdout);
    for (size_t done = 0; !out.failed && done < out.length;) {
        ssize_t wrote = write(STDOUT_FILENO, out.data + done, out.length - done);
        if (wrote <= 0 && errno != EINTR && errno != EAGAIN)
            break;
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    text_deinit(&out);
}

void terminal_redraw(struct terminal *terminal)
{
    terminal->lost = true;
}

void terminal_suspend(struct terminal *terminal)
{
    struct sigaction ours, theirs = {.sa_handler = SIG_DFL};
    def_prog_mode();
    endwin();
    sigaction(SIGTSTP, &theirs, &ours);
    kill(getpid(), SIGTSTP);
    /* Here again when continued. */
    sigaction(SIGTSTP, &ours, NULL);
    reset_prog_mode();
    enter_modes(terminal);
    terminal->lost = true;
}

/* ---- input ---- */

void terminal_wait(struct terminal *terminal, const int descriptors[TERMINAL_DESCRIPTORS], int timeout_ms)
{
    struct pollfd polled[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                              {.fd = terminal->pipe[0], .events = POLLIN},
                              {.fd = descriptors[0], .events = POLLIN},
                              {.fd = descriptors[1], .events = POLLIN},
                              {.fd = descriptors[2], .events = POLLIN}};
    if (poll(polled, ARRAY_SIZE(polled), timeout_ms) <= 0)
        return;
    int waiting = 0;
    bool ended = (polled[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0 ||
                 ((polled[0].revents & POLLIN) && ioctl(STDIN_FILENO, FIONREAD, &waiting) == 0 && waiting == 0);
    if (ended)
        note_signal(SIGHUP);
}

static uint32_t key_of_code(wint_t code)
{
    static const struct {
        wint_t code;
        uint32_t key;
    } keys[] = {
        {KEY_UP, INPUT_UP},           {KEY_DOWN, INPUT_DOWN},       {KEY_LEFT, INPUT_LEFT},
        {KEY_RIGHT, INPUT_RIGHT},     {KEY_HOME, INPUT_HOME},       {KEY_END, INPUT_END},
        {KEY_PPAGE, INPUT_PAGE_UP},   {KEY_NPAGE, INPUT_PAGE_DOWN}, {KEY_ENTER, INPUT_ENTER},
        {KEY_BTAB, INPUT_BACK_TAB},   {KEY_DC, INPUT_DELETE},       {KEY_BACKSPACE, INPUT_BACKSPACE},
    };
    if (code >= KEY_F(1) && code <= KEY_F(12))
        return INPUT_F1 + (code - KEY_F(1));
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (keys[i].code == code)
            return keys[i].key;
    return 0;
}

static uint32_t key_of_character(wint_t character)
{
    switch (character) {
    case '\r':
    case '\n':
        return INPUT_ENTER;
    case '\t':
        return INPUT_TAB;
    case 0x1b:
        return INPUT_ESCAPE;
    case 0x7f:
    case '\b':
        return INPUT_BACKSPACE;
    default:
        return (uint32_t)character;
    }
}

static struct event mouse_event(struct terminal *terminal)
{
    MEVENT mouse;
    struct event event = {.type = EVENT_NONE};
    if (getmouse(&mouse) == ERR)
        return event;
    event = (struct event){.type = EVENT_MOUSE, .x = mouse.x, .y = mouse.y};
    if (mouse.bstate & BUTTON4_PRESSED) {
        event.mouse = MOUSE_WHEEL_UP;
        return event;
    }
    if (mouse.bstate & BUTTON5_PRESSED) {
        event.mouse = MOUSE_WHEEL_DOWN;
        return event;
    }
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    bool again = mouse.x == terminal->last_x && mouse.y == terminal->last_y &&
                 now_ns - terminal->last_press_ns < DOUBLE_CLICK_NS;
    event.mouse = again ? MOUSE_DOUBLE : MOUSE_PRESS;
    terminal->last_x = again ? -1 : mouse.x;
    terminal->last_y = mouse.y;
    terminal->last_press_ns = now_ns;
    return event;
}

static struct event signal_event(struct terminal *terminal, int signal_number)
{
    struct event event = {.type = EVENT_QUIT};
    struct winsize size;
    switch (signal_number) {
    case SIGWINCH:
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0)
            resizeterm(size.ws_row, size.ws_col);
        /* Curses would clear the screen, which flickers: every cell is written anew instead (terminal_draw). */
        clearok(curscr, FALSE);
        terminal->resized = true;
        event = (struct event){.type = EVENT_RESIZE, .width = COLS, .height = LINES};
        break;
    case SIGTSTP:
        event.type = EVENT_SUSPEND;
        break;
    case SIGCONT:
        event.type = EVENT_REDRAW;
        break;
    default:
        break;
    }
    return event;
}

struct event terminal_event(struct terminal *terminal)
{
    char signal_number;
    if (read(terminal->pipe[0], &signal_number, 1) == 1)
        return signal_event(terminal, signal_number);
    for (;;) {
        wint_t code;
        int kind = wget_wch(terminal->keys, &code);
        if (kind == ERR)
            return (struct event){.type = EVENT_NONE};
        if (kind == KEY_CODE_YES && code == KEY_MOUSE) {
            struct event event = mouse_event(terminal);
            if (event.type != EVENT_NONE)
                return event;
            continue;
        }
        uint32_t key = kind == KEY_CODE_YES ? key_of_code(code) : key_of_character(code);
        if (key != 0)
            return (struct event){.type = EVENT_KEY, .key = key};
    }
}
