/* Arrow arrays from other engines → vectors of exact types. Internal to exec/. */
#pragma once

#include "engines/base/arrow_stream.h"
#include "engines/columnar/types/vector.h"

/* Can a column of this schema be read as `type`? 0A000 or 42804 naming the column otherwise. */
Status arrow_import_check(const ArrowSchema *schema, SqlType type, Error *err);
/* Rows [first, first + count) of the column. Strings point into the array; the rest is copied to the arena.
 */
Status arrow_import_column(const ArrowSchema *schema, const ArrowArray *array, int64_t first, int count,
                           SqlType type, Vector *out, Arena *arena, Error *err);
/* Exact decimal text, "NaN" included; 22003 beyond 38 digits. */
Status numeric_from_text(const char *text, size_t length, Numeric *out, Error *err);
