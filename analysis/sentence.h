/* Amounts as the sentences of verdicts have them. */
#ifndef ANALYSIS_SENTENCE_H
#define ANALYSIS_SENTENCE_H

#include <stdint.h>

#include "heaptop/base/text.h"

void sentence_add_bytes(struct text *text, double bytes);
void sentence_add_rate(struct text *text, double bytes_per_second);
void sentence_add_duration(struct text *text, double nanoseconds);
void sentence_add_count(struct text *text, int64_t count);

#endif
