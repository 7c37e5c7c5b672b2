/* Results of jobs: one Arrow IPC file each (format/arrow_ipc.h), under a name of its own until it is whole
 * and on disk.
 *
 *   job_result_begin → job_result_batch* → job_result_finish | job_result_abandon
 *
 * Read with format/arrow_ipc_file.h, in pages that a token names. */
#pragma once

#include "engines/base/arrow_stream.h"

typedef struct JobResult JobResult;

/* The directory exists. `owner` names the file while it is written, so that another process knows whose it
 * was. `most_bytes`: 54000 beyond it. */
Status job_result_begin(const char *directory, const char *id, const char *owner, const ArrowSchema *schema,
                        int64_t most_bytes, JobResult **out, Error *err);
Status job_result_batch(JobResult *result, const ArrowArray *batch, Error *err);
/* On disk, under its name; frees. `bytes` are the file's. */
Status job_result_finish(JobResult *result, int64_t *bytes, Error *err);
void job_result_abandon(JobResult *result); /* may be NULL */

void job_result_path(const char *directory, const char *id, char path[4096]);
void job_result_remove(const char *directory, const char *id);

/* Removes what no job keeps: parts of owners that `lives` denies, and files that `kept` denies. */
typedef struct JobResultKeeper {
    void *context;
    bool (*lives)(void *context, const char *owner);
    bool (*kept)(void *context, const char *id);
} JobResultKeeper;
int job_results_sweep(const char *directory, const JobResultKeeper *keeper);

/* "opaque": where a page begins. Belongs to one job; false for any other text. */
enum { JOB_PAGE_TOKEN_BYTES = 40 };
void job_page_token_make(const char *id, int64_t first_row, char token[JOB_PAGE_TOKEN_BYTES]);
bool job_page_token_read(const char *id, const char *token, int64_t *first_row);
