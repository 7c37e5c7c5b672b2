/* Between the jobs' resources and fcgi/jobs: what of a request is kept with a job, and how it is run. */
#pragma once

#include "fcgi/api/api_internal.h"
#include "fcgi/jobs/jobs.h"

/* The request's headers as kept for rules, "NAME=value\n" each; without credentials. In the arena. */
const char *jobs_capture_headers(Exchange *exchange);
/* A body that was kept, and whose headers were: as if it were asked now. */
RouteContext *jobs_stored_context(Arena *arena, const char *headers, const char *tag);

/* JobsHost.run; `context` is the Api. */
void jobs_run(void *context, JobRun *run);
