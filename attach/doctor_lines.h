/* What doctor says of lines of source in native code. */
#ifndef ATTACH_DOCTOR_LINES_H
#define ATTACH_DOCTOR_LINES_H

#include "attach/memory.h"
#include "attach/reader.h"
#include "attach/target.h"

/* Looks for debug information of all files with code, without fetching any, and reads a line of the program's own:
 * what is said has been tried. ERROR_NO_MEMORY. */
struct error *doctor_examine_lines(struct target *target, struct memory *memory, struct doctor_report *report);

#endif
