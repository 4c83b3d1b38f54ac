/* Which operand of which runtime function is which variable: facts about compiled Go runtimes, as a table. */
#ifndef HEAPTOP_ATTACH_GO_OPERAND_RECIPES_H
#define HEAPTOP_ATTACH_GO_OPERAND_RECIPES_H

#include "attach/go/operands.h"
#include "attach/go/process.h"

/* X(id, "name"): the functions whose code is looked at, for variables here and for types in type_descriptors.c. */
#define GO_FUNCTIONS(X) \
    X(SCHEDINIT, "runtime.schedinit") \
    X(RUNTIME_MAIN, "runtime.main") \
    X(INIT, "runtime.init") \
    X(MPROF_FLUSH_LOCKED, "runtime.mProf_FlushLocked") \
    X(MPROF_FLUSH, "runtime.mProf_Flush") \
    X(STKBUCKET, "runtime.stkbucket") \
    X(NEW_BUCKET, "runtime.newBucket") \
    X(ALLOCMCACHE, "runtime.allocmcache") \
    X(NEXT_SAMPLE, "runtime.nextSample") \
    X(PROFILEALLOC, "runtime.profilealloc") \
    X(PARSEDEBUGVARS, "runtime.parsedebugvars") \
    X(FOR_EACH_G, "runtime.forEachG") \
    X(FOR_EACH_G_RACE, "runtime.forEachGRace") \
    X(ATOMIC_ALL_G, "runtime.atomicAllG") \
    X(ALLGADD, "runtime.allgadd") \
    X(MCOMMONINIT, "runtime.mcommoninit") \
    X(SCHEDTRACE, "runtime.schedtrace") \
    X(MRESERVE_ID, "runtime.mReserveID") \
    X(CHECKMCOUNT, "runtime.checkmcount") \
    X(NEWPROC1, "runtime.newproc1") \
    X(PROCRESIZE, "runtime.procresize") \
    X(FLUSHALLMCACHES, "runtime.flushallmcaches") \
    X(START_THE_WORLD, "runtime.startTheWorldWithSema") \
    X(GC_CONTROLLER_COMMIT, "runtime.gcControllerCommit") \
    X(GC_PACE_SWEEPER, "runtime.gcPaceSweeper") \
    X(GC_RESET_MARK_STATE, "runtime.gcResetMarkState") \
    X(GC_MARK_TERMINATION, "runtime.gcMarkTermination") \
    X(GC_TRIGGER_TEST, "runtime.gcTrigger.test") \
    X(GCENABLE, "runtime.gcenable") \
    X(GFGET, "runtime.gfget") \
    X(PUTFULL, "runtime.putfull") \
    X(GC_START, "runtime.gcStart") \
    X(FREE_SPAN_LOCKED, "runtime.(*mheap).freeSpanLocked") \
    X(SYS_ALLOC, "runtime.sysAlloc") \
    X(WAIT_REASON_STRING, "runtime.waitReason.String") \
    X(GOROUTINEHEADER, "runtime.goroutineheader") \
    X(QUEUEFINALIZER, "runtime.queuefinalizer") \
    X(MALG, "runtime.malg") \
    X(ALLOCM, "runtime.allocm")

enum go_function_id {
#define X(id, name) GO_FUNCTION_##id,
    GO_FUNCTIONS(X)
#undef X
    GO_FUNCTION_COUNT
};

extern const char *const go_function_names[GO_FUNCTION_COUNT];

/* Which of the operands that fit a recipe. */
enum operand_pick {
    PICK_EACH,          /* Each in turn, until one is borne out: for variables whose contents tell them. */
    PICK_FIRST,
    PICK_SECOND,
    PICK_LAST,
    PICK_BEFORE,        /* Those right before an operand on the variable `before`. */
};

struct operand_recipe {
    enum go_variable variable;
    enum go_function_id function;
    uint8_t uses;               /* Any of these. */
    uint8_t size;               /* Of the operand; 0 for any, and for OPERAND_ADDRESS. */
    enum operand_pick pick;
    bool within;                /* The operand is `field` of the variable, not its start. */
    enum go_field field;
    enum go_variable before;    /* For PICK_BEFORE. */
};

/* In the order to try them: a variable's recipes by their reliability, variables after those they are compared with. */
extern const struct operand_recipe go_operand_recipes[];
extern const unsigned go_operand_recipe_count;

/* A field that a function is known to touch, whatever it does with it: where none of its operands lies there, the
 * variable's fields are not where the layout has them. */
struct operand_confirmation {
    enum go_variable variable;
    enum go_function_id function;
    enum go_field field;
};
extern const struct operand_confirmation go_operand_confirmations[];
extern const unsigned go_operand_confirmation_count;

/* False when the function has operands and none is on the address. */
bool operand_confirms(const struct operand_list *operands, uint64_t address);

/* The addresses that a recipe names among a function's operands, in the order to try them; at most `capacity` (the
 * count is returned). `before` is the address of the variable that PICK_BEFORE looks for, in the operands' address
 * space, or 0. */
size_t operand_recipe_apply(const struct operand_recipe *recipe, const struct operand_list *operands,
                            const struct go_layout *layout, uint64_t before, uint64_t *ret_addresses, size_t capacity);

#endif
