/* The paths: one table, used for dispatch, metrics and the OpenAPI test. */
#pragma once

#include "fcgi/api/api_internal.h"

typedef enum ResourceId {
    RESOURCE_HEALTH,
    RESOURCE_QUERY,
    RESOURCE_ROUTE,
    RESOURCE_SCHEMAS,
    RESOURCE_SCHEMA_TABLES,
    RESOURCE_TABLES,
    RESOURCE_TABLE,
    RESOURCE_TABLE_DATA,
    RESOURCE_TABLE_ROWS,
    RESOURCE_TABLE_PROFILE,
    RESOURCE_ENGINES,
    RESOURCE_STATUS,
    RESOURCE_METRICS,
    RESOURCE_OPENAPI,
    RESOURCE_COMPARE,
    RESOURCE_HISTORY,
    RESOURCE_HISTORY_STATISTICS,
    RESOURCE_HISTORY_DIFFERENCES,
    RESOURCE_HISTORY_RESOLVE,
    RESOURCE_SAVED_LIST,
    RESOURCE_SAVED,
    RESOURCE_QUERIES,
    RESOURCE_JOBS,
    RESOURCE_JOB,
    RESOURCE_JOB_RESULT,
    RESOURCE_JOB_PLAN,
    RESOURCE_JOB_EVENTS,
    RESOURCE_SCHEDULES,
    RESOURCE_SCHEDULE,
    RESOURCE_SCHEDULE_RUN,
    RESOURCE_OTHER, /* no such path */
    RESOURCE_COUNT
} ResourceId;

typedef struct Resource {
    const char *path; /* {} stands for one segment */
    unsigned methods;
    ResourceHandler handle;
    bool on_worker; /* the handler may block */
} Resource;

enum { RESOURCE_MAX_ARGUMENTS = 4 };

const Resource *resource_at(int id);
const char *resource_path(int id);
/* The resource of a request path, RESOURCE_OTHER when there is none. Arguments are decoded into the
 * exchange's arena. */
ResourceId resource_match(Exchange *exchange, char *arguments[RESOURCE_MAX_ARGUMENTS]);
