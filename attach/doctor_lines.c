#include "attach/doctor_lines.h"

#include <string.h>

#include "attach/native/debuginfod_library.h"
#include "attach/native/line_resolver.h"
#include "attach/native/modules.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"
#include "heaptop/base/units.h"

#define PATIENCE_NS (10 * CLOCK_SECOND_NS)

DEFINE_CLEANUP(struct modules *, modules_destroy)
DEFINE_CLEANUP(struct line_resolver *, line_resolver_destroy)
DEFINE_CLEANUP(struct catalog *, catalog_unref)

struct findings {
    size_t files, with_lines;
    struct module *program;             /* NULL: it cannot be read. */
    bool was_read;
    uint64_t took_ns;
};

static struct error *find_debug(struct modules *modules, struct findings *findings)
{
    struct error *error = modules_open_all(modules);
    for (uint32_t i = 0; i < modules_count(modules) && !error; i++) {
        struct module *module = modules_at(modules, i);
        /* The vdso has no lines. */
        if (!module->image || module->inode == 0)
            continue;
        error = modules_open_debug(modules, module);
        findings->files++;
        findings->with_lines += module_lines(module) != NULL;
        if (module->origin == FRAME_APPLICATION)
            findings->program = module;
    }
    return error;
}

static struct error *note_answer(void *context, uint64_t tag, const struct line_answer *answer)
{
    struct findings *findings = context;
    (void)tag;
    findings->was_read = !answer->is_unreadable;
    return NULL;
}

/* At any of the program's addresses: to answer, it must be read. *ret_problem: owned by the resolver; NULL: none. */
static struct error *try_reading(struct line_resolver *resolver, struct findings *findings, const char **ret_problem)
{
    const struct module *program = findings->program;
    uint64_t began_ns = clock_ns(CLOCK_MONOTONIC);
    uint32_t file;
    struct error *error =
        line_resolver_add_file(resolver, image_descriptor(module_lines(program)),
                               program->supplement ? image_descriptor(program->supplement) : -1, &file);
    if (!error)
        error = line_resolver_ask(resolver, file, 1, 0);
    if (!error)
        error = line_resolver_run(resolver, PATIENCE_NS, note_answer, findings);
    findings->took_ns = clock_ns(CLOCK_MONOTONIC) - began_ns;
    *ret_problem = error ? NULL : line_resolver_problem(resolver, file);
    return error;
}

static struct error *add_row(const struct findings *findings, const char *problem, struct doctor_report *report)
{
    const char *remedy =
        debuginfod_library_is_configured()
            ? "its debug package (-dbgsym, -debuginfo); DEBUGINFOD_URLS is set: files are fetched while "
              "heaptop watches"
            : "its debug package (-dbgsym, -debuginfo), or a debug server in DEBUGINFOD_URLS";
    char took[UNITS_BUFFER];
    struct image *lines = findings->program ? module_lines(findings->program) : NULL;
    if (!lines)
        return doctor_report_add(report, "source lines", findings->with_lines ? DOCTOR_PARTLY : DOCTOR_NO, remedy,
                                 "the program has no debug information; %zu of %zu files have", findings->with_lines,
                                 findings->files);
    if (problem || !findings->was_read)
        return doctor_report_add(report, "source lines", DOCTOR_PARTLY, NULL, "of the program: %s",
                                 problem ? problem : "its debug information takes long to be read");
    struct text path = {0};
    text_append_escaped(&path, image_path(lines), strlen(image_path(lines)));
    units_format_duration(took, (double)findings->took_ns);
    struct error *error =
        path.failed
            ? error_no_memory()
            : doctor_report_add(report, "source lines", DOCTOR_YES, NULL,
                                "%s debug information%s%s, opened in %s by a process of its own; %zu of %zu files "
                                "have some",
                                lines == findings->program->image ? "the program's own" : "separate",
                                lines == findings->program->image ? "" : ": ",
                                lines == findings->program->image ? "" : path.data, took, findings->with_lines,
                                findings->files);
    text_deinit(&path);
    return error;
}

struct error *doctor_examine_lines(struct target *target, struct memory *memory, struct doctor_report *report)
{
    _cleanup_(catalog_unrefp) struct catalog *catalog = NULL;
    _cleanup_(modules_destroyp) struct modules *modules = NULL;
    _cleanup_(line_resolver_destroyp) struct line_resolver *resolver = NULL;
    struct name_cache names;
    struct findings findings = {0};
    const char *problem = NULL;
    bool changed;
    struct error *error = catalog_create(&catalog);
    if (error)
        return error;
    name_cache_init(&names, catalog);
    error = modules_create(target, memory, &names, &modules);
    if (!error)
        error = modules_refresh(modules, &changed);
    if (!error)
        error = find_debug(modules, &findings);
    if (!error && findings.program && module_lines(findings.program))
        error = line_resolver_create(&resolver);
    if (!error && resolver)
        error = try_reading(resolver, &findings, &problem);
    if (!error)
        error = add_row(&findings, problem, report);
    name_cache_deinit(&names);
    return error;
}
