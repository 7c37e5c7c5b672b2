#include "engines/columnar/iceberg/table_pins.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "engines/base/hash.h"
#include "engines/columnar/store/local_store.h"

enum { PIN_PROCESSES = 128, PIN_SLOTS = 512, PIN_UNLISTED = -1, PIN_POLL_US = 500 };
/* Bytes whose locks say who is alive: one per block, and one shared by processes that found no free block. */
enum { PIN_BLOCKLESS_BYTE = PIN_PROCESSES };

typedef enum SlotState { SLOT_FREE, SLOT_LOOKING, SLOT_READING, SLOT_WRITING } SlotState;

typedef struct Slot {
    _Atomic uint32_t state;
    _Atomic uint32_t generation; /* of its use: grows with each release */
    _Atomic uint64_t key;
    _Atomic int64_t value; /* READING: snapshot id; WRITING: ms since 1970 */
} Slot;

typedef struct Block {
    _Atomic uint32_t used;     /* ever claimed: others need not be looked at */
    _Atomic uint32_t unlisted; /* pins beyond the slots */
    _Atomic uint32_t next;     /* where to look for a free slot */
    uint32_t unused;
    Slot slots[PIN_SLOTS];
} Block;

struct TablePins {
    int fd;
    Block *blocks;
    int own; /* -1: no block was free */
};

static bool lock_byte(int fd, int command, short kind, off_t byte) {
    struct flock lock = {.l_type = kind, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    while (fcntl(fd, command, &lock) != 0)
        if (errno != EINTR) return false;
    return command != F_OFD_GETLK || lock.l_type == F_UNLCK;
}

static void claim_block(TablePins *pins) {
    pins->own = -1;
    for (int i = 0; i < PIN_PROCESSES && pins->own < 0; i++)
        if (lock_byte(pins->fd, F_OFD_SETLK, F_WRLCK, i)) pins->own = i;
    if (pins->own < 0) {
        (void)lock_byte(pins->fd, F_OFD_SETLKW, F_RDLCK, PIN_BLOCKLESS_BYTE);
        return;
    }
    Block *block = &pins->blocks[pins->own];
    for (int i = 0; i < PIN_SLOTS; i++)
        atomic_store(&block->slots[i].state, SLOT_FREE);
    atomic_store(&block->unlisted, 0);
    atomic_store(&block->used, 1);
}

Status table_pins_open(const char *directory, TablePins **out, Error *err) {
    Arena arena;
    arena_init(&arena);
    Status status = store_make_directories(directory, err);
    TablePins *pins = calloc(1, sizeof *pins);
    if (!pins) abort();
    pins->fd = -1;
    if (status == STATUS_OK) {
        const char *path = arena_printf(&arena, "%s/pins", directory);
        size_t bytes = sizeof(Block) * PIN_PROCESSES;
        void *memory = MAP_FAILED;
        pins->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (pins->fd >= 0 && ftruncate(pins->fd, (off_t)bytes) == 0)
            memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, pins->fd, 0);
        if (memory == MAP_FAILED)
            status = error_set_errno(err, errno, "cannot map \"%s\"", path);
        else
            pins->blocks = memory;
    }
    arena_deinit(&arena);
    if (status != STATUS_OK) {
        table_pins_close(pins);
        return STATUS_ERROR;
    }
    claim_block(pins);
    *out = pins;
    return STATUS_OK;
}

void table_pins_close(TablePins *pins) {
    if (!pins) return;
    if (pins->blocks) munmap(pins->blocks, sizeof(Block) * PIN_PROCESSES);
    if (pins->fd >= 0) close(pins->fd); /* and with it the locks */
    free(pins);
}

uint64_t table_pins_key(const char *metadata_location) {
    const char *slash = strrchr(metadata_location, '/');
    size_t length = slash ? (size_t)(slash - metadata_location) : strlen(metadata_location);
    return hash64_bytes(metadata_location, length, 0);
}

/* A slot that says LOOKING, until its state is set to something narrower. */
static int take_slot(TablePins *pins) {
    if (!pins || pins->own < 0) return TABLE_PIN_NONE;
    Block *block = &pins->blocks[pins->own];
    uint32_t start = atomic_fetch_add_explicit(&block->next, 1, memory_order_relaxed);
    for (uint32_t i = 0; i < PIN_SLOTS; i++) {
        int number = (int)((start + i) % PIN_SLOTS);
        uint32_t state = SLOT_FREE;
        if (atomic_compare_exchange_strong(&block->slots[number].state, &state, SLOT_LOOKING)) return number;
    }
    atomic_fetch_add(&block->unlisted, 1);
    return PIN_UNLISTED;
}

static void narrow(TablePins *pins, int number, SlotState state, uint64_t key, int64_t value) {
    if (number < 0) return;
    Slot *slot = &pins->blocks[pins->own].slots[number];
    atomic_store(&slot->key, key);
    atomic_store(&slot->value, value);
    atomic_store(&slot->state, state);
}

int table_pins_enter(TablePins *pins) {
    return take_slot(pins);
}

void table_pins_hold(TablePins *pins, TableVersion *const *versions, int count, int *slots) {
    for (int i = 0; i < count; i++) {
        slots[i] = versions[i]->snapshot_id == -1 ? TABLE_PIN_NONE : take_slot(pins);
        narrow(pins, slots[i], SLOT_READING, table_pins_key(versions[i]->metadata_location),
               versions[i]->snapshot_id);
    }
}

int table_pins_write(TablePins *pins, const char *metadata_location) {
    int slot = take_slot(pins);
    narrow(pins, slot, SLOT_WRITING, table_pins_key(metadata_location), clock_wall_us() / 1000);
    return slot;
}

void table_pins_release(TablePins *pins, const int *slots, int count) {
    for (int i = 0; i < count; i++) {
        if (slots[i] == TABLE_PIN_NONE) continue;
        Block *block = &pins->blocks[pins->own];
        if (slots[i] == PIN_UNLISTED) {
            atomic_fetch_sub(&block->unlisted, 1);
            continue;
        }
        Slot *slot = &block->slots[slots[i]];
        atomic_fetch_add(&slot->generation, 1);
        atomic_store(&slot->state, SLOT_FREE);
    }
}

static bool is_alive(const TablePins *pins, int block) {
    if (block == pins->own) return true;
    return atomic_load(&pins->blocks[block].used) && !lock_byte(pins->fd, F_OFD_GETLK, F_WRLCK, block);
}

static bool blockless_processes(const TablePins *pins) {
    return pins->own < 0 || !lock_byte(pins->fd, F_OFD_GETLK, F_WRLCK, PIN_BLOCKLESS_BYTE);
}

static void wait_slot(const Block *block, int number, int64_t until_ns) {
    const Slot *slot = &block->slots[number];
    uint32_t generation = atomic_load(&slot->generation);
    struct timespec pause = {.tv_nsec = PIN_POLL_US * 1000};
    while (atomic_load(&slot->state) == SLOT_LOOKING && atomic_load(&slot->generation) == generation &&
           clock_now_ns() < until_ns)
        nanosleep(&pause, NULL);
}

bool table_pins_wait_readers(TablePins *pins, int64_t timeout_ms) {
    if (!pins) return false;
    int64_t until_ns = clock_now_ns() + timeout_ms * 1000000;
    if (blockless_processes(pins)) return false;
    for (int i = 0; i < PIN_PROCESSES; i++) {
        if (!is_alive(pins, i)) continue;
        for (int s = 0; s < PIN_SLOTS; s++) {
            wait_slot(&pins->blocks[i], s, until_ns);
            if (clock_now_ns() >= until_ns) return false;
        }
    }
    return true;
}

/* One consistent look at a slot that others change. */
static SlotState read_slot(const Slot *slot, uint64_t *key, int64_t *value) {
    for (;;) {
        uint32_t generation = atomic_load(&slot->generation);
        SlotState state = atomic_load(&slot->state);
        *key = atomic_load(&slot->key);
        *value = atomic_load(&slot->value);
        if (atomic_load(&slot->generation) == generation && atomic_load(&slot->state) == state) return state;
    }
}

bool table_pins_snapshots(TablePins *pins, uint64_t key, Arena *arena, int64_t **out, int *count) {
    int capacity = 16;
    *count = 0;
    *out = ARENA_NEW_ARRAY(arena, int64_t, capacity);
    if (!pins || blockless_processes(pins)) return false;
    for (int i = 0; i < PIN_PROCESSES; i++) {
        if (!is_alive(pins, i)) continue;
        if (atomic_load(&pins->blocks[i].unlisted) > 0) return false;
        for (int s = 0; s < PIN_SLOTS; s++) {
            uint64_t found;
            int64_t value;
            if (read_slot(&pins->blocks[i].slots[s], &found, &value) != SLOT_READING || found != key)
                continue;
            if (*count == capacity) {
                int64_t *grown = ARENA_NEW_ARRAY(arena, int64_t, capacity * 2);
                memcpy(grown, *out, sizeof *grown * (size_t)capacity);
                *out = grown;
                capacity *= 2;
            }
            (*out)[(*count)++] = value;
        }
    }
    return true;
}

int64_t table_pins_oldest_writer(TablePins *pins, uint64_t key) {
    int64_t oldest = INT64_MAX;
    if (!pins || blockless_processes(pins)) return 0;
    for (int i = 0; i < PIN_PROCESSES; i++) {
        if (!is_alive(pins, i)) continue;
        if (atomic_load(&pins->blocks[i].unlisted) > 0) return 0;
        for (int s = 0; s < PIN_SLOTS; s++) {
            uint64_t found;
            int64_t value;
            SlotState state = read_slot(&pins->blocks[i].slots[s], &found, &value);
            if (state == SLOT_WRITING && found == key && value < oldest) oldest = value;
        }
    }
    return oldest;
}
