/* Both passes of a load over bytes in memory: what the first pass found must hold what the second reads. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/ingest/loader.h"

static inline Status fuzz_pass(Loader *loader, Status (*load)(Loader *, ByteSource *, Error *),
                               const void *data, size_t size, Error *err) {
    ByteSource source;
    byte_source_open_memory(&source, data, size, "fuzz");
    source.chunk_bytes = 61; /* records cross windows */
    Status status = load(loader, &source, err);
    byte_source_close(&source);
    return status;
}

static inline void fuzz_text_ingest(Status (*load)(Loader *, ByteSource *, Error *), const uint8_t *data,
                                    size_t size) {
    char *copy = malloc(size ? size : 1); /* exact: an overrun is seen */
    memcpy(copy, data, size);
    IngestOptions options = INGEST_OPTIONS_DEFAULT;
    options.table = "fuzz";
    Loader loader = {.options = &options, .profiling = true};
    Error err = {0};
    column_registry_init(&loader.registry);
    Status status = fuzz_pass(&loader, load, copy, size, &err);
    if (status != STATUS_OK && !error_is_set(&err)) abort();
    if (status == STATUS_OK) {
        int64_t rows = loader.rows;
        loader.profiling = false;
        loader.rows = loader.next_report = 0;
        loader_start_batches(&loader, loader_profiled_types(&loader), loader.registry.count);
        if (fuzz_pass(&loader, load, copy, size, &err) != STATUS_OK || loader.rows != rows) {
            fprintf(stderr, "second pass: %s\n", err.message);
            abort();
        }
    }
    loader_deinit(&loader);
    free(copy);
}
