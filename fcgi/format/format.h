/* Rows out: Arrow batches → bytes of a response, in bounded memory.
 *
 *   rowformat_begin → rowformat_batch* → rowformat_end, each appending to a StrBuf that the caller drains
 * whenever it likes.
 *
 * JSON writes the envelope of api.md around the rows: `head` members (columns) come first, the rest
 * (row_count, engine, route, timing ...) after the rows, as JSON text given to rowformat_end. The others have
 * no envelope. Parquet keeps its rows in an unnamed file until a row group is whole, and gives its bytes in
 * pieces: rowformat_batch may append nothing, and leave more than it appends for rowformat_more.
 */
#pragma once

#include "engines/base/arrow_stream.h"
#include "engines/base/strbuf.h"
#include "fcgi/format/arrow_ipc.h"

typedef enum RowFormat {
    ROWFORMAT_JSON,
    ROWFORMAT_COMPACT,
    ROWFORMAT_CSV,
    ROWFORMAT_NDJSON,
    ROWFORMAT_ARROW,      /* the IPC stream */
    ROWFORMAT_ARROW_FILE, /* the IPC file */
    ROWFORMAT_PARQUET,
    ROWFORMAT_TABLE /* for terminals */
} RowFormat;

typedef struct RowWriter RowWriter;

typedef struct RowFormatOptions {
    RowFormat format;
    bool big_numbers_as_strings;     /* JSON: integers and numerics beyond ±2^53 quoted */
    int64_t max_rows;                /* 0 = all; more sets truncated */
    ArrowIpcCompression compression; /* Arrow */
    const char *spool_directory;     /* Parquet: where its file lies; NULL = /tmp */
} RowFormatOptions;

/* "json" "compact" "csv" "ndjson" "arrow" "arrowfile" "parquet" "table"; false when unknown. */
bool rowformat_from_name(const char *name, RowFormat *out);
const char *rowformat_content_type(RowFormat format);
/* Writing it needs a file: not for a thread that must not block. */
bool rowformat_blocks(RowFormat format);

Status rowformat_begin(const ArrowSchema *schema, const RowFormatOptions *options, RowWriter **out,
                       StrBuf *buf, Error *err);
/* What all results of one schema have in common in one format: names escaped, types named, the head.
 * Immutable, may be kept and used for any number of results. */
typedef struct RowLayout RowLayout;
Status rowlayout_create(const ArrowSchema *schema, RowFormat format, RowLayout **out, Error *err);
void rowlayout_release(RowLayout *layout); /* writers hold it, too */
/* As rowformat_begin, for results whose schema says the same as the layout's. */
Status rowformat_begin_as(RowLayout *layout, const RowFormatOptions *options, RowWriter **out, StrBuf *buf,
                          Error *err);
/* Appends the batch's rows (all, or up to max_rows in total). */
Status rowformat_batch(RowWriter *writer, const ArrowArray *batch, StrBuf *buf, Error *err);
int64_t rowformat_row_count(const RowWriter *writer);
bool rowformat_truncated(const RowWriter *writer); /* rows were left out; no further batch is needed */
/* More of what is written already, a piece at a time; appends nothing when there is none. */
Status rowformat_more(RowWriter *writer, StrBuf *buf, Error *err);
/* `tail_members`: JSON members without braces, e.g. "\"engine\":\"columnar\"", or NULL. rowformat_more may
 * have more still. */
Status rowformat_end(RowWriter *writer, const char *tail_members, StrBuf *buf, Error *err);
/* Frees the writer, ended or not. */
void rowformat_close(RowWriter *writer);
