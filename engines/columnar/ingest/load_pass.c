#include "engines/columnar/ingest/load_pass.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/base/threadpool.h"
#include "engines/columnar/ingest/load_worker.h"
#include "engines/columnar/ingest/reject_list.h"

enum { MAX_WORKERS = 16, SPARE_BLOCKS = 2, CANCEL_POLL_MS = 50 };
/* Without a budget: room for a few of the longest records. */
static const int64_t OWN_TEXT_BYTES = INT64_C(1) << 30;

struct PassRun {
    LoadPass *pass;
    LoadWorker *workers;
    int worker_count, started;
    TextBlock *blocks;
    Budget text; /* of the blocks */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    TextBlock *free_blocks, *first_full, *last_full; /* full ones in order */
    bool reading_done;
    _Atomic bool stopped;       /* for whatever reason */
    _Atomic int64_t fail_block; /* blocks behind the first failure need not be read */
    int64_t fail_row;           /* within its block; -1 = the failure has no row */
    const char *fail_column;
    const InputPlan *fail_plan;
    Error failure;
    int64_t *block_rows; /* records of each block that was finished */
    int64_t block_count, block_capacity;
    _Atomic int64_t rows;
    /* With a receiver: rows of an input before a block. */
    const InputPlan *counted_plan;
    int64_t counted_block, counted_rows;
};

/* ---- what workers tell ---- */

bool pass_conflict(PassRun *run) {
    pthread_mutex_lock(&run->lock);
    run->pass->conflict = true;
    run->stopped = true;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
    return false;
}

bool pass_not_lines(PassRun *run) {
    run->pass->not_lines = true;
    return pass_conflict(run);
}

bool pass_fail(PassRun *run, const TextBlock *block, int64_t row, const char *column, const Error *err) {
    pthread_mutex_lock(&run->lock);
    if (block->sequence < run->fail_block) {
        run->fail_block = block->sequence;
        run->fail_row = row;
        run->fail_column = column;
        run->fail_plan = block->plan;
        run->failure = *err;
        pthread_cond_broadcast(&run->changed);
    }
    pthread_mutex_unlock(&run->lock);
    return false;
}

bool pass_reject(PassRun *run, const TextBlock *block, int64_t row, const char *column, const Error *err) {
    LoadPass *pass = run->pass;
    pthread_mutex_lock(&run->lock);
    pass->rejected_count++;
    RejectList *list = pass->rejects;
    if (list && list->count < list->capacity) {
        RejectEntry *entry = &list->entries[list->count++];
        *entry = (RejectEntry){.block = block->sequence, .row = row};
        entry->reject.input = arena_strdup(&list->arena, block->plan->input->name);
        entry->reject.row = block->plan->first_block; /* until the pass is over */
        entry->reject.column = column ? arena_strdup(&list->arena, column) : NULL;
        entry->reject.reason = arena_strdup(&list->arena, err->message);
        memcpy(entry->reject.sqlstate, err->sqlstate, sizeof entry->reject.sqlstate);
        entry->row += block->plan->header;
    }
    pthread_mutex_unlock(&run->lock);
    return !pass_should_stop(run, block);
}

bool pass_should_stop(PassRun *run, const TextBlock *block) {
    return run->stopped || block->sequence > run->fail_block;
}

/* ---- workers ---- */

static void keep_block_rows(PassRun *run, const TextBlock *block, int64_t rows) {
    if (block->sequence >= run->block_capacity) {
        int64_t capacity = run->block_capacity ? run->block_capacity * 2 : 64;
        while (capacity <= block->sequence)
            capacity *= 2;
        run->block_rows = realloc(run->block_rows, (size_t)capacity * sizeof *run->block_rows);
        if (!run->block_rows) abort();
        memset(run->block_rows + run->block_capacity, 0,
               (size_t)(capacity - run->block_capacity) * sizeof *run->block_rows);
        run->block_capacity = capacity;
    }
    run->block_rows[block->sequence] = rows;
    if (block->sequence >= run->block_count) run->block_count = block->sequence + 1;
}

static void work_on(PassRun *run, LoadWorker *worker, TextBlock *block) {
    if (!pass_should_stop(run, block)) (void)load_worker_block(worker, block);
    run->rows += worker->block_row;
    text_block_trim(block, run->pass->options->block_bytes, &run->text);
    pthread_mutex_lock(&run->lock);
    keep_block_rows(run, block, worker->block_row);
    block->next = run->free_blocks;
    run->free_blocks = block;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

static void *run_worker(void *argument) {
    LoadWorker *worker = argument;
    PassRun *run = worker->run;
    for (;;) {
        pthread_mutex_lock(&run->lock);
        while (!run->first_full && !run->reading_done)
            pthread_cond_wait(&run->changed, &run->lock);
        TextBlock *block = run->first_full;
        if (block) run->first_full = block->next;
        pthread_mutex_unlock(&run->lock);
        if (!block) break;
        work_on(run, worker, block);
    }
    /* Files are written out side by side, too. */
    Error err;
    TextBlock end = {.sequence = run->block_count};
    bool finish = worker->writer && !run->stopped && run->fail_block == INT64_MAX;
    if (finish && table_append_writer_finish(worker->writer, &err) != STATUS_OK)
        (void)pass_fail(run, &end, -1, NULL, &err);
    return NULL;
}

static Status start_workers(PassRun *run, Error *err) {
    while (run->started < run->worker_count) {
        LoadWorker *worker = &run->workers[run->started];
        load_worker_init(worker, run->pass, run, false);
        unsigned long thread;
        if (thread_start(&thread, run_worker, worker, err) != STATUS_OK) {
            load_worker_deinit(worker);
            return STATUS_ERROR;
        }
        worker->thread = (pthread_t)thread;
        run->started++;
    }
    return STATUS_OK;
}

/* ---- the reading thread ---- */

static TextBlock *take_free_block(PassRun *run, Error *err) {
    TextBlock *block = NULL;
    pthread_mutex_lock(&run->lock);
    while (!run->free_blocks && !run->stopped && run->fail_block == INT64_MAX &&
           !cancel_is_requested(run->pass->options->cancel)) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += CANCEL_POLL_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&run->changed, &run->lock, &until);
    }
    if (run->free_blocks && !run->stopped) {
        block = run->free_blocks;
        run->free_blocks = block->next;
    }
    pthread_mutex_unlock(&run->lock);
    return block;
}

static void give_block(PassRun *run, TextBlock *block) {
    pthread_mutex_lock(&run->lock);
    block->next = NULL;
    if (run->first_full)
        run->last_full->next = block;
    else
        run->first_full = block;
    run->last_full = block;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

static int find_folded(const ColumnRegistry *columns, const char *name) {
    for (int i = 0; i < columns->count; i++)
        if (strcasecmp(columns->columns[i].name, name) == 0) return i;
    return -1;
}

/* Where each field of a CSV input goes. */
static Status map_plan(PassRun *run, InputPlan *plan, Error *err) {
    LoadPass *pass = run->pass;
    if (plan->input->format != INGEST_CSV) return STATUS_OK;
    if (!pass->types) {
        /* Fields without names are an existing table's columns. */
        bool by_order = pass->columns && !plan->header && plan->field_count == pass->columns->count;
        for (int i = 0; by_order && i < plan->field_count; i++)
            plan->names[i] = pass->columns->columns[i].name;
        return STATUS_OK;
    }
    plan->columns = ARENA_NEW_ARRAY(pass->arena, int, plan->field_count + 1);
    if (!plan->header && pass->fold_names) {
        /* Without names the order decides. */
        int count = pass->columns->count - pass->file_names;
        if (plan->names && plan->field_count != count)
            return error_set(err, "22P04", "\"%s\" has %d columns without names, table \"%s\" has %d",
                             plan->input->name, plan->field_count, pass->options->table, count);
        for (int i = 0; i < plan->field_count; i++)
            plan->columns[i] = i;
        return STATUS_OK;
    }
    const char **taken = ARENA_NEW_ARRAY(pass->arena, const char *, pass->columns->count + 1);
    for (int i = 0; i < plan->field_count; i++) {
        const char *name = plan->names[i];
        int column = column_registry_find(pass->columns, name, strlen(name), i);
        if (column < 0 && pass->fold_names) column = find_folded(pass->columns, name);
        plan->columns[i] = column;
        if (pass->file_names && column == pass->columns->count - 1)
            return error_set(err, "42701", "\"%s\" has a column \"" INGEST_FILE_NAME "\" of its own",
                             plan->input->name);
        if (column >= 0) {
            if (!taken[column]) {
                taken[column] = name;
                continue;
            }
            return error_set(err, "42701",
                             "\"%s\": \"%.100s\" and \"%.100s\" are both column \"%s\" of table \"%s\"",
                             plan->input->name, taken[column], name, pass->columns->columns[column].name,
                             pass->options->table);
        }
        if (pass->sampled || pass->may_evolve) {
            (void)pass_conflict(run);
            return STATUS_OK;
        }
        return error_set(err, SQLSTATE_UNDEFINED_COLUMN, "\"%s\": table \"%s\" has no column \"%.100s\"",
                         plan->input->name, pass->options->table, name);
    }
    return STATUS_OK;
}

static Status report(PassRun *run, int64_t bytes, Error *err) {
    const LoadPass *pass = run->pass;
    const IngestOptions *options = pass->options;
    if (options->progress)
        options->progress(options->progress_context, pass->append ? run->rows : 0, pass->bytes_before + bytes,
                          pass->bytes_total);
    return cancel_check(options->cancel, err);
}

static bool is_over(const PassRun *run) {
    return run->stopped || run->fail_block != INT64_MAX;
}

/* The pass's first block waits in `*held` until a second one comes: then threads pay. */
static Status hand_over(PassRun *run, TextBlock *block, TextBlock **held, Error *err) {
    if (!*held && run->started == 0) {
        *held = block;
        return STATUS_OK;
    }
    if (*held) {
        TRY(start_workers(run, err));
        give_block(run, *held);
        *held = NULL;
    }
    give_block(run, block);
    return STATUS_OK;
}

static Status read_input(PassRun *run, BlockReader *reader, int64_t *sequence, TextBlock **held, Error *err) {
    LoadPass *pass = run->pass;
    InputPlan *plan = ARENA_NEW(pass->arena, InputPlan);
    *plan = *block_reader_plan(reader);
    plan->first_block = *sequence;
    TRY(map_plan(run, plan, err));
    for (int count = 0;; count++) {
        TRY(report(run, pass->bytes_read + block_reader_bytes_read(reader), err));
        if (is_over(run)) return STATUS_OK;
        TextBlock *block = take_free_block(run, err);
        if (!block) return cancel_check(pass->options->cancel, err);
        bool more = false;
        Status status = block_reader_next(reader, block, &more, err);
        if (status == STATUS_OK && more && pass->blocks_limit && count == pass->blocks_limit) {
            pass->whole = false;
            more = false;
        }
        if (status != STATUS_OK || !more) {
            pthread_mutex_lock(&run->lock);
            block->next = run->free_blocks;
            run->free_blocks = block;
            pthread_mutex_unlock(&run->lock);
            return status;
        }
        block->plan = plan;
        block->sequence = (*sequence)++;
        TRY(hand_over(run, block, held, err));
    }
}

static Status read_inputs(PassRun *run, TextBlock **held, Error *err) {
    LoadPass *pass = run->pass;
    int64_t sequence = 0;
    for (int i = 0; i < pass->input_count && !is_over(run); i++) {
        BlockReader *reader;
        TRY(block_reader_open(&pass->inputs[i], pass->options, pass->json_lines, pass->options->block_bytes,
                              &run->text, pass->arena, &reader, err));
        Status status = read_input(run, reader, &sequence, held, err);
        pass->bytes_read += block_reader_bytes_read(reader);
        block_reader_close(reader);
        TRY(status);
    }
    return STATUS_OK;
}

/* ---- the whole pass ---- */

/* The row's number in its input: after the rows of the input's blocks before. */
static int64_t row_in_input(const PassRun *run, int64_t first_block, int64_t block, int64_t row) {
    for (int64_t i = first_block; i < block && i < run->block_count; i++)
        row += run->block_rows[i];
    return row;
}

/* The one worker meets blocks in order. */
int64_t pass_rows_before(PassRun *run, const TextBlock *block) {
    if (run->counted_plan != block->plan) {
        run->counted_plan = block->plan;
        run->counted_block = block->plan->first_block;
        run->counted_rows = block->plan->header;
    }
    pthread_mutex_lock(&run->lock);
    while (run->counted_block < block->sequence)
        run->counted_rows += run->block_rows[run->counted_block++];
    pthread_mutex_unlock(&run->lock);
    return run->counted_rows;
}

static Status failure(const PassRun *run, Error *err) {
    const Error *inner = &run->failure;
    if (run->fail_row < 0) {
        if (err) *err = *inner;
        return STATUS_ERROR;
    }
    const InputPlan *plan = run->fail_plan;
    int64_t row = row_in_input(run, plan->first_block, run->fail_block, run->fail_row) + plan->header;
    if (!run->fail_column)
        return error_set(err, inner->sqlstate, "\"%s\", row %" PRId64 ": %s", plan->input->name, row,
                         inner->message);
    return error_set(err, inner->sqlstate, "\"%s\", row %" PRId64 ", column \"%s\": %s", plan->input->name,
                     row, run->fail_column, inner->message);
}

static void resolve_rejects(const PassRun *run) {
    RejectList *list = run->pass->rejects;
    for (int i = 0; list && i < list->count; i++) {
        RejectEntry *entry = &list->entries[i];
        entry->reject.row = row_in_input(run, entry->reject.row, entry->block, entry->row);
    }
}

static int by_first_seen(const void *a, const void *b) {
    int64_t x = (*(RegistryColumn *const *)a)->first_seen, y = (*(RegistryColumn *const *)b)->first_seen;
    return (x > y) - (x < y);
}

/* Columns in the order in which a single thread would have met them. */
static Status merge_found(PassRun *run, Error *err) {
    int total = 0, count = 0, column;
    for (int i = 0; i < run->started; i++)
        total += run->workers[i].registry.count;
    RegistryColumn **all = ARENA_NEW_ARRAY(run->pass->arena, RegistryColumn *, total + 1);
    for (int i = 0; i < run->started; i++)
        for (int j = 0; j < run->workers[i].registry.count; j++)
            all[count++] = &run->workers[i].registry.columns[j];
    qsort(all, (size_t)count, sizeof *all, by_first_seen);
    ColumnRegistry *found = &run->pass->found;
    for (int i = 0; i < count; i++) {
        TRY(column_registry_add(found, all[i]->name, all[i]->name_length, &column, err));
        column_profile_merge(&found->columns[column].profile, &all[i]->profile);
    }
    return STATUS_OK;
}

/* What fits into one block needs no second thread, and keeps its order. */
static int worker_count(const LoadPass *pass) {
    int64_t bytes = 0;
    for (int i = 0; i < pass->input_count; i++)
        bytes += pass->inputs[i].bytes;
    long count = pass->options->threads ? pass->options->threads : sysconf(_SC_NPROCESSORS_ONLN);
    if (bytes < BLOCK_BYTES && !pass->options->threads) count = 1;
    if (pass->receiver) count = 1; /* rows come in order */
    return count < 1 ? 1 : count > MAX_WORKERS ? MAX_WORKERS : (int)count;
}

static Status finish(PassRun *run, Status status, TextBlock *held, Error *err) {
    LoadPass *pass = run->pass;
    if (held && status == STATUS_OK && !run->stopped) {
        load_worker_init(&run->workers[0], pass, run, true);
        run->started = 1;
        work_on(run, &run->workers[0], held);
        held = NULL;
    } else {
        pthread_mutex_lock(&run->lock);
        run->reading_done = true;
        if (status != STATUS_OK) run->stopped = true;
        pthread_cond_broadcast(&run->changed);
        pthread_mutex_unlock(&run->lock);
        for (int i = 0; i < run->started; i++)
            pthread_join(run->workers[i].thread, NULL);
    }
    /* What a reader found wrong lies behind what workers found. */
    if (run->fail_block != INT64_MAX && !pass->conflict) status = failure(run, err);
    if (status == STATUS_OK && !pass->conflict && !pass->types) status = merge_found(run, err);
    pass->row_count = run->rows - pass->rejected_count;
    resolve_rejects(run);
    return status;
}

Status load_pass_run(LoadPass *pass, Error *err) {
    PassRun run = {.pass = pass, .fail_block = INT64_MAX, .worker_count = worker_count(pass)};
    int block_count = run.worker_count + SPARE_BLOCKS;
    pass->whole = true;
    pass->conflict = pass->not_lines = false;
    pass->rejected_count = pass->bytes_read = 0;
    if (pass->rejects) pass->rejects->count = 0;
    budget_init(&run.text, pass->options->budget, pass->options->budget ? 0 : OWN_TEXT_BYTES);
    pthread_mutex_init(&run.lock, NULL);
    pthread_cond_init(&run.changed, NULL);
    run.workers = calloc((size_t)run.worker_count, sizeof *run.workers);
    run.blocks = calloc((size_t)block_count, sizeof *run.blocks);
    if (!run.workers || !run.blocks) abort();
    for (int i = 0; i < block_count; i++) {
        run.blocks[i].next = run.free_blocks;
        run.free_blocks = &run.blocks[i];
    }
    TextBlock *held = NULL;
    Status status = read_inputs(&run, &held, err);
    status = finish(&run, status, held, err);
    for (int i = 0; i < run.started; i++)
        load_worker_deinit(&run.workers[i]);
    for (int i = 0; i < block_count; i++)
        free(run.blocks[i].text);
    budget_deinit(&run.text);
    free(run.workers);
    free(run.blocks);
    free(run.block_rows);
    pthread_cond_destroy(&run.changed);
    pthread_mutex_destroy(&run.lock);
    return status;
}
