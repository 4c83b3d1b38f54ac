/* What can happen to a session. Keys are characters, or one of enum key above all characters. */
#ifndef TUI_EVENT_H
#define TUI_EVENT_H

#include <stdbool.h>
#include <stdint.h>

enum key {
    KEYS_BEGIN = 0x110000,      /* Behind the last Unicode character. */
    INPUT_UP = KEYS_BEGIN,
    INPUT_DOWN,
    INPUT_LEFT,
    INPUT_RIGHT,
    INPUT_HOME,
    INPUT_END,
    INPUT_PAGE_UP,
    INPUT_PAGE_DOWN,
    INPUT_ENTER,
    INPUT_ESCAPE,
    INPUT_TAB,
    INPUT_BACK_TAB,
    INPUT_BACKSPACE,
    INPUT_DELETE,
    INPUT_F1,
    INPUT_F12 = INPUT_F1 + 11,  /* Those between are counted on from F1. */
};

#define CONTROL(letter) ((letter) - 'a' + 1)

enum event_type {
    EVENT_NONE,
    EVENT_KEY,
    EVENT_MOUSE,
    EVENT_RESIZE,
    EVENT_SUSPEND,      /* Ctrl-Z was typed. */
    EVENT_REDRAW,       /* What is on the terminal cannot be trusted. */
    EVENT_QUIT,         /* A signal asks us to end. */
};

enum mouse_kind { MOUSE_PRESS, MOUSE_DOUBLE, MOUSE_WHEEL_UP, MOUSE_WHEEL_DOWN };

struct event {
    enum event_type type;
    uint32_t key;                   /* EVENT_KEY */
    enum mouse_kind mouse;          /* EVENT_MOUSE */
    int x, y;                       /* EVENT_MOUSE: the cell, from 0. */
    int width, height;              /* EVENT_RESIZE: columns and rows. */
};

#endif
