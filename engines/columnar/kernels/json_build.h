/* Values as json: what to_json, json_build_object and their like share. A column is prepared once per batch
 * (its values printed by one kernel call), then appended row by row. */
#pragma once

#include "engines/columnar/kernels/json_value.h"

typedef struct JsonColumn {
    const Vector *source;
    uint8_t category;
    Vector text;
} JsonColumn;

/* `selection` NULL = all of `rows`; a CONSTANT vector has one. */
Status json_column_init(JsonColumn *column, const KernelCall *call, const Vector *vector, int rows,
                        const uint16_t *selection, int selected, Error *err);
/* "null" for NULL. `pretty`: line feeds between the members of arrays and rows. */
Status json_column_append(const JsonColumn *column, const KernelCall *call, int row, bool pretty, StrBuf *out,
                          Error *err);
/* As a key: always a string. 22023 for what is not a scalar. */
Status json_column_append_key(const JsonColumn *column, const KernelCall *call, int row, StrBuf *out,
                              Error *err);
