#include "engines/base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void fill(Error *err, const char *sqlstate, int position, const char *format, va_list args) {
    if (!err) return;
    error_clear(err);
    snprintf(err->sqlstate, sizeof err->sqlstate, "%s", sqlstate);
    err->position = position;
    vsnprintf(err->message, sizeof err->message, format, args);
}

Status error_set(Error *err, const char *sqlstate, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fill(err, sqlstate, 0, format, args);
    va_end(args);
    return STATUS_ERROR;
}

Status error_set_at(Error *err, const char *sqlstate, int position, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fill(err, sqlstate, position, format, args);
    va_end(args);
    return STATUS_ERROR;
}

Status error_add_hint(Error *err, const char *format, ...) {
    if (!err) return STATUS_ERROR;
    va_list args;
    va_start(args, format);
    vsnprintf(err->hint, sizeof err->hint, format, args);
    va_end(args);
    return STATUS_ERROR;
}

Status error_add_detail(Error *err, const char *format, ...) {
    if (!err) return STATUS_ERROR;
    va_list args;
    va_start(args, format);
    vsnprintf(err->detail, sizeof err->detail, format, args);
    va_end(args);
    return STATUS_ERROR;
}

static const char *sqlstate_of_errno(int errno_value) {
    switch (errno_value) {
    case ENOENT: return SQLSTATE_UNDEFINED_FILE;
    case ENOSPC:
    case EFBIG: /* the limit on file sizes */
    case EDQUOT: return SQLSTATE_DISK_FULL;
    case ENOMEM: return SQLSTATE_OUT_OF_MEMORY;
    case EACCES:
    case EPERM:
    case EROFS: return "42501";
    default: return SQLSTATE_IO_ERROR;
    }
}

Status error_set_errno(Error *err, int errno_value, const char *format, ...) {
    char what[512], reason[128];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return error_set(err, sqlstate_of_errno(errno_value), "%s: %s", what,
                     strerror_r(errno_value, reason, sizeof reason));
}

void error_clear(Error *err) {
    if (!err) return;
    err->sqlstate[0] = err->message[0] = err->detail[0] = err->hint[0] = 0;
    err->position = 0;
}
