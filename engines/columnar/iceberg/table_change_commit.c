/* Order of a commit: data files, delete files, manifests, manifest list, metadata file (each synced with its
 * directory entry), then the compare-and-swap of the catalog row. Before the swap nothing is visible. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "engines/columnar/iceberg/metadata_cache.h"
#include "engines/columnar/iceberg/table_change_internal.h"
#include "engines/columnar/store/local_store.h"

enum { COMMIT_ATTEMPTS = 64, MAX_BACKOFF_MS = 100 };

void (*table_append_step_hook)(const char *step);

typedef Status (*FindRow)(CatalogDb *db, const char *namespace_name, const char *name, StrBuf *location,
                          bool *found, Error *err);

static Status find_location(TableChange *change, FindRow find, Arena *arena, const char **location,
                            bool *found, Error *err) {
    StrBuf text;
    strbuf_init(&text);
    Status status = find(change->catalog->db, change->namespace_name, change->name, &text, found, err);
    *location = *found ? arena_strdup(arena, strbuf_text(&text)) : "";
    strbuf_deinit(&text);
    return status;
}

/* Files written for the change fit the newest base: the same columns under the same ids. */
static Status check_same_columns(const TableChange *change, const TableMetadata *metadata, Error *err) {
    const TableVersion *target = change->target;
    bool same = metadata->column_count == target->column_count &&
                strcmp(metadata->location, change->metadata.location) == 0;
    for (int i = 0; same && i < target->column_count; i++) {
        const TableColumn *a = &metadata->columns[i], *b = &target->columns[i];
        same =
            a->field_id == b->field_id && sqltype_equals(a->type, b->type) && (!b->nullable || a->nullable);
    }
    for (int i = 0; same && i < change->added.count; i++)
        same = table_metadata_spec(metadata, change->added.entries[i].spec_id) != NULL;
    if (same) return STATUS_OK;
    return error_set(err, SQLSTATE_SERIALIZATION_FAILURE,
                     "the columns of table \"%s\" were changed by another transaction meanwhile",
                     change->name);
}

static const char *uuid_of(const TableMetadata *metadata) {
    const char *uuid = json_string_value(json_object_get(metadata->root, "table-uuid"));
    return uuid ? uuid : "";
}

static Status replaced_meanwhile(const TableChange *change, Error *err) {
    return error_set(err, SQLSTATE_SERIALIZATION_FAILURE,
                     "table \"%s\" was created or dropped by another transaction meanwhile", change->name);
}

static Status apply_steps(TableChange *change, CommitAttempt *attempt, Error *err) {
    TRY(table_catalog_read_metadata(attempt->old_location, &attempt->arena, &attempt->metadata, err));
    /* Another table of that name: this one's files would be written among those of the dropped one. */
    if (strcmp(uuid_of(&attempt->metadata), uuid_of(&change->metadata)) != 0)
        return replaced_meanwhile(change, err);
    if (attempt->metadata.format_version != 2)
        return error_set(err, SQLSTATE_SERIALIZATION_FAILURE,
                         "table \"%s\" was upgraded by another transaction meanwhile", change->name);
    for (int i = 0; i < change->step_count; i++)
        TRY(metadata_step_apply(&attempt->metadata, &change->steps[i], &attempt->arena, err));
    return STATUS_OK;
}

/* The metadata this attempt builds on: the table's as it is now, or the new table's own. */
static Status attempt_base(TableChange *change, CommitAttempt *attempt, Error *err) {
    bool found;
    TRY(find_location(change, catalog_db_find, &attempt->arena, &attempt->old_location, &found, err));
    if (!found && !change->creating)
        return table_catalog_undefined(change->namespace_name, change->name, err);
    if (found && change->creating && !change->or_replace)
        return error_set(err, SQLSTATE_DUPLICATE_TABLE, "table \"%s\" already exists", change->name);
    if (found != (change->base != NULL)) return replaced_meanwhile(change, err);
    if (!found || strcmp(attempt->old_location, change->base->metadata_location) == 0)
        table_metadata_copy(&change->metadata, &attempt->metadata);
    else
        TRY(apply_steps(change, attempt, err));
    if (change->added.count > 0 || change->or_replace)
        TRY(check_same_columns(change, &attempt->metadata, err));
    attempt->parent = attempt->metadata;
    if (!change->branch) return STATUS_OK;
    json_t *ref = json_object_get(json_object_get(attempt->metadata.root, "refs"), change->branch);
    if (!ref)
        return error_set(err, SQLSTATE_SERIALIZATION_FAILURE,
                         "branch \"%s\" was dropped by another transaction meanwhile", change->branch);
    return table_metadata_select(&attempt->parent, json_integer_value(json_object_get(ref, "snapshot-id")),
                                 change->name, err);
}

static Status attempt_snapshot(TableChange *change, CommitAttempt *attempt, int number, Error *err) {
    Arena *arena = &attempt->arena;
    char uuid[STORE_UUID_BYTES];
    attempt->sequence_number = attempt->metadata.last_sequence_number + 1;
    TRY(manifest_list_of(&attempt->parent, arena, &attempt->base, &attempt->base_count, err));
    TRY(change_validate(change, attempt, err));
    TRY(change_make_manifests(change, attempt, err));
    TRY(change_merge_manifests(change, attempt, err));
    store_make_uuid(uuid);
    attempt->list_path = arena_printf(arena, "%s/snap-%" PRId64 "-%d-%s.avro", change->metadata_directory,
                                      change->snapshot_id, number, uuid);
    TRY(manifest_list_write(attempt->list_path, attempt->manifests, attempt->manifest_count,
                            attempt->parent.snapshot_id, change->snapshot_id, attempt->sequence_number, err));
    table_step_done("manifest list");
    SnapshotChange snapshot = {.snapshot_id = change->snapshot_id,
                               .sequence_number = attempt->sequence_number,
                               .timestamp_ms = clock_wall_us() / 1000,
                               .parent_id = attempt->parent.snapshot_id,
                               .manifest_list = store_uri_from_path(attempt->list_path, arena),
                               .branch = change->branch,
                               .summary = change_summary(change, attempt)};
    table_metadata_add_snapshot(&attempt->metadata, &snapshot);
    return STATUS_OK;
}

/* Metadata files are numbered: 00000-UUID.metadata.json, 00001-... */
static int next_metadata_number(const char *old_location) {
    const char *slash = strrchr(old_location, '/');
    if (!old_location[0]) return 0;
    long number = strtol(slash ? slash + 1 : old_location, NULL, 10);
    return number >= 0 && number < 99999999 ? (int)number + 1 : 1;
}

/* What the table's present metadata tells of ours: it is that, or stands on it. Where its log no longer
 * reaches back to what ours was built on, it cannot be told. */
static void look_for_commit(TableChange *change, const CommitAttempt *attempt, const char *location,
                            const char *current, Arena *arena, bool *swapped) {
    TableMetadata newer;
    Error ignored;
    size_t index;
    json_t *item;
    bool reaches_back = strcmp(current, attempt->old_location) == 0;
    *swapped = strcmp(current, location) == 0;
    if (*swapped || reaches_back) return;
    if (table_catalog_read_metadata(current, arena, &newer, &ignored) != STATUS_OK) {
        change->uncertain = true;
        return;
    }
    json_array_foreach(json_object_get(newer.root, "metadata-log"), index, item) {
        const char *file = json_string_value(json_object_get(item, "metadata-file"));
        *swapped = *swapped || (file && strcmp(file, location) == 0);
        reaches_back = reaches_back || (file && strcmp(file, attempt->old_location) == 0);
    }
    bool same_table = strcmp(uuid_of(&newer), uuid_of(&attempt->metadata)) == 0;
    if (!attempt->old_location[0]) *swapped = same_table; /* nobody else could have made it */
    if (!*swapped && same_table && !reaches_back) change->uncertain = true;
    table_metadata_deinit(&newer);
}

/* A failed write to the catalog may still have reached it: what the row says now decides. A row that is gone
 * may stand under another name since. */
static Status resolve_failed_swap(TableChange *change, const CommitAttempt *attempt, const char *location,
                                  bool *swapped, Error *err) {
    Arena arena;
    const char *current;
    bool found = false;
    Error ignored;
    arena_init(&arena);
    *swapped = false;
    Status looked = find_location(change, catalog_db_find_settled, &arena, &current, &found, &ignored);
    if (looked == STATUS_OK && found)
        look_for_commit(change, attempt, location, current, &arena, swapped);
    else
        change->uncertain = true;
    arena_deinit(&arena);
    if (!*swapped) return STATUS_ERROR; /* `err` is the catalog's */
    if (err) error_clear(err);
    return STATUS_OK;
}

static Status write_metadata(TableChange *change, CommitAttempt *attempt, Error *err) {
    char uuid[STORE_UUID_BYTES];
    store_make_uuid(uuid);
    attempt->metadata_path =
        arena_printf(&attempt->arena, "%s/%05d-%s.metadata.json", change->metadata_directory,
                     next_metadata_number(attempt->old_location), uuid);
    MetadataText text;
    const char *previous;
    if (store_path_from_uri(attempt->old_location, &attempt->arena, &previous, NULL) != STATUS_OK)
        previous = "";
    if (!metadata_text_make(attempt->metadata.root, previous, &text))
        return error_set(err, SQLSTATE_INTERNAL, "cannot write the metadata of table \"%s\" as JSON",
                         change->name);
    struct stat info;
    Status status = store_write_durable(attempt->metadata_path, text.text, text.bytes, err);
    if (status == STATUS_OK && stat(attempt->metadata_path, &info) == 0)
        metadata_cache_put(attempt->metadata_path, &info, &text, attempt->metadata.root);
    metadata_text_deinit(&text);
    TRY(status);
    table_step_done("metadata");
    return STATUS_OK;
}

static Status attempt_swap(TableChange *change, CommitAttempt *attempt, bool *swapped, Error *err) {
    const char **dropped;
    int dropped_count;
    table_metadata_finish(&attempt->metadata, attempt->old_location, &attempt->arena, &dropped,
                          &dropped_count);
    TRY(write_metadata(change, attempt, err));
    const char *location = store_uri_from_path(attempt->metadata_path, &attempt->arena);
    CatalogDb *db = change->catalog->db;
    Status status;
    if (attempt->old_location[0]) {
        status = catalog_db_swap(db, change->namespace_name, change->name, attempt->old_location, location,
                                 swapped, err);
    } else {
        status = catalog_db_insert(db, change->namespace_name, change->name, location, err);
        *swapped = status == STATUS_OK;
    }
    if (status != STATUS_OK) TRY(resolve_failed_swap(change, attempt, location, swapped, err));
    bool removes = *swapped && table_metadata_property(&attempt->metadata,
                                                       "write.metadata.delete-after-commit.enabled", 0);
    for (int i = 0; removes && i < dropped_count; i++) {
        const char *path;
        Error ignored;
        if (store_path_from_uri(dropped[i], &attempt->arena, &path, &ignored) == STATUS_OK) unlink(path);
    }
    return STATUS_OK;
}

static bool is_listed(const CommitAttempt *attempt, const char *path) {
    for (int i = 0; i < attempt->manifest_count; i++) {
        const char *uri = attempt->manifests[i].path;
        size_t length = strlen(uri), tail = strlen(path);
        if (length >= tail && strcmp(uri + length - tail, path) == 0) return true;
    }
    return false;
}

/* What was made for attempts that are not the one that counts. */
static void remove_leftovers(TableChange *change, const CommitAttempt *attempt, bool swapped) {
    if (change->uncertain) return;
    if (!swapped) {
        if (attempt->list_path) unlink(attempt->list_path);
        if (attempt->metadata_path) unlink(attempt->metadata_path);
        for (int i = 0; i < attempt->merged_count; i++)
            unlink(attempt->merged[i]);
        return;
    }
    /* Manifests that a merge took up, or that fitted an earlier attempt's base. */
    for (int i = 0; i < change->written_count; i++) {
        const char *path = change->written[i], *dot = strrchr(path, '.');
        if (dot && strcmp(dot, ".avro") == 0 && !is_listed(attempt, path)) unlink(path);
    }
}

static bool adds_snapshot(const TableChange *change, const CommitAttempt *attempt) {
    bool some = change->added.count > 0 || change->added_deletes.count > 0 || change->removed_count > 0;
    bool had = attempt->parent.snapshot_id != -1;
    return some || (had && (change->remove_all || change->merge_below > 0));
}

/* Its metadata was read from the catalog, but commits and expiry have gone on since: the next attempt finds
 * the newest. */
static bool base_was_left_behind(TableChange *change, CommitAttempt *attempt, const Error *failure) {
    const char *current;
    bool found;
    Error ignored;
    if (strcmp(failure->sqlstate, SQLSTATE_UNDEFINED_FILE) != 0 || !attempt->old_location) return false;
    return find_location(change, catalog_db_find, &attempt->arena, &current, &found, &ignored) == STATUS_OK &&
           strcmp(current, attempt->old_location) != 0;
}

static Status attempt_commit(TableChange *change, int number, bool *swapped, TableChangeResult *result,
                             Error *err) {
    CommitAttempt attempt = {.metadata = {.snapshot_id = -1}};
    arena_init(&attempt.arena);
    *swapped = false;
    Status status = attempt_base(change, &attempt, err);
    bool snapshot = status == STATUS_OK && adds_snapshot(change, &attempt);
    bool nothing = !snapshot && change->step_count == 0 && change->base;
    if (snapshot) status = attempt_snapshot(change, &attempt, number, err);
    bool again = status != STATUS_OK && base_was_left_behind(change, &attempt, err);
    if (again)
        status = STATUS_OK;
    else if (status == STATUS_OK && nothing)
        *swapped = true;
    else if (status == STATUS_OK)
        status = attempt_swap(change, &attempt, swapped, err);
    remove_leftovers(change, &attempt, *swapped);
    *result =
        (TableChangeResult){.snapshot_id = snapshot ? change->snapshot_id : attempt.metadata.snapshot_id,
                            .added_rows = change->added_rows,
                            .added_files = change->added.count,
                            .added_bytes = change->added_bytes,
                            .changed = !nothing};
    table_metadata_deinit(&attempt.metadata);
    arena_deinit(&attempt.arena);
    return status;
}

static void back_off(int attempt) {
    int64_t limit_us = attempt < 7 ? (int64_t)1000 << attempt : MAX_BACKOFF_MS * 1000;
    int64_t pause_us = (int64_t)(store_random_u64() % (uint64_t)limit_us);
    struct timespec pause = {.tv_sec = 0, .tv_nsec = pause_us * 1000};
    nanosleep(&pause, NULL);
}

static Status commit(TableChange *change, TableChangeResult *result, Error *err) {
    for (int i = 0; i < change->added.count; i++) {
        change->added_rows += change->added.entries[i].row_count;
        change->added_bytes += change->added.entries[i].bytes;
    }
    TRY(change_write_deletes(change, err));
    pthread_mutex_t *lock =
        &change->catalog
             ->commit_locks[table_catalog_hash(change->namespace_name, change->name) % COMMIT_LOCKS];
    for (int number = 0; number < COMMIT_ATTEMPTS; number++) {
        bool swapped;
        pthread_mutex_lock(lock);
        Status status = attempt_commit(change, number, &swapped, result, err);
        pthread_mutex_unlock(lock);
        TRY(status);
        if (swapped) return STATUS_OK;
        back_off(number);
    }
    return error_set(err, SQLSTATE_SERIALIZATION_FAILURE,
                     "could not commit to table \"%s\": other transactions commit to it all the time",
                     change->name);
}

Status table_change_commit(TableChange *change, TableChangeResult *result, Error *err) {
    TableChangeResult own;
    if (commit(change, result ? result : &own, err) != STATUS_OK) {
        table_change_abort(change);
        return STATUS_ERROR;
    }
    change_destroy(change);
    return STATUS_OK;
}
