/* A change being put together. What commits it is in table_change_commit.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/columnar/iceberg/table_change_internal.h"
#include "engines/columnar/store/local_store.h"

void *change_grow(Arena *arena, void *items, int count, int *capacity, size_t size) {
    if (count < *capacity) return items;
    *capacity = *capacity ? *capacity * 2 : 8;
    void *grown = arena_zalloc(arena, (size_t)*capacity * size);
    if (count) memcpy(grown, items, (size_t)count * size);
    return grown;
}

void change_note_written(TableChange *change, const char *path) {
    change->written = change_grow(&change->arena, change->written, change->written_count,
                                  &change->written_capacity, sizeof *change->written);
    change->written[change->written_count++] = path;
}

char *change_metadata_path(TableChange *change, const char *suffix, Arena *arena) {
    char uuid[STORE_UUID_BYTES];
    store_make_uuid(uuid);
    return arena_printf(arena, "%s/%s%s", change->metadata_directory, uuid, suffix);
}

bool change_touches_rows(const TableChange *change) {
    return change->added.count > 0 || change->added_deletes.count > 0 || change->removed_count > 0 ||
           change->remove_all || change->removed_delete_count > 0;
}

/* ---- beginning and end -----------------------------------------------------------------------------------
 */

static Status check_version(const TableMetadata *metadata, const char *name, Error *err) {
    if (metadata->format_version == 2) return STATUS_OK;
    return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                     "table \"%s\" has Iceberg format version %d; only version 2 can be written", name,
                     metadata->format_version);
}

static TableChange *change_new(TableCatalog *catalog, const char *namespace_name, const char *name) {
    TableChange *change = calloc(1, sizeof *change);
    if (!change) abort();
    change->catalog = catalog;
    arena_init(&change->arena);
    pthread_mutex_init(&change->lock, NULL);
    change->namespace_name =
        arena_strdup(&change->arena, namespace_name ? namespace_name : DEFAULT_NAMESPACE);
    change->name = arena_strdup(&change->arena, name);
    change->snapshot_id = (int64_t)(store_random_u64() >> 1);
    change->keep_sequence = -1;
    change->writer_pin = TABLE_PIN_NONE;
    return change;
}

void change_destroy(TableChange *change) {
    table_pins_release(change->catalog->pins, &change->writer_pin, 1);
    table_metadata_deinit(&change->metadata);
    table_version_release(change->target);
    table_version_release(change->base);
    pthread_mutex_destroy(&change->lock);
    arena_deinit(&change->arena);
    free(change);
}

/* The target follows the metadata. */
static void describe_target(TableChange *change) {
    table_version_release(change->target);
    change->target =
        table_version_describe(change->namespace_name, change->name,
                               change->base ? change->base->metadata_location : "", &change->metadata);
}

static Status prepare_directories(TableChange *change, Error *err) {
    const char *directory;
    TRY(store_path_from_uri(change->metadata.location, &change->arena, &directory, err));
    change->data_directory = arena_printf(&change->arena, "%s/data", directory);
    change->metadata_directory = arena_printf(&change->arena, "%s/metadata", directory);
    bool known = change->base && change->base->metadata_location[0];
    const char *key =
        known ? change->base->metadata_location
              : store_uri_from_path(change_metadata_path(change, "", &change->arena), &change->arena);
    change->writer_pin = table_pins_write(change->catalog->pins, key);
    TRY(store_make_directories(change->data_directory, err));
    return store_make_directories(change->metadata_directory, err);
}

static Status begin_existing(TableChange *change, Error *err) {
    if (table_catalog_read_metadata(change->base->metadata_location, &change->arena, &change->metadata,
                                    err) != STATUS_OK) {
        if (!err || strcmp(err->sqlstate, SQLSTATE_UNDEFINED_FILE) != 0) return STATUS_ERROR;
        return error_set(
            err, SQLSTATE_SERIALIZATION_FAILURE,
            "table \"%s\" was changed by other transactions until nothing was left of what this one "
            "began with",
            change->name);
    }
    TRY(check_version(&change->metadata, change->name, err));
    describe_target(change);
    return prepare_directories(change, err);
}

Status table_change_begin(TableCatalog *catalog, const TableVersion *base, TableChange **out, Error *err) {
    if (base->is_as_of)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "a version of the past of table \"%s\" cannot be changed", base->name);
    TableChange *change = change_new(catalog, base->namespace_name, base->name);
    change->base = table_version_retain((TableVersion *)base);
    if (begin_existing(change, err) != STATUS_OK) {
        change_destroy(change);
        return STATUS_ERROR;
    }
    *out = change;
    return STATUS_OK;
}

/* Where commits follow each other fast the newest metadata file may be gone before it is read. */
static Status read_latest(TableChange *change, const char **location, bool *found, Error *err) {
    StrBuf text;
    Status status;
    *location = "";
    strbuf_init(&text);
    do {
        strbuf_reset(&text);
        status =
            catalog_db_find(change->catalog->db, change->namespace_name, change->name, &text, found, err);
        bool again = strcmp(strbuf_text(&text), *location) == 0;
        if (status != STATUS_OK || !*found || (again && (*location)[0])) break;
        *location = arena_strdup(&change->arena, strbuf_text(&text));
        status = table_catalog_read_metadata(*location, &change->arena, &change->metadata, err);
    } while (status != STATUS_OK);
    strbuf_deinit(&text);
    return status;
}

/* The newest metadata; the base is a version without files. */
static Status find_latest(TableChange *change, bool *found, Error *err) {
    const char *location;
    TRY(read_latest(change, &location, found, err));
    if (!*found) return STATUS_OK;
    TRY(check_version(&change->metadata, change->name, err));
    change->base = table_version_describe(change->namespace_name, change->name, location, &change->metadata);
    describe_target(change);
    return prepare_directories(change, err);
}

Status table_change_begin_latest(TableCatalog *catalog, const char *namespace_name, const char *name,
                                 TableChange **out, Error *err) {
    TableChange *change = change_new(catalog, namespace_name, name);
    bool found;
    Status status = find_latest(change, &found, err);
    if (status == STATUS_OK && !found)
        status = table_catalog_undefined(change->namespace_name, change->name, err);
    if (status != STATUS_OK) {
        change_destroy(change);
        return STATUS_ERROR;
    }
    *out = change;
    return STATUS_OK;
}

static Status check_columns(const TableColumn *columns, int column_count, Error *err) {
    if (column_count == 0) return error_set(err, "42P16", "a table needs at least one column");
    for (int i = 0; i < column_count; i++) {
        if (!columns[i].name || !columns[i].name[0])
            return error_set(err, "42602", "column %d has no name", i + 1);
        for (int j = 0; j < i; j++)
            if (strcmp(columns[i].name, columns[j].name) == 0)
                return error_set(err, "42701", "column \"%s\" is specified more than once", columns[i].name);
    }
    return STATUS_OK;
}

static Status add_step(TableChange *change, const MetadataStep *step, Error *err);

static Status begin_create(TableChange *change, const TableColumn *columns, int column_count, Error *err) {
    Arena *arena = &change->arena;
    TRY(check_columns(columns, column_count, err));
    if (!change->name[0]) return error_set(err, "42602", "a table needs a name");
    bool found;
    TRY(find_latest(change, &found, err));
    if (found && !change->or_replace)
        return error_set(err, SQLSTATE_DUPLICATE_TABLE, "table \"%s\" already exists", change->name);
    if (!found) {
        char *directory;
        TRY(table_catalog_make_directory(change->catalog, change->namespace_name, change->name, arena,
                                         &directory, err));
        change->made_directory = directory;
        TRY(table_metadata_create(store_uri_from_path(directory, arena), columns, column_count, arena,
                                  &change->metadata, err));
        describe_target(change);
        return prepare_directories(change, err);
    }
    TableColumn *wanted = ARENA_NEW_ARRAY(arena, TableColumn, column_count);
    for (int i = 0; i < column_count; i++) {
        wanted[i] = columns[i];
        wanted[i].name = arena_strdup(arena, columns[i].name);
    }
    MetadataStep step = {.kind = STEP_REPLACE_COLUMNS, .columns = wanted, .column_count = column_count};
    change->remove_all = true;
    return add_step(change, &step, err);
}

/* Empty directories of a table that never came to be; rmdir leaves those that hold files. */
static void remove_directories(TableChange *change) {
    if (!change->made_directory || change->uncertain) return;
    rmdir(arena_printf(&change->arena, "%s/data", change->made_directory));
    rmdir(arena_printf(&change->arena, "%s/metadata", change->made_directory));
    rmdir(change->made_directory);
}

Status table_change_begin_create(TableCatalog *catalog, const char *namespace_name, const char *name,
                                 const TableColumn *columns, int column_count, bool or_replace,
                                 TableChange **out, Error *err) {
    TableChange *change = change_new(catalog, namespace_name, name);
    change->creating = true;
    change->or_replace = or_replace;
    if (begin_create(change, columns, column_count, err) != STATUS_OK) {
        remove_directories(change);
        change_destroy(change);
        return STATUS_ERROR;
    }
    *out = change;
    return STATUS_OK;
}

/* Directories of partitions stay, even if empty now: another writer may be about to put a file there. */
void table_change_abort(TableChange *change) {
    if (!change) return;
    for (int i = 0; i < change->written_count && !change->uncertain; i++) {
        unlink(change->written[i]);
        /* But those of a table that nobody else knows. */
        char *parent = arena_strdup(&change->arena, change->written[i]), *slash;
        while (change->made_directory && (slash = strrchr(parent, '/')) != NULL) {
            *slash = 0;
            if (strlen(parent) <= strlen(change->data_directory) || rmdir(parent) != 0) break;
        }
    }
    remove_directories(change);
    change_destroy(change);
}

const TableVersion *table_change_target(const TableChange *change) {
    return change->target;
}

int64_t table_change_snapshot_id(const TableChange *change) {
    return change->snapshot_id;
}

/* ---- steps -----------------------------------------------------------------------------------------------
 */

/* Applied at once, so that mistakes show and writers see it. */
static Status add_step(TableChange *change, const MetadataStep *step, Error *err) {
    if (change->added.count > 0)
        return error_set(err, SQLSTATE_INTERNAL, "a table's layout is changed after rows were written");
    TRY(metadata_step_apply(&change->metadata, step, &change->arena, err));
    change->steps = change_grow(&change->arena, change->steps, change->step_count, &change->step_capacity,
                                sizeof *change->steps);
    change->steps[change->step_count++] = *step;
    describe_target(change);
    return STATUS_OK;
}

static const char *copy(TableChange *change, const char *text) {
    return text ? arena_strdup(&change->arena, text) : NULL;
}

Status table_change_add_column(TableChange *change, const TableColumn *column, const char *after,
                               bool if_not_exists, Error *err) {
    MetadataStep step = {
        .kind = STEP_ADD_COLUMN, .column = *column, .text = copy(change, after), .flag = if_not_exists};
    step.column.name = copy(change, column->name);
    return add_step(change, &step, err);
}

Status table_change_drop_column(TableChange *change, const char *name, bool if_exists, Error *err) {
    MetadataStep step = {.kind = STEP_DROP_COLUMN, .name = copy(change, name), .flag = if_exists};
    return add_step(change, &step, err);
}

Status table_change_rename_column(TableChange *change, const char *name, const char *new_name, Error *err) {
    MetadataStep step = {
        .kind = STEP_RENAME_COLUMN, .name = copy(change, name), .text = copy(change, new_name)};
    return add_step(change, &step, err);
}

Status table_change_widen_column(TableChange *change, const char *name, SqlType type, Error *err) {
    MetadataStep step = {.kind = STEP_WIDEN_COLUMN, .name = copy(change, name), .column = {.type = type}};
    return add_step(change, &step, err);
}

Status table_change_move_column(TableChange *change, const char *name, const char *after, Error *err) {
    MetadataStep step = {.kind = STEP_MOVE_COLUMN, .name = copy(change, name), .text = copy(change, after)};
    return add_step(change, &step, err);
}

Status table_change_drop_not_null(TableChange *change, const char *name, Error *err) {
    MetadataStep step = {.kind = STEP_DROP_NOT_NULL, .name = copy(change, name)};
    return add_step(change, &step, err);
}

Status table_change_set_partitioning(TableChange *change, const char *text, Error *err) {
    MetadataStep step = {.kind = STEP_PARTITIONING, .text = copy(change, text)};
    return add_step(change, &step, err);
}

Status table_change_set_sort_order(TableChange *change, const char *text, Error *err) {
    MetadataStep step = {.kind = STEP_SORT_ORDER, .text = copy(change, text)};
    return add_step(change, &step, err);
}

Status table_change_set_property(TableChange *change, const char *key, const char *value, Error *err) {
    MetadataStep step = {.kind = STEP_PROPERTY, .name = copy(change, key), .text = copy(change, value)};
    return add_step(change, &step, err);
}

Status table_change_set_ref(TableChange *change, const char *ref, bool is_tag, int64_t snapshot_id,
                            Error *err) {
    MetadataStep step = {
        .kind = STEP_SET_REF, .name = copy(change, ref), .flag = is_tag, .snapshot_id = snapshot_id};
    return add_step(change, &step, err);
}

Status table_change_drop_ref(TableChange *change, const char *ref, Error *err) {
    MetadataStep step = {.kind = STEP_DROP_REF, .name = copy(change, ref)};
    return add_step(change, &step, err);
}

Status table_change_expire_snapshot(TableChange *change, int64_t snapshot_id, Error *err) {
    MetadataStep step = {.kind = STEP_EXPIRE, .snapshot_id = snapshot_id};
    TRY(metadata_step_apply(&change->metadata, &step, &change->arena, err));
    change->steps = change_grow(&change->arena, change->steps, change->step_count, &change->step_capacity,
                                sizeof *change->steps);
    change->steps[change->step_count++] = step;
    return STATUS_OK; /* nothing that a writer sees: there may be very many of these */
}

Status table_change_on_branch(TableChange *change, const char *branch, Error *err) {
    json_t *ref = json_object_get(json_object_get(change->metadata.root, "refs"), branch);
    const char *type = json_string_value(json_object_get(ref, "type"));
    change->branch = NULL;
    if (strcmp(branch, "main") == 0) return STATUS_OK;
    if (!ref || !type || strcmp(type, "branch") != 0)
        return error_set(err, "42704", "table \"%s\" has no branch \"%s\"", change->name, branch);
    change->branch = copy(change, branch);
    change->branch_snapshot = json_integer_value(json_object_get(ref, "snapshot-id"));
    return STATUS_OK;
}

/* ---- how it is committed ---------------------------------------------------------------------------------
 */

void table_change_remove_all(TableChange *change) {
    change->remove_all = true;
}

void table_change_require(TableChange *change, bool (*may_match)(void *context, const DataFile *file),
                          void *context) {
    change->requirement = (RowRequirement){may_match, context, true};
}

void table_change_keep_sequence(TableChange *change, int64_t sequence_number) {
    change->keep_sequence = sequence_number;
}

void table_change_merge_manifests(TableChange *change, int64_t below_bytes) {
    change->merge_below = below_bytes;
}

void table_change_set_operation(TableChange *change, TableOperation operation) {
    change->operation = operation;
    change->operation_set = true;
}

void table_change_set_summary(TableChange *change, const char *key, const char *value) {
    change->summary = change_grow(&change->arena, change->summary, change->summary_count,
                                  &change->summary_capacity, sizeof *change->summary);
    change->summary[change->summary_count++] = (PropertyPair){copy(change, key), copy(change, value)};
}
