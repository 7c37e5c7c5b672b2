/* Filters of words: for each stretch of rows of a text chunk a split-block bloom filter of the words in it,
 * behind the row group's chunks, where other readers pass over them. What a word is the caller says.
 *
 * The filters of a chunk are of one size, and lie block by block: block b of every stretch, then 8 bytes of
 * hash over these. So a word is looked up in all stretches by one read of at most 2 KiB, which is believed
 * only when its hash is right. Where they are says the footer's key-value metadata, under WORDS_KEY followed
 * by the column's name: "1:" version ":" and for each row group 32 hexadecimal digits: offset (16), blocks
 * (8), rows of a stretch (8), zeros where there is none. Inside this folder only. */
#pragma once

#include "engines/base/strbuf.h"
#include "engines/columnar/parquet/parquet_writer.h"

#define WORDS_KEY "signalbox.words."

enum { WORDS_ENTRY_DIGITS = 32, WORDS_HASH_BYTES = 8 };

typedef struct WrittenWords {
    uint8_t *data; /* malloc'd until it is written; NULL = none */
    size_t bytes;
    uint32_t blocks;
    int64_t stretch_rows;
    int64_t offset; /* 0 = none */
} WrittenWords;

typedef struct WordsInput {
    const ParquetWords *words;
    const StringView *values; /* a row each, NULLs empty */
    int64_t row_count;
    int64_t page_rows;  /* what stretches consist of */
    int64_t most_bytes; /* no filters where they would be larger */
} WordsInput;

/* Without the memory for it the file is as good, only slower to search. */
void parquet_words_build(const WordsInput *input, WrittenWords *out);
/* Ends each block's run: bound to its row group's rows and to where it is. */
void parquet_words_seal(WrittenWords *words, int64_t row_count, int64_t offset);
/* The column's value of WORDS_KEY; `entries`: one per row group. */
void parquet_words_start_text(const char *version, StrBuf *out);
void parquet_words_add_text(const WrittenWords *words, StrBuf *out);
