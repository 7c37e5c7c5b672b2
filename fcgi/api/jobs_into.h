/* A job's rows into a table: what a schedule with "table" does after its statement has run. */
#pragma once

#include "fcgi/api/jobs_run.h"
#include "fcgi/api/query_body.h"

/* The kept result of `run` goes in whole or not at all. Blocks. */
Status jobs_put_into(Api *api, JobRun *run, const QueryBody *body, int64_t *rows, Error *err);
