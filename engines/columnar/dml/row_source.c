#include "engines/columnar/dml/row_source.h"

#include "engines/columnar/exec/arrow_import.h"

Status row_source_open(RowSource *source, const DmlContext *context, const Plan *plan,
                       const Execution *execution, Error *err) {
    *source = (RowSource){.plan = plan, .execution = *execution};
    source->execution.row_limit = 0; /* of the answer, not of what is written */
    arena_init(&source->arena);
    if (executor_run(plan, context->resources, &source->execution, &source->stream, err) != STATUS_OK ||
        arrow_stream_schema(&source->stream, &source->schema, err) != STATUS_OK) {
        row_source_close(source);
        return STATUS_ERROR;
    }
    return STATUS_OK;
}

void row_source_close(RowSource *source) {
    arrow_array_release(&source->array);
    arrow_schema_release(&source->schema);
    arrow_stream_release(&source->stream);
    arena_deinit(&source->arena);
    *source = (RowSource){.plan = NULL};
}

static Status next_array(RowSource *source, Error *err) {
    while (source->next >= source->array.length) {
        arrow_array_release(&source->array);
        source->array = (ArrowArray){0};
        source->next = 0;
        TRY(cancel_check(source->execution.cancel, err));
        TRY(arrow_stream_next(&source->stream, &source->array, err));
        if (!source->array.release) return STATUS_OK;
    }
    return STATUS_OK;
}

Status row_source_next(RowSource *source, Batch **out, Error *err) {
    const PlanNode *root = source->plan->root;
    *out = NULL;
    TRY(next_array(source, err));
    if (!source->array.release) return STATUS_OK;
    int64_t left = source->array.length - source->next;
    int rows = left < BATCH_ROWS ? (int)left : BATCH_ROWS;
    arena_reset(&source->arena);
    Vector *columns = ARENA_NEW_ARRAY(&source->arena, Vector, root->column_count + 1);
    for (int c = 0; c < root->column_count; c++)
        TRY(arrow_import_column(source->schema.children[c], source->array.children[c],
                                source->array.offset + source->next, rows, root->columns[c].type, &columns[c],
                                &source->arena, err));
    source->next += rows;
    source->batch =
        (Batch){.row_count = rows, .column_count = root->column_count, .columns = columns, .selected = rows};
    *out = &source->batch;
    return STATUS_OK;
}
