/* The part of TOML 1.0 that a configuration uses: [tables] and [dotted.tables], bare, quoted and dotted keys,
 * strings (basic and literal), integers (with _ and 0x), floats, booleans, arrays of these on one or more
 * lines, comments, [[arrays.of.tables]]: each of these is an entry "name[N]" of kind TOML_TABLE, N counting
 * all of them, followed by its keys as "name[N].key". Dates and inline tables are refused with their line. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engines/base/arena.h"
#include "engines/base/error.h"

typedef enum TomlKind { TOML_STRING, TOML_INTEGER, TOML_FLOAT, TOML_BOOL, TOML_ARRAY, TOML_TABLE } TomlKind;

typedef struct TomlValue {
    TomlKind kind;
    const char *text; /* TOML_STRING */
    int64_t integer;  /* TOML_INTEGER, TOML_BOOL */
    double number;    /* TOML_FLOAT, and TOML_INTEGER converted */
    struct TomlValue *items;
    int item_count;
} TomlValue;

typedef struct TomlEntry {
    const char *key; /* full dotted path: "engines.postgres.conninfo" */
    TomlValue value;
    int line;
} TomlEntry;

typedef struct TomlDocument {
    TomlEntry *entries; /* in file order */
    int count;
} TomlDocument;

/* `name` is used in messages: "signalbox.toml:12: ...". Everything lives in `arena`. */
Status toml_parse(const char *text, const char *name, Arena *arena, TomlDocument *out, Error *err);

/* Bytes may be written 64000000 or "64MB", "1GiB" (KB, MB, GB: powers of 1000; KiB, MiB, GiB: of 1024). False
 * when the value is neither. */
bool toml_bytes(const TomlValue *value, double *out);
