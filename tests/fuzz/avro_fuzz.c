/* Avro containers, and the bounds that manifests carry in them. */
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/iceberg/avro.h"
#include "engines/columnar/iceberg/iceberg_types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode_bounds(const AvroValue *value) {
    union ParquetBound bound;
    if (value->kind == AVRO_BYTES)
        for (int type = SQL_BOOL; type < SQL_TYPE_COUNT; type++)
            (void)iceberg_bound_decode((SqlType){.id = (uint8_t)type, .precision = type % 2 ? 30 : 9},
                                       value->bytes.data, value->bytes.length, &bound);
    if (value->kind == AVRO_RECORD || value->kind == AVRO_ARRAY || value->kind == AVRO_MAP)
        for (int i = 0; i < value->count; i++)
            decode_bounds(&value->items[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    Arena arena;
    AvroFile file;
    Error err = {0};
    arena_init(&arena);
    Status status = avro_file_open(copy, size, "fuzz", &arena, &file, &err);
    for (bool more = true; status == STATUS_OK && more;) {
        AvroValue record;
        status = avro_file_next(&file, &record, &more, &err);
        if (status == STATUS_OK && more) decode_bounds(&record);
    }
    if (status != STATUS_OK && !error_is_set(&err)) abort();
    arena_deinit(&arena);
    free(copy);
    return 0;
}
