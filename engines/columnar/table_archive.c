#include "engines/columnar/table_archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/columnar/iceberg/table_change.h"
#include "engines/columnar/store/local_store.h"

static const int64_t DAY_US = INT64_C(86400000000);

static bool is_time(SqlType type) {
    return type.id == SQL_DATE || type.id == SQL_TIMESTAMP || type.id == SQL_TIMESTAMPTZ;
}

/* ---- the column ------------------------------------------------------------------------------------------
 */

static int column_of_partitions(const TableVersion *version) {
    for (int s = 0; s < version->spec_count; s++) {
        const PartitionSpec *spec = &version->specs[s];
        for (int f = 0; spec->spec_id == version->spec_id && f < spec->field_count; f++)
            for (int c = 0; c < version->column_count; c++)
                if (version->columns[c].field_id == spec->fields[f].source_id &&
                    is_time(version->columns[c].type))
                    return c;
    }
    return -1;
}

static Status find_column(const TableVersion *version, const char *name, int *out, Error *err) {
    int found = 0;
    *out = name ? -1 : column_of_partitions(version);
    for (int c = 0; c < version->column_count && *out < 0; c++)
        if (name && strcmp(version->columns[c].name, name) == 0) *out = c;
    if (name && *out < 0)
        return error_set(err, SQLSTATE_UNDEFINED_COLUMN, "table \"%s\" has no column \"%s\"", version->name,
                         name);
    if (name && !is_time(version->columns[*out].type))
        return error_set(err, SQLSTATE_DATATYPE_MISMATCH, "column \"%s\" is no date or time", name);
    if (*out >= 0) return STATUS_OK;
    for (int c = 0; c < version->column_count; c++)
        if (is_time(version->columns[c].type)) {
            *out = c;
            found++;
        }
    if (found == 1) return STATUS_OK;
    return error_set(err, SQLSTATE_INVALID_PARAMETER,
                     "table \"%s\" is not partitioned by time and has %d columns of a date or time: name one",
                     version->name, found);
}

/* ---- the files -------------------------------------------------------------------------------------------
 */

static int64_t micros_of(SqlType type, int64_t value) {
    int64_t micros;
    if (type.id != SQL_DATE) return value;
    return __builtin_mul_overflow(value, DAY_US, &micros) ? (value < 0 ? INT64_MIN : INT64_MAX) : micros;
}

/* Without bounds, or with rows that have no time, a file is not known to be old. */
static bool is_old(const DataFile *file, SqlType type, int column, int64_t cutoff_us, bool *straddles) {
    const ParquetColumnStats *stats = file->stats ? &file->stats[column] : NULL;
    if (!stats || !stats->has_min_max) return false;
    /* The last day ends a day later than it begins. */
    int64_t last_us = micros_of(type, stats->max.i64);
    if (type.id == SQL_DATE && last_us < INT64_MAX - DAY_US) last_us += DAY_US - 1;
    bool old = last_us < cutoff_us && stats->null_count == 0;
    *straddles = !old && micros_of(type, stats->min.i64) < cutoff_us;
    return old;
}

static Status copy_bytes(int from, int to, const char *path, CancelToken *cancel, Error *err) {
    for (;;) {
        ssize_t count = sendfile(to, from, NULL, 16 << 20);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return error_set_errno(err, errno, "cannot write \"%s\"", path);
        if (count == 0) break;
        TRY(cancel_check(cancel, err));
    }
    return fsync(to) == 0 ? STATUS_OK : error_set_errno(err, errno, "cannot write \"%s\"", path);
}

static Status copy_file(const char *source, const char *target, CancelToken *cancel, Error *err) {
    int from = open(source, O_RDONLY | O_CLOEXEC);
    if (from < 0) return error_set_errno(err, errno, "cannot open \"%s\"", source);
    int to = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    Status status = to < 0 ? error_set_errno(err, errno, "cannot write \"%s\"", target)
                           : copy_bytes(from, to, target, cancel, err);
    close(from);
    if (to >= 0) close(to);
    if (to >= 0 && status != STATUS_OK) unlink(target);
    return status;
}

/* The path below the table's data directory is kept: partitions stay apart. */
static const char *name_below_data(const char *path) {
    const char *found = NULL, *slash = strrchr(path, '/');
    for (const char *at = path; (at = strstr(at, "/data/")); at++)
        found = at;
    return found ? found + strlen("/data/") : slash + 1;
}

/* A copy under a name of its own, then renamed: what has the name is whole. An archive that was cut off goes
 * on where it was. */
static Status keep_file(const ArchiveOptions *options, const TableVersion *version, const DataFile *file,
                        Arena *arena, Error *err) {
    if (file->delete_count > 0)
        return error_set(
            err, SQLSTATE_FEATURE_NOT_SUPPORTED,
            "\"%s\" has deleted rows, which would be back in the archive: compact the table first",
            file->path);
    const char *target = arena_printf(arena, "%s/%s.%s/%s", options->directory, version->namespace_name,
                                      version->name, name_below_data(file->path));
    char *directory = arena_strdup(arena, target);
    *strrchr(directory, '/') = 0;
    struct stat info;
    if (stat(target, &info) == 0 && info.st_size == file->bytes) return STATUS_OK;
    char uuid[STORE_UUID_BYTES];
    store_make_uuid(uuid);
    const char *partial = arena_printf(arena, "%s.%s.partial", target, uuid);
    TRY(store_make_directories(directory, err));
    TRY(copy_file(file->path, partial, options->cancel, err));
    if (rename(partial, target) != 0) {
        Status status = error_set_errno(err, errno, "cannot write \"%s\"", target);
        unlink(partial);
        return status;
    }
    return store_sync_directory_of(target, err);
}

/* ---- the change ------------------------------------------------------------------------------------------
 */

static Status remove_old(TableChange *change, const TableVersion *version, int column,
                         const ArchiveOptions *options, Arena *arena, ArchiveResult *result, Error *err) {
    for (int f = 0; f < version->file_count; f++) {
        const DataFile *file = &version->files[f];
        bool straddles = false;
        TRY(cancel_check(options->cancel, err));
        if (!is_old(file, version->columns[column].type, column, options->cutoff_us, &straddles)) {
            result->straddling_files += straddles;
            continue;
        }
        result->files++;
        result->rows += file->row_count;
        result->bytes += file->bytes;
        if (options->dry_run) continue;
        if (options->directory) {
            TRY(keep_file(options, version, file, arena, err));
            result->kept_files++;
        }
        TRY(table_change_remove_file(change, file, err));
    }
    return STATUS_OK;
}

static Status archive_version(TableCatalog *catalog, const TableVersion *version,
                              const ArchiveOptions *options, Arena *arena, ArchiveResult *result,
                              Error *err) {
    TableChange *change;
    TableChangeResult committed = {.snapshot_id = -1};
    int column;
    TRY(find_column(version, options->column, &column, err));
    result->column = arena_strdup(arena, version->columns[column].name);
    TRY(table_change_begin(catalog, version, &change, err));
    Status status = remove_old(change, version, column, options, arena, result, err);
    if (status != STATUS_OK || result->files == 0 || options->dry_run) {
        table_change_abort(change);
        return status;
    }
    TRY(table_change_commit(change, &committed, err));
    result->snapshot_id = committed.snapshot_id;
    return STATUS_OK;
}

Status table_archive(TableCatalog *catalog, const ArchiveOptions *options, Arena *arena,
                     ArchiveResult *result, Error *err) {
    TableVersion *version;
    *result = (ArchiveResult){.snapshot_id = -1};
    TRY(table_catalog_load(catalog, options->namespace_name, options->table, &version, err));
    Status status = archive_version(catalog, version, options, arena, result, err);
    table_version_release(version);
    return status;
}
