/* What happened to the table since the change's base, and whether the change still holds. */
#include <string.h>

#include "engines/columnar/iceberg/table_change_internal.h"
#include "engines/columnar/store/local_store.h"

static Status conflict(const TableChange *change, const char *what, Error *err) {
    return error_set(err, SQLSTATE_SERIALIZATION_FAILURE,
                     "could not commit to table \"%s\": another transaction %s", change->name, what);
}

static bool concerns(const TableChange *change, const DeleteFile *deletes, const DataFile *file) {
    /* Compacted rows keep their sequence number, so equality deletes of later apply to them as before. */
    if (deletes->content == CONTENT_EQUALITY_DELETES && change->keep_sequence >= 0) return false;
    if (deletes->referenced_path) return strcmp(deletes->referenced_path, file->path) == 0;
    const PartitionSpec *spec = table_metadata_spec(&change->metadata, deletes->spec_id);
    if (!spec || spec->field_count == 0) return true;
    if (deletes->spec_id != file->spec_id) return false;
    for (int i = 0; i < spec->field_count; i++)
        if (!partition_value_equals(spec->fields[i].result_type, &deletes->partition[i], &file->partition[i]))
            return false;
    return true;
}

/* Rows that a DELETE took may be deleted again; those of an UPDATE live on elsewhere, and it is they that a
 * later DELETE has to look at. */
static bool only_deletes(const TableMetadata *metadata, int64_t snapshot_id) {
    json_t *summary = json_object_get(table_metadata_find_snapshot(metadata, snapshot_id), "summary");
    const char *operation = json_string_value(json_object_get(summary, "operation"));
    return operation && strcmp(operation, "delete") == 0;
}

static Status check_new_deletes(const TableChange *change, const CommitAttempt *attempt,
                                const ManifestEntry *entry, Arena *scratch, Error *err) {
    DeleteFile deletes;
    TRY(manifest_entry_delete_file(entry, scratch, &deletes, err));
    deletes.partition = entry->partition;
    for (int i = 0; i < change->removed_count; i++)
        if (concerns(change, &deletes, change->removed[i].file))
            return conflict(change, "deleted rows of a file that this one changes", err);
    if (change->added.count == 0 && only_deletes(&attempt->metadata, entry->snapshot_id)) return STATUS_OK;
    for (int i = 0; i < change->pending_count; i++)
        if (concerns(change, &deletes, change->pending[i].file))
            return conflict(change, "changed rows of a file that this one changes", err);
    return STATUS_OK;
}

static Status check_new_data(const TableChange *change, const CommitAttempt *attempt,
                             const ManifestEntry *entry, Arena *scratch, Error *err) {
    DataFile file;
    if (!change->requirement.any) return STATUS_OK;
    TRY(manifest_entry_data_file(entry, attempt->metadata.columns, attempt->metadata.column_count, scratch,
                                 &file, err));
    if (!change->requirement.may_match || change->requirement.may_match(change->requirement.context, &file))
        return conflict(change, "added rows that this one would have had to see", err);
    return STATUS_OK;
}

/* Files whose rows are deleted by position have to be there still. */
static Status mark_alive(const TableChange *change, const ManifestEntry *entry, bool *alive, Arena *scratch,
                         Error *err) {
    const char *path;
    TRY(store_path_from_uri(entry->uri, scratch, &path, err));
    for (int i = 0; i < change->pending_count; i++)
        if (!alive[i] && strcmp(change->pending[i].file->path, path) == 0) alive[i] = true;
    return STATUS_OK;
}

/* The snapshot that the change rests on. */
static int64_t rests_on(const TableChange *change) {
    return change->branch ? change->branch_snapshot : change->base->snapshot_id;
}

static int64_t sequence_rested_on(const TableChange *change) {
    if (!change->branch) return change->base->sequence_number;
    json_t *snapshot = table_metadata_find_snapshot(&change->metadata, change->branch_snapshot);
    return json_integer_value(json_object_get(snapshot, "sequence-number"));
}

static Status check_manifest(const TableChange *change, const CommitAttempt *attempt,
                             const ManifestFile *manifest, bool is_new, bool *alive, Arena *scratch,
                             Error *err) {
    EntryList list = {0};
    const PartitionSpec *spec = table_metadata_spec(&attempt->metadata, manifest->spec_id);
    int64_t before = sequence_rested_on(change);
    TRY(manifest_read(manifest, spec, scratch, &list, err));
    for (int i = 0; i < list.count; i++) {
        const ManifestEntry *entry = &list.entries[i];
        if (entry->status == ENTRY_DELETED) continue;
        bool fresh = is_new && entry->sequence_number > before;
        if (entry->content != CONTENT_DATA) {
            if (fresh) TRY(check_new_deletes(change, attempt, entry, scratch, err));
            continue;
        }
        if (fresh) TRY(check_new_data(change, attempt, entry, scratch, err));
        if (alive) TRY(mark_alive(change, entry, alive, scratch, err));
    }
    return STATUS_OK;
}

static bool is_listed(const ManifestFile *files, int count, const char *path) {
    for (int i = 0; i < count; i++)
        if (strcmp(files[i].path, path) == 0) return true;
    return false;
}

/* Rolled back or moved to another branch, the table lacks what this change has seen; what was deleted there
 * would be gone here as well. */
static bool stands_on_base(const TableChange *change, const CommitAttempt *attempt) {
    int64_t id = attempt->parent.snapshot_id, base = rests_on(change);
    size_t most = json_array_size(json_object_get(attempt->metadata.root, "snapshots"));
    if (base == -1) return true;
    for (size_t i = 0; i <= most && id != base; i++) {
        json_t *parent =
            json_object_get(table_metadata_find_snapshot(&attempt->metadata, id), "parent-snapshot-id");
        if (!json_is_integer(parent)) return false;
        id = json_integer_value(parent);
    }
    return id == base;
}

static Status check_all(const TableChange *change, const CommitAttempt *attempt, Arena *arena, Arena *scratch,
                        Error *err) {
    ManifestFile *old;
    int old_count;
    TableMetadata before = change->metadata; /* the file that it was read from may be trimmed by now */
    TRY(table_metadata_select(&before, rests_on(change), change->name, err));
    if (manifest_list_of(&before, arena, &old, &old_count, err) != STATUS_OK) {
        if (strcmp(err->sqlstate, SQLSTATE_UNDEFINED_FILE) != 0) return STATUS_ERROR;
        return conflict(change, "expired the snapshot that this one rests on", err);
    }
    bool *alive = change->pending_count ? ARENA_NEW_ARRAY(arena, bool, change->pending_count) : NULL;
    for (int i = 0; i < attempt->base_count; i++) {
        const ManifestFile *manifest = &attempt->base[i];
        bool is_new = !is_listed(old, old_count, manifest->path);
        if (!is_new && (manifest->deletes || !alive)) continue;
        TRY(check_manifest(change, attempt, manifest, is_new, alive, scratch, err));
        arena_reset(scratch);
    }
    for (int i = 0; i < change->pending_count; i++)
        if (!alive[i]) return conflict(change, "removed or rewrote a file that this one changes", err);
    return STATUS_OK;
}

Status change_validate(TableChange *change, CommitAttempt *attempt, Error *err) {
    bool rests = change->requirement.any || change->removed_count > 0 || change->pending_count > 0;
    if (!rests || !change->base) return STATUS_OK;
    /* What was read for a change of a branch need not have been read there: its files have to be looked for.
     */
    bool looks = change->branch && change->pending_count > 0;
    if (attempt->parent.snapshot_id == rests_on(change) && !looks) return STATUS_OK;
    if (!stands_on_base(change, attempt)) return conflict(change, "took back what this one rests on", err);
    Arena arena, scratch;
    arena_init(&arena);
    arena_init(&scratch);
    Status status = check_all(change, attempt, &arena, &scratch, err);
    arena_deinit(&scratch);
    arena_deinit(&arena);
    return status;
}
