/* A Parquet column's values as those of a wider type: only where every value stays what it is. Private to
 * this folder. */
#pragma once

#include "engines/base/error.h"
#include "engines/columnar/types/vector.h"

/* Whether a column of type `to` takes all values of one of type `from`, be it the same type. */
bool load_widens(SqlType from, SqlType to);
/* The narrowest type that takes the values of both; false when there is none. */
bool load_common_type(SqlType a, SqlType b, SqlType *out);
/* `out` = the `rows` values of `in`, of type `to`, which load_widens says it can have. 22008 for a date that
 * no timestamp reaches. */
Status load_widen(const Vector *in, int rows, SqlType to, Arena *arena, Vector *out, Error *err);
