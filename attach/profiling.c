#include "attach/profiling.h"

#include <stdlib.h>
#include <string.h>

#include "heaptop/attach.h"

/* A few objects may have been sampled before the runtime heeded the linker's word. */
#define NOTABLE_OLDER_SAMPLES 8

static void put_back(struct profiling *profiling)
{
    profile_switch_off(profiling->profile_switch);
    profiling->profile_switch = NULL;
}

void profiling_detach(struct profiling *profiling)
{
    put_back(profiling);
    profiling->searched_rate = 0;
}

void profiling_deinit(struct profiling *profiling)
{
    profiling_detach(profiling);
    free(profiling->refusal);
    profiling->refusal = NULL;
}

void profiling_request(struct profiling *profiling, uint64_t rate)
{
    profiling->wanted_rate = rate;
    free(profiling->refusal);
    profiling->refusal = NULL;
}

struct error *profiling_switch(struct profiling *profiling, struct target *target, const struct reader_set *readers)
{
    if (profiling->wanted_rate == 0) {
        put_back(profiling);
        return NULL;
    }
    if (profiling->refusal)
        return NULL;
    remote_address address = 0;
    struct error *error = NULL;
    if (profiling->profile_switch) {
        error = error_prefix(profile_switch_keep_guarded(profiling->profile_switch),
                             "memory profiling stays on should heaptop be killed");
    } else {
        error = reader_set_find_profile_rate(readers, &address);
        if (!error)
            error = profile_switch_on(target, address, profiling->wanted_rate, &profiling->profile_switch);
        profiling->writes += !error;
        profiling->older_are_counted = false;
        if (error && reader_error_is_final(error))
            return error;
        error = error_prefix(error, "memory profiling was not switched on");
    }
    if (error)
        profiling->refusal = strdup(error->message);
    error_destroy(error);
    return NULL;
}

/* What was sampled before it was off is in the profile too, and scaled as if at today's rate. Go's own rate is taken
 * for what it was then, so that only another one is worth a word. */
static void fill_older_samples(struct profiling *profiling, struct snapshot *snapshot)
{
    if (profile_switch_rate(profiling->profile_switch) == ATTACH_DEFAULT_PROFILE_RATE)
        return;
    if (!profiling->older_are_counted) {
        profiling->older_samples = 0;
        for (size_t i = 0; i < snapshot->num_sites; i++) {
            const struct site_counts *counts = &snapshot->sites[i].published;
            profiling->older_samples += counts->allocs > counts->frees ? counts->allocs - counts->frees : 0;
        }
        profiling->older_are_counted = true;
    }
    if (profiling->older_samples >= NOTABLE_OLDER_SAMPLES)
        snapshot_add_problem(snapshot, "%llu objects were sampled before heaptop switched profiling on, at a rate that "
                                       "is not known: their sizes are estimated as if at today's",
                             (unsigned long long)profiling->older_samples);
}

void profiling_fill(struct profiling *profiling, struct target *target, struct snapshot *snapshot)
{
    const struct counter *rate = &snapshot->counters[COUNTER_MEM_PROFILE_RATE];
    bool is_on = snapshot->profile_state == PROFILE_ON && counter_known(rate);
    struct profile_switch *ours = profiling->profile_switch;
    if (profiling->refusal)
        snapshot_add_problem(snapshot, "%s", profiling->refusal);
    if (ours && is_on && (uint64_t)rate->value.integer != profile_switch_rate(ours))
        snapshot_add_problem(snapshot, "the program has set runtime.MemProfileRate itself since heaptop switched it "
                                       "on: it will be left as it is");
    if (ours && is_on)
        fill_older_samples(profiling, snapshot);
    if (ours) {
        snapshot->profile_switch = PROFILE_SWITCH_ON;
        snapshot->profile_since_unix_ns = profile_switch_since(ours);
        return;
    }
    if (snapshot->profile_state == PROFILE_OFF)
        snapshot->profile_switch = PROFILE_SWITCH_OFFERED;
    if (is_on && rate->value.integer != profiling->searched_rate) {
        profiling->searched_rate = rate->value.integer;
        profiling->found_since = profile_switch_find(target);
    }
    if (!is_on)
        profiling->searched_rate = 0;
    else if (profiling->found_since)
        snapshot->profile_since_unix_ns = profiling->found_since;
}
