/* Columns of cells → batches of typed vectors. Per batch: batch_builder_column for each column,
 * batch_builder_batch, whose strings may point into the text of the cells; then the next batch.
 */
#pragma once

#include "engines/base/error.h"
#include "engines/base/strbuf.h"
#include "engines/columnar/ingest/cell.h"
#include "engines/columnar/ingest/column_profile.h"
#include "engines/columnar/types/vector.h"

/* A cell that does not fit its column's type. `conflict`: another type may hold it. False stops. */
typedef bool (*CellFailedFunction)(void *context, int column, int row, bool conflict, const Error *err);

typedef struct BatchBuilder {
    Arena arena;       /* vectors */
    Arena batch_arena; /* strings of the current batch that are not as in the text */
    Batch batch;
    int capacity; /* rows of a batch, up to BATCH_ROWS */
    uint64_t **validity;
    StrBuf scratch;
    /* Types that were found in a part of the input, with that part's profiles: a cell that the types would be
     * others with is a conflict. NULL = the types are certain. */
    const ColumnProfile *const *sampled;
    CellFailedFunction failed;
    void *context;
} BatchBuilder;

void batch_builder_init(BatchBuilder *builder, const SqlType *types, int column_count, int capacity);
void batch_builder_deinit(BatchBuilder *builder);
/* The column's cells of the batch (NULL = all are NULL), offsets from `base`. False when `failed` said stop.
 */
bool batch_builder_column(BatchBuilder *builder, int column, const char *base, const CellRef *cells,
                          int row_count);
const Batch *batch_builder_batch(BatchBuilder *builder, int row_count);
/* Before the next batch. */
void batch_builder_reset(BatchBuilder *builder);

/* One cell that is not NULL. 22P02, 22003 or 22001 when the value does not fit the column's type; the message
 * does not name row or column. */
Status batch_builder_put(BatchBuilder *builder, Vector *vector, int row, const Cell *cell, Error *err);
/* The cell with its escapes resolved; false with a problem (static text). */
bool cell_resolve(const char *base, CellRef ref, Arena *arena, StrBuf *scratch, Cell *out,
                  const char **problem);
