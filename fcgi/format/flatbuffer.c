#include "fcgi/format/flatbuffer.h"

#include <assert.h>

/* ---- writing ---------------------------------------------------------------------------------------------
 */

static size_t position(const FlatBuilder *builder) {
    return builder->out->length - builder->base;
}

static void append_zeros(FlatBuilder *builder, size_t count) {
    static const char zeros[64];
    for (; count > sizeof zeros; count -= sizeof zeros)
        strbuf_append(builder->out, zeros, sizeof zeros);
    strbuf_append(builder->out, zeros, count);
}

static void align(FlatBuilder *builder, size_t to, size_t behind) {
    append_zeros(builder, (to - (position(builder) + behind) % to) % to);
}

void flat_begin(FlatBuilder *builder, StrBuf *out) {
    *builder = (FlatBuilder){out, out->length};
    append_zeros(builder, FLAT_LINK_BYTES);
}

void flat_put(FlatBuilder *builder, size_t at, int64_t value, int width) {
    memcpy(builder->out->data + builder->base + at, &value, (size_t)width);
}

/* Wide fields first, each on a multiple of its width. */
static size_t place_fields(const uint8_t *widths, int count, uint16_t *offsets) {
    size_t end = 4;
    for (size_t width = 8; width; width /= 2)
        for (int i = 0; i < count; i++) {
            if (widths[i] != width) continue;
            end = (end + width - 1) / width * width;
            offsets[i] = (uint16_t)end;
            end += width;
        }
    return end;
}

size_t flat_table(FlatBuilder *builder, const uint8_t *widths, int count, size_t *at) {
    uint16_t fields[2 + FLAT_MAX_FIELDS] = {0};
    assert(count <= FLAT_MAX_FIELDS);
    size_t table_bytes = place_fields(widths, count, fields + 2);
    size_t fields_bytes = 4 + 2 * (size_t)count;
    fields[0] = (uint16_t)fields_bytes;
    fields[1] = (uint16_t)table_bytes;
    align(builder, 8, fields_bytes); /* so that the table behind them lies on a multiple of 8 */
    strbuf_append(builder->out, fields, fields_bytes);
    size_t table = position(builder);
    append_zeros(builder, table_bytes);
    flat_put(builder, table, (int64_t)fields_bytes, 4);
    for (int i = 0; i < count; i++)
        at[i] = table + fields[2 + i];
    return table;
}

void flat_link(FlatBuilder *builder, size_t at, size_t target) {
    flat_put(builder, at, (int64_t)(target - at), 4);
}

static size_t begin_vector(FlatBuilder *builder, uint32_t count, size_t alignment) {
    align(builder, alignment, 4);
    size_t vector = position(builder);
    strbuf_append(builder->out, &count, 4);
    return vector;
}

size_t flat_string(FlatBuilder *builder, const char *text, size_t length) {
    size_t vector = begin_vector(builder, (uint32_t)length, 4);
    strbuf_append(builder->out, text, length);
    append_zeros(builder, 1);
    return vector;
}

size_t flat_links(FlatBuilder *builder, uint32_t count) {
    size_t vector = begin_vector(builder, count, 4);
    append_zeros(builder, (size_t)count * FLAT_LINK_BYTES);
    return vector;
}

size_t flat_structs(FlatBuilder *builder, const void *structs, uint32_t count, size_t struct_bytes) {
    size_t vector = begin_vector(builder, count, 8);
    strbuf_append(builder->out, structs, count * struct_bytes);
    return vector;
}

size_t flat_end(FlatBuilder *builder) {
    align(builder, 8, 0);
    return position(builder);
}

/* ---- reading ---------------------------------------------------------------------------------------------
 */

static bool inside(FlatView *view, size_t at, size_t bytes) {
    if (at <= view->length && bytes <= view->length - at) return true;
    view->damaged = true;
    return false;
}

static uint32_t read_u32(FlatView *view, size_t at) {
    uint32_t value = 0;
    if (inside(view, at, 4)) memcpy(&value, view->bytes + at, 4);
    return value;
}

static uint16_t read_u16(FlatView *view, size_t at) {
    uint16_t value = 0;
    if (inside(view, at, 2)) memcpy(&value, view->bytes + at, 2);
    return value;
}

static FlatTable damaged_table(FlatView *view) {
    view->damaged = true;
    return (FlatTable){0};
}

static FlatTable table_at(FlatView *view, size_t at) {
    int64_t fields = (int64_t)at - (int32_t)read_u32(view, at);
    if (view->damaged || fields < 0) return damaged_table(view);
    FlatTable table = {.view = view, .at = at, .fields = (size_t)fields + 4};
    uint32_t fields_bytes = read_u16(view, (size_t)fields);
    table.bytes = read_u16(view, (size_t)fields + 2);
    if (fields_bytes < 4 || !inside(view, (size_t)fields, fields_bytes) || !inside(view, at, table.bytes))
        return damaged_table(view);
    table.field_count = (fields_bytes - 4) / 2;
    return table;
}

/* Where the link at `at` leads; forwards only, so that no two lead in a circle. */
static size_t follow(FlatView *view, size_t at) {
    uint32_t distance = read_u32(view, at);
    if (distance < 4 || distance > view->length - at) view->damaged = true;
    return view->damaged ? 0 : at + distance;
}

FlatTable flat_root(FlatView *view) {
    size_t at = follow(view, 0);
    return view->damaged ? (FlatTable){0} : table_at(view, at);
}

/* 0 = absent */
static size_t field_at(const FlatTable *table, int field, size_t width) {
    if ((uint32_t)field >= table->field_count) return 0;
    uint32_t offset = read_u16(table->view, table->fields + 2 * (size_t)field);
    if (!offset) return 0;
    if (offset < 4 || offset + width > table->bytes) {
        table->view->damaged = true;
        return 0;
    }
    return table->at + offset;
}

bool flat_has(const FlatTable *table, int field) {
    return field_at(table, field, 0) != 0;
}

int64_t flat_integer(const FlatTable *table, int field, int width, int64_t absent) {
    size_t at = field_at(table, field, (size_t)width);
    if (!at) return absent;
    int64_t value = 0;
    memcpy(&value, table->view->bytes + at, (size_t)width);
    int unused = 64 - 8 * width;
    return (int64_t)((uint64_t)value << unused) >> unused;
}

static size_t linked_at(const FlatTable *table, int field) {
    size_t at = field_at(table, field, FLAT_LINK_BYTES);
    return at ? follow(table->view, at) : 0;
}

FlatTable flat_child(const FlatTable *table, int field) {
    size_t at = linked_at(table, field);
    return at ? table_at(table->view, at) : (FlatTable){0};
}

FlatVector flat_vector(const FlatTable *table, int field, size_t element_bytes) {
    size_t at = linked_at(table, field);
    if (!at) return (FlatVector){0};
    uint32_t count = read_u32(table->view, at);
    if (!inside(table->view, at + 4, count * element_bytes)) return (FlatVector){0};
    return (FlatVector){table->view, at + 4, count};
}

const char *flat_text(const FlatTable *table, int field, size_t *length) {
    FlatVector vector = flat_vector(table, field, 1);
    *length = vector.count;
    return vector.view ? (const char *)vector.view->bytes + vector.at : NULL;
}

FlatTable flat_element(const FlatVector *links, uint32_t index) {
    size_t at = follow(links->view, links->at + index * (size_t)FLAT_LINK_BYTES);
    return links->view->damaged ? (FlatTable){0} : table_at(links->view, at);
}
