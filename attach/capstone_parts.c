/* Capstone lists the parts of every processor that it knows, and so brings all of them into a program that it is linked
 * into: four megabytes, and 70,000 relocations to be done before the first frame. Those of others than amd64 are taken
 * by these, which it never calls, as it is only ever opened for CS_ARCH_X86. Only where it is a static library; names
 * as in cs.c of Capstone 4 and 5. */
#include <capstone/capstone.h>

struct cs_struct;

#define LEFT_OUT(processor) \
    cs_err processor##_global_init(struct cs_struct *handle); \
    cs_err processor##_option(struct cs_struct *handle, cs_opt_type type, size_t value); \
    cs_err processor##_global_init(struct cs_struct *handle) \
    { \
        (void)handle; \
        return CS_ERR_ARCH; \
    } \
    cs_err processor##_option(struct cs_struct *handle, cs_opt_type type, size_t value) \
    { \
        (void)handle; \
        (void)type; \
        (void)value; \
        return CS_ERR_ARCH; \
    }

LEFT_OUT(AArch64)
LEFT_OUT(ARM)
LEFT_OUT(BPF)
LEFT_OUT(EVM)
LEFT_OUT(M680X)
LEFT_OUT(M68K)
LEFT_OUT(MOS65XX)
LEFT_OUT(Mips)
LEFT_OUT(PPC)
LEFT_OUT(RISCV)
LEFT_OUT(SH)
LEFT_OUT(Sparc)
LEFT_OUT(SystemZ)
LEFT_OUT(TMS320C64x)
LEFT_OUT(TRICORE)
LEFT_OUT(WASM)
LEFT_OUT(XCore)
