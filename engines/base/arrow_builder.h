/* Rows in, Arrow batches out: for engines that receive rows (PostgreSQL, MySQL) and small results.
 *
 *   arrow_builder_init(&b, columns, n) → for each row: one arrow_append_*() per column,
 * arrow_builder_end_row() → arrow_builder_finish(&b, &array) moves the batch out and leaves the builder empty
 * for the next one.
 *
 * Appends never fail (memory out aborts); types are the caller's duty and asserted in debug builds.
 * A builder is reused for many batches: its buffers keep their size.
 */
#pragma once

#include "engines/base/arrow_stream.h"

typedef struct ArrowColumn ArrowColumn; /* one column under construction */

typedef struct ArrowBuilder {
    ArrowColumn *columns;
    int column_count;
    int64_t row_count;
    int64_t approx_bytes;          /* of this batch so far: counted every few rows, and after a large value */
    bool *grew;                    /* private */
    struct ArrowBuilderView *view; /* private; NULL before the first */
} ArrowBuilder;

void arrow_builder_init(ArrowBuilder *builder, const ArrowColumnSpec *columns, int column_count);
void arrow_builder_deinit(ArrowBuilder *builder);
ArrowColumn *arrow_builder_column(ArrowBuilder *builder, int index);
void arrow_builder_end_row(ArrowBuilder *builder);
/* Forgets the rows of the unfinished batch, also one that is incomplete. */
void arrow_builder_reset(ArrowBuilder *builder);
void arrow_builder_finish(ArrowBuilder *builder, ArrowArray *out);
/* The batch as it stands, without a copy: the builder's, until it is next used. Not to be released or moved.
 */
const ArrowArray *arrow_builder_view(ArrowBuilder *builder);

void arrow_append_null(ArrowColumn *column);
void arrow_append_bool(ArrowColumn *column, bool value);
/* int2, int4, int8, oid, date (days), time, timestamp(tz) (µs): width follows the column's type. */
void arrow_append_int(ArrowColumn *column, int64_t value);
void arrow_append_float(ArrowColumn *column, double value); /* float4 and float8 */
void arrow_append_interval(ArrowColumn *column, int32_t months, int32_t days, int64_t nanoseconds);
void arrow_append_decimal(ArrowColumn *column, __int128 unscaled); /* numeric(p,s) */
/* text-like, bytea, numeric without precision (canonical text), uuid (text). */
void arrow_append_bytes(ArrowColumn *column, const void *data, size_t length);
/* A list value: begin, append `n` elements to arrow_list_child(), end. Lists nest. */
ArrowColumn *arrow_list_child(ArrowColumn *column);
void arrow_append_list_end(ArrowColumn *column);
/* A column declared with is_array whose value has `dimensions` > 1 cannot be shown as +l of elements: such
 * columns are declared as text instead. */
