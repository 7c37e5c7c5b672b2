/* Rows of groups set aside by hash partition: what a worker's table held when it was emptied, in memory or in
 * spill files. A key may come several times; absorbing a partition's rows into one table makes it one group.
 * Internal to exec/.
 *
 * group_runs_init → group_runs_add (a table's rows) ... → maybe group_runs_spill ... → group_runs_absorb of
 * each partition → group_runs_drop. Row format as in group_table.h.
 */
#pragma once

#include "engines/columnar/exec/group_table.h"
#include "engines/columnar/exec/spill.h"

enum { GROUP_PARTITION_BITS = 8, GROUP_PARTITIONS = 1 << GROUP_PARTITION_BITS };

static inline int group_partition(uint64_t hash) {
    return (int)(hash >> (64 - GROUP_PARTITION_BITS));
}

typedef struct GroupRun {
    struct GroupRun *next;
    int64_t count, capacity, unused; /* rows stand on 16 bytes, for their states */
    char rows[];
} GroupRun;

typedef struct GroupPartition {
    GroupRun *first, *last;
    int64_t row_count; /* in memory */
    SpillFile **files;
    int file_count, file_capacity;
} GroupPartition;

typedef struct GroupRuns {
    Query *query;
    size_t row_bytes;
    int64_t row_count;            /* in memory and on disk */
    _Atomic int64_t memory_bytes; /* readers drop different partitions at once */
    int64_t spilled_rows;
    GroupPartition *partitions; /* NULL until something is added */
} GroupRuns;

/* Folds `from`'s states into those of an existing group's row. */
typedef struct GroupFold {
    Status (*combine)(const void *context, char *into_row, const char *from_row, Arena *arena, Error *err);
    void (*loaded)(const void *context, char *row); /* read back from disk; may be NULL */
    const void *context;
} GroupFold;

void group_runs_init(GroupRuns *runs, Query *query, size_t row_bytes);
void group_runs_deinit(GroupRuns *runs);
/* Copies every row of the table; long strings stay where they are. */
Status group_runs_add(GroupRuns *runs, const GroupTable *table, Error *err);
/* Everything in memory goes to disk, strings included, and the table's rows with it. */
Status group_runs_spill(GroupRuns *runs, const GroupTable *table, const SpillFormat *format,
                        OperatorStats *stats, Error *err);
/* Rows side by side, of the table's format. */
Status group_rows_absorb(GroupTable *into, const char *rows, int64_t count, const GroupFold *fold,
                         Error *err);
int64_t group_runs_partition_rows(const GroupRuns *runs, int partition);
/* Rows of one partition into a table, in the order they were added. Blocks read back are kept in `blocks`
 * where the rows' strings need them. */
typedef struct GroupBlocks {
    Query *query;
    void **memory;
    size_t *bytes;
    int count, capacity;
    bool keep;
} GroupBlocks;
void group_blocks_deinit(GroupBlocks *blocks);
Status group_runs_absorb(GroupRuns *runs, int partition, GroupTable *into, const GroupFold *fold,
                         GroupBlocks *blocks, Error *err);
/* Frees a partition's rows and files. */
void group_runs_drop(GroupRuns *runs, int partition);
