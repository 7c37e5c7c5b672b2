/* One pass over the text inputs of a load, on several threads: to find the columns and their types, or to
 * write rows. Private to this folder.
 *
 * The calling thread reads, decompresses and cuts the text into blocks of whole records; workers parse blocks
 * in batches of cells, and profile them or convert and append them, each to a writer of its own. An input of
 * one block is worked on by the calling thread alone.
 */
#pragma once

#include <pthread.h>

#include "engines/columnar/ingest/column_registry.h"
#include "engines/columnar/ingest/text_blocks.h"

typedef struct RejectList RejectList;

typedef struct LoadPass {
    const IngestOptions *options;
    const LoadInput *inputs;
    int input_count;
    bool json_lines;  /* trust that documents do not go over lines, where they begin so */
    int blocks_limit; /* per input: a sample; 0 = all */
    Arena *arena;     /* the load's */

    /* To write rows: where to (NULL = nowhere), the columns it has, their types. NULL types: to find columns,
     * `columns` being the table's, if there is one. */
    TableAppend *append;
    const ColumnRegistry *columns;
    const SqlType *types;
    const IngestReceiver *receiver;      /* or to whom */
    const ColumnProfile *const *sampled; /* as BatchBuilder's */
    bool fold_names;                     /* a name matches in any case where it has no exact match */
    bool file_names;                     /* the last column is the input's name */
    bool may_evolve;                     /* unknown columns and too wide values are conflicts */
    int64_t bytes_before, bytes_total;   /* progress */

    /* What came out. */
    ColumnRegistry found; /* initialised by the caller */
    int64_t row_count;
    int64_t rejected_count;
    RejectList *rejects; /* may be NULL */
    bool whole;          /* no input was longer than the limit */
    bool conflict;       /* types or columns are others than thought: the pass stopped early */
    bool not_lines;      /* json_lines was wrong: the pass stopped early */
    int64_t bytes_read;
} LoadPass;

/* STATUS_OK with conflict or not_lines set when it stopped for these. */
Status load_pass_run(LoadPass *pass, Error *err);
