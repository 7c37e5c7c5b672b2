/* The state of one leaf's reader, shared with the nested one. Inside this folder only. */
#pragma once

#include "engines/columnar/parquet/parquet_file.h"
#include "engines/columnar/types/array_value.h"

typedef struct NestedReader NestedReader;

/* A page that the last vector may point into, and which rows of it the batch takes. */
typedef struct BatchPart {
    ParquetPage *page; /* NULL: no selected row is in it */
    int64_t from;      /* within the page */
    int rows;
} BatchPart;

struct ParquetColumnReader {
    ParquetFile *file;
    const ParquetLeaf *leaf;
    const ParquetChunk *chunk;
    const ParquetChunkMap *map;
    NestedReader *nested; /* then nothing else here is used */
    int64_t row_count;
    int64_t row; /* next unread */
    int page_index;
    ParquetPage *current; /* decoded page of `current_index` */
    int current_index;
    ParquetPage *dictionary;
    Vector dictionary_vector;
    BatchPart *parts; /* of the last batch */
    int part_count, part_capacity;
    void *values; /* for batches that no single page holds: BATCH_ROWS × width */
    size_t value_bytes;
    int64_t bytes_read;
    uint64_t validity[BATCH_ROWS / 64 + 1];
};

/* A reader of one leaf's pages alone. */
Status parquet_leaf_open(ParquetFile *file, int row_group, int column, int leaf, ParquetColumnReader **out,
                         Error *err);
/* The page, decoded; the reader holds it until the next call. Its dictionary, when it is coded, is loaded. */
Status parquet_leaf_page(ParquetColumnReader *reader, int index, ParquetPage **out, Error *err);
