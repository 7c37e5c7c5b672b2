/* Rows of the generator as vectors: private to generate*.c. */
#pragma once

#include "engines/base/strbuf.h"
#include "engines/columnar/ingest/generate.h"

enum { GENERATE_DAYS = 731 };

typedef struct RowGenerator {
    const GenerateOptions *options;
    int column_count;
    const TableColumn *columns;
    Arena arena;       /* vectors */
    Arena batch_arena; /* texts */
    Batch batch;
    uint64_t **validity;
    double day_ends[GENERATE_DAYS]; /* share of all rows up to the end of each day */
    double hour_ends[24];           /* the same within a day */
    int day;                        /* of the last row: rows come in order */
    uint32_t place_ends[64];        /* cumulative weights */
    int64_t next_row;
} RowGenerator;

void row_generator_init(RowGenerator *generator, const GenerateOptions *options);
void row_generator_deinit(RowGenerator *generator);
/* The next rows, NULL after the last. Valid until the next call. */
const Batch *row_generator_next(RowGenerator *generator);

/* Rows as text; appended to `out`. */
void generate_append_csv_header(StrBuf *out, const TableColumn *columns, int column_count);
void generate_append_csv(StrBuf *out, const Batch *batch, const TableColumn *columns);
void generate_append_ndjson(StrBuf *out, const Batch *batch, const TableColumn *columns);
