#include "engines/columnar/types/record_value.h"

#include <assert.h>

enum { RECORD_BLOB_MARK = 0xB2, RECORD_MAX_BYTES = 0x3fffffff };

typedef struct RecordHeader {
    uint8_t mark;
    uint8_t named;
    uint16_t field_count;
} RecordHeader;

typedef struct FieldHeader {
    uint8_t id;
    uint8_t flags; /* 1 array, 2 NULL */
    int16_t precision, scale;
    uint16_t unused;
    uint32_t end; /* of the value, from the start of the values */
} FieldHeader;
_Static_assert(sizeof(RecordHeader) == 4 && sizeof(FieldHeader) == 12, "the headers have no padding");

static Status corrupted(Error *err) {
    return error_set(err, SQLSTATE_DATA_CORRUPTED, "row value is damaged");
}

static FieldHeader field_header(const RecordValue *record, int index) {
    FieldHeader header;
    memcpy(&header, record->fields + (size_t)index * sizeof header, sizeof header);
    return header;
}

static SqlType header_type(FieldHeader header) {
    return (SqlType){
        .id = header.id, .is_array = header.flags & 1, .precision = header.precision, .scale = header.scale};
}

static PhysicalType field_physical(SqlType type) {
    return type.is_array ? PHYS_STRING : array_element_physical(type);
}

static bool values_are_sound(const RecordValue *record, size_t bytes) {
    uint32_t start = 0;
    for (int i = 0; i < record->field_count; i++) {
        FieldHeader header = field_header(record, i);
        if (header.id >= SQL_TYPE_COUNT || header.end < start || header.end > bytes) return false;
        PhysicalType physical = field_physical(header_type(header));
        if (!(header.flags & 2) && physical != PHYS_STRING && header.end - start != physical_width(physical))
            return false;
        start = header.end;
    }
    return start == bytes;
}

Status record_open(const StringView *blob, RecordValue *out, Error *err) {
    const char *at = stringview_data(blob), *end = at + blob->length;
    RecordHeader header;
    if (blob->length < sizeof header) return corrupted(err);
    memcpy(&header, at, sizeof header);
    at += sizeof header;
    if (header.mark != RECORD_BLOB_MARK || header.named > 1 || header.field_count > RECORD_MAX_FIELDS)
        return corrupted(err);
    out->field_count = header.field_count;
    out->named = header.named;
    out->fields = at;
    if ((size_t)(end - at) < (size_t)header.field_count * sizeof(FieldHeader)) return corrupted(err);
    at += (size_t)header.field_count * sizeof(FieldHeader);
    out->name_ends = out->names = NULL;
    if (header.named) {
        size_t ends = (size_t)header.field_count * 4;
        if ((size_t)(end - at) < ends) return corrupted(err);
        out->name_ends = at;
        out->names = at += ends;
        uint32_t previous = 0;
        for (int i = 0; i < out->field_count; i++) {
            uint32_t name_end;
            memcpy(&name_end, out->name_ends + (size_t)i * 4, 4);
            if (name_end < previous || name_end > (size_t)(end - at)) return corrupted(err);
            previous = name_end;
        }
        at += previous;
    }
    out->values = at;
    return values_are_sound(out, (size_t)(end - at)) ? STATUS_OK : corrupted(err);
}

void record_field(const RecordValue *record, int index, RecordField *out) {
    assert(index >= 0 && index < record->field_count);
    FieldHeader header = field_header(record, index);
    uint32_t start = index ? field_header(record, index - 1).end : 0;
    out->type = header_type(header);
    out->null = header.flags & 2;
    out->physical = (uint8_t)field_physical(out->type);
    out->data = record->values + start;
    out->length = header.end - start;
    out->name = NULL;
    out->name_length = 0;
    if (!record->named) return;
    uint32_t name_start = 0, name_end;
    if (index) memcpy(&name_start, record->name_ends + (size_t)(index - 1) * 4, 4);
    memcpy(&name_end, record->name_ends + (size_t)index * 4, 4);
    out->name = record->names + name_start;
    out->name_length = name_end - name_start;
}

void record_field_get(const RecordField *field, void *out) {
    if (field->physical == PHYS_STRING) {
        StringView view = stringview_make(field->data, field->length);
        memcpy(out, &view, sizeof view);
    } else {
        memcpy(out, field->data, field->length);
    }
}

void record_field_vector(const RecordField *field, Arena *arena, Vector *out) {
    SqlType type = field->type;
    if (type.id == SQL_NUMERIC && !type.is_array) type = sqltype_of(SQL_NUMERIC);
    vector_init_flat(out, type, 1, arena);
    memset(out->values, 0, physical_width((PhysicalType)out->physical));
    if (field->null)
        bitmap_clear(vector_make_validity(out, 1, arena), 0);
    else
        record_field_get(field, out->values);
}

/* ---- building -------------------------------------------------------------------------------------------
 */

static const void *row_value(const Vector *vector, int row, Numeric *scratch, uint32_t *length) {
    const Vector *source = vector->encoding == VECTOR_DICTIONARY ? vector->dictionary : vector;
    size_t index = vector->encoding == VECTOR_DICTIONARY ? vector->codes[row]
                   : vector->encoding == VECTOR_CONSTANT ? 0
                                                         : (size_t)row;
    if (vector->encoding == VECTOR_SEQUENCE) {
        int64_t value = vector->sequence_start + row * vector->sequence_step;
        memcpy(scratch, &value, sizeof value);
        *length = sizeof value;
        return scratch;
    }
    size_t width = physical_width((PhysicalType)source->physical);
    const char *value = (const char *)source->values + index * width;
    *length = (uint32_t)width;
    if (source->physical == PHYS_STRING) {
        const StringView *view = (const StringView *)value;
        *length = view->length;
        return stringview_data(view);
    }
    if (source->type.id != SQL_NUMERIC || source->physical == PHYS_NUMERIC) return value;
    memset(scratch, 0, sizeof *scratch);
    scratch->scale = source->type.scale;
    if (source->physical == PHYS_I128) {
        memcpy(&scratch->value, value, sizeof scratch->value);
    } else {
        int64_t scaled;
        memcpy(&scaled, value, sizeof scaled);
        scratch->value = scaled;
    }
    *length = sizeof *scratch;
    return scratch;
}

Status record_build(const Vector *fields, int field_count, const char *const *names, int row, Arena *arena,
                    StringView *out, Error *err) {
    if (field_count > RECORD_MAX_FIELDS)
        return error_set(err, "54011", "ROW expressions can have at most %d entries", RECORD_MAX_FIELDS);
    Numeric scratch;
    uint32_t length;
    size_t bytes = sizeof(RecordHeader) + (size_t)field_count * sizeof(FieldHeader), values = 0;
    for (int i = 0; i < field_count; i++) {
        if (!vector_is_null(&fields[i], row)) {
            row_value(&fields[i], row, &scratch, &length);
            values += length;
        }
        if (names) bytes += 4 + strlen(names[i]);
    }
    if (bytes + values > RECORD_MAX_BYTES)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "row value exceeds the maximum allowed (1 GB)");
    char *blob = arena_alloc(arena, bytes + values), *at = blob;
    RecordHeader header = {RECORD_BLOB_MARK, names != NULL, (uint16_t)field_count};
    memcpy(at, &header, sizeof header);
    char *field_at = at + sizeof header, *ends_at = field_at + (size_t)field_count * sizeof(FieldHeader);
    char *name_at = ends_at + (names ? (size_t)field_count * 4 : 0);
    uint32_t name_end = 0, value_end = 0;
    for (int i = 0; names && i < field_count; i++) {
        size_t name_length = strlen(names[i]);
        memcpy(name_at + name_end, names[i], name_length);
        name_end += (uint32_t)name_length;
        memcpy(ends_at + (size_t)i * 4, &name_end, 4);
    }
    char *value_at = name_at + name_end;
    for (int i = 0; i < field_count; i++) {
        SqlType type = fields[i].type;
        bool null = vector_is_null(&fields[i], row);
        if (!null) {
            const void *value = row_value(&fields[i], row, &scratch, &length);
            if (length) memcpy(value_at + value_end, value, length);
            value_end += length;
        }
        FieldHeader field = {type.id,  (uint8_t)(type.is_array | null << 1), type.precision, type.scale, 0,
                             value_end};
        memcpy(field_at + (size_t)i * sizeof field, &field, sizeof field);
    }
    *out = stringview_make(blob, (uint32_t)(bytes + values));
    return STATUS_OK;
}
