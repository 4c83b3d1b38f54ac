/* What is seen of a program without asking, and what on request, each with its cost: rows for doctor. */
#ifndef ATTACH_DOCTOR_OFFERS_H
#define ATTACH_DOCTOR_OFFERS_H

#include "attach/program_kind.h"
#include "attach/reader.h"

/* Nothing is tried on the program; whether the kernel lets page faults be sampled is tried on heaptop itself.
 * ERROR_NO_MEMORY. */
struct error *doctor_add_offers(struct doctor_report *report, const struct program_kind *kind);

#endif
