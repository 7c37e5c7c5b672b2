/* One column of the row group being written: rows collected, then encoded as a chunk. Inside this folder
 * only. */
#pragma once

#include <zstd.h>

#include "engines/base/arena.h"
#include "engines/columnar/parquet/parquet_bounds.h"
#include "engines/columnar/parquet/parquet_dictionary.h"
#include "engines/columnar/parquet/parquet_words.h"

/* Which rows of an array column have which elements. */
typedef struct ListRows {
    uint32_t *ends;     /* elements up to and with each row's */
    uint8_t *null_rows; /* 1 = NULL */
    int64_t count, capacity;
} ListRows;

/* How a chunk was written: what the next row group's chunk of the column does, too, while it goes as well. */
typedef struct ChunkChoice {
    bool known;
    int encoding, codec;
    int repeated;          /* row groups that took it over */
    int64_t values;        /* of the chunk it was made for, */
    double value_bytes;    /* what one of them took, */
    double distinct_share; /* and how many different ones there were of each that is not NULL */
} ChunkChoice;

typedef struct ColumnBuffer {
    const ParquetWriterColumn *column;
    ParquetStorage storage;
    char *values;          /* row-aligned physical values; NULL rows are zero */
    size_t value_capacity; /* rows */
    uint64_t *validity;    /* NULL until the first NULL of the row group */
    size_t validity_words;
    int64_t row_count; /* of values: of a list its elements */
    ListRows lists;
    Arena strings;         /* bytes of long strings of the row group */
    DistinctSketch sketch; /* of the whole file */
    ChunkChoice choice;    /* of the row group before */
} ColumnBuffer;

typedef struct WrittenPage {
    int64_t offset;
    int32_t bytes;
    int64_t first_row;
    ParquetBounds bounds;
} WrittenPage;

typedef struct WrittenChunk {
    int64_t first_offset, dictionary_offset; /* 0 = no dictionary */
    int64_t data_offset;
    int64_t compressed_bytes, uncompressed_bytes;
    int64_t value_count;
    int64_t distinct_count; /* -1 unknown */
    int encoding;
    int codec;
    int page_count;
    WrittenPage *pages; /* malloc'd; bounds' strings copied to the writer's arena */
    ParquetBounds bounds;
    int64_t column_index_offset, offset_index_offset;
    int32_t column_index_bytes, offset_index_bytes;
    int page_order;       /* ParquetPageOrder of the pages' bounds */
    uint8_t *bloom;       /* malloc'd until it is written; NULL = none */
    size_t bloom_bits;    /* bytes of it */
    int64_t bloom_offset; /* 0 = none */
    int32_t bloom_bytes;  /* with the header */
    WrittenWords words;
} WrittenChunk;

/* BoundaryOrder of the column index. */
typedef enum ParquetPageOrder { PAGES_UNORDERED, PAGES_ASCENDING, PAGES_DESCENDING } ParquetPageOrder;

/* Scratch shared by all chunks of a writer. */
typedef struct ChunkEncoder {
    ZSTD_CCtx *zstd;
    int zstd_level;
    bool level_is_default;
    bool plain_encodings;
    int page_rows;
    const ParquetWords *words; /* NULL = no filters of them */
    StrBuf out;                /* the chunk's bytes */
    StrBuf body;               /* a page's values */
    StrBuf packed;             /* the same, compressed */
    StrBuf dense;              /* stored values without NULLs, where the buffer's are others */
    ChunkDictionary dictionary;
} ChunkEncoder;

Status column_buffer_append(ColumnBuffer *buffer, const Vector *vector, const uint16_t *selection, int count,
                            Error *err);
/* For arrays: their elements become the buffer's values. 0A000 for what a list cannot say (several
 * dimensions, other lower bounds). */
Status list_buffer_append(ColumnBuffer *buffer, const Vector *vector, const uint16_t *selection, int count,
                          Error *err);
/* Repetition and definition levels of rows [first, first + rows), each behind its length; returns the number
 * of entries. */
int64_t list_levels_write(const ColumnBuffer *buffer, int64_t first, int64_t rows, StrBuf *out);
/* Room for that many values, and validity bits for them. */
Status column_buffer_reserve(ColumnBuffer *buffer, int64_t rows, Error *err);
Status column_buffer_reserve_validity(ColumnBuffer *buffer, Error *err);
void column_buffer_reset(ColumnBuffer *buffer);
void column_buffer_deinit(ColumnBuffer *buffer);

/* Encodes the buffer into encoder->out, as if the file went on at `offset`, and notes its values in its
 * sketch. */
Status chunk_encode(ChunkEncoder *encoder, ColumnBuffer *buffer, int64_t offset, Arena *arena,
                    WrittenChunk *out, Error *err);
void chunk_encoder_deinit(ChunkEncoder *encoder);

/* parquet_footer.c */
void parquet_write_column_index(const ParquetStorage *storage, const WrittenChunk *chunk, StrBuf *out);
void parquet_write_offset_index(const WrittenChunk *chunk, StrBuf *out);
typedef struct FooterInput {
    const ParquetWriterColumn *columns;
    const ParquetStorage *storages;
    int column_count;
    const WrittenChunk *chunks; /* row group × column */
    const int64_t *group_rows;
    int group_count;
    const ParquetSortColumn *sorted_by;
    int sorted_by_count;
    const char *const *metadata;
    const ColumnBuffer *buffers; /* their sketches; NULL = none */
    const ParquetWords *words;
} FooterInput;
void parquet_write_footer(const FooterInput *input, StrBuf *out);
