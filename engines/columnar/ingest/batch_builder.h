/* Rows of cells → batches of typed vectors. For each row: batch_builder_put for the columns that have a value
 * (others are NULL), batch_builder_end_row; when batch_builder_is_full, take batch_builder_batch and reset.
 */
#pragma once

#include "engines/base/error.h"
#include "engines/base/strbuf.h"
#include "engines/columnar/ingest/cell.h"
#include "engines/columnar/types/vector.h"

typedef struct BatchBuilder {
    Arena arena;       /* vectors */
    Arena batch_arena; /* strings of the current batch */
    Batch batch;
    uint64_t **validity;
    int *value_counts;
    StrBuf scratch;
    int row;
} BatchBuilder;

void batch_builder_init(BatchBuilder *builder, const SqlType *types, int column_count);
void batch_builder_deinit(BatchBuilder *builder);
/* 22P02, 22003 or 22001 when the value does not fit the column's type; the message does not name row or
 * column. */
Status batch_builder_put(BatchBuilder *builder, int column, const Cell *cell, Error *err);
static inline void batch_builder_end_row(BatchBuilder *builder) {
    builder->row++;
}
bool batch_builder_is_full(const BatchBuilder *builder);
const Batch *batch_builder_batch(BatchBuilder *builder);
void batch_builder_reset(BatchBuilder *builder);
