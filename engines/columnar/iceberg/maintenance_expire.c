/* Snapshots that no longer count leave the metadata; then the files that only they referred to go, and
 * metadata files that the log no longer lists. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/columnar/iceberg/maintenance_internal.h"
#include "engines/columnar/iceberg/table_reach.h"
#include "engines/columnar/store/local_store.h"

enum { EXPIRE_WAIT_READERS_MS = 5000, EXPIRE_SLACK_DIVISOR = 5 };

typedef struct SnapshotMark {
    json_t *json;
    int64_t id, parent_id, timestamp_ms;
    bool keep;
} SnapshotMark;

typedef struct Expiry {
    TableCatalog *catalog;
    const char *namespace_name, *name;
    const MaintenanceOptions *options;
    MaintenanceReport *report;
    Arena *arena;
    const char *location;
    TableMetadata metadata;
    SnapshotMark *snapshots;
    int count, expired;
} Expiry;

static int compare_marks(const void *a, const void *b) {
    const SnapshotMark *left = a, *right = b;
    return left->id < right->id ? -1 : left->id > right->id;
}

static SnapshotMark *find_mark(Expiry *expiry, int64_t id) {
    SnapshotMark key = {.id = id};
    return bsearch(&key, expiry->snapshots, (size_t)expiry->count, sizeof key, compare_marks);
}

static int64_t json_id(json_t *object, const char *key) {
    json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : -1;
}

static void mark_list(Expiry *expiry) {
    json_t *list = json_object_get(expiry->metadata.root, "snapshots");
    expiry->snapshots = ARENA_NEW_ARRAY(expiry->arena, SnapshotMark, json_array_size(list) + 1);
    size_t index;
    json_t *snapshot;
    json_array_foreach(list, index, snapshot) {
        expiry->snapshots[expiry->count++] =
            (SnapshotMark){snapshot, json_id(snapshot, "snapshot-id"),
                           json_id(snapshot, "parent-snapshot-id"), json_id(snapshot, "timestamp-ms"), false};
    }
    qsort(expiry->snapshots, (size_t)expiry->count, sizeof *expiry->snapshots, compare_marks);
}

/* Walks a branch from its head: so many ancestors stay, and those young enough, but not more than allowed. */
static void keep_branch(Expiry *expiry, json_t *ref, int64_t head, int64_t now_ms) {
    const MaintenanceOptions *options = expiry->options;
    int64_t age = maintenance_property(&expiry->metadata, "history.expire.max-snapshot-age-ms",
                                       options->max_snapshot_age_ms);
    int64_t least = maintenance_property(&expiry->metadata, "history.expire.min-snapshots-to-keep",
                                         options->min_snapshots);
    if (json_id(ref, "max-snapshot-age-ms") > 0) age = json_id(ref, "max-snapshot-age-ms");
    if (json_id(ref, "min-snapshots-to-keep") > 0) least = json_id(ref, "min-snapshots-to-keep");
    SnapshotMark *mark = find_mark(expiry, head);
    for (int64_t i = 0; mark && i < expiry->count; i++, mark = find_mark(expiry, mark->parent_id)) {
        bool young = mark->timestamp_ms >= now_ms - age && i < options->max_snapshots;
        if (i > 0 && i >= least && !young) break;
        mark->keep = true;
    }
}

static void keep_what_counts(Expiry *expiry) {
    int64_t now_ms = clock_wall_us() / 1000;
    const char *name;
    json_t *ref;
    keep_branch(expiry, NULL, expiry->metadata.snapshot_id, now_ms);
    json_object_foreach(json_object_get(expiry->metadata.root, "refs"), name, ref) {
        int64_t head = json_id(ref, "snapshot-id");
        const char *type = json_string_value(json_object_get(ref, "type"));
        SnapshotMark *mark = find_mark(expiry, head);
        if (mark) mark->keep = true;
        if (type && strcmp(type, "branch") == 0) keep_branch(expiry, ref, head, now_ms);
    }
    /* Staged or rolled back: on no branch, but perhaps still wanted for a while. */
    for (int i = 0; i < expiry->count; i++)
        if (expiry->snapshots[i].timestamp_ms >= now_ms - expiry->options->max_snapshot_age_ms &&
            expiry->count <= expiry->options->max_snapshots)
            expiry->snapshots[i].keep = true;
}

static void keep_what_is_read(Expiry *expiry) {
    int64_t *read;
    int count;
    bool sure = table_pins_snapshots(expiry->catalog->pins, table_pins_key(expiry->location), expiry->arena,
                                     &read, &count);
    for (int i = 0; i < count; i++) {
        SnapshotMark *mark = find_mark(expiry, read[i]);
        if (mark) mark->keep = true;
    }
    for (int i = 0; i < expiry->count && !sure; i++)
        expiry->snapshots[i].keep = true;
}

/* ---- files ---- */

typedef struct Reach {
    PathSet lists, manifests, files;
} Reach;

static Status reach_add(Reach *reach, json_t *snapshot, Arena *arena, Error *err) {
    ReachedSnapshot reached;
    TRY(reach_snapshot(snapshot, arena, &reached, err));
    if (reached.list) path_set_add(&reach->lists, reached.list);
    for (int i = 0; i < reached.manifest_count; i++)
        path_set_add(&reach->manifests, reached.manifests[i]);
    return STATUS_OK;
}

/* Files of those of the manifests that are not among `except`. */
static Status reach_files(Reach *reach, const PathSet *except, Error *err) {
    Status status = STATUS_OK;
    for (size_t i = 0; i < reach->manifests.capacity && status == STATUS_OK; i++) {
        const char *manifest = reach->manifests.slots[i];
        Arena arena;
        ReachedFileList files = {0};
        if (!manifest || (except && path_set_has(except, manifest))) continue;
        arena_init(&arena);
        status = reach_manifest(manifest, &arena, &files, err);
        for (int f = 0; f < files.count && status == STATUS_OK; f++)
            path_set_add(&reach->files, files.files[f].path);
        arena_deinit(&arena);
    }
    return status;
}

static void remove_unkept(Expiry *expiry, const PathSet *gone, const PathSet *kept) {
    for (size_t i = 0; i < gone->capacity; i++) {
        if (!gone->slots[i] || path_set_has(kept, gone->slots[i])) continue;
        int64_t bytes = maintenance_unlink(gone->slots[i]);
        expiry->report->files_removed += bytes > 0;
        expiry->report->bytes_removed += bytes;
    }
}

static Status remove_with(Expiry *expiry, const TableMetadata *now, Reach *gone, Reach *kept, Error *err) {
    size_t index;
    json_t *snapshot;
    json_array_foreach(json_object_get(now->root, "snapshots"), index, snapshot)
        TRY(reach_add(kept, snapshot, expiry->arena, err));
    /* Marked again since: a reader may have come to an expired snapshot just before it went. */
    for (int i = 0; i < expiry->count; i++)
        TRY(reach_add(expiry->snapshots[i].keep ? kept : gone, expiry->snapshots[i].json, expiry->arena,
                      err));
    TRY(reach_files(gone, &kept->manifests, err));
    if (gone->files.count > 0) TRY(reach_files(kept, NULL, err));
    /* Data first: a crash in between leaves the manifests that say what else there was. */
    remove_unkept(expiry, &gone->files, &kept->files);
    remove_unkept(expiry, &gone->manifests, &kept->manifests);
    remove_unkept(expiry, &gone->lists, &kept->lists);
    return STATUS_OK;
}

/* After the commit. What cannot be told for sure stays, for orphan removal to find. */
static Status remove_files(Expiry *expiry, const TableMetadata *now, Error *err) {
    Reach gone, kept;
    PathSet *sets[] = {&gone.lists, &gone.manifests, &gone.files, &kept.lists, &kept.manifests, &kept.files};
    if (!table_pins_wait_readers(expiry->catalog->pins, EXPIRE_WAIT_READERS_MS)) return STATUS_OK;
    keep_what_is_read(expiry);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        path_set_init(sets[i], expiry->arena);
    Status status = remove_with(expiry, now, &gone, &kept, err);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        path_set_deinit(sets[i]);
    return status;
}

/* ---- metadata files ---- */

static int64_t metadata_number(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    char *end;
    int64_t number = strtoll(name, &end, 10);
    return end != name && *end == '-' && strstr(end, ".metadata.json") ? number : -1;
}

static int64_t oldest_logged(const TableMetadata *metadata) {
    int64_t oldest = INT64_MAX;
    size_t index;
    json_t *entry;
    json_array_foreach(json_object_get(metadata->root, "metadata-log"), index, entry) {
        const char *file = json_string_value(json_object_get(entry, "metadata-file"));
        int64_t number = file ? metadata_number(file) : -1;
        if (number < oldest) oldest = number;
    }
    return oldest == INT64_MAX ? -1 : oldest;
}

/* Files of numbers that the log has left behind: no commit can make one of these any more, and a reader that
 * finds one gone looks the table up again. */
static void trim_metadata(Expiry *expiry, const TableMetadata *metadata, const char *location) {
    const char *path;
    Error ignored;
    int64_t oldest = oldest_logged(metadata);
    if (oldest <= 0 || store_path_from_uri(location, expiry->arena, &path, &ignored) != STATUS_OK) return;
    const char *directory = arena_strndup(expiry->arena, path, (size_t)(strrchr(path, '/') - path));
    DIR *entries = opendir(directory);
    for (struct dirent *entry = entries ? readdir(entries) : NULL; entry; entry = readdir(entries)) {
        int64_t number = metadata_number(entry->d_name);
        if (number < 0 || number >= oldest) continue;
        bool counts = true;
        if (!expiry->options->dry_run)
            counts = maintenance_unlink(arena_printf(expiry->arena, "%s/%s", directory, entry->d_name)) > 0;
        expiry->report->metadata_removed += counts;
    }
    if (entries) closedir(entries);
}

/* ---- the commit ---- */

static Status commit_expiry(Expiry *expiry, bool *committed, Error *err) {
    TableVersion *base;
    TableChange *change;
    TRY(table_catalog_load(expiry->catalog, expiry->namespace_name, expiry->name, &base, err));
    Status status = table_change_begin(expiry->catalog, base, &change, err);
    table_version_release(base);
    TRY(status);
    for (int i = 0; i < expiry->count && status == STATUS_OK; i++)
        if (!expiry->snapshots[i].keep)
            status = table_change_expire_snapshot(change, expiry->snapshots[i].id, err);
    if (status != STATUS_OK)
        table_change_abort(change);
    else
        status = table_change_commit(change, NULL, err);
    *committed = status == STATUS_OK;
    if (maintenance_lost(&status, expiry->report, err)) *committed = false;
    return status;
}

static Status expire_marked(Expiry *expiry, Error *err) {
    bool committed;
    const char *location;
    TableMetadata now;
    for (int i = 0; i < expiry->count; i++)
        expiry->expired += !expiry->snapshots[i].keep;
    bool pays = expiry->options->thorough ||
                expiry->expired > expiry->options->max_snapshots / EXPIRE_SLACK_DIVISOR ||
                expiry->count - expiry->expired <= expiry->expired;
    if (expiry->expired > 0 && pays && !expiry->options->dry_run) {
        TRY(commit_expiry(expiry, &committed, err));
        if (!committed) return STATUS_OK;
        expiry->report->snapshots_expired += expiry->expired;
        TRY(maintenance_metadata(expiry->catalog, expiry->namespace_name, expiry->name, expiry->arena,
                                 &location, &now, err));
        Status status = remove_files(expiry, &now, err);
        if (status == STATUS_OK) trim_metadata(expiry, &now, location);
        table_metadata_deinit(&now);
        return status;
    }
    if (expiry->options->dry_run) expiry->report->snapshots_expired += expiry->expired;
    trim_metadata(expiry, &expiry->metadata, expiry->location);
    return STATUS_OK;
}

Status maintenance_expire(TableCatalog *catalog, const char *namespace_name, const char *name,
                          const MaintenanceOptions *options, MaintenanceReport *report, Error *err) {
    Arena arena;
    arena_init(&arena);
    Expiry expiry = {.catalog = catalog,
                     .namespace_name = namespace_name ? namespace_name : DEFAULT_NAMESPACE,
                     .name = name,
                     .options = options,
                     .report = report,
                     .arena = &arena};
    Status status = maintenance_metadata(catalog, expiry.namespace_name, name, &arena, &expiry.location,
                                         &expiry.metadata, err);
    if (status == STATUS_OK) {
        mark_list(&expiry);
        keep_what_counts(&expiry);
        keep_what_is_read(&expiry);
        status = expire_marked(&expiry, err);
        table_metadata_deinit(&expiry.metadata);
    }
    arena_deinit(&arena);
    return status;
}
