/* What the resources share. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "fcgi/api/api.h"
#include "fcgi/api/attempts.h"
#include "fcgi/api/history.h"
#include "fcgi/jobs/jobs.h"
#include "fcgi/api/intake_keys.h"
#include "fcgi/api/metrics.h"
#include "fcgi/api/route_texts.h"
#include "fcgi/api/schema_clock.h"
#include "fcgi/api/row_layouts.h"

struct Api {
    Router *router;
    Server *server;
    void (*reload)(void *);
    void *reload_context;
    ConfigWatch *config_watch; /* NULL = not watched */
    _Atomic int64_t max_rows;
    _Atomic int max_runtime_seconds;
    int64_t started_wall_us, started_ns;
    Metrics *metrics; /* this process's, in the pool's */
    struct MetricsPool *metrics_pool;
    Attempts *attempts;           /* NULL = not shared */
    SchemaClock *schema_clock;    /* NULL = not shared */
    void *costs;                  /* NULL = not shared; the router writes there what runs took */
    void *calibration;            /* likewise what probes of the engines found */
    IntakeKeys *intake_keys;      /* NULL = not shared */
    History *history;             /* NULL = none is kept */
    struct AccessLog *access_log; /* NULL = none is kept */
    char *history_path;           /* saved queries are kept beside it; set by api_keep_history */
    struct Shadow *shadow;        /* NULL = no shadow runs */
    struct Jobs *jobs;            /* NULL = none are kept */
    struct JobWatch *job_watch;   /* with `jobs` */
    int64_t job_version;          /* upkeep's: of the look that follows */
    JobCounts job_counts;         /* `lock` guards it, and the next */
    int slots_in_use;
    int jobs_max_runtime_seconds, jobs_max_queue_seconds;
    struct ResultCache *results; /* NULL = no answers are kept */
    char user_parameter[128];    /* FastCGI's name of the user's header, "" = none */
    char *spool_directory;
    char *cors_origins; /* blanks between them, "" = none */
    _Atomic int64_t max_upload_bytes;
    _Atomic uint64_t schema_seen; /* the clock when the registry was last known to be current */

    /* Upkeep. `lock` guards what follows; `changed` tells of ready and stop. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ready; /* the registry was read once, well or not */
    bool stopping;
    bool upkeep_running, watch_running;
    unsigned long upkeep_thread, watch_thread;
    EngineHealth health[ROUTER_MAX_CANDIDATES];
    bool health_known;
    int64_t health_ns;

    pthread_mutex_t runs_lock;
    struct QueryRun *runs;                          /* under way, query_watch.h */
    int64_t silent_since_ns[ROUTER_MAX_CANDIDATES]; /* the watch thread's; 0 = it answers */
};

/* What belongs to one event loop. */
typedef struct LoopState {
    EventLoop *loop;
    EngineLane *lanes[ROUTER_MAX_CANDIDATES]; /* by engine index; NULL where an engine has none */
    RouteTexts routes;
    RowLayouts layouts;
    StrBuf body, tail; /* of the answer being written; kept for their memory */
} LoopState;

/* `arguments` are the path's {} segments, decoded. */
typedef void (*ResourceHandler)(Api *api, Exchange *exchange, char *const *arguments);

/* Blocks (workers only) until the registry was read once. */
void api_wait_ready(Api *api);
/* Another process of the pool has changed definitions since the registry was read. */
bool api_is_behind(const Api *api);
/* Reads the registry again if so (blocking, workers only). */
void api_catch_up(Api *api);
/* Reads the registry after DDL of our own and tells the other processes. */
void api_note_ddl(Api *api);
/* Copies the last known health of every engine; false when none is known yet. */
bool api_health(Api *api, EngineHealth out[ROUTER_MAX_CANDIDATES]);
/* Asks the engines now (blocking). */
void api_poll_health(Api *api);
/* What others count goes where every process of the pool sees it; about once a second. */
void api_publish_metrics(Api *api);
int api_engine_index(const Api *api, const Engine *engine);

void api_reply_json(Exchange *exchange, int status, StrBuf *json); /* frees `json` */

void query_handle(Api *api, Exchange *exchange, char *const *arguments);
void route_handle(Api *api, Exchange *exchange, char *const *arguments);
void schemas_list_handle(Api *api, Exchange *exchange, char *const *arguments);
void schema_tables_handle(Api *api, Exchange *exchange, char *const *arguments);
void tables_list_handle(Api *api, Exchange *exchange, char *const *arguments);
void table_handle(Api *api, Exchange *exchange, char *const *arguments);
void table_drop_handle(Api *api, Exchange *exchange, char *const *arguments);
void tables_make_handle(Api *api, Exchange *exchange, char *const *arguments);
void schemas_make_handle(Api *api, Exchange *exchange, char *const *arguments);
void table_rows_handle(Api *api, Exchange *exchange, char *const *arguments);
void table_profile_handle(Api *api, Exchange *exchange, char *const *arguments);
void table_data_handle(Api *api, Exchange *exchange, char *const *arguments);
void engines_handle(Api *api, Exchange *exchange, char *const *arguments);
void health_handle(Api *api, Exchange *exchange, char *const *arguments);
void status_handle(Api *api, Exchange *exchange, char *const *arguments);
void metrics_handle(Api *api, Exchange *exchange, char *const *arguments);
void compare_handle(Api *api, Exchange *exchange, char *const *arguments);
void history_handle(Api *api, Exchange *exchange, char *const *arguments);
void history_statistics_handle(Api *api, Exchange *exchange, char *const *arguments);
void history_differences_handle(Api *api, Exchange *exchange, char *const *arguments);
void history_resolve_handle(Api *api, Exchange *exchange, char *const *arguments);
void saved_list_handle(Api *api, Exchange *exchange, char *const *arguments);
void saved_handle(Api *api, Exchange *exchange, char *const *arguments);
void jobs_submit_handle(Api *api, Exchange *exchange, char *const *arguments);
void jobs_list_handle(Api *api, Exchange *exchange, char *const *arguments);
void job_handle(Api *api, Exchange *exchange, char *const *arguments);
void job_result_handle(Api *api, Exchange *exchange, char *const *arguments);
void job_events_handle(Api *api, Exchange *exchange, char *const *arguments);
void job_plan_handle(Api *api, Exchange *exchange, char *const *arguments);
void schedules_handle(Api *api, Exchange *exchange, char *const *arguments);
void schedule_handle(Api *api, Exchange *exchange, char *const *arguments);
void schedule_run_handle(Api *api, Exchange *exchange, char *const *arguments);
void openapi_handle(Api *api, Exchange *exchange, char *const *arguments);
