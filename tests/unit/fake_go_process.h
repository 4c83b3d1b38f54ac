/* A located Go process in fake memory, for the readers of runtime state: 64 KiB at one address, in which every
 * variable has its place. What is written to `image` is seen by the reader after fake_go_show. Also the seeds of the
 * fuzz targets. */
#ifndef TESTS_UNIT_FAKE_GO_PROCESS_H
#define TESTS_UNIT_FAKE_GO_PROCESS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/go/process.h"

#define FAKE_GO_BASE UINT64_C(0x100000)
#define FAKE_GO_BYTES 0x10000u
/* Offsets in the image. */
#define FAKE_GO_SCHED 0x400u
#define FAKE_GO_CONTROLLER 0x1000u
#define FAKE_GO_WORK 0x1800u
#define FAKE_GO_MEMSTATS 0x2000u
#define FAKE_GO_STRINGS 0x6000u     /* waitReasonStrings, then their bytes. */
#define FAKE_GO_HEAP 0x8000u        /* Free for tests up to the end. */
#define FAKE_GO_MHEAP_FIGURES 0xf000u

struct fake_go {
    uint8_t image[FAKE_GO_BYTES];
    struct memory *memory;          /* Fake; process.context.memory, unless a test puts another before it. */
    struct catalog *catalog;
    struct go_process process;
    char version[16], main_module[32];
};

static inline void fake_go_check(struct error *error)
{
    if (error) {
        fprintf(stderr, "fake_go_process: %s\n", error->message);
        abort();
    }
}

static inline uint64_t fake_go_address(size_t offset)
{
    return FAKE_GO_BASE + offset;
}

static inline void fake_go_place(struct fake_go *fake, enum go_variable id, remote_address address)
{
    fake->process.variables[id] = (struct go_location){.address = address, .source = GO_VARIABLE_SYMTAB};
}

/* A process of Go 1.`minor`, all zeros. Never fails: out of memory ends the test. */
static inline struct fake_go *fake_go_create(unsigned minor)
{
    struct fake_go *fake = calloc(1, sizeof(*fake));
    if (!fake)
        abort();
    fake_go_check(memory_create_fake(&fake->memory));
    fake_go_check(catalog_create(&fake->catalog));
    snprintf(fake->version, sizeof(fake->version), "go1.%u.0", minor);
    strcpy(fake->main_module, "example.com/app");
    bool newer;
    struct go_process *process = &fake->process;
    process->context.memory = fake->memory;
    process->context.catalog = fake->catalog;
    process->version = fake->version;
    process->main_module = fake->main_module;
    process->minor = minor;
    process->layout = go_layout_find(minor, &newer)->layout;
    /* One after another, each with room for a slice header. */
    for (unsigned i = 0; i < GO_VARIABLE_COUNT; i++)
        fake_go_place(fake, (enum go_variable)i, fake_go_address(i * 32));
    fake_go_place(fake, GO_VARIABLE_SCHED, fake_go_address(FAKE_GO_SCHED));
    fake_go_place(fake, GO_VARIABLE_GC_CONTROLLER, fake_go_address(FAKE_GO_CONTROLLER));
    fake_go_place(fake, GO_VARIABLE_WORK, fake_go_address(FAKE_GO_WORK));
    fake_go_place(fake, GO_VARIABLE_MEMSTATS, fake_go_address(FAKE_GO_MEMSTATS));
    fake_go_place(fake, GO_VARIABLE_WAIT_REASON_STRINGS, fake_go_address(FAKE_GO_STRINGS));
    /* Of mheap_, 64 KiB and more, only two figures are read. */
    fake_go_place(fake, GO_VARIABLE_MHEAP,
                  fake_go_address(FAKE_GO_MHEAP_FIGURES) -
                      (uint64_t)process->layout.offset[GO_FIELD_MHEAP_SPANALLOC_INUSE]);
    return fake;
}

static inline void fake_go_destroy(struct fake_go *fake)
{
    memory_destroy(fake->memory);
    catalog_unref(fake->catalog);
    free(fake);
}

static inline void fake_go_show(struct fake_go *fake)
{
    fake_go_check(memory_fake_add(fake->memory, FAKE_GO_BASE, fake->image, sizeof(fake->image)));
}

/* Writes `size` bytes of a value, little-endian, at an address of the image. */
static inline void fake_go_put(struct fake_go *fake, remote_address address, uint64_t value, size_t size)
{
    if (address < FAKE_GO_BASE || address - FAKE_GO_BASE > FAKE_GO_BYTES - size)
        abort();
    memcpy(fake->image + (address - FAKE_GO_BASE), &value, size);
}

static inline void fake_go_set(struct fake_go *fake, enum go_variable id, uint64_t value, size_t size)
{
    fake_go_put(fake, go_variable(&fake->process, id), value, size);
}

/* Writes a field of the struct at an address. */
static inline void fake_go_field(struct fake_go *fake, remote_address address, enum go_field field, uint64_t value)
{
    const struct go_layout *layout = &fake->process.layout;
    if (layout->offset[field] < 0)
        abort();
    fake_go_put(fake, address + (uint64_t)layout->offset[field], value, layout->size[field]);
}

struct fake_counts {
    uint64_t allocs, frees;
};

/* Writes a bucket with its stack and its record (active, then the three cycles to come); bytes are counts times the
 * size. Returns its address. */
static inline remote_address fake_go_bucket(struct fake_go *fake, size_t offset, remote_address next,
                                            uint64_t object_size, unsigned depth, const struct fake_counts counts[4])
{
    const struct go_layout *layout = &fake->process.layout;
    remote_address bucket = fake_go_address(offset), stack = bucket + (uint64_t)layout->offset[GO_FIELD_BUCKET_SIZE];
    fake_go_field(fake, bucket, GO_FIELD_BUCKET_ALLNEXT, next);
    fake_go_field(fake, bucket, GO_FIELD_BUCKET_TYP, 1);
    fake_go_field(fake, bucket, GO_FIELD_BUCKET_OBJECT_SIZE, object_size);
    fake_go_field(fake, bucket, GO_FIELD_BUCKET_NSTK, depth);
    for (unsigned i = 0; i < depth; i++)
        fake_go_put(fake, stack + i * 8, 0x401000 + i * 16 + object_size, 8);
    remote_address record = stack + depth * 8;
    for (unsigned i = 0; i < 4; i++) {
        remote_address cycle = i == 0 ? record + (uint64_t)layout->offset[GO_FIELD_MEM_RECORD_ACTIVE]
                                      : record + (uint64_t)layout->offset[GO_FIELD_MEM_RECORD_FUTURE] +
                                            (i - 1) * (uint64_t)layout->offset[GO_FIELD_MEM_RECORD_CYCLE_SIZE];
        fake_go_put(fake, cycle, counts[i].allocs, 8);
        fake_go_put(fake, cycle + 8, counts[i].frees, 8);
        if (layout->offset[GO_FIELD_MEM_RECORD_CYCLE_ALLOC_BYTES] >= 0) {
            fake_go_put(fake, cycle + 16, counts[i].allocs * object_size, 8);
            fake_go_put(fake, cycle + 24, counts[i].frees * object_size, 8);
        }
    }
    return bucket;
}

/* The heap profile's cycle C, and whether it was flushed. */
static inline void fake_go_cycle(struct fake_go *fake, uint32_t cycle, bool flushed)
{
    fake_go_set(fake, GO_VARIABLE_MPROF_CYCLE, cycle << 1 | flushed, 4);
}

/* A goroutine at an offset. */
static inline remote_address fake_go_goroutine(struct fake_go *fake, size_t offset, uint32_t status,
                                               unsigned wait_reason, uint64_t created_by, uint64_t start)
{
    remote_address goroutine = fake_go_address(offset);
    fake_go_field(fake, goroutine, GO_FIELD_G_ATOMICSTATUS, status);
    fake_go_field(fake, goroutine, GO_FIELD_G_WAITREASON, wait_reason);
    fake_go_field(fake, goroutine, GO_FIELD_G_GOPC, created_by);
    fake_go_field(fake, goroutine, GO_FIELD_G_STARTPC, start);
    return goroutine;
}

/* Makes allgs a list at an offset. */
static inline void fake_go_all_goroutines(struct fake_go *fake, size_t offset, const remote_address *goroutines,
                                          size_t count)
{
    for (size_t i = 0; i < count; i++)
        fake_go_put(fake, fake_go_address(offset + i * 8), goroutines[i], 8);
    fake_go_set(fake, GO_VARIABLE_ALLGPTR, fake_go_address(offset), 8);
    fake_go_set(fake, GO_VARIABLE_ALLGLEN, count, 8);
}

static inline void fake_go_wait_reason(struct fake_go *fake, unsigned number, const char *text)
{
    remote_address bytes = fake_go_address(FAKE_GO_STRINGS + 0x1000 + number * 64);
    fake_go_put(fake, fake_go_address(FAKE_GO_STRINGS + number * 16), bytes, 8);
    fake_go_put(fake, fake_go_address(FAKE_GO_STRINGS + number * 16 + 8), strlen(text), 8);
    memcpy(fake->image + (bytes - FAKE_GO_BASE), text, strlen(text));
}

#endif
