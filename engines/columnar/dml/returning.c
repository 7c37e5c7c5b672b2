#include "engines/columnar/dml/returning.h"

#include <stdlib.h>

#include "engines/columnar/exec/arrow_export.h"

enum { ARRAY_ROWS = 16384 };

struct Returning {
    const WritePlan *write;
    Budget budget;
    const PlanColumn *columns; /* the plan's; for the schema */
    ArrowSchema schema;
    ArrowExport export;
    int64_t reserved;
    ArrowArray *arrays;
    int count, capacity, next;
};

Returning *returning_create(const DmlContext *context, const Plan *plan, const Execution *execution) {
    const WritePlan *write = plan->write;
    if (write->returning_count == 0) return NULL;
    Returning *returning = calloc(1, sizeof *returning);
    if (!returning) abort();
    returning->write = write;
    returning->columns = plan->root->columns + write->returning_column;
    budget_init(&returning->budget, execution->budget ? execution->budget : context->resources->budget,
                context->resources->query_memory_bytes);
    arrow_export_schema(returning->columns, write->returning_count, &returning->schema);
    arrow_export_init(&returning->export, returning->columns, write->returning_count);
    return returning;
}

void returning_destroy(Returning *returning) {
    if (!returning) return;
    for (int i = returning->next; i < returning->count; i++)
        arrow_array_release(&returning->arrays[i]);
    free(returning->arrays);
    arrow_export_deinit(&returning->export);
    arrow_schema_release(&returning->schema);
    budget_deinit(&returning->budget);
    free(returning);
}

static void close_array(Returning *returning) {
    if (returning->export.row_count == 0) return;
    if (returning->count == returning->capacity) {
        returning->capacity = returning->capacity ? returning->capacity * 2 : 8;
        returning->arrays =
            realloc(returning->arrays, sizeof *returning->arrays * (size_t)returning->capacity);
        if (!returning->arrays) abort();
    }
    arrow_export_finish(&returning->export, &returning->arrays[returning->count++]);
    returning->reserved = 0; /* stays reserved; counted anew for the next one */
}

Status returning_add(Returning *returning, const Batch *batch, Error *err) {
    if (!returning || batch->selected == 0) return STATUS_OK;
    Batch rows = *batch;
    rows.columns = batch->columns + returning->write->returning_column;
    rows.column_count = returning->write->returning_count;
    TRY(arrow_export_append(&returning->export, &rows, 0, rows.selected, err));
    int64_t more = returning->export.bytes - returning->reserved;
    if (more > 0) TRY(budget_reserve(&returning->budget, more, err));
    if (more > 0) returning->reserved += more;
    if (returning->export.row_count >= ARRAY_ROWS) close_array(returning);
    return STATUS_OK;
}

static Status next_returned(void *state, ArrowArray *out, Error *err) {
    Returning *returning = state;
    (void)err;
    memset(out, 0, sizeof *out);
    if (returning->next < returning->count) *out = returning->arrays[returning->next++];
    return STATUS_OK;
}

static void close_returned(void *state) {
    returning_destroy(state);
}

void returning_finish(Returning *returning, ArrowArrayStream *out) {
    if (!returning) {
        arrow_stream_make_empty(out);
        return;
    }
    close_array(returning);
    ArrowSchema schema = returning->schema;
    returning->schema.release = NULL;
    arrow_stream_make(
        out, &schema,
        (ArrowStreamSource){.next = next_returned, .close = close_returned, .state = returning});
}
