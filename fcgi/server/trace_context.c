#include "fcgi/server/trace_context.h"

#include <stddef.h>
#include <string.h>

enum { VERSION_BYTES = 2, TRACE_ID_BYTES = 32, PARENT_ID_BYTES = 16, FLAGS_BYTES = 2, MOST_BYTES = 256 };

/* Takes `length` digits; false when there are others among them, or fewer. */
static bool take_hex(const char **at, size_t length, bool *zero) {
    *zero = true;
    for (size_t i = 0; i < length; i++) {
        char c = (*at)[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
        *zero &= c == '0';
    }
    *at += length;
    return true;
}

bool trace_parent_is_valid(const char *text) {
    const char *at = text;
    bool version_zero, trace_zero, parent_zero, ignored;
    if (!take_hex(&at, VERSION_BYTES, &version_zero) || !memcmp(text, "ff", VERSION_BYTES) || *at++ != '-' ||
        !take_hex(&at, TRACE_ID_BYTES, &trace_zero) || trace_zero || *at++ != '-' ||
        !take_hex(&at, PARENT_ID_BYTES, &parent_zero) || parent_zero || *at++ != '-' ||
        !take_hex(&at, FLAGS_BYTES, &ignored))
        return false;
    if (version_zero) return *at == 0;
    if (*at != 0 && *at != '-') return false;
    for (; *at; at++) /* it goes into our answer's headers */
        if (*at <= ' ' || *at > '~' || at - text > MOST_BYTES) return false;
    return true;
}
