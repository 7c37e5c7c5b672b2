/* What every engine is to the rest of the house.
 *
 * Order of calls: ops->open → (describe | plan | execute | scan | health, from any thread, concurrently) →
 * close. A statement is planned once per text (plan: can it run here with the right answer, what would it
 * cost) and executed many times (execute), each time with its own parameters, limits and cancel token.
 * Results are always a stream of Arrow batches (engines/base/arrow_stream.h). An engine never includes
 * another: the columnar engine reaches federated tables through TableBinding.engine and ops->scan.
 */
#pragma once

#include <stdatomic.h>

#include "engines/base/arena.h"
#include "engines/base/arrow_stream.h"
#include "engines/base/budget.h"
#include "engines/base/cancel.h"
#include "engines/base/config.h"
#include "engines/base/error.h"
#include "engines/base/eventloop.h"
#include "engines/base/sqltype.h"
#include "engines/base/strbuf.h"
#include "engines/base/threadpool.h"
#include "engines/table_intake.h"

struct PgQuery__ParseResult; /* <pg_query/pg_query.pb-c.h> */

typedef struct Engine Engine;
typedef struct EngineOps EngineOps;
typedef struct EngineLane EngineLane;
typedef struct EnginePlan EnginePlan;

/* ---- what an engine holds -------------------------------------------------------------------------------
 */

typedef struct ColumnDesc {
    const char *name;
    SqlType type;
    const char *type_name; /* short PostgreSQL name, e.g. "int4", "mood" */
    bool nullable;
    double distinct;                   /* estimate, < 0 = unknown */
    const struct ColumnValues *values; /* engines/base/column_values.h; NULL = nothing is known */
} ColumnDesc;

typedef struct KeyDesc {
    const char *name;
    const int *columns; /* indexes into TableDesc.columns; -1 for an expression */
    int column_count;
    bool unique;
    bool primary;
} KeyDesc;

typedef struct TableDesc {
    const char *schema; /* "public" for PostgreSQL's; the database for MySQL; the namespace for columnar */
    const char *name;
    const char *kind; /* "table", "view", "materialized view", "foreign table", "partitioned table" */
    const ColumnDesc *columns;
    int column_count;
    const KeyDesc *keys; /* indexes, unique or not */
    int key_count;
    double row_estimate; /* < 0 = unknown */
    int64_t bytes;       /* < 0 = unknown */
    bool is_volatile;    /* a view, or a view of one, that calls volatile functions */
    bool has_triggers;   /* writing to it runs code of the user's own */
} TableDesc;

/* Functions of one name; `volatility` is the worst of its overloads: 'i'mmutable, 's'table, 'v'olatile. */
typedef struct FunctionDesc {
    const char *schema; /* NULL = built in */
    const char *name;
    char volatility;
} FunctionDesc;

typedef struct TableList {
    TableDesc *tables;
    int count;
    const char *default_schema;      /* searched first for unqualified names; NULL = every schema is */
    const char *const *next_schemas; /* then these, in order */
    int next_schema_count;
    const FunctionDesc *functions; /* sorted by name; NULL = not told */
    int function_count;
} TableList;

/* ---- a statement ------------------------------------------------------------------------------------------
 */

typedef enum ParamKind { PARAM_NULL, PARAM_BOOL, PARAM_INT, PARAM_NUMBER, PARAM_TEXT } ParamKind;

/* A parameter as the request gave it. Arrays arrive as PostgreSQL array literals and objects as JSON text,
 * both PARAM_TEXT; PARAM_NUMBER keeps every digit. `text` is NUL-terminated. */
typedef struct Param {
    ParamKind kind;
    const char *text;
    size_t length;
} Param;

/* One table of the statement, resolved by the router. The name is as written in the statement; schema_name
 * NULL when it was not qualified. `engine` is where this execution reads it. */
typedef struct TableBinding {
    const char *written_catalog; /* "postgres" in postgres.public.users, or NULL */
    const char *written_schema;
    const char *written_name;
    Engine *engine;
    const TableDesc *table; /* lives as long as the statement */
} TableBinding;

/* FOR SYSTEM_TIME AS OF or FOR VERSION AS OF, which stood behind the table whose name comes last before
 * `location`. */
typedef struct TableTravel {
    bool is_version;
    int location;     /* byte offset in Statement.sql, where blanks stand now */
    int position;     /* of the value: 1-based, in characters */
    const char *text; /* the value, as written */
} TableTravel;

typedef enum StatementKind {
    STATEMENT_READ,   /* SELECT, VALUES, EXPLAIN of them */
    STATEMENT_WRITE,  /* INSERT, UPDATE, DELETE, MERGE */
    STATEMENT_DDL,    /* CREATE, ALTER, DROP, TRUNCATE, GRANT ... */
    STATEMENT_SESSION /* transactions, SET, LOCK, several statements ... : one connection, whole */
} StatementKind;

/* Parsed once, immutable, shared by every execution of the same text. */
typedef struct Statement {
    const char *sql; /* NUL-terminated, hints taken off the front are kept (they are comments) */
    size_t sql_length;
    const struct PgQuery__ParseResult *tree;
    StatementKind kind;
    int statement_count; /* in `sql`; > 1 only for STATEMENT_SESSION */
    int param_count;     /* highest $n */
    const TableBinding *bindings;
    int binding_count;
    uint64_t text_hash;
    bool runs_code; /* of the user's own, which may leave anything in the connection: volatile functions,
                       views that call them, triggers */
    const TableTravel *travels;
    int travel_count;
    const char *as_of; /* of the request, for every table without a travel of its own: a time, a snapshot's
                          number, or the name of a branch or tag. NULL = now */
} Statement;

/* ---- planning ------------------------------------------------------------------------------------------ */

typedef struct EngineEstimate {
    double cost_ms; /* expected wall time */
    double rows;    /* expected result rows, < 0 unknown */
    double bytes_scanned;
    double rows_scanned; /* as ExecutionStats counts them, 0 = not known: how much there is to do */
} EngineEstimate;

/* What plan() says. When !eligible, `why` names the construct, table or state that stops it (one sentence,
 * e.g. "function pg_sleep() is not available in the columnar engine") and `sqlstate` is its code. */
typedef struct EngineVerdict {
    bool eligible;
    char sqlstate[6];
    char why[256];
    int position;
    EngineEstimate estimate;
} EngineVerdict;

/* First member of each engine's own plan struct. Reference-counted; const once returned. */
struct EnginePlan {
    _Atomic int references;
    Engine *engine;
    const Statement *statement; /* outlives the plan */
    void (*destroy)(EnginePlan *);
    bool fast_lane; /* may be run through a lane: short, one round trip, few rows */
};
static inline EnginePlan *engine_plan_retain(EnginePlan *plan) {
    if (plan) atomic_fetch_add(&plan->references, 1);
    return plan;
}
static inline void engine_plan_release(EnginePlan *plan) {
    if (plan && atomic_fetch_sub(&plan->references, 1) == 1) plan->destroy(plan);
}

/* ---- executing ------------------------------------------------------------------------------------------
 */

typedef struct ExecutionStats {
    _Atomic int64_t rows_scanned;
    _Atomic int64_t bytes_scanned; /* compressed bytes read from files */
    _Atomic int64_t files_skipped;
    _Atomic int64_t row_groups_skipped;
    int64_t rows_affected; /* writes, -1 for reads; valid once the stream ended */
    char command[32];      /* "SELECT", "INSERT", "CREATE TABLE" ...; valid once the stream ended */
} ExecutionStats;

/* Whoever reads asks after each morsel, and who takes the rows after each batch. `allowed`: 0 = any number.
 */
static inline Status execution_check_bytes(const ExecutionStats *stats, double allowed, Error *err) {
    int64_t scanned = atomic_load_explicit(&stats->bytes_scanned, memory_order_relaxed);
    if (allowed <= 0 || (double)scanned <= allowed) return STATUS_OK;
    return error_set(err, SQLSTATE_DENIED,
                     "the statement has scanned %lld bytes, rules allow it %.0f (max_bytes_scanned)",
                     (long long)scanned, allowed);
}

/* One run. Everything here outlives the returned stream. */
typedef struct Execution {
    const Param *params;
    int param_count;
    CancelToken *cancel;   /* may be NULL; carries the deadline too */
    Budget *budget;        /* parent for the query's own budget, may be NULL */
    int max_threads;       /* of the engine's own, 0 = all */
    int64_t row_limit;     /* the reader will not take more rows than this; 0 = all. A hint to stop early */
    ExecutionStats *stats; /* never NULL */
    StrBuf *marker;        /* NULL, or an engine that knows what this run reads appends its read_marker() */
    double max_bytes_scanned; /* 0 = no limit; beyond it SB005 */
} Execution;

/* ---- what a read depends on ------------------------------------------------------------------------------
 *
 * A marker is a text that says which state of the data and of everything else a statement would read now. Two
 * equal markers, whoever asked for them and when: the statement gives the same answer.
 */

typedef enum MarkerAnswer {
    MARKER_NONE,  /* nothing tells whether what it reads is unchanged */
    MARKER_WAITS, /* the engine would have to wait for it, and must not */
    MARKER_KNOWN
} MarkerAnswer;

typedef struct MarkerRequest {
    EnginePlan *plan;             /* this engine's; NULL: another one runs the statement and calls scan() */
    const TableBinding *bindings; /* of the statement; those of other engines are not this one's business */
    int binding_count;
    bool may_wait;
    bool to_keep; /* an answer is about to be kept: is there anything it depends on that the marker leaves
                     out? */
    CancelToken *cancel;
} MarkerRequest;

/* A pushed-down read of one table for federation. Filters are ANDed; the receiver may ignore any of them only
 * if it says so in `applied` (bit i = filter i was applied exactly). */
typedef enum ScanOp {
    SCAN_EQ,
    SCAN_NE,
    SCAN_LT,
    SCAN_LE,
    SCAN_GT,
    SCAN_GE,
    SCAN_IS_NULL,
    SCAN_IS_NOT_NULL,
    SCAN_IN
} ScanOp;
typedef struct ScanFilter {
    int column; /* index into table->columns */
    ScanOp op;
    const Param *values; /* one, none for IS [NOT] NULL, several for IN */
    int value_count;
} ScanFilter;
typedef struct ScanRequest {
    const TableDesc *table;
    const int
        *columns; /* result columns in order, indexes into table->columns; may be empty (row count only) */
    int column_count;
    const ScanFilter *filters; /* at most 64 */
    int filter_count;
    int64_t row_limit; /* 0 = all */
} ScanRequest;

typedef struct EngineHealth {
    bool up;
    double latency_ms;
    int connections_open, connections_busy;
    char version[64];
    char message[256];       /* why it is down */
    bool silent;             /* it is down because it does not answer, not even with a refusal: it may hang */
    int64_t silent_since_ns; /* clock_now_ns(), 0 = the engine cannot tell */
} EngineHealth;

/* What its statements hold and have cost since the start; all of this process. */
typedef struct EngineUsage {
    int64_t memory_used_bytes, memory_limit_bytes; /* of the budget */
    int64_t spill_bytes;                           /* on disk now */
    int64_t spilled_bytes;                         /* written there */
    int64_t cache_bytes, cache_hits, cache_misses; /* of decoded pages */
} EngineUsage;

/* What a request on the fast lane got: the lane's, while `done` runs. */
typedef struct LaneAnswer {
    const ArrowSchema *schema; /* without columns: a write's */
    const ArrowArray *batch;   /* all rows; NULL = no rows can come of such a statement */
} LaneAnswer;

/* One request on the fast lane. The caller owns the struct and keeps it, `params` and `plan` alive until
 * `done`. */
typedef struct LaneRequest {
    EnginePlan *plan;
    const Param *params;
    int param_count;
    int64_t deadline_ns; /* clock_now_ns(), 0 = none */
    ExecutionStats *stats;
    /* On the loop's thread. On success `error` is NULL, else `answer` is. Called exactly once unless the
     * request was cancelled. */
    void (*done)(struct LaneRequest *request, const LaneAnswer *answer, const Error *error);
    void *user;
    void *lane_private; /* for the lane */
} LaneRequest;

/* One thread's, with everything in memory. */
typedef enum EngineConstant {
    CONSTANT_LATENCY_MS,     /* a statement that does nothing */
    CONSTANT_SCANNED_ROW_NS, /* a row read from end to end, and added up */
    CONSTANT_PROBED_ROW_NS,  /* a row found by its key: of an index, or of a hash table */
    CONSTANT_SENT_BYTE_NS,   /* a byte of a result, until it is here */
    ENGINE_CONSTANT_COUNT
} EngineConstant;

struct EngineOps {
    const char *kind;                                /* "postgres" */
    double default_constants[ENGINE_CONSTANT_COUNT]; /* where the estimates were measured; 0 = has none */

    /* Never waits for a server: an engine that is down opens all the same and says so in health(). */
    Status (*open)(const EngineConfig *config, Engine **out, Error *err);
    void (*close)(Engine *engine);

    /* Everything a user could name, with keys and estimates; strings in `arena`. */
    Status (*describe)(Engine *engine, Arena *arena, TableList *out, Error *err);

    /* Can this statement run here with the right answer, and at what cost? Fills `verdict` always; *out is
     * set when eligible. STATUS_ERROR only for failures of the engine itself or for statements that are wrong
     * anywhere (then `err` is what the user should see). Must be cheap: no network round trip. */
    Status (*plan)(Engine *engine, const Statement *statement, EngineVerdict *verdict, EnginePlan **out,
                   Error *err);

    /* Starts it. May block (slow lane). On success the caller releases `out` when done or to abandon it. */
    Status (*execute)(Engine *engine, EnginePlan *plan, Execution *execution, ArrowArrayStream *out,
                      Error *err);

    /* Reads one table for another engine. `applied` (bit set) tells which filters were applied. */
    Status (*scan)(Engine *engine, const ScanRequest *request, Execution *execution, ArrowArrayStream *out,
                   uint64_t *applied, Error *err);

    void (*health)(Engine *engine, EngineHealth *out);

    /* Optional (NULL): measures its constants, in a fifth of a second at most. What could not be measured
     * stays 0. Blocks; never on a request's way. */
    Status (*probe)(Engine *engine, double out[ENGINE_CONSTANT_COUNT], Error *err);

    /* Optional (NULL): about once a second while the process serves. Memory kept for the next statement that
     * no statement has needed lately goes back to the system. */
    void (*release_idle)(Engine *engine);

    /* Optional (NULL): the names of its schemas, also of those without a table. May block. */
    Status (*schemas)(Engine *engine, Arena *arena, const char ***names, int *count, Error *err);

    /* Optional (NULL): table_intake.h. 42P01 when there is no such table. Both may block. */
    Status (*intake)(Engine *engine, const TableIntake *intake, TableIntakeResult *result, Error *err);
    /* Optional (NULL): reads the sources of an intake for another engine's table. Fills what the reading
     * knows of `result`: rows given, rows rejected. */
    Status (*read_rows)(Engine *engine, const TableIntake *intake, const TableRowReceiver *receiver,
                        TableIntakeResult *result, Error *err);
    Status (*table_details)(Engine *engine, const char *schema, const char *table, Arena *arena,
                            TableDetails *out, Error *err);

    /* Optional (NULL: MARKER_NONE): appends the marker of a read, now. The statement has no volatile
     * functions, reads no clock and names no file (router/result_key.h). */
    MarkerAnswer (*read_marker)(Engine *engine, const MarkerRequest *request, StrBuf *out);

    /* Optional (NULL): the process serves requests from now on, work in the background may begin. It ends
     * with close. */
    Status (*serve)(Engine *engine, Error *err);

    /* Optional (NULL): cheap, never blocks. */
    void (*usage)(Engine *engine, EngineUsage *out);

    /* Optional (NULL): a non-blocking lane bound to one event loop. Calls only from the loop's thread. */
    Status (*lane_open)(Engine *engine, EventLoop *loop, EngineLane **out, Error *err);
    void (*lane_close)(EngineLane *lane);
    /* Submits; `done` comes later, from the loop (never from inside this call). Fails when the lane cannot
     * take it now (no connection, queue full): the caller then uses execute(). */
    Status (*lane_submit)(EngineLane *lane, LaneRequest *request, Error *err);
    /* Forgets the request: `done` will not be called; the server's work is cancelled when it can be told
     * apart. */
    void (*lane_cancel)(EngineLane *lane, LaneRequest *request);
};

/* First member of each engine's own struct. */
struct Engine {
    const EngineOps *ops;
    const char *name; /* configured name, what users write in hints */
    /* What estimates rest on; 0 = as compiled in. Set by the router from what `probe` found. */
    _Atomic double constants[ENGINE_CONSTANT_COUNT];
};

static inline double engine_constant(const Engine *engine, EngineConstant constant) {
    double known = atomic_load_explicit(&engine->constants[constant], memory_order_relaxed);
    return known > 0 ? known : engine->ops->default_constants[constant];
}
/* How many times slower (faster when below 1) it is here than where the estimates were measured. */
static inline double engine_slowness(const Engine *engine, EngineConstant constant) {
    double compiled = engine->ops->default_constants[constant];
    return compiled > 0 ? engine_constant(engine, constant) / compiled : 1;
}

extern const EngineOps postgres_engine_ops;
extern const EngineOps mysql_engine_ops;
extern const EngineOps columnar_engine_ops;
