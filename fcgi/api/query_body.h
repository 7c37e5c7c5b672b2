/* The JSON body of POST /query and POST /api/v1/route: strict. An unknown member, a member twice, a wrong
 * type or an impossible value is an error that names the member. */
#pragma once

#include "engines/engine.h"

typedef struct QueryBody {
    const char *sql;
    size_t sql_bytes;
    const char *engine; /* NULL = not given or "auto" */
    Param *params;
    int param_count;
    double max_runtime_seconds; /* 0 = not given */
    int64_t max_rows;           /* 0 = not given */
    bool cache;
    bool dry_run;
    bool big_numbers_as_strings;
    const char *as_of;    /* as written, NULL = not given */
    const char **engines; /* of a comparison, NULL = all */
    int engine_count;
    int runs;                 /* of a comparison */
    const char *tag;          /* for rules and the history, NULL = not given */
    int priority;             /* of a job, 0 = not given */
    double max_queue_seconds; /* of a job, 0 = not given */
    /* Of a schedule; NULL = not given. */
    const char *name, *cron, *timezone, *table;
    bool replaces, disabled;
} QueryBody;

/* Everything is in the arena; errors carry 22023 or 22P02. */
Status query_body_read(Arena *arena, const char *text, size_t length, QueryBody *out, Error *err);
/* The body of POST /api/v1/compare: "engines" and "runs", too. */
Status query_body_read_comparison(Arena *arena, const char *text, size_t length, QueryBody *out, Error *err);
/* The body of POST /api/v1/queries: "priority" and "max_queue_seconds", too. */
Status query_body_read_job(Arena *arena, const char *text, size_t length, QueryBody *out, Error *err);
/* The body of POST /api/v1/schedules: "cron" and what else a schedule has, too. */
Status query_body_read_schedule(Arena *arena, const char *text, size_t length, QueryBody *out, Error *err);
