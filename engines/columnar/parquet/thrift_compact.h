/* Thrift's compact protocol (Apache Thrift, doc/specs/thrift-compact-protocol.md), as far as Parquet uses it.
 *
 * Reading: a ThriftReader over bytes that are not trusted. An error is sticky (`failed`): after it every read
 * gives zero and every loop ends, so callers check once at the end.
 *
 *   ThriftField field = {0};
 *   while (thrift_next_field(&reader, &field))
 *       switch (field.id) { case 1: x = thrift_read_i64(&reader, &field); break; default:
 * thrift_skip(&reader, &field); }
 *
 * Writing: a ThriftWriter over a StrBuf; struct nesting by begin/end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engines/base/strbuf.h"

typedef enum ThriftType {
    THRIFT_STOP = 0,
    THRIFT_TRUE = 1,
    THRIFT_FALSE = 2,
    THRIFT_I8 = 3,
    THRIFT_I16 = 4,
    THRIFT_I32 = 5,
    THRIFT_I64 = 6,
    THRIFT_DOUBLE = 7,
    THRIFT_BINARY = 8,
    THRIFT_LIST = 9,
    THRIFT_SET = 10,
    THRIFT_MAP = 11,
    THRIFT_STRUCT = 12
} ThriftType;

typedef struct ThriftReader {
    const uint8_t *next;
    const uint8_t *end;
    int depth;
    bool failed;
} ThriftReader;

typedef struct ThriftField {
    int id; /* of the last field read; start with 0 */
    uint8_t type;
} ThriftField;

typedef struct ThriftBytes {
    const uint8_t *data; /* into the reader's bytes; NULL when absent */
    uint32_t length;
} ThriftBytes;

void thrift_reader_init(ThriftReader *reader, const void *data, size_t length);
/* False at the struct's end or after an error. */
bool thrift_next_field(ThriftReader *reader, ThriftField *field);
/* Each fails when the field is of another type. */
bool thrift_read_bool(ThriftReader *reader, const ThriftField *field);
int64_t thrift_read_i64(ThriftReader *reader, const ThriftField *field); /* i8, i16, i32, i64 */
int32_t thrift_read_i32(ThriftReader *reader, const ThriftField *field);
ThriftBytes thrift_read_bytes(ThriftReader *reader, const ThriftField *field);
/* A struct field: loop thrift_next_field with a fresh ThriftField until false, then thrift_end_struct. */
bool thrift_begin_struct(ThriftReader *reader, const ThriftField *field);
void thrift_end_struct(ThriftReader *reader);
/* A list field: number of elements, each at least one byte long, hence bounded by the bytes left. `element`
 * receives the pseudo field to read every element with. */
uint32_t thrift_begin_list(ThriftReader *reader, const ThriftField *field, ThriftField *element);
/* Element of a list<bool>: one byte, unlike a field. */
bool thrift_read_bool_element(ThriftReader *reader);
void thrift_skip(ThriftReader *reader, const ThriftField *field);

enum { THRIFT_MAX_DEPTH = 32 };

typedef struct ThriftWriter {
    StrBuf *out;
    int depth;
    int last_id[THRIFT_MAX_DEPTH];
} ThriftWriter;

void thrift_writer_init(ThriftWriter *writer, StrBuf *out);
void thrift_write_bool(ThriftWriter *writer, int id, bool value);
void thrift_write_i8(ThriftWriter *writer, int id, int8_t value);
void thrift_write_i16(ThriftWriter *writer, int id, int16_t value);
void thrift_write_i32(ThriftWriter *writer, int id, int32_t value);
void thrift_write_i64(ThriftWriter *writer, int id, int64_t value);
void thrift_write_bytes(ThriftWriter *writer, int id, const void *data, size_t length);
void thrift_write_text(ThriftWriter *writer, int id, const char *text);
void thrift_write_struct_begin(ThriftWriter *writer, int id);
void thrift_write_struct_end(ThriftWriter *writer);
void thrift_write_empty_struct(ThriftWriter *writer, int id);
void thrift_write_list_begin(ThriftWriter *writer, int id, ThriftType element, size_t count);
/* List elements. */
void thrift_write_element_i32(ThriftWriter *writer, int32_t value);
void thrift_write_element_i64(ThriftWriter *writer, int64_t value);
void thrift_write_element_bool(ThriftWriter *writer, bool value);
void thrift_write_element_bytes(ThriftWriter *writer, const void *data, size_t length);
void thrift_write_element_begin(ThriftWriter *writer);
/* Ends an element struct or the outermost struct. */
void thrift_write_stop(ThriftWriter *writer);
