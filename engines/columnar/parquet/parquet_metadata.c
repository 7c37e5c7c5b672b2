#include "engines/columnar/parquet/parquet_metadata.h"

#include <stdio.h>
#include <string.h>

enum { MOST_SCHEMA_ELEMENTS = 1 << 20 };

typedef struct FooterParser {
    const char *path;
    Arena *arena;
    ThriftReader reader;
    ParquetMetadata *out;
    uint32_t leaf_count; /* of the schema, once it is read */
    uint32_t order_count;
    uint8_t *orders;
} FooterParser;

Status parquet_corrupt(Error *err, const char *path, const char *format, ...) {
    char what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return error_set(err, SQLSTATE_DATA_CORRUPTED, "Parquet file %s is damaged: %s", path, what);
}

Status parquet_unsupported(Error *err, const char *path, const char *format, ...) {
    char what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "Parquet file %s: %s", path, what);
}

static const char *copy_text(FooterParser *parser, ThriftBytes bytes) {
    return arena_strndup(parser->arena, bytes.data ? (const char *)bytes.data : "", bytes.length);
}

static void parse_time_unit(ThriftReader *reader, const ThriftField *outer, SchemaElement *out) {
    ThriftField field = {0};
    if (!thrift_begin_struct(reader, outer)) return;
    while (thrift_next_field(reader, &field)) {
        out->time_unit = field.id;
        thrift_skip(reader, &field);
    }
    thrift_end_struct(reader);
}

/* The members' own fields: decimal (scale, precision), time and timestamp (UTC, unit), integer (bits,
 * signed). */
static void parse_logical_member(ThriftReader *reader, const ThriftField *member, SchemaElement *out) {
    ThriftField field = {0};
    if (!thrift_begin_struct(reader, member)) return;
    while (thrift_next_field(reader, &field)) {
        if (member->id == LOGICAL_DECIMAL && field.id == 1)
            out->scale = thrift_read_i32(reader, &field);
        else if (member->id == LOGICAL_DECIMAL && field.id == 2)
            out->precision = thrift_read_i32(reader, &field);
        else if ((member->id == LOGICAL_TIME || member->id == LOGICAL_TIMESTAMP) && field.id == 1)
            out->utc_adjusted = thrift_read_bool(reader, &field);
        else if ((member->id == LOGICAL_TIME || member->id == LOGICAL_TIMESTAMP) && field.id == 2)
            parse_time_unit(reader, &field, out);
        else if (member->id == LOGICAL_INTEGER && field.id == 1)
            out->integer_bits = thrift_read_i32(reader, &field);
        else if (member->id == LOGICAL_INTEGER && field.id == 2)
            out->integer_signed = thrift_read_bool(reader, &field);
        else
            thrift_skip(reader, &field);
    }
    thrift_end_struct(reader);
}

static void parse_logical_type(ThriftReader *reader, const ThriftField *outer, SchemaElement *out) {
    ThriftField field = {0};
    if (!thrift_begin_struct(reader, outer)) return;
    while (thrift_next_field(reader, &field)) {
        out->logical = field.id;
        parse_logical_member(reader, &field, out);
    }
    thrift_end_struct(reader);
}

static void parse_schema_element(FooterParser *parser, const ThriftField *element, SchemaElement *out) {
    ThriftReader *reader = &parser->reader;
    ThriftField field = {0};
    *out =
        (SchemaElement){.physical = -1, .converted = -1, .field_id = -1, .name = "", .integer_signed = true};
    if (!thrift_begin_struct(reader, element)) return;
    while (thrift_next_field(reader, &field)) {
        switch (field.id) {
        case 1: out->physical = thrift_read_i32(reader, &field); break;
        case 2: out->type_length = thrift_read_i32(reader, &field); break;
        case 3: out->repetition = thrift_read_i32(reader, &field); break;
        case 4: out->name = copy_text(parser, thrift_read_bytes(reader, &field)); break;
        case 5: out->child_count = thrift_read_i32(reader, &field); break;
        case 6: out->converted = thrift_read_i32(reader, &field); break;
        case 7: out->scale = thrift_read_i32(reader, &field); break;
        case 8: out->precision = thrift_read_i32(reader, &field); break;
        case 9: out->field_id = thrift_read_i32(reader, &field); break;
        case 10: parse_logical_type(reader, &field, out); break;
        default: thrift_skip(reader, &field); break;
        }
    }
    thrift_end_struct(reader);
}

static void parse_schema(FooterParser *parser, const ThriftField *field) {
    ThriftField element;
    uint32_t count = thrift_begin_list(&parser->reader, field, &element);
    /* A second list would leave the first one's counts behind. */
    if (parser->out->schema || count > MOST_SCHEMA_ELEMENTS) {
        parser->reader.failed = true;
        return;
    }
    parser->out->schema = ARENA_NEW_ARRAY(parser->arena, SchemaElement, count ? count : 1);
    for (uint32_t i = 0; i < count && !parser->reader.failed; i++)
        parse_schema_element(parser, &element, &parser->out->schema[i]);
    parser->out->schema_count = (int)count;
}

static void parse_statistics(ThriftReader *reader, const ThriftField *outer, ParquetStatistics *out) {
    ThriftField field = {0};
    *out = (ParquetStatistics){
        .null_count = -1, .distinct_count = -1, .nan_count = -1, .min_exact = -1, .max_exact = -1};
    if (!thrift_begin_struct(reader, outer)) return;
    while (thrift_next_field(reader, &field)) {
        switch (field.id) {
        case 1: out->max = thrift_read_bytes(reader, &field); break;
        case 2: out->min = thrift_read_bytes(reader, &field); break;
        case 3: out->null_count = thrift_read_i64(reader, &field); break;
        case 4: out->distinct_count = thrift_read_i64(reader, &field); break;
        case 5: out->max_value = thrift_read_bytes(reader, &field); break;
        case 6: out->min_value = thrift_read_bytes(reader, &field); break;
        case 7: out->max_exact = thrift_read_bool(reader, &field); break;
        case 8: out->min_exact = thrift_read_bool(reader, &field); break;
        case 9: out->nan_count = thrift_read_i64(reader, &field); break;
        default: thrift_skip(reader, &field); break;
        }
    }
    thrift_end_struct(reader);
}

static void parse_encodings(ThriftReader *reader, const ThriftField *field, ParquetChunk *out) {
    ThriftField element;
    uint32_t count = thrift_begin_list(reader, field, &element);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        int32_t encoding = thrift_read_i32(reader, &element);
        if (encoding >= 0 && encoding < 32) out->encodings |= (uint32_t)1 << encoding;
    }
}

static void parse_encoding_stats(ThriftReader *reader, const ThriftField *field, ParquetChunk *out) {
    ThriftField element;
    uint32_t count = thrift_begin_list(reader, field, &element);
    bool all_dictionary = count > 0;
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        ThriftField part = {0};
        int page_type = -1, encoding = -1, pages = 0;
        if (!thrift_begin_struct(reader, &element)) return;
        while (thrift_next_field(reader, &part)) {
            switch (part.id) {
            case 1: page_type = thrift_read_i32(reader, &part); break;
            case 2: encoding = thrift_read_i32(reader, &part); break;
            case 3: pages = thrift_read_i32(reader, &part); break;
            default: thrift_skip(reader, &part); break;
            }
        }
        thrift_end_struct(reader);
        bool is_data = page_type == PAGE_DATA || page_type == PAGE_DATA_V2;
        if (is_data && pages > 0 && encoding != ENCODING_PLAIN_DICTIONARY &&
            encoding != ENCODING_RLE_DICTIONARY)
            all_dictionary = false;
    }
    out->all_dictionary = all_dictionary;
}

static void parse_chunk_metadata(ThriftReader *reader, const ThriftField *outer, ParquetChunk *out) {
    ThriftField field = {0};
    if (!thrift_begin_struct(reader, outer)) return;
    out->present = true;
    while (thrift_next_field(reader, &field)) {
        switch (field.id) {
        case 1: out->physical = thrift_read_i32(reader, &field); break;
        case 2: parse_encodings(reader, &field, out); break;
        case 4: out->codec = thrift_read_i32(reader, &field); break;
        case 5: out->value_count = thrift_read_i64(reader, &field); break;
        case 6: out->uncompressed_bytes = thrift_read_i64(reader, &field); break;
        case 7: out->compressed_bytes = thrift_read_i64(reader, &field); break;
        case 9: out->data_page_offset = thrift_read_i64(reader, &field); break;
        case 11: out->dictionary_page_offset = thrift_read_i64(reader, &field); break;
        case 12: parse_statistics(reader, &field, &out->statistics); break;
        case 13: parse_encoding_stats(reader, &field, out); break;
        case 14: out->bloom_offset = thrift_read_i64(reader, &field); break;
        default: thrift_skip(reader, &field); break;
        }
    }
    thrift_end_struct(reader);
}

static void parse_chunk(ThriftReader *reader, const ThriftField *element, ParquetChunk *out) {
    ThriftField field = {0};
    *out = (ParquetChunk){
        .physical = -1,
        .all_dictionary = -1,
        .statistics = {
            .null_count = -1, .distinct_count = -1, .nan_count = -1, .min_exact = -1, .max_exact = -1}};
    if (!thrift_begin_struct(reader, element)) return;
    while (thrift_next_field(reader, &field)) {
        switch (field.id) {
        case 1: out->external = thrift_read_bytes(reader, &field).length > 0; break;
        case 3: parse_chunk_metadata(reader, &field, out); break;
        case 4: out->offset_index_offset = thrift_read_i64(reader, &field); break;
        case 5: out->offset_index_bytes = thrift_read_i32(reader, &field); break;
        case 6: out->column_index_offset = thrift_read_i64(reader, &field); break;
        case 7: out->column_index_bytes = thrift_read_i32(reader, &field); break;
        case 8:
        case 9:
            out->encrypted = true;
            thrift_skip(reader, &field);
            break;
        default: thrift_skip(reader, &field); break;
        }
    }
    thrift_end_struct(reader);
}

/* The number of chunks, which is to be that of the leaves: only then they are kept, as one takes hundreds of
 * times the byte that it may have in the footer. */
static uint32_t parse_row_group(FooterParser *parser, const ThriftField *element, ParquetRowGroup *out) {
    ThriftReader *reader = &parser->reader;
    ThriftField field = {0}, chunk_element;
    uint32_t chunk_count = 0;
    *out = (ParquetRowGroup){0};
    if (!thrift_begin_struct(reader, element)) return 0;
    while (thrift_next_field(reader, &field)) {
        switch (field.id) {
        case 1:
            chunk_count = thrift_begin_list(reader, &field, &chunk_element);
            if (out->chunks) reader->failed = true; /* a second list */
            if (reader->failed || chunk_count != parser->leaf_count) return chunk_count;
            out->chunks = ARENA_NEW_ARRAY(parser->arena, ParquetChunk, chunk_count ? chunk_count : 1);
            for (uint32_t i = 0; i < chunk_count && !reader->failed; i++)
                parse_chunk(reader, &chunk_element, &out->chunks[i]);
            break;
        case 2: out->total_bytes = thrift_read_i64(reader, &field); break;
        case 3: out->row_count = thrift_read_i64(reader, &field); break;
        default: thrift_skip(reader, &field); break;
        }
    }
    thrift_end_struct(reader);
    return chunk_count;
}

static Status parse_row_groups(FooterParser *parser, const ThriftField *field, Error *err) {
    ThriftField element;
    ParquetMetadata *out = parser->out;
    if (!out->schema || out->row_groups)
        return parquet_corrupt(err, parser->path, "the footer's fields are out of order");
    for (int i = 0; i < out->schema_count; i++)
        parser->leaf_count += out->schema[i].physical >= 0;
    uint32_t count = thrift_begin_list(&parser->reader, field, &element);
    out->row_groups = ARENA_NEW_ARRAY(parser->arena, ParquetRowGroup, count ? count : 1);
    for (uint32_t i = 0; i < count && !parser->reader.failed; i++) {
        uint32_t chunks = parse_row_group(parser, &element, &out->row_groups[i]);
        if (!parser->reader.failed && chunks != parser->leaf_count)
            return parquet_corrupt(err, parser->path, "row group %u has %u columns, the schema %u", i, chunks,
                                   parser->leaf_count);
        if (out->row_groups[i].row_count < 0)
            return parquet_corrupt(err, parser->path, "row group %u has a negative row count", i);
    }
    out->row_group_count = (int)count;
    return STATUS_OK;
}

static void parse_key_values(FooterParser *parser, const ThriftField *field) {
    ThriftReader *reader = &parser->reader;
    ThriftField element;
    uint32_t count = thrift_begin_list(reader, field, &element);
    ParquetKeyValue *pairs = ARENA_NEW_ARRAY(parser->arena, ParquetKeyValue, count ? count : 1);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        ThriftField part = {0};
        pairs[i].key = pairs[i].value = "";
        if (!thrift_begin_struct(reader, &element)) return;
        while (thrift_next_field(reader, &part)) {
            if (part.id == 1)
                pairs[i].key = copy_text(parser, thrift_read_bytes(reader, &part));
            else if (part.id == 2)
                pairs[i].value = copy_text(parser, thrift_read_bytes(reader, &part));
            else
                thrift_skip(reader, &part);
        }
        thrift_end_struct(reader);
    }
    parser->out->key_values = pairs;
    parser->out->key_value_count = reader->failed ? 0 : (int)count;
}

static void parse_column_orders(FooterParser *parser, const ThriftField *field) {
    ThriftReader *reader = &parser->reader;
    ThriftField element;
    uint32_t count = thrift_begin_list(reader, field, &element);
    parser->orders = arena_zalloc(parser->arena, count ? count : 1);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        ThriftField member = {0};
        if (!thrift_begin_struct(reader, &element)) return;
        while (thrift_next_field(reader, &member)) {
            parser->orders[i] = member.id == 1   ? ORDER_TYPE_DEFINED
                                : member.id == 2 ? ORDER_IEEE754_TOTAL
                                                 : ORDER_UNDEFINED;
            thrift_skip(reader, &member);
        }
        thrift_end_struct(reader);
    }
    parser->order_count = count;
}

Status parquet_metadata_parse(const char *path, const uint8_t *footer, size_t footer_bytes, Arena *arena,
                              ParquetMetadata *out, Error *err) {
    FooterParser parser = {.path = path, .arena = arena, .out = out};
    ThriftReader *reader = &parser.reader;
    ThriftField field = {0};
    memset(out, 0, sizeof *out);
    out->created_by = "";
    thrift_reader_init(reader, footer, footer_bytes);
    while (thrift_next_field(reader, &field)) {
        switch (field.id) {
        case 1: out->version = thrift_read_i32(reader, &field); break;
        case 2: parse_schema(&parser, &field); break;
        case 3: out->row_count = thrift_read_i64(reader, &field); break;
        case 4: TRY(parse_row_groups(&parser, &field, err)); break;
        case 5: parse_key_values(&parser, &field); break;
        case 6: out->created_by = copy_text(&parser, thrift_read_bytes(reader, &field)); break;
        case 7: parse_column_orders(&parser, &field); break;
        case 8:
            out->encryption = true;
            thrift_skip(reader, &field);
            break;
        default: thrift_skip(reader, &field); break;
        }
    }
    if (reader->failed) return parquet_corrupt(err, path, "the footer cannot be parsed");
    TRY(parquet_schema_resolve(path, out, arena, err));
    for (int i = 0; i < out->leaf_count && (uint32_t)i < parser.order_count; i++)
        out->leaves[i].order = parser.orders[i];
    int64_t rows = 0;
    for (int g = 0; g < out->row_group_count; g++) {
        if (__builtin_add_overflow(rows, out->row_groups[g].row_count, &rows))
            return parquet_corrupt(err, path, "the row counts overflow");
    }
    out->row_count = rows; /* some writers leave the total at 0 */
    return STATUS_OK;
}

static void parse_data_header(ThriftReader *reader, const ThriftField *outer, ParquetPageHeader *out) {
    ThriftField field = {0};
    if (!thrift_begin_struct(reader, outer)) return;
    while (thrift_next_field(reader, &field)) {
        switch (field.id) {
        case 1: out->value_count = thrift_read_i32(reader, &field); break;
        case 2: out->encoding = thrift_read_i32(reader, &field); break;
        case 3: /* of a dictionary page: is_sorted */
            if (outer->id == 5)
                out->definition_encoding = thrift_read_i32(reader, &field);
            else
                thrift_skip(reader, &field);
            break;
        case 4: out->repetition_encoding = thrift_read_i32(reader, &field); break;
        default: thrift_skip(reader, &field); break;
        }
    }
    thrift_end_struct(reader);
}

static void parse_data_header_v2(ThriftReader *reader, const ThriftField *outer, ParquetPageHeader *out) {
    ThriftField field = {0};
    if (!thrift_begin_struct(reader, outer)) return;
    while (thrift_next_field(reader, &field)) {
        switch (field.id) {
        case 1: out->value_count = thrift_read_i32(reader, &field); break;
        case 2: out->null_count = thrift_read_i32(reader, &field); break;
        case 3: out->row_count = thrift_read_i32(reader, &field); break;
        case 4: out->encoding = thrift_read_i32(reader, &field); break;
        case 5: out->definition_bytes = thrift_read_i32(reader, &field); break;
        case 6: out->repetition_bytes = thrift_read_i32(reader, &field); break;
        case 7: out->is_compressed = thrift_read_bool(reader, &field); break;
        default: thrift_skip(reader, &field); break;
        }
    }
    thrift_end_struct(reader);
}

bool parquet_page_header_parse(const uint8_t *data, size_t length, ParquetPageHeader *out) {
    ThriftReader reader;
    ThriftField field = {0};
    *out = (ParquetPageHeader){.type = -1,
                               .value_count = -1,
                               .is_compressed = true,
                               .definition_encoding = ENCODING_RLE,
                               .repetition_encoding = ENCODING_RLE};
    thrift_reader_init(&reader, data, length);
    while (thrift_next_field(&reader, &field)) {
        switch (field.id) {
        case 1: out->type = thrift_read_i32(&reader, &field); break;
        case 2: out->uncompressed_bytes = thrift_read_i32(&reader, &field); break;
        case 3: out->compressed_bytes = thrift_read_i32(&reader, &field); break;
        case 4:
            out->has_crc = true;
            out->crc = (uint32_t)thrift_read_i32(&reader, &field);
            break;
        case 5:
        case 7: parse_data_header(&reader, &field, out); break;
        case 8: parse_data_header_v2(&reader, &field, out); break;
        default: thrift_skip(&reader, &field); break;
        }
    }
    out->header_bytes = (size_t)(reader.next - data);
    return !reader.failed;
}

const char *parquet_encoding_name(int encoding) {
    static const char *const names[] = {
        "PLAIN",          "GROUP_VAR_INT",       "PLAIN_DICTIONARY",        "RLE",
        "BIT_PACKED",     "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY",
        "RLE_DICTIONARY", "BYTE_STREAM_SPLIT"};
    return encoding >= 0 && encoding < 10 ? names[encoding] : "unknown";
}

const char *parquet_codec_name(int codec) {
    static const char *const names[] = {"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO",
                                        "BROTLI",       "LZ4",    "ZSTD", "LZ4_RAW"};
    return codec >= 0 && codec < 8 ? names[codec] : "unknown";
}

const char *parquet_physical_name(int physical) {
    static const char *const names[] = {"BOOLEAN", "INT32",  "INT64",      "INT96",
                                        "FLOAT",   "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"};
    return physical >= 0 && physical < PARQUET_PHYSICAL_COUNT ? names[physical] : "group";
}
