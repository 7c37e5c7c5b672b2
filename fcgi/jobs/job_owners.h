/* Who of the processes that own jobs still lives: each has a file that it keeps locked. The kernel gives the
 * lock up with the process, however that ends, and never before: no heartbeat that a busy machine delays. */
#pragma once

#include "engines/base/error.h"

enum { JOB_OWNER_BYTES = 33 };

typedef struct JobOwner {
    char name[JOB_OWNER_BYTES]; /* random, never used again */
    char *directory;
    int fd;
} JobOwner;

/* Makes the directory when missing. */
Status job_owner_open(JobOwner *owner, const char *directory, Error *err);
/* Removes the file: for a process that owns nothing any more. */
void job_owner_close(JobOwner *owner);

/* False: nobody of this name is or was there, or others have dealt with what it left. */
bool job_owner_is_known(const JobOwner *self, const char *name);
/* Calls `gone` for each other owner in the directory that is no more, and forgets it when that returned OK.
 * One process at a time does so for one owner. */
Status job_owners_find_gone(const JobOwner *self, Status (*gone)(void *context, const char *name, Error *err),
                            void *context, Error *err);
