/* What a table is made of beside Avro: metadata JSON with its layout, layouts in SQL's spelling, deletion
 * vectors. The first byte says which. */
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/iceberg/layout_text.h"
#include "engines/columnar/iceberg/metadata_cache.h"
#include "engines/columnar/iceberg/metadata_step.h"
#include "engines/columnar/iceberg/roaring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 1 << 18 };

/* Every kind of step on whatever was read. */
static void change_metadata(TableMetadata *metadata, Arena *arena) {
    static const MetadataStep STEPS[] = {
        {.kind = STEP_ADD_COLUMN, .column = {"added", {.id = SQL_INT4}, true, 0}, .text = ""},
        {.kind = STEP_RENAME_COLUMN, .name = "id", .text = "renamed"},
        {.kind = STEP_WIDEN_COLUMN, .name = "renamed", .column = {.type = {.id = SQL_INT8}}},
        {.kind = STEP_MOVE_COLUMN, .name = "renamed"},
        {.kind = STEP_PARTITIONING, .text = "bucket(4, renamed)"},
        {.kind = STEP_SORT_ORDER, .text = "renamed desc"},
        {.kind = STEP_PROPERTY, .name = "key", .text = "value"},
        {.kind = STEP_SET_REF, .name = "tag", .flag = true, .snapshot_id = 1},
        {.kind = STEP_EXPIRE, .snapshot_id = 2},
        {.kind = STEP_DROP_REF, .name = "tag"},
        {.kind = STEP_DROP_COLUMN, .name = "added"},
    };
    for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++) {
        Error err = {0};
        if (metadata_step_apply(metadata, &STEPS[i], arena, &err) != STATUS_OK && !error_is_set(&err))
            abort();
    }
    const char **dropped;
    int dropped_count;
    table_metadata_finish(metadata, "file:///before", arena, &dropped, &dropped_count);
    MetadataText text;
    if (metadata_text_make(metadata->root, "", &text)) metadata_text_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    Error err = {0};
    Status status = STATUS_OK;
    if (size == 0) return 0;
    arena_init(&arena);
    char *text = arena_strndup(&arena, (const char *)data + 1, size - 1);
    if (data[0] == 'v') {
        uint64_t *bits = calloc(ROWS / 64, sizeof *bits);
        status = deletion_vector_decode(text, size - 1, "fuzz", bits, ROWS, &err);
        free(bits);
    } else if (data[0] == 'l' || data[0] == 'o') {
        LayoutItem *items;
        int count;
        status = layout_parse(text, data[0] == 'o', &arena, &items, &count, &err);
    } else {
        TableMetadata metadata;
        status = table_metadata_parse(text, size - 1, "fuzz", &arena, &metadata, &err);
        if (status == STATUS_OK && metadata.format_version == 2) change_metadata(&metadata, &arena);
        table_metadata_deinit(&metadata);
    }
    if (status != STATUS_OK && !error_is_set(&err)) abort();
    arena_deinit(&arena);
    return 0;
}
