/* Avro schemas of what manifest.c writes, with the field ids of the Iceberg specification. */
#pragma once

#define OPTIONAL(name, id, type) \
    "{\"name\":\"" name "\",\"field-id\":" #id ",\"default\":null,\"type\":[\"null\"," type "]}"
#define REQUIRED(name, id, type) "{\"name\":\"" name "\",\"field-id\":" #id ",\"type\":" type "}"
#define ID_MAP(key, value, type) \
    "{\"type\":\"array\",\"logicalType\":\"map\",\"items\":{\"type\":\"record\",\"name\":\"k" #key "_v" #value "\"," \
    "\"fields\":[" REQUIRED("key", key, "\"int\"") "," REQUIRED("value", value, type) "]}}"
#define ID_LIST(element, type) "{\"type\":\"array\",\"element-id\":" #element ",\"items\":" type "}"

#define MANIFEST_ENTRY_SCHEMA \
    "{\"type\":\"record\",\"name\":\"manifest_entry\",\"fields\":[" \
    REQUIRED("status", 0, "\"int\"") "," \
    OPTIONAL("snapshot_id", 1, "\"long\"") "," \
    OPTIONAL("sequence_number", 3, "\"long\"") "," \
    OPTIONAL("file_sequence_number", 4, "\"long\"") "," \
    REQUIRED("data_file", 2, "{\"type\":\"record\",\"name\":\"r2\",\"fields\":[" \
        REQUIRED("content", 134, "\"int\"") "," \
        REQUIRED("file_path", 100, "\"string\"") "," \
        REQUIRED("file_format", 101, "\"string\"") "," \
        REQUIRED("partition", 102, "{\"type\":\"record\",\"name\":\"r102\",\"fields\":[]}") "," \
        REQUIRED("record_count", 103, "\"long\"") "," \
        REQUIRED("file_size_in_bytes", 104, "\"long\"") "," \
        OPTIONAL("column_sizes", 108, ID_MAP(117, 118, "\"long\"")) "," \
        OPTIONAL("value_counts", 109, ID_MAP(119, 120, "\"long\"")) "," \
        OPTIONAL("null_value_counts", 110, ID_MAP(121, 122, "\"long\"")) "," \
        OPTIONAL("nan_value_counts", 137, ID_MAP(138, 139, "\"long\"")) "," \
        OPTIONAL("lower_bounds", 125, ID_MAP(126, 127, "\"bytes\"")) "," \
        OPTIONAL("upper_bounds", 128, ID_MAP(129, 130, "\"bytes\"")) "," \
        OPTIONAL("key_metadata", 131, "\"bytes\"") "," \
        OPTIONAL("split_offsets", 132, ID_LIST(133, "\"long\"")) "," \
        OPTIONAL("equality_ids", 135, ID_LIST(136, "\"int\"")) "," \
        OPTIONAL("sort_order_id", 140, "\"int\"") \
    "]}") "]}"

#define MANIFEST_LIST_SCHEMA \
    "{\"type\":\"record\",\"name\":\"manifest_file\",\"fields\":[" \
    REQUIRED("manifest_path", 500, "\"string\"") "," \
    REQUIRED("manifest_length", 501, "\"long\"") "," \
    REQUIRED("partition_spec_id", 502, "\"int\"") "," \
    REQUIRED("content", 517, "\"int\"") "," \
    REQUIRED("sequence_number", 515, "\"long\"") "," \
    REQUIRED("min_sequence_number", 516, "\"long\"") "," \
    REQUIRED("added_snapshot_id", 503, "\"long\"") "," \
    REQUIRED("added_files_count", 504, "\"int\"") "," \
    REQUIRED("existing_files_count", 505, "\"int\"") "," \
    REQUIRED("deleted_files_count", 506, "\"int\"") "," \
    REQUIRED("added_rows_count", 512, "\"long\"") "," \
    REQUIRED("existing_rows_count", 513, "\"long\"") "," \
    REQUIRED("deleted_rows_count", 514, "\"long\"") "," \
    OPTIONAL("partitions", 507, "{\"type\":\"array\",\"element-id\":508,\"items\":{\"type\":\"record\",\"name\":\"r508\"," \
        "\"fields\":[" REQUIRED("contains_null", 509, "\"boolean\"") "," \
        OPTIONAL("contains_nan", 518, "\"boolean\"") "," \
        OPTIONAL("lower_bound", 510, "\"bytes\"") "," OPTIONAL("upper_bound", 511, "\"bytes\"") "]}}") "," \
    OPTIONAL("key_metadata", 519, "\"bytes\"") "]}"
