#include "attach/go/operand_recipes.h"

const char *const go_function_names[GO_FUNCTION_COUNT] = {
#define X(id, name) [GO_FUNCTION_##id] = name,
    GO_FUNCTIONS(X)
#undef X
};

#define ANY_USE (OPERAND_LOAD | OPERAND_STORE | OPERAND_ADDRESS)

/* Found by comparing the disassembly of builds by Go 1.19.8, 1.21.13, 1.22.12, 1.23.5, 1.24.4, 1.25.12, 1.26.10
 * and 1.27.3 (no cgo, cgo, PIE linked by Go and by gcc) with their symbol tables. The later recipes of a variable serve
 * builds without inlining (-N -l), and changes to come. */
const struct operand_recipe go_operand_recipes[] = {
    /* proc.go schedinit: if buildVersion == "". */
    {GO_VARIABLE_BUILD_VERSION, GO_FUNCTION_SCHEDINIT, ANY_USE, 0, .pick = PICK_EACH},

    /* mprof.go newBucket: persistentalloc(size, 0, &memstats.buckhash_sys). */
    {GO_VARIABLE_MEMSTATS, GO_FUNCTION_NEW_BUCKET, OPERAND_ADDRESS, 0, .pick = PICK_EACH, .within = true,
     .field = GO_FIELD_MSTATS_BUCKHASH_SYS},
    /* mgc.go gcenable: memstats.enablegc = true. */
    {GO_VARIABLE_MEMSTATS, GO_FUNCTION_GCENABLE, OPERAND_STORE, 1, .pick = PICK_EACH, .within = true,
     .field = GO_FIELD_MSTATS_ENABLEGC},
    {GO_VARIABLE_MEMSTATS, GO_FUNCTION_STKBUCKET, OPERAND_ADDRESS, 0, .pick = PICK_EACH, .within = true,
     .field = GO_FIELD_MSTATS_BUCKHASH_SYS},

    /* proc.go forEachG: for _, gp := range allgs. */
    {GO_VARIABLE_ALLGS, GO_FUNCTION_FOR_EACH_G, OPERAND_LOAD, 8, .pick = PICK_EACH},
    {GO_VARIABLE_ALLGS, GO_FUNCTION_ALLGADD, OPERAND_LOAD, 8, .pick = PICK_EACH},
    /* proc.go mcommoninit: mp.alllink = allm. Loads only: a lock whose address is taken holds, at times, the M that
     * waits for it. */
    {GO_VARIABLE_ALLM, GO_FUNCTION_MCOMMONINIT, OPERAND_LOAD, 8, .pick = PICK_EACH},
    {GO_VARIABLE_ALLM, GO_FUNCTION_SCHEDTRACE, OPERAND_LOAD, 8, .pick = PICK_EACH},
    /* proc.go procresize: nprocs > int32(len(allp)). */
    {GO_VARIABLE_ALLP, GO_FUNCTION_PROCRESIZE, OPERAND_LOAD, 8, .pick = PICK_EACH},

    /* mprof.go mProf_FlushLocked: head := (*bucket)(mbuckets.Load()), its only variable. */
    {GO_VARIABLE_MBUCKETS, GO_FUNCTION_MPROF_FLUSH_LOCKED, OPERAND_LOAD, 8, .pick = PICK_FIRST},
    /* After the locks that are asserted to be held. */
    {GO_VARIABLE_MBUCKETS, GO_FUNCTION_MPROF_FLUSH_LOCKED, OPERAND_ADDRESS, 0, .pick = PICK_LAST},
    /* mprof.go mProf_Flush: cycle, alreadyFlushed := mProfCycle.setFlushed(), first of all. */
    {GO_VARIABLE_MPROF_CYCLE, GO_FUNCTION_MPROF_FLUSH, OPERAND_LOAD, 4, .pick = PICK_FIRST},
    {GO_VARIABLE_MPROF_CYCLE, GO_FUNCTION_MPROF_FLUSH, OPERAND_ADDRESS, 0, .pick = PICK_FIRST},
    /* mcache.go allocmcache: c.nextSample = nextSample(), which reads the rate. */
    {GO_VARIABLE_MEM_PROFILE_RATE, GO_FUNCTION_ALLOCMCACHE, OPERAND_LOAD, 8, .pick = PICK_LAST},
    {GO_VARIABLE_MEM_PROFILE_RATE, GO_FUNCTION_NEXT_SAMPLE, OPERAND_LOAD, 8, .pick = PICK_FIRST},
    /* malloc.go profilealloc: after getMCache, which reads mcache0. */
    {GO_VARIABLE_MEM_PROFILE_RATE, GO_FUNCTION_PROFILEALLOC, OPERAND_LOAD, 8, .pick = PICK_SECOND},
    /* proc.go schedinit: if disableMemoryProfiling { MemProfileRate = 0 }; in Go 1.19 mprof.go's initializer of
     * MemProfileRate. */
    {GO_VARIABLE_DISABLE_MEMORY_PROFILING, GO_FUNCTION_SCHEDINIT, OPERAND_LOAD, 1, .pick = PICK_BEFORE,
     .before = GO_VARIABLE_MEM_PROFILE_RATE},
    {GO_VARIABLE_DISABLE_MEMORY_PROFILING, GO_FUNCTION_INIT, OPERAND_LOAD, 1, .pick = PICK_BEFORE,
     .before = GO_VARIABLE_MEM_PROFILE_RATE},

    /* proc.go forEachGRace: ptr, length := atomicAllG(), inlined. */
    {GO_VARIABLE_ALLGPTR, GO_FUNCTION_FOR_EACH_G_RACE, OPERAND_LOAD, 8, .pick = PICK_EACH},
    {GO_VARIABLE_ALLGPTR, GO_FUNCTION_ATOMIC_ALL_G, ANY_USE, 0, .pick = PICK_EACH},
    {GO_VARIABLE_ALLGPTR, GO_FUNCTION_ALLGADD, ANY_USE, 0, .pick = PICK_EACH},
    {GO_VARIABLE_ALLGLEN, GO_FUNCTION_FOR_EACH_G_RACE, OPERAND_LOAD, 8, .pick = PICK_EACH},
    {GO_VARIABLE_ALLGLEN, GO_FUNCTION_ATOMIC_ALL_G, ANY_USE, 0, .pick = PICK_EACH},

    /* mgcsweep.go gcPaceSweeper: mheap_.sweepPagesPerByte, set to 0 or to the pace. */
    {GO_VARIABLE_MHEAP, GO_FUNCTION_GC_PACE_SWEEPER, OPERAND_LOAD | OPERAND_STORE, 8, .pick = PICK_EACH, .within = true,
     .field = GO_FIELD_MHEAP_SWEEP_PAGES_PER_BYTE},
    /* mgc.go gcResetMarkState: lock(&mheap_.lock), the struct's first field. */
    {GO_VARIABLE_MHEAP, GO_FUNCTION_GC_RESET_MARK_STATE, OPERAND_ADDRESS, 0, .pick = PICK_EACH},

    /* mgcpacer.go gcControllerCommit: calls methods of gcController. */
    {GO_VARIABLE_GC_CONTROLLER, GO_FUNCTION_GC_CONTROLLER_COMMIT, OPERAND_ADDRESS, 0, .pick = PICK_EACH},
    {GO_VARIABLE_GC_CONTROLLER, GO_FUNCTION_GC_TRIGGER_TEST, OPERAND_ADDRESS, 0, .pick = PICK_EACH},

    /* proc.go mReserveID: id := sched.mnext; sched.mnext++. */
    {GO_VARIABLE_SCHED, GO_FUNCTION_MRESERVE_ID, OPERAND_LOAD | OPERAND_STORE, 8, .pick = PICK_EACH, .within = true,
     .field = GO_FIELD_SCHED_MNEXT},
    /* proc.go checkmcount: count := mcount(), inlined: sched.mnext - sched.nmfreed. */
    {GO_VARIABLE_SCHED, GO_FUNCTION_CHECKMCOUNT, OPERAND_LOAD, 8, .pick = PICK_EACH, .within = true,
     .field = GO_FIELD_SCHED_MNEXT},
    /* proc.go newproc1: sched.ngsys.Add(1). */
    {GO_VARIABLE_SCHED, GO_FUNCTION_NEWPROC1, OPERAND_ADDRESS, 0, .pick = PICK_EACH, .within = true,
     .field = GO_FIELD_SCHED_NGSYS},

    /* mgc.go gcTrigger.test: int32(t.n-work.cycles.Load()) > 0. */
    {GO_VARIABLE_WORK, GO_FUNCTION_GC_TRIGGER_TEST, OPERAND_LOAD, 4, .pick = PICK_LAST, .within = true,
     .field = GO_FIELD_WORK_CYCLES},
    /* mgc.go gcMarkTermination: work.heap1 = gcController.heapLive.Load(). */
    {GO_VARIABLE_WORK, GO_FUNCTION_GC_MARK_TERMINATION, OPERAND_STORE, 8, .pick = PICK_EACH, .within = true,
     .field = GO_FIELD_WORK_HEAP1},

    /* runtime2.go waitReason.String: return waitReasonStrings[w]. */
    {GO_VARIABLE_WAIT_REASON_STRINGS, GO_FUNCTION_WAIT_REASON_STRING, ANY_USE, 0, .pick = PICK_EACH},
    {GO_VARIABLE_WAIT_REASON_STRINGS, GO_FUNCTION_GOROUTINEHEADER, ANY_USE, 0, .pick = PICK_EACH},

    /* mcache.go flushallmcaches: for i := 0; i < int(gomaxprocs); i++, its only variable. */
    {GO_VARIABLE_GOMAXPROCS, GO_FUNCTION_FLUSHALLMCACHES, OPERAND_LOAD, 4, .pick = PICK_FIRST},
    {GO_VARIABLE_GOMAXPROCS, GO_FUNCTION_START_THE_WORLD, OPERAND_LOAD, 4, .pick = PICK_EACH},

    /* mfinal.go queuefinalizer: if finq == nil || finq.cnt == uint32(len(finq.fin)), its first pointer. */
    {GO_VARIABLE_FINQ, GO_FUNCTION_QUEUEFINALIZER, OPERAND_LOAD, 8, .pick = PICK_FIRST},
    /* proc.go main: runtimeInitTime = nanotime(). */
    {GO_VARIABLE_RUNTIME_INIT_TIME, GO_FUNCTION_RUNTIME_MAIN, OPERAND_STORE, 8, .pick = PICK_EACH},
    /* mgc.go gcMarkTermination: work.tSweepTerm-runtimeInitTime. */
    {GO_VARIABLE_RUNTIME_INIT_TIME, GO_FUNCTION_GC_MARK_TERMINATION, OPERAND_LOAD, 8, .pick = PICK_EACH},
};
const unsigned go_operand_recipe_count = sizeof go_operand_recipes / sizeof go_operand_recipes[0];

/* Seen in all the builds above. What a patched or a newer runtime has moved is noticed so, before its counters are read
 * from the wrong places. */
const struct operand_confirmation go_operand_confirmations[] = {
    {GO_VARIABLE_MEMSTATS, GO_FUNCTION_NEW_BUCKET, GO_FIELD_MSTATS_BUCKHASH_SYS},
    {GO_VARIABLE_MEMSTATS, GO_FUNCTION_GCENABLE, GO_FIELD_MSTATS_ENABLEGC},
    {GO_VARIABLE_MEMSTATS, GO_FUNCTION_GC_MARK_TERMINATION, GO_FIELD_MSTATS_NUMGC},
    {GO_VARIABLE_MEMSTATS, GO_FUNCTION_GC_MARK_TERMINATION, GO_FIELD_MSTATS_NUMFORCEDGC},
    {GO_VARIABLE_SCHED, GO_FUNCTION_MRESERVE_ID, GO_FIELD_SCHED_MNEXT},
    {GO_VARIABLE_SCHED, GO_FUNCTION_NEWPROC1, GO_FIELD_SCHED_GOIDGEN},
    {GO_VARIABLE_SCHED, GO_FUNCTION_NEWPROC1, GO_FIELD_SCHED_NGSYS},
    {GO_VARIABLE_SCHED, GO_FUNCTION_GFGET, GO_FIELD_SCHED_GFREE_N},
    {GO_VARIABLE_SCHED, GO_FUNCTION_PROCRESIZE, GO_FIELD_SCHED_PROCRESIZETIME},
    {GO_VARIABLE_WORK, GO_FUNCTION_PUTFULL, GO_FIELD_WORK_FULL},
    {GO_VARIABLE_WORK, GO_FUNCTION_GC_START, GO_FIELD_WORK_MODE},
    {GO_VARIABLE_WORK, GO_FUNCTION_GC_TRIGGER_TEST, GO_FIELD_WORK_CYCLES},
    {GO_VARIABLE_WORK, GO_FUNCTION_GC_MARK_TERMINATION, GO_FIELD_WORK_HEAP1},
    {GO_VARIABLE_WORK, GO_FUNCTION_GC_MARK_TERMINATION, GO_FIELD_WORK_PAUSE_NS},
    {GO_VARIABLE_WORK, GO_FUNCTION_GC_MARK_TERMINATION, GO_FIELD_WORK_TEND},
    {GO_VARIABLE_MHEAP, GO_FUNCTION_GC_PACE_SWEEPER, GO_FIELD_MHEAP_SWEEP_PAGES_PER_BYTE},
    {GO_VARIABLE_MHEAP, GO_FUNCTION_GC_PACE_SWEEPER, GO_FIELD_MHEAP_PAGES_IN_USE},
    {GO_VARIABLE_MHEAP, GO_FUNCTION_GC_RESET_MARK_STATE, GO_FIELD_MHEAP_LOCK},
    {GO_VARIABLE_GC_CONTROLLER, GO_FUNCTION_GC_TRIGGER_TEST, GO_FIELD_GC_CONTROLLER_GC_PERCENT},
    {GO_VARIABLE_GC_CONTROLLER, GO_FUNCTION_GC_TRIGGER_TEST, GO_FIELD_GC_CONTROLLER_HEAP_LIVE},
    {GO_VARIABLE_GC_CONTROLLER, GO_FUNCTION_GC_CONTROLLER_COMMIT, GO_FIELD_GC_CONTROLLER_MEMORY_LIMIT},
    {GO_VARIABLE_GC_CONTROLLER, GO_FUNCTION_FREE_SPAN_LOCKED, GO_FIELD_GC_CONTROLLER_HEAP_IN_USE},
    {GO_VARIABLE_GC_CONTROLLER, GO_FUNCTION_FREE_SPAN_LOCKED, GO_FIELD_GC_CONTROLLER_HEAP_FREE},
    {GO_VARIABLE_GC_CONTROLLER, GO_FUNCTION_SYS_ALLOC, GO_FIELD_GC_CONTROLLER_MAPPED_READY},
};
const unsigned go_operand_confirmation_count = sizeof go_operand_confirmations / sizeof go_operand_confirmations[0];

bool operand_confirms(const struct operand_list *operands, uint64_t address)
{
    for (size_t i = 0; i < operands->count; i++) {
        if (operands->items[i].target == address)
            return true;
    }
    return operands->count == 0;
}

static bool fits(const struct operand_recipe *recipe, const struct operand *operand)
{
    if (!(operand->uses & recipe->uses))
        return false;
    return recipe->size == 0 || operand->size == recipe->size;
}

size_t operand_recipe_apply(const struct operand_recipe *recipe, const struct operand_list *operands,
                            const struct go_layout *layout, uint64_t before, uint64_t *ret_addresses, size_t capacity)
{
    int64_t offset = recipe->within ? layout->offset[recipe->field] : 0;
    if (offset == GO_OFFSET_MISSING)
        return 0;
    size_t count = 0, fitting = 0;
    for (size_t i = 0; i < operands->count && count < capacity; i++) {
        const struct operand *operand = &operands->items[i];
        if (!fits(recipe, operand))
            continue;
        fitting++;
        uint64_t address = operand->target - (uint64_t)offset;
        bool precedes = i + 1 < operands->count && operands->items[i + 1].target == before;
        switch (recipe->pick) {
        case PICK_EACH:
            ret_addresses[count++] = address;
            break;
        case PICK_FIRST:
        case PICK_SECOND:
            if (fitting == (recipe->pick == PICK_FIRST ? 1 : 2))
                ret_addresses[count++] = address;
            break;
        case PICK_LAST:
            ret_addresses[0] = address;
            count = 1;
            break;
        case PICK_BEFORE:
            if (before && precedes)
                ret_addresses[count++] = address;
            break;
        }
    }
    return count;
}
