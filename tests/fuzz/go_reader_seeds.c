/* go_reader_seeds FOLDER: writes the corpus of go_reader_fuzz: for each Go version a small process that is whole,
 * and some that are not. */
#include "tests/unit/fake_go_process.h"

#define HEAP(offset) (FAKE_GO_HEAP + (offset))

struct seed {
    FILE *file;
    uint8_t shown[FAKE_GO_BYTES];
};

/* Writes what has changed since the last time, in pieces, then the mark to take a sample. */
static void seed_show(struct seed *seed, const struct fake_go *fake)
{
    for (size_t at = 0; at < FAKE_GO_BYTES;) {
        size_t length = 0;
        while (length < 255 && at + length < FAKE_GO_BYTES && fake->image[at + length] != seed->shown[at + length])
            length++;
        if (length > 0) {
            uint8_t header[] = {(uint8_t)at, (uint8_t)(at >> 8), (uint8_t)length};
            fwrite(header, 1, sizeof(header), seed->file);
            fwrite(fake->image + at, 1, length, seed->file);
        }
        at += length ? length : 1;
    }
    fwrite("\0\0\0", 1, 3, seed->file);
    memcpy(seed->shown, fake->image, sizeof(seed->shown));
}

static void fill_process(struct fake_go *fake)
{
    static const struct fake_counts counts[4] = {{100, 40}, {5, 0}, {0, 0}, {3, 9}};
    remote_address memstats = fake_go_address(FAKE_GO_MEMSTATS), controller = fake_go_address(FAKE_GO_CONTROLLER);
    fake_go_bucket(fake, HEAP(0x400), fake_go_address(HEAP(0)), 48, 3, counts);
    fake_go_bucket(fake, HEAP(0), 0, 1024, 2, counts);
    fake_go_set(fake, GO_VARIABLE_MBUCKETS, fake_go_address(HEAP(0x400)), 8);
    fake_go_set(fake, GO_VARIABLE_MEM_PROFILE_RATE, 512 << 10, 8);
    fake_go_cycle(fake, 7, true);
    remote_address all[] = {fake_go_goroutine(fake, HEAP(0x1000), 4, 2, 0x401010, 0x401000),
                            fake_go_goroutine(fake, HEAP(0x1200), 2, 0, 0x401010, 0x401000),
                            fake_go_goroutine(fake, HEAP(0x1400), 6, 0, 0x401010, 0x401000),
                            fake_go_goroutine(fake, HEAP(0x1600), 3, 0, 0x401020, 0x401000)};
    fake_go_field(fake, all[0], GO_FIELD_G_WAITSINCE, 12345);
    fake_go_field(fake, all[1], GO_FIELD_G_GOID, 17);
    /* Stacks of two, the one beside the other. */
    for (unsigned i = 0; i < 4; i += 3) {
        remote_address stack = fake_go_address(HEAP(0x5000 + i * 0x100));
        fake_go_field(fake, all[i], i ? GO_FIELD_G_SYSCALLPC : GO_FIELD_G_SCHED_PC, 0x401010);
        fake_go_field(fake, all[i], i ? GO_FIELD_G_SYSCALLSP : GO_FIELD_G_SCHED_SP, stack);
        fake_go_field(fake, all[i], GO_FIELD_G_STACK_HI, stack + 0x100);
        fake_go_put(fake, stack, 0x401020, 8);
    }
    fake_go_all_goroutines(fake, HEAP(0x1800), all, 4);
    fake_go_set(fake, GO_VARIABLE_ALLGS, fake_go_address(HEAP(0x1800)), 8);
    fake_go_wait_reason(fake, 2, "IO wait");
    fake_go_set(fake, GO_VARIABLE_ALLM, fake_go_address(HEAP(0x2000)), 8);
    fake_go_field(fake, fake_go_address(HEAP(0x2000)), GO_FIELD_M_PROCID, 7);
    fake_go_field(fake, fake_go_address(HEAP(0x2000)), GO_FIELD_M_CURG, all[1]);
    fake_go_field(fake, fake_go_address(HEAP(0x2000)), GO_FIELD_M_ALLLINK, fake_go_address(HEAP(0x3000)));
    fake_go_set(fake, GO_VARIABLE_ALLP, fake_go_address(HEAP(0x1900)), 8);
    fake_go_put(fake, go_variable(&fake->process, GO_VARIABLE_ALLP) + 8, 1, 8);
    fake_go_put(fake, fake_go_address(HEAP(0x1900)),
                fake_go_address(HEAP(0x4000)) - (uint64_t)fake->process.layout.offset[GO_FIELD_P_GFREE_N], 8);
    fake_go_set(fake, GO_VARIABLE_GOMAXPROCS, 1, 4);
    fake_go_field(fake, memstats, GO_FIELD_MSTATS_NUMGC, 3);
    fake_go_field(fake, controller, GO_FIELD_GC_CONTROLLER_HEAP_IN_USE, 5000000);
    fake_go_field(fake, controller, GO_FIELD_GC_CONTROLLER_MEMORY_LIMIT, INT64_MAX);
    fake_go_field(fake, fake_go_address(FAKE_GO_WORK), GO_FIELD_WORK_CYCLES, 3);
}

static void write_seed(const char *folder, const char *name, unsigned row, void (*then)(struct fake_go *fake))
{
    static struct seed seed;
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    memset(&seed, 0, sizeof(seed));
    seed.file = fopen(path, "wb");
    if (!seed.file) {
        perror(path);
        exit(1);
    }
    struct fake_go *fake = fake_go_create(go_layout_table[row].minor);
    fputc((int)row, seed.file);
    fill_process(fake);
    seed_show(&seed, fake);
    if (then) {
        then(fake);
        seed_show(&seed, fake);
    }
    fclose(seed.file);
    fake_go_destroy(fake);
}

static void add_bucket(struct fake_go *fake)
{
    static const struct fake_counts counts[4] = {{1, 0}, {0, 0}, {2, 0}, {0, 0}};
    fake_go_bucket(fake, HEAP(0x800), fake_go_address(HEAP(0x400)), 16, 9, counts);
    fake_go_set(fake, GO_VARIABLE_MBUCKETS, fake_go_address(HEAP(0x800)), 8);
    fake_go_cycle(fake, 8, false);
}

static void make_cycle(struct fake_go *fake)
{
    fake_go_field(fake, fake_go_address(HEAP(0)), GO_FIELD_BUCKET_ALLNEXT, fake_go_address(HEAP(0x400)));
    fake_go_set(fake, GO_VARIABLE_MBUCKETS, fake_go_address(HEAP(0)), 8);
    fake_go_field(fake, fake_go_address(HEAP(0x3000)), GO_FIELD_M_ALLLINK, fake_go_address(HEAP(0x2000)));
}

static void make_huge(struct fake_go *fake)
{
    fake_go_set(fake, GO_VARIABLE_ALLGLEN, UINT64_MAX, 8);
    fake_go_put(fake, go_variable(&fake->process, GO_VARIABLE_ALLP) + 8, UINT32_MAX, 8);
    fake_go_field(fake, fake_go_address(FAKE_GO_MEMSTATS), GO_FIELD_MSTATS_NUMGC, UINT32_MAX);
    fake_go_field(fake, fake_go_address(HEAP(0x400)), GO_FIELD_BUCKET_NSTK, UINT64_MAX);
    fake_go_set(fake, GO_VARIABLE_MBUCKETS, fake_go_address(HEAP(0x1000)), 8);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    for (unsigned row = 0; row < go_layout_table_count; row++) {
        char name[32];
        snprintf(name, sizeof(name), "whole-1.%u", go_layout_table[row].minor);
        write_seed(argv[1], name, row, row % 2 ? add_bucket : NULL);
    }
    write_seed(argv[1], "cyclic", 4, make_cycle);
    write_seed(argv[1], "huge", 7, make_huge);
    return 0;
}
