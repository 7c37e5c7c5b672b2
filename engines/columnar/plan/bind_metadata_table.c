/* Metadata tables: what a columnar table's metadata says, as rows. They are read while the statement is
 * planned, of the version that it reads (a newer version is planned anew), and given out by a set-returning
 * function without arguments. */
#include <stdio.h>

#include "engines/base/metadata_name.h"
#include "engines/base/strbuf.h"
#include "engines/columnar/plan/bind_travel.h"
#include "engines/columnar/plan/metadata_rows.h"

/* ---- rows ------------------------------------------------------------------------------------------------
 */

typedef struct RowsState {
    int64_t next;
} RowsState;

static Status rows_next(const TableCall *call, int *count, Error *err) {
    const MetadataRows *rows = call->bind_data;
    RowsState *state = call->state;
    int64_t left = rows->row_count - state->next;
    (void)err;
    *count = left < BATCH_ROWS ? (int)left : BATCH_ROWS;
    for (int c = 0; c < call->column_count; c++) {
        const Vector *from = &rows->columns[c];
        Vector *to = &call->out[c];
        size_t width = physical_width((PhysicalType)from->physical);
        memcpy(to->values, (const char *)from->values + (size_t)state->next * width, (size_t)*count * width);
        for (int i = 0; i < *count; i++)
            if (vector_is_null(from, (int)state->next + i))
                bitmap_clear(vector_make_validity(to, BATCH_ROWS, call->arena), (size_t)i);
    }
    for (int i = 0; i < *count; i++)
        call->input_rows[i] = call->rows[0];
    state->next += *count;
    return STATUS_OK;
}

static const TableFunction METADATA_ROWS = {
    .name = "metadata", .state_bytes = sizeof(RowsState), .next = rows_next, .estimate = 100};

/* ---- names -----------------------------------------------------------------------------------------------
 */

typedef struct MetadataName {
    const char *schema, *table;
    MetadataTable kind;
} MetadataName;

static const char *written(const char *text) {
    return text && *text ? text : NULL;
}

static bool read_name(Binder *binder, const PgQuery__RangeVar *var, MetadataName *out) {
    size_t length;
    if (metadata_name_split(var->relname, &length, &out->kind)) {
        out->schema = written(var->schemaname);
        out->table = arena_strndup(binder->arena, var->relname, length);
        return true;
    }
    out->schema = written(var->catalogname);
    out->table = written(var->schemaname);
    return out->table && metadata_name_kind(var->relname, &out->kind);
}

static FromItem *expose(Query *query, PgQuery__RangeVar *var, const MetadataRows *rows) {
    Binder *binder = query->binder;
    Rel *rel = rel_new(binder, PLAN_TABLE_FUNCTION, 0);
    bool named = var->alias && written(var->alias->aliasname);
    FromItem *item = from_item_new(query, named ? var->alias->aliasname : var->relname, rel);
    FromTable *table = item->tables[0];
    TableFunctionColumn *columns =
        ARENA_NEW_ARRAY(binder->arena, TableFunctionColumn, rows->column_count + 1);
    rel->inputs = ARENA_NEW_ARRAY(binder->arena, Rel *, 1);
    rel->table_calls = ARENA_NEW(binder->arena, TableFunctionCall);
    rel->table_call_count = 1;
    rel->rows = (double)rows->row_count;
    table->columns = ARENA_NEW_ARRAY(binder->arena, VisibleColumn, rows->column_count + 1);
    for (int c = 0; c < rows->column_count; c++) {
        columns[c] = (TableFunctionColumn){.name = rows->names[c], .type = rows->columns[c].type};
        int id = binder_add_column(binder, rows->names[c], rows->columns[c].type, true);
        id_list_add(binder->arena, &rel->own_ids, id);
        table->columns[table->column_count++] = (VisibleColumn){rows->names[c], expr_column(binder, id)};
    }
    rel->table_calls[0] = (TableFunctionCall){.function = &METADATA_ROWS,
                                              .columns = columns,
                                              .column_count = rows->column_count,
                                              .bind_data = rows};
    rel_refresh_ids(binder, rel);
    return item;
}

Status bind_metadata_table(Query *query, PgQuery__RangeVar *var, FromItem **out, Error *err) {
    Binder *binder = query->binder;
    MetadataName name;
    TableVersion *version = NULL;
    Error failure = {0};
    *out = NULL;
    if (!read_name(binder, var, &name)) return STATUS_OK;
    if (binder->self && name.schema && strcmp(name.schema, binder->self->name) == 0) name.schema = NULL;
    if (bind_load_version(binder, name.schema, name.table, &version, &failure) != STATUS_OK) {
        if (strcmp(failure.sqlstate, SQLSTATE_UNDEFINED_TABLE) == 0) return STATUS_OK;
        if (err) *err = failure;
        return STATUS_ERROR;
    }
    MetadataRows *rows = ARENA_NEW(binder->arena, MetadataRows);
    TRY(metadata_rows_read(version, name.kind, binder->arena, rows, err));
    FromItem *item = expose(query, var, rows);
    TRY(from_item_name_columns(query, item, var->alias, var->location, err));
    *out = item;
    return STATUS_OK;
}
