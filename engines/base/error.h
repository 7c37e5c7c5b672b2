/* What can go wrong, told so that a user can act on it.
 *
 * Every fallible function returns a Status and takes an `Error *err` last (may be NULL when the caller does
 * not care). The one who detects the failure fills it with an SQLSTATE, one sentence, and, for SQL, a
 * position; everyone above passes it on unchanged with TRY().
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum [[nodiscard]] Status{STATUS_OK = 0, STATUS_ERROR = 1} Status;

typedef struct Error {
    char sqlstate[6];   /* five characters of PostgreSQL's Appendix A, "" when there is no error */
    int position;       /* 1-based character offset into the statement, 0 when unknown */
    char message[1024]; /* one sentence, no trailing full stop, UTF-8 */
    char detail[512];
    char hint[512];
} Error;

/* SQLSTATEs used in more than one place. */
#define SQLSTATE_SYNTAX_ERROR          "42601"
#define SQLSTATE_UNDEFINED_TABLE       "42P01"
#define SQLSTATE_UNDEFINED_COLUMN      "42703"
#define SQLSTATE_UNDEFINED_FUNCTION    "42883"
#define SQLSTATE_AMBIGUOUS_COLUMN      "42702"
#define SQLSTATE_DATATYPE_MISMATCH     "42804"
#define SQLSTATE_DUPLICATE_TABLE       "42P07"
#define SQLSTATE_FEATURE_NOT_SUPPORTED "0A000"
#define SQLSTATE_NUMERIC_OUT_OF_RANGE  "22003"
#define SQLSTATE_DIVISION_BY_ZERO      "22012"
#define SQLSTATE_INVALID_TEXT          "22P02"
#define SQLSTATE_INVALID_PARAMETER     "22023"
#define SQLSTATE_QUERY_CANCELED        "57014"
#define SQLSTATE_OUT_OF_MEMORY         "53200"
#define SQLSTATE_DISK_FULL             "53100"
#define SQLSTATE_PROGRAM_LIMIT         "54000"
#define SQLSTATE_TOO_COMPLEX           "54001"
#define SQLSTATE_CONNECTION_FAILURE    "08006"
#define SQLSTATE_RESOLUTION_UNKNOWN    "08007"
#define SQLSTATE_CANNOT_CONNECT        "08001"
#define SQLSTATE_SERIALIZATION_FAILURE "40001"
#define SQLSTATE_DATA_CORRUPTED        "XX001"
#define SQLSTATE_INTERNAL              "XX000"
#define SQLSTATE_IO_ERROR              "58030"
#define SQLSTATE_UNDEFINED_FILE        "58P01"
#define SQLSTATE_DOES_NOT_ANSWER       "57P03" /* a server that is there and hangs */
#define SQLSTATE_DENIED                "SB005" /* by a configured rule */
#define SQLSTATE_CONFIG                "F0000"

/* Returns the status of `expression` to the caller unless it is STATUS_OK. */
#define TRY(expression)                                                                                      \
    do {                                                                                                     \
        if ((expression) != STATUS_OK) return STATUS_ERROR;                                                  \
    } while (0)

/* Fills `err` (position, detail and hint cleared) and returns STATUS_ERROR, for `return error_set(...)`. */
Status error_set(Error *err, const char *sqlstate, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
Status error_set_at(Error *err, const char *sqlstate, int position, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Adds to an error already set; each returns STATUS_ERROR. */
Status error_add_hint(Error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
Status error_add_detail(Error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "<what>: <strerror(errno_value)>" with the SQLSTATE that errno maps to (ENOSPC → 53100, ENOENT → 58P01
 * ...). */
Status error_set_errno(Error *err, int errno_value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void error_clear(Error *err);
static inline bool error_is_set(const Error *err) {
    return err->sqlstate[0] != 0;
}
