/* A file (or memory, for tests and fuzzing) read front to back through one growing window. The window's bytes
 * may be changed in place by the reader. At least BYTE_SOURCE_PADDING readable bytes follow the valid ones.
 */
#pragma once

#include <stdbool.h>

#include "engines/columnar/ingest/json_parser.h"
#include "engines/columnar/ingest/load_input.h"

enum {
    BYTE_SOURCE_CHUNK = 1 << 20,
    BYTE_SOURCE_PADDING = JSON_PARSER_PADDING,
    BYTE_SOURCE_MAX_RECORD = 256 << 20
};

typedef struct ByteSource {
    const char *name; /* for errors */
    LoadInput input;  /* not owned */
    int64_t offset;   /* in the input */
    char *buffer;
    size_t start, end, capacity; /* unread bytes are buffer[start, end) */
    size_t chunk_bytes;          /* read at a time; tests make it small, so that records cross windows */
    bool at_end;                 /* nothing beyond `end` */
    int64_t bytes_read;
} ByteSource;

void byte_source_open(ByteSource *source, const LoadInput *input);
void byte_source_open_memory(ByteSource *source, const void *data, size_t bytes, const char *name);
void byte_source_close(ByteSource *source);
/* Reads more behind the unread bytes, which may move to the buffer's beginning (keep offsets relative to
 * `start`). Sets at_end at the end. 54000 when the unread bytes already are BYTE_SOURCE_MAX_RECORD. */
Status byte_source_fill(ByteSource *source, Error *err);
