/* Row groups of Parquet files, each read by one thread into that thread's files of the table. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/base/threadpool.h"
#include "engines/columnar/ingest/load_parquet.h"
#include "engines/columnar/ingest/load_widen.h"

enum { MAX_WORKERS = 16, POLL_MS = 50, SMALL_BYTES = 1 << 20 };

/* A file while its row groups are read. */
typedef struct Source {
    ParquetFile *file;
    int users;
    int next_group;
    const char *name;
    int64_t rows;  /* given to a receiver */
    int columns[]; /* as load_parquet_map's */
} Source;

typedef struct Run {
    Loader *loader;
    const ParquetTarget *target;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    Source *current; /* the file that row groups are taken from */
    int next_input;
    int working; /* workers that have not ended */
    bool failed;
    Error failure; /* the first */
    _Atomic bool stopped;
    _Atomic int64_t rows, bytes;
} Run;

typedef struct Worker {
    Run *run;
    pthread_t thread;
    TableAppendWriter *writer; /* NULL: there is this worker alone, it reports */
    ParquetColumnReader **readers;
    Arena arena; /* the batch's */
} Worker;

static void release_source(Source *source) {
    if (!source || --source->users > 0) return;
    parquet_file_release(source->file);
    free(source);
}

static Status open_source(Run *run, Error *err) {
    const LoadInput *input = &run->loader->inputs[run->next_input++];
    Source *source = calloc(1, sizeof *source + sizeof(int) * (size_t)run->target->column_count);
    if (!source) abort();
    source->users = 1;
    source->name = input->name;
    if (load_parquet_open(input, &source->file, err) != STATUS_OK) {
        free(source);
        return STATUS_ERROR;
    }
    run->current = source;
    return load_parquet_map(run->target, source->file, source->columns, err);
}

/* The next row group there is; *out NULL at the end. The lock is held. */
static Status take_row_group(Run *run, Source **out, int *row_group, Error *err) {
    *out = NULL;
    for (;;) {
        Source *source = run->current;
        if (source && source->next_group < parquet_file_row_group_count(source->file)) {
            source->users++;
            *row_group = source->next_group++;
            *out = source;
            return STATUS_OK;
        }
        run->current = NULL;
        release_source(source);
        if (run->next_input == run->loader->input_count) return STATUS_OK;
        TRY(open_source(run, err));
    }
}

static Status read_batch(Worker *worker, const Source *source, int rows, Batch *batch, Error *err) {
    const ParquetTarget *target = worker->run->target;
    arena_reset(&worker->arena);
    *batch = (Batch){.row_count = rows, .selected = rows, .column_count = target->column_count};
    batch->columns = ARENA_NEW_ARRAY(&worker->arena, Vector, target->column_count);
    for (int i = 0; i < target->column_count; i++) {
        SqlType type = target->columns[i].type;
        Vector vector;
        if (!worker->readers[i]) {
            vector_init_constant(&batch->columns[i], type, NULL, &worker->arena);
            continue;
        }
        TRY(parquet_column_read(worker->readers[i], rows, &vector, err));
        vector.type = parquet_file_column(source->file, source->columns[i])->type;
        TRY(load_widen(&vector, rows, type, &worker->arena, &batch->columns[i], err));
    }
    return STATUS_OK;
}

static Status report(Run *run, Error *err) {
    run->loader->rows = run->rows;
    run->loader->finished_bytes = run->bytes;
    return loader_report(run->loader, err);
}

static Status give_batch(Worker *worker, Source *source, const Batch *batch, Error *err) {
    const Loader *loader = worker->run->loader;
    const IngestReceiver *receiver = loader->options->receiver;
    int64_t rows[BATCH_ROWS];
    if (worker->writer) return table_append_writer_batch(worker->writer, batch, err);
    /* Which may share its commit with other small ones. */
    if (!receiver) return table_append_batch(loader->append, batch, err);
    for (int i = 0; i < batch->selected; i++)
        rows[i] = ++source->rows;
    return receiver->take(receiver->context, source->name, rows, batch, err);
}

static Status copy_rows(Worker *worker, Source *source, int row_group, Error *err) {
    Run *run = worker->run;
    int64_t left = parquet_row_group_row_count(source->file, row_group);
    while (left > 0 && !run->stopped) {
        int rows = left < BATCH_ROWS ? (int)left : BATCH_ROWS;
        Batch batch;
        TRY(read_batch(worker, source, rows, &batch, err));
        TRY(give_batch(worker, source, &batch, err));
        left -= rows;
        run->rows += rows;
        if (!worker->writer) TRY(report(run, err));
    }
    return STATUS_OK;
}

static Status load_row_group(Worker *worker, Source *source, int row_group, Error *err) {
    int count = worker->run->target->column_count;
    Status status = STATUS_OK;
    int64_t bytes = 0;
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        if (source->columns[i] < 0) continue;
        status =
            parquet_column_open(source->file, row_group, source->columns[i], 0, &worker->readers[i], err);
        bytes += parquet_chunk_bytes(source->file, row_group, source->columns[i]);
    }
    if (status == STATUS_OK) status = copy_rows(worker, source, row_group, err);
    for (int i = 0; i < count; i++) {
        if (worker->readers[i]) parquet_column_close(worker->readers[i]);
        worker->readers[i] = NULL;
    }
    worker->run->bytes += bytes;
    return status;
}

static Status load_row_groups(Worker *worker, Error *err) {
    Run *run = worker->run;
    while (!run->stopped) {
        Source *source;
        int row_group;
        pthread_mutex_lock(&run->lock);
        Status status = take_row_group(run, &source, &row_group, err);
        pthread_mutex_unlock(&run->lock);
        TRY(status);
        if (!source) break;
        status = load_row_group(worker, source, row_group, err);
        pthread_mutex_lock(&run->lock);
        release_source(source);
        pthread_mutex_unlock(&run->lock);
        TRY(status);
    }
    /* Files are written out side by side, too. */
    return worker->writer && !run->stopped ? table_append_writer_finish(worker->writer, err) : STATUS_OK;
}

static void *run_worker(void *argument) {
    Worker *worker = argument;
    Run *run = worker->run;
    Error err;
    Status status = load_row_groups(worker, &err);
    pthread_mutex_lock(&run->lock);
    if (status != STATUS_OK && !run->failed) {
        run->failed = true;
        run->stopped = true;
        run->failure = err;
    }
    run->working--;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
    return NULL;
}

/* Reports until the workers have ended; a cancel stops them. */
static Status wait_for_workers(Run *run, Error *err) {
    Status status = STATUS_OK;
    pthread_mutex_lock(&run->lock);
    while (run->working > 0) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += POLL_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&run->changed, &run->lock, &until);
        pthread_mutex_unlock(&run->lock);
        if (status == STATUS_OK) status = report(run, err);
        if (status == STATUS_OK) status = cancel_check(run->loader->options->cancel, err);
        if (status != STATUS_OK) run->stopped = true;
        pthread_mutex_lock(&run->lock);
    }
    pthread_mutex_unlock(&run->lock);
    return status;
}

static Status run_workers(Run *run, Worker *workers, int count, Error *err) {
    Status status = STATUS_OK;
    int started = 0;
    for (int i = 0; i < count; i++)
        workers[i].writer = table_append_writer_open(run->loader->append);
    run->working = count;
    while (started < count && status == STATUS_OK) {
        unsigned long thread;
        status = thread_start(&thread, run_worker, &workers[started], err);
        if (status == STATUS_OK) workers[started++].thread = (pthread_t)thread;
    }
    if (status != STATUS_OK) {
        pthread_mutex_lock(&run->lock);
        run->stopped = true;
        run->working -= count - started;
        pthread_mutex_unlock(&run->lock);
        (void)wait_for_workers(run, NULL);
    } else {
        status = wait_for_workers(run, err);
    }
    for (int i = 0; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    if (status == STATUS_OK && run->failed) {
        if (err) *err = run->failure;
        status = STATUS_ERROR;
    }
    return status;
}

/* No more than there are row groups that are worth one; little is one thread's, and keeps its order. */
static int worker_count(const Loader *loader) {
    if (loader->options->receiver) return 1;
    long count = loader->options->threads ? loader->options->threads : sysconf(_SC_NPROCESSORS_ONLN);
    if (loader->total_bytes / SMALL_BYTES < count && !loader->options->threads)
        count = (long)(loader->total_bytes / SMALL_BYTES);
    return count < 1 ? 1 : count > MAX_WORKERS ? MAX_WORKERS : (int)count;
}

Status load_parquet_rows(Loader *loader, const ParquetTarget *target, Error *err) {
    Run run = {.loader = loader, .target = target};
    int count = worker_count(loader);
    Worker *workers = calloc((size_t)count, sizeof *workers);
    if (!workers) abort();
    pthread_mutex_init(&run.lock, NULL);
    pthread_cond_init(&run.changed, NULL);
    for (int i = 0; i < count; i++) {
        workers[i].run = &run;
        arena_init(&workers[i].arena);
        workers[i].readers = calloc((size_t)run.target->column_count + 1, sizeof *workers[i].readers);
        if (!workers[i].readers) abort();
    }
    Status status = count == 1 ? load_row_groups(&workers[0], err) : run_workers(&run, workers, count, err);
    release_source(run.current);
    loader->rows = run.rows;
    loader->finished_bytes = run.bytes;
    for (int i = 0; i < count; i++) {
        free(workers[i].readers);
        arena_deinit(&workers[i].arena);
    }
    free(workers);
    pthread_cond_destroy(&run.changed);
    pthread_mutex_destroy(&run.lock);
    return status;
}
