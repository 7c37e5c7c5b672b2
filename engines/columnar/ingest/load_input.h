/* The inputs of a load, opened: bytes that can be read from their beginning any number of times. Private to
 * this folder. A descriptor or stream is first copied to an unlinked temporary file in the directory given.
 */
#pragma once

#include "engines/columnar/ingest/ingest.h"

typedef struct LoadInput {
    const char *name;
    IngestFormat format;
    bool is_path; /* `name` opens it again */
    int fd;       /* -1 = memory */
    const void *data;
    int64_t bytes;
} LoadInput;

/* `spool_directory` NULL = $TMPDIR or /tmp. Sets everything but the format. */
Status load_input_open(LoadInput *input, const IngestInput *given, const char *spool_directory, Error *err);
void load_input_close(LoadInput *input);
/* Up to `size` bytes at `offset`; *got 0 = the end. */
Status load_input_read(const LoadInput *input, int64_t offset, void *buffer, size_t size, size_t *got,
                       Error *err);
