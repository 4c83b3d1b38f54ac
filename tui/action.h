/* What a person can ask for, and the keys that ask it: the one table from which keys are looked up and the help screen,
 * the footers, the commands after a colon, the names in settings and the man page are made. */
#ifndef TUI_ACTION_H
#define TUI_ACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "tui/event.h"

enum action_group { GROUP_MOVE, GROUP_LIST, GROUP_VIEW, GROUP_TIME, GROUP_PROGRAM, GROUP_COUNT };

/* X(ACTION, first key, second key, group, footer word, help) */
#define TUI_ACTIONS(X) \
    X(UP, 'k', INPUT_UP, MOVE, "up", "one line up") \
    X(DOWN, 'j', INPUT_DOWN, MOVE, "down", "one line down") \
    X(LEFT, 'h', INPUT_LEFT, MOVE, "left", "move long names left; close a branch of the tree") \
    X(RIGHT, 'l', INPUT_RIGHT, MOVE, "right", "move long names right; open a branch of the tree") \
    X(PAGE_UP, INPUT_PAGE_UP, CONTROL('b'), MOVE, "page up", "one page up") \
    X(PAGE_DOWN, INPUT_PAGE_DOWN, CONTROL('f'), MOVE, "page down", "one page down") \
    X(TOP, 'g', 0, MOVE, "top", "first line") \
    X(BOTTOM, 'G', 0, MOVE, "end", "last line") \
    X(NEXT_PANE, INPUT_TAB, 0, MOVE, "list", "next list on this screen") \
    X(PREVIOUS_PANE, INPUT_BACK_TAB, 0, MOVE, "list back", "previous list on this screen") \
    X(OPEN, INPUT_ENTER, 0, LIST, "open", "open the selected line") \
    X(BACK, INPUT_ESCAPE, INPUT_BACKSPACE, LIST, "back", "go back; clear the filter") \
    X(SEARCH, '/', 0, LIST, "search", "search in the list") \
    X(NEXT_MATCH, 'n', 0, LIST, "next", "go to the next match") \
    X(PREVIOUS_MATCH, 'N', 0, LIST, "previous", "go to the previous match") \
    X(FILTER, '\\', 0, LIST, "filter", "filter: show only lines that contain a text") \
    X(SORT, 's', '>', LIST, "sort", "sort by the next column") \
    X(SORT_BACK, '<', 0, LIST, "sort back", "sort by the previous column") \
    X(REVERSE, 'S', 0, LIST, "reverse", "reverse the order") \
    X(COPY, 'y', 0, LIST, "copy", "copy what is selected to the clipboard (OSC 52)") \
    X(SAVE_LIST, 'W', 0, LIST, "save list", "save all rows of the list to a new file") \
    X(TREE, 't', 0, LIST, "tree", "show call sites or goroutines as a tree, or as a list") \
    X(GROUPING, 'o', 0, LIST, "group", "group goroutines by stack, creator, state, wait or label") \
    X(INVERT, 'i', 0, VIEW, "invert", "turn the flame graph: callers at the bottom, or on top") \
    X(PAUSE, ' ', 0, VIEW, "pause", "freeze the view, sampling goes on; in the past: play, stop") \
    X(FOLLOW, 'f', 0, VIEW, "follow", "go to the newest sample, and follow new ones") \
    X(BASELINE, 'b', 0, VIEW, "baseline", "set a baseline: growth since now; again: as before") \
    X(MAXIMISE, 'z', 0, VIEW, "enlarge", "enlarge the list with the focus; again: as before") \
    X(GRAPH, 'Z', 0, VIEW, "graph", "enlarge a graph; again: the next one, then as before") \
    X(SLOWER, '+', '=', VIEW, "slower", "sample less often; in the past: play faster") \
    X(FASTER, '-', 0, VIEW, "faster", "sample more often; in the past: play slower") \
    X(SPAN_LONGER, ']', 0, VIEW, "longer", "graphs span a longer time") \
    X(SPAN_SHORTER, '[', 0, VIEW, "shorter", "graphs span a shorter time") \
    X(SAVE_SCREEN, 'w', 0, VIEW, "save", "save the screen to a new file") \
    X(PROBLEMS, '!', 0, VIEW, "problems", "show what could not be read, and why") \
    X(REDRAW, CONTROL('l'), 0, VIEW, "redraw", "redraw the screen") \
    X(TIME_LINE, 'T', 0, TIME, "time line", "show or hide the time line") \
    X(STEP_BACK, ',', 0, TIME, "back", "one sample back; in the live view: into its past") \
    X(STEP_FORWARD, '.', 0, TIME, "forward", "one sample forward") \
    X(JUMP, '@', 0, TIME, "jump", "go to 14:03, -5m, mark, gc, suspect, rise, start, end") \
    X(FIRST_MOMENT, INPUT_HOME, 0, TIME, "start", "the first sample; in the live view: the first line") \
    X(LAST_MOMENT, INPUT_END, 0, TIME, "newest", "the newest sample; in the live view: the last line") \
    X(NEXT_MARK, '}', 0, TIME, "next mark", "go to the next mark") \
    X(PREVIOUS_MARK, '{', 0, TIME, "mark before", "go to the previous mark") \
    X(NEXT_GC, 'c', 0, TIME, "next GC", "go to the next GC cycle") \
    X(PREVIOUS_GC, 'C', 0, TIME, "GC before", "go to the previous GC cycle") \
    X(LARGEST_RISE, '^', 0, TIME, "rise", "go to where RSS rose most") \
    X(MARK, 'm', 0, TIME, "mark", "mark this moment, with a few words") \
    X(RECORD, 'R', 0, TIME, "record", "start recording to a file, or stop") \
    X(SPAN_START, '(', 0, TIME, "from here", "start a span here, for growth over it") \
    X(SPAN_END, ')', 0, TIME, "to here", "end the span here") \
    X(STOP_RUNNING, 'X', 0, PROGRAM, "stop", "stop running threads once, for stacks; asks first") \
    X(PROFILING, 'P', 0, PROGRAM, "profiling", "Go: switch profiling on; C, C++, Rust: probe; asks first") \
    X(DIFFERENCE, 'D', 0, TIME, "difference", "compare the start and the end of the span side by side") \
    X(COMMAND, ':', 0, PROGRAM, "command", "type a command by its name; Tab completes it") \
    X(HELP, '?', INPUT_F1, PROGRAM, "help", "this help") \
    X(PICK, 'p', 0, PROGRAM, "processes", "look at another process") \
    X(QUIT, 'q', 0, PROGRAM, "quit", "leave heaptop")

enum action {
    ACTION_NONE,
#define X(action, ...) ACTION_##action,
    TUI_ACTIONS(X)
#undef X
    ACTION_COUNT
};

#define ACTION_KEYS 2

struct action_info {
    uint32_t keys[ACTION_KEYS]; /* Unless settings say otherwise; 0 where there is none. */
    enum action_group group;
    const char *word, *help;
};

extern const struct action_info action_infos[ACTION_COUNT];

/* "page-up": as a command and in settings. */
const char *action_name(enum action action);
/* ACTION_NONE when there is none of this name. */
enum action action_of_name(const char *name);

/* There is one keyboard, so there is one assignment of its keys: that of action_infos until it is changed. */
const uint32_t *action_keys(enum action action);
/* ACTION_NONE when the key asks for nothing. */
enum action action_of_key(uint32_t key);
/* Gives the action these keys, which others lose. 0: no key. */
void action_bind(enum action action, const uint32_t keys[ACTION_KEYS]);
/* All keys are those of action_infos again. */
void action_bind_defaults(void);

/* "Enter", "Ctrl-L", "/", as people write it. buffer: at least KEY_NAME_BUFFER bytes. */
const char *key_name(uint32_t key, char *buffer);
#define KEY_NAME_BUFFER 16
/* The first key of an action; "(no key)" where it has none. */
const char *action_key_name(enum action action, char *buffer);
/* The key of a name as key_name writes it, whatever the case of its letters where it has several; 0: there is none. */
uint32_t key_of_name(const char *name);
const char *action_group_title(enum action_group group);

#endif
