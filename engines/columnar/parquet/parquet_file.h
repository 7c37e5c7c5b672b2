/* What an open file is, for the other sources of this folder. */
#pragma once

#include <stdatomic.h>

#include "engines/columnar/parquet/parquet_cache.h"
#include "engines/columnar/parquet/parquet_metadata.h"

typedef struct ParquetPageLocation {
    int64_t offset;      /* of the header */
    int64_t first_row;   /* of a repeated leaf -1 when not known */
    int64_t row_count;   /* of a repeated leaf -1 when not known: then a row may go on in the next page */
    int64_t value_count; /* entries: the header's number; -1 when not known */
    int32_t bytes;       /* header and body */
} ParquetPageLocation;

/* Where the pages of a chunk are: from the offset index, else from walking the page headers once. */
typedef struct ParquetChunkMap {
    int64_t dictionary_offset; /* 0 = none */
    int32_t dictionary_bytes;
    bool all_dictionary; /* every data page is dictionary-encoded, for certain */
    int page_count;
    ParquetPageLocation pages[];
} ParquetChunkMap;

struct ParquetFile {
    _Atomic int references;
    int fd;
    char *path;
    ParquetPageKey identity; /* offset 0 */
    Arena arena;
    ParquetMetadata metadata;
    int64_t data_end;                     /* where the footer starts */
    _Atomic size_t held_bytes;            /* footer, page maps and indexes: as long as the file is open */
    _Atomic(ParquetChunkMap *) *maps;     /* row group × leaf, filled when first asked for */
    _Atomic(ParquetPageIndex *) *indexes; /* the same */
};

/* Reads exactly `bytes` at `offset`. */
Status parquet_file_read(const ParquetFile *file, int64_t offset, void *out, size_t bytes, Error *err);
static inline void parquet_file_holds(ParquetFile *file, size_t bytes) {
    atomic_fetch_add_explicit(&file->held_bytes, bytes, memory_order_relaxed);
}
/* Immutable, lives as long as the file. */
Status parquet_file_chunk_map(ParquetFile *file, int row_group, int leaf, const ParquetChunkMap **out,
                              Error *err);
