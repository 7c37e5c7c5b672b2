#include "engines/columnar/iceberg/row_block.h"

enum { ROW_BLOCK_MAGIC = 0x52424C31 };

typedef struct ColumnHead {
    int32_t field_id;
    SqlType type;
} ColumnHead;

static void put_u32(StrBuf *out, uint32_t value) {
    strbuf_append(out, &value, sizeof value);
}

void row_block_put_columns(StrBuf *out, const TableColumn *columns, int column_count) {
    put_u32(out, ROW_BLOCK_MAGIC);
    put_u32(out, (uint32_t)column_count);
    for (int i = 0; i < column_count; i++) {
        ColumnHead head;
        memset(&head, 0, sizeof head);
        head.field_id = columns[i].field_id;
        head.type = columns[i].type;
        strbuf_append(out, &head, sizeof head);
    }
}

static int row_of(const Batch *batch, int i) {
    return batch->selection ? batch->selection[i] : i;
}

static void put_strings(StrBuf *out, const Batch *batch, const Vector *flat, int rows) {
    const StringView *views = flat->values;
    for (int i = 0; i < rows; i++)
        put_u32(out, vector_is_null(flat, row_of(batch, i)) ? 0 : views[row_of(batch, i)].length);
    for (int i = 0; i < rows; i++) {
        const StringView *view = &views[row_of(batch, i)];
        if (!vector_is_null(flat, row_of(batch, i))) strbuf_append(out, stringview_data(view), view->length);
    }
}

static void put_column(StrBuf *out, const Batch *batch, const Vector *vector, int rows, Arena *scratch) {
    Vector flat;
    vector_flatten(vector, batch->row_count, &flat, scratch);
    strbuf_append_char(out, flat.validity != NULL);
    for (int i = 0; flat.validity && i < rows; i++)
        strbuf_append_char(out, (char)!vector_is_null(&flat, row_of(batch, i)));
    if (flat.physical == PHYS_STRING) {
        put_strings(out, batch, &flat, rows);
        return;
    }
    size_t width = physical_width((PhysicalType)flat.physical);
    for (int i = 0; i < rows; i++)
        strbuf_append(out, (const char *)flat.values + (size_t)row_of(batch, i) * width, width);
}

void row_block_put_batch(StrBuf *out, const Batch *batch, Arena *scratch) {
    int rows = batch->selection ? batch->selected : batch->row_count;
    if (rows == 0) return;
    put_u32(out, (uint32_t)rows);
    for (int c = 0; c < batch->column_count; c++)
        put_column(out, batch, &batch->columns[c], rows, scratch);
}

/* NULL when so many bytes are not there. */
static const char *take(RowBlockReader *reader, size_t bytes) {
    if (reader->bytes - reader->offset < bytes) return NULL;
    const char *at = reader->data + reader->offset;
    reader->offset += bytes;
    return at;
}

static bool take_u32(RowBlockReader *reader, uint32_t *out) {
    const char *at = take(reader, sizeof *out);
    if (at) memcpy(out, at, sizeof *out);
    return at != NULL;
}

static Status broken(Error *err) {
    return error_set(err, SQLSTATE_DATA_CORRUPTED, "rows handed over for a grouped insert cannot be read");
}

Status row_block_open(const void *data, size_t bytes, const TableColumn *columns, int column_count,
                      Arena *arena, RowBlockReader *out, Error *err) {
    uint32_t magic, count;
    *out = (RowBlockReader){.data = data, .bytes = bytes};
    if (!take_u32(out, &magic) || magic != ROW_BLOCK_MAGIC || !take_u32(out, &count) ||
        count > (bytes - out->offset) / sizeof(ColumnHead))
        return broken(err);
    SqlType *types = ARENA_NEW_ARRAY(arena, SqlType, count + 1);
    out->same_columns = (int)count == column_count;
    for (uint32_t i = 0; i < count; i++) {
        ColumnHead head;
        memcpy(&head, take(out, sizeof head), sizeof head);
        if (head.type.id == SQL_INVALID || head.type.id >= SQL_TYPE_COUNT) return broken(err);
        types[i] = head.type;
        out->same_columns = out->same_columns && columns[i].field_id == head.field_id &&
                            sqltype_equals(columns[i].type, head.type);
    }
    out->types = types;
    out->column_count = (int)count;
    return STATUS_OK;
}

static bool take_strings(RowBlockReader *reader, int rows, Vector *out) {
    const char *lengths = take(reader, (size_t)rows * sizeof(uint32_t));
    StringView *views = out->values;
    for (int i = 0; lengths && i < rows; i++) {
        uint32_t length;
        memcpy(&length, lengths + (size_t)i * sizeof length, sizeof length);
        const char *text = take(reader, length);
        if (!text) return false;
        views[i] = stringview_make(text, length);
    }
    return lengths != NULL;
}

static bool take_column(RowBlockReader *reader, int rows, Vector *out, Arena *arena) {
    const char *has_nulls = take(reader, 1);
    if (!has_nulls) return false;
    if (*has_nulls) {
        const char *valid = take(reader, (size_t)rows);
        if (!valid) return false;
        uint64_t *bits = vector_make_validity(out, rows, arena);
        for (int i = 0; i < rows; i++)
            if (!valid[i]) bitmap_clear(bits, (size_t)i);
    }
    if (out->physical == PHYS_STRING) return take_strings(reader, rows, out);
    size_t bytes = (size_t)rows * physical_width((PhysicalType)out->physical);
    const char *values = take(reader, bytes);
    if (values) memcpy(out->values, values, bytes);
    return values != NULL;
}

Status row_block_next(RowBlockReader *reader, Arena *arena, Batch *out, Error *err) {
    uint32_t rows;
    *out = (Batch){0};
    if (reader->offset == reader->bytes) return STATUS_OK;
    if (!take_u32(reader, &rows) || rows == 0 || rows > BATCH_ROWS) return broken(err);
    *out = (Batch){.row_count = (int)rows, .selected = (int)rows, .column_count = reader->column_count};
    out->columns = ARENA_NEW_ARRAY(arena, Vector, reader->column_count + 1);
    for (int c = 0; c < reader->column_count; c++) {
        vector_init_flat(&out->columns[c], reader->types[c], (int)rows, arena);
        if (!take_column(reader, (int)rows, &out->columns[c], arena)) return broken(err);
    }
    return STATUS_OK;
}
