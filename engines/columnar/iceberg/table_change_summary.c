/* The summary of a snapshot (Iceberg specification, Appendix F, "Optional Snapshot Summary Fields"). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/iceberg/table_change_internal.h"

typedef struct Totals {
    int64_t files, rows, bytes, delete_files, positions, equality;
} Totals;

static void set_count(json_t *summary, const char *key, int64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, value);
    json_object_set_new(summary, key, json_string(text));
}

static void set_some(json_t *summary, const char *key, int64_t value) {
    if (value > 0) set_count(summary, key, value);
}

static int64_t number(json_t *summary, const char *key, int64_t fallback) {
    const char *text = json_string_value(json_object_get(summary, key));
    return text ? strtoll(text, NULL, 10) : fallback;
}

/* As the parent's summary says; what it does not say is counted from its manifests. */
static Totals totals_before(const CommitAttempt *attempt) {
    Totals totals = {0};
    json_t *summary = json_object_get(attempt->parent.snapshot, "summary");
    for (int i = 0; i < attempt->base_count; i++) {
        const ManifestFile *manifest = &attempt->base[i];
        int64_t files = (manifest->added_files > 0 ? manifest->added_files : 0) +
                        (manifest->existing_files > 0 ? manifest->existing_files : 0);
        int64_t rows = (manifest->added_rows > 0 ? manifest->added_rows : 0) +
                       (manifest->existing_rows > 0 ? manifest->existing_rows : 0);
        *(manifest->deletes ? &totals.delete_files : &totals.files) += files;
        *(manifest->deletes ? &totals.positions : &totals.rows) += rows;
    }
    totals.files = number(summary, "total-data-files", totals.files);
    totals.rows = number(summary, "total-records", totals.rows);
    totals.bytes = number(summary, "total-files-size", 0);
    totals.delete_files = number(summary, "total-delete-files", totals.delete_files);
    totals.positions = number(summary, "total-position-deletes", totals.positions);
    totals.equality = number(summary, "total-equality-deletes", 0);
    return totals;
}

static Totals totals_of(const EntryList *list) {
    Totals totals = {0};
    for (int i = 0; i < list->count; i++) {
        const ManifestEntry *entry = &list->entries[i];
        totals.bytes += entry->bytes;
        if (entry->content == CONTENT_DATA) {
            totals.files++;
            totals.rows += entry->row_count;
        } else {
            totals.delete_files++;
            *(entry->content == CONTENT_POSITION_DELETES ? &totals.positions : &totals.equality) +=
                entry->row_count;
        }
    }
    return totals;
}

static TableOperation operation_of(const TableChange *change, const CommitAttempt *attempt) {
    if (change->operation_set) return change->operation;
    bool leaves = attempt->removed_files > 0 || change->added_deletes.count > 0 ||
                  (change->remove_all && attempt->parent.snapshot_id != -1);
    if (!leaves) return change->merge_below && change->added.count == 0 ? TABLE_REPLACE : TABLE_APPEND;
    return change->added.count > 0 || change->remove_all ? TABLE_OVERWRITE : TABLE_DELETE;
}

static bool same_partition(const TableChange *change, const ManifestEntry *a, const ManifestEntry *b) {
    const PartitionSpec *spec = table_metadata_spec(&change->metadata, a->spec_id);
    if (a->spec_id != b->spec_id) return false;
    for (int i = 0; spec && i < spec->field_count; i++)
        if (!partition_value_equals(spec->fields[i].result_type, &a->partition[i], &b->partition[i]))
            return false;
    return true;
}

/* Of the files added; told only where that is not much work. */
static int64_t changed_partitions(const TableChange *change) {
    enum { MOST = 1000 };
    const PartitionSpec *spec = table_metadata_spec(&change->metadata, change->metadata.spec_id);
    int64_t count = 0;
    if (!spec || spec->field_count == 0 || change->added.count > MOST) return 0;
    for (int i = 0; i < change->added.count; i++) {
        bool known = false;
        for (int j = 0; j < i && !known; j++)
            known = same_partition(change, &change->added.entries[i], &change->added.entries[j]);
        count += !known;
    }
    return count;
}

json_t *change_summary(const TableChange *change, const CommitAttempt *attempt) {
    static const char *const NAMES[] = {"append", "overwrite", "delete", "replace"};
    json_t *summary = json_pack("{s:s}", "operation", NAMES[operation_of(change, attempt)]);
    Totals added = totals_of(&change->added), deletes = totals_of(&change->added_deletes);
    Totals before = totals_before(attempt);
    set_some(summary, "added-data-files", added.files);
    set_some(summary, "added-records", added.rows);
    set_some(summary, "added-files-size", added.bytes + deletes.bytes);
    set_some(summary, "added-delete-files", deletes.delete_files);
    set_some(summary, "added-position-delete-files", deletes.delete_files);
    set_some(summary, "added-position-deletes", deletes.positions);
    set_some(summary, "deleted-data-files", attempt->removed_files);
    set_some(summary, "deleted-records", attempt->removed_rows);
    set_some(summary, "removed-files-size", attempt->removed_bytes);
    set_some(summary, "removed-delete-files", attempt->removed_delete_files);
    set_some(summary, "removed-position-deletes", attempt->removed_positions);
    set_some(summary, "removed-equality-deletes", attempt->removed_equality);
    set_some(summary, "changed-partition-count", changed_partitions(change));
    set_count(summary, "total-data-files", before.files + added.files - attempt->removed_files);
    set_count(summary, "total-records", before.rows + added.rows - attempt->removed_rows);
    set_count(summary, "total-files-size",
              before.bytes + added.bytes + deletes.bytes - attempt->removed_bytes);
    set_count(summary, "total-delete-files",
              before.delete_files + deletes.delete_files - attempt->removed_delete_files);
    set_count(summary, "total-position-deletes",
              before.positions + deletes.positions - attempt->removed_positions);
    set_count(summary, "total-equality-deletes", before.equality - attempt->removed_equality);
    for (int i = 0; i < change->summary_count; i++)
        json_object_set_new(summary, change->summary[i].key, json_string(change->summary[i].value));
    return summary;
}
