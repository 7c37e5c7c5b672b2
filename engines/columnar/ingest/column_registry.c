#include "engines/columnar/ingest/column_registry.h"

#include <string.h>

#include "engines/base/hash.h"

void column_registry_init(ColumnRegistry *registry) {
    memset(registry, 0, sizeof *registry);
    arena_init(&registry->arena);
}

void column_registry_deinit(ColumnRegistry *registry) {
    arena_deinit(&registry->arena);
}

static bool is_named(const RegistryColumn *column, const char *name, size_t length) {
    return column->name_length == length && memcmp(column->name, name, length) == 0;
}

int column_registry_find(const ColumnRegistry *registry, const char *name, size_t length, int hint) {
    if (hint >= 0 && hint < registry->count && is_named(&registry->columns[hint], name, length)) return hint;
    if (registry->slot_count == 0) return -1;
    uint32_t slot = (uint32_t)hash64_bytes(name, length, 0) & (registry->slot_count - 1);
    for (; registry->slots[slot]; slot = (slot + 1) & (registry->slot_count - 1))
        if (is_named(&registry->columns[registry->slots[slot] - 1], name, length))
            return registry->slots[slot] - 1;
    return -1;
}

static void insert_slot(ColumnRegistry *registry, int column) {
    const RegistryColumn *entry = &registry->columns[column];
    uint32_t slot = (uint32_t)hash64_bytes(entry->name, entry->name_length, 0) & (registry->slot_count - 1);
    while (registry->slots[slot])
        slot = (slot + 1) & (registry->slot_count - 1);
    registry->slots[slot] = column + 1;
}

static bool is_plain(const char *name, size_t length) {
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < 32 || name[i] == '"' || name[i] == '\\') return false;
    return length <= 128;
}

Status column_registry_add(ColumnRegistry *registry, const char *name, size_t length, int *column,
                           Error *err) {
    *column = column_registry_find(registry, name, length, -1);
    if (*column >= 0) return STATUS_OK;
    if (registry->count == REGISTRY_MAX_COLUMNS)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "the input has more than %d columns",
                         REGISTRY_MAX_COLUMNS);
    if (registry->count == registry->capacity) {
        registry->capacity = registry->capacity ? registry->capacity * 2 : 32;
        RegistryColumn *grown = ARENA_NEW_ARRAY(&registry->arena, RegistryColumn, registry->capacity);
        if (registry->count) memcpy(grown, registry->columns, (size_t)registry->count * sizeof *grown);
        registry->columns = grown;
        registry->slot_count = (uint32_t)registry->capacity * 4;
        registry->slots = ARENA_NEW_ARRAY(&registry->arena, int32_t, registry->slot_count);
        for (int i = 0; i < registry->count; i++)
            insert_slot(registry, i);
    }
    *column = registry->count++;
    registry->columns[*column] = (RegistryColumn){.name = arena_strndup(&registry->arena, name, length),
                                                  .name_length = length,
                                                  .is_plain = is_plain(name, length)};
    insert_slot(registry, *column);
    return STATUS_OK;
}
