/* Makes a snapshot's memory map: what each region is for, which of its pages are resident, and for the Go heap what
 * they hold. */
#ifndef HEAPTOP_ATTACH_MEMORY_MAP_H
#define HEAPTOP_ATTACH_MEMORY_MAP_H

#include "attach/heap_survey.h"
#include "attach/maps.h"
#include "attach/residency.h"
#include "heaptop/snapshot.h"

/* What each line of the map is for: kinds has maps->lines.count entries. program: the name of the executable as in
 * the map, or "". */
void memory_map_classify(const struct maps *maps, const struct heap_survey *survey, const char *program,
                         uint8_t *kinds);

/* Looks at the pages of all lines; fills snapshot->memory_map (but rss_bytes and took_ns) and what was measured of
 * snapshot->regions, which were made of the same maps. ERROR_NO_MEMORY, or whatever keeps the pages from being
 * looked at. */
struct error *memory_map_measure(struct residency *residency, const struct maps *maps, const uint8_t *kinds,
                                 const struct heap_survey *survey, struct snapshot *snapshot);

#endif
