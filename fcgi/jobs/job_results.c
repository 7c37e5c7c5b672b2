#include "fcgi/jobs/job_results.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/base/hash.h"
#include "fcgi/format/arrow_ipc.h"

enum { PATH_BYTES = 4096, WRITE_BYTES = 1 << 20, BATCH_ROWS = 65536 };
#define RESULT_SUFFIX ".arrow"
#define PART_SUFFIX   ".part"

struct JobResult {
    int fd;
    ArrowIpcWriter *writer;
    StrBuf buf;
    int64_t bytes, most_bytes;
    char path[PATH_BYTES], part[PATH_BYTES];
    char *directory;
};

void job_result_path(const char *directory, const char *id, char path[4096]) {
    snprintf(path, PATH_BYTES, "%s/%s" RESULT_SUFFIX, directory, id);
}

void job_result_remove(const char *directory, const char *id) {
    char path[PATH_BYTES];
    job_result_path(directory, id, path);
    unlink(path);
}

Status job_result_begin(const char *directory, const char *id, const char *owner, const ArrowSchema *schema,
                        int64_t most_bytes, JobResult **out, Error *err) {
    JobResult *result = calloc(1, sizeof *result);
    if (!result) abort();
    ArrowIpcOptions options = {.file = true, .compression = ARROW_IPC_LZ4};
    strbuf_init(&result->buf);
    result->most_bytes = most_bytes;
    result->directory = strdup(directory);
    job_result_path(directory, id, result->path);
    snprintf(result->part, PATH_BYTES, "%s/%s.%s" PART_SUFFIX, directory, id, owner);
    result->fd = open(result->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    Status status =
        result->fd >= 0 ? STATUS_OK : error_set_errno(err, errno, "cannot make \"%s\"", result->part);
    if (status == STATUS_OK) status = arrow_ipc_begin(schema, &options, &result->writer, &result->buf, err);
    if (status != STATUS_OK) {
        job_result_abandon(result);
        return STATUS_ERROR;
    }
    *out = result;
    return STATUS_OK;
}

static Status write_out(JobResult *result, Error *err) {
    const char *at = strbuf_text(&result->buf);
    size_t left = result->buf.length;
    result->bytes += (int64_t)left;
    if (result->most_bytes > 0 && result->bytes > result->most_bytes)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT,
                         "the result is larger than the %lld bytes that are kept of one "
                         "(jobs.max_result_bytes)",
                         (long long)result->most_bytes);
    while (left > 0) {
        ssize_t count = write(result->fd, at, left);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return error_set_errno(err, errno, "cannot write \"%s\"", result->part);
        at += count;
        left -= (size_t)count;
    }
    strbuf_reset(&result->buf);
    return STATUS_OK;
}

Status job_result_batch(JobResult *result, const ArrowArray *batch, Error *err) {
    for (int64_t first = 0; first < batch->length; first += BATCH_ROWS) {
        int64_t left = batch->length - first;
        TRY(arrow_ipc_batch(result->writer, batch, first, left < BATCH_ROWS ? left : BATCH_ROWS, &result->buf,
                            err));
        if (result->buf.length >= WRITE_BYTES) TRY(write_out(result, err));
    }
    return STATUS_OK;
}

static Status sync_directory(const char *path, Error *err) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return error_set_errno(err, errno, "cannot open \"%s\"", path);
    bool synced = fsync(fd) == 0;
    int code = errno;
    close(fd);
    return synced ? STATUS_OK : error_set_errno(err, code, "cannot sync \"%s\"", path);
}

static Status make_durable(JobResult *result, Error *err) {
    arrow_ipc_end(result->writer, &result->buf);
    result->writer = NULL;
    TRY(write_out(result, err));
    if (fdatasync(result->fd) != 0) return error_set_errno(err, errno, "cannot sync \"%s\"", result->part);
    if (rename(result->part, result->path) != 0)
        return error_set_errno(err, errno, "cannot rename \"%s\"", result->part);
    return sync_directory(result->directory, err);
}

Status job_result_finish(JobResult *result, int64_t *bytes, Error *err) {
    Status status = make_durable(result, err);
    *bytes = result->bytes;
    job_result_abandon(result);
    return status;
}

void job_result_abandon(JobResult *result) {
    if (!result) return;
    if (result->writer) arrow_ipc_abandon(result->writer);
    if (result->fd >= 0) close(result->fd);
    unlink(result->part);
    strbuf_deinit(&result->buf);
    free(result->directory);
    free(result);
}

/* ---- what nobody keeps -----------------------------------------------------------------------------------
 */

static bool ends_with(const char *text, const char *suffix) {
    size_t length = strlen(text), suffix_length = strlen(suffix);
    return length > suffix_length && !strcmp(text + length - suffix_length, suffix);
}

/* ID.arrow, ID.OWNER.part */
static bool is_left(char *name, const JobResultKeeper *keeper) {
    bool part = ends_with(name, PART_SUFFIX);
    if (!part && !ends_with(name, RESULT_SUFFIX)) return false;
    name[strlen(name) - strlen(part ? PART_SUFFIX : RESULT_SUFFIX)] = 0;
    if (!part) return !keeper->kept(keeper->context, name);
    const char *dot = strrchr(name, '.');
    return dot && !keeper->lives(keeper->context, dot + 1);
}

int job_results_sweep(const char *directory, const JobResultKeeper *keeper) {
    DIR *listing = opendir(directory);
    int removed = 0;
    if (!listing) return 0;
    for (struct dirent *entry; (entry = readdir(listing));) {
        char path[PATH_BYTES], name[sizeof entry->d_name];
        snprintf(name, sizeof name, "%s", entry->d_name);
        if (!is_left(name, keeper)) continue;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        removed += unlink(path) == 0;
    }
    closedir(listing);
    return removed;
}

/* ---- pages -----------------------------------------------------------------------------------------------
 */

static uint32_t check_of(const char *id, int64_t first_row) {
    uint64_t hash = hash64_combine(hash64_bytes(id, strlen(id), 1), (uint64_t)first_row);
    return (uint32_t)(hash >> 32);
}

void job_page_token_make(const char *id, int64_t first_row, char token[JOB_PAGE_TOKEN_BYTES]) {
    snprintf(token, JOB_PAGE_TOKEN_BYTES, "%08x%llx", check_of(id, first_row), (unsigned long long)first_row);
}

bool job_page_token_read(const char *id, const char *token, int64_t *first_row) {
    char check[9] = {0}, *end;
    size_t length = strlen(token);
    if (length < 9 || length > 8 + 15 || strspn(token, "0123456789abcdef") != length) return false;
    memcpy(check, token, 8);
    *first_row = (int64_t)strtoull(token + 8, &end, 16);
    return (uint32_t)strtoul(check, NULL, 16) == check_of(id, *first_row);
}
