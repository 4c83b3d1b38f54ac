/* A Go process whose runtime has been located: version, variables and struct layouts, each checked. Made by locate.c,
 * used by every reader of runtime state (heap_profile.c, memory_stats.c, goroutines.c, collector.c). */
#ifndef HEAPTOP_ATTACH_GO_PROCESS_H
#define HEAPTOP_ATTACH_GO_PROCESS_H

#include "attach/go/layout.h"
#include "attach/reader.h"

/* X(id, "name"): the runtime variables that are read. Addresses are of the variable itself. */
#define GO_VARIABLES(X) \
    X(MBUCKETS, "runtime.mbuckets") \
    X(MPROF_CYCLE, "runtime.mProfCycle") \
    X(MEM_PROFILE_RATE, "runtime.MemProfileRate") \
    X(DISABLE_MEMORY_PROFILING, "runtime.disableMemoryProfiling") \
    X(ALLGPTR, "runtime.allgptr") \
    X(ALLGLEN, "runtime.allglen") \
    X(ALLGS, "runtime.allgs") \
    X(ALLM, "runtime.allm") \
    X(ALLP, "runtime.allp") \
    X(MHEAP, "runtime.mheap_") \
    X(GC_CONTROLLER, "runtime.gcController") \
    X(MEMSTATS, "runtime.memstats") \
    X(SCHED, "runtime.sched") \
    X(WORK, "runtime.work") \
    X(WAIT_REASON_STRINGS, "runtime.waitReasonStrings") \
    X(GOMAXPROCS, "runtime.gomaxprocs") \
    X(FINQ, "runtime.finq") \
    X(RUNTIME_INIT_TIME, "runtime.runtimeInitTime") \
    X(FIRST_MODULE_DATA, "runtime.firstmoduledata") \
    X(BUILD_VERSION, "runtime.buildVersion")

enum go_variable {
#define X(id, name) GO_VARIABLE_##id,
    GO_VARIABLES(X)
#undef X
    GO_VARIABLE_COUNT
};

enum go_variable_source {
    GO_VARIABLE_MISSING,
    GO_VARIABLE_SYMTAB,
    GO_VARIABLE_DYNSYM,
    GO_VARIABLE_DWARF,
    GO_VARIABLE_OPERANDS,       /* Decoded from an instruction of a named runtime function, then validated. */
    GO_VARIABLE_MODULE_DATA,    /* Known from the search for moduledata itself. */
};

struct go_location {
    remote_address address;     /* Run-time address; 0 when missing. */
    enum go_variable_source source;
    const char *reason;         /* Static: why it is missing ("not found", "contents not plausible"); NULL otherwise. */
};

enum go_layout_source { GO_LAYOUT_TABLE, GO_LAYOUT_TYPES, GO_LAYOUT_DWARF };

struct go_process {
    struct reader_context context;          /* Borrowed. */
    struct pclntab *pclntab;                /* Owned. */
    char *version;                          /* Owned: "go1.24.4"; "" when not found. */
    unsigned minor;                         /* 24 for go1.24.x. When the version is unknown, the best guess. */
    bool minor_guessed;                     /* From the pclntab's shape, not from a version string. */
    bool newer_than_table;                  /* Read by the newest known layout, validated. */
    char *main_module;                      /* Owned: path of the main module, else of the main package, else "". */
    struct go_layout layout;
    enum go_layout_source layout_source;    /* The best source that contributed. */
    struct go_location variables[GO_VARIABLE_COUNT];
    remote_address module_data;             /* Run-time address of runtime.firstmoduledata. */
    remote_address text, end_text;          /* Run-time range of the text. */
    remote_address types, end_types;        /* Run-time range of type descriptors. */
    uint64_t symbols_ns;                    /* Wall time that locating took. */
};

/* *ret_process is NULL when the target is no Go program (no pclntab). A Go program of which little can be read still
 * gives a process, with reasons in `variables`. ERROR_NO_MEMORY, ERROR_GONE. */
struct error *go_process_locate(const struct reader_context *context, struct go_process **ret_process);
void go_process_destroy(struct go_process *process);        /* Accepts NULL. */

static inline remote_address go_variable(const struct go_process *process, enum go_variable id)
{
    return process->variables[id].address;
}

extern const char *const go_variable_names[GO_VARIABLE_COUNT];

#endif
