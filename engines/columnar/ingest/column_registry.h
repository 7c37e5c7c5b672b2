/* The columns of one load by name, with what was seen in them. */
#pragma once

#include "engines/base/arena.h"
#include "engines/base/error.h"
#include "engines/columnar/iceberg/table_catalog.h"
#include "engines/columnar/ingest/column_profile.h"

enum { REGISTRY_MAX_COLUMNS = 10000 };

typedef struct RegistryColumn {
    const char *name;
    size_t name_length;
    bool is_plain;      /* short, and spelled in JSON as it is */
    int64_t first_seen; /* orders columns that different threads found */
    ColumnProfile profile;
} RegistryColumn;

typedef struct ColumnRegistry {
    Arena arena;
    RegistryColumn *columns;
    int count, capacity;
    int32_t *slots; /* hash → column + 1 */
    uint32_t slot_count;
} ColumnRegistry;

void column_registry_init(ColumnRegistry *registry);
void column_registry_deinit(ColumnRegistry *registry);
/* -1 when there is none. `hint` is tried first: rows mostly repeat the order of the one before. */
int column_registry_find(const ColumnRegistry *registry, const char *name, size_t length, int hint);
/* As find, and adds it. 54000 beyond REGISTRY_MAX_COLUMNS. */
Status column_registry_add(ColumnRegistry *registry, const char *name, size_t length, int *column,
                           Error *err);
