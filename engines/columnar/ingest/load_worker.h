/* What the files of a pass share: load_pass.c (threads, blocks, results), load_worker.c (batches),
 * load_csv.c and load_json.c (records to cells). */
#pragma once

#include "engines/columnar/ingest/batch_builder.h"
#include "engines/columnar/ingest/load_pass.h"

typedef struct PassRun PassRun; /* load_pass.c */

typedef struct LoadWorker {
    LoadPass *pass;
    PassRun *run;
    pthread_t thread;
    ColumnRegistry registry; /* of a pass that finds columns: this worker's */
    BatchBuilder builder;    /* of a pass that writes */
    TableAppendWriter *writer;
    Arena arena; /* the block's */
    StrBuf scratch;
    CellRef **cells; /* per column; NULL where the columns of this input have none */
    int cells_capacity;
    CellRef **fields; /* CSV: per field, one of `cells` */
    int fields_capacity;
    const InputPlan *mapped; /* what `fields` is for */
    int batch_capacity, batch_rows;
    int64_t row_numbers[BATCH_ROWS]; /* of the batch's rows within the block, from 1 */
    bool is_bad[BATCH_ROWS];
    bool has_bad;
    bool folded; /* JSON: a key of the row is a column's name in another case */
    const TextBlock *block;
    int64_t block_row;
    /* The first failure of the batch. */
    int failed_row, failed_column;
    Error failure;
} LoadWorker;

/* `alone`: there is no other worker. */
void load_worker_init(LoadWorker *worker, LoadPass *pass, PassRun *run, bool alone);
void load_worker_deinit(LoadWorker *worker);
/* All records of a block. False: the pass is to stop. */
bool load_worker_block(LoadWorker *worker, const TextBlock *block);

/* Cells of `count` columns in all, each with room for a batch. */
void load_worker_reserve(LoadWorker *worker, int count);
/* The row whose cells were filled last is complete. */
bool load_worker_end_row(LoadWorker *worker);
/* The current record (block_row) is no row. `column` -1 = as a whole. */
bool load_worker_bad_row(LoadWorker *worker, int column, const char *sqlstate, const char *reason);
bool load_worker_flush(LoadWorker *worker);

bool load_csv_block(LoadWorker *worker);
bool load_json_block(LoadWorker *worker);

/* For the run: each false = stop. */
bool pass_conflict(PassRun *run);
bool pass_not_lines(PassRun *run);
bool pass_fail(PassRun *run, const TextBlock *block, int64_t row, const char *column, const Error *err);
bool pass_reject(PassRun *run, const TextBlock *block, int64_t row, const char *column, const Error *err);
/* How many of the block's input come before its first row, a header included. */
int64_t pass_rows_before(PassRun *run, const TextBlock *block);
bool pass_should_stop(PassRun *run, const TextBlock *block);
