/* From code addresses of a Go program to frames and stacks of the catalog, each looked up once in a session. */
#ifndef HEAPTOP_ATTACH_GO_FRAMES_H
#define HEAPTOP_ATTACH_GO_FRAMES_H

#include "attach/go/process.h"

struct go_frames;

/* The process is borrowed. */
struct error *go_frames_create(struct go_process *process, struct go_frames **ret_frames);
void go_frames_destroy(struct go_frames *frames);       /* Accepts NULL. */

/* Looks up many return addresses at once, in the order of the code: their function tables are read from the file in
 * order. Sorts `pcs`. */
struct error *go_frames_prepare(struct go_frames *frames, uint64_t *pcs, size_t count);

/* The stack a heap profile bucket stands for, as runtime/pprof shows it: run-time return addresses, innermost first,
 * each one logical frame (the runtime has expanded inlined calls already). Leading runtime frames are hidden unless
 * nothing would remain, goexit is dropped, and where the runtime cut the stack within inlined calls, their callers
 * are added. Frames whose address no function holds have no name. */
struct error *go_frames_stack(struct go_frames *frames, const uint64_t *pcs, size_t count, stack_id *ret_stack);

/* The stack of a goroutine as Go's own tracebacks show it (/debug/pprof/goroutine?debug=2): the run-time pc of its
 * innermost frame, then return addresses. Inlined calls are expanded; wrappers and the runtime's unexported functions
 * are hidden unless nothing would remain. */
struct error *go_frames_traceback(struct go_frames *frames, const uint64_t *pcs, size_t count, stack_id *ret_stack);

/* The same with the runtime's functions, as /debug/pprof/goroutine has it: only wrappers are left out, and goexit. */
struct error *go_frames_profile_stack(struct go_frames *frames, const uint64_t *pcs, size_t count,
                                      stack_id *ret_stack);

/* The innermost frame at the call before a return address, such as a goroutine's `gopc`. 0 for the address 0. */
struct error *go_frames_caller(struct go_frames *frames, uint64_t pc, frame_id *ret_frame);

/* The function a goroutine starts with, told by its entry. *ret_frame is the function that the go statement names,
 * also where the compiler has wrapped it; *ret_name is the name of what lies at the entry, as the program has it,
 * valid until go_frames_destroy; "" when there is no such function. */
struct error *go_frames_start(struct go_frames *frames, uint64_t entry, frame_id *ret_frame, const char **ret_name);

/* Where a program's own code lies: the path under which packages count as the application's. That is the main
 * module, but builds without modules, as distributions make them, only tell the path of the main package
 * ("github.com/prometheus/prometheus/cmd/prometheus"): on the known hosts the repository ends it, elsewhere an
 * element "cmd". malloc'd; NULL when memory is out. */
char *go_application_root(const char *main_module);

/* Whose code a function is, by its full name as the program has it. */
enum frame_origin go_function_origin(const char *name, const char *application_root);

#endif
