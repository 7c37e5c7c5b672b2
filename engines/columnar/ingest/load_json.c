/* JSON documents or elements → cells. */
#include "engines/base/utf8.h"
#include "engines/columnar/ingest/json_scan.h"
#include "engines/columnar/ingest/load_worker.h"

#define LONE_VALUE_COLUMN "value"

typedef enum RowOutcome { ROW_WHOLE, ROW_BAD, ROW_STOP } RowOutcome;

/* Looked up in any case where the table has no such name as it is. */
static int find_folded(const ColumnRegistry *columns, const char *name, size_t length) {
    for (int i = 0; i < columns->count; i++)
        if (columns->columns[i].name_length == length &&
            strncasecmp(columns->columns[i].name, name, length) == 0)
            return i;
    return -1;
}

/* *column -1: the row is bad, or the pass is to stop. */
static RowOutcome find_column(LoadWorker *worker, const char *name, size_t length, int *column) {
    LoadPass *pass = worker->pass;
    if (!pass->types) {
        ColumnRegistry *registry = &worker->registry;
        Error err;
        *column = column_registry_find(registry, name, length, -1);
        if (*column >= 0) return ROW_WHOLE;
        if (column_registry_add(registry, name, length, column, &err) != STATUS_OK) {
            (void)pass_fail(worker->run, worker->block, -1, NULL, &err);
            return ROW_STOP;
        }
        registry->columns[*column].first_seen =
            (worker->block->sequence << 40) + (worker->block_row << 16) + *column + 1;
        load_worker_reserve(worker, registry->count);
        return ROW_WHOLE;
    }
    *column = column_registry_find(pass->columns, name, length, -1);
    if (*column >= 0) return ROW_WHOLE;
    if (pass->fold_names) *column = find_folded(pass->columns, name, length);
    worker->folded = worker->folded || *column >= 0;
    if (*column >= 0) return ROW_WHOLE;
    if (pass->sampled || pass->may_evolve) {
        (void)pass_conflict(worker->run);
        return ROW_STOP;
    }
    Error reason;
    (void)error_set(&reason, SQLSTATE_UNDEFINED_COLUMN, "table \"%s\" has no column \"%.*s\"",
                    pass->options->table, (int)(length < 100 ? length : 100), name);
    return load_worker_bad_row(worker, -1, reason.sqlstate, reason.message) ? ROW_BAD : ROW_STOP;
}

static RowOutcome bad_json(LoadWorker *worker, const char *problem) {
    bool lines = worker->block->plan->layout == JSON_LINES;
    if (lines && worker->pass->options->on_error == INGEST_FAIL) {
        (void)pass_not_lines(worker->run);
        return ROW_STOP;
    }
    return load_worker_bad_row(worker, -1, SQLSTATE_INVALID_TEXT, problem) ? ROW_BAD : ROW_STOP;
}

static void put(LoadWorker *worker, int column, CellKind kind, const char *text, size_t length) {
    worker->cells[column][worker->batch_rows] = cell_ref(worker->block->text, text, length, kind);
}

/* The key at scan->at and its column. `next` is the likely one. */
static RowOutcome read_key(LoadWorker *worker, JsonScan *scan, int next, int *column) {
    const ColumnRegistry *columns = worker->pass->types ? worker->pass->columns : &worker->registry;
    if (next < columns->count) {
        const RegistryColumn *guess = &columns->columns[next];
        if (guess->is_plain && *scan->at == '"' && scan->at[guess->name_length + 1] == '"' &&
            memcmp(scan->at + 1, guess->name, guess->name_length) == 0) {
            scan->at += guess->name_length + 2;
            *column = next;
            return ROW_WHOLE;
        }
    }
    CellKind kind;
    const char *name;
    size_t length;
    if (*scan->at != '"') return bad_json(worker, "a key is missing in an object");
    if (!json_scan_string(scan, &kind, &name, &length)) return bad_json(worker, scan->problem);
    if (kind == CELL_STRING_ESCAPED) {
        const char *problem;
        strbuf_reset(&worker->scratch);
        if (!json_scan_unescape(name, length, &worker->scratch, &problem))
            return bad_json(worker, "a key holds \\u0000 or half of a surrogate pair");
        name = strbuf_text(&worker->scratch);
        length = worker->scratch.length;
    }
    /* A key may be empty; a column's name may not. */
    return length ? find_column(worker, name, length, column)
                  : find_column(worker, "column", strlen("column"), column);
}

static bool is_taken(const LoadWorker *worker, int column) {
    return cell_ref_kind(worker->cells[column][worker->batch_rows]) != CELL_NULL;
}

/* "Id" and "id" of one object: neither may get lost for the other. */
static RowOutcome bad_fold(LoadWorker *worker, int column) {
    return load_worker_bad_row(worker, column, "42701", "two keys of the object are this column, in any case")
               ? ROW_BAD
               : ROW_STOP;
}

static RowOutcome read_object(LoadWorker *worker, JsonScan *scan) {
    int next = 0;
    worker->folded = false;
    scan->at = json_skip_space(scan->at + 1);
    if (*scan->at == '}') {
        scan->at++;
        return ROW_WHOLE;
    }
    for (;;) {
        int column;
        CellKind kind;
        const char *text;
        size_t length;
        RowOutcome outcome = read_key(worker, scan, next, &column);
        if (outcome != ROW_WHOLE) return outcome;
        if (*scan->at != ':') scan->at = json_skip_space(scan->at);
        if (*scan->at != ':') return bad_json(worker, "a colon is missing in an object");
        scan->at = json_skip_space(scan->at + 1);
        if (!json_scan_value(scan, &kind, &text, &length)) return bad_json(worker, scan->problem);
        if (worker->folded && is_taken(worker, column)) return bad_fold(worker, column);
        put(worker, column, kind, text, length);
        next = column + 1;
        if (*scan->at != ',' && *scan->at != '}') scan->at = json_skip_space(scan->at);
        if (*scan->at == '}') {
            scan->at++;
            return ROW_WHOLE;
        }
        if (*scan->at != ',') return bad_json(worker, "a comma is missing in an object");
        scan->at = json_skip_space(scan->at + 1);
    }
}

static RowOutcome read_row(LoadWorker *worker, JsonScan *scan, bool clean) {
    const char *start = scan->at;
    RowOutcome outcome = ROW_WHOLE;
    if (*start == '{') {
        outcome = read_object(worker, scan);
    } else {
        int column;
        CellKind kind;
        const char *text;
        size_t length;
        if (!json_scan_value(scan, &kind, &text, &length)) return bad_json(worker, scan->problem);
        outcome = find_column(worker, LONE_VALUE_COLUMN, strlen(LONE_VALUE_COLUMN), &column);
        if (outcome == ROW_WHOLE) put(worker, column, kind, text, length);
    }
    if (outcome == ROW_WHOLE && !clean && !utf8_is_valid(start, (size_t)(scan->at - start)))
        return load_worker_bad_row(worker, -1, "22021",
                                   "it is not valid UTF-8; name the encoding if it is another one")
                   ? ROW_BAD
                   : ROW_STOP;
    return outcome;
}

static int column_count(const LoadWorker *worker) {
    return worker->pass->types ? worker->pass->columns->count : worker->registry.count;
}

/* Cells that the next rows do not have must be NULL. */
static void clear_cells(LoadWorker *worker, int first_row, int count) {
    for (int i = 0; i < column_count(worker); i++)
        memset(worker->cells[i] + first_row, 0, (size_t)count * sizeof(CellRef));
}

/* Behind a row: at the next one, or at `end`. False when what stands between is wrong. */
static bool step_over(LoadWorker *worker, JsonScan *scan, bool *more) {
    scan->at = json_skip_space(scan->at);
    *more = scan->at < scan->end;
    if (!*more || worker->block->plan->layout != JSON_ARRAY) return true;
    if (*scan->at != ',') return false;
    scan->at = json_skip_space(scan->at + 1);
    *more = scan->at < scan->end;
    return true;
}

bool load_json_block(LoadWorker *worker) {
    const TextBlock *block = worker->block;
    JsonScan scan = {.at = json_skip_space(block->text), .end = block->text + block->length};
    bool clean = utf8_is_valid(block->text, block->length);
    load_worker_reserve(worker, column_count(worker));
    worker->mapped = NULL;
    clear_cells(worker, 0, worker->batch_capacity);
    for (bool more = scan.at < scan.end; more;) {
        const char *start = scan.at;
        int rows = worker->batch_rows;
        worker->block_row++;
        scan.problem = "";
        RowOutcome outcome = read_row(worker, &scan, clean);
        if (outcome == ROW_WHOLE) {
            if (!load_worker_end_row(worker)) return false;
            if (worker->batch_rows < rows) clear_cells(worker, 0, worker->batch_capacity);
            if (step_over(worker, &scan, &more)) continue;
            worker->block_row++;
            outcome = bad_json(worker, "a comma is missing between elements");
            start = scan.at;
        }
        if (outcome == ROW_STOP) return false;
        clear_cells(worker, worker->batch_rows, 1);
        if (block->plan->layout == JSON_LINES) {
            const char *line_end = memchr(start, '\n', (size_t)(scan.end - start));
            scan.at = json_skip_space(line_end ? line_end : scan.end);
        } else {
            scan.at = json_skip_space(json_skip_loosely(start, scan.end));
        }
        if (scan.at < scan.end && *scan.at == ',') scan.at = json_skip_space(scan.at + 1);
        more = scan.at < scan.end;
    }
    return true;
}
