#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/columnar/iceberg/maintenance_internal.h"
#include "engines/columnar/iceberg/table_orphans.h"
#include "engines/columnar/iceberg/table_trash.h"
#include "engines/columnar/store/local_store.h"

enum { DAY_MS = 86400 * 1000, MERGE_MANIFESTS_BELOW_BYTES = 8 << 20 };

MaintenanceOptions maintenance_defaults(void) {
    return (MaintenanceOptions){.compact = true,
                                .expire = true,
                                .manifests = true,
                                .orphans = true,
                                .target_file_bytes = 128 << 20,
                                .group_bytes = (int64_t)1 << 30,
                                .min_input_files = 5,
                                .delete_ratio = 0.1,
                                .max_snapshot_age_ms = (int64_t)5 * DAY_MS,
                                .min_snapshots = 1,
                                .max_snapshots = 500,
                                .max_manifests = 50,
                                .orphan_min_age_ms = (int64_t)3 * DAY_MS};
}

Status maintenance_metadata(TableCatalog *catalog, const char *namespace_name, const char *name, Arena *arena,
                            const char **location, TableMetadata *out, Error *err) {
    StrBuf text;
    bool found = false;
    strbuf_init(&text);
    Status status = catalog_db_find(catalog->db, namespace_name, name, &text, &found, err);
    *location = arena_strdup(arena, strbuf_text(&text));
    strbuf_deinit(&text);
    TRY(status);
    if (!found) return table_catalog_undefined(namespace_name, name, err);
    return table_catalog_read_metadata(*location, arena, out, err);
}

int64_t maintenance_property(const TableMetadata *metadata, const char *key, int64_t fallback) {
    const char *text = json_string_value(json_object_get(json_object_get(metadata->root, "properties"), key));
    char *end = NULL;
    int64_t value = text ? strtoll(text, &end, 10) : 0;
    return text && end != text && *end == 0 && value > 0 ? value : fallback;
}

bool maintenance_lost(Status *status, MaintenanceReport *report, Error *err) {
    if (*status == STATUS_OK || !err || strcmp(err->sqlstate, SQLSTATE_SERIALIZATION_FAILURE) != 0)
        return false;
    error_clear(err);
    *status = STATUS_OK;
    report->conflicts++;
    return true;
}

void maintenance_progress(const MaintenanceOptions *options, const char *step, int64_t done, int64_t total) {
    if (options->progress) options->progress(options->progress_context, step, done, total);
}

int64_t maintenance_unlink(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0 || unlink(path) != 0) return 0;
    return info.st_size;
}

/* ---- manifests ---- */

static Status manifest_count(TableCatalog *catalog, const char *namespace_name, const char *name,
                             int64_t *count, Error *err) {
    Arena arena;
    const char *location;
    TableMetadata metadata;
    ManifestFile *manifests;
    int found = 0;
    arena_init(&arena);
    Status status = maintenance_metadata(catalog, namespace_name, name, &arena, &location, &metadata, err);
    if (status == STATUS_OK) {
        if (metadata.manifest_list)
            status = manifest_list_read(metadata.manifest_list, &arena, &manifests, &found, err);
        table_metadata_deinit(&metadata);
    }
    *count = found;
    arena_deinit(&arena);
    return status;
}

Status maintenance_merge_manifests(TableCatalog *catalog, const char *namespace_name, const char *name,
                                   const MaintenanceOptions *options, MaintenanceReport *report, Error *err) {
    if (!namespace_name) namespace_name = DEFAULT_NAMESPACE;
    TableVersion *base;
    TableChange *change;
    TRY(manifest_count(catalog, namespace_name, name, &report->manifests_before, err));
    report->manifests_after = report->manifests_before;
    int64_t enough = options->thorough ? 1 : options->max_manifests;
    if (report->manifests_before <= enough || options->dry_run) return STATUS_OK;
    TRY(table_catalog_load(catalog, namespace_name, name, &base, err));
    Status status = table_change_begin(catalog, base, &change, err);
    if (status == STATUS_OK) {
        table_change_merge_manifests(change, MERGE_MANIFESTS_BELOW_BYTES);
        table_change_set_operation(change, TABLE_REPLACE);
        status = table_change_commit(change, NULL, err);
        if (maintenance_lost(&status, report, err)) status = STATUS_OK;
    }
    table_version_release(base);
    TRY(status);
    return manifest_count(catalog, namespace_name, name, &report->manifests_after, err);
}

/* ---- orphans ---- */

Status maintenance_remove_orphans(TableCatalog *catalog, const char *namespace_name, const char *name,
                                  const MaintenanceOptions *options, MaintenanceReport *report, Error *err) {
    Arena arena;
    OrphanList orphans;
    int removed = 0;
    arena_init(&arena);
    Status status =
        table_orphans_find(catalog, namespace_name, name, options->orphan_min_age_ms, &arena, &orphans, err);
    if (status == STATUS_OK) {
        removed = orphans.count;
        if (!options->dry_run) status = table_orphans_remove(&orphans, &removed, err);
        report->orphans_unsure = orphans.unsure;
        report->orphans_removed += removed;
        report->orphan_bytes += orphans.total_bytes;
    }
    arena_deinit(&arena);
    return status;
}

Status maintenance_run(TableCatalog *catalog, const char *namespace_name, const char *name,
                       const MaintenanceOptions *options, MaintenanceReport *report, Error *err) {
    *report = (MaintenanceReport){0};
    if (options->compact) TRY(maintenance_compact(catalog, namespace_name, name, options, report, err));
    TRY(cancel_check(options->cancel, err));
    if (options->manifests)
        TRY(maintenance_merge_manifests(catalog, namespace_name, name, options, report, err));
    TRY(cancel_check(options->cancel, err));
    if (options->expire) TRY(maintenance_expire(catalog, namespace_name, name, options, report, err));
    TRY(cancel_check(options->cancel, err));
    if (options->orphans)
        TRY(maintenance_remove_orphans(catalog, namespace_name, name, options, report, err));
    return STATUS_OK;
}
