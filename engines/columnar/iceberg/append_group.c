#include "engines/columnar/iceberg/append_group.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "engines/base/clock.h"
#include "engines/columnar/iceberg/append_queue.h"
#include "engines/columnar/iceberg/row_block.h"
#include "engines/columnar/iceberg/table_catalog_internal.h"

/* Company that was seen this long ago is worth waiting for. */
enum { COMPANY_LASTS_MS = 100 };

struct AppendGroup {
    TableCatalog *catalog;
    TableVersion *target;
    StrBuf rows;
    int64_t row_count;
    TableAppend *append; /* once there are too many rows for a group */
    QueuedInsert insert;
    bool done;
    AppendGroup *next;
};

/* The inserts of one process into the tables that share this lane. */
typedef struct Lane {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    AppendGroup *first, *last; /* waiting */
    bool led;
    int64_t company_ns; /* when several inserts met last */
} Lane;

enum { LANES = 64 };

struct AppendLanes {
    Lane lanes[LANES];
    _Atomic int window_ms;
};

struct AppendLanes *append_lanes_create(void) {
    struct AppendLanes *lanes = calloc(1, sizeof *lanes);
    if (!lanes) abort();
    for (int i = 0; i < LANES; i++) {
        pthread_mutex_init(&lanes->lanes[i].lock, NULL);
        pthread_cond_init(&lanes->lanes[i].changed, NULL);
    }
    lanes->window_ms = APPEND_GROUP_WINDOW_MS;
    return lanes;
}

void append_lanes_destroy(struct AppendLanes *lanes) {
    for (int i = 0; i < LANES; i++) {
        pthread_mutex_destroy(&lanes->lanes[i].lock);
        pthread_cond_destroy(&lanes->lanes[i].changed);
    }
    free(lanes);
}

void append_group_set_window(TableCatalog *catalog, int window_ms) {
    catalog->append_lanes->window_ms = window_ms;
}

Status append_group_begin(TableCatalog *catalog, const char *namespace_name, const char *name,
                          AppendGroup **out, Error *err) {
    TableVersion *target;
    TRY(table_catalog_load(catalog, namespace_name, name, &target, err));
    AppendGroup *group = calloc(1, sizeof *group);
    if (!group) abort();
    group->catalog = catalog;
    group->target = target;
    strbuf_init(&group->rows);
    row_block_put_columns(&group->rows, target->columns, target->column_count);
    *out = group;
    return STATUS_OK;
}

const TableVersion *append_group_target(const AppendGroup *group) {
    return group->append ? table_append_target(group->append) : group->target;
}

static void group_destroy(AppendGroup *group) {
    table_version_release(group->target);
    strbuf_deinit(&group->rows);
    free(group);
}

void append_group_abort(AppendGroup *group) {
    if (!group) return;
    table_append_abort(group->append);
    group_destroy(group);
}

/* What was gathered so far becomes the beginning of an append of its own. */
static Status go_alone(AppendGroup *group, Error *err) {
    const TableVersion *target = group->target;
    TRY(table_append_begin(group->catalog, target->namespace_name, target->name, false, &group->append, err));
    QueuedInsert insert = {.data = strbuf_text(&group->rows), .bytes = group->rows.length};
    Status status = append_queue_replay(group->append, &insert, err);
    strbuf_deinit(&group->rows);
    strbuf_init(&group->rows);
    return status;
}

static Status check_batch(const AppendGroup *group, const Batch *batch, Error *err) {
    const TableVersion *target = group->target;
    if (batch->column_count != target->column_count)
        return error_set(err, SQLSTATE_INTERNAL, "a batch of %d columns for a table of %d",
                         batch->column_count, target->column_count);
    for (int c = 0; c < target->column_count; c++) {
        const Vector *vector = &batch->columns[c];
        if (target->columns[c].nullable || !vector->validity) continue;
        int rows = batch->selection ? batch->selected : batch->row_count;
        for (int row = 0; row < rows; row++)
            if (vector_is_null(vector, batch->selection ? batch->selection[row] : row))
                return error_set(err, "23502", "null value in column \"%s\" violates its not-null constraint",
                                 target->columns[c].name);
    }
    return STATUS_OK;
}

Status append_group_batch(AppendGroup *group, const Batch *batch, Error *err) {
    if (!group->append) {
        Arena scratch;
        TRY(check_batch(group, batch, err));
        group->row_count += batch->selection ? batch->selected : batch->row_count;
        arena_init(&scratch);
        row_block_put_batch(&group->rows, batch, &scratch);
        arena_deinit(&scratch);
        return group->rows.length > APPEND_GROUP_BYTES ? go_alone(group, err) : STATUS_OK;
    }
    TRY(table_append_batch(group->append, batch, err));
    group->row_count += batch->selection ? batch->selected : batch->row_count;
    return STATUS_OK;
}

/* ---- within the process ---- */

static bool same_table(const AppendGroup *a, const AppendGroup *b) {
    return strcmp(a->target->name, b->target->name) == 0 &&
           strcmp(a->target->namespace_name, b->target->namespace_name) == 0;
}

/* Takes those of the leader's table off the lane's list; returns how many. With the lock held. */
static int take_waiting(Lane *lane, const AppendGroup *leader, AppendGroup **out) {
    AppendGroup *kept_first = NULL, *kept_last = NULL, *taken_last = NULL;
    int count = 0;
    *out = NULL;
    for (AppendGroup *group = lane->first, *next; group; group = next) {
        next = group->next;
        group->next = NULL;
        bool take = same_table(group, leader);
        AppendGroup **first = take ? out : &kept_first, **last = take ? &taken_last : &kept_last;
        if (*last)
            (*last)->next = group;
        else
            *first = group;
        *last = group;
        count += take;
    }
    lane->first = kept_first;
    lane->last = kept_last;
    return count;
}

static void wait_for_company(Lane *lane, int window_ms) {
    struct timespec pause = {.tv_sec = window_ms / 1000, .tv_nsec = window_ms % 1000 * 1000000};
    bool company =
        lane->first->next || clock_now_ns() - lane->company_ns < (int64_t)COMPANY_LASTS_MS * 1000000;
    if (window_ms <= 0 || !company) return;
    pthread_mutex_unlock(&lane->lock);
    nanosleep(&pause, NULL);
    pthread_mutex_lock(&lane->lock);
}

/* With the lock held, which is given up while it waits and commits. */
static void lead(Lane *lane, AppendGroup *leader) {
    AppendGroup *taken;
    const TableVersion *target = leader->target;
    bool shared = false;
    lane->led = true;
    wait_for_company(lane, leader->catalog->append_lanes->window_ms);
    int count = take_waiting(lane, leader, &taken), at = 0;
    pthread_mutex_unlock(&lane->lock);
    QueuedInsert **inserts = calloc((size_t)count, sizeof *inserts);
    if (!inserts) abort();
    for (AppendGroup *group = taken; group; group = group->next) {
        group->insert =
            (QueuedInsert){.data = strbuf_text(&group->rows), .bytes = group->rows.length, .snapshot_id = -1};
        inserts[at++] = &group->insert;
    }
    append_queue_commit(leader->catalog, target->namespace_name, target->name, inserts, count, &shared);
    free(inserts);
    pthread_mutex_lock(&lane->lock);
    if (shared || count > 1) lane->company_ns = clock_now_ns();
    for (AppendGroup *group = taken, *next; group; group = next) {
        next = group->next; /* a member that is done may be gone at once */
        group->done = true;
    }
    lane->led = false;
    pthread_cond_broadcast(&lane->changed);
}

static Status commit_grouped(AppendGroup *group, int64_t *snapshot_id, Error *err) {
    const TableVersion *target = group->target;
    Lane *lane = &group->catalog->append_lanes
                      ->lanes[table_catalog_hash(target->namespace_name, target->name) % LANES];
    pthread_mutex_lock(&lane->lock);
    if (lane->last)
        lane->last->next = group;
    else
        lane->first = group;
    lane->last = group;
    while (!group->done) {
        if (lane->led)
            pthread_cond_wait(&lane->changed, &lane->lock);
        else
            lead(lane, group);
    }
    pthread_mutex_unlock(&lane->lock);
    *snapshot_id = group->insert.snapshot_id;
    if (group->insert.status != STATUS_OK && err) *err = group->insert.error;
    return group->insert.status;
}

Status append_group_commit(AppendGroup *group, int64_t *row_count, int64_t *snapshot_id, Error *err) {
    Status status;
    int64_t snapshot = group->target->snapshot_id;
    if (group->append) {
        status = table_append_commit(group->append, NULL, &snapshot, err);
        group->append = NULL;
    } else {
        status = group->row_count > 0 ? commit_grouped(group, &snapshot, err) : STATUS_OK;
    }
    if (row_count) *row_count = group->row_count;
    if (snapshot_id) *snapshot_id = snapshot;
    group_destroy(group);
    return status;
}
