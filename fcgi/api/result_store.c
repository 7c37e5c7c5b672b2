#include "fcgi/api/result_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/base/hash.h"
#include "fcgi/api/shared_map.h"

enum {
    WAYS = 8, /* places a hash may have */
    PLACE_BITS = 44,
    ALIGNMENT = 64,
    FIRST_READ_BYTES = 16 << 10, /* most entries are within */
    BYTES_PER_PLACE = 1024,
    LEAST_PLACES = 1 << 12,
    MOST_PLACES = 1 << 20,
    LARGEST_SHARE = 8, /* of the ring, for one entry */
    OLD_QUARTERS = 3   /* of the ring behind the head: then it is put again */
};

static const uint64_t index_magic = 0x5342524553313031, entry_magic = 0x5342524553454e54;

/* At the beginning of the index file. */
typedef struct IndexHead {
    uint64_t magic, capacity, places;
    _Atomic uint64_t head; /* bytes ever given out; where they lie is the remainder by `capacity` */
    char unused[4096 - 4 * sizeof(uint64_t)];
} IndexHead;

/* Before each entry in the ring: key and value follow. */
typedef struct EntryHead {
    uint64_t magic;
    uint64_t offset; /* of itself, as the head counts */
    uint64_t checksum;
    uint64_t key_bytes, value_bytes;
} EntryHead;

struct ResultStore {
    int fd, lock_fd;
    void *memory;
    size_t memory_bytes;
    IndexHead *head;
    _Atomic uint64_t *places; /* tag << PLACE_BITS | offset / ALIGNMENT; 0 = empty */
    uint64_t capacity, place_count;
};

/* ---- opening ---------------------------------------------------------------------------------------------
 */

static uint64_t places_for(uint64_t capacity) {
    uint64_t count = LEAST_PLACES;
    while (count < MOST_PLACES && count * BYTES_PER_PLACE < capacity)
        count *= 2;
    return count;
}

static size_t index_bytes(uint64_t places) {
    return sizeof(IndexHead) + places * sizeof(uint64_t);
}

static bool lock(int fd, short kind, int command) {
    struct flock area = {.l_type = kind, .l_whence = SEEK_SET};
    while (fcntl(fd, command, &area) != 0)
        if (errno != EINTR) return false;
    return true;
}

/* Nobody else has it open: what does not fit is made anew. */
static Status begin_alone(const char *index_path, int index_fd, int data_fd, uint64_t capacity, Error *err) {
    IndexHead head = {.magic = 0};
    ssize_t got = pread(index_fd, &head, sizeof head, 0);
    struct stat status;
    bool fits = got == (ssize_t)sizeof head && head.magic == index_magic && head.capacity == capacity &&
                head.places == places_for(capacity) && fstat(index_fd, &status) == 0 &&
                (uint64_t)status.st_size == index_bytes(head.places);
    if (fits) return STATUS_OK;
    head = (IndexHead){.magic = index_magic, .capacity = capacity, .places = places_for(capacity)};
    atomic_init(&head.head, ALIGNMENT);
    if (ftruncate(index_fd, 0) != 0 || ftruncate(index_fd, (off_t)index_bytes(head.places)) != 0 ||
        pwrite(index_fd, &head, sizeof head, 0) != (ssize_t)sizeof head || ftruncate(data_fd, 0) != 0)
        return error_set_errno(err, errno, "cannot write %s", index_path);
    return STATUS_OK;
}

/* The lock of the index file is held shared by whoever uses it, and alone by who makes it anew. */
static Status open_files(ResultStore *store, const char *path, const char *index_path, uint64_t capacity,
                         Error *err) {
    store->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->fd < 0) return error_set_errno(err, errno, "cannot open %s", path);
    store->lock_fd = open(index_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->lock_fd < 0) return error_set_errno(err, errno, "cannot open %s", index_path);
    if (lock(store->lock_fd, F_WRLCK, F_OFD_SETLK))
        TRY(begin_alone(index_path, store->lock_fd, store->fd, capacity, err));
    if (!lock(store->lock_fd, F_RDLCK, F_OFD_SETLKW))
        return error_set_errno(err, errno, "cannot lock %s", index_path);
    IndexHead head;
    if (pread(store->lock_fd, &head, sizeof head, 0) != (ssize_t)sizeof head || head.magic != index_magic ||
        head.places != places_for(head.capacity) || head.capacity % ALIGNMENT)
        return error_set(err, SQLSTATE_DATA_CORRUPTED, "%s is damaged; it may be deleted", index_path);
    store->capacity = head.capacity;
    store->place_count = head.places;
    return STATUS_OK;
}

Status result_store_open(const char *path, int64_t capacity_bytes, ResultStore **out, Error *err) {
    ResultStore *store = calloc(1, sizeof *store);
    char *index_path;
    if (!store || asprintf(&index_path, "%s.index", path) < 0) abort();
    store->fd = store->lock_fd = -1;
    uint64_t capacity = (uint64_t)capacity_bytes / ALIGNMENT * ALIGNMENT;
    Status status = open_files(store, path, index_path, capacity, err);
    if (status == STATUS_OK) {
        store->memory_bytes = index_bytes(store->place_count);
        status = shared_map_open(index_path, store->memory_bytes, &store->memory, err);
    }
    free(index_path);
    if (status != STATUS_OK) {
        result_store_close(store);
        return STATUS_ERROR;
    }
    store->head = store->memory;
    store->places = (_Atomic uint64_t *)((char *)store->memory + sizeof(IndexHead));
    *out = store;
    return STATUS_OK;
}

void result_store_close(ResultStore *store) {
    if (!store) return;
    if (store->memory) shared_map_close(store->memory, store->memory_bytes);
    if (store->lock_fd >= 0) close(store->lock_fd); /* and with it the lock */
    if (store->fd >= 0) close(store->fd);
    free(store);
}

/* ---- places ----------------------------------------------------------------------------------------------
 */

static uint64_t head_of(const ResultStore *store) {
    return atomic_load_explicit(&store->head->head, memory_order_acquire);
}

static uint64_t tag_of(uint64_t hash) {
    return hash >> PLACE_BITS;
}

static uint64_t place_make(uint64_t hash, uint64_t offset) {
    uint64_t units = offset / ALIGNMENT & (((uint64_t)1 << PLACE_BITS) - 1);
    return tag_of(hash) << PLACE_BITS | units;
}

static uint64_t offset_of(uint64_t place) {
    return (place & (((uint64_t)1 << PLACE_BITS) - 1)) * ALIGNMENT;
}

static bool is_in_ring(const ResultStore *store, uint64_t offset) {
    uint64_t head = head_of(store);
    return offset < head && head - offset <= store->capacity;
}

static _Atomic uint64_t *bucket_of(const ResultStore *store, uint64_t hash) {
    return &store->places[hash % (store->place_count / WAYS) * WAYS];
}

/* In the place of an earlier one of this key, else of one that is gone, else of the oldest. */
static void remember(ResultStore *store, uint64_t hash, uint64_t offset) {
    _Atomic uint64_t *bucket = bucket_of(store, hash);
    int chosen = 0;
    uint64_t chosen_offset = UINT64_MAX;
    for (int way = 0; way < WAYS; way++) {
        uint64_t place = atomic_load_explicit(&bucket[way], memory_order_relaxed);
        uint64_t at = place ? offset_of(place) : 0;
        if (place && place >> PLACE_BITS == tag_of(hash)) {
            chosen = way;
            break;
        }
        if (!is_in_ring(store, at)) at = 0;
        if (at >= chosen_offset) continue;
        chosen = way;
        chosen_offset = at;
    }
    atomic_store_explicit(&bucket[chosen], place_make(hash, offset), memory_order_release);
}

/* ---- entries ---------------------------------------------------------------------------------------------
 */

static uint64_t entry_bytes(uint64_t key_bytes, uint64_t value_bytes) {
    uint64_t bytes = sizeof(EntryHead) + key_bytes + value_bytes;
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static uint64_t checksum_of(const EntryHead *head, const void *body, size_t bytes) {
    EntryHead bare = *head;
    bare.checksum = 0;
    return hash64_bytes(body, bytes, hash64_bytes(&bare, sizeof bare, 0));
}

int64_t result_store_largest(const ResultStore *store) {
    return (int64_t)(store->capacity / LARGEST_SHARE) - (int64_t)sizeof(EntryHead);
}

/* Room at the head, in one piece. A head that is damaged, or further than places can tell, begins anew. */
static uint64_t reserve(ResultStore *store, uint64_t bytes) {
    const uint64_t most = ((uint64_t)ALIGNMENT << PLACE_BITS) - 2 * store->capacity;
    uint64_t head = head_of(store), start;
    do {
        start = head % ALIGNMENT || head < ALIGNMENT || head > most ? ALIGNMENT : head;
        uint64_t left = store->capacity - start % store->capacity;
        if (left < bytes) start += left;
    } while (!atomic_compare_exchange_weak(&store->head->head, &head, start + bytes));
    return start;
}

static bool write_all(int fd, const void *data, size_t bytes, uint64_t at) {
    for (size_t done = 0; done < bytes;) {
        ssize_t written = pwrite(fd, (const char *)data + done, bytes - done, (off_t)(at + done));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        done += (size_t)written;
    }
    return true;
}

static size_t read_some(int fd, void *data, size_t bytes, uint64_t at) {
    size_t done = 0;
    while (done < bytes) {
        ssize_t got = pread(fd, (char *)data + done, bytes - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        done += (size_t)got;
    }
    return done;
}

bool result_store_put(ResultStore *store, const void *key, size_t key_bytes, const void *value,
                      size_t value_bytes) {
    uint64_t bytes = entry_bytes(key_bytes, value_bytes);
    if (bytes > store->capacity / LARGEST_SHARE) return false;
    StrBuf entry;
    strbuf_init(&entry);
    EntryHead head = {.magic = entry_magic, .key_bytes = key_bytes, .value_bytes = value_bytes};
    strbuf_grow(&entry, bytes);
    strbuf_append(&entry, &head, sizeof head);
    strbuf_append(&entry, key, key_bytes);
    strbuf_append(&entry, value, value_bytes);
    head.offset = reserve(store, bytes);
    head.checksum = checksum_of(&head, entry.data + sizeof head, key_bytes + value_bytes);
    memcpy(entry.data, &head, sizeof head);
    bool written = write_all(store->fd, entry.data, entry.length, head.offset % store->capacity);
    strbuf_deinit(&entry);
    if (written) remember(store, hash64_bytes(key, key_bytes, 0), head.offset);
    return written;
}

/* Whole and of this key, into `entry`; what another process writes there meanwhile fails the checksum. */
static bool read_entry(ResultStore *store, uint64_t offset, const void *key, size_t key_bytes,
                       size_t most_bytes, StrBuf *entry) {
    uint64_t at = offset % store->capacity, most = store->capacity / LARGEST_SHARE;
    EntryHead head;
    strbuf_reset(entry);
    strbuf_grow(entry, FIRST_READ_BYTES);
    entry->length = read_some(store->fd, entry->data, FIRST_READ_BYTES, at);
    if (entry->length < sizeof head) return false;
    memcpy(&head, entry->data, sizeof head);
    if (head.magic != entry_magic || head.offset != offset || head.key_bytes != key_bytes ||
        head.value_bytes > most || head.value_bytes > most_bytes || key_bytes > most)
        return false;
    size_t bytes = sizeof head + key_bytes + head.value_bytes;
    if (bytes > most || at + bytes > store->capacity) return false;
    if (bytes > entry->length) {
        size_t more = bytes - entry->length;
        strbuf_grow(entry, more);
        entry->length += read_some(store->fd, entry->data + entry->length, more, at + entry->length);
    }
    if (entry->length < bytes || memcmp(entry->data + sizeof head, key, key_bytes) != 0) return false;
    entry->length = bytes;
    entry->data[bytes] = 0;
    return head.checksum == checksum_of(&head, entry->data + sizeof head, bytes - sizeof head);
}

static bool is_old(const ResultStore *store, uint64_t offset) {
    return head_of(store) - offset > store->capacity / 4 * OLD_QUARTERS;
}

bool result_store_get(ResultStore *store, const void *key, size_t key_bytes, size_t most_bytes,
                      StrBuf *value) {
    uint64_t hash = hash64_bytes(key, key_bytes, 0);
    _Atomic uint64_t *bucket = bucket_of(store, hash);
    for (int way = 0; way < WAYS; way++) {
        uint64_t place = atomic_load_explicit(&bucket[way], memory_order_acquire);
        uint64_t offset = offset_of(place);
        if (!place || place >> PLACE_BITS != tag_of(hash) || !is_in_ring(store, offset)) continue;
        if (!read_entry(store, offset, key, key_bytes, most_bytes, value)) continue;
        size_t before = sizeof(EntryHead) + key_bytes;
        value->length -= before;
        memmove(value->data, value->data + before, value->length + 1);
        if (is_old(store, offset)) (void)result_store_put(store, key, key_bytes, value->data, value->length);
        return true;
    }
    strbuf_reset(value);
    return false;
}

void result_store_use(ResultStore *store, ResultStoreUse *out) {
    uint64_t head = head_of(store);
    *out = (ResultStoreUse){.capacity = (int64_t)store->capacity,
                            .bytes = (int64_t)(head < store->capacity ? head : store->capacity)};
    for (uint64_t i = 0; i < store->place_count; i++) {
        uint64_t place = atomic_load_explicit(&store->places[i], memory_order_relaxed);
        out->entries += place && is_in_ring(store, offset_of(place));
    }
}
