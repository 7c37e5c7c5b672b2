/* Scan of a columnar table: its Parquet files, pruned by statistics, filter columns first, the others late.
 */
#include <stdlib.h>

#include "engines/columnar/exec/operators.h"
#include "engines/columnar/exec/runtime_filter.h"
#include "engines/columnar/exec/scan_prune.h"
#include "engines/columnar/exec/scan_words.h"
#include "engines/columnar/iceberg/table_deletes.h"

/* A morsel is this many rows of a row group: four pages of the writer's size, so that no page is decoded
 * twice. */
enum { MORSEL_ROWS = 131072, SPARSE_SHARE = 8 };

typedef struct ScanFile {
    ParquetFile *file;
    int number;              /* among the version's files */
    int *columns;            /* per slot: the file's column, -1 = not in this file */
    const uint64_t *deleted; /* a bit per row; NULL = none is */
} ScanFile;

typedef struct ScanMorsel {
    int file;
    int row_group;
    int64_t first_row, row_count;
    int64_t group_row; /* of the file: where its row group begins */
} ScanMorsel;

typedef struct ScanSource {
    Source source;
    Query *query;
    int slot_count; /* distinct table columns read */
    int *slot_table_column;
    int *out_slots;    /* of each output column */
    int *filter_slots; /* of each filter column */
    Program **filters;
    int filter_count;
    ScanPruner pruner;
    ScanFile *files;
    int file_count;
    ScanMorsel *morsels;
    int64_t morsel_capacity;
    int64_t *group_starts;
    const FilteredScan **runtime;
    int runtime_count;
} ScanSource;

typedef struct ScanSlot {
    ParquetColumnReader *reader;
    int64_t position; /* rows of the row group the reader has passed */
    int64_t bytes_counted;
    Vector vector;
    bool missing;
    uint8_t
        widen; /* PhysicalType the file holds, when it is narrower than the table's; else PHYS_TYPE_COUNT */
} ScanSlot;

typedef struct ScanState {
    ScanSlot *slots;
    int file, row_group; /* the readers' */
    int64_t row, end;    /* in the row group */
    int64_t group_row;   /* of the file: where the row group begins */
    ConjunctOrder order;
    FilterState *runtime;
    bool *slot_read; /* of this batch */
    uint16_t selection[BATCH_ROWS];
    uint16_t alive[BATCH_ROWS]; /* of a file with deletes */
    int64_t passed;             /* rows given in this morsel */
    bool stopped;
    Batch batch;
} ScanState;

/* ---- preparing -------------------------------------------------------------------------------------------
 */

static int slot_for(ScanSource *scan, int table_column) {
    for (int i = 0; i < scan->slot_count; i++)
        if (scan->slot_table_column[i] == table_column) return i;
    scan->slot_table_column[scan->slot_count] = table_column;
    return scan->slot_count++;
}

/* Beyond the table's columns: the number of the file a row stands in, then its position there. */
static bool is_hidden(const ScanSource *scan, int slot) {
    return scan->slot_table_column[slot] >= scan->source.node->version->column_count;
}

static Status open_file(ScanSource *scan, const DataFile *data, ScanFile *out, Error *err) {
    const TableVersion *version = scan->source.node->version;
    TRY(parquet_file_open(data->path, &out->file, err));
    out->columns = ARENA_NEW_ARRAY(&scan->query->arena, int, scan->slot_count + 1);
    out->number = (int)(data - version->files);
    for (int i = 0; i < scan->slot_count; i++)
        out->columns[i] =
            is_hidden(scan, i) ? -1 : table_file_column(version, scan->slot_table_column[i], out->file);
    if (data->delete_count == 0) return STATUS_OK;
    TRY(table_deleted_rows(version, out->number, &scan->query->budget, &out->deleted, err));
    int64_t rows = 0;
    for (int g = 0; g < parquet_file_row_group_count(out->file); g++)
        rows += parquet_row_group_row_count(out->file, g);
    if (rows != data->row_count)
        return error_set(err, SQLSTATE_DATA_CORRUPTED, "\"%s\" has not the rows its table says", data->path);
    return STATUS_OK;
}

static void add_morsel(ScanSource *scan, ScanMorsel morsel) {
    if (scan->source.morsel_count == scan->morsel_capacity) {
        scan->morsel_capacity = scan->morsel_capacity ? scan->morsel_capacity * 2 : 64;
        scan->morsels = realloc(scan->morsels, sizeof(ScanMorsel) * (size_t)scan->morsel_capacity);
        if (!scan->morsels) abort();
    }
    scan->morsels[scan->source.morsel_count++] = morsel;
}

static void count_skip(ScanSource *scan, int64_t files, int64_t row_groups) {
    ExecutionStats *stats = scan->query->execution->stats;
    atomic_fetch_add(&stats->files_skipped, files);
    atomic_fetch_add(&stats->row_groups_skipped, row_groups);
    if (!scan->source.stats) return;
    atomic_fetch_add(&scan->source.stats->files_skipped, files);
    atomic_fetch_add(&scan->source.stats->row_groups_skipped, row_groups);
}

static void find_rows(ScanSource *scan, const ScanFile *file, int row_group, RowRanges *out) {
    const ScanPruner *pruner = &scan->pruner;
    int tests = pruner->test_count, filters = scan->source.node->filter_column_count;
    int *columns = ARENA_NEW_ARRAY(&scan->query->arena, int, (tests > filters ? tests : filters) + 1);
    row_ranges_whole(out, parquet_row_group_row_count(file->file, row_group));
    for (int i = 0; i < filters; i++)
        columns[i] = file->columns[scan->filter_slots[i]];
    scan_words_exclude(pruner, file->file, row_group, columns, out);
    for (int t = 0; t < tests; t++)
        columns[t] = file->columns[scan->filter_slots[pruner->tests[t].column]];
    if (out->count) scan_surviving_rows(pruner, file->file, row_group, columns, out);
    if (!out->count) count_skip(scan, 0, 1);
}

/* The rows that no filter of words and no page's bounds exclude, cut where all row groups are. */
static void add_morsels(ScanSource *scan, int file, int row_group, int64_t group_row) {
    RowRanges rows;
    const ScanFile *opened = &scan->files[file];
    find_rows(scan, opened, row_group, &rows);
    for (int r = 0; r < rows.count; r++) {
        int64_t end = rows.ranges[r].first + rows.ranges[r].count;
        for (int64_t first = rows.ranges[r].first; first < end;) {
            int64_t next = (first / MORSEL_ROWS + 1) * MORSEL_ROWS;
            add_morsel(scan,
                       (ScanMorsel){file, row_group, first, (next < end ? next : end) - first, group_row});
            first = next;
        }
    }
    free(rows.ranges);
    if (!scan->source.stats) return;
    atomic_fetch_add(&scan->source.stats->pages_total, rows.pages);
    atomic_fetch_add(&scan->source.stats->pages_skipped, rows.pages_skipped);
}

static bool row_group_excluded(ScanSource *scan, const ScanFile *file, int row_group) {
    for (int t = 0; t < scan->pruner.test_count; t++) {
        int column = file->columns[scan->filter_slots[scan->pruner.tests[t].column]];
        ParquetColumnStats stats;
        if (column < 0) continue;
        parquet_chunk_stats(file->file, row_group, column, &stats);
        const ParquetColumn *described = parquet_file_column(file->file, column);
        int64_t rows = parquet_row_group_row_count(file->file, row_group);
        if (prune_excludes(&scan->pruner.tests[t], &stats, described->type, rows)) return true;
        if (prune_by_bloom(&scan->pruner.tests[t], file->file, row_group, column)) return true;
    }
    return false;
}

static bool runtime_excluded(ScanSource *scan, const ScanFile *file, int row_group, Arena *arena) {
    int64_t rows = parquet_row_group_row_count(file->file, row_group);
    for (int f = 0; f < scan->runtime_count; f++) {
        int column = file->columns[scan->out_slots[scan->runtime[f]->column]];
        ParquetColumnStats stats;
        if (column < 0) continue;
        parquet_chunk_stats(file->file, row_group, column, &stats);
        if (runtime_filter_excludes(scan->runtime[f]->filter, &stats,
                                    parquet_file_column(file->file, column)->type, rows, arena))
            return true;
    }
    return false;
}

static bool file_excluded(ScanSource *scan, const DataFile *data) {
    const PlanNode *node = scan->source.node;
    for (int t = 0; data->stats && t < scan->pruner.test_count; t++) {
        int column = node->filter_columns[scan->pruner.tests[t].column];
        if (prune_excludes(&scan->pruner.tests[t], &data->stats[column], node->version->columns[column].type,
                           data->row_count) ||
            prune_excludes_partition(&scan->pruner.tests[t], node->version, column, data))
            return true;
    }
    return false;
}

static Status scan_prepare(Source *source, Query *query, Error *err) {
    ScanSource *scan = (ScanSource *)source;
    const TableVersion *version = source->node->version;
    scan->files = ARENA_NEW_ARRAY(&query->arena, ScanFile, version->file_count + 1);
    source->morsel_count = 0;
    int groups = 0, group_capacity = 16;
    scan->group_starts = malloc(sizeof(int64_t) * (size_t)(group_capacity + 1));
    if (!scan->group_starts) abort();
    for (int f = 0; f < version->file_count; f++) {
        const DataFile *data = &version->files[f];
        if (source->stats) atomic_fetch_add(&source->stats->files_total, 1);
        if (file_excluded(scan, data)) {
            count_skip(scan, 1, 0);
            continue;
        }
        ScanFile *file = &scan->files[scan->file_count];
        TRY(open_file(scan, data, file, err));
        scan->file_count++;
        int row_groups = parquet_file_row_group_count(file->file);
        if (source->stats) atomic_fetch_add(&source->stats->row_groups_total, row_groups);
        int64_t group_row = 0;
        for (int g = 0; g < row_groups; group_row += parquet_row_group_row_count(file->file, g), g++) {
            if (row_group_excluded(scan, file, g) || runtime_excluded(scan, file, g, &query->arena)) {
                count_skip(scan, 0, 1);
                continue;
            }
            if (groups == group_capacity) {
                group_capacity *= 2;
                scan->group_starts =
                    realloc(scan->group_starts, sizeof(int64_t) * (size_t)(group_capacity + 1));
                if (!scan->group_starts) abort();
            }
            scan->group_starts[groups++] = source->morsel_count;
            add_morsels(scan, scan->file_count - 1, g, group_row);
        }
    }
    scan->group_starts[groups] = source->morsel_count;
    source->group_starts = scan->group_starts;
    source->group_count = groups;
    return STATUS_OK;
}

/* ---- one worker ------------------------------------------------------------------------------------------
 */

static Status scan_open(Source *source, Chain *chain, void **out, Error *err) {
    ScanSource *scan = (ScanSource *)source;
    ScanState *state = calloc(1, sizeof *state);
    if (!state) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    *out = state;
    state->slots = calloc((size_t)scan->slot_count + 1, sizeof *state->slots);
    state->runtime = calloc((size_t)scan->runtime_count + 1, sizeof *state->runtime);
    state->slot_read = calloc((size_t)scan->slot_count + 1, sizeof *state->slot_read);
    if (!state->slots || !state->runtime || !state->slot_read)
        return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    state->file = state->row_group = -1;
    conjunct_order_init(&state->order, scan->filters, scan->filter_count);
    return STATUS_OK;
}

static void count_bytes(ScanSource *scan, ScanSlot *slot) {
    int64_t bytes = parquet_column_bytes_read(slot->reader);
    atomic_fetch_add_explicit(&scan->query->execution->stats->bytes_scanned, bytes - slot->bytes_counted,
                              memory_order_relaxed);
    slot->bytes_counted = bytes;
}

static void close_slot(ScanSource *scan, ScanSlot *slot) {
    if (slot->reader) {
        count_bytes(scan, slot);
        parquet_column_close(slot->reader);
    }
    slot->reader = NULL;
}

/* What the file holds against what the table says: the same, or a width Iceberg lets grow. */
static Status resolve_promotion(const ScanSource *scan, const ScanFile *file, int slot_index, ScanSlot *slot,
                                Error *err) {
    const TableColumn *wanted = &scan->source.node->version->columns[scan->slot_table_column[slot_index]];
    const ParquetColumn *held = parquet_file_column(file->file, file->columns[slot_index]);
    PhysicalType from = physical_type_of(held->type), to = physical_type_of(wanted->type);
    slot->widen = PHYS_TYPE_COUNT;
    if (held->unsupported)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "column \"%s\" of %s cannot be read: %s",
                         wanted->name, parquet_file_path(file->file), held->unsupported);
    bool numeric_scaled = sqltype_is(held->type, SQL_NUMERIC) && sqltype_is(wanted->type, SQL_NUMERIC);
    if (numeric_scaled && held->type.scale != wanted->type.scale)
        return error_set(err, SQLSTATE_DATATYPE_MISMATCH, "column \"%s\" has another scale in %s",
                         wanted->name, parquet_file_path(file->file));
    if (from == to) return STATUS_OK;
    bool integers = from >= PHYS_I8 && from < to && to <= PHYS_I64 && sqltype_is_integer(wanted->type);
    bool decimals = numeric_scaled && from == PHYS_I64 && to == PHYS_I128;
    bool floats = from == PHYS_F32 && to == PHYS_F64;
    if (!integers && !decimals && !floats)
        return error_set(err, SQLSTATE_DATATYPE_MISMATCH, "column \"%s\" has another type in %s",
                         wanted->name, parquet_file_path(file->file));
    slot->widen = (uint8_t)from;
    return STATUS_OK;
}

static Status open_slot(ScanSource *scan, ScanState *state, const ScanMorsel *morsel, int index, Error *err) {
    ScanSlot *slot = &state->slots[index];
    ScanFile *file = &scan->files[morsel->file];
    slot->missing = file->columns[index] < 0;
    if (slot->missing) return STATUS_OK;
    TRY(resolve_promotion(scan, file, index, slot, err));
    slot->bytes_counted = 0;
    slot->position = morsel->first_row;
    return parquet_column_open(file->file, morsel->row_group, file->columns[index], morsel->first_row,
                               &slot->reader, err);
}

/* A top-N has found better rows than this row group's since the scan was prepared. */
static bool moved_past(ScanSource *scan, const ScanMorsel *morsel) {
    bool moving = false;
    for (int f = 0; f < scan->runtime_count; f++)
        moving = moving || scan->runtime[f]->filter->moving;
    Arena arena;
    arena_init(&arena);
    bool past = moving && runtime_excluded(scan, &scan->files[morsel->file], morsel->row_group, &arena);
    arena_deinit(&arena);
    return past;
}

static Status scan_morsel_open(Source *source, Chain *chain, void *state_pointer, int64_t number,
                               bool *exhausted, Error *err) {
    ScanSource *scan = (ScanSource *)source;
    ScanState *state = state_pointer;
    const ScanMorsel *morsel = &scan->morsels[number];
    bool goes_on = state->file == morsel->file && state->row_group == morsel->row_group &&
                   state->row <= morsel->first_row;
    for (int i = 0; i < scan->slot_count && !goes_on; i++)
        close_slot(scan, &state->slots[i]);
    state->file = state->row_group = -1;
    state->passed = 0;
    state->stopped = false;
    if (!goes_on && moved_past(scan, morsel)) {
        state->row = state->end = 0;
        return STATUS_OK;
    }
    for (int i = 0; i < scan->slot_count && !goes_on; i++)
        TRY(open_slot(scan, state, morsel, i, err));
    state->file = morsel->file;
    state->row_group = morsel->row_group;
    state->row = morsel->first_row;
    state->group_row = morsel->group_row;
    state->end = morsel->first_row + morsel->row_count;
    return STATUS_OK;
}

#define WIDEN(FROM, TO)                                                                                      \
    for (int i = 0; i < rows; i++)                                                                           \
    ((TO *)wide.values)[i] = ((const FROM *)flat.values)[i]

static void widen_vector(ScanSlot *slot, SqlType type, int rows, Arena *arena) {
    Vector flat, wide;
    vector_flatten(&slot->vector, rows, &flat, arena);
    vector_init_flat(&wide, type, rows, arena);
    wide.validity = flat.validity;
    switch ((PhysicalType)slot->widen) {
    case PHYS_I8:
        if (wide.physical == PHYS_I16)
            WIDEN(int8_t, int16_t);
        else if (wide.physical == PHYS_I32)
            WIDEN(int8_t, int32_t);
        else
            WIDEN(int8_t, int64_t);
        break;
    case PHYS_I16:
        if (wide.physical == PHYS_I32)
            WIDEN(int16_t, int32_t);
        else
            WIDEN(int16_t, int64_t);
        break;
    case PHYS_I32: WIDEN(int32_t, int64_t); break;
    case PHYS_I64: WIDEN(int64_t, __int128); break;
    default: WIDEN(float, double); break;
    }
    slot->vector = wide;
}

static void fill_hidden(const ScanSource *scan, ScanState *state, int index, int rows, Arena *arena) {
    const ScanFile *file = &scan->files[state->file];
    Vector *vector = &state->slots[index].vector;
    if (scan->slot_table_column[index] == scan->source.node->version->column_count) {
        int32_t number = file->number;
        vector_init_constant(vector, sqltype_of(SQL_INT4), &number, arena);
        return;
    }
    vector_init_flat(vector, sqltype_of(SQL_INT8), rows, arena);
    for (int i = 0; i < rows; i++)
        ((int64_t *)vector->values)[i] = state->group_row + state->row + i;
}

/* What a column is in files older than it. */
static void missing_vector(const ScanSource *scan, int column, int file, Vector *out, Arena *arena) {
    const TableVersion *version = scan->source.node->version;
    if (version->has_path_column && column == version->column_count - 1) {
        const char *path = version->files[file].path;
        StringView view = stringview_make(path, (uint32_t)strlen(path));
        vector_init_constant(out, version->columns[column].type, &view, arena);
        return;
    }
    const PartitionValue *initial = version->origins ? version->origins[column].initial_default : NULL;
    SqlType type = version->columns[column].type;
    if (!initial) {
        vector_init_constant(out, type, NULL, arena);
        return;
    }
    PhysicalType physical = physical_type_of(type);
    uint8_t truth = initial->value.i64 != 0;
    int16_t small = (int16_t)initial->value.i64;
    int32_t medium = (int32_t)initial->value.i64;
    float real = (float)initial->value.f64;
    const void *value = physical == PHYS_BOOL  ? (const void *)&truth
                        : physical == PHYS_I16 ? (const void *)&small
                        : physical == PHYS_I32 ? (const void *)&medium
                        : physical == PHYS_F32 ? (const void *)&real
                                               : (const void *)&initial->value;
    vector_init_constant(out, type, value, arena);
}

static Status read_slot(ScanSource *scan, ScanState *state, int index, int rows, const uint16_t *selection,
                        int selected, Arena *arena, Error *err) {
    ScanSlot *slot = &state->slots[index];
    if (is_hidden(scan, index)) {
        fill_hidden(scan, state, index, rows, arena);
        return STATUS_OK;
    }
    const TableColumn *column = &scan->source.node->version->columns[scan->slot_table_column[index]];
    if (slot->missing) {
        missing_vector(scan, scan->slot_table_column[index], scan->files[state->file].number, &slot->vector,
                       arena);
        return STATUS_OK;
    }
    if (slot->position < state->row) {
        TRY(parquet_column_skip(slot->reader, state->row - slot->position, err));
        slot->position = state->row;
    }
    if (selection && selected < rows)
        TRY(parquet_column_read_selected(slot->reader, rows, selection, selected, &slot->vector, err));
    else
        TRY(parquet_column_read(slot->reader, rows, &slot->vector, err));
    slot->position += rows;
    if (slot->widen != PHYS_TYPE_COUNT) widen_vector(slot, column->type, rows, arena);
    slot->vector.type = column->type; /* names and lengths as the table declares them */
    return STATUS_OK;
}

/* The rows that are not deleted; NULL when all are alive. */
static const uint16_t *alive_rows(const ScanSource *scan, ScanState *state, int rows, int *count) {
    const ScanFile *file = &scan->files[state->file];
    *count = rows;
    if (!file->deleted) return NULL;
    int64_t first = state->group_row + state->row;
    int alive = 0;
    for (int i = 0; i < rows; i++) {
        state->alive[alive] = (uint16_t)i;
        alive += !bitmap_get(file->deleted, (size_t)(first + i));
    }
    *count = alive;
    return alive == rows ? NULL : state->alive;
}

/* Reads the filter columns of the next `rows` rows and finds which rows pass. */
static Status filter_rows(ScanSource *scan, ScanState *state, Chain *chain, int rows, int *selected,
                          Error *err) {
    const PlanNode *node = scan->source.node;
    Arena *arena = &chain->batch_arena;
    const uint16_t *alive = alive_rows(scan, state, rows, selected);
    if (alive && (!scan->filter_count || !*selected))
        memcpy(state->selection, alive, sizeof state->selection);
    if (!scan->filter_count || !*selected) return STATUS_OK;
    Vector *columns = ARENA_NEW_ARRAY(arena, Vector, node->filter_column_count + 1);
    for (int i = 0; i < node->filter_column_count; i++) {
        int slot = scan->filter_slots[i];
        bool again = false;
        for (int j = 0; j < i && !again; j++)
            again = scan->filter_slots[j] == slot;
        if (!again) TRY(read_slot(scan, state, slot, rows, NULL, rows, arena, err));
        state->slot_read[slot] = true;
        columns[i] = state->slots[slot].vector;
    }
    Batch batch = {
        .row_count = rows, .column_count = node->filter_column_count, .columns = columns, .selected = rows};
    return conjuncts_filter(&chain->evaluator, &state->order, scan->filters, &batch, alive, *selected, arena,
                            state->selection, selected, err);
}

/* Drops rows no join above has a partner for; reads the keys' columns, for the rows still in question. */
static Status filter_at_run_time(ScanSource *scan, ScanState *state, Chain *chain, int rows, int *selected,
                                 Error *err) {
    int before = *selected;
    for (int f = 0; f < scan->runtime_count && *selected; f++) {
        const RuntimeFilter *filter = scan->runtime[f]->filter;
        int slot = scan->out_slots[scan->runtime[f]->column];
        const uint16_t *selection = *selected < rows ? state->selection : NULL;
        if (!filter_state_wants(&state->runtime[f], filter)) continue;
        if (!state->slot_read[slot])
            TRY(read_slot(scan, state, slot, rows, selection, *selected, &chain->batch_arena, err));
        state->slot_read[slot] = true;
        *selected = runtime_filter_apply(filter, &state->runtime[f], &state->slots[slot].vector, selection,
                                         *selected, state->selection, &chain->batch_arena);
    }
    if (scan->source.stats && before > *selected)
        atomic_fetch_add_explicit(&scan->source.stats->runtime_dropped, before - *selected,
                                  memory_order_relaxed);
    return STATUS_OK;
}

static Status read_rest(ScanSource *scan, ScanState *state, Chain *chain, int rows, int selected,
                        Error *err) {
    Arena *arena = &chain->batch_arena;
    const PlanNode *node = scan->source.node;
    const uint16_t *selection = selected < rows ? state->selection : NULL;
    for (int i = 0; i < scan->slot_count; i++)
        if (!state->slot_read[i]) TRY(read_slot(scan, state, i, rows, selection, selected, arena, err));
    Vector *columns = ARENA_NEW_ARRAY(arena, Vector, node->column_count + 1);
    /* Kernels that compute every row of a vector should not meet vectors of which few rows count. */
    bool sparse = selection && selected * SPARSE_SHARE < rows;
    for (int i = 0; i < node->column_count; i++) {
        const Vector *read = &state->slots[scan->out_slots[i]].vector;
        if (sparse)
            vector_gather(read, selection, selected, &columns[i], arena);
        else
            columns[i] = *read;
    }
    if (sparse) {
        rows = selected;
        selection = NULL;
    }
    state->batch = (Batch){.row_count = rows,
                           .column_count = node->column_count,
                           .columns = columns,
                           .selection = selection,
                           .selected = selected};
    return STATUS_OK;
}

static void count_read(ScanSource *scan, ScanState *state, int64_t rows) {
    atomic_fetch_add_explicit(&scan->query->execution->stats->rows_scanned, rows, memory_order_relaxed);
    if (scan->source.stats)
        atomic_fetch_add_explicit(&scan->source.stats->rows_read, rows, memory_order_relaxed);
}

static Status scan_next(Source *source, Chain *chain, void *state_pointer, Batch **out, Error *err) {
    ScanSource *scan = (ScanSource *)source;
    ScanState *state = state_pointer;
    while (state->row < state->end && !state->stopped) {
        int rows = state->end - state->row < BATCH_ROWS ? (int)(state->end - state->row) : BATCH_ROWS,
            selected;
        memset(state->slot_read, 0, sizeof *state->slot_read * (size_t)scan->slot_count);
        TRY(filter_rows(scan, state, chain, rows, &selected, err));
        TRY(filter_at_run_time(scan, state, chain, rows, &selected, err));
        if (selected) TRY(read_rest(scan, state, chain, rows, selected, err));
        state->row += rows;
        count_read(scan, state, rows);
        if (!selected) {
            TRY(query_check(scan->query, err));
            arena_reset(&chain->batch_arena);
            continue;
        }
        state->passed += selected;
        state->stopped = source->node->scan_row_limit > 0 && state->passed >= source->node->scan_row_limit;
        *out = &state->batch;
        return STATUS_OK;
    }
    for (int i = 0; i < scan->slot_count; i++)
        if (state->slots[i].reader) count_bytes(scan, &state->slots[i]);
    const Execution *execution = scan->query->execution;
    return execution_check_bytes(execution->stats, execution->max_bytes_scanned, err);
}

static void scan_close(Source *source, void *state_pointer) {
    ScanSource *scan = (ScanSource *)source;
    ScanState *state = state_pointer;
    if (!state) return;
    for (int i = 0; state->slots && i < scan->slot_count; i++)
        close_slot(scan, &state->slots[i]);
    for (int f = 0; state->runtime && f < scan->runtime_count; f++)
        filter_state_deinit(&state->runtime[f]);
    free(state->runtime);
    free(state->slot_read);
    free(state->slots);
    free(state);
}

static void scan_destroy(Source *source, Query *query) {
    ScanSource *scan = (ScanSource *)source;
    for (int i = 0; i < scan->file_count; i++)
        parquet_file_release(scan->files[i].file);
    free(scan->morsels);
    free(scan->group_starts);
}

static const SourceOps scan_ops = {.prepare = scan_prepare,
                                   .open = scan_open,
                                   .morsel_open = scan_morsel_open,
                                   .next = scan_next,
                                   .close = scan_close,
                                   .destroy = scan_destroy};

Status scan_source_create(Query *query, const PlanNode *node, Source **out, Error *err) {
    ScanSource *scan = ARENA_NEW(&query->arena, ScanSource);
    Arena *arena = &query->arena;
    scan->source = (Source){.ops = &scan_ops, .node = node, .stats = query_stats_of(query, node)};
    scan->query = query;
    int most = node->column_count + node->filter_column_count + 1;
    scan->slot_table_column = ARENA_NEW_ARRAY(arena, int, most);
    scan->out_slots = ARENA_NEW_ARRAY(arena, int, most);
    scan->filter_slots = ARENA_NEW_ARRAY(arena, int, most);
    for (int i = 0; i < node->filter_column_count; i++)
        scan->filter_slots[i] = slot_for(scan, node->filter_columns[i]);
    for (int i = 0; i < node->column_count; i++)
        scan->out_slots[i] = slot_for(scan, node->scan_columns[i]);
    scan->filter_count = node->filter_count;
    TRY(programs_compile(query, node->filters, node->filter_count, &scan->filters, err));
    scan_pruner_build(query, node, &scan->pruner);
    for (const FilteredScan *f = NULL; (f = runtime_filter_next(query, node, f));)
        scan->runtime_count++;
    scan->runtime = ARENA_NEW_ARRAY(arena, const FilteredScan *, scan->runtime_count + 1);
    int at = 0;
    for (const FilteredScan *f = NULL; (f = runtime_filter_next(query, node, f));)
        scan->runtime[at++] = f;
    *out = &scan->source;
    return STATUS_OK;
}
