/* CSV records → cells. */
#include <stdio.h>
#include <stdlib.h>

#include "engines/base/utf8.h"
#include "engines/columnar/ingest/load_worker.h"

/* The cells of each field's column; other columns have none. */
static bool map_fields(LoadWorker *worker) {
    const InputPlan *plan = worker->block->plan;
    LoadPass *pass = worker->pass;
    Error err;
    if (worker->mapped == plan) return true;
    if (plan->field_count > worker->fields_capacity) {
        worker->fields_capacity = plan->field_count;
        worker->fields = realloc(worker->fields, (size_t)plan->field_count * sizeof *worker->fields);
        if (!worker->fields) abort();
    }
    int columns = pass->types ? pass->columns->count : worker->registry.count;
    for (int i = 0; i < columns && i < worker->cells_capacity; i++) {
        free(worker->cells[i]);
        worker->cells[i] = NULL;
    }
    for (int i = 0; i < plan->field_count; i++) {
        int column = pass->types ? plan->columns[i] : 0;
        if (!pass->types) {
            if (column_registry_add(&worker->registry, plan->names[i], strlen(plan->names[i]), &column,
                                    &err) != STATUS_OK)
                return pass_fail(worker->run, worker->block, -1, NULL, &err);
            RegistryColumn *entry = &worker->registry.columns[column];
            if (!entry->first_seen) entry->first_seen = (plan->first_block << 40) + i + 1;
        }
        if (column >= worker->cells_capacity) load_worker_reserve(worker, column + 1);
        if (!worker->cells[column]) worker->cells[column] = calloc(BATCH_ROWS, sizeof(CellRef));
        if (!worker->cells[column]) abort();
        worker->fields[i] = worker->cells[column];
    }
    worker->mapped = plan;
    return true;
}

static bool is_clean(const char *text, size_t length) {
    return !memchr(text, 0, length) && utf8_is_valid(text, length);
}

static bool bad_record(LoadWorker *worker, const CsvParser *parser, CsvOutcome outcome) {
    char reason[128];
    if (outcome == CSV_TOO_WIDE)
        return load_worker_bad_row(worker, -1, SQLSTATE_PROGRAM_LIMIT, csv_outcome_text(outcome));
    if (outcome != CSV_RECORD) return load_worker_bad_row(worker, -1, "22P04", csv_outcome_text(outcome));
    size_t length = (size_t)(parser->at - parser->record);
    if (memchr(parser->record, 0, length))
        return load_worker_bad_row(worker, -1, "22021", "it contains a NUL byte");
    if (!utf8_is_valid(parser->record, length))
        return load_worker_bad_row(worker, -1, "22021",
                                   "it is not valid UTF-8; name the encoding if it is another one");
    snprintf(reason, sizeof reason, "it has %d fields where %d are expected", parser->field_count,
             worker->block->plan->field_count);
    return load_worker_bad_row(worker, -1, "22P04", reason);
}

/* Unquoted fields that stand for NULL. */
static void find_null_texts(LoadWorker *worker) {
    const char *text = worker->pass->options->null_text, *base = worker->block->text;
    size_t length = strlen(text);
    for (int i = 0; i < worker->block->plan->field_count; i++) {
        CellRef *cells = worker->fields[i];
        for (int row = 0; row < worker->batch_rows; row++)
            if (cell_ref_kind(cells[row]) == CELL_TEXT && cell_ref_length(cells[row]) == length &&
                memcmp(base + cells[row].offset, text, length) == 0)
                cells[row] = (CellRef){0, CELL_NULL};
    }
}

bool load_csv_block(LoadWorker *worker) {
    const TextBlock *block = worker->block;
    const InputPlan *plan = block->plan;
    CsvParser parser;
    if (!map_fields(worker)) return false;
    bool clean = is_clean(block->text, block->length), has_null_text = worker->pass->options->null_text;
    csv_parser_init(&parser, block->text, block->length, plan->dialect);
    for (;;) {
        CsvOutcome outcome = csv_parser_next(&parser, worker->fields, plan->field_count, worker->batch_rows);
        if (outcome == CSV_END) break;
        worker->block_row++;
        if (outcome != CSV_RECORD || parser.field_count != plan->field_count ||
            (!clean && !is_clean(parser.record, (size_t)(parser.at - parser.record)))) {
            if (has_null_text) find_null_texts(worker);
            if (!bad_record(worker, &parser, outcome)) return false;
            continue;
        }
        if (has_null_text && worker->batch_rows + 1 == worker->batch_capacity) {
            worker->batch_rows++;
            find_null_texts(worker);
            worker->batch_rows--;
        }
        if (!load_worker_end_row(worker)) return false;
    }
    if (has_null_text) find_null_texts(worker);
    return true;
}
