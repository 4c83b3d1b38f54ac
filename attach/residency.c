#include "attach/residency.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

/* What one residency reads at most: ranges from the kernel that can list them, page entries from one that cannot
 * (128 GiB of addresses). */
#define MAX_RANGES (UINT64_C(1) << 24)
#define MAX_ENTRIES (UINT64_C(1) << 25)
/* No more than the kernel keeps itself between two copies to us (fs/proc/task_mmu.c pagemap_scan_init_bounce_buffer):
 * with a longer list 6.18 was seen to give the ranges of the last part twice. */
#define RANGES_A_CALL 512u
#define ENTRIES_A_READ 8192u

/* include/uapi/linux/fs.h of Linux 6.7: the headers of older systems lack it. */
#define SCAN_IS_FILE (UINT64_C(1) << 2)
#define SCAN_IS_PRESENT (UINT64_C(1) << 3)
#define SCAN_IS_ZERO_PAGE (UINT64_C(1) << 5)
struct scan_range {
    uint64_t start, end, categories;
};
struct scan_arguments {
    uint64_t size, flags, start, end, walk_end, ranges, num_ranges, max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define SCAN_REQUEST _IOWR('f', 16, struct scan_arguments)

/* Documentation/admin-guide/mm/pagemap.rst. */
#define ENTRY_PRESENT (UINT64_C(1) << 63)
#define ENTRY_FILE (UINT64_C(1) << 61)

struct residency {
    int descriptor;
    uint64_t page_size;
    bool lists_ranges;              /* The kernel does (6.7 and later). */
    uint64_t num_ranges, num_entries;
    union {
        struct scan_range ranges[RANGES_A_CALL];
        uint8_t entries[ENTRIES_A_READ * 8];
    } buffer;
};

struct error *residency_open(int folder, struct residency **ret_residency)
{
    _cleanup_free_ struct residency *residency = calloc(1, sizeof(*residency));
    if (!residency)
        return error_no_memory();
    residency->descriptor = openat(folder, "pagemap", O_RDONLY | O_CLOEXEC);
    if (residency->descriptor < 0)
        return error_from_errno(errno, "cannot open pagemap");
    residency->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
    residency->lists_ranges = true;
    *ret_residency = take_pointer(residency);
    return NULL;
}

void residency_close(struct residency *residency)
{
    if (!residency)
        return;
    close(residency->descriptor);
    free(residency);
}

static struct error *visit_listed(struct residency *residency, uint64_t start, uint64_t end, resident_visitor *visit,
                                  void *context, uint64_t *ret_end)
{
    uint64_t last = start;      /* What comes out of order has been seen. */
    while (start < end && residency->num_ranges < MAX_RANGES) {
        struct scan_arguments arguments = {
            .size = sizeof(arguments),
            .start = start,
            .end = end,
            .ranges = (uint64_t)(uintptr_t)residency->buffer.ranges,
            .num_ranges = RANGES_A_CALL,
            .category_inverted = SCAN_IS_ZERO_PAGE,
            .category_mask = SCAN_IS_PRESENT | SCAN_IS_ZERO_PAGE,
            .return_mask = SCAN_IS_FILE,
        };
        int count = ioctl(residency->descriptor, SCAN_REQUEST, &arguments);
        if (count < 0)
            return error_from_errno(errno, "cannot list resident pages");
        for (int i = 0; i < count; i++) {
            const struct scan_range *listed = &residency->buffer.ranges[i];
            const struct resident_range range = {listed->start, listed->end, listed->categories & SCAN_IS_FILE};
            if (range.start < last || range.end <= range.start || range.end > end)
                continue;
            last = range.end;
            visit(context, &range);
        }
        residency->num_ranges += (uint64_t)count + 1;
        /* It always gets on, or else there is nothing to be had. */
        start = arguments.walk_end > start && arguments.walk_end < end ? arguments.walk_end : end;
    }
    *ret_end = start;
    return NULL;
}

/* An entry for each page, resident or not. */
static struct error *visit_entries(struct residency *residency, uint64_t start, uint64_t end, resident_visitor *visit,
                                   void *context, uint64_t *ret_end)
{
    struct resident_range range = {0};
    while (start < end && residency->num_entries < MAX_ENTRIES) {
        uint64_t pages = (end - start) / residency->page_size;
        size_t wanted = pages < ENTRIES_A_READ ? (size_t)pages * 8 : sizeof(residency->buffer.entries);
        ssize_t got =
            pread(residency->descriptor, residency->buffer.entries, wanted, (off_t)(start / residency->page_size * 8));
        if (got < 0)
            return error_from_errno(errno, "cannot read pagemap");
        if (got < 8)
            break;
        struct cursor cursor = cursor_over(residency->buffer.entries, (size_t)got);
        for (ssize_t i = 0; i < got / 8; i++, start += residency->page_size) {
            uint64_t entry = cursor_u64(&cursor);
            bool is_file = entry & ENTRY_FILE;
            if (range.end > range.start &&
                (!(entry & ENTRY_PRESENT) || is_file != range.is_file || range.end != start)) {
                visit(context, &range);
                range = (struct resident_range){0};
            }
            if (!(entry & ENTRY_PRESENT))
                continue;
            if (range.end == range.start)
                range = (struct resident_range){start, start, is_file};
            range.end = start + residency->page_size;
        }
        residency->num_entries += (uint64_t)got / 8;
    }
    if (range.end > range.start)
        visit(context, &range);
    *ret_end = start;
    return NULL;
}

struct error *residency_visit(struct residency *residency, uint64_t start, uint64_t end, resident_visitor *visit,
                              void *context, uint64_t *ret_end)
{
    if (residency->lists_ranges) {
        struct error *error = visit_listed(residency, start, end, visit, context, ret_end);
        if (!error)
            return NULL;
        bool is_old = residency->num_ranges == 0;
        if (!is_old)
            return error;
        /* A kernel without this call, or one that filters it: the first call tells. */
        error_destroy(error);
        residency->lists_ranges = false;
    }
    return visit_entries(residency, start, end, visit, context, ret_end);
}
