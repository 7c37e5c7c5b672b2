#include "engines/columnar/iceberg/table_trash.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/columnar/iceberg/table_catalog_internal.h"
#include "engines/columnar/store/local_store.h"

enum { TRASH_WAIT_READERS_MS = 2000, TRASH_ENTRY_MAX_BYTES = 64 << 10, TRASH_YOUNG_S = 60 };

static const char *trash_directory(const TableCatalog *catalog, Arena *arena) {
    return arena_printf(arena, "%s/.signalbox/dropped", catalog->warehouse);
}

Status table_trash_put(TableCatalog *catalog, const char *metadata_location, Arena *arena, const char **entry,
                       Error *err) {
    char uuid[STORE_UUID_BYTES];
    const char *directory = trash_directory(catalog, arena);
    store_make_uuid(uuid);
    *entry = arena_printf(arena, "%s/%s", directory, uuid);
    TRY(store_make_directories(directory, err));
    return store_write_durable(*entry, metadata_location, strlen(metadata_location), err);
}

void table_trash_take_back(const char *entry) {
    unlink(entry);
}

static const char *uuid_of(const char *location, Arena *arena) {
    TableMetadata metadata;
    Error ignored;
    if (table_catalog_read_metadata(location, arena, &metadata, &ignored) != STATUS_OK) return NULL;
    const char *uuid = json_string_value(json_object_get(metadata.root, "table-uuid"));
    uuid = uuid ? arena_strdup(arena, uuid) : "";
    table_metadata_deinit(&metadata);
    return uuid;
}

/* Whether some name of the catalog still leads to this very table: its row was not deleted, or was renamed.
 */
static Status is_alive(TableCatalog *catalog, const char *location, const char *uuid, Arena *arena,
                       bool *alive, Error *err) {
    TableName *names;
    int count;
    TRY(table_catalog_list(catalog, arena, &names, &count, err));
    uint64_t key = table_pins_key(location);
    for (int i = 0; i < count && !*alive; i++) {
        StrBuf current;
        bool found;
        strbuf_init(&current);
        Status status =
            catalog_db_find(catalog->db, names[i].namespace_name, names[i].name, &current, &found, err);
        if (status == STATUS_OK && found && table_pins_key(strbuf_text(&current)) == key) {
            const char *other = uuid_of(strbuf_text(&current), arena);
            *alive = !other || strcmp(other, uuid) == 0;
        }
        strbuf_deinit(&current);
        TRY(status);
    }
    return STATUS_OK;
}

static bool is_read(TableCatalog *catalog, const char *location, Arena *arena) {
    int64_t *snapshots;
    int count;
    TableMetadata metadata;
    Error ignored;
    if (!table_pins_snapshots(catalog->pins, table_pins_key(location), arena, &snapshots, &count))
        return true;
    if (count == 0) return false;
    if (table_catalog_read_metadata(location, arena, &metadata, &ignored) != STATUS_OK) return true;
    bool read = false;
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(metadata.root, "snapshots"), index, item) {
        int64_t id = json_integer_value(json_object_get(item, "snapshot-id"));
        for (int i = 0; i < count; i++)
            read = read || snapshots[i] == id;
    }
    table_metadata_deinit(&metadata);
    return read;
}

/* True when the entry is done with. */
static bool empty_entry(TableCatalog *catalog, const char *path, Arena *arena) {
    char *location;
    size_t bytes;
    bool alive = false;
    Error ignored;
    struct stat info;
    if (store_read_file(path, TRASH_ENTRY_MAX_BYTES, arena, &location, &bytes, &ignored) != STATUS_OK)
        return false;
    const char *uuid = uuid_of(location, arena);
    if (!uuid) { /* purged as far as it could be, or half written */
        unlink(path);
        return true;
    }
    if (is_alive(catalog, location, uuid, arena, &alive, &ignored) != STATUS_OK) return false;
    if (alive) { /* a DROP under way in another process, or one that died before its row went */
        if (stat(path, &info) == 0 && time(NULL) - info.st_mtime > TRASH_YOUNG_S) unlink(path);
        return false;
    }
    if (is_read(catalog, location, arena)) return false;
    table_catalog_purge(location, arena);
    unlink(path);
    return true;
}

int table_trash_empty(TableCatalog *catalog) {
    Arena arena;
    arena_init(&arena);
    const char *directory = trash_directory(catalog, &arena);
    DIR *entries = opendir(directory);
    int left = 0;
    if (entries && table_pins_wait_readers(catalog->pins, TRASH_WAIT_READERS_MS)) {
        for (struct dirent *entry = readdir(entries); entry; entry = readdir(entries))
            if (entry->d_name[0] != '.')
                left +=
                    !empty_entry(catalog, arena_printf(&arena, "%s/%s", directory, entry->d_name), &arena);
    }
    if (entries) closedir(entries);
    arena_deinit(&arena);
    return left;
}
