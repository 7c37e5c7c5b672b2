/* An input's text in blocks of whole records, which can then be parsed by different threads.
 *
 * block_reader_open looks at the input's beginning and finds its form (InputPlan); block_reader_next fills
 * one block after another. A block is text_length bytes of whole records with TEXT_PADDING zero bytes behind
 * them.
 */
#pragma once

#include "engines/columnar/ingest/csv_parser.h"
#include "engines/columnar/ingest/ingest.h"
#include "engines/columnar/ingest/text_source.h"

enum { BLOCK_BYTES = 1 << 20, BLOCK_MAX_BYTES = 255 << 20 };

typedef enum JsonLayout {
    JSON_LINES,     /* a document never goes over a line's end */
    JSON_DOCUMENTS, /* one after another, however they are laid out */
    JSON_ARRAY      /* the elements of one top-level array */
} JsonLayout;

/* What is known of an input before it is parsed. */
typedef struct InputPlan {
    const LoadInput *input;
    JsonLayout layout;
    CsvDialect dialect;
    bool header;         /* CSV: the first record names the columns; it is not part of any block */
    const char **names;  /* CSV: unique; NULL = an empty input */
    int *columns;        /* CSV: where each field goes; set by the pass */
    int field_count;     /* CSV */
    int64_t first_block; /* sequence number; set by the pass */
} InputPlan;

typedef struct TextBlock {
    struct TextBlock *next; /* in the pass's lists */
    const InputPlan *plan;
    char *text;
    size_t length, capacity;
    int64_t sequence; /* over all inputs */
} TextBlock;

typedef struct BlockReader BlockReader;
/* `lines` false: JSON of more than one document is cut by its brackets, not by its lines. Names live in
 * `arena`. `block_bytes` 0 = BLOCK_BYTES. What the reader and its blocks hold is reserved in `budget`, which
 * must outlive them; 53200 when it refuses. */
Status block_reader_open(const LoadInput *input, const IngestOptions *options, bool lines, size_t block_bytes,
                         Budget *budget, Arena *arena, BlockReader **out, Error *err);
InputPlan *block_reader_plan(BlockReader *reader);
/* *more false: there was no block left. 54000 for a record of more than BLOCK_MAX_BYTES. */
Status block_reader_next(BlockReader *reader, TextBlock *block, bool *more, Error *err);
/* Gives back the memory of a block that a long record made large. */
void text_block_trim(TextBlock *block, size_t block_bytes, Budget *budget);
int64_t block_reader_bytes_read(const BlockReader *reader);
void block_reader_close(BlockReader *reader);
