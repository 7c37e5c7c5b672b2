#include "engines/columnar/parquet/parquet_variant.h"

#include <stdlib.h>
#include <string.h>

#include "engines/columnar/parquet/parquet_entries.h"
#include "engines/columnar/parquet/parquet_nested.h"

enum { BASIC_PRIMITIVE, BASIC_SHORT_STRING, BASIC_OBJECT, BASIC_ARRAY };
enum { VARIANT_MAX_DEPTH = 128, VARIANT_VERSION = 1 };

typedef struct VariantPrinter {
    VariantBytes metadata;
    const char *path;
    size_t largest;
    StrBuf *out;
    Error *err;
} VariantPrinter;

static Status put(const VariantPrinter *printer, VariantBytes value, int depth);

/* Takes `length` bytes off the front. */
static bool take(VariantBytes *from, size_t length, VariantBytes *out) {
    if (length > from->length) return false;
    *out = (VariantBytes){from->data, length};
    from->data += length;
    from->length -= length;
    return true;
}

static uint32_t number_at(VariantBytes numbers, uint32_t index, int width) {
    uint32_t value = 0;
    memcpy(&value, numbers.data + (size_t)index * (size_t)width, (size_t)width);
    return value;
}

static bool take_number(VariantBytes *from, int width, uint32_t *out) {
    VariantBytes bytes;
    if (!take(from, (size_t)width, &bytes)) return false;
    *out = number_at(bytes, 0, width);
    return true;
}

/* Name `id` of the dictionary that all keys of a value are in. */
static bool key_of(VariantBytes metadata, uint32_t id, StringView *out) {
    VariantBytes header, offsets;
    uint32_t count;
    if (!take(&metadata, 1, &header) || (header.data[0] & 15) != VARIANT_VERSION) return false;
    int width = (header.data[0] >> 6) + 1;
    if (!take_number(&metadata, width, &count) || id >= count ||
        !take(&metadata, ((size_t)count + 1) * (size_t)width, &offsets))
        return false;
    uint32_t from = number_at(offsets, id, width), to = number_at(offsets, id + 1, width);
    if (from > to || to > metadata.length) return false;
    *out = stringview_make((const char *)metadata.data + from, to - from);
    return true;
}

bool variant_is_object(VariantBytes value) {
    return value.length > 0 && (value.data[0] & 3) == BASIC_OBJECT;
}

bool variant_open_object(VariantBytes metadata, VariantBytes value, VariantObject *out) {
    VariantBytes header;
    if (!variant_is_object(value) || !take(&value, 1, &header)) return false;
    int bits = header.data[0] >> 2;
    *out = (VariantObject){
        .metadata = metadata, .offset_bytes = (bits & 3) + 1, .id_bytes = (bits >> 2 & 3) + 1};
    if (!take_number(&value, bits >> 4 & 1 ? 4 : 1, &out->count) ||
        !take(&value, (size_t)out->count * (size_t)out->id_bytes, &out->ids) ||
        !take(&value, ((size_t)out->count + 1) * (size_t)out->offset_bytes, &out->offsets))
        return false;
    out->values = value;
    return true;
}

bool variant_object_member(const VariantObject *object, uint32_t index, StringView *key,
                           VariantBytes *value) {
    /* Members need not stand in the order of their names, so a value ends where its own bytes say. */
    uint32_t from = number_at(object->offsets, index, object->offset_bytes);
    if (from >= object->values.length) return false;
    *value = (VariantBytes){object->values.data + from, object->values.length - from};
    return key_of(object->metadata, number_at(object->ids, index, object->id_bytes), key);
}

/* ---- scalars ---- */

static void put_scalar(const VariantPrinter *printer, SqlType type, PhysicalType physical,
                       const void *value) {
    ParquetLeaf leaf = {.type = type, .vector_physical = physical};
    nested_scalar_json(&leaf, value, printer->out);
}

static bool put_integer(const VariantPrinter *printer, VariantBytes *rest, size_t width, SqlType type,
                        int64_t divide_by) {
    VariantBytes bytes;
    int64_t value = 0;
    if (!take(rest, width, &bytes)) return false;
    memcpy(&value, bytes.data, width);
    int shift = 64 - 8 * (int)width;
    value = (int64_t)((uint64_t)value << shift) >> shift;
    int64_t rounded = value / divide_by - (value % divide_by < 0);
    int32_t days = (int32_t)rounded;
    if (type.id == SQL_DATE)
        put_scalar(printer, type, PHYS_I32, &days);
    else
        put_scalar(printer, type, PHYS_I64, &rounded);
    return true;
}

static bool put_decimal(const VariantPrinter *printer, VariantBytes *rest, size_t width) {
    VariantBytes scale, bytes;
    __int128 value = 0;
    if (!take(rest, 1, &scale) || scale.data[0] > NUMERIC_MAX_PRECISION || !take(rest, width, &bytes))
        return false;
    memcpy(&value, bytes.data, width);
    int shift = 128 - 8 * (int)width;
    value = (__int128)((unsigned __int128)value << shift) >> shift;
    put_scalar(printer, sqltype_numeric(NUMERIC_MAX_PRECISION, scale.data[0]), PHYS_I128, &value);
    return true;
}

static bool put_float(const VariantPrinter *printer, VariantBytes *rest, size_t width) {
    VariantBytes bytes;
    if (!take(rest, width, &bytes)) return false;
    put_scalar(printer, sqltype_of(width == 4 ? SQL_FLOAT4 : SQL_FLOAT8), width == 4 ? PHYS_F32 : PHYS_F64,
               bytes.data);
    return true;
}

static bool put_bytes(const VariantPrinter *printer, VariantBytes *rest, size_t length, SqlTypeId type) {
    VariantBytes bytes;
    if (!take(rest, length, &bytes)) return false;
    StringView view = stringview_make((const char *)bytes.data, (uint32_t)bytes.length);
    put_scalar(printer, sqltype_of(type), PHYS_STRING, &view);
    return true;
}

static bool put_primitive(const VariantPrinter *printer, int kind, VariantBytes rest) {
    uint32_t length;
    switch (kind) {
    case 0: strbuf_append_text(printer->out, "null"); return true;
    case 1: strbuf_append_text(printer->out, "true"); return true;
    case 2: strbuf_append_text(printer->out, "false"); return true;
    case 3: return put_integer(printer, &rest, 1, sqltype_of(SQL_INT8), 1);
    case 4: return put_integer(printer, &rest, 2, sqltype_of(SQL_INT8), 1);
    case 5: return put_integer(printer, &rest, 4, sqltype_of(SQL_INT8), 1);
    case 6: return put_integer(printer, &rest, 8, sqltype_of(SQL_INT8), 1);
    case 7: return put_float(printer, &rest, 8);
    case 8: return put_decimal(printer, &rest, 4);
    case 9: return put_decimal(printer, &rest, 8);
    case 10: return put_decimal(printer, &rest, 16);
    case 11: return put_integer(printer, &rest, 4, sqltype_of(SQL_DATE), 1);
    case 12: return put_integer(printer, &rest, 8, sqltype_of(SQL_TIMESTAMPTZ), 1);
    case 13: return put_integer(printer, &rest, 8, sqltype_of(SQL_TIMESTAMP), 1);
    case 14: return put_float(printer, &rest, 4);
    case 15:
    case 16:
        return take_number(&rest, 4, &length) &&
               put_bytes(printer, &rest, length, kind == 15 ? SQL_BYTEA : SQL_TEXT);
    case 17: return put_integer(printer, &rest, 8, sqltype_of(SQL_TIME), 1);
    case 18: return put_integer(printer, &rest, 8, sqltype_of(SQL_TIMESTAMPTZ), 1000);
    case 19: return put_integer(printer, &rest, 8, sqltype_of(SQL_TIMESTAMP), 1000);
    case 20: return put_bytes(printer, &rest, 16, SQL_UUID);
    default: return false;
    }
}

/* ---- objects and arrays ---- */

static Status malformed(const VariantPrinter *printer) {
    return parquet_corrupt(printer->err, printer->path, "a variant value is malformed");
}

static Status put_members(const VariantPrinter *printer, const VariantObject *object, JsonEntries *entries,
                          int depth) {
    for (uint32_t i = 0; i < object->count; i++) {
        StringView key;
        VariantBytes value;
        if (!variant_object_member(object, i, &key, &value)) return malformed(printer);
        json_entries_begin(entries, &key, printer->out);
        TRY(put(printer, value, depth + 1));
        json_entries_end(entries, printer->out);
    }
    return STATUS_OK;
}

static Status put_object(const VariantPrinter *printer, VariantBytes value, int depth) {
    VariantObject object;
    JsonEntries entries;
    if (!variant_open_object(printer->metadata, value, &object)) return malformed(printer);
    strbuf_append_char(printer->out, '{');
    json_entries_init(&entries, printer->out);
    Status status = put_members(printer, &object, &entries, depth);
    /* A variant's keys are distinct. Were they not, text once written would go again, and what bounds the
     * text would not bound the work: members may share one value. */
    if (status == STATUS_OK && !json_entries_sort(&entries, printer->out)) status = malformed(printer);
    json_entries_deinit(&entries);
    TRY(status);
    strbuf_append_char(printer->out, '}');
    return STATUS_OK;
}

static Status put_array(const VariantPrinter *printer, VariantBytes value, int depth) {
    VariantBytes header, offsets;
    uint32_t count;
    if (!take(&value, 1, &header)) return malformed(printer);
    int bits = header.data[0] >> 2, width = (bits & 3) + 1;
    if (!take_number(&value, bits >> 2 & 1 ? 4 : 1, &count) ||
        !take(&value, ((size_t)count + 1) * (size_t)width, &offsets))
        return malformed(printer);
    strbuf_append_char(printer->out, '[');
    for (uint32_t i = 0; i < count; i++) {
        uint32_t from = number_at(offsets, i, width);
        if (from >= value.length) return malformed(printer);
        if (i) strbuf_append_text(printer->out, ", ");
        TRY(put(printer, (VariantBytes){value.data + from, value.length - from}, depth + 1));
    }
    strbuf_append_char(printer->out, ']');
    return STATUS_OK;
}

static Status put(const VariantPrinter *printer, VariantBytes value, int depth) {
    VariantBytes header, rest = value;
    if (depth > VARIANT_MAX_DEPTH || !take(&rest, 1, &header)) return malformed(printer);
    if (printer->out->length > printer->largest)
        return error_set(printer->err, SQLSTATE_PROGRAM_LIMIT, "%s: a variant value is too large",
                         printer->path);
    int bits = header.data[0] >> 2;
    switch (header.data[0] & 3) {
    case BASIC_PRIMITIVE: return put_primitive(printer, bits, rest) ? STATUS_OK : malformed(printer);
    case BASIC_SHORT_STRING:
        return put_bytes(printer, &rest, (size_t)bits, SQL_TEXT) ? STATUS_OK : malformed(printer);
    case BASIC_OBJECT: return put_object(printer, value, depth);
    default: return put_array(printer, value, depth);
    }
}

Status variant_put_json(VariantBytes metadata, VariantBytes value, const char *path, size_t largest,
                        StrBuf *out, Error *err) {
    VariantPrinter printer = {.metadata = metadata, .path = path, .largest = largest, .out = out, .err = err};
    return put(&printer, value, 0);
}
