/* Compaction: small files of a partition, and files with deleted or unsorted rows, become few large ones, in
 * the table's sort order. Each group of files is one commit, whose rows keep the data sequence number of the
 * version they were read from, so that deletes committed meanwhile still apply. */
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/iceberg/maintenance_internal.h"

enum { MUCH_LARGER_FROM_BYTES = 64 << 10 };

typedef struct Candidate {
    const DataFile *file;
    const char *partition; /* spec and values as bytes; equal for files of one partition */
    size_t partition_bytes;
    bool must; /* deletes to apply, or not in the sort order: to be written anew even alone */
} Candidate;

typedef struct Compaction {
    TableCatalog *catalog;
    const MaintenanceOptions *options;
    MaintenanceReport *report;
    TableVersion *base;
    Arena *arena;
    int64_t target_bytes;
    Candidate *candidates;
    int count;
    int64_t total_bytes, done_bytes; /* for progress */
} Compaction;

static const PartitionSpec *spec_of(const TableVersion *version, int spec_id) {
    for (int i = 0; i < version->spec_count; i++)
        if (version->specs[i].spec_id == spec_id) return &version->specs[i];
    return NULL;
}

static void put_value(StrBuf *out, const PartitionValue *value, SqlType type) {
    strbuf_append_char(out, value->is_null);
    if (value->is_null) return;
    switch (physical_type_of(type)) {
    case PHYS_STRING:
        strbuf_append(out, &value->value.string.length, sizeof value->value.string.length);
        strbuf_append(out, stringview_data(&value->value.string), value->value.string.length);
        break;
    case PHYS_I128: strbuf_append(out, &value->value.i128, sizeof value->value.i128); break;
    case PHYS_F32:
    case PHYS_F64: strbuf_append(out, &value->value.f64, sizeof value->value.f64); break;
    default: strbuf_append(out, &value->value.i64, sizeof value->value.i64); break;
    }
}

static void partition_key(const TableVersion *version, const DataFile *file, Arena *arena, Candidate *out) {
    StrBuf key;
    strbuf_init(&key);
    strbuf_append(&key, &file->spec_id, sizeof file->spec_id);
    const PartitionSpec *spec = spec_of(version, file->spec_id);
    for (int i = 0; spec && file->partition && i < spec->field_count; i++)
        put_value(&key, &file->partition[i], spec->fields[i].result_type);
    out->partition = arena_memdup(arena, strbuf_text(&key), key.length + 1);
    out->partition_bytes = key.length;
    strbuf_deinit(&key);
}

static bool has_deletes_to_apply(const MaintenanceOptions *options, const DataFile *file) {
    int64_t rows = 0;
    for (int i = 0; i < file->delete_count; i++) {
        const DeleteFile *deletes = file->deletes[i];
        if (deletes->content == CONTENT_EQUALITY_DELETES) return true;
        if (deletes->referenced_path) rows += deletes->row_count;
    }
    if (file->delete_count == 0) return false;
    return options->thorough || (double)rows >= options->delete_ratio * (double)file->row_count ||
           file->delete_count >= options->min_input_files;
}

static bool is_unsorted(const TableVersion *version, const DataFile *file) {
    return version->sort_order && version->sort_order->field_count > 0 &&
           file->sort_order_id != version->sort_order->order_id;
}

static int compare_candidates(const void *a, const void *b) {
    const Candidate *left = a, *right = b;
    size_t shorter =
        left->partition_bytes < right->partition_bytes ? left->partition_bytes : right->partition_bytes;
    int order = memcmp(left->partition, right->partition, shorter);
    if (order == 0 && left->partition_bytes != right->partition_bytes)
        order = left->partition_bytes < right->partition_bytes ? -1 : 1;
    if (order != 0) return order;
    if (left->file->bytes != right->file->bytes) return left->file->bytes < right->file->bytes ? -1 : 1;
    return strcmp(left->file->path, right->file->path);
}

static bool same_partition(const Candidate *a, const Candidate *b) {
    return a->partition_bytes == b->partition_bytes &&
           memcmp(a->partition, b->partition, a->partition_bytes) == 0;
}

static void find_candidates(Compaction *compaction) {
    const TableVersion *base = compaction->base;
    compaction->candidates = ARENA_NEW_ARRAY(compaction->arena, Candidate, base->file_count + 1);
    for (int i = 0; i < base->file_count; i++) {
        const DataFile *file = &base->files[i];
        bool must = has_deletes_to_apply(compaction->options, file) || is_unsorted(base, file);
        if (!must && file->bytes >= compaction->target_bytes / 4 * 3) continue;
        Candidate *candidate = &compaction->candidates[compaction->count++];
        *candidate = (Candidate){.file = file, .must = must};
        partition_key(base, file, compaction->arena, candidate);
    }
    qsort(compaction->candidates, (size_t)compaction->count, sizeof *compaction->candidates,
          compare_candidates);
}

/* The files from `first` on that make one group: of one partition, as many bytes as one commit may read. In
 * the background a file is not written again before there is a good part of it to add: so each row is
 * rewritten a number of times that grows with the logarithm of the table only. */
static int group_end(const Compaction *compaction, int first, bool *worth) {
    const MaintenanceOptions *options = compaction->options;
    const Candidate *candidates = compaction->candidates;
    int64_t bytes = 0;
    int end = first;
    bool must = false;
    while (end < compaction->count && same_partition(&candidates[first], &candidates[end])) {
        int64_t next = candidates[end].file->bytes;
        bool much_larger = next > bytes * 4 && next > MUCH_LARGER_FROM_BYTES;
        if (end > first && bytes + next > options->group_bytes) break;
        if (end > first && much_larger && !options->thorough && !candidates[end].must) break;
        must = must || candidates[end].must;
        bytes += next;
        end++;
    }
    int files = end - first;
    bool enough = options->thorough ? files >= 2 : files >= options->min_input_files;
    *worth = must || (files >= 2 && (enough || bytes >= compaction->target_bytes));
    return end;
}

/* ---- one group ---- */

/* A version of the group's files alone. What it points to is the base's, which outlives it. */
static TableVersion *part_of(const Compaction *compaction, int first, int end) {
    TableVersion *part = calloc(1, sizeof *part);
    if (!part) abort();
    *part = *compaction->base;
    part->references = 1;
    part->statistics = NULL;
    arena_init(&part->arena);
    DataFile *files = ARENA_NEW_ARRAY(&part->arena, DataFile, end - first);
    part->row_count = part->bytes = 0;
    for (int i = first; i < end; i++) {
        files[i - first] = *compaction->candidates[i].file;
        part->row_count += files[i - first].row_count;
        part->bytes += files[i - first].bytes;
    }
    part->files = files;
    part->file_count = end - first;
    return part;
}

static int sort_keys(const TableVersion *version, Arena *arena, MaintenanceSortKey **out) {
    const SortOrder *order = version->sort_order;
    int fields = order ? order->field_count : 0, count = 0;
    *out = ARENA_NEW_ARRAY(arena, MaintenanceSortKey, fields + 1);
    for (int i = 0; i < fields; i++)
        for (int c = 0; c < version->column_count; c++)
            if (version->columns[c].field_id == order->fields[i].source_id)
                (*out)[count++] =
                    (MaintenanceSortKey){c, order->fields[i].descending, order->fields[i].nulls_first};
    return count;
}

static Status write_group(Compaction *compaction, TableChange *change, TableVersion *part, Error *err) {
    TableWriter *writer;
    MaintenanceSortKey *keys;
    const MaintenanceRewriter *rewriter = &compaction->options->rewriter;
    int key_count = sort_keys(compaction->base, compaction->arena, &keys);
    TRY(table_writer_open(change, &writer, err));
    Status status =
        rewriter->rewrite(rewriter->context, part, keys, key_count, writer, compaction->options->cancel, err);
    if (status == STATUS_OK) return table_writer_finish(writer, err);
    table_writer_abort(writer);
    return status;
}

static Status fill_change(Compaction *compaction, TableChange *change, int first, int end, Error *err) {
    table_change_keep_sequence(change, compaction->base->sequence_number);
    table_change_set_operation(change, TABLE_REPLACE);
    for (int i = first; i < end; i++)
        TRY(table_change_remove_file(change, compaction->candidates[i].file, err));
    TableVersion *part = part_of(compaction, first, end);
    Status status = write_group(compaction, change, part, err);
    table_version_release(part);
    return status;
}

static Status compact_group(Compaction *compaction, int first, int end, Error *err) {
    MaintenanceReport *report = compaction->report;
    int64_t bytes = 0;
    for (int i = first; i < end; i++)
        bytes += compaction->candidates[i].file->bytes;
    if (!compaction->options->dry_run) {
        TableChange *change;
        TableChangeResult result = {.snapshot_id = -1};
        TRY(table_change_begin(compaction->catalog, compaction->base, &change, err));
        Status status = fill_change(compaction, change, first, end, err);
        if (status != STATUS_OK)
            table_change_abort(change);
        else
            status = table_change_commit(change, &result, err);
        if (maintenance_lost(&status, report, err)) return STATUS_OK;
        TRY(status);
        report->files_written += result.added_files;
        report->bytes_written += result.added_bytes;
    }
    report->groups++;
    report->files_read += end - first;
    report->bytes_read += bytes;
    compaction->done_bytes += bytes;
    maintenance_progress(compaction->options, "compaction", compaction->done_bytes, compaction->total_bytes);
    return STATUS_OK;
}

static Status compact_all(Compaction *compaction, Error *err) {
    find_candidates(compaction);
    for (int i = 0; i < compaction->count; i++)
        compaction->total_bytes += compaction->candidates[i].file->bytes;
    for (int first = 0, end; first < compaction->count; first = end) {
        bool worth;
        end = group_end(compaction, first, &worth);
        TRY(cancel_check(compaction->options->cancel, err));
        if (worth) TRY(compact_group(compaction, first, end, err));
    }
    return STATUS_OK;
}

static Status target_bytes(Compaction *compaction, const char *namespace_name, const char *name, Error *err) {
    const char *location;
    TableMetadata metadata;
    TRY(maintenance_metadata(compaction->catalog, namespace_name, name, compaction->arena, &location,
                             &metadata, err));
    compaction->target_bytes = maintenance_property(&metadata, "write.target-file-size-bytes",
                                                    compaction->options->target_file_bytes);
    table_metadata_deinit(&metadata);
    return STATUS_OK;
}

Status maintenance_compact(TableCatalog *catalog, const char *namespace_name, const char *name,
                           const MaintenanceOptions *options, MaintenanceReport *report, Error *err) {
    Arena arena;
    if (!namespace_name) namespace_name = DEFAULT_NAMESPACE;
    arena_init(&arena);
    Compaction compaction = {.catalog = catalog, .options = options, .report = report, .arena = &arena};
    int looking = table_pins_enter(catalog->pins), held = 0;
    Status status = table_catalog_load(catalog, namespace_name, name, &compaction.base, err);
    if (status == STATUS_OK) table_pins_hold(catalog->pins, &compaction.base, 1, &held);
    table_pins_release(catalog->pins, &looking, 1);
    if (status == STATUS_OK) {
        status = target_bytes(&compaction, namespace_name, name, err);
        if (status == STATUS_OK) status = compact_all(&compaction, err);
        table_pins_release(catalog->pins, &held, 1);
        table_version_release(compaction.base);
    }
    arena_deinit(&arena);
    return status;
}
