/* Rows of any engine, as Arrow batches (engines/base/arrow_stream.h), into Parquet: what answers and exports
 * are made of. The bytes can be taken while the rest is being written.
 *
 *   parquet_rows_open → (parquet_rows_append → parquet_rows_take)* → parquet_rows_finish → parquet_rows_take
 *   → parquet_rows_close; close alone abandons
 *
 * Columns become what Parquet has for them; what it has nothing exact for goes as text: numeric without a
 * precision and intervals as PostgreSQL prints them, rows and nested arrays too. The file's metadata
 * "pg_types" names the SQL types, a JSON array in the order of the columns. Memory is bounded by one row
 * group.
 */
#pragma once

#include "engines/base/arrow_stream.h"
#include "engines/base/strbuf.h"

typedef struct ParquetRows ParquetRows;

/* The file lies in `directory` without a name. `names` replaces the schema's (Parquet's must differ). */
Status parquet_rows_open(const char *directory, const ArrowSchema *schema, const char *const *names,
                         ParquetRows **out, Error *err);
/* Rows [first, first + count) of the batch. */
Status parquet_rows_append(ParquetRows *rows, const ArrowArray *batch, int64_t first, int64_t count,
                           Error *err);
/* Appends what was written since the last time, `most` bytes at most; nothing when all was taken. */
Status parquet_rows_take(ParquetRows *rows, size_t most, StrBuf *out, Error *err);
Status parquet_rows_finish(ParquetRows *rows, Error *err);
void parquet_rows_close(ParquetRows *rows);
