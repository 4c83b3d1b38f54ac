#include "attach/x86_decoder.h"

struct error *x86_decoder_init(struct x86_decoder *decoder)
{
    cs_err failure = cs_open(CS_ARCH_X86, CS_MODE_64, &decoder->handle);
    if (failure == CS_ERR_OK)
        failure = cs_option(decoder->handle, CS_OPT_DETAIL, CS_OPT_ON);
    if (failure == CS_ERR_OK)
        decoder->instruction = cs_malloc(decoder->handle);
    if (failure == CS_ERR_OK && decoder->instruction)
        return NULL;
    x86_decoder_deinit(decoder);
    if (failure == CS_ERR_MEM || failure == CS_ERR_OK)
        return error_no_memory();
    return error_create(ERROR_UNSUPPORTED, "Capstone cannot be set up: %s", cs_strerror(failure));
}

void x86_decoder_deinit(struct x86_decoder *decoder)
{
    if (decoder->instruction)
        cs_free(decoder->instruction, 1);
    if (decoder->handle)
        cs_close(&decoder->handle);
    *decoder = (struct x86_decoder){0};
}
