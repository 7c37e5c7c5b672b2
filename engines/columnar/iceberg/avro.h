/* Avro object container files (Apache Avro 1.11 specification, "Object Container Files"), as Iceberg's
 * manifests and manifest lists need them: schemas keep attributes such as "field-id", files carry own
 * metadata, codecs null, deflate, zstandard and (read only) snappy.
 *
 * Reading: avro_file_open → avro_file_next until `more` is false; fields are then found by name. The input
 * may be anything: every length is checked, nesting and the number of values are bounded by the file's own
 * size. Writing: encode the values of each record with avro_put_* in schema order into one block, then
 * avro_container_write.
 */
#pragma once

#include "engines/base/arena.h"
#include "engines/base/error.h"
#include "engines/base/strbuf.h"

typedef enum AvroKind {
    AVRO_NULL,
    AVRO_BOOLEAN,
    AVRO_INT,
    AVRO_LONG,
    AVRO_FLOAT,
    AVRO_DOUBLE,
    AVRO_BYTES,
    AVRO_STRING,
    AVRO_FIXED,
    AVRO_ENUM,
    AVRO_RECORD,
    AVRO_ARRAY,
    AVRO_MAP,  /* items are key, value, key, value ... */
    AVRO_UNION /* in schemas only: a value has the kind of its branch */
} AvroKind;

typedef struct AvroSchema AvroSchema;

typedef struct AvroValue {
    uint8_t kind;
    int count; /* RECORD, ARRAY, MAP: items */
    const AvroSchema *schema;
    union {
        int64_t integer; /* BOOLEAN, INT, LONG, ENUM (index) */
        double real;
        struct {
            const char *data;
            size_t length;
        } bytes; /* BYTES, STRING, FIXED */
        struct AvroValue *items;
    };
} AvroValue;

typedef struct AvroFile {
    const char *name; /* for errors */
    const unsigned char *data;
    size_t bytes, offset;
    const AvroSchema *schema;
    AvroValue metadata; /* MAP */
    int codec;
    unsigned char sync[16];
    const unsigned char *block; /* decompressed */
    size_t block_bytes, block_offset;
    int64_t block_remaining; /* records */
    int64_t value_budget;
    size_t plain_room; /* that blocks may still decompress to */
    Arena *arena;
} AvroFile;

/* `data` and `arena` must outlive the file and its values; strings of values point into them. */
Status avro_file_open(const void *data, size_t bytes, const char *name, Arena *arena, AvroFile *out,
                      Error *err);
Status avro_file_next(AvroFile *file, AvroValue *out, bool *more, Error *err);
/* Bytes of a metadata key, or NULL. Not NUL-terminated. */
const char *avro_file_metadata(const AvroFile *file, const char *key, size_t *length);

/* A record's field; NULL when the schema has none of that name. */
const AvroValue *avro_record_field(const AvroValue *record, const char *name);
/* The field whose attribute "field-id" is `id`; NULL when there is none. */
const AvroValue *avro_record_field_by_id(const AvroValue *record, int64_t id);
/* The integer in a field, `fallback` when it is absent, null or of another kind. */
int64_t avro_field_integer(const AvroValue *record, const char *name, int64_t fallback);

void avro_put_long(StrBuf *out, int64_t value);                    /* int, long, union branch, counts */
void avro_put_bytes(StrBuf *out, const void *data, size_t length); /* bytes, string */
static inline void avro_put_string(StrBuf *out, const char *text) {
    avro_put_bytes(out, text, __builtin_strlen(text));
}

typedef enum AvroCodec {
    AVRO_CODEC_NULL,
    AVRO_CODEC_DEFLATE,
    AVRO_CODEC_ZSTANDARD,
    AVRO_CODEC_SNAPPY /* never written */
} AvroCodec;
/* `metadata`: key, value, ..., NULL. Appends a whole file with one block of `count` records to `out`. */
Status avro_container_write(StrBuf *out, const char *schema_json, const char *const *metadata,
                            AvroCodec codec, const StrBuf *block, int64_t count, Error *err);
