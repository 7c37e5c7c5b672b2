#include "engines/columnar/exec/spill.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lz4.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PAGE_BYTES = 4096, /* blocks start on pages, so that a freed one frees its disk space */
    PLAIN_AFTER = 8,   /* blocks in a row that did not shrink: from then on only every 16th is tried */
    TRY_EVERY = 16
};
#define FILE_PREFIX "spill-"

static struct { _Atomic int64_t written_bytes, used_bytes; } totals;

/* Blocks of all the query's files, one after another in one unnamed file. */
typedef struct SpillSpace {
    int descriptor;
    int64_t limit_bytes; /* 0 = none */
    const char *directory;
    _Atomic int64_t end;
    _Atomic int64_t used_bytes; /* on disk now */
} SpillSpace;

typedef struct SpillBlock {
    int64_t offset;
    uint32_t stored_bytes, raw_bytes;
    uint32_t rows;
    bool packed;
} SpillBlock;

struct SpillFile {
    Query *query;
    SpillSpace *space;
    const SpillFormat *format;
    OperatorStats *stats;
    SpillBlock *blocks;
    int64_t block_count, block_capacity;
    int64_t row_count, raw_bytes;
    size_t full_bytes; /* of a block before it is packed */
    int unpacked_streak;
    char *rows, *heap; /* of the block being filled */
    size_t rows_bytes, rows_capacity;
    size_t heap_bytes, heap_capacity;
};

SpillTotals spill_totals(void) {
    return (SpillTotals){.written_bytes = atomic_load_explicit(&totals.written_bytes, memory_order_relaxed),
                         .used_bytes = atomic_load_explicit(&totals.used_bytes, memory_order_relaxed)};
}

/* ---- pressure --------------------------------------------------------------------------------------------
 */

bool query_may_spill(const Query *query) {
    return query->spill_directory != NULL;
}

int64_t query_memory_left(const Query *query) {
    int64_t least = INT64_MAX;
    for (const Budget *budget = &query->budget; budget; budget = budget->parent) {
        if (!budget->limit_bytes) continue;
        int64_t limit = budget == &query->budget ? budget->limit_bytes / 4 * 3 : budget->limit_bytes / 8 * 7;
        int64_t left = limit - atomic_load_explicit(&budget->used_bytes, memory_order_relaxed);
        if (left < least) least = left;
    }
    return least < 0 ? 0 : least;
}

int64_t query_memory_free(const Query *query) {
    int64_t least = INT64_MAX;
    for (const Budget *budget = &query->budget; budget; budget = budget->parent) {
        if (!budget->limit_bytes) continue;
        int64_t left = budget->limit_bytes - atomic_load_explicit(&budget->used_bytes, memory_order_relaxed);
        if (left < least) least = left;
    }
    return least < 0 ? 0 : least;
}

bool query_memory_pressure(const Query *query) {
    return query_may_spill(query) && query_memory_left(query) == 0;
}

/* ---- the query's file ------------------------------------------------------------------------------------
 */

static Status disk_error(const SpillSpace *space, const char *what, Error *err) {
    int code = errno;
    if (code == ENOSPC || code == EDQUOT || code == EFBIG)
        return error_set(err, SQLSTATE_DISK_FULL,
                         "the disk is full: the statement does not fit its memory budget and no more can be "
                         "spilled to %s",
                         space->directory);
    return error_set(err, SQLSTATE_IO_ERROR, "could not %s a spill file in %s: %s", what, space->directory,
                     strerror(code));
}

static Status make_directory(const char *directory, Error *err) {
    if (!mkdir(directory, 0700) || errno == EEXIST) return STATUS_OK;
    return error_set(err, SQLSTATE_IO_ERROR, "could not create the spill directory %s: %s", directory,
                     strerror(errno));
}

Status spill_directory_prepare(const char *directory, Error *err) {
    TRY(make_directory(directory, err));
    DIR *entries = opendir(directory);
    if (!entries)
        return error_set(err, SQLSTATE_IO_ERROR, "could not read the spill directory %s: %s", directory,
                         strerror(errno));
    /* A file of a process still running has lost its name already, or is about to. */
    for (struct dirent *entry; (entry = readdir(entries));)
        if (!strncmp(entry->d_name, FILE_PREFIX, strlen(FILE_PREFIX)))
            unlinkat(dirfd(entries), entry->d_name, 0);
    closedir(entries);
    return STATUS_OK;
}

static int open_unnamed(const char *directory) {
    int descriptor = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (descriptor >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return descriptor;
    /* A file system without unnamed files: named for the blink of an eye. */
    char *path = NULL;
    if (asprintf(&path, "%s/" FILE_PREFIX "XXXXXX", directory) < 0) return -1;
    descriptor = mkostemp(path, O_CLOEXEC);
    if (descriptor >= 0) unlink(path);
    free(path);
    return descriptor;
}

/* With the query's lock held. */
static Status space_open(Query *query, Error *err) {
    if (query->spill) return STATUS_OK;
    TRY(make_directory(query->spill_directory, err));
    SpillSpace *space = calloc(1, sizeof *space);
    if (!space) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    space->limit_bytes = query->spill_limit_bytes;
    space->directory = query->spill_directory;
    space->descriptor = open_unnamed(query->spill_directory);
    if (space->descriptor < 0) {
        Status status = disk_error(space, "create", err);
        free(space);
        return status;
    }
    query->spill = space;
    return STATUS_OK;
}

void spill_space_destroy(SpillSpace *space) {
    if (!space) return;
    /* What was never freed block by block goes with the file. */
    atomic_fetch_sub_explicit(&totals.used_bytes, atomic_load(&space->used_bytes), memory_order_relaxed);
    close(space->descriptor);
    free(space);
}

static int64_t whole_pages(int64_t bytes) {
    return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

static Status space_write(SpillSpace *space, const char *data, size_t bytes, int64_t *offset, Error *err) {
    int64_t room = whole_pages((int64_t)bytes);
    int64_t used = atomic_fetch_add(&space->used_bytes, room) + room;
    if (space->limit_bytes && used > space->limit_bytes) {
        atomic_fetch_sub(&space->used_bytes, room);
        return error_set(
            err, SQLSTATE_DISK_FULL,
            "the statement does not fit its memory budget and would spill more than the %lld MiB "
            "allowed",
            (long long)(space->limit_bytes >> 20));
    }
    *offset = atomic_fetch_add(&space->end, room);
    atomic_fetch_add_explicit(&totals.used_bytes, room, memory_order_relaxed);
    atomic_fetch_add_explicit(&totals.written_bytes, room, memory_order_relaxed);
    for (size_t done = 0; done < bytes;) {
        ssize_t written =
            pwrite(space->descriptor, data + done, bytes - done, (off_t)(*offset + (int64_t)done));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return disk_error(space, "write", err);
        done += (size_t)written;
    }
    return STATUS_OK;
}

static Status space_read(const SpillSpace *space, int64_t offset, char *data, size_t bytes, Error *err) {
    for (size_t done = 0; done < bytes;) {
        ssize_t got = pread(space->descriptor, data + done, bytes - done, (off_t)(offset + (int64_t)done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return disk_error(space, "read", err);
        if (!got)
            return error_set(err, SQLSTATE_IO_ERROR, "a spill file in %s is shorter than what was written",
                             space->directory);
        done += (size_t)got;
    }
    return STATUS_OK;
}

static void space_free(SpillSpace *space, const SpillBlock *block) {
    int64_t room = whole_pages(block->stored_bytes);
    atomic_fetch_sub(&space->used_bytes, room);
    atomic_fetch_sub_explicit(&totals.used_bytes, room, memory_order_relaxed);
    /* Where the file system cannot, the space comes back with the file. */
    (void)!fallocate(space->descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, block->offset, room);
}

/* ---- formats ---------------------------------------------------------------------------------------------
 */

void spill_format_init(SpillFormat *format, size_t row_width) {
    *format = (SpillFormat){.row_width = row_width};
}

void spill_format_add_string(SpillFormat *format, uint32_t offset, Arena *arena) {
    uint32_t *grown = ARENA_NEW_ARRAY(arena, uint32_t, format->string_count + 1);
    if (format->string_count) memcpy(grown, format->strings, sizeof *grown * (size_t)format->string_count);
    grown[format->string_count++] = offset;
    format->strings = grown;
}

void spill_format_add_rows(SpillFormat *format, const RowLayout *layout, Arena *arena) {
    for (int i = 0; i < layout->column_count; i++)
        if (layout->columns[i].physical == PHYS_STRING)
            spill_format_add_string(format, layout->columns[i].offset, arena);
}

void spill_format_add_keys(SpillFormat *format, const KeyLayout *keys, uint32_t offset, Arena *arena) {
    for (int i = 0; i < keys->column_count; i++) {
        const KeyColumn *column = &keys->columns[i];
        if (column->physical != PHYS_STRING) continue;
        spill_format_add_string(format, offset + 8 * column->word, arena);
        if (column->original) spill_format_add_string(format, offset + 8 * column->original, arena);
    }
}

/* ---- writing ---------------------------------------------------------------------------------------------
 */

/* A hundred files are filled at once: their buffers must be a small part of the budget. */
static size_t block_bytes(const Budget *budget) {
    int64_t bytes = SPILL_BLOCK_BYTES;
    for (; budget; budget = budget->parent)
        if (budget->limit_bytes && budget->limit_bytes / 1024 < bytes) bytes = budget->limit_bytes / 1024;
    return bytes < 4096 ? 4096 : (size_t)bytes;
}

Status spill_create(Query *query, const SpillFormat *format, OperatorStats *stats, SpillFile **out,
                    Error *err) {
    *out = NULL;
    if (!query_may_spill(query))
        return error_set(err, SQLSTATE_OUT_OF_MEMORY,
                         "the statement needs more than its memory budget of %lld MiB, and spilling to disk "
                         "is switched off",
                         (long long)(query->budget.limit_bytes >> 20));
    pthread_mutex_lock(&query->lock);
    Status status = space_open(query, err);
    pthread_mutex_unlock(&query->lock);
    TRY(status);
    SpillFile *file = calloc(1, sizeof *file);
    if (!file) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    *file = (SpillFile){.query = query, .space = query->spill, .format = format, .stats = stats};
    file->full_bytes = block_bytes(&query->budget);
    *out = file;
    return STATUS_OK;
}

static void free_buffers(SpillFile *file) {
    query_free(file->query, file->rows, file->rows_capacity);
    query_free(file->query, file->heap, file->heap_capacity);
    file->rows = file->heap = NULL;
    file->rows_capacity = file->heap_capacity = file->rows_bytes = file->heap_bytes = 0;
}

void spill_destroy(SpillFile *file) {
    if (!file) return;
    for (int64_t b = 0; b < file->block_count; b++)
        space_free(file->space, &file->blocks[b]);
    free_buffers(file);
    query_free(file->query, file->blocks, sizeof *file->blocks * (size_t)file->block_capacity);
    free(file);
}

/* Doubles up to a full block and a little, so that a filled block is not half empty memory. */
static Status grow(SpillFile *file, char **buffer, size_t *capacity, size_t needed, Error *err) {
    if (needed <= *capacity) return STATUS_OK;
    size_t most = file->full_bytes + file->format->row_width + 1024;
    size_t wanted = *capacity ? *capacity * 2 : 4096;
    if (wanted > most && needed <= most) wanted = most;
    while (wanted < needed)
        wanted *= 2;
    void *grown = *buffer;
    TRY(query_realloc(file->query, &grown, *capacity, wanted, err));
    *buffer = grown;
    *capacity = wanted;
    return STATUS_OK;
}

static Status add_block(SpillFile *file, SpillBlock block, Error *err) {
    if (file->block_count == file->block_capacity) {
        int64_t capacity = file->block_capacity ? file->block_capacity * 2 : 8;
        void *grown = file->blocks;
        TRY(query_realloc(file->query, &grown, sizeof block * (size_t)file->block_capacity,
                          sizeof block * (size_t)capacity, err));
        file->blocks = grown;
        file->block_capacity = capacity;
    }
    file->blocks[file->block_count++] = block;
    return STATUS_OK;
}

static bool worth_packing(const SpillFile *file) {
    return file->unpacked_streak < PLAIN_AFTER || file->block_count % TRY_EVERY == 0;
}

/* LZ4 when it saves an eighth at least; *packed_bytes 0 = as it is. */
static char *pack(SpillFile *file, size_t raw_bytes, size_t *packed_bytes) {
    *packed_bytes = 0;
    if (!worth_packing(file) || raw_bytes > LZ4_MAX_INPUT_SIZE) return NULL;
    int room = (int)(raw_bytes - raw_bytes / 8);
    char *packed = malloc((size_t)room + 1);
    if (!packed) return NULL;
    int bytes = LZ4_compress_default(file->rows, packed, (int)raw_bytes, room);
    *packed_bytes = bytes > 0 ? (size_t)bytes : 0;
    file->unpacked_streak = bytes > 0 ? 0 : file->unpacked_streak + 1;
    return packed;
}

static Status flush(SpillFile *file, Error *err) {
    if (!file->rows_bytes) return STATUS_OK;
    TRY(query_check(file->query, err));
    size_t raw = file->rows_bytes + file->heap_bytes, packed_bytes;
    if (raw > UINT32_MAX)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "a row is too long to be spilled to disk");
    TRY(grow(file, &file->rows, &file->rows_capacity, raw, err));
    if (file->heap_bytes) memcpy(file->rows + file->rows_bytes, file->heap, file->heap_bytes);
    char *packed = pack(file, raw, &packed_bytes);
    SpillBlock block = {.stored_bytes = (uint32_t)(packed_bytes ? packed_bytes : raw),
                        .raw_bytes = (uint32_t)raw,
                        .rows = (uint32_t)(file->rows_bytes / file->format->row_width),
                        .packed = packed_bytes > 0};
    Status status =
        space_write(file->space, packed_bytes ? packed : file->rows, block.stored_bytes, &block.offset, err);
    free(packed);
    TRY(status);
    if (file->stats)
        atomic_fetch_add_explicit(&file->stats->spilled_bytes, block.stored_bytes, memory_order_relaxed);
    file->row_count += block.rows;
    file->raw_bytes += block.raw_bytes;
    file->rows_bytes = file->heap_bytes = 0;
    return add_block(file, block, err);
}

/* The row's long strings go to the block's heap, the views hold their place there. */
static Status move_strings(SpillFile *file, char *row, Error *err) {
    for (int i = 0; i < file->format->string_count; i++) {
        StringView view;
        memcpy(&view, row + file->format->strings[i], sizeof view);
        if (view.length <= 12) continue;
        TRY(grow(file, &file->heap, &file->heap_capacity, file->heap_bytes + view.length, err));
        memcpy(file->heap + file->heap_bytes, view.pointer, view.length);
        uintptr_t place = file->heap_bytes;
        memcpy(row + file->format->strings[i] + offsetof(StringView, pointer), &place, sizeof place);
        file->heap_bytes += view.length;
    }
    return STATUS_OK;
}

static Status append_row(SpillFile *file, const char *row, Error *err) {
    size_t width = file->format->row_width;
    TRY(grow(file, &file->rows, &file->rows_capacity, file->rows_bytes + width, err));
    char *out = file->rows + file->rows_bytes;
    memcpy(out, row, width);
    TRY(move_strings(file, out, err));
    file->rows_bytes += width;
    return file->rows_bytes + file->heap_bytes >= file->full_bytes ? flush(file, err) : STATUS_OK;
}

static Status append_plain(SpillFile *file, const char *rows, int64_t count, Error *err) {
    size_t width = file->format->row_width;
    while (count) {
        size_t room = file->rows_bytes < file->full_bytes ? file->full_bytes - file->rows_bytes : 0;
        int64_t taken = (int64_t)((room + width - 1) / width);
        if (taken > count) taken = count;
        TRY(grow(file, &file->rows, &file->rows_capacity, file->rows_bytes + (size_t)taken * width, err));
        memcpy(file->rows + file->rows_bytes, rows, (size_t)taken * width);
        file->rows_bytes += (size_t)taken * width;
        rows += (size_t)taken * width;
        count -= taken;
        if (file->rows_bytes >= file->full_bytes) TRY(flush(file, err));
    }
    return STATUS_OK;
}

Status spill_append(SpillFile *file, const char *rows, int64_t count, Error *err) {
    if (!file->format->string_count) return append_plain(file, rows, count, err);
    for (int64_t i = 0; i < count; i++)
        TRY(append_row(file, rows + (size_t)i * file->format->row_width, err));
    return STATUS_OK;
}

Status spill_append_rows(SpillFile *file, char *const *rows, int64_t count, Error *err) {
    for (int64_t i = 0; i < count; i++)
        TRY(append_row(file, rows[i], err));
    return STATUS_OK;
}

Status spill_finish(SpillFile *file, Error *err) {
    Status status = flush(file, err);
    free_buffers(file);
    return status;
}

/* ---- reading ---------------------------------------------------------------------------------------------
 */

int64_t spill_row_count(const SpillFile *file) {
    return file->row_count;
}
int64_t spill_memory_bytes(const SpillFile *file) {
    return file->raw_bytes;
}
int64_t spill_block_count(const SpillFile *file) {
    return file->block_count;
}
int64_t spill_block_bytes(const SpillFile *file, int64_t block) {
    return file->blocks[block].raw_bytes;
}
int64_t spill_block_rows(const SpillFile *file, int64_t block) {
    return file->blocks[block].rows;
}

static Status damaged(const SpillFile *file, Error *err) {
    return error_set(err, SQLSTATE_DATA_CORRUPTED, "a spill file in %s does not hold what was written",
                     file->space->directory);
}

static Status restore_strings(const SpillFile *file, const SpillBlock *block, char *memory, Error *err) {
    const SpillFormat *format = file->format;
    size_t rows_bytes = block->rows * format->row_width;
    char *heap = memory + rows_bytes;
    size_t heap_bytes = block->raw_bytes - rows_bytes;
    for (uint32_t r = 0; format->string_count && r < block->rows; r++) {
        char *row = memory + r * format->row_width;
        for (int i = 0; i < format->string_count; i++) {
            StringView view;
            memcpy(&view, row + format->strings[i], sizeof view);
            if (view.length <= 12) continue;
            uintptr_t place;
            memcpy(&place, row + format->strings[i] + offsetof(StringView, pointer), sizeof place);
            if (place > heap_bytes || view.length > heap_bytes - place) return damaged(file, err);
            view.pointer = heap + place;
            memcpy(row + format->strings[i], &view, sizeof view);
        }
    }
    return STATUS_OK;
}

static Status unpack(const SpillFile *file, const SpillBlock *block, char *memory, Error *err) {
    char *packed = malloc(block->stored_bytes);
    if (!packed) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    Status status = space_read(file->space, block->offset, packed, block->stored_bytes, err);
    if (status == STATUS_OK && LZ4_decompress_safe(packed, memory, (int)block->stored_bytes,
                                                   (int)block->raw_bytes) != (int)block->raw_bytes)
        status = damaged(file, err);
    free(packed);
    return status;
}

Status spill_block_read(const SpillFile *file, int64_t number, char *memory, Error *err) {
    const SpillBlock *block = &file->blocks[number];
    TRY(query_check(file->query, err));
    if (block->packed)
        TRY(unpack(file, block, memory, err));
    else
        TRY(space_read(file->space, block->offset, memory, block->raw_bytes, err));
    return restore_strings(file, block, memory, err);
}

void spill_reader_init(SpillReader *reader, const SpillFile *file) {
    *reader = (SpillReader){.query = file->query, .file = file};
}

void spill_reader_deinit(SpillReader *reader) {
    if (!reader->file) return;
    query_free(reader->query, reader->memory, reader->capacity);
    *reader = (SpillReader){0};
}

Status spill_read(SpillReader *reader, char **rows, int64_t *count, Error *err) {
    const SpillFile *file = reader->file;
    *rows = NULL;
    *count = 0;
    if (reader->next == file->block_count) return STATUS_OK;
    size_t bytes = file->blocks[reader->next].raw_bytes;
    if (bytes > reader->capacity) {
        query_free(file->query, reader->memory, reader->capacity);
        reader->memory = NULL;
        reader->capacity = 0;
        void *memory;
        TRY(query_alloc(file->query, bytes, &memory, err));
        reader->memory = memory;
        reader->capacity = bytes;
    }
    TRY(spill_block_read(file, reader->next, reader->memory, err));
    *rows = reader->memory;
    *count = file->blocks[reader->next].rows;
    reader->next++;
    return STATUS_OK;
}
