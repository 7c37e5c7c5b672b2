/* Rows out: Arrow batches → bytes of a response, in bounded memory.
 *
 *   rowformat_begin → rowformat_batch* → rowformat_end, each appending to a StrBuf that the caller drains
 * whenever it likes.
 *
 * JSON writes the envelope of api.md around the rows: `head` members (columns) come first, the rest
 * (row_count, engine, route, timing ...) after the rows, as JSON text given to rowformat_end. CSV, NDJSON
 * have no envelope.
 */
#pragma once

#include "engines/base/arrow_stream.h"
#include "engines/base/strbuf.h"

typedef enum RowFormat {
    ROWFORMAT_JSON,
    ROWFORMAT_COMPACT,
    ROWFORMAT_CSV,
    ROWFORMAT_NDJSON,
    ROWFORMAT_TABLE /* for terminals */
} RowFormat;

typedef struct RowWriter RowWriter;

typedef struct RowFormatOptions {
    RowFormat format;
    bool big_numbers_as_strings; /* JSON: integers and numerics beyond ±2^53 quoted */
    int64_t max_rows;            /* 0 = all; more sets truncated */
} RowFormatOptions;

/* "json" "compact" "csv" "ndjson" "table"; false when unknown. */
bool rowformat_from_name(const char *name, RowFormat *out);
const char *rowformat_content_type(RowFormat format);

Status rowformat_begin(const ArrowSchema *schema, const RowFormatOptions *options, RowWriter **out,
                       StrBuf *buf, Error *err);
/* What all results of one schema have in common in one format: names escaped, types named, the head.
 * Immutable, may be kept and used for any number of results. */
typedef struct RowLayout RowLayout;
Status rowlayout_create(const ArrowSchema *schema, RowFormat format, RowLayout **out, Error *err);
void rowlayout_release(RowLayout *layout); /* writers hold it, too */
/* As rowformat_begin, for results whose schema says the same as the layout's. */
void rowformat_begin_as(RowLayout *layout, const RowFormatOptions *options, RowWriter **out, StrBuf *buf);
/* Appends the batch's rows (all, or up to max_rows in total). */
Status rowformat_batch(RowWriter *writer, const ArrowArray *batch, StrBuf *buf, Error *err);
int64_t rowformat_row_count(const RowWriter *writer);
bool rowformat_truncated(const RowWriter *writer); /* rows were left out; no further batch is needed */
/* `tail_members`: JSON members without braces, e.g. "\"engine\":\"columnar\"", or NULL. Frees the writer. */
void rowformat_end(RowWriter *writer, const char *tail_members, StrBuf *buf);
void rowformat_abandon(RowWriter *writer);
