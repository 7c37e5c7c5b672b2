/* The manifests of the new snapshot: those of the base, rewritten where files leave, and the change's own. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/columnar/iceberg/table_change_internal.h"
#include "engines/columnar/store/local_store.h"

/* ---- what the change adds --------------------------------------------------------------------------------
 */

static int by_spec(const void *left, const void *right) {
    const ManifestEntry *a = left, *b = right;
    return (a->spec_id > b->spec_id) - (a->spec_id < b->spec_id);
}

static Status write_own(TableChange *change, EntryList *list, Error *err) {
    if (list->count == 0) return STATUS_OK;
    qsort(list->entries, (size_t)list->count, sizeof *list->entries, by_spec);
    for (int first = 0; first < list->count;) {
        int count = 1;
        while (first + count < list->count &&
               list->entries[first + count].spec_id == list->entries[first].spec_id)
            count++;
        const PartitionSpec *spec = table_metadata_spec(&change->metadata, list->entries[first].spec_id);
        if (!spec) return error_set(err, SQLSTATE_INTERNAL, "a file of an unknown partition spec");
        char *path = change_metadata_path(change, "-m0.avro", &change->arena);
        ManifestFile *grown = ARENA_NEW_ARRAY(&change->arena, ManifestFile, change->own_count + 1);
        if (change->own_count) memcpy(grown, change->own, sizeof *grown * (size_t)change->own_count);
        change->own = grown;
        change_note_written(change, path);
        TRY(manifest_write(path, list->entries + first, count, &change->metadata, spec, change->snapshot_id,
                           &change->arena, &change->own[change->own_count], err));
        change->own_count++;
        table_step_done("manifest");
        first += count;
    }
    return STATUS_OK;
}

/* Once for all attempts: their sequence numbers are inherited. */
static Status make_own(TableChange *change, Error *err) {
    if (change->own_written) return STATUS_OK;
    for (int i = 0; i < change->added.count; i++)
        change->added.entries[i].sequence_number = change->keep_sequence;
    TRY(write_own(change, &change->added, err));
    TRY(write_own(change, &change->added_deletes, err));
    change->own_written = true;
    return STATUS_OK;
}

/* ---- what leaves -----------------------------------------------------------------------------------------
 */

static int by_path(const void *left, const void *right) {
    const RemovedFile *a = left, *b = right;
    return strcmp(a->file->path, b->file->path);
}

static int find_removed(const TableChange *change, const char *path) {
    int low = 0, high = change->removed_count;
    while (low < high) {
        int middle = low + (high - low) / 2, order = strcmp(change->removed[middle].file->path, path);
        if (order == 0) return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static int by_delete_path(const void *left, const void *right) {
    const DeleteFile *const *a = left, *const *b = right;
    return strcmp((*a)->path, (*b)->path);
}

static bool removes_delete(const TableChange *change, const char *path) {
    const DeleteFile key = {.path = path}, *wanted = &key;
    return change->removed_delete_count &&
           bsearch(&wanted, change->removed_deletes, (size_t)change->removed_delete_count, sizeof wanted,
                   by_delete_path);
}

static void count_removed(RewrittenManifest *into, const ManifestEntry *entry) {
    if (entry->content == CONTENT_DATA) {
        into->removed_files++;
        into->removed_rows += entry->row_count;
    } else {
        into->removed_delete_files++;
        *(entry->content == CONTENT_POSITION_DELETES ? &into->removed_positions : &into->removed_equality) +=
            entry->row_count;
    }
    into->removed_bytes += entry->bytes;
}

/* Says of each live entry whether it leaves; entries deleted before are dropped. */
static Status mark_entries(TableChange *change, EntryList *list, Arena *scratch, RewrittenManifest *out,
                           Error *err) {
    int kept = 0;
    out->hits = ARENA_NEW_ARRAY(&change->arena, int, change->removed_count + 1);
    for (int i = 0; i < list->count; i++) {
        ManifestEntry *entry = &list->entries[i];
        const char *path;
        if (entry->status == ENTRY_DELETED) continue;
        TRY(store_path_from_uri(entry->uri, scratch, &path, err));
        bool leaves = change->remove_all;
        if (!leaves && entry->content == CONTENT_DATA) {
            int hit = find_removed(change, path);
            leaves = hit >= 0;
            if (leaves && out->hit_count < change->removed_count) out->hits[out->hit_count++] = hit;
        } else if (!leaves) {
            leaves = removes_delete(change, path);
        }
        entry->status = leaves ? ENTRY_DELETED : ENTRY_EXISTING;
        if (leaves) {
            entry->snapshot_id = change->snapshot_id;
            count_removed(out, entry);
            out->changed = true;
        }
        list->entries[kept++] = *entry;
    }
    list->count = kept;
    return STATUS_OK;
}

static Status rewrite_with(TableChange *change, const CommitAttempt *attempt, const ManifestFile *manifest,
                           Arena *scratch, RewrittenManifest *out, Error *err) {
    EntryList list = {0};
    const PartitionSpec *spec = table_metadata_spec(&attempt->metadata, manifest->spec_id);
    if (!spec)
        return error_set(err, SQLSTATE_DATA_CORRUPTED,
                         "manifest \"%s\" is of a partition spec that is missing", manifest->path);
    TRY(manifest_read(manifest, spec, scratch, &list, err));
    TRY(mark_entries(change, &list, scratch, out, err));
    if (!out->changed) return STATUS_OK;
    char *path = change_metadata_path(change, "-m1.avro", &change->arena);
    change_note_written(change, path);
    TRY(manifest_write(path, list.entries, list.count, &attempt->metadata, spec, change->snapshot_id,
                       &change->arena, &out->to, err));
    /* Kept beyond this attempt: the partition summaries too, all in the change's arena. */
    table_step_done("rewritten manifest");
    return STATUS_OK;
}

static RewrittenManifest *known_rewrite(TableChange *change, const char *path) {
    for (int i = 0; i < change->rewritten_count; i++)
        if (strcmp(change->rewritten[i].from, path) == 0) return &change->rewritten[i];
    return NULL;
}

static Status rewrite(TableChange *change, const CommitAttempt *attempt, const ManifestFile *manifest,
                      RewrittenManifest **out, Error *err) {
    *out = known_rewrite(change, manifest->path);
    if (*out) return STATUS_OK;
    RewrittenManifest made = {.from = arena_strdup(&change->arena, manifest->path)};
    Arena scratch;
    arena_init(&scratch);
    Status status = rewrite_with(change, attempt, manifest, &scratch, &made, err);
    arena_deinit(&scratch);
    TRY(status);
    change->rewritten = change_grow(&change->arena, change->rewritten, change->rewritten_count,
                                    &change->rewritten_capacity, sizeof *change->rewritten);
    change->rewritten[change->rewritten_count] = made;
    *out = &change->rewritten[change->rewritten_count++];
    return STATUS_OK;
}

static void account(TableChange *change, CommitAttempt *attempt, RewrittenManifest *rewritten) {
    rewritten->used = rewritten->changed;
    attempt->removed_files += rewritten->removed_files;
    attempt->removed_rows += rewritten->removed_rows;
    attempt->removed_bytes += rewritten->removed_bytes;
    attempt->removed_delete_files += rewritten->removed_delete_files;
    attempt->removed_positions += rewritten->removed_positions;
    attempt->removed_equality += rewritten->removed_equality;
    for (int i = 0; i < rewritten->hit_count; i++)
        change->removed[rewritten->hits[i]].found = true;
}

static bool has_live(const ManifestFile *manifest) {
    return manifest->added_files != 0 || manifest->existing_files != 0;
}

static void put_manifest(CommitAttempt *attempt, const ManifestFile *manifest) {
    ManifestFile *out = &attempt->manifests[attempt->manifest_count++];
    *out = *manifest;
    if (out->sequence_number >= 0) return;
    out->sequence_number = attempt->sequence_number;
    if (out->min_sequence_number < 0) out->min_sequence_number = attempt->sequence_number;
}

static Status take_base(TableChange *change, CommitAttempt *attempt, Error *err) {
    int wanted = change->removed_count;
    bool deletes_leave = change->remove_all || change->removed_delete_count > 0;
    for (int i = 0; i < attempt->base_count; i++) {
        const ManifestFile *manifest = &attempt->base[i];
        bool concerned = change->remove_all || (manifest->deletes ? deletes_leave : wanted > 0);
        /* What only tells of files deleted by an earlier snapshot is not carried on. */
        if (!has_live(manifest)) continue;
        if (!concerned) {
            put_manifest(attempt, manifest);
            continue;
        }
        RewrittenManifest *rewritten;
        TRY(rewrite(change, attempt, manifest, &rewritten, err));
        account(change, attempt, rewritten);
        wanted -= manifest->deletes ? 0 : rewritten->hit_count;
        put_manifest(attempt, rewritten->changed ? &rewritten->to : manifest);
    }
    return STATUS_OK;
}

static Status check_found(const TableChange *change, Error *err) {
    for (int i = 0; i < change->removed_count && !change->remove_all; i++)
        if (!change->removed[i].found)
            return error_set(
                err, SQLSTATE_SERIALIZATION_FAILURE,
                "could not commit to table \"%s\": another transaction removed or rewrote a file "
                "that this one changes",
                change->name);
    return STATUS_OK;
}

/* A file named twice leaves once. */
static void sort_removed(TableChange *change) {
    int kept = 0;
    qsort(change->removed, (size_t)change->removed_count, sizeof *change->removed, by_path);
    for (int i = 0; i < change->removed_count; i++) {
        change->removed[i].found = false;
        if (kept == 0 || strcmp(change->removed[kept - 1].file->path, change->removed[i].file->path) != 0)
            change->removed[kept++] = change->removed[i];
    }
    change->removed_count = kept;
}

Status change_make_manifests(TableChange *change, CommitAttempt *attempt, Error *err) {
    TRY(make_own(change, err));
    if (change->removed_count) sort_removed(change);
    if (change->removed_delete_count)
        qsort(change->removed_deletes, (size_t)change->removed_delete_count, sizeof *change->removed_deletes,
              by_delete_path);
    for (int i = 0; i < change->rewritten_count; i++)
        change->rewritten[i].used = false;
    attempt->manifests =
        ARENA_NEW_ARRAY(&attempt->arena, ManifestFile, attempt->base_count + change->own_count + 1);
    for (int i = 0; i < change->own_count; i++)
        put_manifest(attempt, &change->own[i]);
    TRY(take_base(change, attempt, err));
    return check_found(change, err);
}
