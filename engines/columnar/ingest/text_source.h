/* An input's text, front to back: decompressed (gzip, zstd: told by its first bytes) and in UTF-8 (by its
 * byte order mark, or from the encoding named). A UTF-8 byte order mark is left out. */
#pragma once

#include "engines/columnar/ingest/load_input.h"

typedef struct TextSource TextSource;
enum { TEXT_SOURCE_ROOM = 64 };

/* `encoding`: a name that iconv knows, NULL = UTF-8, or UTF-16 when a byte order mark says so. 22023 for an
 * unknown one. */
Status text_source_open(const LoadInput *input, const char *encoding, TextSource **out, Error *err);
void text_source_close(TextSource *source);
/* Up to `size` bytes (at least TEXT_SOURCE_ROOM are asked for); *got 0 = the end. XX001 for damaged
 * compression, 22021 for bytes that are no text in the encoding. */
Status text_source_read(TextSource *source, char *buffer, size_t size, size_t *got, Error *err);
/* Bytes of the input as it is stored that were read so far. */
int64_t text_source_bytes_read(const TextSource *source);
