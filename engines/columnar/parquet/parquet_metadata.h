/* The footer as parsed: what parquet_file.c, the statistics and the page decoders share. Format:
 * parquet.thrift of the Apache Parquet specification. Inside this folder only. */
#pragma once

#include "engines/base/arena.h"
#include "engines/base/error.h"
#include "engines/columnar/parquet/parquet_reader.h"
#include "engines/columnar/parquet/thrift_compact.h"

typedef enum ParquetPhysical {
    PARQUET_BOOLEAN,
    PARQUET_INT32,
    PARQUET_INT64,
    PARQUET_INT96,
    PARQUET_FLOAT,
    PARQUET_DOUBLE,
    PARQUET_BYTE_ARRAY,
    PARQUET_FIXED,
    PARQUET_PHYSICAL_COUNT
} ParquetPhysical;

typedef enum ParquetEncoding {
    ENCODING_PLAIN = 0,
    ENCODING_PLAIN_DICTIONARY = 2,
    ENCODING_RLE = 3,
    ENCODING_BIT_PACKED = 4,
    ENCODING_DELTA_BINARY_PACKED = 5,
    ENCODING_DELTA_LENGTH_BYTE_ARRAY = 6,
    ENCODING_DELTA_BYTE_ARRAY = 7,
    ENCODING_RLE_DICTIONARY = 8,
    ENCODING_BYTE_STREAM_SPLIT = 9
} ParquetEncoding;

typedef enum ParquetCodec {
    CODEC_NONE = 0,
    CODEC_SNAPPY = 1,
    CODEC_GZIP = 2,
    CODEC_LZO = 3,
    CODEC_BROTLI = 4,
    CODEC_LZ4_HADOOP = 5,
    CODEC_ZSTD = 6,
    CODEC_LZ4_RAW = 7
} ParquetCodec;

typedef enum ParquetPageType {
    PAGE_DATA = 0,
    PAGE_INDEX = 1,
    PAGE_DICTIONARY = 2,
    PAGE_DATA_V2 = 3
} ParquetPageType;

enum {
    CONVERTED_UTF8 = 0,
    CONVERTED_ENUM = 4,
    CONVERTED_DECIMAL = 5,
    CONVERTED_DATE = 6,
    CONVERTED_TIME_MILLIS = 7,
    CONVERTED_TIME_MICROS = 8,
    CONVERTED_TIMESTAMP_MILLIS = 9,
    CONVERTED_TIMESTAMP_MICROS = 10,
    CONVERTED_UINT_8 = 11,
    CONVERTED_UINT_16 = 12,
    CONVERTED_UINT_32 = 13,
    CONVERTED_UINT_64 = 14,
    CONVERTED_INT_8 = 15,
    CONVERTED_INT_16 = 16,
    CONVERTED_INT_32 = 17,
    CONVERTED_INT_64 = 18,
    CONVERTED_JSON = 19,
    CONVERTED_BSON = 20,
    CONVERTED_INTERVAL = 21
};

enum {
    LOGICAL_STRING = 1,
    LOGICAL_MAP = 2,
    LOGICAL_LIST = 3,
    LOGICAL_ENUM = 4,
    LOGICAL_DECIMAL = 5,
    LOGICAL_DATE = 6,
    LOGICAL_TIME = 7,
    LOGICAL_TIMESTAMP = 8,
    LOGICAL_INTEGER = 10,
    LOGICAL_UNKNOWN = 11,
    LOGICAL_JSON = 12,
    LOGICAL_BSON = 13,
    LOGICAL_UUID = 14,
    LOGICAL_FLOAT16 = 15,
    LOGICAL_VARIANT = 16
};

enum { TIME_UNIT_MILLIS = 1, TIME_UNIT_MICROS = 2, TIME_UNIT_NANOS = 3 };

/* How stored values become the vector's physical type. */
typedef enum ParquetConversion {
    CONVERT_NONE, /* nested or unsupported */
    CONVERT_BOOL,
    CONVERT_SAME, /* the stored bytes are the value */
    CONVERT_I32_I16,
    CONVERT_U8_I16,
    CONVERT_U16_I32,
    CONVERT_U32_I64,
    CONVERT_I32_I64,
    CONVERT_I32_I128,
    CONVERT_I32_MILLIS,
    CONVERT_I64_MILLIS,
    CONVERT_I64_NANOS,
    CONVERT_I64_I128,
    CONVERT_U64_I128,
    CONVERT_INT96,
    CONVERT_FLOAT16,
    CONVERT_STRING,       /* BYTE_ARRAY */
    CONVERT_FIXED_STRING, /* FIXED_LEN_BYTE_ARRAY kept as bytes */
    CONVERT_DECIMAL_I64,  /* big-endian bytes, either byte array */
    CONVERT_DECIMAL_I128,
    CONVERT_INTERVAL
} ParquetConversion;

typedef struct SchemaElement {
    int physical; /* -1 for groups */
    int type_length;
    int repetition; /* 0 required, 1 optional, 2 repeated */
    int child_count;
    int converted; /* -1 none */
    int logical;   /* union member, 0 none */
    int scale, precision;
    int time_unit;
    bool utc_adjusted;
    int integer_bits;
    bool integer_signed;
    int field_id;
    const char *name;
} SchemaElement;

/* Order of min_value/max_value, from column_orders. */
typedef enum ParquetOrder { ORDER_UNDEFINED, ORDER_TYPE_DEFINED, ORDER_IEEE754_TOTAL } ParquetOrder;

typedef struct ParquetLeaf {
    ParquetPhysical physical;
    int type_length; /* bytes of one stored value, 0 for BYTE_ARRAY and BOOLEAN */
    bool optional;
    bool nested; /* within groups or repeated: pages keep their levels, and values without NULLs */
    uint8_t max_definition, max_repetition; /* when nested */
    ParquetConversion conversion;
    SqlType type;
    PhysicalType vector_physical;
    ParquetOrder order;
} ParquetLeaf;

typedef struct NestedNode NestedNode; /* parquet_nested.h */

typedef struct ParquetStatistics {
    ThriftBytes min, max;               /* deprecated fields: signed comparison */
    ThriftBytes min_value, max_value;   /* by column order */
    int64_t null_count, distinct_count; /* -1 unknown */
    int64_t nan_count;                  /* floats, -1 unknown */
    int8_t min_exact, max_exact;        /* -1 not said */
} ParquetStatistics;

typedef struct ParquetChunk {
    int physical;
    int codec;
    int64_t value_count;
    int64_t compressed_bytes, uncompressed_bytes;
    int64_t data_page_offset;
    int64_t dictionary_page_offset; /* 0 = not told */
    int64_t offset_index_offset, column_index_offset;
    int32_t offset_index_bytes, column_index_bytes;
    int64_t bloom_offset;  /* 0 = no bloom filter */
    uint32_t encodings;    /* bit per ParquetEncoding */
    int8_t all_dictionary; /* from encoding_stats: 1 yes, 0 no, -1 not told */
    bool encrypted;
    bool external; /* file_path set: the data is in another file */
    bool present;  /* meta_data was there */
    ParquetStatistics statistics;
} ParquetChunk;

typedef struct ParquetRowGroup {
    int64_t row_count;
    int64_t total_bytes;
    ParquetChunk *chunks; /* one per leaf */
} ParquetRowGroup;

typedef struct ParquetKeyValue {
    const char *key;
    const char *value;
} ParquetKeyValue;

typedef struct ParquetMetadata {
    int version;
    int64_t row_count;
    const char *created_by;
    bool encryption;
    SchemaElement *schema; /* depth first, root first */
    int schema_count;
    ParquetColumn *columns; /* top level */
    int *column_first_leaf;
    int *column_leaf_count;
    NestedNode **column_trees; /* NULL for flat columns */
    int column_count;
    ParquetLeaf *leaves;
    int leaf_count;
    ParquetRowGroup *row_groups;
    int row_group_count;
    ParquetKeyValue *key_values;
    int key_value_count;
} ParquetMetadata;

typedef struct ParquetPageHeader {
    int type;
    int32_t uncompressed_bytes, compressed_bytes;
    bool has_crc;
    uint32_t crc;
    int32_t value_count; /* with NULLs */
    int32_t null_count;  /* v2 */
    int32_t row_count;   /* v2 */
    int encoding;
    int definition_encoding, repetition_encoding;
    int32_t definition_bytes, repetition_bytes; /* v2 */
    bool is_compressed;                         /* v2 */
    size_t header_bytes;
} ParquetPageHeader;

/* "<path>: <what>" with SQLSTATE XX001. */
Status parquet_corrupt(Error *err, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with 0A000. */
Status parquet_unsupported(Error *err, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Parses the footer's bytes, which must outlive `out`: statistics point into them. */
Status parquet_metadata_parse(const char *path, const uint8_t *footer, size_t footer_bytes, Arena *arena,
                              ParquetMetadata *out, Error *err);
/* Fills columns and leaves from `schema`. */
Status parquet_schema_resolve(const char *path, ParquetMetadata *metadata, Arena *arena, Error *err);
/* False when the bytes end before the header does (then more bytes may help) or it is malformed. */
bool parquet_page_header_parse(const uint8_t *data, size_t length, ParquetPageHeader *out);

/* Bounds of one chunk or page as the vector's physical type. `statistics` may be NULL. String bounds point
 * into the footer. */
void parquet_statistics_resolve(const ParquetLeaf *leaf, const ParquetStatistics *statistics,
                                ParquetColumnStats *out);

const char *parquet_encoding_name(int encoding);
const char *parquet_codec_name(int codec);
const char *parquet_physical_name(int physical);
