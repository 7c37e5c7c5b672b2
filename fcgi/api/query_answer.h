/* One statement on its way through /query, and the JSON around its rows. */
#pragma once

#include "engines/base/strbuf.h"
#include "fcgi/api/api_internal.h"
#include "fcgi/api/query_body.h"
#include "fcgi/format/format.h"

/* The engine that failed first, when another one has run the statement. */
typedef struct QueryFallback {
    const char *engine; /* NULL = none */
    char sqlstate[6];
    char error[256];
} QueryFallback;

typedef struct QueryRun {
    Api *api;
    Exchange *exchange;
    QueryBody body;
    RowFormat format;
    int64_t max_rows;
    Decision *decision; /* NULL until decided; released before the exchange ends */
    RouteTiming timing;
    ExecutionStats stats;
    Execution execution;
    LaneRequest lane_request;
    int64_t queued_ns, execute_started_ns;
    int64_t client_wait_ns; /* spent on writing to the client while executing */
    int64_t taken_ns;       /* in the engine, once it has ended */
    double queue_us;
    CancelToken attempt;                   /* of this execution; the exchange's is its parent */
    struct QueryRun *next_run, **run_link; /* query_watch.c's, while executing */
    unsigned avoid;                        /* engines that have failed, RouteRequest.avoid */
    QueryFallback fallback;
    struct QueryResult *result; /* query_result.c's; NULL = nothing is looked up or kept */
    int64_t kept_rows;
    bool from_cache; /* `kept_rows` rows that were kept */
    bool on_worker;  /* may block, so rows may stream */
    bool streaming;  /* the response has begun */
    bool is_write;   /* answered without rows */
    bool cut_short;  /* at max_rows: what it took says nothing of the whole */
    bool write_begun;
    bool noted;         /* in the history and the logs */
    bool lane_hung;     /* its engine stopped answering: not worth another try there */
    bool decided_again; /* the tables had changed under the cached decision */
} QueryRun;

/* The members after the rows, without braces. */
void query_answer_append_tail(StrBuf *out, QueryRun *run);
/* Whole documents. */
void query_answer_append_write(StrBuf *out, QueryRun *run);
void query_answer_append_dry_run(StrBuf *out, QueryRun *run);

/* query.c: a statement that another resource has made, answered as POST /query answers it, on the worker that
 * calls. The body's memory lives as long as the exchange. */
void query_run_on_worker(Api *api, Exchange *exchange, const QueryBody *body);
