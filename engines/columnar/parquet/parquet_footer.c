/* Footer, column index and offset index as bytes. */
#include <string.h>

#include "engines/columnar/parquet/parquet_write.h"

#ifndef SIGNALBOX_BUILD
#define SIGNALBOX_BUILD "release"
#endif

static bool is_float(const ParquetStorage *storage) {
    return storage->vector_physical == PHYS_F32 || storage->vector_physical == PHYS_F64;
}

/* Bounds leave NaN out; readers that sort it highest would prune wrongly, so none are written beside one. */
static bool has_bounds(const ParquetBounds *bounds) {
    return bounds->any && bounds->nan_count == 0;
}

static void bound_bytes(const ParquetStorage *storage, const ParquetBounds *bounds, bool upper, StrBuf *out,
                        bool *exact) {
    strbuf_reset(out);
    parquet_bound_write(storage->type, storage->vector_physical, storage->bytes,
                        upper ? &bounds->max : &bounds->min, upper, out, exact);
}

static void write_statistics(ThriftWriter *writer, int id, const ParquetStorage *storage,
                             const WrittenChunk *chunk) {
    const ParquetBounds *bounds = &chunk->bounds;
    bool exact_min = true, exact_max = true;
    StrBuf bytes;
    strbuf_init(&bytes);
    thrift_write_struct_begin(writer, id);
    thrift_write_i64(writer, 3, bounds->null_count);
    if (chunk->distinct_count >= 0) thrift_write_i64(writer, 4, chunk->distinct_count);
    if (has_bounds(bounds)) {
        bound_bytes(storage, bounds, true, &bytes, &exact_max);
        thrift_write_bytes(writer, 5, strbuf_text(&bytes), bytes.length);
        bound_bytes(storage, bounds, false, &bytes, &exact_min);
        thrift_write_bytes(writer, 6, strbuf_text(&bytes), bytes.length);
        thrift_write_bool(writer, 7, exact_max);
        thrift_write_bool(writer, 8, exact_min);
    }
    if (is_float(storage)) thrift_write_i64(writer, 9, bounds->nan_count);
    thrift_write_struct_end(writer);
    strbuf_deinit(&bytes);
}

/* No index for a column with NaN: the format has no place for one. */
void parquet_write_column_index(const ParquetStorage *storage, const WrittenChunk *chunk, StrBuf *out) {
    ThriftWriter writer;
    StrBuf bytes;
    size_t pages = (size_t)chunk->page_count;
    bool exact;
    if (chunk->bounds.nan_count > 0) return;
    strbuf_init(&bytes);
    thrift_writer_init(&writer, out);
    thrift_write_list_begin(&writer, 1, THRIFT_TRUE, pages);
    for (size_t i = 0; i < pages; i++)
        thrift_write_element_bool(&writer, !chunk->pages[i].bounds.any);
    for (int upper = 0; upper < 2; upper++) {
        thrift_write_list_begin(&writer, 2 + upper, THRIFT_BINARY, pages);
        for (size_t i = 0; i < pages; i++) {
            strbuf_reset(&bytes);
            if (chunk->pages[i].bounds.any)
                bound_bytes(storage, &chunk->pages[i].bounds, upper, &bytes, &exact);
            thrift_write_element_bytes(&writer, strbuf_text(&bytes), bytes.length);
        }
    }
    thrift_write_i32(&writer, 4, chunk->page_order);
    thrift_write_list_begin(&writer, 5, THRIFT_I64, pages);
    for (size_t i = 0; i < pages; i++)
        thrift_write_element_i64(&writer, chunk->pages[i].bounds.null_count);
    thrift_write_stop(&writer);
    strbuf_deinit(&bytes);
}

void parquet_write_offset_index(const WrittenChunk *chunk, StrBuf *out) {
    ThriftWriter writer;
    thrift_writer_init(&writer, out);
    thrift_write_list_begin(&writer, 1, THRIFT_STRUCT, (size_t)chunk->page_count);
    for (int i = 0; i < chunk->page_count; i++) {
        thrift_write_element_begin(&writer);
        thrift_write_i64(&writer, 1, chunk->pages[i].offset);
        thrift_write_i32(&writer, 2, chunk->pages[i].bytes);
        thrift_write_i64(&writer, 3, chunk->pages[i].first_row);
        thrift_write_stop(&writer);
    }
    thrift_write_stop(&writer);
}

/* ---- schema ---- */

static void write_time_type(ThriftWriter *writer, int member, bool utc) {
    thrift_write_struct_begin(writer, member);
    thrift_write_bool(writer, 1, utc);
    thrift_write_struct_begin(writer, 2);
    thrift_write_empty_struct(writer, TIME_UNIT_MICROS);
    thrift_write_struct_end(writer);
    thrift_write_struct_end(writer);
}

static int logical_of(SqlType type) {
    switch (type.id) {
    case SQL_BOOL:
    case SQL_INT4:
    case SQL_INT8:
    case SQL_OID:
    case SQL_FLOAT4:
    case SQL_FLOAT8:
    case SQL_BYTEA: return 0;
    case SQL_INT2: return LOGICAL_INTEGER;
    case SQL_NUMERIC: return LOGICAL_DECIMAL;
    case SQL_DATE: return LOGICAL_DATE;
    case SQL_TIME: return LOGICAL_TIME;
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ: return LOGICAL_TIMESTAMP;
    case SQL_UUID: return LOGICAL_UUID;
    case SQL_JSON:
    case SQL_JSONB:
    case SQL_RECORD: return LOGICAL_JSON;
    default: return LOGICAL_STRING;
    }
}

/* The older annotation, for readers that do not know the logical types; -1 = none says the same. */
static int converted_of(SqlType type, int logical) {
    switch (logical) {
    case LOGICAL_STRING: return CONVERTED_UTF8;
    case LOGICAL_DECIMAL: return CONVERTED_DECIMAL;
    case LOGICAL_DATE: return CONVERTED_DATE;
    case LOGICAL_INTEGER: return CONVERTED_INT_16;
    case LOGICAL_JSON: return CONVERTED_JSON;
    case LOGICAL_TIMESTAMP: return type.id == SQL_TIMESTAMPTZ ? CONVERTED_TIMESTAMP_MICROS : -1;
    default: return -1;
    }
}

static void write_logical_type(ThriftWriter *writer, const ParquetStorage *storage, int logical) {
    thrift_write_struct_begin(writer, 10);
    switch (logical) {
    case LOGICAL_DECIMAL:
        thrift_write_struct_begin(writer, LOGICAL_DECIMAL);
        thrift_write_i32(writer, 1, storage->decimal_scale);
        thrift_write_i32(writer, 2, storage->decimal_precision);
        thrift_write_struct_end(writer);
        break;
    case LOGICAL_INTEGER:
        thrift_write_struct_begin(writer, LOGICAL_INTEGER);
        thrift_write_i8(writer, 1, 16);
        thrift_write_bool(writer, 2, true);
        thrift_write_struct_end(writer);
        break;
    case LOGICAL_TIME:
    case LOGICAL_TIMESTAMP: write_time_type(writer, logical, storage->type.id == SQL_TIMESTAMPTZ); break;
    default: thrift_write_empty_struct(writer, logical); break;
    }
    thrift_write_struct_end(writer);
}

static void write_leaf_element(ThriftWriter *writer, const ParquetStorage *storage, const char *name,
                               bool nullable, int field_id) {
    int logical = logical_of(storage->type), converted = converted_of(storage->type, logical);
    thrift_write_element_begin(writer);
    thrift_write_i32(writer, 1, (int32_t)storage->physical);
    if (storage->physical == PARQUET_FIXED) thrift_write_i32(writer, 2, storage->bytes);
    thrift_write_i32(writer, 3, nullable ? 1 : 0);
    thrift_write_text(writer, 4, name);
    if (converted >= 0) thrift_write_i32(writer, 6, converted);
    if (logical == LOGICAL_DECIMAL) {
        thrift_write_i32(writer, 7, storage->decimal_scale);
        thrift_write_i32(writer, 8, storage->decimal_precision);
    }
    if (field_id >= 0) thrift_write_i32(writer, 9, field_id);
    if (logical) write_logical_type(writer, storage, logical);
    thrift_write_stop(writer);
}

/* The three-level form that all readers take. */
static void write_list_elements(ThriftWriter *writer, const ParquetWriterColumn *column,
                                const ParquetStorage *storage) {
    enum { CONVERTED_LIST = 3, REPEATED = 2 };
    thrift_write_element_begin(writer);
    thrift_write_i32(writer, 3, column->nullable ? 1 : 0);
    thrift_write_text(writer, 4, column->name);
    thrift_write_i32(writer, 5, 1);
    thrift_write_i32(writer, 6, CONVERTED_LIST);
    if (column->field_id >= 0) thrift_write_i32(writer, 9, column->field_id);
    thrift_write_struct_begin(writer, 10);
    thrift_write_empty_struct(writer, LOGICAL_LIST);
    thrift_write_struct_end(writer);
    thrift_write_stop(writer);
    thrift_write_element_begin(writer);
    thrift_write_i32(writer, 3, REPEATED);
    thrift_write_text(writer, 4, "list");
    thrift_write_i32(writer, 5, 1);
    thrift_write_stop(writer);
    write_leaf_element(writer, storage, "element", true, storage->element_field_id);
}

static void write_schema(ThriftWriter *writer, const FooterInput *input) {
    size_t elements = 1;
    for (int i = 0; i < input->column_count; i++)
        elements += input->storages[i].list ? 3 : 1;
    thrift_write_list_begin(writer, 2, THRIFT_STRUCT, elements);
    thrift_write_element_begin(writer);
    thrift_write_text(writer, 4, "schema");
    thrift_write_i32(writer, 5, input->column_count);
    thrift_write_stop(writer);
    for (int i = 0; i < input->column_count; i++) {
        const ParquetWriterColumn *column = &input->columns[i];
        if (input->storages[i].list)
            write_list_elements(writer, column, &input->storages[i]);
        else
            write_leaf_element(writer, &input->storages[i], column->name, column->nullable, column->field_id);
    }
}

/* ---- row groups ---- */

static void write_encoding_stats(ThriftWriter *writer, const WrittenChunk *chunk) {
    bool dictionary = chunk->dictionary_offset > 0;
    thrift_write_list_begin(writer, 13, THRIFT_STRUCT, dictionary ? 2 : 1);
    for (int i = dictionary ? 0 : 1; i < 2; i++) {
        thrift_write_element_begin(writer);
        thrift_write_i32(writer, 1, i == 0 ? PAGE_DICTIONARY : PAGE_DATA);
        thrift_write_i32(writer, 2, i == 0 ? ENCODING_PLAIN : chunk->encoding);
        thrift_write_i32(writer, 3, i == 0 ? 1 : chunk->page_count);
        thrift_write_stop(writer);
    }
}

static void write_chunk(ThriftWriter *writer, const ParquetWriterColumn *column,
                        const ParquetStorage *storage, const WrittenChunk *chunk) {
    bool dictionary = chunk->dictionary_offset > 0;
    thrift_write_element_begin(writer);
    thrift_write_i64(writer, 2, 0); /* file_offset: deprecated, 0 as others write it now */
    thrift_write_struct_begin(writer, 3);
    thrift_write_i32(writer, 1, (int32_t)storage->physical);
    bool plain_too = dictionary && chunk->encoding != ENCODING_PLAIN;
    thrift_write_list_begin(writer, 2, THRIFT_I32, plain_too ? 3 : 2);
    if (plain_too) thrift_write_element_i32(writer, ENCODING_PLAIN);
    thrift_write_element_i32(writer, ENCODING_RLE);
    thrift_write_element_i32(writer, chunk->encoding);
    thrift_write_list_begin(writer, 3, THRIFT_BINARY, storage->list ? 3 : 1);
    thrift_write_element_bytes(writer, column->name, strlen(column->name));
    if (storage->list) {
        thrift_write_element_bytes(writer, "list", 4);
        thrift_write_element_bytes(writer, "element", 7);
    }
    thrift_write_i32(writer, 4, chunk->codec);
    thrift_write_i64(writer, 5, chunk->value_count);
    thrift_write_i64(writer, 6, chunk->uncompressed_bytes);
    thrift_write_i64(writer, 7, chunk->compressed_bytes);
    thrift_write_i64(writer, 9, chunk->data_offset);
    if (dictionary) thrift_write_i64(writer, 11, chunk->dictionary_offset);
    write_statistics(writer, 12, storage, chunk);
    write_encoding_stats(writer, chunk);
    if (chunk->bloom_offset > 0) {
        thrift_write_i64(writer, 14, chunk->bloom_offset);
        thrift_write_i32(writer, 15, chunk->bloom_bytes);
    }
    thrift_write_struct_end(writer);
    thrift_write_i64(writer, 4, chunk->offset_index_offset);
    thrift_write_i32(writer, 5, chunk->offset_index_bytes);
    if (chunk->column_index_bytes > 0) {
        thrift_write_i64(writer, 6, chunk->column_index_offset);
        thrift_write_i32(writer, 7, chunk->column_index_bytes);
    }
    thrift_write_stop(writer);
}

static void write_sorting(ThriftWriter *writer, const FooterInput *input) {
    thrift_write_list_begin(writer, 4, THRIFT_STRUCT, (size_t)input->sorted_by_count);
    for (int i = 0; i < input->sorted_by_count; i++) {
        thrift_write_element_begin(writer);
        thrift_write_i32(writer, 1, input->sorted_by[i].column);
        thrift_write_bool(writer, 2, input->sorted_by[i].descending);
        thrift_write_bool(writer, 3, input->sorted_by[i].nulls_first);
        thrift_write_stop(writer);
    }
}

static void write_row_group(ThriftWriter *writer, const FooterInput *input, int group) {
    const WrittenChunk *chunks = input->chunks + (size_t)group * (size_t)input->column_count;
    int64_t raw = 0, packed = 0;
    thrift_write_element_begin(writer);
    thrift_write_list_begin(writer, 1, THRIFT_STRUCT, (size_t)input->column_count);
    for (int i = 0; i < input->column_count; i++) {
        write_chunk(writer, &input->columns[i], &input->storages[i], &chunks[i]);
        raw += chunks[i].uncompressed_bytes;
        packed += chunks[i].compressed_bytes;
    }
    thrift_write_i64(writer, 2, raw);
    thrift_write_i64(writer, 3, input->group_rows[group]);
    if (input->sorted_by_count > 0) write_sorting(writer, input);
    if (input->column_count > 0) thrift_write_i64(writer, 5, chunks[0].first_offset);
    thrift_write_i64(writer, 6, packed);
    if (group <= INT16_MAX) thrift_write_i16(writer, 7, (int16_t)group);
    thrift_write_stop(writer);
}

static void write_sketch(ThriftWriter *writer, const FooterInput *input, int column) {
    StrBuf key, text;
    strbuf_init(&key);
    strbuf_init(&text);
    strbuf_printf(&key, "%s%s", DISTINCT_SKETCH_KEY, input->columns[column].name);
    distinct_sketch_encode(&input->buffers[column].sketch, &text);
    thrift_write_element_begin(writer);
    thrift_write_text(writer, 1, strbuf_text(&key));
    thrift_write_text(writer, 2, strbuf_text(&text));
    thrift_write_stop(writer);
    strbuf_deinit(&key);
    strbuf_deinit(&text);
}

static bool has_words(const FooterInput *input, int column) {
    bool any = false;
    for (int g = 0; input->words && g < input->group_count && !any; g++)
        any = input->chunks[(size_t)g * (size_t)input->column_count + (size_t)column].words.offset > 0;
    return any;
}

static void write_words(ThriftWriter *writer, const FooterInput *input, int column) {
    StrBuf key, text;
    strbuf_init(&key);
    strbuf_init(&text);
    strbuf_printf(&key, "%s%s", WORDS_KEY, input->columns[column].name);
    parquet_words_start_text(input->words->version, &text);
    for (int g = 0; g < input->group_count; g++)
        parquet_words_add_text(&input->chunks[(size_t)g * (size_t)input->column_count + (size_t)column].words,
                               &text);
    thrift_write_element_begin(writer);
    thrift_write_text(writer, 1, strbuf_text(&key));
    thrift_write_text(writer, 2, strbuf_text(&text));
    thrift_write_stop(writer);
    strbuf_deinit(&key);
    strbuf_deinit(&text);
}

static void write_key_values(ThriftWriter *writer, const FooterInput *input) {
    const char *const *metadata = input->metadata;
    size_t pairs = 0, sketches = input->buffers ? (size_t)input->column_count : 0;
    while (metadata && metadata[2 * pairs])
        pairs++;
    size_t words = 0;
    for (int i = 0; i < input->column_count; i++)
        words += has_words(input, i);
    if (pairs + sketches + words == 0) return;
    thrift_write_list_begin(writer, 5, THRIFT_STRUCT, pairs + sketches + words);
    for (size_t i = 0; i < pairs; i++) {
        thrift_write_element_begin(writer);
        thrift_write_text(writer, 1, metadata[2 * i]);
        thrift_write_text(writer, 2, metadata[2 * i + 1]);
        thrift_write_stop(writer);
    }
    for (size_t i = 0; i < sketches; i++)
        write_sketch(writer, input, (int)i);
    for (int i = 0; i < input->column_count; i++)
        if (has_words(input, i)) write_words(writer, input, i);
}

void parquet_write_footer(const FooterInput *input, StrBuf *out) {
    ThriftWriter writer;
    int64_t rows = 0;
    for (int g = 0; g < input->group_count; g++)
        rows += input->group_rows[g];
    thrift_writer_init(&writer, out);
    thrift_write_i32(&writer, 1, 2);
    write_schema(&writer, input);
    thrift_write_i64(&writer, 3, rows);
    thrift_write_list_begin(&writer, 4, THRIFT_STRUCT, (size_t)input->group_count);
    for (int g = 0; g < input->group_count; g++)
        write_row_group(&writer, input, g);
    write_key_values(&writer, input);
    thrift_write_text(&writer, 6, "signalbox version " SIGNALBOX_VERSION " (build " SIGNALBOX_BUILD ")");
    thrift_write_list_begin(&writer, 7, THRIFT_STRUCT, (size_t)input->column_count);
    for (int i = 0; i < input->column_count; i++) {
        thrift_write_element_begin(&writer);
        thrift_write_empty_struct(&writer, 1);
        thrift_write_stop(&writer);
    }
    thrift_write_stop(&writer);
}
