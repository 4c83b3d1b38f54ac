#include "tui/terminal_type.h"

/* None: the static program has others in their place (CMakeLists.txt). */
const struct terminal_description terminal_descriptions[] = {{0}};
