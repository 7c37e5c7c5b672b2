#include "engines/columnar/ingest/load_worker.h"

#include <stdlib.h>

enum { BATCH_CELLS = 1 << 20, FEWEST_ROWS = 64 };

static int rows_for(int columns) {
    int rows = columns > 0 ? BATCH_CELLS / columns : BATCH_ROWS;
    return rows > BATCH_ROWS ? BATCH_ROWS : rows < FEWEST_ROWS ? FEWEST_ROWS : rows;
}

void load_worker_init(LoadWorker *worker, LoadPass *pass, PassRun *run, bool alone) {
    memset(worker, 0, sizeof *worker);
    worker->pass = pass;
    worker->run = run;
    arena_init(&worker->arena);
    strbuf_init(&worker->scratch);
    column_registry_init(&worker->registry);
    worker->batch_capacity = BATCH_ROWS;
    worker->failed_row = -1;
    if (pass->types) {
        worker->batch_capacity = rows_for(pass->columns->count);
        batch_builder_init(&worker->builder, pass->types, pass->columns->count, worker->batch_capacity);
        worker->builder.sampled = pass->sampled;
        if (pass->append && !alone) worker->writer = table_append_writer_open(pass->append);
    }
}

void load_worker_deinit(LoadWorker *worker) {
    for (int i = 0; i < worker->cells_capacity; i++)
        free(worker->cells[i]);
    free(worker->cells);
    free(worker->fields);
    if (worker->pass->types) batch_builder_deinit(&worker->builder);
    column_registry_deinit(&worker->registry);
    strbuf_deinit(&worker->scratch);
    arena_deinit(&worker->arena);
}

void load_worker_reserve(LoadWorker *worker, int count) {
    if (count > worker->cells_capacity) {
        int capacity = worker->cells_capacity ? worker->cells_capacity : 16;
        while (capacity < count)
            capacity *= 2;
        worker->cells = realloc(worker->cells, (size_t)capacity * sizeof *worker->cells);
        if (!worker->cells) abort();
        memset(worker->cells + worker->cells_capacity, 0,
               (size_t)(capacity - worker->cells_capacity) * sizeof *worker->cells);
        worker->cells_capacity = capacity;
    }
    for (int i = 0; i < count; i++) {
        if (worker->cells[i]) continue;
        worker->cells[i] = calloc((size_t)worker->batch_capacity, sizeof(CellRef));
        if (!worker->cells[i]) abort();
    }
}

static const char *column_name(const LoadWorker *worker, int column) {
    const ColumnRegistry *registry = worker->pass->types ? worker->pass->columns : &worker->registry;
    return column < 0 ? NULL : registry->columns[column].name;
}

/* Too wide for the column's type, while a wider one exists that the table's column may become. */
static bool can_widen(SqlType type, const Error *err) {
    if (type.is_array || strcmp(err->sqlstate, SQLSTATE_NUMERIC_OUT_OF_RANGE) != 0) return false;
    return type.id == SQL_INT2 || type.id == SQL_INT4 ||
           (type.id == SQL_NUMERIC && type.precision < NUMERIC_MAX_PRECISION);
}

static bool cell_failed(void *context, int column, int row, bool conflict, const Error *err) {
    LoadWorker *worker = context;
    LoadPass *pass = worker->pass;
    if (conflict || (pass->may_evolve && can_widen(pass->types[column], err)))
        return pass_conflict(worker->run);
    if (pass->options->on_error == INGEST_SKIP) {
        if (!worker->is_bad[row])
            pass_reject(worker->run, worker->block, worker->row_numbers[row], column_name(worker, column),
                        err);
        worker->is_bad[row] = worker->has_bad = true;
        return true;
    }
    /* The batch is read to its end, so that the row named is the first one, whichever column is bad. */
    if (worker->failed_row < 0 || row < worker->failed_row) {
        worker->failed_row = row;
        worker->failed_column = column;
        worker->failure = *err;
    }
    return true;
}

static Status give_batch(LoadWorker *worker, const Batch *batch, Error *err) {
    const IngestReceiver *receiver = worker->pass->receiver;
    int64_t rows[BATCH_ROWS], before = pass_rows_before(worker->run, worker->block);
    for (int i = 0; i < batch->selected; i++)
        rows[i] = before + worker->row_numbers[batch->selection ? batch->selection[i] : i];
    return receiver->take(receiver->context, worker->block->plan->input->name, rows, batch, err);
}

/* The last column is the input's name, not something in it. */
static bool name_file(LoadWorker *worker, int column) {
    const CellRef *cells = column < worker->cells_capacity ? worker->cells[column] : NULL;
    const char *name = worker->block->plan->input->name;
    for (int row = 0; cells && row < worker->batch_rows; row++) {
        if (cell_ref_kind(cells[row]) == CELL_NULL) continue;
        Error err;
        (void)error_set(&err, "42701", "it has a field \"" INGEST_FILE_NAME "\" of its own");
        return pass_fail(worker->run, worker->block, worker->row_numbers[row], NULL, &err);
    }
    StringView view = stringview_make(name, (uint32_t)strlen(name));
    vector_init_constant(&worker->builder.batch.columns[column], sqltype_of(SQL_TEXT), &view,
                         &worker->builder.batch_arena);
    return true;
}

static bool write_batch(LoadWorker *worker) {
    LoadPass *pass = worker->pass;
    int rows = worker->batch_rows;
    uint16_t selection[BATCH_ROWS];
    for (int i = 0; i < pass->columns->count; i++) {
        const CellRef *cells = i < worker->cells_capacity ? worker->cells[i] : NULL;
        if (pass->file_names && i == pass->columns->count - 1) {
            if (!name_file(worker, i)) return false;
            continue;
        }
        if (!batch_builder_column(&worker->builder, i, worker->block->text, cells, rows)) return false;
    }
    if (worker->failed_row >= 0)
        return pass_fail(worker->run, worker->block, worker->row_numbers[worker->failed_row],
                         column_name(worker, worker->failed_column), &worker->failure);
    Batch batch = *batch_builder_batch(&worker->builder, rows);
    if (worker->has_bad) {
        batch.selection = selection;
        batch.selected = 0;
        for (int row = 0; row < rows; row++)
            if (!worker->is_bad[row]) selection[batch.selected++] = (uint16_t)row;
        memset(worker->is_bad, 0, sizeof worker->is_bad);
        worker->has_bad = false;
    }
    Error err;
    Status status = STATUS_OK;
    if (pass->receiver)
        status = give_batch(worker, &batch, &err);
    else if (worker->writer)
        status = table_append_writer_batch(worker->writer, &batch, &err);
    else if (pass->append) /* which may share its commit with other small ones */
        status = table_append_batch(pass->append, &batch, &err);
    if (status != STATUS_OK) return pass_fail(worker->run, worker->block, -1, NULL, &err);
    batch_builder_reset(&worker->builder);
    return true;
}

bool load_worker_flush(LoadWorker *worker) {
    if (worker->batch_rows == 0) return true;
    if (worker->pass->types) {
        if (!write_batch(worker)) return false;
    } else {
        for (int i = 0; i < worker->registry.count; i++)
            if (worker->cells[i])
                column_profile_add_cells(&worker->registry.columns[i].profile, worker->block->text,
                                         worker->cells[i], worker->batch_rows, &worker->arena,
                                         &worker->scratch);
        arena_reset(&worker->arena);
        if (rows_for(worker->registry.count) < worker->batch_capacity)
            worker->batch_capacity = rows_for(worker->registry.count);
    }
    worker->batch_rows = 0;
    return !pass_should_stop(worker->run, worker->block);
}

bool load_worker_end_row(LoadWorker *worker) {
    worker->row_numbers[worker->batch_rows++] = worker->block_row;
    return worker->batch_rows < worker->batch_capacity || load_worker_flush(worker);
}

bool load_worker_bad_row(LoadWorker *worker, int column, const char *sqlstate, const char *reason) {
    Error err;
    (void)error_set(&err, sqlstate, "%s", reason);
    if (worker->pass->options->on_error == INGEST_SKIP)
        return pass_reject(worker->run, worker->block, worker->block_row, column_name(worker, column), &err);
    /* Rows before this one may be bad, too. */
    if (!load_worker_flush(worker)) return false;
    return pass_fail(worker->run, worker->block, worker->block_row, column_name(worker, column), &err);
}

bool load_worker_block(LoadWorker *worker, const TextBlock *block) {
    worker->block = block;
    worker->block_row = 0;
    worker->batch_rows = 0;
    worker->builder.failed = cell_failed;
    worker->builder.context = worker;
    bool is_csv = block->plan->input->format == INGEST_CSV;
    return (is_csv ? load_csv_block(worker) : load_json_block(worker)) && load_worker_flush(worker);
}
