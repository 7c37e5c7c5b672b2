#include "engines/columnar/parquet_rows.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/base/arrow_text.h"
#include "engines/columnar/exec/arrow_import.h"
#include "engines/columnar/parquet/parquet_writer.h"
#include "engines/columnar/store/local_store.h"

/* Several clients may ask at once: a row group is smaller than in tables. */
enum { ROW_GROUP_BYTES = 16 << 20, ROW_GROUP_ROWS = 1 << 18, ZSTD_LEVEL = 1 };

typedef struct RowsColumn {
    const ArrowSchema *schema;
    SqlType type;        /* of the Parquet column */
    ColumnFormat *print; /* set: the values go as their texts */
} RowsColumn;

struct ParquetRows {
    Arena arena, batch_arena;
    ArrowSchema schema;
    RowsColumn *columns;
    int column_count;
    ParquetWriter *writer;
    int fd;
    int64_t taken;
    StrBuf text; /* of one value */
};

/* ---- types -----------------------------------------------------------------------------------------------
 */

static bool is_text_format(const char *format) {
    return strchr("uUzZ", format[0]) && !format[1];
}

/* Text that Parquet knows more of than that it is text. */
static bool keeps_its_name(SqlType type) {
    return type.id == SQL_JSON || type.id == SQL_JSONB || type.id == SQL_UUID || type.id == SQL_BYTEA;
}

/* As what a column that is no array is stored; SQL_INVALID: as its text. */
static SqlType stored_type(const ArrowSchema *schema, SqlType type) {
    if (schema->dictionary || schema->n_children) return sqltype_of(SQL_INVALID);
    if (is_text_format(schema->format)) return keeps_its_name(type) ? type : sqltype_of(SQL_TEXT);
    bool fits = type.id != SQL_INTERVAL && schema->format[0] != 'n' &&
                (type.id != SQL_NUMERIC || type.scale <= type.precision) &&
                arrow_import_check(schema, type, NULL) == STATUS_OK;
    return fits ? type : sqltype_of(SQL_INVALID);
}

static Status column_init(ParquetRows *rows, RowsColumn *column, const ArrowSchema *schema, Error *err) {
    SqlType type = arrow_schema_sqltype(schema, NULL);
    bool is_list =
        type.is_array && schema->n_children == 1 && !schema->dictionary && schema->format[0] == '+';
    column->schema = schema;
    if (is_list) {
        SqlType element = type;
        element.is_array = false;
        column->type = stored_type(schema->children[0], element);
        if (column->type.id != SQL_INVALID && column->type.id != SQL_NUMERIC)
            column->type = sqltype_array_of(column->type);
        else
            column->type = sqltype_of(SQL_INVALID);
    } else {
        column->type = stored_type(schema, type);
    }
    if (column->type.id != SQL_INVALID) return STATUS_OK;
    column->type = sqltype_of(SQL_TEXT);
    column->print = ARENA_NEW(&rows->arena, ColumnFormat);
    return column_format_init(column->print, schema, &rows->arena, err);
}

static const char *type_names(ParquetRows *rows) {
    StrBuf out;
    char scratch[SQLTYPE_NAME_BYTES];
    strbuf_init(&out);
    for (int i = 0; i < rows->column_count; i++) {
        const char *declared;
        SqlType type = arrow_schema_sqltype(rows->columns[i].schema, &declared);
        const char *name = declared ? declared : sqltype_short_name(type, scratch);
        strbuf_append_char(&out, i ? ',' : '[');
        strbuf_append_json(&out, name, strlen(name));
    }
    strbuf_append_char(&out, ']');
    const char *text = arena_strndup(&rows->arena, out.data, out.length);
    strbuf_deinit(&out);
    return text;
}

/* ---- life ------------------------------------------------------------------------------------------------
 */

static Status open_file(ParquetRows *rows, const char *directory, const char *const *names, Error *err) {
    char uuid[STORE_UUID_BYTES];
    ParquetWriterColumn *columns = ARENA_NEW_ARRAY(&rows->arena, ParquetWriterColumn, rows->column_count + 1);
    for (int i = 0; i < rows->column_count; i++)
        columns[i] = (ParquetWriterColumn){
            .name = names[i], .type = rows->columns[i].type, .nullable = true, .field_id = -1};
    const char *metadata[] = {"pg_types", type_names(rows), NULL};
    ParquetWriterOptions options = {.row_group_rows = ROW_GROUP_ROWS,
                                    .buffer_bytes = ROW_GROUP_BYTES,
                                    .zstd_level = ZSTD_LEVEL,
                                    .plain_encodings = true,
                                    .passing = true,
                                    .metadata = metadata};
    store_make_uuid(uuid);
    const char *path = arena_printf(&rows->arena, "%s/%s.parquet", directory, uuid);
    TRY(parquet_writer_open(path, columns, rows->column_count, &options, &rows->writer, err));
    rows->fd = open(path, O_RDONLY | O_CLOEXEC);
    Status status = rows->fd >= 0 ? STATUS_OK : error_set_errno(err, errno, "cannot open \"%s\"", path);
    unlink(path);
    return status;
}

Status parquet_rows_open(const char *directory, const ArrowSchema *schema, const char *const *names,
                         ParquetRows **out, Error *err) {
    ParquetRows *rows = calloc(1, sizeof *rows);
    if (!rows) abort();
    arena_init(&rows->arena);
    arena_init(&rows->batch_arena);
    strbuf_init(&rows->text);
    rows->fd = -1;
    arrow_schema_copy(schema, &rows->schema);
    rows->column_count = (int)schema->n_children;
    rows->columns = ARENA_NEW_ARRAY(&rows->arena, RowsColumn, rows->column_count + 1);
    Status status = STATUS_OK;
    for (int i = 0; i < rows->column_count && status == STATUS_OK; i++)
        status = column_init(rows, &rows->columns[i], rows->schema.children[i], err);
    if (status == STATUS_OK) status = open_file(rows, directory, names, err);
    if (status != STATUS_OK) {
        parquet_rows_close(rows);
        return STATUS_ERROR;
    }
    *out = rows;
    return STATUS_OK;
}

void parquet_rows_close(ParquetRows *rows) {
    parquet_writer_abort(rows->writer);
    if (rows->fd >= 0) close(rows->fd);
    strbuf_deinit(&rows->text);
    arrow_schema_release(&rows->schema);
    arena_deinit(&rows->batch_arena);
    arena_deinit(&rows->arena);
    free(rows);
}

/* ---- rows ------------------------------------------------------------------------------------------------
 */

static void print_column(ParquetRows *rows, const ColumnFormat *print, const ArrowArray *array, int64_t first,
                         int count, Vector *out) {
    Arena *arena = &rows->batch_arena;
    vector_init_flat(out, sqltype_of(SQL_TEXT), count, arena);
    StringView *values = out->values;
    for (int i = 0; i < count; i++) {
        values[i] = stringview_make("", 0);
        if (print->layout == 'n' || array_is_null(array, first + i)) {
            bitmap_clear(vector_make_validity(out, count, arena), (size_t)i);
            continue;
        }
        strbuf_reset(&rows->text);
        if (print->shape == SHAPE_LIST || print->shape == SHAPE_STRUCT)
            append_nested_text(&rows->text, print, array, first + i);
        else
            append_value_text(&rows->text, print, array, first + i);
        char *copy = arena_memdup(arena, strbuf_text(&rows->text), rows->text.length);
        values[i] = stringview_make(copy, (uint32_t)rows->text.length);
    }
}

static Status append_part(ParquetRows *rows, const ArrowArray *batch, int64_t first, int count, Error *err) {
    Arena *arena = &rows->batch_arena;
    Batch part = {.row_count = count, .selected = count, .column_count = rows->column_count};
    arena_reset(arena);
    part.columns = ARENA_NEW_ARRAY(arena, Vector, rows->column_count + 1);
    for (int i = 0; i < rows->column_count; i++) {
        const RowsColumn *column = &rows->columns[i];
        const ArrowArray *array = batch->children[i];
        if (column->print)
            print_column(rows, column->print, array, first, count, &part.columns[i]);
        else
            TRY(arrow_import_column(column->schema, array, first, count, column->type, &part.columns[i],
                                    arena, err));
    }
    return parquet_writer_append(rows->writer, &part, err);
}

Status parquet_rows_append(ParquetRows *rows, const ArrowArray *batch, int64_t first, int64_t count,
                           Error *err) {
    for (int64_t done = 0; done < count;) {
        int64_t left = count - done;
        int part = left < BATCH_ROWS ? (int)left : BATCH_ROWS;
        TRY(append_part(rows, batch, batch->offset + first + done, part, err));
        done += part;
    }
    return STATUS_OK;
}

Status parquet_rows_take(ParquetRows *rows, size_t most, StrBuf *out, Error *err) {
    strbuf_grow(out, most);
    size_t done = 0;
    while (done < most) {
        ssize_t count = pread(rows->fd, out->data + out->length, most - done, rows->taken);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return error_set_errno(err, errno, "cannot read the result's file");
        if (count == 0) break;
        rows->taken += count;
        out->length += (size_t)count;
        done += (size_t)count;
    }
    out->data[out->length] = 0;
    return STATUS_OK;
}

Status parquet_rows_finish(ParquetRows *rows, Error *err) {
    ParquetWriter *writer = rows->writer;
    rows->writer = NULL;
    return parquet_writer_finish(writer, NULL, NULL, err);
}
