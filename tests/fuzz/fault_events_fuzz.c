/* Records that claim to be the kernel's samples of page faults. */
#include "attach/probe/fault_events.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fault_sample sample;
    pid_t pid;
    uint64_t event;
    if (!fault_sample_parse(data, size, &pid, &event, &sample))
        return 0;
    /* All of the stack can be read. */
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < sample.stack_size; i++)
        sum = (uint8_t)(sum ^ sample.stack[i]);
    return 0;
}
