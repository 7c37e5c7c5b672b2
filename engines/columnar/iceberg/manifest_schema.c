/* Avro schemas of what is written, with the field ids of the Iceberg specification. */
#include <stdio.h>
#include <string.h>

#include "engines/columnar/iceberg/manifest.h"

typedef struct SchemaField {
    const char *name;
    int id;
    bool optional;
    const char *type;
} SchemaField;

#define ID_MAP(key, value, type)                                                                             \
    "{\"type\":\"array\",\"logicalType\":\"map\",\"items\":{\"type\":\"record\",\"name\":\"k" #key           \
    "_v" #value "\",\"fields\":[{\"name\":\"key\",\"field-id\":" #key ",\"type\":\"int\"},"                  \
    "{\"name\":\"value\",\"field-id\":" #value ",\"type\":" type "}]}}"
#define ID_LIST(element, type) "{\"type\":\"array\",\"element-id\":" #element ",\"items\":" type "}"

static const SchemaField ENTRY_FIELDS[] = {
    {"status", 0, false, "\"int\""},
    {"snapshot_id", 1, true, "\"long\""},
    {"sequence_number", 3, true, "\"long\""},
    {"file_sequence_number", 4, true, "\"long\""},
};

static const SchemaField FILE_FIELDS_BEFORE_PARTITION[] = {
    {"content", 134, false, "\"int\""},
    {"file_path", 100, false, "\"string\""},
    {"file_format", 101, false, "\"string\""},
};

static const SchemaField FILE_FIELDS[] = {
    {"record_count", 103, false, "\"long\""},
    {"file_size_in_bytes", 104, false, "\"long\""},
    {"column_sizes", 108, true, ID_MAP(117, 118, "\"long\"")},
    {"value_counts", 109, true, ID_MAP(119, 120, "\"long\"")},
    {"null_value_counts", 110, true, ID_MAP(121, 122, "\"long\"")},
    {"nan_value_counts", 137, true, ID_MAP(138, 139, "\"long\"")},
    {"lower_bounds", 125, true, ID_MAP(126, 127, "\"bytes\"")},
    {"upper_bounds", 128, true, ID_MAP(129, 130, "\"bytes\"")},
    {"key_metadata", 131, true, "\"bytes\""},
    {"split_offsets", 132, true, ID_LIST(133, "\"long\"")},
    {"equality_ids", 135, true, ID_LIST(136, "\"int\"")},
    {"sort_order_id", 140, true, "\"int\""},
    {"referenced_data_file", 143, true, "\"string\""},
};

static const SchemaField LIST_FIELDS[] = {
    {"manifest_path", 500, false, "\"string\""},
    {"manifest_length", 501, false, "\"long\""},
    {"partition_spec_id", 502, false, "\"int\""},
    {"content", 517, false, "\"int\""},
    {"sequence_number", 515, false, "\"long\""},
    {"min_sequence_number", 516, false, "\"long\""},
    {"added_snapshot_id", 503, false, "\"long\""},
    {"added_files_count", 504, false, "\"int\""},
    {"existing_files_count", 505, false, "\"int\""},
    {"deleted_files_count", 506, false, "\"int\""},
    {"added_rows_count", 512, false, "\"long\""},
    {"existing_rows_count", 513, false, "\"long\""},
    {"deleted_rows_count", 514, false, "\"long\""},
    {"partitions", 507, true,
     "{\"type\":\"array\",\"element-id\":508,\"items\":{\"type\":\"record\",\"name\":\"r508\",\"fields\":["
     "{\"name\":\"contains_null\",\"field-id\":509,\"type\":\"boolean\"},"
     "{\"name\":\"contains_nan\",\"field-id\":518,\"default\":null,\"type\":[\"null\",\"boolean\"]},"
     "{\"name\":\"lower_bound\",\"field-id\":510,\"default\":null,\"type\":[\"null\",\"bytes\"]},"
     "{\"name\":\"upper_bound\",\"field-id\":511,\"default\":null,\"type\":[\"null\",\"bytes\"]}]}}"},
    {"key_metadata", 519, true, "\"bytes\""},
};

static void put_fields(const SchemaField *fields, size_t count, StrBuf *out) {
    for (size_t i = 0; i < count; i++) {
        const SchemaField *field = &fields[i];
        if (out->length && out->data[out->length - 1] != '[') strbuf_append_char(out, ',');
        strbuf_printf(out, "{\"name\":\"%s\",\"field-id\":%d,", field->name, field->id);
        if (field->optional)
            strbuf_printf(out, "\"default\":null,\"type\":[\"null\",%s]}", field->type);
        else
            strbuf_printf(out, "\"type\":%s}", field->type);
    }
}

int manifest_decimal_bytes(int precision) {
    __int128 most = 1;
    for (int i = 0; i < precision; i++)
        most *= 10;
    int bytes = 1;
    while (bytes < 16 && (most - 1) >> (8 * bytes - 1))
        bytes++;
    return bytes;
}

static void put_partition_type(const PartitionField *field, StrBuf *out) {
    static const char *const TYPES[SQL_TYPE_COUNT] = {
        [SQL_BOOL] = "\"boolean\"",
        [SQL_INT2] = "\"int\"",
        [SQL_INT4] = "\"int\"",
        [SQL_INT8] = "\"long\"",
        [SQL_OID] = "\"long\"",
        [SQL_FLOAT4] = "\"float\"",
        [SQL_FLOAT8] = "\"double\"",
        [SQL_DATE] = "{\"type\":\"int\",\"logicalType\":\"date\"}",
        [SQL_TIME] = "{\"type\":\"long\",\"logicalType\":\"time-micros\"}",
        [SQL_TIMESTAMP] = "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\",\"adjust-to-utc\":false}",
        [SQL_TIMESTAMPTZ] = "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\",\"adjust-to-utc\":true}",
        [SQL_BYTEA] = "\"bytes\"",
    };
    SqlType type = field->result_type;
    if (type.id == SQL_NUMERIC)
        strbuf_printf(out,
                      "{\"type\":\"fixed\",\"name\":\"decimal_%d\",\"size\":%d,\"logicalType\":\"decimal\","
                      "\"precision\":%d,\"scale\":%d}",
                      field->field_id, manifest_decimal_bytes(type.precision), type.precision, type.scale);
    else if (type.id == SQL_UUID)
        strbuf_printf(out, "{\"type\":\"fixed\",\"name\":\"uuid_%d\",\"size\":16,\"logicalType\":\"uuid\"}",
                      field->field_id);
    else
        strbuf_append_text(out, type.id < SQL_TYPE_COUNT && TYPES[type.id] ? TYPES[type.id] : "\"string\"");
}

/* Avro names are letters, digits and '_'; other bytes become _xHEX as other writers make them. */
static void put_name(const char *name, StrBuf *out) {
    for (const char *c = name; *c; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_';
        bool digit = *c >= '0' && *c <= '9';
        if (letter || (digit && c > name))
            strbuf_append_char(out, *c);
        else if (digit)
            strbuf_printf(out, "_%c", *c);
        else
            strbuf_printf(out, "_x%X", (unsigned char)*c);
    }
}

static void put_partition(const PartitionSpec *spec, StrBuf *out) {
    strbuf_append_text(
        out, ",{\"name\":\"partition\",\"field-id\":102,\"type\":{\"type\":\"record\",\"name\":\"r102\","
             "\"fields\":[");
    for (int i = 0; spec && i < spec->field_count; i++) {
        if (i) strbuf_append_char(out, ',');
        strbuf_append_text(out, "{\"name\":\"");
        put_name(spec->fields[i].name, out);
        strbuf_printf(out, "\",\"field-id\":%d,\"default\":null,\"type\":[\"null\",",
                      spec->fields[i].field_id);
        put_partition_type(&spec->fields[i], out);
        strbuf_append_text(out, "]}");
    }
    strbuf_append_text(out, "]}}");
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

void manifest_entry_schema(const PartitionSpec *spec, StrBuf *out) {
    strbuf_append_text(out, "{\"type\":\"record\",\"name\":\"manifest_entry\",\"fields\":[");
    put_fields(ENTRY_FIELDS, COUNT(ENTRY_FIELDS), out);
    strbuf_append_text(
        out, ",{\"name\":\"data_file\",\"field-id\":2,\"type\":{\"type\":\"record\",\"name\":\"r2\","
             "\"fields\":[");
    put_fields(FILE_FIELDS_BEFORE_PARTITION, COUNT(FILE_FIELDS_BEFORE_PARTITION), out);
    put_partition(spec, out);
    put_fields(FILE_FIELDS, COUNT(FILE_FIELDS), out);
    strbuf_append_text(out, "]}}]}");
}

void manifest_list_schema(StrBuf *out) {
    strbuf_append_text(out, "{\"type\":\"record\",\"name\":\"manifest_file\",\"fields\":[");
    put_fields(LIST_FIELDS, COUNT(LIST_FIELDS), out);
    strbuf_append_text(out, "]}");
}
