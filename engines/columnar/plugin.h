/* Functions of your own for the columnar engine, from a shared object.
 *
 * This header is all a plugin includes; it stands alone (C99 or later). The object exports one function:
 *
 *     const SignalboxPlugin *signalbox_plugin(void);
 *
 * which gives a description that stays where it is for as long as the process runs. The configuration names
 * the object (engines.columnar.plugins); it is loaded when the engine opens, and whatever is wrong with it is
 * an error then, naming it. `abi_version` must be SIGNALBOX_PLUGIN_ABI: a plugin made for another one is
 * refused.
 *
 * Functions are called from several threads at once and must give the same result for the same arguments.
 * They run inside the server: a crash there is a crash of the process.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SIGNALBOX_PLUGIN_ABI 1

enum { SIGNALBOX_MAX_ARGS = 8, SIGNALBOX_MAX_STATE_BYTES = 4096 };

/* How values stand in memory. */
typedef enum SignalboxType {
    SIGNALBOX_BOOL = 1,    /* uint8_t 0 or 1 */
    SIGNALBOX_INT2,        /* int16_t */
    SIGNALBOX_INT4,        /* int32_t */
    SIGNALBOX_INT8,        /* int64_t */
    SIGNALBOX_FLOAT4,      /* float */
    SIGNALBOX_FLOAT8,      /* double */
    SIGNALBOX_TEXT,        /* SignalboxString, UTF-8 */
    SIGNALBOX_BYTEA,       /* SignalboxString */
    SIGNALBOX_DATE,        /* int32_t, days since 1970-01-01 */
    SIGNALBOX_TIMESTAMP,   /* int64_t, microseconds since 1970-01-01 00:00 */
    SIGNALBOX_TIMESTAMPTZ, /* int64_t, microseconds since 1970-01-01 00:00 UTC */
    SIGNALBOX_TYPE_END
} SignalboxType;

/* 16 bytes: up to 12 are inside (the rest of them zero), more are elsewhere, with the first four here too. */
typedef struct SignalboxString {
    uint32_t length;
    char inlined[12];
} SignalboxString;

static inline const char *signalbox_string_data(const SignalboxString *string) {
    const char *pointer;
    if (string->length <= 12) return string->inlined;
    memcpy(&pointer, string->inlined + 4, sizeof pointer);
    return pointer;
}
/* `data` must live on when it is longer than 12: see SignalboxCall.alloc. */
static inline SignalboxString signalbox_string_make(const char *data, uint32_t length) {
    SignalboxString string;
    memset(&string, 0, sizeof string);
    string.length = length;
    if (length <= 12) {
        memcpy(string.inlined, data, length);
    } else {
        memcpy(string.inlined, data, 4);
        memcpy(string.inlined + 4, &data, sizeof data);
    }
    return string;
}

/* A column of a batch. Row r is values[constant ? 0 : r]; NULL when `validity` is there and its bit (the same
 * index) is 0. */
typedef struct SignalboxVector {
    int32_t type;
    int32_t constant;
    const uint64_t *validity;
    const void *values;
} SignalboxVector;

static inline int signalbox_is_null(const SignalboxVector *vector, int row) {
    int index = vector->constant ? 0 : row;
    return vector->validity && !(vector->validity[index >> 6] >> (index & 63) & 1);
}

typedef struct SignalboxCall {
    const SignalboxVector *args;
    int32_t arg_count;
    int32_t row_count;
    /* The rows to work on: `selected` ascending numbers, or all of [0, row_count) when `selection` is NULL.
     */
    const uint16_t *selection;
    int32_t selected;
    /* Scalar functions: results by row. Bit r of the validity is 1 beforehand, 0 where a strict function has
     * a NULL argument (such rows may be computed or left alone); clear it for a NULL result. */
    void *out_values;
    uint64_t *out_validity;
    /* Memory for results: lives as long as the batch (scalar), or as the state (aggregates). Never NULL. */
    void *(*alloc)(void *context, size_t bytes);
    void *context;
    /* On failure: a sentence for the user and five characters of SQLSTATE ("" = 38000); return not 0. */
    char error[200];
    char sqlstate[6];
} SignalboxCall;

static inline int signalbox_row(const SignalboxCall *call, int k) {
    return call->selection ? call->selection[k] : k;
}

typedef struct SignalboxScalar {
    const char *name; /* lower case; no built-in function may have it */
    int32_t arg_count;
    int32_t args[SIGNALBOX_MAX_ARGS];
    int32_t result;
    int32_t strict;
    int (*eval)(SignalboxCall *call);
} SignalboxScalar;

/* States are `state_bytes` of memory that may be moved by memcpy, 16-byte aligned, zero at first. */
typedef struct SignalboxAggregate {
    const char *name;
    int32_t arg_count; /* 1 to 3 */
    int32_t args[3];
    int32_t result;
    size_t state_bytes;
    int32_t ordered; /* not 0: the order of the rows changes the result */
    /* Adds selected row k (its arguments may be NULL) to the state at states + groups[k] * stride. */
    int (*update)(char *states, size_t stride, const uint32_t *groups, SignalboxCall *call);
    int (*combine)(void *into, const void *from, SignalboxCall *call);
    /* The result into `value`; return 1 for NULL, 0 for a value, below 0 for failure. */
    int (*finalize)(const void *state, void *value, SignalboxCall *call);
} SignalboxAggregate;

typedef struct SignalboxPlugin {
    uint32_t abi_version;  /* SIGNALBOX_PLUGIN_ABI */
    uint32_t struct_bytes; /* sizeof(SignalboxPlugin) */
    const char *name;
    const SignalboxScalar *scalars;
    int32_t scalar_count;
    const SignalboxAggregate *aggregates;
    int32_t aggregate_count;
} SignalboxPlugin;
