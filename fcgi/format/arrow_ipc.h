/* Arrow's IPC formats (https://arrow.apache.org/docs/format/Columnar.html): batches as the stream, and as the
 * file, which is the stream between two marks with a footer of where each batch lies.
 *
 *   arrow_ipc_begin → arrow_ipc_batch* → arrow_ipc_end, each appending to a StrBuf that the caller drains
 * whenever it likes; memory is bounded by one batch.
 *
 * Columns go out as arrow_stream.h maps them, "pg_type" in each field's metadata: what Arrow has no type for
 * (numeric without a precision, json, jsonb, uuid, enums ...) is utf8 whose metadata names the SQL type.
 * arrow_ipc_file.h reads the file format back.
 */
#pragma once

#include "engines/base/arrow_stream.h"
#include "engines/base/strbuf.h"

typedef enum ArrowIpcCompression {
    ARROW_IPC_PLAIN,
    ARROW_IPC_LZ4, /* frames */
    ARROW_IPC_ZSTD
} ArrowIpcCompression;

typedef struct ArrowIpcOptions {
    bool file; /* the file format; else the stream */
    ArrowIpcCompression compression;
} ArrowIpcOptions;

typedef struct ArrowIpcWriter ArrowIpcWriter;

/* 0A000 for a schema with a format that arrow_stream.h does not list. */
Status arrow_ipc_begin(const ArrowSchema *schema, const ArrowIpcOptions *options, ArrowIpcWriter **out,
                       StrBuf *buf, Error *err);
/* Rows [first, first + count) of the batch. */
Status arrow_ipc_batch(ArrowIpcWriter *writer, const ArrowArray *batch, int64_t first, int64_t count,
                       StrBuf *buf, Error *err);
/* Frees the writer. */
void arrow_ipc_end(ArrowIpcWriter *writer, StrBuf *buf);
void arrow_ipc_abandon(ArrowIpcWriter *writer);
