/* Any cell into any type, one at a time: what batch_columns.c does not do at once. */
#include "engines/columnar/ingest/batch_builder.h"

#include <math.h>
#include <string.h>

#include "engines/base/utf8.h"
#include "engines/columnar/ingest/json_scan.h"
#include "engines/columnar/ingest/value_parse.h"
#include "engines/columnar/types/array_value.h"

enum { SHOWN_BYTES = 60 };

static Status invalid(SqlType type, const Cell *cell, Error *err) {
    char name[SQLTYPE_NAME_BYTES];
    size_t shown = cell->length < SHOWN_BYTES ? cell->length : SHOWN_BYTES;
    while (shown > 0 && shown < cell->length && (cell->data[shown] & 0xC0) == 0x80)
        shown--;
    return error_set(err, SQLSTATE_INVALID_TEXT, "invalid input for type %s: \"%.*s%s\"",
                     sqltype_name(type, true, name), (int)shown, cell->data,
                     shown < cell->length ? "..." : "");
}

static Status out_of_range(SqlType type, const Cell *cell, Error *err) {
    (void)invalid(type, cell, err);
    char name[SQLTYPE_NAME_BYTES];
    int shown = (int)(cell->length < SHOWN_BYTES ? cell->length : SHOWN_BYTES);
    return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "value \"%.*s\" is out of range for type %s", shown,
                     cell->data, sqltype_name(type, true, name));
}

static Status put_integer(Vector *vector, int row, const Cell *cell, Error *err) {
    int64_t value;
    if (!value_parse_i64(cell->data, cell->length, &value)) {
        NumberShape shape = value_number_shape(cell->data, cell->length);
        bool is_number = shape.shape == SHAPE_INT || shape.shape == SHAPE_NUMERIC;
        __int128 whole, scaled;
        /* "12.0" is an integer all the same. */
        if (is_number && shape.scale > 0 && shape.scale < 20 &&
            value_parse_decimal(cell->data, cell->length, 18, 0, &whole) &&
            value_parse_decimal(cell->data, cell->length, 38, shape.scale, &scaled)) {
            for (int i = 0; i < shape.scale; i++)
                scaled = scaled % 10 == 0 ? scaled / 10 : whole + 1;
            if (scaled != whole) return invalid(vector->type, cell, err);
            value = (int64_t)whole;
        } else {
            return is_number && shape.scale == 0 ? out_of_range(vector->type, cell, err)
                                                 : invalid(vector->type, cell, err);
        }
    }
    switch (vector->physical) {
    case PHYS_I16:
        if (value < INT16_MIN || value > INT16_MAX) return out_of_range(vector->type, cell, err);
        ((int16_t *)vector->values)[row] = (int16_t)value;
        return STATUS_OK;
    case PHYS_I32:
        if (value < INT32_MIN || value > INT32_MAX) return out_of_range(vector->type, cell, err);
        ((int32_t *)vector->values)[row] = (int32_t)value;
        return STATUS_OK;
    default: ((int64_t *)vector->values)[row] = value; return STATUS_OK;
    }
}

static Status put_numeric(Vector *vector, int row, const Cell *cell, Error *err) {
    __int128 value;
    if (!value_parse_decimal(cell->data, cell->length, vector->type.precision, vector->type.scale, &value)) {
        ValueShape shape = value_number_shape(cell->data, cell->length).shape;
        bool is_number = shape == SHAPE_INT || shape == SHAPE_NUMERIC || shape == SHAPE_FLOAT;
        return is_number ? out_of_range(vector->type, cell, err) : invalid(vector->type, cell, err);
    }
    if (vector->physical == PHYS_I64)
        ((int64_t *)vector->values)[row] = (int64_t)value;
    else
        ((__int128 *)vector->values)[row] = value;
    return STATUS_OK;
}

static Status put_float(Vector *vector, int row, const Cell *cell, Error *err) {
    double value;
    if (!value_parse_f64(cell->data, cell->length, &value)) return invalid(vector->type, cell, err);
    if (vector->physical == PHYS_F64) {
        ((double *)vector->values)[row] = value;
        return STATUS_OK;
    }
    if (isfinite(value) && !isfinite((float)value)) return out_of_range(vector->type, cell, err);
    ((float *)vector->values)[row] = (float)value;
    return STATUS_OK;
}

static Status put_timestamp(Vector *vector, int row, const Cell *cell, Error *err) {
    bool has_offset;
    if (!value_parse_timestamp(cell->data, cell->length, &((int64_t *)vector->values)[row], &has_offset))
        return invalid(vector->type, cell, err);
    /* Dropping an offset would change the value in silence. */
    if (has_offset && vector->type.id == SQL_TIMESTAMP) return invalid(vector->type, cell, err);
    return STATUS_OK;
}

static void put_string(BatchBuilder *builder, Vector *vector, int row, const char *data, size_t length) {
    const char *kept = length > 12 ? arena_memdup(&builder->batch_arena, data, length) : data;
    ((StringView *)vector->values)[row] = stringview_make(kept, (uint32_t)length);
}

static Status put_text(BatchBuilder *builder, Vector *vector, int row, const Cell *cell, Error *err) {
    SqlType type = vector->type;
    if ((type.id == SQL_VARCHAR || type.id == SQL_BPCHAR) && type.precision > 0 &&
        utf8_count(cell->data, cell->length) > (size_t)type.precision) {
        char name[SQLTYPE_NAME_BYTES];
        return error_set(err, "22001", "value too long for type %s", sqltype_name(type, true, name));
    }
    put_string(builder, vector, row, cell->data, cell->length);
    return STATUS_OK;
}

static bool is_json(const Cell *cell) {
    CellKind kind;
    const char *text;
    size_t length;
    JsonScan scan = {.at = json_skip_space(cell->data), .end = cell->data + cell->length};
    if (!json_scan_value(&scan, &kind, &text, &length)) return false;
    return json_skip_space(scan.at) >= scan.end;
}

/* JSON as JSON; a JSON string gets its quotes back. CSV text must be JSON already. */
static Status put_json(BatchBuilder *builder, Vector *vector, int row, const Cell *cell, Error *err) {
    bool is_csv = cell->kind == CELL_TEXT || cell->kind == CELL_QUOTED;
    if (is_csv && !is_json(cell)) return invalid(vector->type, cell, err);
    if (cell->kind != CELL_STRING) {
        put_string(builder, vector, row, cell->data, cell->length);
        return STATUS_OK;
    }
    strbuf_reset(&builder->scratch);
    strbuf_append_json(&builder->scratch, cell->data, cell->length);
    put_string(builder, vector, row, strbuf_text(&builder->scratch), builder->scratch.length);
    return STATUS_OK;
}

static Status put_bytea(BatchBuilder *builder, Vector *vector, int row, const Cell *cell, Error *err) {
    if (cell->length < 2 || memcmp(cell->data, "\\x", 2) != 0) {
        put_string(builder, vector, row, cell->data, cell->length);
        return STATUS_OK;
    }
    if (cell->length % 2) return invalid(vector->type, cell, err);
    strbuf_reset(&builder->scratch);
    for (size_t i = 2; i < cell->length; i += 2) {
        int value = 0;
        for (size_t j = i; j < i + 2; j++) {
            char c = cell->data[j], lower = (char)(c | 0x20);
            if (!((c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'f')))
                return invalid(vector->type, cell, err);
            value = value * 16 + (c <= '9' ? c - '0' : lower - 'a' + 10);
        }
        strbuf_append_char(&builder->scratch, (char)value);
    }
    put_string(builder, vector, row, strbuf_text(&builder->scratch), builder->scratch.length);
    return STATUS_OK;
}

static Status put_uuid(BatchBuilder *builder, Vector *vector, int row, const Cell *cell, Error *err) {
    unsigned char uuid[16];
    if (!value_parse_uuid(cell->data, cell->length, uuid)) return invalid(vector->type, cell, err);
    put_string(builder, vector, row, (const char *)uuid, sizeof uuid);
    return STATUS_OK;
}

static Status add_element(BatchBuilder *builder, ArrayBuilder *array, Vector *element, const Cell *given,
                          Error *err) {
    Cell cell;
    const char *problem = "";
    if (given->kind == CELL_NULL) return array_builder_add(array, NULL, err);
    if (given->kind == CELL_NESTED) return invalid(element->type, given, err);
    if (!cell_resolve(given->data, cell_ref(given->data, given->data, given->length, given->kind),
                      &builder->batch_arena, &builder->scratch, &cell, &problem))
        return error_set(err, SQLSTATE_INVALID_TEXT, "%s", problem);
    TRY(batch_builder_put(builder, element, 0, &cell, err));
    return array_builder_add_row(array, element, 0, err);
}

static Status add_elements(BatchBuilder *builder, ArrayBuilder *array, Vector *element, SqlType type,
                           const Cell *cell, Error *err) {
    JsonScan scan = {.at = json_skip_space(cell->data), .end = cell->data + cell->length};
    bool more = scan.at < scan.end && *scan.at == '[';
    if (!more) return invalid(type, cell, err);
    scan.at = json_skip_space(scan.at + 1);
    if (scan.at < scan.end && *scan.at == ']') return STATUS_OK;
    while (more) {
        Cell item = {0};
        scan.at = json_skip_space(scan.at);
        if (scan.at >= scan.end || !json_scan_value(&scan, &item.kind, &item.data, &item.length))
            return invalid(type, cell, err);
        TRY(add_element(builder, array, element, &item, err));
        scan.at = json_skip_space(scan.at);
        more = scan.at < scan.end && *scan.at == ',';
        if (!more && (scan.at >= scan.end || *scan.at != ']')) return invalid(type, cell, err);
        scan.at++;
    }
    return STATUS_OK;
}

/* A list of scalars, written as JSON writes it. */
static Status put_array(BatchBuilder *builder, Vector *vector, int row, const Cell *cell, Error *err) {
    ArrayBuilder array;
    Vector element;
    array_builder_init(&array, vector->type, &builder->batch_arena);
    vector_init_flat(&element, array_element_type(vector->type), 1, &builder->batch_arena);
    if (cell->kind != CELL_NESTED && cell->kind != CELL_TEXT && cell->kind != CELL_QUOTED)
        return invalid(vector->type, cell, err);
    TRY(add_elements(builder, &array, &element, vector->type, cell, err));
    return array_builder_finish(&array, &builder->batch_arena, (StringView *)vector->values + row, err);
}

Status batch_builder_put(BatchBuilder *builder, Vector *vector, int row, const Cell *cell, Error *err) {
    bool flag;
    if (vector->type.is_array) return put_array(builder, vector, row, cell, err);
    switch (vector->type.id) {
    case SQL_BOOL:
        if (!value_parse_bool(cell->data, cell->length, &flag)) return invalid(vector->type, cell, err);
        ((uint8_t *)vector->values)[row] = flag;
        return STATUS_OK;
    case SQL_INT2:
    case SQL_INT4:
    case SQL_INT8:
    case SQL_OID: return put_integer(vector, row, cell, err);
    case SQL_NUMERIC: return put_numeric(vector, row, cell, err);
    case SQL_FLOAT4:
    case SQL_FLOAT8: return put_float(vector, row, cell, err);
    case SQL_DATE:
        if (!value_parse_date(cell->data, cell->length, &((int32_t *)vector->values)[row]))
            return invalid(vector->type, cell, err);
        return STATUS_OK;
    case SQL_TIME:
        if (!value_parse_time(cell->data, cell->length, &((int64_t *)vector->values)[row]))
            return invalid(vector->type, cell, err);
        return STATUS_OK;
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ: return put_timestamp(vector, row, cell, err);
    case SQL_UUID: return put_uuid(builder, vector, row, cell, err);
    case SQL_BYTEA: return put_bytea(builder, vector, row, cell, err);
    case SQL_JSON:
    case SQL_JSONB: return put_json(builder, vector, row, cell, err);
    default: return put_text(builder, vector, row, cell, err);
    }
}
