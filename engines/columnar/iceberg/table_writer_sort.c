#include "engines/columnar/iceberg/table_writer_sort.h"

#include <stdlib.h>
#include <string.h>

#include "engines/columnar/iceberg/transform.h"

typedef struct BufferColumn {
    char *values;
    uint8_t *nulls;
    size_t width;
} BufferColumn;

struct SortBuffer {
    const SortOrder *order;
    const TableVersion *target;
    int *sources; /* columns of the order's fields */
    BufferColumn *columns;
    int64_t rows, capacity;
    Arena strings;
    PartitionValue *keys; /* row × field, while sorting */
    SqlType *key_types;
};

static int column_of(const TableVersion *target, int field_id) {
    for (int i = 0; i < target->column_count; i++)
        if (target->columns[i].field_id == field_id) return i;
    return -1;
}

Status sort_order_check(const SortOrder *order, const TableVersion *target, Error *err) {
    for (int i = 0; order && i < order->field_count; i++) {
        int column = column_of(target, order->fields[i].source_id);
        if (column < 0 ||
            transform_result_type(order->fields[i].transform, target->columns[column].type).id == SQL_INVALID)
            return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                             "the sort order of table \"%s\" cannot be followed", target->name);
    }
    return STATUS_OK;
}

int sort_order_columns(const SortOrder *order, const TableVersion *target, ParquetSortColumn *out) {
    int count = 0;
    for (; count < order->field_count; count++) {
        const SortField *field = &order->fields[count];
        if (field->transform.kind != TRANSFORM_IDENTITY) break;
        out[count] = (ParquetSortColumn){.column = column_of(target, field->source_id),
                                         .descending = field->descending,
                                         .nulls_first = field->nulls_first};
    }
    return count;
}

static void *allocated(void *memory) {
    if (!memory) abort();
    return memory;
}

SortBuffer *sort_buffer_create(const SortOrder *order, const TableVersion *target) {
    SortBuffer *buffer = allocated(calloc(1, sizeof *buffer));
    buffer->order = order;
    buffer->target = target;
    buffer->columns = allocated(calloc((size_t)target->column_count + 1, sizeof *buffer->columns));
    buffer->sources = allocated(calloc((size_t)order->field_count + 1, sizeof *buffer->sources));
    buffer->key_types = allocated(calloc((size_t)order->field_count + 1, sizeof *buffer->key_types));
    for (int c = 0; c < target->column_count; c++)
        buffer->columns[c].width = physical_width(physical_type_of(target->columns[c].type));
    for (int f = 0; f < order->field_count; f++) {
        buffer->sources[f] = column_of(target, order->fields[f].source_id);
        buffer->key_types[f] =
            transform_result_type(order->fields[f].transform, target->columns[buffer->sources[f]].type);
    }
    arena_init(&buffer->strings);
    return buffer;
}

static void release_rows(SortBuffer *buffer) {
    for (int c = 0; c < buffer->target->column_count; c++) {
        free(buffer->columns[c].values);
        free(buffer->columns[c].nulls);
        buffer->columns[c].values = NULL;
        buffer->columns[c].nulls = NULL;
    }
    arena_deinit(&buffer->strings);
    arena_init(&buffer->strings);
    buffer->rows = buffer->capacity = 0;
}

void sort_buffer_destroy(SortBuffer *buffer) {
    if (!buffer) return;
    release_rows(buffer);
    arena_deinit(&buffer->strings);
    free(buffer->columns);
    free(buffer->sources);
    free(buffer->key_types);
    free(buffer);
}

int64_t sort_buffer_rows(const SortBuffer *buffer) {
    return buffer->rows;
}

static void make_room(SortBuffer *buffer, int64_t rows) {
    if (rows <= buffer->capacity) return;
    int64_t capacity = buffer->capacity ? buffer->capacity * 2 : 4096;
    if (capacity < rows) capacity = rows;
    for (int c = 0; c < buffer->target->column_count; c++) {
        BufferColumn *column = &buffer->columns[c];
        column->values = allocated(realloc(column->values, column->width * (size_t)capacity));
        column->nulls = allocated(realloc(column->nulls, (size_t)capacity));
    }
    buffer->capacity = capacity;
}

static void append_column(SortBuffer *buffer, BufferColumn *column, const Vector *vector, const Batch *batch,
                          Arena *scratch) {
    Vector flat;
    vector_flatten(vector, batch->row_count, &flat, scratch);
    bool strings = flat.physical == PHYS_STRING;
    for (int i = 0; i < batch->selected; i++) {
        int row = batch->selection ? batch->selection[i] : i;
        char *to = column->values + column->width * (size_t)(buffer->rows + i);
        bool is_null = vector_is_null(&flat, row);
        column->nulls[buffer->rows + i] = is_null;
        if (is_null) {
            memset(to, 0, column->width);
            continue;
        }
        memcpy(to, (const char *)flat.values + column->width * (size_t)row, column->width);
        StringView *view = (StringView *)to;
        if (strings && view->length > 12)
            *view =
                stringview_make(arena_strndup(&buffer->strings, view->pointer, view->length), view->length);
    }
}

void sort_buffer_append(SortBuffer *buffer, const Batch *batch, Arena *scratch) {
    make_room(buffer, buffer->rows + batch->selected);
    for (int c = 0; c < batch->column_count; c++)
        append_column(buffer, &buffer->columns[c], &batch->columns[c], batch, scratch);
    buffer->rows += batch->selected;
}

/* Rows first .. first + rows of a column as a vector. */
static void column_vector(const SortBuffer *buffer, int column, Vector *out) {
    *out = (Vector){.type = buffer->target->columns[column].type,
                    .physical = physical_type_of(buffer->target->columns[column].type),
                    .encoding = VECTOR_FLAT,
                    .values = buffer->columns[column].values};
}

static void make_keys(SortBuffer *buffer) {
    int fields = buffer->order->field_count;
    buffer->keys = allocated(calloc((size_t)(buffer->rows * fields) + 1, sizeof *buffer->keys));
    for (int f = 0; f < fields; f++) {
        int source = buffer->sources[f];
        Vector vector;
        column_vector(buffer, source, &vector);
        for (int64_t row = 0; row < buffer->rows; row++) {
            PartitionValue value = {.is_null = true};
            if (!buffer->columns[source].nulls[row]) partition_value_of(&vector, (int)row, &value);
            transform_apply(buffer->order->fields[f].transform, buffer->target->columns[source].type, &value,
                            &buffer->keys[row * fields + f]);
        }
    }
}

static int by_keys(const void *left, const void *right, void *context) {
    const SortBuffer *buffer = context;
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    int fields = buffer->order->field_count;
    for (int f = 0; f < fields; f++) {
        const SortField *field = &buffer->order->fields[f];
        const PartitionValue *x = &buffer->keys[(int64_t)a * fields + f];
        const PartitionValue *y = &buffer->keys[(int64_t)b * fields + f];
        if (x->is_null || y->is_null) {
            if (x->is_null == y->is_null) continue;
            return x->is_null == field->nulls_first ? -1 : 1;
        }
        int order = partition_value_compare(buffer->key_types[f], &x->value, &y->value);
        if (order) return field->descending ? -order : order;
    }
    return (a > b) - (a < b); /* rows alike stay as they came */
}

static void gather(const SortBuffer *buffer, int column, const uint32_t *order, int rows, Vector *out,
                   Arena *arena) {
    const BufferColumn *from = &buffer->columns[column];
    vector_init_flat(out, buffer->target->columns[column].type, rows, arena);
    uint64_t *validity = NULL;
    for (int i = 0; i < rows; i++) {
        memcpy((char *)out->values + from->width * (size_t)i, from->values + from->width * order[i],
               from->width);
        if (!from->nulls[order[i]]) continue;
        if (!validity) validity = vector_make_validity(out, rows, arena);
        bitmap_clear(validity, (size_t)i);
    }
}

Status sort_buffer_flush(SortBuffer *buffer, Status (*take)(void *context, const Batch *batch, Error *err),
                         void *context, Error *err) {
    uint32_t *order = allocated(malloc(sizeof *order * (size_t)(buffer->rows + 1)));
    for (int64_t row = 0; row < buffer->rows; row++)
        order[row] = (uint32_t)row;
    make_keys(buffer);
    qsort_r(order, (size_t)buffer->rows, sizeof *order, by_keys, buffer);
    free(buffer->keys);
    buffer->keys = NULL;
    Arena arena;
    arena_init(&arena);
    Status status = STATUS_OK;
    int columns = buffer->target->column_count;
    for (int64_t first = 0; first < buffer->rows && status == STATUS_OK; first += BATCH_ROWS) {
        int rows = buffer->rows - first < BATCH_ROWS ? (int)(buffer->rows - first) : BATCH_ROWS;
        Vector *vectors = ARENA_NEW_ARRAY(&arena, Vector, columns);
        for (int c = 0; c < columns; c++)
            gather(buffer, c, order + first, rows, &vectors[c], &arena);
        Batch batch = {.row_count = rows, .selected = rows, .column_count = columns, .columns = vectors};
        status = take(context, &batch, err);
        arena_reset(&arena);
    }
    arena_deinit(&arena);
    free(order);
    release_rows(buffer);
    return status;
}
