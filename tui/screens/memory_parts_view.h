/* Where the resident memory is, by its parts, and the account that the runtime gives of its own: a part of several
 * screens. */
#ifndef TUI_SCREENS_MEMORY_PARTS_VIEW_H
#define TUI_SCREENS_MEMORY_PARTS_VIEW_H

#include "tui/session.h"

/* In at most `most` rows RSS's parts, the smallest in one where they have no room; by the kernel's counts until pages
 * were looked at. Beside or below them, as there is room, the account of Go's runtime or of malloc. Returns the rows it
 * took. */
int memory_parts_draw(const struct model *model, struct canvas canvas, int most);

#endif
