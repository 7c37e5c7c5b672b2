#include "fcgi/api/resources.h"

#include <string.h>

enum { READ = HTTP_GET | HTTP_HEAD };

static const Resource resources[RESOURCE_COUNT] = {
    [RESOURCE_HEALTH] = {"/health", READ, health_handle, false},
    [RESOURCE_QUERY] = {"/query", READ | HTTP_POST, query_handle, false},
    [RESOURCE_ROUTE] = {"/api/v1/route", HTTP_POST, route_handle, true},
    [RESOURCE_SCHEMAS] = {"/api/v1/schemas", READ | HTTP_POST, schemas_list_handle, true},
    [RESOURCE_SCHEMA_TABLES] = {"/api/v1/schemas/{}/tables", READ, schema_tables_handle, true},
    [RESOURCE_TABLES] = {"/api/v1/tables", READ | HTTP_POST, tables_list_handle, true},
    [RESOURCE_TABLE] = {"/api/v1/tables/{}", READ | HTTP_DELETE, table_handle, true},
    [RESOURCE_TABLE_DATA] = {"/api/v1/tables/{}/data", HTTP_POST, table_data_handle, true},
    [RESOURCE_TABLE_ROWS] = {"/api/v1/tables/{}/rows", READ, table_rows_handle, true},
    [RESOURCE_TABLE_PROFILE] = {"/api/v1/tables/{}/profile", READ, table_profile_handle, true},
    [RESOURCE_ENGINES] = {"/api/v1/engines", READ, engines_handle, true},
    [RESOURCE_STATUS] = {"/api/v1/status", READ, status_handle, false},
    [RESOURCE_METRICS] = {"/metrics", READ, metrics_handle, false},
    [RESOURCE_OPENAPI] = {"/api/v1/openapi.json", READ, openapi_handle, false},
    [RESOURCE_COMPARE] = {"/api/v1/compare", HTTP_POST, compare_handle, true},
    [RESOURCE_HISTORY] = {"/api/v1/history", READ, history_handle, true},
    [RESOURCE_HISTORY_STATISTICS] = {"/api/v1/history/statistics", READ, history_statistics_handle, true},
    [RESOURCE_HISTORY_DIFFERENCES] = {"/api/v1/history/differences", READ, history_differences_handle, true},
    [RESOURCE_HISTORY_RESOLVE] = {"/api/v1/history/differences/{}/resolve", HTTP_POST, history_resolve_handle,
                                  true},
    [RESOURCE_SAVED_LIST] = {"/api/v1/saved", READ, saved_list_handle, true},
    [RESOURCE_SAVED] = {"/api/v1/saved/{}", READ | HTTP_PUT | HTTP_DELETE, saved_handle, true},
    [RESOURCE_QUERIES] = {"/api/v1/queries", HTTP_POST, jobs_submit_handle, true},
    [RESOURCE_JOBS] = {"/api/v1/jobs", READ, jobs_list_handle, true},
    [RESOURCE_JOB] = {"/api/v1/jobs/{}", READ | HTTP_DELETE, job_handle, true},
    [RESOURCE_JOB_RESULT] = {"/api/v1/jobs/{}/result", READ, job_result_handle, true},
    [RESOURCE_JOB_PLAN] = {"/api/v1/jobs/{}/plan", READ, job_plan_handle, true},
    [RESOURCE_JOB_EVENTS] = {"/api/v1/jobs/{}/events", HTTP_GET, job_events_handle, false},
    [RESOURCE_SCHEDULES] = {"/api/v1/schedules", READ | HTTP_POST, schedules_handle, true},
    [RESOURCE_SCHEDULE] = {"/api/v1/schedules/{}", READ | HTTP_PUT | HTTP_DELETE, schedule_handle, true},
    [RESOURCE_SCHEDULE_RUN] = {"/api/v1/schedules/{}/run", HTTP_POST, schedule_run_handle, true},
    [RESOURCE_OTHER] = {"other", 0, NULL, false},
};

const Resource *resource_at(int id) {
    return &resources[id];
}
const char *resource_path(int id) {
    return resources[id].path;
}

/* Compares segment by segment; an undecodable argument matches nothing. */
static bool matches(Exchange *exchange, const char *pattern, char *arguments[RESOURCE_MAX_ARGUMENTS]) {
    const char *path = exchange->path;
    int count = 0;
    while (*pattern) {
        if (pattern[0] == '{' && pattern[1] == '}') {
            size_t length = strcspn(path, "/");
            char *argument = length ? exchange_percent_decode(exchange, path, length, false) : NULL;
            if (!argument || count == RESOURCE_MAX_ARGUMENTS) return false;
            arguments[count++] = argument;
            path += length;
            pattern += 2;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *path == 0;
}

ResourceId resource_match(Exchange *exchange, char *arguments[RESOURCE_MAX_ARGUMENTS]) {
    for (int id = 0; id < RESOURCE_OTHER; id++)
        if (matches(exchange, resources[id].path, arguments)) return (ResourceId)id;
    return RESOURCE_OTHER;
}
