/* What was seen in a column over the whole input, and the SQL type that holds all of it without loss. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engines/base/arena.h"
#include "engines/base/sqltype.h"
#include "engines/base/strbuf.h"
#include "engines/columnar/ingest/cell.h"

typedef struct ColumnProfile {
    uint32_t shapes; /* 1 << ValueShape */
    bool nested;     /* JSON objects or arrays */
    bool from_json;
    bool beyond_i64;
    int64_t min_int, max_int;
    int max_integer_digits, max_scale, max_digits;
} ColumnProfile;

/* A cell without escapes. */
void column_profile_add(ColumnProfile *profile, const Cell *cell);
void column_profile_add_cells(ColumnProfile *profile, const char *base, const CellRef *cells, int count,
                              Arena *arena, StrBuf *scratch);
void column_profile_merge(ColumnProfile *into, const ColumnProfile *from);
static inline bool column_profile_is_empty(const ColumnProfile *profile) {
    return profile->shapes == 0 && !profile->nested;
}
SqlType column_profile_type(const ColumnProfile *profile);
