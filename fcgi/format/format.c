#include "fcgi/format/format.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/arrow_text.h"
#include "engines/base/utf8.h"
#include "engines/columnar/parquet_rows.h"
#include "fcgi/format/row_json.h"
#include "fcgi/format/table_layout.h"

struct RowLayout {
    _Atomic int references;
    Arena arena;
    RowFormat format;
    ArrowSchema schema;
    ColumnFormat *columns;
    const char **names; /* of which no two are the same */
    StrBuf *keys;       /* JSON: `"name":` per column, escaped once */
    StrBuf head;
    int column_count;
};

struct RowWriter {
    RowLayout *layout;
    RowFormatOptions options;
    int64_t row_count;
    bool truncated;
    TableLayout table;
    ArrowIpcWriter *arrow; /* NULL once ended */
    ParquetRows *parquet;
};

enum { PIECE_BYTES = 1 << 20 };

static const struct {
    const char *name;
    const char *content_type;
} formats[] = {
    [ROWFORMAT_JSON] = {"json", "application/json"},
    [ROWFORMAT_COMPACT] = {"compact", "application/vnd.signalbox.compact+json"},
    [ROWFORMAT_CSV] = {"csv", "text/csv; charset=utf-8"},
    [ROWFORMAT_NDJSON] = {"ndjson", "application/x-ndjson"},
    [ROWFORMAT_ARROW] = {"arrow", "application/vnd.apache.arrow.stream"},
    [ROWFORMAT_ARROW_FILE] = {"arrowfile", "application/vnd.apache.arrow.file"},
    [ROWFORMAT_PARQUET] = {"parquet", "application/vnd.apache.parquet"},
    [ROWFORMAT_TABLE] = {"table", "text/plain; charset=utf-8"},
};

bool rowformat_from_name(const char *name, RowFormat *out) {
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(name, formats[i].name)) continue;
        *out = (RowFormat)i;
        return true;
    }
    return false;
}

const char *rowformat_content_type(RowFormat format) {
    return formats[format].content_type;
}

bool rowformat_blocks(RowFormat format) {
    return format == ROWFORMAT_PARQUET;
}

static bool is_arrow(RowFormat format) {
    return format == ROWFORMAT_ARROW || format == ROWFORMAT_ARROW_FILE;
}

/* ---- heads
 * ---------------------------------------------------------------------------------------------------------
 */

/* Types in answers carry no modifiers: "numeric", not "numeric(10,2)". */
static void append_type_name(StrBuf *buf, const ArrowSchema *column) {
    const char *declared;
    char scratch[SQLTYPE_NAME_BYTES];
    SqlType type = arrow_schema_sqltype(column, &declared);
    const char *name = type.id == SQL_OTHER && declared ? declared : sqltype_short_name(type, scratch);
    strbuf_append_json(buf, name, strlen(name));
}

static void append_json_head(RowLayout *layout) {
    StrBuf *buf = &layout->head;
    strbuf_append_text(buf, "{\"columns\":[");
    for (int i = 0; i < layout->column_count; i++) {
        strbuf_append_text(buf, i ? ",{\"name\":" : "{\"name\":");
        strbuf_append_json(buf, layout->columns[i].name, strlen(layout->columns[i].name));
        strbuf_append_text(buf, ",\"type\":");
        append_type_name(buf, layout->schema.children[i]);
        strbuf_append_char(buf, '}');
    }
    strbuf_append_text(buf, "],\"data\":[");
}

static void append_csv_field(StrBuf *buf, const char *text, size_t length, bool force_quotes) {
    bool quote = force_quotes;
    for (size_t i = 0; i < length && !quote; i++)
        quote = text[i] == ',' || text[i] == '"' || text[i] == '\n' || text[i] == '\r';
    if (!quote && length && text[0] != ' ' && text[length - 1] != ' ') {
        strbuf_append(buf, text, length);
        return;
    }
    strbuf_append_char(buf, '"');
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"') strbuf_append_char(buf, '"');
        strbuf_append_char(buf, text[i]);
    }
    strbuf_append_char(buf, '"');
}

static void append_csv_head(RowLayout *layout) {
    StrBuf *buf = &layout->head;
    for (int i = 0; i < layout->column_count; i++) {
        if (i) strbuf_append_char(buf, ',');
        append_csv_field(buf, layout->columns[i].name, strlen(layout->columns[i].name), false);
    }
    if (layout->column_count) strbuf_append_text(buf, "\r\n");
}

static bool is_taken(const RowLayout *layout, const char *const *given, int count, const char *key) {
    for (int i = 0; i < count; i++)
        if (!strcmp(given[i], key)) return true;
    for (int i = count + 1; i < layout->column_count; i++)
        if (!strcmp(layout->columns[i].name, key)) return true;
    return false;
}

/* Rows are objects: of two columns with one name the later would hide the former, so it gets a suffix no
 * other has. */
static void make_names(RowLayout *layout) {
    const char **given = ARENA_NEW_ARRAY(&layout->arena, const char *, layout->column_count + 1);
    int *suffixes = ARENA_NEW_ARRAY(&layout->arena, int, layout->column_count + 1); /* 0 = none */
    layout->names = given;
    for (int i = 0; i < layout->column_count; i++) {
        const char *name = layout->columns[i].name;
        int before = i - 1;
        while (before >= 0 && strcmp(layout->columns[before].name, name) != 0)
            before--;
        bool seen = before >= 0;
        /* Those up to the one before it are taken: a thousand columns of one name do not try them again. */
        int suffix = seen && suffixes[before] ? suffixes[before] + 1 : 2;
        given[i] = name;
        for (; seen && suffix < layout->column_count + 2; suffix++) {
            given[i] = arena_printf(&layout->arena, "%s_%d", name, suffix);
            suffixes[i] = suffix;
            seen = is_taken(layout, given, i, given[i]);
        }
    }
}

static void make_keys(RowLayout *layout) {
    layout->keys = ARENA_NEW_ARRAY(&layout->arena, StrBuf, layout->column_count + 1);
    for (int i = 0; i < layout->column_count; i++) {
        strbuf_append_json(&layout->keys[i], layout->names[i], strlen(layout->names[i]));
        strbuf_append_char(&layout->keys[i], ':');
    }
}

Status rowlayout_create(const ArrowSchema *schema, RowFormat format, RowLayout **out, Error *err) {
    RowLayout *layout = calloc(1, sizeof *layout);
    if (!layout) abort();
    atomic_init(&layout->references, 1);
    arena_init(&layout->arena);
    strbuf_init(&layout->head);
    arrow_schema_copy(schema, &layout->schema);
    layout->format = format;
    layout->column_count = (int)schema->n_children;
    layout->columns = ARENA_NEW_ARRAY(&layout->arena, ColumnFormat, layout->column_count + 1);
    for (int i = 0; i < layout->column_count; i++) {
        const ArrowSchema *column = layout->schema.children[i];
        if (column_format_init(&layout->columns[i], column, &layout->arena, err) == STATUS_OK) continue;
        rowlayout_release(layout);
        return STATUS_ERROR;
    }
    if (format == ROWFORMAT_JSON || format == ROWFORMAT_NDJSON || format == ROWFORMAT_PARQUET)
        make_names(layout);
    if (format == ROWFORMAT_JSON || format == ROWFORMAT_NDJSON) make_keys(layout);
    if (format == ROWFORMAT_JSON || format == ROWFORMAT_COMPACT)
        append_json_head(layout);
    else if (format == ROWFORMAT_CSV)
        append_csv_head(layout);
    *out = layout;
    return STATUS_OK;
}

void rowlayout_release(RowLayout *layout) {
    if (atomic_fetch_sub(&layout->references, 1) != 1) return;
    for (int i = 0; layout->keys && i < layout->column_count; i++)
        strbuf_deinit(&layout->keys[i]);
    strbuf_deinit(&layout->head);
    arrow_schema_release(&layout->schema);
    arena_deinit(&layout->arena);
    free(layout);
}

static Status begin_binary(RowWriter *writer, StrBuf *buf, Error *err) {
    const RowLayout *layout = writer->layout;
    const char *directory = writer->options.spool_directory;
    if (layout->format == ROWFORMAT_PARQUET)
        return parquet_rows_open(directory ? directory : "/tmp", &layout->schema, layout->names,
                                 &writer->parquet, err);
    ArrowIpcOptions options = {.file = layout->format == ROWFORMAT_ARROW_FILE,
                               .compression = writer->options.compression};
    return arrow_ipc_begin(&layout->schema, &options, &writer->arrow, buf, err);
}

Status rowformat_begin_as(RowLayout *layout, const RowFormatOptions *options, RowWriter **out, StrBuf *buf,
                          Error *err) {
    RowWriter *writer = calloc(1, sizeof *writer);
    if (!writer) abort();
    atomic_fetch_add(&layout->references, 1);
    writer->layout = layout;
    writer->options = *options;
    strbuf_append(buf, strbuf_text(&layout->head), layout->head.length);
    if (layout->format == ROWFORMAT_TABLE)
        table_layout_init(&writer->table, layout->columns, layout->column_count);
    if ((is_arrow(layout->format) || layout->format == ROWFORMAT_PARQUET) &&
        begin_binary(writer, buf, err) != STATUS_OK) {
        rowformat_close(writer);
        return STATUS_ERROR;
    }
    *out = writer;
    return STATUS_OK;
}

Status rowformat_begin(const ArrowSchema *schema, const RowFormatOptions *options, RowWriter **out,
                       StrBuf *buf, Error *err) {
    RowLayout *layout;
    TRY(rowlayout_create(schema, options->format, &layout, err));
    Status status = rowformat_begin_as(layout, options, out, buf, err);
    rowlayout_release(layout);
    return status;
}

/* ---- rows
 * ---------------------------------------------------------------------------------------------------------
 */

static void append_object(RowWriter *writer, const ArrowArray *batch, int64_t row, StrBuf *buf) {
    strbuf_append_char(buf, '{');
    for (int i = 0; i < writer->layout->column_count; i++) {
        if (i) strbuf_append_char(buf, ',');
        strbuf_append(buf, writer->layout->keys[i].data, writer->layout->keys[i].length);
        append_value_json(buf, &writer->layout->columns[i], batch->children[i], row + batch->offset,
                          writer->options.big_numbers_as_strings);
    }
    strbuf_append_char(buf, '}');
}

static void append_compact(RowWriter *writer, const ArrowArray *batch, int64_t row, StrBuf *buf) {
    strbuf_append_char(buf, '[');
    for (int i = 0; i < writer->layout->column_count; i++) {
        if (i) strbuf_append_char(buf, ',');
        append_value_json(buf, &writer->layout->columns[i], batch->children[i], row + batch->offset,
                          writer->options.big_numbers_as_strings);
    }
    strbuf_append_char(buf, ']');
}

/* NULL is an empty field, the empty string "". */
static void append_csv_row(RowWriter *writer, const ArrowArray *batch, int64_t row, StrBuf *buf) {
    StrBuf text;
    strbuf_init(&text);
    for (int i = 0; i < writer->layout->column_count; i++) {
        const ColumnFormat *column = &writer->layout->columns[i];
        if (i) strbuf_append_char(buf, ',');
        if (column->layout == 'n' || array_is_null(batch->children[i], row + batch->offset)) continue;
        strbuf_reset(&text);
        if (column->shape == SHAPE_LIST || column->shape == SHAPE_STRUCT)
            append_nested_text(&text, column, batch->children[i], row + batch->offset);
        else
            append_value_text(&text, column, batch->children[i], row + batch->offset);
        append_csv_field(buf, strbuf_text(&text), text.length, text.length == 0);
    }
    strbuf_append_text(buf, "\r\n");
    strbuf_deinit(&text);
}

static void append_row(RowWriter *writer, const ArrowArray *batch, int64_t row, StrBuf *buf) {
    switch (writer->layout->format) {
    case ROWFORMAT_JSON:
        strbuf_append_text(buf, writer->row_count ? ",\n" : "\n");
        append_object(writer, batch, row, buf);
        break;
    case ROWFORMAT_COMPACT:
        strbuf_append_text(buf, writer->row_count ? ",\n" : "\n");
        append_compact(writer, batch, row, buf);
        break;
    case ROWFORMAT_NDJSON:
        append_object(writer, batch, row, buf);
        strbuf_append_char(buf, '\n');
        break;
    case ROWFORMAT_CSV: append_csv_row(writer, batch, row, buf); break;
    case ROWFORMAT_TABLE: table_layout_row(&writer->table, writer->layout->columns, batch, row, buf); break;
    case ROWFORMAT_ARROW:
    case ROWFORMAT_ARROW_FILE:
    case ROWFORMAT_PARQUET: break; /* whole batches */
    }
}

Status rowformat_batch(RowWriter *writer, const ArrowArray *batch, StrBuf *buf, Error *err) {
    if (batch->n_children != writer->layout->column_count)
        return error_set(err, SQLSTATE_INTERNAL, "a batch has %lld columns where %d were announced",
                         (long long)batch->n_children, writer->layout->column_count);
    int64_t count = batch->length, left = writer->options.max_rows - writer->row_count;
    if (writer->options.max_rows && count > left) {
        count = left;
        writer->truncated = true;
    }
    if (writer->arrow) {
        if (count > 0) TRY(arrow_ipc_batch(writer->arrow, batch, 0, count, buf, err));
    } else if (writer->parquet) {
        TRY(parquet_rows_append(writer->parquet, batch, 0, count, err));
        TRY(rowformat_more(writer, buf, err));
    } else {
        for (int64_t row = 0; row < count; row++) {
            append_row(writer, batch, row, buf);
            writer->row_count++;
        }
        return STATUS_OK;
    }
    writer->row_count += count;
    return STATUS_OK;
}

Status rowformat_more(RowWriter *writer, StrBuf *buf, Error *err) {
    return writer->parquet ? parquet_rows_take(writer->parquet, PIECE_BYTES, buf, err) : STATUS_OK;
}

int64_t rowformat_row_count(const RowWriter *writer) {
    return writer->row_count;
}
bool rowformat_truncated(const RowWriter *writer) {
    return writer->truncated;
}

static void append_json_tail(const RowWriter *writer, const char *tail_members, StrBuf *buf) {
    strbuf_append_text(buf, writer->row_count ? "\n],\"row_count\":" : "],\"row_count\":");
    strbuf_append_i64(buf, writer->row_count);
    strbuf_append_text(buf, writer->truncated ? ",\"truncated\":true" : ",\"truncated\":false");
    if (tail_members && tail_members[0]) {
        strbuf_append_char(buf, ',');
        strbuf_append_text(buf, tail_members);
    }
    strbuf_append_text(buf, "}\n");
}

Status rowformat_end(RowWriter *writer, const char *tail_members, StrBuf *buf, Error *err) {
    RowFormat format = writer->layout->format;
    if (format == ROWFORMAT_JSON || format == ROWFORMAT_COMPACT) append_json_tail(writer, tail_members, buf);
    if (format == ROWFORMAT_TABLE)
        table_layout_end(&writer->table, writer->layout->columns, writer->row_count, buf);
    if (writer->arrow) arrow_ipc_end(writer->arrow, buf);
    writer->arrow = NULL;
    if (!writer->parquet) return STATUS_OK;
    TRY(parquet_rows_finish(writer->parquet, err));
    return rowformat_more(writer, buf, err);
}

void rowformat_close(RowWriter *writer) {
    if (writer->layout->format == ROWFORMAT_TABLE) table_layout_deinit(&writer->table);
    if (writer->arrow) arrow_ipc_abandon(writer->arrow);
    if (writer->parquet) parquet_rows_close(writer->parquet);
    rowlayout_release(writer->layout);
    free(writer);
}
