#include "engines/columnar/parquet/parquet_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Status parquet_file_read(const ParquetFile *file, int64_t offset, void *out, size_t bytes, Error *err) {
    char *next = out;
    while (bytes > 0) {
        ssize_t got = pread(file->fd, next, bytes, offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return error_set_errno(err, errno, "cannot read %s", file->path);
        if (got == 0) return parquet_corrupt(err, file->path, "the file ends within a page");
        next += got;
        offset += got;
        bytes -= (size_t)got;
    }
    return STATUS_OK;
}

static void file_destroy(ParquetFile *file) {
    int maps = file->metadata.row_group_count * file->metadata.leaf_count;
    for (int i = 0; file->maps && i < maps; i++)
        free(atomic_load(&file->maps[i]));
    for (int i = 0; file->indexes && i < maps; i++)
        free(atomic_load(&file->indexes[i]));
    free(file->maps);
    free(file->indexes);
    arena_deinit(&file->arena);
    if (file->fd >= 0) close(file->fd);
    free(file->path);
    free(file);
}

static Status read_footer(ParquetFile *file, Error *err) {
    char head[4], tail[8];
    uint32_t footer_bytes;
    int64_t size = file->identity.file_bytes;
    if (size < 12)
        return parquet_corrupt(err, file->path, "%lld bytes are too few for a Parquet file", (long long)size);
    TRY(parquet_file_read(file, 0, head, sizeof head, err));
    TRY(parquet_file_read(file, size - 8, tail, sizeof tail, err));
    if (memcmp(tail + 4, "PARE", 4) == 0)
        return parquet_unsupported(err, file->path, "the file is encrypted");
    if (memcmp(head, "PAR1", 4) != 0 || memcmp(tail + 4, "PAR1", 4) != 0)
        return error_set(err, SQLSTATE_DATA_CORRUPTED,
                         "%s is not a Parquet file, or it is cut off: the magic bytes PAR1 are missing",
                         file->path);
    memcpy(&footer_bytes, tail, 4);
    if (footer_bytes > size - 12)
        return parquet_corrupt(err, file->path, "the footer would be longer than the file");
    file->data_end = size - 8 - (int64_t)footer_bytes;
    uint8_t *footer = arena_alloc(&file->arena, footer_bytes ? footer_bytes : 1);
    TRY(parquet_file_read(file, file->data_end, footer, footer_bytes, err));
    TRY(parquet_metadata_parse(file->path, footer, footer_bytes, &file->arena, &file->metadata, err));
    size_t maps = (size_t)file->metadata.row_group_count * (size_t)file->metadata.leaf_count;
    if (maps > INT32_MAX) return parquet_corrupt(err, file->path, "too many column chunks");
    file->maps = calloc(maps ? maps : 1, sizeof *file->maps);
    file->indexes = calloc(maps ? maps : 1, sizeof *file->indexes);
    if (!file->maps || !file->indexes) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    parquet_file_holds(file, sizeof *file + file->arena.used_bytes + 2 * maps * sizeof *file->maps);
    return STATUS_OK;
}

static void identity_of(const struct stat *info, ParquetPageKey *out) {
    *out =
        (ParquetPageKey){.device = info->st_dev,
                         .inode = info->st_ino,
                         .file_bytes = info->st_size,
                         .modified_ns = (int64_t)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec};
}

static Status open_fresh(const char *path, ParquetFile **out, Error *err) {
    struct stat info;
    ParquetFile *file = calloc(1, sizeof *file);
    if (!file || !(file->path = strdup(path))) {
        free(file);
        return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    }
    atomic_init(&file->references, 1);
    arena_init(&file->arena);
    file->fd = open(path, O_RDONLY | O_CLOEXEC);
    Status status = STATUS_ERROR;
    if (file->fd < 0 || fstat(file->fd, &info) != 0) {
        status = error_set_errno(err, errno, "cannot open %s", path);
    } else if (!S_ISREG(info.st_mode)) {
        status = error_set(err, SQLSTATE_IO_ERROR, "%s is not a file", path);
    } else {
        identity_of(&info, &file->identity);
        status = read_footer(file, err);
    }
    if (status != STATUS_OK) {
        file_destroy(file);
        return STATUS_ERROR;
    }
    *out = file;
    return STATUS_OK;
}

/* ---- files opened before: their footers and page maps serve the next query ---- */

enum { REGISTRY_SIZE = 256 };
static const size_t REGISTRY_BYTES = (size_t)128 << 20; /* of what their footers and indexes hold */

static struct {
    pthread_mutex_t lock;
    ParquetFile *files[REGISTRY_SIZE]; /* most recently used first */
    int count;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool same_identity(const ParquetPageKey *a, const ParquetPageKey *b) {
    return a->device == b->device && a->inode == b->inode && a->file_bytes == b->file_bytes &&
           a->modified_ns == b->modified_ns;
}

static void move_to_front(int index) {
    ParquetFile *file = registry.files[index];
    memmove(registry.files + 1, registry.files, (size_t)index * sizeof *registry.files);
    registry.files[0] = file;
}

static ParquetFile *registry_find(const char *path, const ParquetPageKey *identity) {
    ParquetFile *found = NULL;
    pthread_mutex_lock(&registry.lock);
    for (int i = 0; i < registry.count && !found; i++) {
        if (same_identity(&registry.files[i]->identity, identity) &&
            strcmp(registry.files[i]->path, path) == 0) {
            found = parquet_file_retain(registry.files[i]);
            move_to_front(i);
        }
    }
    pthread_mutex_unlock(&registry.lock);
    return found;
}

/* A deleted file must not hold its disk space because we remember it. */
static bool is_stale(const ParquetFile *file, const ParquetFile *newer) {
    struct stat info;
    return strcmp(file->path, newer->path) == 0 || fstat(file->fd, &info) != 0 || info.st_nlink == 0;
}

/* What was used last stays, as much of it as there is room for; page maps and indexes came after their file
 * did, so all is counted each time. */
static void registry_add(ParquetFile *file) {
    ParquetFile *dropped[REGISTRY_SIZE + 1];
    int dropped_count = 0, kept = 0;
    size_t bytes = atomic_load(&file->held_bytes);
    pthread_mutex_lock(&registry.lock);
    bool keep = bytes <= REGISTRY_BYTES;
    for (int i = 0; i < registry.count; i++) {
        size_t held = atomic_load(&registry.files[i]->held_bytes);
        bool fits = kept + keep < REGISTRY_SIZE && bytes + held <= REGISTRY_BYTES;
        if (!fits || is_stale(registry.files[i], file)) {
            dropped[dropped_count++] = registry.files[i];
            continue;
        }
        registry.files[kept++] = registry.files[i];
        bytes += held;
    }
    registry.count = kept;
    if (keep) {
        registry.files[registry.count++] = parquet_file_retain(file);
        move_to_front(registry.count - 1);
    }
    pthread_mutex_unlock(&registry.lock);
    for (int i = 0; i < dropped_count; i++)
        parquet_file_release(dropped[i]);
}

Status parquet_file_open(const char *path, ParquetFile **out, Error *err) {
    struct stat info;
    if (stat(path, &info) != 0) return error_set_errno(err, errno, "cannot open %s", path);
    ParquetPageKey identity;
    identity_of(&info, &identity);
    *out = registry_find(path, &identity);
    if (*out) return STATUS_OK;
    TRY(open_fresh(path, out, err));
    registry_add(*out);
    return STATUS_OK;
}

ParquetFile *parquet_file_retain(ParquetFile *file) {
    atomic_fetch_add_explicit(&file->references, 1, memory_order_relaxed);
    return file;
}

void parquet_file_release(ParquetFile *file) {
    if (file && atomic_fetch_sub_explicit(&file->references, 1, memory_order_acq_rel) == 1)
        file_destroy(file);
}

/* ---- looking at it ---- */

const char *parquet_file_path(const ParquetFile *file) {
    return file->path;
}
int64_t parquet_file_row_count(const ParquetFile *file) {
    return file->metadata.row_count;
}
int64_t parquet_file_bytes(const ParquetFile *file) {
    return file->identity.file_bytes;
}
int parquet_file_column_count(const ParquetFile *file) {
    return file->metadata.column_count;
}
int parquet_file_row_group_count(const ParquetFile *file) {
    return file->metadata.row_group_count;
}

const ParquetColumn *parquet_file_column(const ParquetFile *file, int column) {
    return &file->metadata.columns[column];
}

int64_t parquet_row_group_row_count(const ParquetFile *file, int row_group) {
    return file->metadata.row_groups[row_group].row_count;
}

int64_t parquet_chunk_bytes(const ParquetFile *file, int row_group, int column) {
    const ParquetMetadata *metadata = &file->metadata;
    uint64_t bytes = 0;
    for (int i = 0; i < metadata->column_leaf_count[column]; i++)
        bytes += (uint64_t)metadata->row_groups[row_group]
                     .chunks[metadata->column_first_leaf[column] + i]
                     .compressed_bytes;
    return (int64_t)bytes;
}

void parquet_chunk_stats(const ParquetFile *file, int row_group, int column, ParquetColumnStats *out) {
    const ParquetMetadata *metadata = &file->metadata;
    memset(out, 0, sizeof *out);
    out->null_count = out->distinct_count = -1;
    if (metadata->columns[column].unsupported || metadata->column_trees[column]) return;
    int leaf = metadata->column_first_leaf[column];
    const ParquetRowGroup *group = &metadata->row_groups[row_group];
    parquet_statistics_resolve(&metadata->leaves[leaf], &group->chunks[leaf].statistics, out);
    if (out->null_count > group->row_count || out->null_count < 0)
        out->null_count = metadata->leaves[leaf].optional ? -1 : 0;
}

const char *parquet_file_metadata(const ParquetFile *file, const char *key) {
    for (int i = 0; i < file->metadata.key_value_count; i++)
        if (strcmp(file->metadata.key_values[i].key, key) == 0) return file->metadata.key_values[i].value;
    return NULL;
}
