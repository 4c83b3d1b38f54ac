#include "attach/go/goroutine.h"

#include "heaptop/base/cleanup.h"

#define STATUS_SCAN_BIT 0x1000u

static const enum go_field wanted_fields[] = {
    GO_FIELD_G_STACK_LO,  GO_FIELD_G_STACK_HI,     GO_FIELD_G_SCHED_SP,    GO_FIELD_G_SCHED_PC, GO_FIELD_G_SYSCALLSP,
    GO_FIELD_G_SYSCALLPC, GO_FIELD_G_ATOMICSTATUS, GO_FIELD_G_GOID,     GO_FIELD_G_WAITSINCE,
    GO_FIELD_G_WAITREASON, GO_FIELD_G_GOPC,        GO_FIELD_G_STARTPC,  GO_FIELD_G_PARENT_GOID,
    GO_FIELD_G_WAITING,   GO_FIELD_G_LABELS,
};

bool goroutine_range(const struct go_layout *layout, size_t *ret_start, size_t *ret_size)
{
    return go_layout_has(layout, GO_FIELD_G_ATOMICSTATUS) &&
           go_layout_range(layout, wanted_fields, ARRAY_SIZE(wanted_fields), ret_start, ret_size);
}

struct goroutine goroutine_decode_place(const struct copied_struct *copied)
{
    uint32_t status = (uint32_t)copied_struct_get_or_zero(copied, GO_FIELD_G_ATOMICSTATUS) & ~STATUS_SCAN_BIT;
    /* As runtime/traceback.go (unwinder.initAt) chooses. */
    uint64_t syscall_sp = copied_struct_get_or_zero(copied, GO_FIELD_G_SYSCALLSP);
    bool in_syscall = syscall_sp != 0;
    return (struct goroutine){
        .goid = copied_struct_get_or_zero(copied, GO_FIELD_G_GOID),
        .pc = copied_struct_get_or_zero(copied, in_syscall ? GO_FIELD_G_SYSCALLPC : GO_FIELD_G_SCHED_PC),
        .sp = in_syscall ? syscall_sp : copied_struct_get_or_zero(copied, GO_FIELD_G_SCHED_SP),
        .stack_high = copied_struct_get_or_zero(copied, GO_FIELD_G_STACK_HI),
        .wait_since = copied_struct_get_or_zero(copied, GO_FIELD_G_WAITSINCE),
        .status = (uint8_t)(status < GOROUTINE_STATUS_COUNT ? status : GOROUTINE_STATUS_COUNT),
        .in_syscall = in_syscall,
    };
}

struct goroutine goroutine_decode(const struct copied_struct *copied)
{
    struct goroutine goroutine = goroutine_decode_place(copied);
    goroutine.parent = copied_struct_get_or_zero(copied, GO_FIELD_G_PARENT_GOID);
    goroutine.created_by = copied_struct_get_or_zero(copied, GO_FIELD_G_GOPC);
    goroutine.start = copied_struct_get_or_zero(copied, GO_FIELD_G_STARTPC);
    goroutine.waiting = copied_struct_get_or_zero(copied, GO_FIELD_G_WAITING);
    goroutine.labels = copied_struct_get_or_zero(copied, GO_FIELD_G_LABELS);
    goroutine.wait_reason = (uint8_t)copied_struct_get_or_zero(copied, GO_FIELD_G_WAITREASON);
    return goroutine;
}

bool goroutine_same_place(const struct goroutine *before, const struct goroutine *now)
{
    return before->goid == now->goid && before->status == now->status && before->sp == now->sp &&
           before->pc == now->pc && before->stack_high == now->stack_high && before->wait_since == now->wait_since;
}
