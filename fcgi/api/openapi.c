/* GET /api/v1/openapi.json: fcgi/api/openapi.json, put into the program by the assembler. */
#include "fcgi/api/api_internal.h"
#include "fcgi/api/etag.h"

__asm__(".section .rodata\n"
        ".global signalbox_openapi_text\n"
        "signalbox_openapi_text:\n"
        ".incbin \"" SIGNALBOX_OPENAPI_FILE "\"\n"
        ".global signalbox_openapi_end\n"
        "signalbox_openapi_end:\n"
        ".byte 0\n"
        ".previous\n");

extern const char signalbox_openapi_text[], signalbox_openapi_end[];

void openapi_handle(Api *api, Exchange *exchange, char *const *arguments) {
    size_t bytes = (size_t)(signalbox_openapi_end - signalbox_openapi_text);
    if (!etag_is_known(exchange, etag_of(exchange, signalbox_openapi_text, bytes)))
        exchange_reply(exchange, 200, "application/json", signalbox_openapi_text, bytes);
}
