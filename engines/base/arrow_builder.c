#include "engines/base/arrow_builder.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/bitmap.h"
#include "engines/base/strbuf.h"

typedef enum Layout { LAYOUT_BOOL, LAYOUT_FIXED, LAYOUT_BYTES, LAYOUT_LIST } Layout;

struct ArrowColumn {
    SqlType type;
    Layout layout;
    int width; /* LAYOUT_FIXED */
    int64_t length;
    int64_t null_count;
    StrBuf validity; /* bits */
    StrBuf values;   /* fixed values, bool bits, or bytes */
    StrBuf offsets;  /* int32, LAYOUT_BYTES and LAYOUT_LIST */
    ArrowColumn *child;
    bool *grew; /* of the builder: a large value came, its size must be seen at the end of this row */
};

/* Every so many rows the builder's size is added up; at once after a value this large. */
enum { ROWS_PER_COUNT = 16, LARGE_VALUE_BYTES = 4096 };

static void layout_of(ArrowColumn *column) {
    char scratch[32];
    const char *format = arrow_format_of(column->type, scratch);
    column->layout = LAYOUT_FIXED;
    switch (format[0]) {
    case 'b': column->layout = LAYOUT_BOOL; return;
    case 's': column->width = 2; return;
    case 'i':
    case 'I':
    case 'f': column->width = 4; return;
    case 'l':
    case 'g': column->width = 8; return;
    case 'd': column->width = 16; return;
    case 't': column->width = !strcmp(format, "tdD") ? 4 : !strcmp(format, "tin") ? 16 : 8; return;
    case '+': column->layout = LAYOUT_LIST; return;
    default: column->layout = LAYOUT_BYTES;
    }
}

static void start_offsets(ArrowColumn *column) {
    if (column->layout == LAYOUT_BYTES || column->layout == LAYOUT_LIST)
        strbuf_append(&column->offsets, &(int32_t){0}, 4);
}

static void column_init(ArrowColumn *column, SqlType type, bool *grew) {
    memset(column, 0, sizeof *column);
    column->type = type;
    column->grew = grew;
    layout_of(column);
    if (column->layout == LAYOUT_LIST) {
        SqlType element = type;
        element.is_array = false;
        column->child = malloc(sizeof *column->child);
        column_init(column->child, element, grew);
    }
    start_offsets(column);
}

static void column_reset(ArrowColumn *column) {
    strbuf_reset(&column->validity);
    strbuf_reset(&column->values);
    strbuf_reset(&column->offsets);
    column->length = column->null_count = 0;
    start_offsets(column);
    if (column->child) column_reset(column->child);
}

static void column_deinit(ArrowColumn *column) {
    strbuf_deinit(&column->validity);
    strbuf_deinit(&column->values);
    strbuf_deinit(&column->offsets);
    if (column->child) {
        column_deinit(column->child);
        free(column->child);
    }
}

void arrow_builder_init(ArrowBuilder *builder, const ArrowColumnSpec *columns, int column_count) {
    memset(builder, 0, sizeof *builder);
    builder->column_count = column_count;
    builder->columns = calloc((size_t)column_count + 1, sizeof *builder->columns);
    builder->grew = calloc(1, sizeof *builder->grew); /* of its own: builders are moved */
    for (int i = 0; i < column_count; i++)
        column_init(&builder->columns[i], columns[i].type, builder->grew);
}

void arrow_builder_deinit(ArrowBuilder *builder) {
    for (int i = 0; i < builder->column_count; i++)
        column_deinit(&builder->columns[i]);
    free(builder->columns);
    free(builder->grew);
    free(builder->view);
    memset(builder, 0, sizeof *builder);
}

ArrowColumn *arrow_builder_column(ArrowBuilder *builder, int index) {
    return &builder->columns[index];
}

void arrow_builder_end_row(ArrowBuilder *builder) {
    builder->row_count++;
    for (int i = 0; i < builder->column_count; i++)
        assert(builder->columns[i].length == builder->row_count);
    if (builder->row_count % ROWS_PER_COUNT && !*builder->grew) return;
    *builder->grew = false;
    builder->approx_bytes = 0;
    for (int i = 0; i < builder->column_count; i++) {
        const ArrowColumn *column = &builder->columns[i];
        builder->approx_bytes += (int64_t)(column->values.length + column->offsets.length);
        if (column->child) builder->approx_bytes += (int64_t)column->child->values.length;
    }
}

/* ---- appending
 * ------------------------------------------------------------------------------------------------- */

static void push_bit(StrBuf *bits, int64_t index, bool value) {
    if ((index & 63) == 0) strbuf_append(bits, &(uint64_t){0}, 8);
    if (value) bits->data[index >> 3] |= (char)(1 << (index & 7));
}

static void push_offset(ArrowColumn *column, size_t end) {
    int32_t offset = (int32_t)end;
    strbuf_append(&column->offsets, &offset, 4);
}

/* The validity of the value just appended; counts it. */
static void push_valid(ArrowColumn *column) {
    push_bit(&column->validity, column->length++, true);
}

void arrow_append_null(ArrowColumn *column) {
    static const char zeros[16];
    switch (column->layout) {
    case LAYOUT_BOOL: push_bit(&column->values, column->length, false); break;
    case LAYOUT_FIXED: strbuf_append(&column->values, zeros, (size_t)column->width); break;
    case LAYOUT_BYTES: push_offset(column, column->values.length); break;
    case LAYOUT_LIST: push_offset(column, (size_t)column->child->length); break;
    }
    column->null_count++;
    push_bit(&column->validity, column->length++, false);
}

void arrow_append_bool(ArrowColumn *column, bool value) {
    assert(column->layout == LAYOUT_BOOL);
    push_bit(&column->values, column->length, value);
    push_valid(column);
}

void arrow_append_int(ArrowColumn *column, int64_t value) {
    assert(column->layout == LAYOUT_FIXED && column->width <= 8);
    strbuf_append(&column->values, &value, (size_t)column->width); /* little-endian: the low bytes */
    push_valid(column);
}

void arrow_append_float(ArrowColumn *column, double value) {
    assert(column->layout == LAYOUT_FIXED);
    float narrow = (float)value;
    strbuf_append(&column->values, column->width == 4 ? (const void *)&narrow : (const void *)&value,
                  (size_t)column->width);
    push_valid(column);
}

void arrow_append_interval(ArrowColumn *column, int32_t months, int32_t days, int64_t nanoseconds) {
    assert(column->layout == LAYOUT_FIXED && column->width == 16);
    strbuf_append(&column->values, &months, 4);
    strbuf_append(&column->values, &days, 4);
    strbuf_append(&column->values, &nanoseconds, 8);
    push_valid(column);
}

void arrow_append_decimal(ArrowColumn *column, __int128 unscaled) {
    assert(column->layout == LAYOUT_FIXED && column->width == 16);
    strbuf_append(&column->values, &unscaled, 16);
    push_valid(column);
}

void arrow_append_bytes(ArrowColumn *column, const void *data, size_t length) {
    assert(column->layout == LAYOUT_BYTES);
    strbuf_append(&column->values, data, length);
    if (length >= LARGE_VALUE_BYTES) *column->grew = true;
    push_offset(column, column->values.length);
    push_valid(column);
}

ArrowColumn *arrow_list_child(ArrowColumn *column) {
    return column->child;
}

void arrow_append_list_end(ArrowColumn *column) {
    assert(column->layout == LAYOUT_LIST);
    push_offset(column, (size_t)column->child->length);
    push_valid(column);
}

void arrow_builder_reset(ArrowBuilder *builder) {
    for (int i = 0; i < builder->column_count; i++)
        column_reset(&builder->columns[i]);
    builder->row_count = 0;
    builder->approx_bytes = 0;
}

/* ---- finishing
 * ------------------------------------------------------------------------------------------------- */

static void release_array(ArrowArray *array) {
    for (int64_t i = 0; i < array->n_buffers; i++)
        free((void *)array->buffers[i]);
    free(array->buffers);
    for (int64_t i = 0; i < array->n_children; i++) {
        arrow_array_release(array->children[i]);
        free(array->children[i]);
    }
    free(array->children);
    array->release = NULL;
}

static void array_init(ArrowArray *out, int64_t length, int buffer_count, int child_count) {
    memset(out, 0, sizeof *out);
    out->length = length;
    out->n_buffers = buffer_count;
    out->buffers = calloc((size_t)buffer_count, sizeof *out->buffers);
    out->n_children = child_count;
    out->release = release_array;
    if (!child_count) return;
    out->children = calloc((size_t)child_count, sizeof *out->children);
    for (int i = 0; i < child_count; i++)
        out->children[i] = calloc(1, sizeof **out->children);
}

static bool has_offsets(const ArrowColumn *column) {
    return column->layout == LAYOUT_BYTES || column->layout == LAYOUT_LIST;
}

static int buffer_count(const ArrowColumn *column) {
    return column->layout == LAYOUT_BYTES ? 3 : 2;
}

static void column_finish(ArrowColumn *column, ArrowArray *out) {
    array_init(out, column->length, buffer_count(column), column->child ? 1 : 0);
    out->null_count = column->null_count;
    if (column->null_count)
        out->buffers[0] = strbuf_release(&column->validity);
    else
        strbuf_reset(&column->validity);
    if (has_offsets(column)) out->buffers[1] = strbuf_release(&column->offsets);
    if (column->layout != LAYOUT_LIST) out->buffers[out->n_buffers - 1] = strbuf_release(&column->values);
    if (column->child && out->children) column_finish(column->child, out->children[0]);
    column->length = column->null_count = 0;
    start_offsets(column);
}

/* ---- finishing a small batch: a lookup's one row
 * --------------------------------------------------------------
 *
 * All of it is copied into one block, and the builder keeps its buffers. As with schemas every array holds a
 * reference to the block, so that a consumer may move a column out. */

enum { SMALL_BATCH_BYTES = 16 << 10, BUFFER_ALIGNMENT = 16 };

typedef struct SmallBatch {
    _Atomic int references;
} SmallBatch;

typedef struct SmallBatchSize {
    int arrays; /* below the root */
    int pointers;
    size_t buffer_bytes;
} SmallBatchSize;

typedef struct SmallBatchWriter {
    SmallBatch *batch; /* NULL = the arrays look into the builder's buffers */
    ArrowArray *arrays;
    void **pointers;
    char *buffers;
} SmallBatchWriter;

static size_t aligned(size_t bytes) {
    return (bytes + BUFFER_ALIGNMENT - 1) & ~(size_t)(BUFFER_ALIGNMENT - 1);
}

static void add_size(const ArrowColumn *column, SmallBatchSize *size) {
    size->arrays++;
    size->pointers += buffer_count(column) + (column->child != NULL);
    size->buffer_bytes += aligned(column->values.length) + aligned(column->offsets.length);
    if (column->null_count) size->buffer_bytes += aligned(column->validity.length);
    if (column->child) add_size(column->child, size);
}

static int mark_released(ArrowArray *array) {
    int count = 1;
    for (int64_t i = 0; i < array->n_children; i++)
        if (array->children[i]->release) count += mark_released(array->children[i]);
    array->release = NULL;
    return count;
}

static void release_small(ArrowArray *array) {
    SmallBatch *batch = array->private_data;
    int count = mark_released(array);
    if (atomic_fetch_sub(&batch->references, count) == count) free(batch);
}

static void keep_view(ArrowArray *array) {}

static void **take_pointers(SmallBatchWriter *writer, int64_t count) {
    void **pointers = writer->pointers;
    writer->pointers += count;
    return pointers;
}

static const void *put_buffer(SmallBatchWriter *writer, const StrBuf *buffer) {
    if (!writer->batch) return strbuf_text(buffer);
    char *at = writer->buffers;
    if (buffer->length) memcpy(at, buffer->data, buffer->length);
    writer->buffers += aligned(buffer->length);
    return at;
}

static void column_put(const ArrowColumn *column, SmallBatchWriter *writer, ArrowArray *out) {
    *out = (ArrowArray){.length = column->length,
                        .null_count = column->null_count,
                        .n_buffers = buffer_count(column),
                        .n_children = column->child != NULL,
                        .release = writer->batch ? release_small : keep_view,
                        .private_data = writer->batch};
    out->buffers = (const void **)take_pointers(writer, out->n_buffers);
    out->buffers[0] = column->null_count ? put_buffer(writer, &column->validity) : NULL;
    if (has_offsets(column)) out->buffers[1] = put_buffer(writer, &column->offsets);
    if (column->layout != LAYOUT_LIST) out->buffers[out->n_buffers - 1] = put_buffer(writer, &column->values);
    if (!column->child) return;
    out->children = (ArrowArray **)take_pointers(writer, 1);
    out->children[0] = writer->arrays++;
    column_put(column->child, writer, out->children[0]);
}

static void put_root(ArrowBuilder *builder, SmallBatchWriter *writer, ArrowArray *out) {
    *out = (ArrowArray){.length = builder->row_count,
                        .n_buffers = 1,
                        .n_children = builder->column_count,
                        .release = writer->batch ? release_small : keep_view,
                        .private_data = writer->batch};
    out->buffers = (const void **)take_pointers(writer, 1);
    out->buffers[0] = NULL;
    out->children = (ArrowArray **)take_pointers(writer, builder->column_count);
    for (int i = 0; i < builder->column_count; i++) {
        out->children[i] = writer->arrays++;
        column_put(&builder->columns[i], writer, out->children[i]);
    }
}

static bool finish_small(ArrowBuilder *builder, ArrowArray *out) {
    SmallBatchSize size = {.pointers = 1 + builder->column_count};
    for (int i = 0; i < builder->column_count; i++)
        add_size(&builder->columns[i], &size);
    if (size.buffer_bytes > SMALL_BATCH_BYTES) return false;
    size_t head = aligned(sizeof(SmallBatch)), arrays = sizeof(ArrowArray) * (size_t)size.arrays;
    size_t pointers = aligned(arrays + sizeof(void *) * (size_t)size.pointers) - arrays;
    char *block = malloc(head + arrays + pointers + size.buffer_bytes);
    if (!block) abort();
    SmallBatchWriter writer = {.batch = (SmallBatch *)block,
                               .arrays = (ArrowArray *)(block + head),
                               .pointers = (void **)(block + head + arrays),
                               .buffers = block + head + arrays + pointers};
    atomic_init(&writer.batch->references, size.arrays + 1);
    put_root(builder, &writer, out);
    arrow_builder_reset(builder);
    return true;
}

void arrow_builder_finish(ArrowBuilder *builder, ArrowArray *out) {
    if (finish_small(builder, out)) return;
    array_init(out, builder->row_count, 1, builder->column_count);
    for (int i = 0; i < builder->column_count && out->children; i++)
        column_finish(&builder->columns[i], out->children[i]);
    builder->row_count = 0;
    builder->approx_bytes = 0;
}

/* ---- a view
 * ---------------------------------------------------------------------------------------------------- */

/* Then the arrays, then their pointers: as many as the columns need, whatever their rows. */
struct ArrowBuilderView {
    ArrowArray root;
    int arrays;
};

static struct ArrowBuilderView *view_create(const ArrowBuilder *builder) {
    SmallBatchSize size = {.pointers = 1 + builder->column_count};
    for (int i = 0; i < builder->column_count; i++)
        add_size(&builder->columns[i], &size);
    struct ArrowBuilderView *view = malloc(aligned(sizeof *view) + sizeof(ArrowArray) * (size_t)size.arrays +
                                           sizeof(void *) * (size_t)size.pointers);
    if (!view) abort();
    view->arrays = size.arrays;
    return view;
}

const ArrowArray *arrow_builder_view(ArrowBuilder *builder) {
    if (!builder->view) builder->view = view_create(builder);
    ArrowArray *arrays = (ArrowArray *)((char *)builder->view + aligned(sizeof *builder->view));
    SmallBatchWriter writer = {.arrays = arrays, .pointers = (void **)(arrays + builder->view->arrays)};
    put_root(builder, &writer, &builder->view->root);
    return &builder->view->root;
}
