#include "fcgi/format/table_layout.h"

#include <stdlib.h>
#include <string.h>

#include "engines/base/utf8.h"

static int display_width(const char *text) {
    return (int)utf8_count(text, strlen(text));
}

void table_layout_init(TableLayout *layout, const ColumnFormat *columns, int column_count) {
    layout->column_count = column_count;
    layout->widths = calloc((size_t)column_count + 1, sizeof *layout->widths);
    layout->held = calloc(TABLE_SAMPLE_ROWS, sizeof *layout->held);
    for (int i = 0; i < column_count; i++)
        layout->widths[i] = display_width(columns[i].name);
}

void table_layout_deinit(TableLayout *layout) {
    for (int i = 0; i < layout->held_count; i++)
        strbuf_deinit(&layout->held[i]);
    free(layout->held);
    free(layout->widths);
}

static bool aligns_right(const ColumnFormat *column) {
    return column->shape == SHAPE_NUMBER || column->shape == SHAPE_FLOAT;
}

static void append_padding(StrBuf *out, int count, char c) {
    for (; count > 0; count--)
        strbuf_append_char(out, c);
}

static void append_cell(StrBuf *out, const char *text, int width, bool right) {
    int padding = width - display_width(text);
    strbuf_append_char(out, ' ');
    if (right) append_padding(out, padding, ' ');
    strbuf_append_text(out, text);
    if (!right) append_padding(out, padding, ' ');
    strbuf_append_char(out, ' ');
}

static void append_cells(TableLayout *layout, const ColumnFormat *columns, const StrBuf *cells, StrBuf *out) {
    const char *cell = strbuf_text(cells);
    for (int i = 0; i < layout->column_count; i++) {
        if (i) strbuf_append_char(out, '|');
        append_cell(out, cell, layout->widths[i], aligns_right(&columns[i]));
        cell += strlen(cell) + 1;
    }
    strbuf_append_char(out, '\n');
}

static void start_flowing(TableLayout *layout, const ColumnFormat *columns, StrBuf *out) {
    layout->flowing = true;
    for (int i = 0; i < layout->column_count; i++) {
        if (i) strbuf_append_char(out, '|');
        append_cell(out, columns[i].name, layout->widths[i], false);
    }
    strbuf_append_char(out, '\n');
    for (int i = 0; i < layout->column_count; i++) {
        if (i) strbuf_append_char(out, '+');
        append_padding(out, layout->widths[i] + 2, '-');
    }
    strbuf_append_char(out, '\n');
    for (int i = 0; i < layout->held_count; i++)
        append_cells(layout, columns, &layout->held[i], out);
}

static void read_cells(const TableLayout *layout, const ColumnFormat *columns, const ArrowArray *batch,
                       int64_t row, StrBuf *cells) {
    for (int i = 0; i < layout->column_count; i++) {
        const ArrowArray *array = batch->children[i];
        size_t start = cells->length;
        int64_t at = row + batch->offset;
        if (columns[i].layout != 'n' && !array_is_null(array, at)) {
            if (columns[i].shape == SHAPE_LIST || columns[i].shape == SHAPE_STRUCT)
                append_nested_text(cells, &columns[i], array, at);
            else
                append_value_text(cells, &columns[i], array, at);
        }
        for (size_t j = start; j < cells->length; j++)
            if ((unsigned char)cells->data[j] < 0x20) cells->data[j] = ' ';
        strbuf_append_char(cells, 0);
    }
}

void table_layout_row(TableLayout *layout, const ColumnFormat *columns, const ArrowArray *batch, int64_t row,
                      StrBuf *out) {
    StrBuf cells;
    strbuf_init(&cells);
    read_cells(layout, columns, batch, row, &cells);
    if (layout->flowing) {
        append_cells(layout, columns, &cells, out);
        strbuf_deinit(&cells);
        return;
    }
    const char *cell = strbuf_text(&cells);
    for (int i = 0; i < layout->column_count; i++, cell += strlen(cell) + 1)
        if (display_width(cell) > layout->widths[i]) layout->widths[i] = display_width(cell);
    layout->held[layout->held_count++] = cells;
    if (layout->held_count == TABLE_SAMPLE_ROWS) start_flowing(layout, columns, out);
}

void table_layout_end(TableLayout *layout, const ColumnFormat *columns, int64_t row_count, StrBuf *out) {
    if (!layout->flowing && layout->column_count) start_flowing(layout, columns, out);
    if (layout->column_count)
        strbuf_printf(out, "(%lld row%s)\n", (long long)row_count, row_count == 1 ? "" : "s");
}
