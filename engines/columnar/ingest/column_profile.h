/* What was seen in a column over the whole input, and the SQL type that holds all of it without loss. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engines/base/sqltype.h"
#include "engines/columnar/ingest/cell.h"

typedef struct ColumnProfile {
    uint32_t shapes; /* 1 << ValueShape */
    bool nested;     /* JSON objects or arrays */
    bool from_json;
    bool beyond_i64;
    int64_t min_int, max_int;
    int max_integer_digits, max_scale, max_digits;
} ColumnProfile;

void column_profile_add(ColumnProfile *profile, const Cell *cell);
SqlType column_profile_type(const ColumnProfile *profile);
