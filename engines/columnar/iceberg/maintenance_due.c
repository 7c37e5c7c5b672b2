#include "engines/columnar/iceberg/maintenance_due.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engines/columnar/iceberg/maintenance_internal.h"

/* As many as compaction could make into one group. */
static bool compaction_due(const TableVersion *version, const MaintenanceOptions *options,
                           int64_t target_bytes) {
    int small = 0;
    for (int i = 0; i < version->file_count; i++) {
        const DataFile *file = &version->files[i];
        small += file->bytes < target_bytes / 4 * 3;
        if (file->delete_count > 0) return true;
        if (version->sort_order && version->sort_order->field_count > 0 &&
            file->sort_order_id != version->sort_order->order_id)
            return true;
    }
    return small >= options->min_input_files;
}

static Status look(TableCatalog *catalog, const char *namespace_name, const char *name,
                   const MaintenanceOptions *options, const TableMetadata *metadata, Arena *arena,
                   MaintenanceDue *out, Error *err) {
    TableVersion *version;
    ManifestFile *manifests;
    int manifest_count = 0;
    int64_t target_bytes =
        maintenance_property(metadata, "write.target-file-size-bytes", options->target_file_bytes);
    TRY(table_catalog_load(catalog, namespace_name, name, &version, err));
    out->compact = compaction_due(version, options, target_bytes);
    table_version_release(version);
    json_t *snapshots = json_object_get(metadata->root, "snapshots");
    json_t *oldest = json_array_get(snapshots, 0);
    int64_t oldest_ms = json_integer_value(json_object_get(oldest, "timestamp-ms"));
    int64_t newest_ms = json_integer_value(json_object_get(metadata->snapshot, "timestamp-ms"));
    out->expire = (int)json_array_size(snapshots) > options->max_snapshots ||
                  (oldest && newest_ms - oldest_ms > options->max_snapshot_age_ms);
    if (metadata->manifest_list)
        TRY(manifest_list_read(metadata->manifest_list, arena, &manifests, &manifest_count, err));
    out->manifests = manifest_count > options->max_manifests;
    return STATUS_OK;
}

Status maintenance_due(TableCatalog *catalog, const char *namespace_name, const char *name,
                       const MaintenanceOptions *options, const char *seen_location, MaintenanceDue *out,
                       Error *err) {
    Arena arena;
    StrBuf location;
    bool found;
    *out = (MaintenanceDue){0};
    strbuf_init(&location);
    arena_init(&arena);
    Status status = catalog_db_find(catalog->db, namespace_name, name, &location, &found, err);
    if (status == STATUS_OK && found && strcmp(strbuf_text(&location), seen_location) != 0) {
        TableMetadata metadata;
        status = table_catalog_read_metadata(strbuf_text(&location), &arena, &metadata, err);
        if (status == STATUS_OK) {
            const char *off = json_string_value(
                json_object_get(json_object_get(metadata.root, "properties"), "signalbox.maintenance"));
            out->off = off && strcasecmp(off, "off") == 0;
            if (!out->off) status = look(catalog, namespace_name, name, options, &metadata, &arena, out, err);
            table_metadata_deinit(&metadata);
        }
        if (status == STATUS_OK) out->location = strdup(strbuf_text(&location));
    }
    strbuf_deinit(&location);
    arena_deinit(&arena);
    return status;
}
