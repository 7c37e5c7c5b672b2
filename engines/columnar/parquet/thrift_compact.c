#include "engines/columnar/parquet/thrift_compact.h"

#include <assert.h>
#include <string.h>

void thrift_reader_init(ThriftReader *reader, const void *data, size_t length) {
    memset(reader, 0, sizeof *reader);
    reader->next = data;
    reader->end = reader->next + length;
}

static void fail(ThriftReader *reader) {
    reader->failed = true;
    reader->next = reader->end;
}

static uint8_t read_byte(ThriftReader *reader) {
    if (reader->next >= reader->end) {
        fail(reader);
        return 0;
    }
    return *reader->next++;
}

static uint64_t read_varint(ThriftReader *reader) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        uint8_t byte = read_byte(reader);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return value;
    }
    fail(reader);
    return 0;
}

static int64_t read_zigzag(ThriftReader *reader) {
    uint64_t value = read_varint(reader);
    return (int64_t)((value >> 1) ^ (0 - (value & 1)));
}

bool thrift_next_field(ThriftReader *reader, ThriftField *field) {
    uint8_t header = read_byte(reader);
    if (reader->failed || (header & 0x0f) == THRIFT_STOP) return false;
    field->type = header & 0x0f;
    int64_t id = header >> 4 ? field->id + (header >> 4) : read_zigzag(reader);
    if (id < INT16_MIN || id > INT16_MAX) fail(reader);
    field->id = (int)id;
    return !reader->failed;
}

bool thrift_read_bool(ThriftReader *reader, const ThriftField *field) {
    if (field->type != THRIFT_TRUE && field->type != THRIFT_FALSE) fail(reader);
    return field->type == THRIFT_TRUE && !reader->failed;
}

int64_t thrift_read_i64(ThriftReader *reader, const ThriftField *field) {
    switch (field->type) {
    case THRIFT_I8: return (int8_t)read_byte(reader);
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64: return read_zigzag(reader);
    default: fail(reader); return 0;
    }
}

int32_t thrift_read_i32(ThriftReader *reader, const ThriftField *field) {
    int64_t value = thrift_read_i64(reader, field);
    if (value < INT32_MIN || value > INT32_MAX) {
        fail(reader);
        return 0;
    }
    return (int32_t)value;
}

static ThriftBytes read_raw_bytes(ThriftReader *reader) {
    uint64_t length = read_varint(reader);
    if (reader->failed || length > (uint64_t)(reader->end - reader->next) || length > UINT32_MAX) {
        fail(reader);
        return (ThriftBytes){0};
    }
    ThriftBytes bytes = {.data = reader->next, .length = (uint32_t)length};
    reader->next += length;
    return bytes;
}

ThriftBytes thrift_read_bytes(ThriftReader *reader, const ThriftField *field) {
    if (field->type != THRIFT_BINARY) {
        fail(reader);
        return (ThriftBytes){0};
    }
    return read_raw_bytes(reader);
}

bool thrift_begin_struct(ThriftReader *reader, const ThriftField *field) {
    if (field->type != THRIFT_STRUCT || reader->depth >= THRIFT_MAX_DEPTH) fail(reader);
    reader->depth++;
    return !reader->failed;
}

void thrift_end_struct(ThriftReader *reader) {
    reader->depth--;
}

uint32_t thrift_begin_list(ThriftReader *reader, const ThriftField *field, ThriftField *element) {
    memset(element, 0, sizeof *element);
    if (field->type != THRIFT_LIST && field->type != THRIFT_SET) {
        fail(reader);
        return 0;
    }
    uint8_t header = read_byte(reader);
    element->type = header & 0x0f;
    uint64_t count = header >> 4 == 15 ? read_varint(reader) : header >> 4;
    if (reader->failed || count > (uint64_t)(reader->end - reader->next)) {
        fail(reader);
        return 0;
    }
    return (uint32_t)count;
}

bool thrift_read_bool_element(ThriftReader *reader) {
    return read_byte(reader) == THRIFT_TRUE;
}

static void skip_value(ThriftReader *reader, uint8_t type, bool in_list, int depth);

static void skip_struct(ThriftReader *reader, int depth) {
    ThriftField field = {0};
    while (thrift_next_field(reader, &field))
        skip_value(reader, field.type, false, depth + 1);
}

static void skip_list(ThriftReader *reader, int depth) {
    ThriftField element, list = {.type = THRIFT_LIST};
    uint32_t count = thrift_begin_list(reader, &list, &element);
    for (uint32_t i = 0; i < count && !reader->failed; i++)
        skip_value(reader, element.type, true, depth + 1);
}

static void skip_map(ThriftReader *reader, int depth) {
    uint64_t count = read_varint(reader);
    if (reader->failed || count == 0) return;
    uint8_t types = read_byte(reader);
    for (uint64_t i = 0; i < count && !reader->failed; i++) {
        skip_value(reader, types >> 4, true, depth + 1);
        skip_value(reader, types & 0x0f, true, depth + 1);
    }
}

static void skip_value(ThriftReader *reader, uint8_t type, bool in_list, int depth) {
    if (depth > THRIFT_MAX_DEPTH) {
        fail(reader);
        return;
    }
    switch (type) {
    case THRIFT_TRUE:
    case THRIFT_FALSE:
        if (in_list) read_byte(reader);
        break;
    case THRIFT_I8: read_byte(reader); break;
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64: read_varint(reader); break;
    case THRIFT_DOUBLE:
        if (reader->end - reader->next < 8)
            fail(reader);
        else
            reader->next += 8;
        break;
    case THRIFT_BINARY: read_raw_bytes(reader); break;
    case THRIFT_LIST:
    case THRIFT_SET: skip_list(reader, depth); break;
    case THRIFT_MAP: skip_map(reader, depth); break;
    case THRIFT_STRUCT: skip_struct(reader, depth); break;
    default: fail(reader); break;
    }
}

void thrift_skip(ThriftReader *reader, const ThriftField *field) {
    skip_value(reader, field->type, false, reader->depth);
}

/* ---- writing ---- */

void thrift_writer_init(ThriftWriter *writer, StrBuf *out) {
    memset(writer, 0, sizeof *writer);
    writer->out = out;
}

static void write_varint(ThriftWriter *writer, uint64_t value) {
    char bytes[10];
    size_t length = 0;
    while (value >= 0x80) {
        bytes[length++] = (char)(value | 0x80);
        value >>= 7;
    }
    bytes[length++] = (char)value;
    strbuf_append(writer->out, bytes, length);
}

static void write_zigzag(ThriftWriter *writer, int64_t value) {
    write_varint(writer, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

static void write_field(ThriftWriter *writer, int id, ThriftType type) {
    int delta = id - writer->last_id[writer->depth];
    if (delta > 0 && delta <= 15) {
        strbuf_append_char(writer->out, (char)(delta << 4 | type));
    } else {
        strbuf_append_char(writer->out, (char)type);
        write_zigzag(writer, id);
    }
    writer->last_id[writer->depth] = id;
}

void thrift_write_bool(ThriftWriter *writer, int id, bool value) {
    write_field(writer, id, value ? THRIFT_TRUE : THRIFT_FALSE);
}

void thrift_write_i8(ThriftWriter *writer, int id, int8_t value) {
    write_field(writer, id, THRIFT_I8);
    strbuf_append_char(writer->out, (char)value);
}

void thrift_write_i16(ThriftWriter *writer, int id, int16_t value) {
    write_field(writer, id, THRIFT_I16);
    write_zigzag(writer, value);
}

void thrift_write_i32(ThriftWriter *writer, int id, int32_t value) {
    write_field(writer, id, THRIFT_I32);
    write_zigzag(writer, value);
}

void thrift_write_i64(ThriftWriter *writer, int id, int64_t value) {
    write_field(writer, id, THRIFT_I64);
    write_zigzag(writer, value);
}

void thrift_write_bytes(ThriftWriter *writer, int id, const void *data, size_t length) {
    write_field(writer, id, THRIFT_BINARY);
    thrift_write_element_bytes(writer, data, length);
}

void thrift_write_text(ThriftWriter *writer, int id, const char *text) {
    thrift_write_bytes(writer, id, text, strlen(text));
}

void thrift_write_element_begin(ThriftWriter *writer) {
    assert(writer->depth + 1 < THRIFT_MAX_DEPTH);
    writer->last_id[++writer->depth] = 0;
}

void thrift_write_struct_begin(ThriftWriter *writer, int id) {
    write_field(writer, id, THRIFT_STRUCT);
    thrift_write_element_begin(writer);
}

void thrift_write_stop(ThriftWriter *writer) {
    strbuf_append_char(writer->out, THRIFT_STOP);
    if (writer->depth > 0) writer->depth--;
}

void thrift_write_struct_end(ThriftWriter *writer) {
    thrift_write_stop(writer);
}

void thrift_write_empty_struct(ThriftWriter *writer, int id) {
    thrift_write_struct_begin(writer, id);
    thrift_write_struct_end(writer);
}

void thrift_write_list_begin(ThriftWriter *writer, int id, ThriftType element, size_t count) {
    write_field(writer, id, THRIFT_LIST);
    if (count < 15) {
        strbuf_append_char(writer->out, (char)(count << 4 | element));
    } else {
        strbuf_append_char(writer->out, (char)(0xf0 | element));
        write_varint(writer, count);
    }
}

void thrift_write_element_i32(ThriftWriter *writer, int32_t value) {
    write_zigzag(writer, value);
}

void thrift_write_element_i64(ThriftWriter *writer, int64_t value) {
    write_zigzag(writer, value);
}

void thrift_write_element_bool(ThriftWriter *writer, bool value) {
    strbuf_append_char(writer->out, (char)(value ? THRIFT_TRUE : THRIFT_FALSE));
}

void thrift_write_element_bytes(ThriftWriter *writer, const void *data, size_t length) {
    write_varint(writer, length);
    strbuf_append(writer->out, data, length);
}
