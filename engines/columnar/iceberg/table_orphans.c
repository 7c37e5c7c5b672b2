#include "engines/columnar/iceberg/table_orphans.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "engines/columnar/iceberg/table_catalog_internal.h"
#include "engines/columnar/iceberg/table_reach.h"
#include "engines/columnar/store/local_store.h"

/* The kernel stamps files with a clock that ticks; a file may look that much older than it is. */
enum { CLOCK_TICK_MS = 100, ORPHAN_WAIT_READERS_MS = 2000, MAX_DIRECTORY_DEPTH = 16 };

typedef struct FoundFile {
    const char *path;
    int64_t bytes, modified_ms;
} FoundFile;

typedef struct FoundFiles {
    FoundFile *files;
    int count, capacity;
    Arena *arena;
} FoundFiles;

static void found_add(FoundFiles *found, const char *path, const struct stat *info) {
    if (found->count == found->capacity) {
        found->capacity = found->capacity ? found->capacity * 2 : 64;
        FoundFile *grown = ARENA_NEW_ARRAY(found->arena, FoundFile, found->capacity);
        if (found->count) memcpy(grown, found->files, sizeof *grown * (size_t)found->count);
        found->files = grown;
    }
    found->files[found->count++] = (FoundFile){
        path, info->st_size, (int64_t)info->st_mtim.tv_sec * 1000 + info->st_mtim.tv_nsec / 1000000};
}

static Status list_directory(const char *directory, int depth, FoundFiles *found, Error *err) {
    DIR *entries = opendir(directory);
    if (!entries && errno == ENOENT) return STATUS_OK;
    if (!entries) return error_set_errno(err, errno, "cannot open directory \"%s\"", directory);
    Status status = STATUS_OK;
    for (struct dirent *entry = readdir(entries); entry && status == STATUS_OK; entry = readdir(entries)) {
        struct stat info;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        const char *path = arena_printf(found->arena, "%s/%s", directory, entry->d_name);
        if (lstat(path, &info) != 0) continue; /* removed meanwhile */
        if (S_ISDIR(info.st_mode) && depth < MAX_DIRECTORY_DEPTH)
            status = list_directory(path, depth + 1, found, err);
        else if (S_ISREG(info.st_mode))
            found_add(found, path, &info);
    }
    closedir(entries);
    return status;
}

static void orphan_add(OrphanList *list, const FoundFile *file, Arena *arena) {
    if (list->count == list->capacity) {
        int capacity = list->capacity ? list->capacity * 2 : 16;
        const char **paths = ARENA_NEW_ARRAY(arena, const char *, capacity);
        int64_t *bytes = ARENA_NEW_ARRAY(arena, int64_t, capacity);
        if (list->count) {
            memcpy(paths, list->paths, sizeof *paths * (size_t)list->count);
            memcpy(bytes, list->bytes, sizeof *bytes * (size_t)list->count);
        }
        list->paths = paths;
        list->bytes = bytes;
        list->capacity = capacity;
    }
    list->paths[list->count] = file->path;
    list->bytes[list->count++] = file->bytes;
    list->total_bytes += file->bytes;
}

/* Snapshots being read. Asked for before the metadata is read, so that each is in it unless it was expired.
 */
typedef struct ReadSnapshots {
    int64_t *ids;
    int count;
} ReadSnapshots;

static bool find_readers(TablePins *pins, uint64_t key, Arena *arena, ReadSnapshots *out) {
    return table_pins_wait_readers(pins, ORPHAN_WAIT_READERS_MS) &&
           table_pins_snapshots(pins, key, arena, &out->ids, &out->count);
}

/* A snapshot that is read but no longer in the metadata: its files look like orphans and are none. */
static bool reads_expired_snapshot(const ReadSnapshots *read, const TableMetadata *metadata) {
    for (int i = 0; i < read->count; i++) {
        bool known = false;
        size_t index;
        json_t *snapshot;
        json_array_foreach(json_object_get(metadata->root, "snapshots"), index, snapshot) known =
            known || json_integer_value(json_object_get(snapshot, "snapshot-id")) == read->ids[i];
        if (!known) return true;
    }
    return false;
}

/* Hadoop-style tables keep a hint there; it is no part of the catalog's metadata. */
static bool is_hint(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && strcmp(slash + 1, "version-hint.text") == 0;
}

static Status choose(const TableMetadata *metadata, const char *location, const FoundFiles *found,
                     int64_t before_ms, Arena *arena, OrphanList *out, Error *err) {
    PathSet reached;
    path_set_init(&reached, arena);
    Status status = reach_table(metadata, location, arena, &reached, err);
    for (int i = 0; i < found->count && status == STATUS_OK; i++)
        if (found->files[i].modified_ms < before_ms && !path_set_has(&reached, found->files[i].path) &&
            !is_hint(found->files[i].path))
            orphan_add(out, &found->files[i], arena);
    path_set_deinit(&reached);
    return status;
}

static Status table_location(TableCatalog *catalog, const char *namespace_name, const char *name,
                             Arena *arena, const char **location, Error *err) {
    StrBuf text;
    bool found = false;
    strbuf_init(&text);
    Status status = catalog_db_find(catalog->db, namespace_name, name, &text, &found, err);
    *location = arena_strdup(arena, strbuf_text(&text));
    strbuf_deinit(&text);
    TRY(status);
    return found ? STATUS_OK : table_catalog_undefined(namespace_name, name, err);
}

/* The files a moment ago, and how old one must be to count. */
static Status find_candidates(TableCatalog *catalog, const char *location, int64_t min_age_ms,
                              FoundFiles *found, int64_t *before_ms, Error *err) {
    TableMetadata metadata;
    const char *directory;
    TRY(table_catalog_read_metadata(location, found->arena, &metadata, err));
    *before_ms = clock_wall_us() / 1000 - min_age_ms;
    Status status = store_path_from_uri(metadata.location, found->arena, &directory, err);
    if (status == STATUS_OK) status = list_directory(directory, 0, found, err);
    table_metadata_deinit(&metadata);
    int64_t writer_ms = table_pins_oldest_writer(catalog->pins, table_pins_key(location));
    if (writer_ms < *before_ms) *before_ms = writer_ms;
    *before_ms -= CLOCK_TICK_MS;
    return status;
}

Status table_orphans_find(TableCatalog *catalog, const char *namespace_name, const char *name,
                          int64_t min_age_ms, Arena *arena, OrphanList *out, Error *err) {
    if (!namespace_name) namespace_name = DEFAULT_NAMESPACE;
    *out = (OrphanList){0};
    const char *location;
    TableMetadata metadata;
    FoundFiles found = {.arena = arena};
    ReadSnapshots read = {0};
    int64_t before_ms;
    /* In this order: files, writers, readers, metadata. A commit that ended before writers were asked for is
     * in the metadata; one that had not ended was seen; one that began later has younger files only. */
    TRY(table_location(catalog, namespace_name, name, arena, &location, err));
    TRY(find_candidates(catalog, location, min_age_ms, &found, &before_ms, err));
    out->unsure = !find_readers(catalog->pins, table_pins_key(location), arena, &read);
    TRY(table_location(catalog, namespace_name, name, arena, &location, err));
    TRY(table_catalog_read_metadata(location, arena, &metadata, err));
    out->unsure = out->unsure || reads_expired_snapshot(&read, &metadata);
    Status status = out->unsure ? STATUS_OK : choose(&metadata, location, &found, before_ms, arena, out, err);
    table_metadata_deinit(&metadata);
    return status;
}

/* ---- directories of no table ---- */

static bool is_table_file(const char *path) {
    static const char *const ENDINGS[] = {".parquet", ".avro", ".json", ".puffin"};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof ENDINGS / sizeof *ENDINGS; i++)
        if (strcmp(dot, ENDINGS[i]) == 0) return true;
    return false;
}

static Status known_directories(TableCatalog *catalog, Arena *arena, PathSet *out, Error *err) {
    TableName *names;
    int count;
    TRY(table_catalog_list(catalog, arena, &names, &count, err));
    for (int i = 0; i < count; i++) {
        const char *location, *path;
        Error gone = {0};
        if (table_location(catalog, names[i].namespace_name, names[i].name, arena, &location, &gone) !=
            STATUS_OK) {
            if (strcmp(gone.sqlstate, SQLSTATE_UNDEFINED_TABLE) == 0) continue;
            if (err) *err = gone; /* not known to be nobody's */
            return STATUS_ERROR;
        }
        if (store_path_from_uri(location, arena, &path, &gone) != STATUS_OK) continue;
        for (char *slash = strrchr(path, '/'); slash && slash > path; slash = strrchr(path, '/')) {
            *slash = 0;
            path_set_add(out, path);
        }
    }
    return STATUS_OK;
}

static Status strays_of(TableCatalog *catalog, const char *directory, int64_t before_ms, Arena *arena,
                        OrphanList *out, Error *err) {
    FoundFiles found = {.arena = arena};
    ReadSnapshots read = {0};
    char *metadata_file = arena_printf(arena, "file://%s/metadata/", directory);
    uint64_t key = table_pins_key(metadata_file);
    TRY(list_directory(arena_printf(arena, "%s/data", directory), 0, &found, err));
    TRY(list_directory(arena_printf(arena, "%s/metadata", directory), 0, &found, err));
    int64_t writer_ms = table_pins_oldest_writer(catalog->pins, key);
    if (writer_ms < before_ms) before_ms = writer_ms;
    if (!find_readers(catalog->pins, key, arena, &read) || read.count > 0) return STATUS_OK;
    PathSet known; /* again, after the writers were asked for: the table may have been made meanwhile */
    path_set_init(&known, arena);
    Status status = known_directories(catalog, arena, &known, err);
    for (int i = 0; i < found.count && status == STATUS_OK && !path_set_has(&known, directory); i++)
        if (found.files[i].modified_ms < before_ms - CLOCK_TICK_MS && is_table_file(found.files[i].path))
            orphan_add(out, &found.files[i], arena);
    path_set_deinit(&known);
    return status;
}

static Status stray_directories(TableCatalog *catalog, const char *namespace_directory, const PathSet *known,
                                int64_t before_ms, Arena *arena, OrphanList *out, Error *err) {
    DIR *entries = opendir(namespace_directory);
    if (!entries) return STATUS_OK;
    Status status = STATUS_OK;
    for (struct dirent *entry = readdir(entries); entry && status == STATUS_OK; entry = readdir(entries)) {
        const char *path = arena_printf(arena, "%s/%s", namespace_directory, entry->d_name);
        if (entry->d_name[0] != '.' && !path_set_has(known, path))
            status = strays_of(catalog, path, before_ms, arena, out, err);
    }
    closedir(entries);
    return status;
}

Status table_orphans_find_strays(TableCatalog *catalog, int64_t min_age_ms, Arena *arena, OrphanList *out,
                                 Error *err) {
    PathSet known;
    int64_t before_ms = clock_wall_us() / 1000 - min_age_ms;
    *out = (OrphanList){0};
    path_set_init(&known, arena);
    Status status = known_directories(catalog, arena, &known, err);
    DIR *entries = status == STATUS_OK ? opendir(catalog->warehouse) : NULL;
    for (struct dirent *entry = entries ? readdir(entries) : NULL; entry && status == STATUS_OK;
         entry = readdir(entries)) {
        if (entry->d_name[0] == '.') continue;
        const char *path = arena_printf(arena, "%s/%s", catalog->warehouse, entry->d_name);
        status = stray_directories(catalog, path, &known, before_ms, arena, out, err);
    }
    if (entries) closedir(entries);
    path_set_deinit(&known);
    return status;
}

Status table_orphans_remove(const OrphanList *orphans, int *removed, Error *err) {
    *removed = 0;
    for (int i = 0; i < orphans->count; i++) {
        if (unlink(orphans->paths[i]) == 0)
            ++*removed;
        else if (errno != ENOENT)
            return error_set_errno(err, errno, "cannot remove \"%s\"", orphans->paths[i]);
    }
    return STATUS_OK;
}
