#include "engines/columnar/exec/group_runs.h"

#include <stdlib.h>

enum { FIRST_RUN_ROWS = 32, LARGEST_RUN_BYTES = 64 << 10, ABSORB_ROWS = 1024 };

void group_runs_init(GroupRuns *runs, Query *query, size_t row_bytes) {
    memset(runs, 0, sizeof *runs);
    runs->query = query;
    runs->row_bytes = row_bytes;
}

static size_t run_bytes(const GroupRuns *runs, int64_t capacity) {
    return sizeof(GroupRun) + runs->row_bytes * (size_t)capacity;
}

static void drop_memory(GroupRuns *runs, GroupPartition *partition) {
    for (GroupRun *run = partition->first, *next; run; run = next) {
        next = run->next;
        runs->memory_bytes -= (int64_t)run_bytes(runs, run->capacity);
        query_free(runs->query, run, run_bytes(runs, run->capacity));
    }
    partition->first = partition->last = NULL;
    partition->row_count = 0;
}

void group_runs_drop(GroupRuns *runs, int which) {
    if (!runs->partitions) return;
    GroupPartition *partition = &runs->partitions[which];
    drop_memory(runs, partition);
    for (int f = 0; f < partition->file_count; f++)
        spill_destroy(partition->files[f]);
    free(partition->files);
    partition->files = NULL;
    partition->file_count = partition->file_capacity = 0;
}

void group_runs_deinit(GroupRuns *runs) {
    for (int p = 0; runs->partitions && p < GROUP_PARTITIONS; p++)
        group_runs_drop(runs, p);
    free(runs->partitions);
    runs->partitions = NULL;
}

/* All partitions come to their next run at about the same time: together a small part of the budget. */
static int64_t largest_run(const GroupRuns *runs) {
    enum { PARTS = 16 };
    int64_t bytes = LARGEST_RUN_BYTES, limit = runs->query->budget.limit_bytes / GROUP_PARTITIONS / PARTS;
    if (limit > 0 && limit < bytes) bytes = limit;
    /* With its head no larger than a block of the pool: the next size is twice that, of which half would lie
     * idle. */
    int64_t rows = (bytes - (int64_t)sizeof(GroupRun)) / (int64_t)runs->row_bytes;
    return rows > 0 ? rows : 1;
}

static Status add_run(GroupRuns *runs, GroupPartition *partition, Error *err) {
    int64_t most = largest_run(runs);
    int64_t capacity = partition->last ? partition->last->capacity * 2 : FIRST_RUN_ROWS;
    void *memory;
    if (capacity > most) capacity = most;
    TRY(query_alloc(runs->query, run_bytes(runs, capacity), &memory, err));
    GroupRun *run = memory;
    *run = (GroupRun){.capacity = capacity};
    runs->memory_bytes += (int64_t)run_bytes(runs, capacity);
    if (partition->last)
        partition->last->next = run;
    else
        partition->first = run;
    partition->last = run;
    return STATUS_OK;
}

static Status make_partitions(GroupRuns *runs, Error *err) {
    if (!runs->partitions) runs->partitions = calloc(GROUP_PARTITIONS, sizeof *runs->partitions);
    return runs->partitions ? STATUS_OK : error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
}

Status group_runs_add(GroupRuns *runs, const GroupTable *table, Error *err) {
    TRY(make_partitions(runs, err));
    size_t width = runs->row_bytes;
    for (int64_t g = 0; g < table->count; g++) {
        char *row = group_row(table, g);
        GroupPartition *partition = &runs->partitions[group_partition(*group_hash(row))];
        GroupRun *last = partition->last;
        if (!last || last->count == last->capacity) {
            TRY(add_run(runs, partition, err));
            last = partition->last;
        }
        memcpy(last->rows + width * (size_t)last->count++, row, width);
        partition->row_count++;
    }
    runs->row_count += table->count;
    return STATUS_OK;
}

/* ---- disk ------------------------------------------------------------------------------------------------
 */

/* A partition's rows in memory, and `count` rows of a table beside them. */
static Status spill_partition(GroupRuns *runs, GroupPartition *partition, char *const *rows, int64_t count,
                              const SpillFormat *format, OperatorStats *stats, Error *err) {
    if (!partition->first && !count) return STATUS_OK;
    if (partition->file_count == partition->file_capacity) {
        int capacity = partition->file_capacity ? partition->file_capacity * 2 : 8;
        SpillFile **files = realloc(partition->files, sizeof *files * (size_t)capacity);
        if (!files) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
        partition->files = files;
        partition->file_capacity = capacity;
    }
    SpillFile *file;
    TRY(spill_create(runs->query, format, stats, &file, err));
    partition->files[partition->file_count++] = file;
    for (GroupRun *run = partition->first; run; run = run->next)
        TRY(spill_append(file, run->rows, run->count, err));
    TRY(spill_append_rows(file, rows, count, err));
    TRY(spill_finish(file, err));
    runs->spilled_rows += partition->row_count + count;
    drop_memory(runs, partition);
    return STATUS_OK;
}

/* A table's rows by partition: those of p are rows[starts[p]] up to rows[starts[p + 1]]. */
static void list_by_partition(const GroupTable *table, char **rows, int64_t *starts) {
    int64_t next[GROUP_PARTITIONS];
    memset(starts, 0, sizeof *starts * (GROUP_PARTITIONS + 1));
    for (int64_t g = 0; g < table->count; g++)
        starts[group_partition(*group_hash(group_row(table, g))) + 1]++;
    for (int p = 0; p < GROUP_PARTITIONS; p++)
        starts[p + 1] += starts[p];
    memcpy(next, starts, sizeof next);
    for (int64_t g = 0; g < table->count; g++) {
        char *row = group_row(table, g);
        rows[next[group_partition(*group_hash(row))]++] = row;
    }
}

Status group_runs_spill(GroupRuns *runs, const GroupTable *table, const SpillFormat *format,
                        OperatorStats *stats, Error *err) {
    int64_t starts[GROUP_PARTITIONS + 1];
    size_t bytes = sizeof(char *) * (size_t)table->count;
    char **rows;
    TRY(make_partitions(runs, err));
    TRY(query_alloc(runs->query, bytes, (void **)&rows, err));
    list_by_partition(table, rows, starts);
    Status status = STATUS_OK;
    for (int p = 0; p < GROUP_PARTITIONS && status == STATUS_OK; p++) {
        status = query_check(runs->query, err);
        if (status == STATUS_OK)
            status = spill_partition(runs, &runs->partitions[p], rows + starts[p], starts[p + 1] - starts[p],
                                     format, stats, err);
    }
    query_free(runs->query, rows, bytes);
    if (status == STATUS_OK) runs->row_count += table->count;
    return status;
}

int64_t group_runs_partition_rows(const GroupRuns *runs, int which) {
    if (!runs->partitions) return 0;
    const GroupPartition *partition = &runs->partitions[which];
    int64_t rows = partition->row_count;
    for (int f = 0; f < partition->file_count; f++)
        rows += spill_row_count(partition->files[f]);
    return rows;
}

/* ---- back into a table -----------------------------------------------------------------------------------
 */

void group_blocks_deinit(GroupBlocks *blocks) {
    for (int i = 0; i < blocks->count; i++)
        query_free(blocks->query, blocks->memory[i], blocks->bytes[i]);
    free(blocks->memory);
    free(blocks->bytes);
    *blocks = (GroupBlocks){0};
}

Status group_rows_absorb(GroupTable *into, const char *rows, int64_t count, const GroupFold *fold,
                         Error *err) {
    uint32_t existing[ABSORB_ROWS];
    for (int64_t start = 0; start < count; start += ABSORB_ROWS) {
        int batch = count - start < ABSORB_ROWS ? (int)(count - start) : ABSORB_ROWS;
        const char *first = rows + into->row_bytes * (size_t)start;
        TRY(query_check_each(into->query, start, err));
        TRY(group_table_absorb(into, first, batch, existing, err));
        for (int k = 0; k < batch; k++)
            if (existing[k] != UINT32_MAX)
                TRY(fold->combine(fold->context, group_row(into, existing[k]),
                                  first + into->row_bytes * (size_t)k, &into->arena.arena, err));
    }
    return charged_arena_settle(into->query, &into->arena, err);
}

static Status keep_block(GroupBlocks *blocks, void *memory, size_t bytes, Error *err) {
    if (blocks->count == blocks->capacity) {
        int capacity = blocks->capacity ? blocks->capacity * 2 : 16;
        void **grown = realloc(blocks->memory, sizeof *grown * (size_t)capacity);
        if (grown) blocks->memory = grown;
        size_t *sizes = grown ? realloc(blocks->bytes, sizeof *sizes * (size_t)capacity) : NULL;
        if (!sizes) {
            query_free(blocks->query, memory, bytes);
            return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
        }
        blocks->bytes = sizes;
        blocks->capacity = capacity;
    }
    blocks->memory[blocks->count] = memory;
    blocks->bytes[blocks->count++] = bytes;
    return STATUS_OK;
}

static Status absorb_file(const SpillFile *file, GroupTable *into, const GroupFold *fold, GroupBlocks *blocks,
                          Error *err) {
    for (int64_t b = 0; b < spill_block_count(file); b++) {
        void *memory;
        size_t bytes = (size_t)spill_block_bytes(file, b);
        TRY(query_check(into->query, err));
        TRY(query_alloc(into->query, bytes, &memory, err));
        Status status = spill_block_read(file, b, memory, err);
        for (int64_t r = 0; status == STATUS_OK && fold->loaded && r < spill_block_rows(file, b); r++)
            fold->loaded(fold->context, (char *)memory + into->row_bytes * (size_t)r);
        if (status == STATUS_OK)
            status = group_rows_absorb(into, memory, spill_block_rows(file, b), fold, err);
        if (status == STATUS_OK && blocks->keep) {
            TRY(keep_block(blocks, memory, bytes, err));
            continue;
        }
        query_free(into->query, memory, bytes);
        TRY(status);
    }
    return STATUS_OK;
}

Status group_runs_absorb(GroupRuns *runs, int which, GroupTable *into, const GroupFold *fold,
                         GroupBlocks *blocks, Error *err) {
    if (!runs->partitions) return STATUS_OK;
    const GroupPartition *partition = &runs->partitions[which];
    for (int f = 0; f < partition->file_count; f++)
        TRY(absorb_file(partition->files[f], into, fold, blocks, err));
    for (const GroupRun *run = partition->first; run; run = run->next)
        TRY(group_rows_absorb(into, run->rows, run->count, fold, err));
    return STATUS_OK;
}
