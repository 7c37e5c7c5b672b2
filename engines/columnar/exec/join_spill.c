/* Joins whose build side exceeds the memory budget. Both sides go to disk by partitions of their keys' hash;
 * behind the probe side, each partition is joined by itself: as much of its build rows as fits is made a
 * table (a chunk), and all of the partition's probe rows pass by. A partition larger than memory (one key
 * with most of the rows) takes several chunks; what its probe rows have met so far is kept in marks. */
#include <stdlib.h>

#include "engines/columnar/exec/join_internal.h"

enum {
    LEAST_CHUNK_BYTES = 128 << 10,
    TABLE_BYTES_PER_ROW = 24,
    LEAST_SPILLED_BYTES = 128 << 10,
    SMALL_BUDGET_BYTES = 32 << 20 /* too small for the buffers of many files */
};

/* One worker's files of one side. */
struct JoinFiles {
    JoinFiles *next;
    SpillFile *files[JOIN_PARTITIONS];
};

static int partition_of(const Join *join, uint64_t hash) {
    return (int)(hash >> 20) & (join->partition_count - 1);
}

static Status files_create(Join *join, JoinFiles **list, JoinFiles **out, Error *err) {
    *out = calloc(1, sizeof **out);
    if (!*out) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    pthread_mutex_lock(&join->query->lock);
    (*out)->next = *list;
    *list = *out;
    pthread_mutex_unlock(&join->query->lock);
    return STATUS_OK;
}

static Status append(Join *join, JoinFiles *files, const SpillFormat *format, int partition, char *row,
                     Error *err) {
    SpillFile **file = &files->files[partition];
    if (!*file) TRY(spill_create(join->query, format, join->sink.stats, file, err));
    return spill_append_rows(*file, &row, 1, err);
}

static Status finish_partition(JoinFiles *files, int partition, Error *err) {
    for (; files; files = files->next)
        if (files->files[partition]) TRY(spill_finish(files->files[partition], err));
    return STATUS_OK;
}

static int64_t partition_rows(const JoinFiles *files, int partition) {
    int64_t rows = 0;
    for (; files; files = files->next)
        rows += files->files[partition] ? spill_row_count(files->files[partition]) : 0;
    return rows;
}

static void destroy_partition(JoinFiles *files, int partition) {
    for (; files; files = files->next) {
        spill_destroy(files->files[partition]);
        files->files[partition] = NULL;
    }
}

static void destroy_files(JoinFiles *files) {
    while (files) {
        JoinFiles *next = files->next;
        for (int p = 0; p < JOIN_PARTITIONS; p++)
            spill_destroy(files->files[p]);
        free(files);
        files = next;
    }
}

void join_spill_init(Join *join, Arena *arena) {
    /* Rows that leave IN open may be anywhere, and without keys every pair counts. */
    join->partition_count = join->key_count && join->type != JOIN_MARK ? JOIN_PARTITIONS : 1;
    int64_t limit = join->query->budget.limit_bytes;
    if (limit && limit < SMALL_BUDGET_BYTES && join->partition_count > 1)
        join->partition_count = JOIN_PARTITIONS / 4;
    row_layout_init(&join->left_rows, join->left_types, join->left_count, 0, arena);
    if (!join->left_rows.width) join->left_rows.width = 8;
    spill_format_init(&join->probe_format, join->left_rows.width);
    spill_format_add_rows(&join->probe_format, &join->left_rows, arena);
    spill_format_init(&join->build_format, join->rows.width);
    spill_format_add_rows(&join->build_format, &join->rows, arena);
    spill_format_add_keys(&join->build_format, &join->keys, JOIN_KEY, arena);
}

void join_spill_destroy(Join *join) {
    destroy_files(join->build_files);
    destroy_files(join->probe_files);
    join->build_files = join->probe_files = NULL;
}

/* ---- the build side --------------------------------------------------------------------------------------
 */

static Status spill_collected(Join *join, RowCollector *collector, JoinFiles **files, Error *err) {
    if (!*files) TRY(files_create(join, &join->build_files, files, err));
    for (int64_t s = 0; s < collector->segment_count; s++) {
        const RowSegment *segment = &collector->segments[s];
        for (int64_t r = 0; r < segment->count; r++) {
            char *row = segment->rows + (size_t)r * join->rows.width;
            TRY(append(join, *files, &join->build_format, partition_of(join, join_hash(row)), row, err));
        }
    }
    row_collector_deinit(collector);
    row_collector_init(collector, join->query, join->rows.width);
    return STATUS_OK;
}

Status join_spill_if_needed(Join *join, RowCollector *collector, JoinFiles **files, Error *err) {
    if (join->in_memory || !query_memory_pressure(join->query) ||
        row_store_bytes(&collector->store) < LEAST_SPILLED_BYTES)
        return STATUS_OK;
    return spill_collected(join, collector, files, err);
}

/* One worker spilled: all do, so that a partition is either here or there. */
Status join_spill_build(Join *join, RowCollector *const *collectors, int count, Error *err) {
    JoinFiles *files = NULL;
    for (int i = 0; i < count; i++)
        if (collectors[i] && collectors[i]->segment_count)
            TRY(spill_collected(join, collectors[i], &files, err));
    for (int p = 0; p < join->partition_count; p++)
        TRY(finish_partition(join->build_files, p, err));
    join->spilled = true;
    return STATUS_OK;
}

/* ---- the probe side --------------------------------------------------------------------------------------
 */

static bool drops_unmatched(const Join *join) {
    return join->type == JOIN_INNER || join->type == JOIN_CROSS || join->type == JOIN_SEMI ||
           join->type == JOIN_RIGHT || join_gives_right_only(join);
}

Status join_spill_probe(Join *join, Chain *chain, ProbeState *state, const Batch *batch, Error *err) {
    Arena *arena = &chain->batch_arena;
    size_t width = join->left_rows.width;
    if (!state->files) TRY(files_create(join, &join->probe_files, &state->files, err));
    memset(state->nulls, 0, sizeof state->nulls);
    memset(state->hashes, 0, sizeof state->hashes);
    if (join->key_count) TRY(join_encode_probe(join, chain, state, batch, NULL, err));
    char *rows = arena_alloc(arena, width * (size_t)batch->selected + 1);
    for (int i = 0; i < join->left_count; i++)
        rows_scatter(&join->left_rows, i, &batch->columns[i], batch->selection, batch->selected, rows, width,
                     arena);
    bool skip_nulls = drops_unmatched(join) && !join->node->nulls_equal;
    for (int k = 0; k < batch->selected; k++) {
        if (skip_nulls && state->nulls[k]) continue;
        TRY(append(join, state->files, &join->probe_format, partition_of(join, state->hashes[k]),
                   rows + (size_t)k * width, err));
    }
    return STATUS_OK;
}

/* ---- partition by partition ------------------------------------------------------------------------------
 */

typedef struct Block {
    void *memory;
    size_t bytes;
} Block;

typedef struct PartitionState {
    Join *join;
    int partition;
    bool open;
    /* the chunk */
    Join table; /* the join, over this chunk's rows */
    bool loaded, last;
    JoinFiles *build_at; /* what is loaded next */
    int64_t build_block;
    Block *blocks;
    int64_t block_count;
    JoinCursor unmatched_at;
    /* probe rows */
    JoinFiles *probe_at;
    SpillReader reader;
    char *rows;
    int64_t row_count, row_at;
    int64_t row_number; /* in the partition */
    uint8_t *marks;
    int64_t mark_bytes;
    ProbeState *probe;
    Batch batch;
} PartitionState;

static void release_chunk(PartitionState *state) {
    if (!state->loaded) return;
    join_table_release(&state->table, state->join->query);
    for (int64_t b = 0; b < state->block_count; b++)
        query_free(state->join->query, state->blocks[b].memory, state->blocks[b].bytes);
    free(state->blocks);
    state->blocks = NULL;
    state->block_count = 0;
    state->loaded = false;
}

static void close_partition(PartitionState *state) {
    release_chunk(state);
    spill_reader_deinit(&state->reader);
    query_free(state->join->query, state->marks, (size_t)state->mark_bytes);
    state->marks = NULL;
    state->mark_bytes = 0;
    state->open = false;
}

static Status partitions_open(Source *source, Chain *chain, void **out, Error *err) {
    PartitionState *state = calloc(1, sizeof *state);
    if (!state) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    *out = state;
    state->join = join_of_rest(source);
    return probe_state_create(state->join, &state->probe, err);
}

static void partitions_close(Source *source, void *pointer) {
    PartitionState *state = pointer;
    if (!state) return;
    close_partition(state);
    if (state->probe) probe_state_destroy(state->join, state->probe);
    free(state);
}

static Status partitions_morsel_open(Source *source, Chain *chain, void *pointer, int64_t morsel,
                                     bool *exhausted, Error *err) {
    PartitionState *state = pointer;
    Join *join = state->join;
    close_partition(state);
    state->partition = (int)morsel;
    state->open = true;
    state->last = false;
    state->build_at = join->build_files;
    state->build_block = 0;
    TRY(finish_partition(join->probe_files, state->partition, err));
    int64_t probe_rows = partition_rows(join->probe_files, state->partition),
            build_rows = partition_rows(join->build_files, state->partition);
    if ((!probe_rows && !join_keeps_unmatched(join)) || (!build_rows && drops_unmatched(join)))
        state->last = true; /* nothing comes of it */
    return STATUS_OK;
}

/* The partition's next build block, NULL file = none left. */
static const SpillFile *next_block(PartitionState *state, int64_t *block) {
    while (state->build_at) {
        const SpillFile *file = state->build_at->files[state->partition];
        if (file && state->build_block < spill_block_count(file)) {
            *block = state->build_block;
            return file;
        }
        state->build_at = state->build_at->next;
        state->build_block = 0;
    }
    return NULL;
}

static Status load_block(PartitionState *state, const SpillFile *file, int64_t block, RowSegment *segment,
                         Error *err) {
    size_t bytes = (size_t)spill_block_bytes(file, block);
    void *memory;
    TRY(query_alloc(state->join->query, bytes, &memory, err));
    state->blocks[state->block_count++] = (Block){memory, bytes};
    *segment =
        (RowSegment){.morsel = state->block_count, .rows = memory, .count = spill_block_rows(file, block)};
    return spill_block_read(file, block, memory, err);
}

static int64_t chunk_allowance(const Query *query) {
    int64_t bytes = query_memory_left(query) / 2, reserve = query_memory_free(query) / 4;
    bytes = (bytes < reserve ? reserve : bytes) / query->worker_count; /* others may hold the pressure up */
    return bytes < LEAST_CHUNK_BYTES ? LEAST_CHUNK_BYTES : bytes;
}

static Status load_chunk(PartitionState *state, Error *err) {
    Join *join = state->join, *table = &state->table;
    int64_t allowed = chunk_allowance(join->query), bytes = 0, block, capacity = 0;
    *table = *join;
    table->segments = NULL;
    table->segment_count = table->row_count = table->null_count = 0;
    table->slots = NULL;
    table->all_rows = table->null_rows = NULL;
    state->loaded = true;
    state->unmatched_at = (JoinCursor){0, 0};
    for (const SpillFile *file; (file = next_block(state, &block));) {
        int64_t more = spill_block_bytes(file, block) + TABLE_BYTES_PER_ROW * spill_block_rows(file, block);
        if (bytes && bytes + more > allowed) break;
        bytes += more;
        if (state->block_count == capacity) {
            capacity = capacity ? capacity * 2 : 64;
            state->blocks = realloc(state->blocks, sizeof *state->blocks * (size_t)capacity);
            table->segments = realloc(table->segments, sizeof *table->segments * (size_t)capacity);
            if (!state->blocks || !table->segments) abort();
        }
        TRY(load_block(state, file, block, &table->segments[state->block_count], err));
        table->row_count += table->segments[table->segment_count++].count;
        state->build_block++;
    }
    state->last = !next_block(state, &block);
    return join_table_build(table, join->query, 1, err);
}

static Status start_chunk(PartitionState *state, Error *err) {
    Join *join = state->join;
    TRY(load_chunk(state, err));
    if (!state->last && !state->marks) {
        int64_t rows = partition_rows(join->probe_files, state->partition);
        void *marks;
        TRY(query_zalloc(join->query, (size_t)rows + 1, &marks, err));
        state->marks = marks;
        state->mark_bytes = rows + 1;
    }
    spill_reader_deinit(&state->reader);
    state->probe_at = join->probe_files;
    state->rows = NULL;
    state->row_count = state->row_at = state->row_number = 0;
    return STATUS_OK;
}

/* More probe rows in `rows`, or *more false. */
static Status next_probe_rows(PartitionState *state, bool *more, Error *err) {
    *more = true;
    while (state->row_at == state->row_count) {
        if (!state->reader.file) {
            while (state->probe_at && !state->probe_at->files[state->partition])
                state->probe_at = state->probe_at->next;
            if (!state->probe_at) {
                *more = false;
                return STATUS_OK;
            }
            spill_reader_init(&state->reader, state->probe_at->files[state->partition]);
            state->probe_at = state->probe_at->next;
        }
        TRY(spill_read(&state->reader, &state->rows, &state->row_count, err));
        state->row_at = 0;
        if (!state->row_count) spill_reader_deinit(&state->reader);
    }
    return STATUS_OK;
}

static Status probe_some(PartitionState *state, Chain *chain, Error *err) {
    Join *join = state->join;
    Arena *arena = &chain->batch_arena;
    int64_t left = state->row_count - state->row_at;
    int count = left < BATCH_ROWS ? (int)left : BATCH_ROWS;
    char **rows = arena_alloc(arena, sizeof *rows * BATCH_ROWS);
    for (int k = 0; k < count; k++)
        rows[k] = state->rows + (size_t)(state->row_at + k) * join->left_rows.width;
    Vector *columns = ARENA_NEW_ARRAY(arena, Vector, join->left_count + 1);
    for (int i = 0; i < join->left_count; i++)
        rows_gather(&join->left_rows, i, rows, count, NULL, count, &columns[i], arena);
    Batch batch = {
        .row_count = count, .column_count = join->left_count, .columns = columns, .selected = count};
    uint8_t *marks = state->marks ? state->marks + state->row_number : NULL;
    state->row_at += count;
    state->row_number += count;
    return join_probe_batch(&state->table, chain, state->probe, -1, &batch, marks, state->last, err);
}

static Status partitions_next(Source *source, Chain *chain, void *pointer, Batch **out, Error *err) {
    PartitionState *state = pointer;
    Join *join = state->join;
    state->batch = (Batch){0};
    for (;;) {
        bool more;
        if (!state->loaded) {
            if (state->last) break;
            TRY(start_chunk(state, err));
        }
        TRY(next_probe_rows(state, &more, err));
        if (more) {
            TRY(probe_some(state, chain, err));
            *out = &state->batch; /* empty: what there was has been pushed on */
            return STATUS_OK;
        }
        if (join_keeps_unmatched(join)) {
            join_unmatched_batch(&state->table, chain, &state->unmatched_at, state->table.segment_count,
                                 &state->batch);
            *out = &state->batch;
            if (state->batch.selected) return STATUS_OK;
        }
        release_chunk(state);
    }
    *out = NULL;
    close_partition(state);
    destroy_partition(join->build_files, state->partition);
    destroy_partition(join->probe_files, state->partition);
    return STATUS_OK;
}

const SourceOps join_partition_ops = {.open = partitions_open,
                                      .morsel_open = partitions_morsel_open,
                                      .next = partitions_next,
                                      .close = partitions_close};
