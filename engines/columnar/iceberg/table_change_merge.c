/* Many small manifests become fewer. */
#include <string.h>
#include <unistd.h>

#include "engines/columnar/iceberg/table_change_internal.h"
#include "engines/columnar/store/local_store.h"

/* Without being asked, at this many small manifests of one kind, as other writers do. */
enum { MERGE_COUNT = 100, MERGE_BYTES = 8 << 20 };

typedef struct MergeGroup {
    int spec_id;
    bool deletes;
    int count;
} MergeGroup;

static bool mergeable(const ManifestFile *manifest, int64_t below, const MergeGroup *group) {
    return manifest->bytes < below && manifest->spec_id == group->spec_id &&
           manifest->deletes == group->deletes;
}

static Status read_live(const CommitAttempt *attempt, const ManifestFile *manifest, const TableChange *change,
                        Arena *scratch, EntryList *out, Error *err) {
    const PartitionSpec *spec = table_metadata_spec(&attempt->metadata, manifest->spec_id);
    int first = out->count, kept = first;
    TRY(manifest_read(manifest, spec, scratch, out, err));
    for (int i = first; i < out->count; i++) {
        ManifestEntry *entry = &out->entries[i];
        /* What this very snapshot adds or removes is told by this snapshot's manifests. */
        bool own = entry->snapshot_id == change->snapshot_id;
        if (entry->status == ENTRY_DELETED && !own) continue;
        if (entry->status == ENTRY_ADDED && !own) entry->status = ENTRY_EXISTING;
        out->entries[kept++] = *entry;
    }
    out->count = kept;
    return STATUS_OK;
}

/* Merges manifests[first ..] of the group until the new one is as large as the small may be. */
static Status merge_some(TableChange *change, CommitAttempt *attempt, const MergeGroup *group, int64_t below,
                         int *first, Arena *scratch, ManifestFile *out, Error *err) {
    EntryList list = {0};
    int64_t bytes = 0;
    for (; *first < attempt->manifest_count && bytes < below; ++*first) {
        ManifestFile *manifest = &attempt->manifests[*first];
        if (!manifest->path || !mergeable(manifest, below, group)) continue;
        bytes += manifest->bytes;
        TRY(read_live(attempt, manifest, change, scratch, &list, err));
        manifest->path = NULL;
    }
    char *path = change_metadata_path(change, "-m2.avro", &attempt->arena);
    attempt->merged[attempt->merged_count++] = path;
    TRY(manifest_write(path, list.entries, list.count, &attempt->metadata,
                       table_metadata_spec(&attempt->metadata, group->spec_id), change->snapshot_id,
                       &attempt->arena, out, err));
    out->deletes = group->deletes;
    table_step_done("merged manifest");
    return STATUS_OK;
}

static Status merge_group(TableChange *change, CommitAttempt *attempt, const MergeGroup *group, int64_t below,
                          ManifestFile *made, int *made_count, Error *err) {
    Arena scratch;
    Status status = STATUS_OK;
    for (int first = 0; first < attempt->manifest_count && status == STATUS_OK;) {
        int left = 0;
        for (int i = first; i < attempt->manifest_count; i++)
            left += attempt->manifests[i].path && mergeable(&attempt->manifests[i], below, group);
        if (left < 2) break;
        arena_init(&scratch);
        status = merge_some(change, attempt, group, below, &first, &scratch, &made[*made_count], err);
        arena_deinit(&scratch);
        ++*made_count;
    }
    return status;
}

Status change_merge_manifests(TableChange *change, CommitAttempt *attempt, Error *err) {
    int count = attempt->manifest_count, groups_count = 0, made_count = 0;
    bool asked = change->merge_below > 0;
    int64_t below = asked ? change->merge_below : MERGE_BYTES;
    if (!asked && count < MERGE_COUNT) return STATUS_OK;
    MergeGroup *groups = ARENA_NEW_ARRAY(&attempt->arena, MergeGroup, count + 1);
    for (int i = 0; i < count; i++) {
        const ManifestFile *manifest = &attempt->manifests[i];
        int at = 0;
        if (manifest->bytes >= below) continue;
        while (at < groups_count && !mergeable(manifest, below, &groups[at]))
            at++;
        if (at == groups_count)
            groups[groups_count++] = (MergeGroup){manifest->spec_id, manifest->deletes, 0};
        groups[at].count++;
    }
    ManifestFile *made = ARENA_NEW_ARRAY(&attempt->arena, ManifestFile, count + 1);
    attempt->merged = ARENA_NEW_ARRAY(&attempt->arena, const char *, count + 1);
    for (int i = 0; i < groups_count; i++)
        if (groups[i].count >= (asked ? 2 : MERGE_COUNT))
            TRY(merge_group(change, attempt, &groups[i], below, made, &made_count, err));
    if (made_count == 0) return STATUS_OK;
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (attempt->manifests[i].path) attempt->manifests[kept++] = attempt->manifests[i];
    for (int i = 0; i < made_count; i++) {
        ManifestFile *out = &attempt->manifests[kept++];
        *out = made[i];
        out->sequence_number = attempt->sequence_number;
        if (out->min_sequence_number < 0) out->min_sequence_number = attempt->sequence_number;
    }
    attempt->manifest_count = kept;
    return STATUS_OK;
}
