#include "engines/columnar/catalog_intake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/columnar/exec/arrow_export.h"
#include "engines/columnar/iceberg/layout_text.h"
#include "engines/columnar/iceberg/table_catalog_internal.h"
#include "engines/columnar/ingest/ingest.h"

/* ---- rows in ---------------------------------------------------------------------------------------------
 */

static const IngestFormat formats[] = {[TABLE_INTAKE_AUTO] = INGEST_AUTO,
                                       [TABLE_INTAKE_CSV] = INGEST_CSV,
                                       [TABLE_INTAKE_JSON] = INGEST_JSON,
                                       [TABLE_INTAKE_PARQUET] = INGEST_PARQUET};

/* A spooled body has no name to open it by but this; it may be read twice. */
static const char *path_of(const TableIntakeSource *source, Arena *arena) {
    return arena_printf(arena, "/proc/self/fd/%d", source->fd);
}

/* Parquet is read by offsets, from a file: one in memory. */
static bool needs_file(const TableIntake *intake, const TableIntakeSource *source) {
    bool looks_so = source->bytes >= 4 && !memcmp(source->data, "PAR1", 4);
    return intake->format == TABLE_INTAKE_PARQUET || (intake->format == TABLE_INTAKE_AUTO && looks_so);
}

static Status put_into_file(TableIntakeSource *source, Error *err) {
    size_t at = 0;
    source->fd = memfd_create("rows", MFD_CLOEXEC);
    if (source->fd < 0) return error_set_errno(err, errno, "cannot keep the rows of \"%s\"", source->name);
    while (at < source->bytes) {
        ssize_t count = write(source->fd, (const char *)source->data + at, source->bytes - at);
        if (count < 0 && errno != EINTR)
            return error_set_errno(err, errno, "cannot keep the rows of \"%s\"", source->name);
        at += count > 0 ? (size_t)count : 0;
    }
    return STATUS_OK;
}

typedef struct Sources {
    TableIntakeSource *given;
    IngestInput *inputs;
    bool *made; /* which descriptors are ours */
} Sources;

static bool is_regular(int fd) {
    struct stat info;
    return fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

static Status open_sources(const TableIntake *intake, Sources *out, Error *err) {
    *out = (Sources){.inputs = ARENA_NEW_ARRAY(intake->arena, IngestInput, intake->source_count + 1),
                     .made = ARENA_NEW_ARRAY(intake->arena, bool, intake->source_count + 1),
                     .given = arena_memdup(intake->arena, intake->sources,
                                           sizeof *intake->sources * (size_t)intake->source_count)};
    for (int i = 0; i < intake->source_count; i++) {
        TableIntakeSource *source = &out->given[i];
        if (source->fd < 0 && needs_file(intake, source)) {
            Status status = put_into_file(source, err);
            out->made[i] = source->fd >= 0;
            TRY(status);
        }
        if (source->fd < 0)
            out->inputs[i] = (IngestInput){
                .kind = INGEST_MEMORY, .name = source->name, .data = source->data, .bytes = source->bytes};
        else if (is_regular(source->fd))
            out->inputs[i] = (IngestInput){.kind = INGEST_PATH, .name = path_of(source, intake->arena)};
        else
            out->inputs[i] = (IngestInput){.kind = INGEST_DESCRIPTOR, .name = source->name, .fd = source->fd};
    }
    return STATUS_OK;
}

static void close_sources(const TableIntake *intake, Sources *sources) {
    for (int i = 0; i < intake->source_count; i++)
        if (sources->made[i]) close(sources->given[i].fd);
}

/* What the user called it, in place of the path we opened it by. */
static void show_names(const TableIntake *intake, const IngestInput *inputs, Error *err) {
    for (int i = 0; err && i < intake->source_count; i++) {
        if (inputs[i].kind != INGEST_PATH) continue;
        char *found = strstr(err->message, inputs[i].name);
        size_t length = strlen(inputs[i].name);
        if (!found || (found[length] >= '0' && found[length] <= '9')) continue;
        char rest[sizeof err->message];
        snprintf(rest, sizeof rest, "%s", found + length);
        snprintf(found, sizeof err->message - (size_t)(found - err->message), "%s%s", intake->sources[i].name,
                 rest);
    }
}

static const char *source_of(const TableIntake *intake, const IngestInput *inputs, const char *name) {
    for (int i = 0; i < intake->source_count; i++)
        if (!strcmp(inputs[i].name, name)) return intake->sources[i].name;
    return name;
}

static const char *copy_text(Arena *arena, const char *text) {
    return text ? arena_strdup(arena, text) : NULL;
}

static void take_result(const TableIntake *intake, const IngestInput *inputs, const IngestResult *made,
                        TableIntakeResult *out) {
    Arena *arena = intake->arena;
    out->row_count = made->row_count;
    out->snapshot_id = made->snapshot_id;
    out->rejected_count = made->rejected_count;
    TableIntakeReject *rejects = ARENA_NEW_ARRAY(arena, TableIntakeReject, made->reject_count + 1);
    for (int i = 0; i < made->reject_count; i++)
        rejects[i] = (TableIntakeReject){.source = source_of(intake, inputs, made->rejects[i].input),
                                         .row = made->rejects[i].row,
                                         .column = copy_text(arena, made->rejects[i].column),
                                         .reason = copy_text(arena, made->rejects[i].reason)};
    TableIntakeChange *changes = ARENA_NEW_ARRAY(arena, TableIntakeChange, made->change_count + 1);
    for (int i = 0; i < made->change_count; i++)
        changes[i] = (TableIntakeChange){.column = copy_text(arena, made->changes[i].column),
                                         .added = made->changes[i].added,
                                         .type = made->changes[i].to};
    out->rejects = rejects;
    out->reject_count = made->reject_count;
    out->changes = changes;
    out->change_count = made->change_count;
}

static IngestOptions options_of(const TableIntake *intake, const IngestInput *inputs) {
    return (IngestOptions){.namespace_name = intake->schema,
                           .table = intake->table,
                           .inputs = inputs,
                           .input_count = intake->source_count,
                           .format = formats[intake->format],
                           .delimiter = intake->delimiter,
                           .quote = intake->quote,
                           .header = intake->header,
                           .null_text = intake->null_text,
                           .on_error = intake->skip_bad_rows ? INGEST_SKIP : INGEST_FAIL,
                           .cancel = intake->cancel,
                           .progress = intake->progress,
                           .progress_context = intake->progress_context};
}

static Status load_once(TableCatalog *catalog, Budget *budget, const TableIntake *intake,
                        const IngestInput *inputs, IngestMode mode, TableIntakeResult *result, Error *err) {
    IngestOptions options = options_of(intake, inputs);
    options.budget = budget;
    options.mode = mode;
    options.replace_rows = intake->replace;
    IngestResult made;
    Status status = ingest_load(catalog, &options, &made, err);
    if (status == STATUS_OK) take_result(intake, inputs, &made, result);
    ingest_result_deinit(&made);
    return status;
}

static Status table_is_there(TableCatalog *catalog, const TableIntake *intake, bool *out, Error *err) {
    TableVersion *version = NULL;
    Error failure = {0};
    Status status = table_catalog_load(catalog, intake->schema, intake->table, &version, &failure);
    *out = status == STATUS_OK;
    if (status == STATUS_OK) {
        table_version_release(version);
    } else if (strcmp(failure.sqlstate, SQLSTATE_UNDEFINED_TABLE) != 0) {
        if (err) *err = failure;
        return STATUS_ERROR;
    }
    return STATUS_OK;
}

/* A table that comes or goes meanwhile is met in the second round. */
static Status load(TableCatalog *catalog, Budget *budget, const TableIntake *intake,
                   const IngestInput *inputs, TableIntakeResult *result, Error *err) {
    Status status = STATUS_ERROR;
    for (int attempt = 0; attempt < 2; attempt++) {
        bool there;
        TRY(table_is_there(catalog, intake, &there, err));
        bool create = !there && intake->create;
        IngestMode mode = intake->create && intake->replace ? INGEST_REPLACE
                          : create                          ? INGEST_CREATE
                                                            : INGEST_APPEND;
        *result = (TableIntakeResult){.snapshot_id = -1, .created = create};
        status = load_once(catalog, budget, intake, inputs, mode, result, err);
        bool raced = status != STATUS_OK && err && intake->create &&
                     (!strcmp(err->sqlstate, SQLSTATE_DUPLICATE_TABLE) ||
                      !strcmp(err->sqlstate, SQLSTATE_UNDEFINED_TABLE));
        if (!raced) break;
    }
    if (status != STATUS_OK) show_names(intake, inputs, err);
    return status;
}

Status catalog_intake(TableCatalog *catalog, Budget *budget, const TableIntake *intake,
                      TableIntakeResult *result, Error *err) {
    Sources sources;
    *result = (TableIntakeResult){.snapshot_id = -1};
    Status status = open_sources(intake, &sources, err);
    if (status == STATUS_OK) status = load(catalog, budget, intake, sources.inputs, result, err);
    close_sources(intake, &sources);
    return status;
}

/* ---- rows for another engine's table ---------------------------------------------------------------------
 */

typedef struct RowsOut {
    const TableIntake *intake;
    const IngestInput *inputs;
    const TableRowReceiver *receiver;
    PlanColumn *columns;
    int column_count;
    ArrowExport export; /* of one batch */
    ArrowSchema schema;
} RowsOut;

static void end_rows(RowsOut *out) {
    if (!out->columns) return;
    arrow_export_deinit(&out->export);
    arrow_schema_release(&out->schema);
    out->columns = NULL;
}

static Status begin_rows(void *context, const TableColumn *columns, int count, Error *err) {
    RowsOut *out = context;
    end_rows(out);
    out->columns = ARENA_NEW_ARRAY(out->intake->arena, PlanColumn, count + 1);
    out->column_count = count;
    for (int i = 0; i < count; i++)
        out->columns[i] = (PlanColumn){.name = arena_strdup(out->intake->arena, columns[i].name),
                                       .type = columns[i].type,
                                       .nullable = true};
    arrow_export_init(&out->export, out->columns, count);
    arrow_export_schema(out->columns, count, &out->schema);
    return out->receiver->begin(out->receiver->context, &out->schema, err);
}

static Status take_rows(void *context, const char *input, const int64_t *rows, const Batch *batch,
                        Error *err) {
    RowsOut *out = context;
    ArrowArray array;
    if (batch->selected == 0) return STATUS_OK;
    TRY(arrow_export_append(&out->export, batch, 0, batch->selected, err));
    arrow_export_finish(&out->export, &array);
    const char *source = source_of(out->intake, out->inputs, input);
    Status status = out->receiver->take(out->receiver->context, source, rows, &array, err);
    arrow_array_release(&array);
    return status;
}

static Status read_rows(RowsOut *out, Budget *budget, TableIntakeResult *result, Error *err) {
    const TableRowReceiver *receiver = out->receiver;
    Arena *arena = out->intake->arena;
    TableColumn *columns = ARENA_NEW_ARRAY(arena, TableColumn, receiver->column_count + 1);
    for (int i = 0; i < receiver->column_count; i++)
        columns[i] = (TableColumn){
            .name = receiver->columns[i].name, .type = receiver->columns[i].type, .nullable = true};
    IngestReceiver inner = {.context = out,
                            .columns = receiver->columns ? columns : NULL,
                            .column_count = receiver->column_count,
                            .begin = begin_rows,
                            .take = take_rows};
    IngestOptions options = options_of(out->intake, out->inputs);
    IngestResult made;
    options.receiver = &inner;
    options.budget = budget;
    options.keep_columns = true;
    Status status = ingest_load(NULL, &options, &made, err);
    if (status == STATUS_OK) take_result(out->intake, out->inputs, &made, result);
    ingest_result_deinit(&made);
    end_rows(out);
    return status;
}

Status catalog_read_rows(Budget *budget, const TableIntake *intake, const TableRowReceiver *receiver,
                         TableIntakeResult *result, Error *err) {
    Sources sources;
    *result = (TableIntakeResult){.snapshot_id = -1};
    Status status = open_sources(intake, &sources, err);
    RowsOut out = {.intake = intake, .inputs = sources.inputs, .receiver = receiver};
    if (status == STATUS_OK) status = read_rows(&out, budget, result, err);
    if (status != STATUS_OK) show_names(intake, sources.inputs, err);
    close_sources(intake, &sources);
    return status;
}

/* ---- what there is to know of a table
 * ------------------------------------------------------------------------
 */

/* A count of a snapshot's summary, where numbers are strings. */
static int64_t summary_count(const json_t *summary, const char *name) {
    const char *text = json_string_value(json_object_get(summary, name));
    return text && text[0] >= '0' && text[0] <= '9' ? strtoll(text, NULL, 10) : -1;
}

static void read_snapshots(const json_t *list, Arena *arena, TableDetails *out) {
    TableSnapshot *snapshots = ARENA_NEW_ARRAY(arena, TableSnapshot, json_array_size(list) + 1);
    size_t index;
    const json_t *item;
    json_array_foreach(list, index, item) {
        const json_t *summary = json_object_get(item, "summary"),
                     *parent = json_object_get(item, "parent-snapshot-id");
        const char *operation = json_string_value(json_object_get(summary, "operation"));
        snapshots[out->snapshot_count++] =
            (TableSnapshot){.id = json_integer_value(json_object_get(item, "snapshot-id")),
                            .parent_id = json_is_integer(parent) ? json_integer_value(parent) : -1,
                            .timestamp_us = json_integer_value(json_object_get(item, "timestamp-ms")) * 1000,
                            .operation = arena_strdup(arena, operation ? operation : ""),
                            .added_rows = summary_count(summary, "added-records"),
                            .deleted_rows = summary_count(summary, "deleted-records"),
                            .total_rows = summary_count(summary, "total-records")};
    }
    out->snapshots = snapshots;
}

static Status read_metadata(const char *location, Arena *arena, TableDetails *out, Error *err) {
    TableMetadata metadata;
    TRY(table_catalog_read_metadata(location, arena, &metadata, err));
    out->location = arena_strdup(arena, metadata.location);
    out->format_version = metadata.format_version;
    read_snapshots(json_object_get(metadata.root, "snapshots"), arena, out);
    table_metadata_deinit(&metadata);
    return STATUS_OK;
}

Status catalog_table_details(TableCatalog *catalog, const char *schema, const char *table, Arena *arena,
                             TableDetails *out, Error *err) {
    TableVersion *version;
    TRY(table_catalog_load(catalog, schema, table, &version, err));
    TableFile *files = ARENA_NEW_ARRAY(arena, TableFile, version->file_count + 1);
    for (int i = 0; i < version->file_count; i++)
        files[i] = (TableFile){.path = arena_strdup(arena, version->files[i].path),
                               .row_count = version->files[i].row_count,
                               .bytes = version->files[i].bytes};
    StrBuf partitioning, sort_order;
    strbuf_init(&partitioning);
    strbuf_init(&sort_order);
    for (int s = 0; s < version->spec_count; s++)
        if (version->specs[s].spec_id == version->spec_id)
            layout_spec_text(&version->specs[s], version->columns, version->column_count, &partitioning);
    if (version->sort_order)
        layout_sort_text(version->sort_order, version->columns, version->column_count, &sort_order);
    *out = (TableDetails){.partitioning = partitioning.length ? arena_strdup(arena, partitioning.data) : NULL,
                          .sort_order = sort_order.length ? arena_strdup(arena, sort_order.data) : NULL,
                          .snapshot_id = version->snapshot_id,
                          .files = files,
                          .file_count = version->file_count};
    strbuf_deinit(&partitioning);
    strbuf_deinit(&sort_order);
    Status status = read_metadata(version->metadata_location, arena, out, err);
    table_version_release(version);
    return status;
}
