/* The live source with the readers given: live_source_open is this with all that heaptop has, and tests bring their
 * own. */
#ifndef HEAPTOP_ATTACH_LIVE_SOURCE_H
#define HEAPTOP_ATTACH_LIVE_SOURCE_H

#include "attach/session.h"

/* Snapshots that wait to be taken. When nobody takes them the oldest is dropped, and counted. */
#define LIVE_SOURCE_QUEUE 4

struct error *live_source_create(pid_t pid, const struct attach_options *options, struct reader_list readers,
                                 struct source **ret_source);

/* Doctor with the readers given. */
struct error *doctor_examine_with(pid_t pid, struct reader_list readers, struct doctor_report *ret_report);

#endif
