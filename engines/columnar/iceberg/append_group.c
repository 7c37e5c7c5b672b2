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
    int64_t company_ns;   /* when several inserts met last */
    TableVersion *target; /* of the table inserted into last */
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
        table_version_release(lanes->lanes[i].target);
        pthread_mutex_destroy(&lanes->lanes[i].lock);
        pthread_cond_destroy(&lanes->lanes[i].changed);
    }
    free(lanes);
}

void append_group_set_window(TableCatalog *catalog, int window_ms) {
    catalog->append_lanes->window_ms = window_ms;
}

/* The table's columns as they are now, without its files: looked up again only when the table has changed. */
static Status find_target(TableCatalog *catalog, Lane *lane, const char *namespace_name, const char *name,
                          StrBuf *location, TableVersion **out, Error *err) {
    bool found;
    Arena arena;
    TableMetadata metadata;
    *out = NULL;
    TRY(catalog_db_find(catalog->db, namespace_name, name, location, &found, err));
    if (!found) return table_catalog_undefined(namespace_name, name, err);
    pthread_mutex_lock(&lane->lock);
    if (lane->target && strcmp(lane->target->metadata_location, strbuf_text(location)) == 0)
        *out = table_version_retain(lane->target);
    pthread_mutex_unlock(&lane->lock);
    if (*out) return STATUS_OK;
    arena_init(&arena);
    Status status = table_catalog_read_metadata(strbuf_text(location), &arena, &metadata, err);
    if (status == STATUS_OK) {
        *out = table_version_describe(namespace_name, name, strbuf_text(location), &metadata);
        table_metadata_deinit(&metadata);
        pthread_mutex_lock(&lane->lock);
        TableVersion *old = lane->target;
        lane->target = table_version_retain(*out);
        pthread_mutex_unlock(&lane->lock);
        table_version_release(old);
    }
    arena_deinit(&arena);
    return status;
}

enum { TARGET_ATTEMPTS = 5 };

Status append_group_begin(TableCatalog *catalog, const char *namespace_name, const char *name,
                          AppendGroup **out, Error *err) {
    if (!namespace_name) namespace_name = DEFAULT_NAMESPACE;
    Lane *lane = &catalog->append_lanes->lanes[table_catalog_hash(namespace_name, name) % LANES];
    TableVersion *target;
    StrBuf location;
    strbuf_init(&location);
    Status status = STATUS_ERROR;
    /* Metadata that is gone was trimmed by maintenance since: the table has newer. */
    for (int i = 0; i < TARGET_ATTEMPTS && status != STATUS_OK; i++) {
        strbuf_reset(&location);
        status = find_target(catalog, lane, namespace_name, name, &location, &target, err);
        if (status != STATUS_OK && err && strcmp(err->sqlstate, SQLSTATE_UNDEFINED_TABLE) == 0) break;
    }
    strbuf_deinit(&location);
    TRY(status);
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
    return group->target;
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
Status append_group_go_alone(AppendGroup *group, TableAppend **append, Error *err) {
    const TableVersion *target = group->target;
    if (!group->append) {
        TRY(table_append_begin_alone(group->catalog, target->namespace_name, target->name, false,
                                     &group->append, err));
        QueuedInsert insert = {.data = strbuf_text(&group->rows), .bytes = group->rows.length};
        TRY(append_queue_replay(group->append, &insert, err));
        strbuf_deinit(&group->rows);
        strbuf_init(&group->rows);
    }
    *append = group->append;
    return STATUS_OK;
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
        TableAppend *alone;
        return group->rows.length > APPEND_GROUP_BYTES ? append_group_go_alone(group, &alone, err)
                                                       : STATUS_OK;
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
        status =
            table_append_commit(group->append, &group->row_count, &snapshot, err); /* writers' rows, too */
        group->append = NULL;
    } else {
        status = group->row_count > 0 ? commit_grouped(group, &snapshot, err) : STATUS_OK;
    }
    if (row_count) *row_count = group->row_count;
    if (snapshot_id) *snapshot_id = snapshot;
    group_destroy(group);
    return status;
}
