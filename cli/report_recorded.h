#ifndef HEAPTOP_CLI_REPORT_RECORDED_H
#define HEAPTOP_CLI_REPORT_RECORDED_H

#include "cli/options.h"
#include "cli/recorded.h"

/* Prints what a person would conclude of a recording, as text of so many columns, or as JSON. */
enum exit_status report_recorded(struct recorded *recorded, unsigned columns, bool json);

#endif
