/* Below WAREHOUSE/.signalbox/groups/TABLE: `lock`, held by the process that commits; UUID.rows, the inserts
 * of a process that waits, which keeps a lock on it as long as it lives; UUID.done, what became of them; and
 * `attempt`, written before a commit that holds rows of others: the snapshot's id and whose rows are in it,
 * so that nobody commits them again when the process dies before it could say that it is done. None of it
 * needs to be durable: after a crash of the machine nobody waits for an answer. */
#include "engines/columnar/iceberg/append_queue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engines/columnar/iceberg/row_block.h"
#include "engines/columnar/iceberg/table_catalog_internal.h"
#include "engines/columnar/store/local_store.h"

enum {
    QUEUE_MAX_BYTES = 64 << 20, /* of one commit */
    QUEUE_FILE_MAX_BYTES = 256 << 20,
    QUEUE_POLL_US = 300,
    QUEUE_STALE_S = 60
};

/* The inserts of one process: ours (`name` NULL), or those in a file of another. */
typedef struct Party {
    const char *name;
    QueuedInsert **inserts;
    int count;
} Party;

typedef struct Queue {
    TableCatalog *catalog;
    const char *namespace_name, *table;
    const char *directory;
    Arena *arena;
    Party *parties;
    int party_count, party_capacity;
    int64_t bytes;
} Queue;

static bool lock_file(int fd, int command, short kind) {
    struct flock lock = {.l_type = kind, .l_whence = SEEK_SET};
    while (fcntl(fd, command, &lock) != 0)
        if (errno != EINTR) return false;
    return command != F_OFD_GETLK || lock.l_type == F_UNLCK;
}

static void set_outcome(QueuedInsert *insert, Status status, const Error *error, int64_t snapshot_id) {
    insert->status = status;
    insert->snapshot_id = snapshot_id;
    if (status != STATUS_OK) insert->error = *error;
}

static void fail_all(QueuedInsert **inserts, int count, const Error *error) {
    for (int i = 0; i < count; i++)
        set_outcome(inserts[i], STATUS_ERROR, error, -1);
}

/* Not durable, but whole or not there. */
static Status write_whole(const char *path, const StrBuf *text, Arena *arena, Error *err) {
    const char *temporary = arena_printf(arena, "%s.tmp", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return error_set_errno(err, errno, "cannot create \"%s\"", temporary);
    ssize_t written = write(fd, strbuf_text(text), text->length);
    int failure = written < 0 ? errno : written == (ssize_t)text->length ? 0 : ENOSPC;
    close(fd);
    if (!failure && rename(temporary, path) != 0) failure = errno;
    if (!failure) return STATUS_OK;
    unlink(temporary);
    return error_set_errno(err, failure, "cannot write \"%s\"", path);
}

/* ---- what became of it ---- */

static Status write_done(Queue *queue, const Party *party, Error *err) {
    StrBuf text;
    strbuf_init(&text);
    for (int i = 0; i < party->count; i++) {
        QueuedInsert *insert = party->inserts[i];
        strbuf_append(&text, &insert->status, sizeof insert->status);
        strbuf_append(&text, &insert->snapshot_id, sizeof insert->snapshot_id);
        strbuf_append(&text, &insert->error, sizeof insert->error);
    }
    const char *path = arena_printf(queue->arena, "%s/%s.done", queue->directory, party->name);
    Status status = write_whole(path, &text, queue->arena, err);
    strbuf_deinit(&text);
    if (status == STATUS_OK) unlink(arena_printf(queue->arena, "%s/%s.rows", queue->directory, party->name));
    return status;
}

static bool read_done(Queue *queue, const char *name, QueuedInsert **inserts, int count) {
    char *data;
    size_t bytes, at = 0, each = sizeof(Status) + sizeof(int64_t) + sizeof(Error);
    Error ignored;
    const char *path = arena_printf(queue->arena, "%s/%s.done", queue->directory, name);
    if (access(path, F_OK) != 0 ||
        store_read_file(path, QUEUE_FILE_MAX_BYTES, queue->arena, &data, &bytes, &ignored) != STATUS_OK ||
        bytes != each * (size_t)count)
        return false;
    for (int i = 0; i < count; i++) {
        memcpy(&inserts[i]->status, data + at, sizeof(Status));
        memcpy(&inserts[i]->snapshot_id, data + at + sizeof(Status), sizeof(int64_t));
        memcpy(&inserts[i]->error, data + at + sizeof(Status) + sizeof(int64_t), sizeof(Error));
        at += each;
    }
    unlink(path);
    return true;
}

/* ---- the inserts of others ---- */

static Party *new_party(Queue *queue, const char *name) {
    if (queue->party_count == queue->party_capacity) {
        queue->party_capacity = queue->party_capacity ? queue->party_capacity * 2 : 8;
        Party *grown = ARENA_NEW_ARRAY(queue->arena, Party, queue->party_capacity);
        if (queue->party_count) memcpy(grown, queue->parties, sizeof *grown * (size_t)queue->party_count);
        queue->parties = grown;
    }
    Party *party = &queue->parties[queue->party_count++];
    *party = (Party){.name = name};
    return party;
}

/* A file of inserts: count, then length and bytes of each. */
static bool parse_rows(Queue *queue, const char *name, const char *data, size_t bytes) {
    uint32_t count;
    size_t at = sizeof count;
    if (bytes < sizeof count) return false;
    memcpy(&count, data, sizeof count);
    if (count == 0 || count > bytes / sizeof(uint64_t)) return false;
    QueuedInsert **inserts = ARENA_NEW_ARRAY(queue->arena, QueuedInsert *, count);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t length;
        if (bytes - at < sizeof length) return false;
        memcpy(&length, data + at, sizeof length);
        at += sizeof length;
        if (bytes - at < length) return false;
        inserts[i] = ARENA_NEW(queue->arena, QueuedInsert);
        inserts[i]->data = data + at;
        inserts[i]->bytes = length;
        at += length;
    }
    Party *party = new_party(queue, name);
    party->inserts = inserts;
    party->count = (int)count;
    queue->bytes += (int64_t)bytes;
    return true;
}

/* Rows whose process is gone were never promised to anybody. */
static void add_waiting(Queue *queue, const char *file_name) {
    char *data;
    size_t bytes;
    Error ignored;
    const char *path = arena_printf(queue->arena, "%s/%s", queue->directory, file_name);
    const char *name = arena_strndup(queue->arena, file_name, strlen(file_name) - strlen(".rows"));
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    bool alive = !lock_file(fd, F_OFD_GETLK, F_WRLCK);
    close(fd);
    if (!alive ||
        store_read_file(path, QUEUE_FILE_MAX_BYTES, queue->arena, &data, &bytes, &ignored) != STATUS_OK ||
        !parse_rows(queue, name, data, bytes))
        unlink(path);
}

static void remove_stale(Queue *queue, const char *file_name) {
    struct stat info;
    const char *path = arena_printf(queue->arena, "%s/%s", queue->directory, file_name);
    if (stat(path, &info) == 0 && time(NULL) - info.st_mtime > QUEUE_STALE_S) unlink(path);
}

static bool ends_in(const char *text, const char *ending) {
    size_t length = strlen(text), end = strlen(ending);
    return length > end && strcmp(text + length - end, ending) == 0;
}

static void gather(Queue *queue) {
    DIR *entries = opendir(queue->directory);
    for (struct dirent *entry = entries ? readdir(entries) : NULL; entry; entry = readdir(entries)) {
        if (ends_in(entry->d_name, ".rows") && queue->bytes < QUEUE_MAX_BYTES)
            add_waiting(queue, entry->d_name);
        else if (ends_in(entry->d_name, ".done") || ends_in(entry->d_name, ".tmp"))
            remove_stale(queue, entry->d_name);
    }
    if (entries) closedir(entries);
}

/* ---- a leader that died ---- */

static const char *attempt_path(Queue *queue) {
    return arena_printf(queue->arena, "%s/attempt", queue->directory);
}

static Status write_attempt(Queue *queue, int64_t snapshot_id, Error *err) {
    StrBuf text;
    strbuf_init(&text);
    strbuf_printf(&text, "%" PRId64 "\n", snapshot_id);
    for (int i = 0; i < queue->party_count; i++)
        if (queue->parties[i].name) strbuf_printf(&text, "%s\n", queue->parties[i].name);
    Status status = write_whole(attempt_path(queue), &text, queue->arena, err);
    strbuf_deinit(&text);
    return status;
}

/* The leader may have died while its commit was still on its way. */
static Status has_snapshot(Queue *queue, int64_t snapshot_id, bool *has, Error *err) {
    StrBuf location;
    bool found;
    TableMetadata metadata;
    *has = false;
    strbuf_init(&location);
    Status status = catalog_db_find_settled(queue->catalog->db, queue->namespace_name, queue->table,
                                            &location, &found, err);
    if (status == STATUS_OK && found) {
        status = table_catalog_read_metadata(strbuf_text(&location), queue->arena, &metadata, err);
        size_t index;
        json_t *snapshot;
        if (status == STATUS_OK) {
            json_array_foreach(json_object_get(metadata.root, "snapshots"), index, snapshot) *has =
                *has || json_integer_value(json_object_get(snapshot, "snapshot-id")) == snapshot_id;
            table_metadata_deinit(&metadata);
        }
    }
    strbuf_deinit(&location);
    return status;
}

/* Tells those whose rows a dead leader had committed. */
static Status settle_attempt(Queue *queue, Error *err) {
    char *text, *rest;
    size_t bytes;
    bool committed;
    const char *path = attempt_path(queue);
    if (access(path, F_OK) != 0) return STATUS_OK;
    TRY(store_read_file(path, QUEUE_FILE_MAX_BYTES, queue->arena, &text, &bytes, err));
    int64_t snapshot_id = strtoll(text, &rest, 10);
    TRY(has_snapshot(queue, snapshot_id, &committed, err));
    char *state = NULL;
    for (char *name = strtok_r(rest, "\n", &state); committed && name; name = strtok_r(NULL, "\n", &state)) {
        Queue one = *queue;
        one.parties = NULL;
        one.party_count = one.party_capacity = 0;
        add_waiting(&one, arena_printf(queue->arena, "%s.rows", name));
        for (int i = 0; i < one.party_count; i++) {
            for (int j = 0; j < one.parties[i].count; j++)
                set_outcome(one.parties[i].inserts[j], STATUS_OK, NULL, snapshot_id);
            TRY(write_done(queue, &one.parties[i], err));
        }
    }
    unlink(path);
    return STATUS_OK;
}

/* ---- the commit ---- */

Status append_queue_replay(TableAppend *append, const QueuedInsert *insert, Error *err) {
    const TableVersion *target = table_append_target(append);
    Arena arena;
    RowBlockReader reader;
    arena_init(&arena);
    Status status = row_block_open(insert->data, insert->bytes, target->columns, target->column_count, &arena,
                                   &reader, err);
    if (status == STATUS_OK && !reader.same_columns)
        status = error_set(err, SQLSTATE_SERIALIZATION_FAILURE,
                           "the columns of table \"%s\" were changed by another transaction meanwhile",
                           target->name);
    for (bool more = true; more && status == STATUS_OK;) {
        Arena batch_arena;
        Batch batch;
        arena_init(&batch_arena);
        status = row_block_next(&reader, &batch_arena, &batch, err);
        more = batch.row_count > 0;
        if (status == STATUS_OK && more) status = table_append_batch(append, &batch, err);
        arena_deinit(&batch_arena);
    }
    arena_deinit(&arena);
    return status;
}

/* All of these as one commit. */
static Status commit_together(Queue *queue, QueuedInsert **inserts, int count, int64_t *snapshot_id,
                              Error *err) {
    TableAppend *append;
    TRY(table_append_begin_alone(queue->catalog, queue->namespace_name, queue->table, false, &append, err));
    Status status = STATUS_OK;
    for (int i = 0; i < count && status == STATUS_OK; i++)
        status = append_queue_replay(append, inserts[i], err);
    if (status == STATUS_OK && queue->party_count > 1)
        status = write_attempt(queue, table_append_snapshot_id(append), err);
    if (status != STATUS_OK) {
        table_append_abort(append);
        return status;
    }
    return table_append_commit(append, NULL, snapshot_id, err);
}

/* One bad insert must not take the others down; a full disk does so anyway. A catalog that was lost may have
 * taken the commit: what is done again would be there twice. */
static bool may_be_one_inserts_fault(const Error *error) {
    return strncmp(error->sqlstate, "08", 2) != 0 && strncmp(error->sqlstate, "53", 2) != 0 &&
           strncmp(error->sqlstate, "58", 2) != 0 && strcmp(error->sqlstate, "25006") != 0 &&
           strcmp(error->sqlstate, SQLSTATE_UNDEFINED_TABLE) != 0;
}

/* Each as a commit of its own. No attempt is written: nobody but their own process promises them. */
static void commit_one_by_one(Queue *queue, QueuedInsert **inserts, int count) {
    queue->party_count = 0;
    for (int i = 0; i < count; i++) {
        Error failure = {0};
        int64_t snapshot_id = -1;
        Status status = commit_together(queue, &inserts[i], 1, &snapshot_id, &failure);
        set_outcome(inserts[i], status, &failure, snapshot_id);
    }
}

/* What a waiting process is told when a commit with its rows failed by somebody's fault: to commit them
 * itself, one by one. The leader must not: an attempt names whole parties, and one that dies between two
 * commits would have others promise what is not there. */
static const char LEFT_ALONE[] = "ALONE";

static bool is_left_alone(const QueuedInsert *insert) {
    return insert->status != STATUS_OK && strcmp(insert->error.sqlstate, LEFT_ALONE) == 0;
}

/* The first party is ours. */
static void leave_others_alone(Queue *queue) {
    Error alone = {0};
    strcpy(alone.sqlstate, LEFT_ALONE);
    for (int i = 1; i < queue->party_count; i++)
        fail_all(queue->parties[i].inserts, queue->parties[i].count, &alone);
}

static QueuedInsert **inserts_of_all(Queue *queue, int *count) {
    *count = 0;
    for (int i = 0; i < queue->party_count; i++)
        *count += queue->parties[i].count;
    QueuedInsert **all = ARENA_NEW_ARRAY(queue->arena, QueuedInsert *, *count);
    for (int i = 0, at = 0; i < queue->party_count; i++)
        for (int j = 0; j < queue->parties[i].count; j++)
            all[at++] = queue->parties[i].inserts[j];
    return all;
}

/* Every insert has its outcome afterwards, or is left to its own process. Those of ours that are to be
 * committed one by one are not yet: *ours_remain. */
static void commit_parties(Queue *queue, bool *ours_remain) {
    int count;
    QueuedInsert **all = inserts_of_all(queue, &count);
    int64_t snapshot_id = -1;
    Error failure = {0};
    Status status = commit_together(queue, all, count, &snapshot_id, &failure);
    *ours_remain = status != STATUS_OK && count > 1 && may_be_one_inserts_fault(&failure);
    if (*ours_remain)
        leave_others_alone(queue);
    else
        for (int i = 0; i < count; i++)
            set_outcome(all[i], status, &failure, snapshot_id);
}

/* With the lock held. */
static void lead(Queue *queue, QueuedInsert **inserts, int count, bool *shared) {
    Error failure = {0};
    if (settle_attempt(queue, &failure) != STATUS_OK) {
        fail_all(inserts, count, &failure);
        return;
    }
    Party *own = new_party(queue, NULL);
    own->inserts = inserts;
    own->count = count;
    gather(queue);
    *shared = queue->party_count > 1;
    bool told = true, ours_remain;
    commit_parties(queue, &ours_remain);
    for (int i = 0; i < queue->party_count; i++)
        if (queue->parties[i].name)
            told = write_done(queue, &queue->parties[i], &failure) == STATUS_OK && told;
    /* Whom we could not tell, the next leader tells by the attempt. */
    if (*shared && told) unlink(attempt_path(queue));
    if (ours_remain) commit_one_by_one(queue, inserts, count);
}

/* ---- waiting ---- */

/* Leaves the rows where the process that has the lock finds them. The open file says that we live. */
static Status leave_rows(Queue *queue, const char *name, QueuedInsert **inserts, int count, int *fd,
                         Error *err) {
    const char *temporary = arena_printf(queue->arena, "%s/%s.tmp", queue->directory, name);
    const char *path = arena_printf(queue->arena, "%s/%s.rows", queue->directory, name);
    StrBuf text;
    strbuf_init(&text);
    uint32_t number = (uint32_t)count;
    strbuf_append(&text, &number, sizeof number);
    for (int i = 0; i < count; i++) {
        uint64_t bytes = inserts[i]->bytes;
        strbuf_append(&text, &bytes, sizeof bytes);
        strbuf_append(&text, inserts[i]->data, inserts[i]->bytes);
    }
    int failure = 0;
    *fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (*fd < 0 || !lock_file(*fd, F_OFD_SETLK, F_WRLCK)) failure = errno;
    ssize_t written = failure ? -1 : write(*fd, strbuf_text(&text), text.length);
    if (!failure) failure = written < 0 ? errno : written == (ssize_t)text.length ? 0 : ENOSPC;
    if (!failure && rename(temporary, path) != 0) failure = errno;
    strbuf_deinit(&text);
    if (!failure) return STATUS_OK;
    unlink(temporary);
    if (*fd >= 0) close(*fd);
    return error_set_errno(err, failure, "cannot write \"%s\"", path);
}

static void wait_turn(Queue *queue, int lock_fd, const char *name, QueuedInsert **inserts, int count,
                      bool *shared) {
    struct timespec pause = {.tv_nsec = QUEUE_POLL_US * 1000};
    bool told = false, locked = false;
    while (!(told = told || read_done(queue, name, inserts, count)) || is_left_alone(inserts[0])) {
        if ((locked = lock_file(lock_fd, F_OFD_SETLK, F_WRLCK))) break;
        nanosleep(&pause, NULL);
    }
    if (!locked) {
        *shared = true;
        return;
    }
    /* The one before may have died after it committed our rows. */
    Error failure = {0};
    if (settle_attempt(queue, &failure) != STATUS_OK) {
        Error unknown;
        (void)error_set(&unknown, SQLSTATE_RESOLUTION_UNKNOWN,
                        "whether the rows were committed by a process that is gone is unknown: %s",
                        failure.message);
        fail_all(inserts, count, &unknown);
        told = true;
    } else if (!told) {
        told = read_done(queue, name, inserts, count);
    }
    unlink(arena_printf(queue->arena, "%s/%s.rows", queue->directory, name));
    if (!told)
        lead(queue, inserts, count, shared);
    else if (is_left_alone(inserts[0]))
        commit_one_by_one(queue, inserts, count);
}

static Status commit_or_wait(Queue *queue, QueuedInsert **inserts, int count, bool *shared, Error *err) {
    const char *path = arena_printf(queue->arena, "%s/lock", queue->directory);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666), rows_fd;
    if (fd < 0 && errno == ENOENT) {
        TRY(store_make_directories(queue->directory, err));
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    }
    if (fd < 0) return error_set_errno(err, errno, "cannot open \"%s\"", path);
    Status status = STATUS_OK;
    char name[STORE_UUID_BYTES];
    if (lock_file(fd, F_OFD_SETLK, F_WRLCK)) {
        lead(queue, inserts, count, shared);
    } else {
        store_make_uuid(name);
        status = leave_rows(queue, name, inserts, count, &rows_fd, err);
        if (status == STATUS_OK) {
            wait_turn(queue, fd, name, inserts, count, shared);
            close(rows_fd);
        }
    }
    close(fd);
    return status;
}

void append_queue_commit(TableCatalog *catalog, const char *namespace_name, const char *name,
                         QueuedInsert **inserts, int count, bool *shared) {
    Arena arena;
    Error failure = {0};
    arena_init(&arena);
    Queue queue = {.catalog = catalog, .namespace_name = namespace_name, .table = name, .arena = &arena};
    queue.directory = arena_printf(&arena, "%s/.signalbox/groups/%016" PRIx64, catalog->warehouse,
                                   table_catalog_hash(namespace_name, name));
    *shared = false;
    if (commit_or_wait(&queue, inserts, count, shared, &failure) != STATUS_OK)
        fail_all(inserts, count, &failure);
    arena_deinit(&arena);
}
