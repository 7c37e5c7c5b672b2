#include "engines/columnar/iceberg/table_catalog.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/base/hash.h"
#include "engines/base/log.h"
#include "engines/columnar/iceberg/table_catalog_internal.h"
#include "engines/columnar/iceberg/table_trash.h"
#include "engines/columnar/store/local_store.h"

enum { LOAD_ATTEMPTS = 5, MAX_DIRECTORY_NAME = 100 };

/* Where nothing can be written nothing is deleted either, so readers need no pins. */
static void open_pins(TableCatalog *catalog) {
    Error failure = {0};
    char *directory;
    if (asprintf(&directory, "%s/.signalbox", catalog->warehouse) < 0) abort();
    if (table_pins_open(directory, &catalog->pins, &failure) != STATUS_OK)
        log_warn("columnar.pins", "error=\"%s\"", failure.message);
    free(directory);
}

const char *table_catalog_warehouse(const TableCatalog *catalog) {
    return catalog->warehouse;
}

const char *table_catalog_kind(const TableCatalog *catalog) {
    return catalog->db->ops->kind;
}

TablePins *table_catalog_pins(TableCatalog *catalog) {
    return catalog->pins;
}

/* A file gets an absolute name and its directory; a connection string stays as it is. */
static Status prepare_database(const char *text, Arena *arena, const char **out, Error *err) {
    char *path;
    *out = text;
    if (catalog_db_is_postgres(text)) return STATUS_OK;
    TRY(store_absolute_path(text, arena, &path, err));
    *out = path;
    const char *slash = strrchr(path, '/');
    return store_make_directories(slash == path ? "/" : arena_strndup(arena, path, (size_t)(slash - path)),
                                  err);
}

Status table_catalog_open(const char *catalog_path, const char *warehouse_directory, TableCatalog **out,
                          Error *err) {
    Arena arena;
    arena_init(&arena);
    char *warehouse = NULL;
    const char *database = NULL;
    CatalogDb *db = NULL;
    Status status = store_absolute_path(warehouse_directory, &arena, &warehouse, err);
    if (status == STATUS_OK) status = store_make_directories(warehouse, err);
    if (status == STATUS_OK) status = prepare_database(catalog_path, &arena, &database, err);
    if (status == STATUS_OK) status = catalog_db_open(database, &db, err);
    if (status == STATUS_OK) {
        TableCatalog *catalog = calloc(1, sizeof *catalog);
        if (!catalog) abort();
        catalog->db = db;
        catalog->warehouse = strdup(warehouse);
        open_pins(catalog);
        catalog->append_lanes = append_lanes_create();
        pthread_mutex_init(&catalog->lock, NULL);
        for (int i = 0; i < COMMIT_LOCKS; i++)
            pthread_mutex_init(&catalog->commit_locks[i], NULL);
        *out = catalog;
    }
    arena_deinit(&arena);
    return status;
}

void table_catalog_close(TableCatalog *catalog) {
    if (!catalog) return;
    for (int set = 0; set < CACHE_SETS; set++)
        for (int way = 0; way < CACHE_WAYS; way++)
            table_version_release(catalog->cache[set][way].version);
    for (int i = 0; i < COMMIT_LOCKS; i++)
        pthread_mutex_destroy(&catalog->commit_locks[i]);
    pthread_mutex_destroy(&catalog->lock);
    table_pins_close(catalog->pins);
    append_lanes_destroy(catalog->append_lanes);
    catalog_db_close(catalog->db);
    free(catalog->warehouse);
    free(catalog);
}

Status table_catalog_list(TableCatalog *catalog, Arena *arena, TableName **out, int *count, Error *err) {
    return catalog_db_list(catalog->db, arena, out, count, err);
}

Status table_catalog_namespaces(TableCatalog *catalog, Arena *arena, const char ***out, int *count,
                                Error *err) {
    return catalog_db_namespaces(catalog->db, arena, out, count, err);
}

Status table_catalog_create_namespace(TableCatalog *catalog, const char *name, bool *done, Error *err) {
    return catalog_db_create_namespace(catalog->db, name, done, err);
}

Status table_catalog_drop_namespace(TableCatalog *catalog, const char *name, bool *done, Error *err) {
    return catalog_db_drop_namespace(catalog->db, name, done, err);
}

uint64_t table_catalog_hash(const char *namespace_name, const char *name) {
    return hash64_combine(hash64_bytes(namespace_name, strlen(namespace_name), 0),
                          hash64_bytes(name, strlen(name), 0));
}

static bool version_is_of(const TableVersion *version, const char *namespace_name, const char *name) {
    return version && strcmp(version->name, name) == 0 &&
           strcmp(version->namespace_name, namespace_name) == 0;
}

/* Of the past, or of a branch: what the metadata has selected. NULL = the current version. */
static bool version_is_at(const TableVersion *version, const TableMetadata *at) {
    if (!at) return !version->is_as_of;
    return version->is_as_of && version->snapshot_id == at->snapshot_id &&
           version->schema_id == at->schema_id;
}

static TableVersion *cache_find(TableCatalog *catalog, const char *namespace_name, const char *name,
                                const char *location, const TableMetadata *at) {
    CacheSlot *set = catalog->cache[table_catalog_hash(namespace_name, name) % CACHE_SETS];
    TableVersion *found = NULL;
    pthread_mutex_lock(&catalog->lock);
    for (int way = 0; way < CACHE_WAYS && !found; way++) {
        if (version_is_of(set[way].version, namespace_name, name) &&
            strcmp(set[way].version->metadata_location, location) == 0 &&
            version_is_at(set[way].version, at)) {
            set[way].last_use = ++catalog->clock;
            found = table_version_retain(set[way].version);
        }
    }
    pthread_mutex_unlock(&catalog->lock);
    return found;
}

/* Takes the place of the table's older version, else of the set's least recently used one. */
static void cache_put(TableCatalog *catalog, TableVersion *version) {
    CacheSlot *set = catalog->cache[table_catalog_hash(version->namespace_name, version->name) % CACHE_SETS];
    pthread_mutex_lock(&catalog->lock);
    CacheSlot *victim = &set[0];
    for (int way = 0; way < CACHE_WAYS; way++) {
        if (!version->is_as_of && version_is_of(set[way].version, version->namespace_name, version->name) &&
            !set[way].version->is_as_of) {
            victim = &set[way];
            break;
        }
        if (set[way].last_use < victim->last_use) victim = &set[way];
    }
    TableVersion *old = victim->version;
    victim->version = table_version_retain(version);
    victim->last_use = ++catalog->clock;
    pthread_mutex_unlock(&catalog->lock);
    table_version_release(old);
}

Status table_catalog_undefined(const char *namespace_name, const char *name, Error *err) {
    bool is_default = strcmp(namespace_name, DEFAULT_NAMESPACE) == 0;
    return error_set(err, SQLSTATE_UNDEFINED_TABLE, "columnar table \"%s%s%s\" does not exist",
                     is_default ? "" : namespace_name, is_default ? "" : ".", name);
}

/* The version that one metadata file describes, from the cache or the files. */
static Status load_at(TableCatalog *catalog, const char *namespace_name, const char *name,
                      const char *location, const TableAsOf *as_of, TableVersion **out, Error *err) {
    *out = as_of ? NULL : cache_find(catalog, namespace_name, name, location, NULL);
    if (*out) return STATUS_OK;
    Arena arena;
    arena_init(&arena);
    TableMetadata metadata;
    Status status = table_catalog_read_metadata(location, &arena, &metadata, err);
    if (status == STATUS_OK && as_of) {
        status = table_metadata_as_of(&metadata, as_of, name, &arena, err);
        if (status == STATUS_OK) *out = cache_find(catalog, namespace_name, name, location, &metadata);
    }
    if (status == STATUS_OK && !*out) {
        status = table_version_read(namespace_name, name, location, &metadata, out, err);
        if (status == STATUS_OK) {
            (*out)->is_as_of = as_of != NULL;
            cache_put(catalog, *out);
        }
    }
    table_metadata_deinit(&metadata);
    arena_deinit(&arena);
    return status;
}

static Status load_with(TableCatalog *catalog, const char *namespace_name, const char *name,
                        const TableAsOf *as_of, StrBuf *location, StrBuf *previous, TableVersion **out,
                        Error *err) {
    for (int attempt = 0;; attempt++) {
        bool found;
        strbuf_reset(location);
        TRY(catalog_db_find(catalog->db, namespace_name, name, location, &found, err));
        if (!found) return table_catalog_undefined(namespace_name, name, err);
        if (load_at(catalog, namespace_name, name, strbuf_text(location), as_of, out, err) == STATUS_OK)
            return STATUS_OK;
        /* Dropped or replaced while it was read, its files may be gone: look again, once per location. */
        if (attempt == LOAD_ATTEMPTS || strcmp(strbuf_text(previous), strbuf_text(location)) == 0)
            return STATUS_ERROR;
        strbuf_reset(previous);
        strbuf_append(previous, strbuf_text(location), location->length);
    }
}

Status table_catalog_load(TableCatalog *catalog, const char *namespace_name, const char *name,
                          TableVersion **out, Error *err) {
    return table_catalog_load_as_of(catalog, namespace_name, name, NULL, out, err);
}

Status table_catalog_load_as_of(TableCatalog *catalog, const char *namespace_name, const char *name,
                                const TableAsOf *as_of, TableVersion **out, Error *err) {
    StrBuf location, previous;
    strbuf_init(&location);
    strbuf_init(&previous);
    Status status = load_with(catalog, namespace_name ? namespace_name : DEFAULT_NAMESPACE, name, as_of,
                              &location, &previous, out, err);
    strbuf_deinit(&location);
    strbuf_deinit(&previous);
    return status;
}

Status table_catalog_location(TableCatalog *catalog, const char *namespace_name, const char *name,
                              StrBuf *location, bool *found, bool *waits, Error *err) {
    if (waits) return catalog_db_find_at_once(catalog->db, namespace_name, name, location, found, waits, err);
    return catalog_db_find(catalog->db, namespace_name, name, location, found, err);
}

/* A name as one path component: other characters than these become '_' and a hash keeps the results apart. */
static char *directory_component(const char *name, Arena *arena) {
    char *safe = arena_strdup(arena, name);
    bool changed = strlen(safe) > MAX_DIRECTORY_NAME || safe[0] == '.' || safe[0] == 0;
    if (strlen(safe) > MAX_DIRECTORY_NAME) safe[MAX_DIRECTORY_NAME] = 0;
    for (char *c = safe; *c; c++) {
        bool plain = isalnum((unsigned char)*c) || *c == '_' || *c == '-' || (*c == '.' && c > safe);
        if (!plain || (unsigned char)*c >= 0x80) {
            *c = '_';
            changed = true;
        }
    }
    if (!changed) return safe;
    return arena_printf(arena, "%s-%016llx", safe, (unsigned long long)hash64_bytes(name, strlen(name), 0));
}

/* A directory that is there may belong to a table that had this name before it was renamed, or to one that is
 * being made. */
Status table_catalog_make_directory(const TableCatalog *catalog, const char *namespace_name, const char *name,
                                    Arena *arena, char **out, Error *err) {
    char *parent =
        arena_printf(arena, "%s/%s", catalog->warehouse, directory_component(namespace_name, arena));
    char *path = arena_printf(arena, "%s/%s", parent, directory_component(name, arena));
    TRY(store_make_directories(parent, err));
    *out = path;
    while (mkdir(*out, 0777) != 0) {
        if (errno != EEXIST) return error_set_errno(err, errno, "cannot create directory \"%s\"", *out);
        *out = arena_printf(arena, "%s-%016" PRIx64, path, store_random_u64());
    }
    return store_sync_directory_of(*out, err);
}

Status table_catalog_rename(TableCatalog *catalog, const char *namespace_name, const char *name,
                            const char *new_name, Error *err) {
    bool renamed;
    TRY(catalog_db_rename(catalog->db, namespace_name, name, new_name, &renamed, err));
    return renamed ? STATUS_OK : table_catalog_undefined(namespace_name, name, err);
}

Status table_catalog_create(TableCatalog *catalog, const char *namespace_name, const char *name,
                            const TableColumn *columns, int column_count, Error *err) {
    TableAppend *append;
    TRY(table_append_begin_create(catalog, namespace_name, name, columns, column_count, false, &append, err));
    return table_append_commit(append, NULL, NULL, err);
}

static void remove_uri(const char *uri, Arena *arena) {
    const char *path;
    Error ignored;
    if (uri && store_path_from_uri(uri, arena, &path, &ignored) == STATUS_OK) unlink(path);
}

/* Removes the data files, manifests and manifest list of one snapshot. Best effort: what cannot be read
 * stays. */
static void purge_snapshot(const char *manifest_list, Arena *arena) {
    ManifestFile *manifests;
    int count;
    Error ignored;
    if (manifest_list_read(manifest_list, arena, &manifests, &count, &ignored) != STATUS_OK) return;
    for (int i = 0; i < count; i++) {
        EntryList list = {0};
        if (manifest_read(&manifests[i], NULL, arena, &list, &ignored) == STATUS_OK)
            for (int j = 0; j < list.count; j++)
                remove_uri(list.entries[j].uri, arena);
        remove_uri(manifests[i].path, arena);
    }
    remove_uri(manifest_list, arena);
}

static void purge_table(const TableMetadata *metadata, const char *location, Arena *arena) {
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(metadata->root, "snapshots"), index, item) {
        const char *list = json_string_value(json_object_get(item, "manifest-list"));
        if (list) purge_snapshot(list, arena);
    }
    json_array_foreach(json_object_get(metadata->root, "metadata-log"), index, item)
        remove_uri(json_string_value(json_object_get(item, "metadata-file")), arena);
    remove_uri(location, arena);
    const char *directory;
    Error ignored;
    if (store_path_from_uri(metadata->location, arena, &directory, &ignored) == STATUS_OK) {
        rmdir(arena_printf(arena, "%s/data", directory));
        rmdir(arena_printf(arena, "%s/metadata", directory));
        rmdir(directory);
    }
}

void table_catalog_purge(const char *location, Arena *arena) {
    TableMetadata metadata;
    Error ignored;
    if (table_catalog_read_metadata(location, arena, &metadata, &ignored) != STATUS_OK) return;
    purge_table(&metadata, location, arena);
    table_metadata_deinit(&metadata);
}

static Status drop_with(TableCatalog *catalog, const char *namespace_name, const char *name, Arena *arena,
                        StrBuf *location, Error *err) {
    bool deleted = false;
    while (!deleted) { /* each round that fails means that somebody else committed */
        bool found;
        const char *trash;
        strbuf_reset(location);
        TRY(catalog_db_find(catalog->db, namespace_name, name, location, &found, err));
        if (!found) return table_catalog_undefined(namespace_name, name, err);
        TRY(table_trash_put(catalog, strbuf_text(location), arena, &trash, err));
        Status status =
            catalog_db_delete(catalog->db, namespace_name, name, strbuf_text(location), &deleted, err);
        if (status != STATUS_OK || !deleted) table_trash_take_back(trash);
        TRY(status);
    }
    table_trash_empty(catalog);
    return STATUS_OK;
}

Status table_catalog_drop(TableCatalog *catalog, const char *namespace_name, const char *name, Error *err) {
    Arena arena;
    StrBuf location;
    arena_init(&arena);
    strbuf_init(&location);
    Status status =
        drop_with(catalog, namespace_name ? namespace_name : DEFAULT_NAMESPACE, name, &arena, &location, err);
    strbuf_deinit(&location);
    arena_deinit(&arena);
    return status;
}

/* ---- views and functions ---------------------------------------------------------------------------------
 */

Status table_catalog_definitions(TableCatalog *catalog, DefinitionKind kind, const char *name, Arena *arena,
                                 Definition **out, int *count, Error *err) {
    return catalog_db_definitions(catalog->db, kind, name, arena, out, count, err);
}

Status table_catalog_define(TableCatalog *catalog, const Definition *definition, bool replace, bool *done,
                            Error *err) {
    return catalog_db_define(catalog->db, definition, replace, done, err);
}

Status table_catalog_undefine(TableCatalog *catalog, DefinitionKind kind, const char *namespace_name,
                              const char *name, const char *signature, bool *done, Error *err) {
    Definition definition = {
        .kind = kind, .namespace_name = namespace_name, .name = name, .signature = signature};
    return catalog_db_undefine(catalog->db, &definition, done, err);
}
