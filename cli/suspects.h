/* What is suspected, handed to a recorder: for whoever opens the file with a mere shell, and for the time line. */
#ifndef HEAPTOP_CLI_SUSPECTS_H
#define HEAPTOP_CLI_SUSPECTS_H

#include "heaptop/analysis.h"
#include "heaptop/record.h"

/* All of them, as of the analysis's snapshot, which has been added to the recorder. */
void suspects_record(const struct analysis *analysis, struct recorder *recorder);

#endif
