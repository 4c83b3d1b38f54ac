#include "tui/style.h"

struct role_look {
    const char *name;
    int32_t rgb;
    int16_t of_256, of_16;
    uint8_t in_colour, without;
};

static const struct role_look role_looks[ROLE_COUNT] = {
#define X(role, rgb_value, index_256, index_16, colour_attributes, mono_attributes) \
    [ROLE_##role] = {#role, rgb_value, index_256, index_16, colour_attributes, mono_attributes},
    TUI_ROLES(X)
#undef X
};

struct ground_look {
    const char *name;
    int32_t rgb;
    int16_t of_256, of_16;
    uint8_t without;
};

static const struct ground_look ground_looks[GROUND_COUNT] = {
#define X(ground, rgb_value, index_256, index_16, mono_attributes) \
    [GROUND_##ground] = {#ground, rgb_value, index_256, index_16, mono_attributes},
    TUI_GROUNDS(X)
#undef X
};

/* On a ground of our own the terminal's foreground may be as dark as the ground: name a light one. */
#define LIGHT_RGB 0xd5d9e0
#define LIGHT_256 252
#define LIGHT_16 7

/* And on what the cursor is on, which is bright, a dark one. */
#define DARK_RGB 0x101418
#define DARK_256 233

/* What is faint on the terminal's own ground would be lost on a lighter one. */
static enum role role_on(enum role role, enum ground ground)
{
    bool is_lighter = ground == GROUND_SELECTED || ground == GROUND_CHIP ||
                      (ground >= GROUND_FLAME_OWN && ground <= GROUND_FLAME_SHRANK_3);
    if (!is_lighter)
        return role;
    return role == ROLE_FAINT ? ROLE_MUTED : role == ROLE_MUTED ? ROLE_TEXT : role == ROLE_TRACK ? ROLE_FAINT : role;
}

struct appearance theme_resolve(enum colour_depth depth, enum role role, enum ground ground)
{
    role = role_on(role, ground);
    const struct role_look *look = &role_looks[role];
    const struct ground_look *behind = &ground_looks[ground];
    switch (depth) {
    case DEPTH_MONO:
        return (struct appearance){-1, -1, (uint8_t)(look->without | behind->without)};
    case DEPTH_8: {
        /* Bright colours are bold in a palette of eight; dark grey would be black. */
        int32_t colour = look->of_16 == 8 ? -1 : look->of_16;
        uint8_t attributes = look->in_colour;
        if (look->of_16 > 8 && ground != GROUND_CURSOR)
            attributes |= ATTRIBUTE_BOLD;
        /* So few colours are hard to read on one another; the marks still tell. */
        if (behind->of_16 >= 0)
            colour = ground == GROUND_CURSOR ? 0 : LIGHT_16;
        return (struct appearance){colour > 7 ? colour - 8 : colour, behind->of_16, attributes};
    }
    case DEPTH_16: {
        int32_t colour = look->of_16;
        if (behind->of_16 >= 0)
            colour = ground == GROUND_CURSOR ? 0 : 15;
        return (struct appearance){colour, behind->of_16, look->in_colour};
    }
    case DEPTH_256: {
        int32_t colour = ground == GROUND_CURSOR ? DARK_256 : look->of_256;
        if (behind->of_256 >= 0 && colour < 0)
            colour = LIGHT_256;
        return (struct appearance){colour, behind->of_256, look->in_colour};
    }
    case DEPTH_RGB:
        break;
    }
    int32_t colour = ground == GROUND_CURSOR ? DARK_RGB : look->rgb;
    if (behind->rgb >= 0 && colour < 0)
        colour = LIGHT_RGB;
    return (struct appearance){colour, behind->rgb, look->in_colour};
}

const char *role_name(enum role role)
{
    return role_looks[role].name;
}

const char *ground_name(enum ground ground)
{
    return ground_looks[ground].name;
}
