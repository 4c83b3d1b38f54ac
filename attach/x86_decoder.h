/* Capstone, set up for amd64 code with the details of operands. */
#ifndef HEAPTOP_ATTACH_X86_DECODER_H
#define HEAPTOP_ATTACH_X86_DECODER_H

#include <capstone/capstone.h>

#include "heaptop/base/error.h"

struct x86_decoder {
    csh handle;                 /* 0: not open. */
    cs_insn *instruction;       /* The one that cs_disasm_iter decoded last. */
};

/* *decoder must be zeroed. ERROR_NO_MEMORY, ERROR_UNSUPPORTED. */
struct error *x86_decoder_init(struct x86_decoder *decoder);
void x86_decoder_deinit(struct x86_decoder *decoder);

#endif
