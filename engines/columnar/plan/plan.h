/* The plan: what the binder makes, the optimiser rewrites and the executor runs. Const once handed to the
 * executor; lives in the plan's arena. Execution state stands beside it (exec/), never in it.
 *
 * Every node yields batches whose columns are described by `columns`. Expressions of a node refer to its
 * input's columns by index (a join's residual: left columns, then right columns).
 */
#pragma once

#include "engines/base/arena.h"
#include "engines/base/strbuf.h"
#include "engines/columnar/iceberg/table_catalog.h"
#include "engines/columnar/kernels/function.h"
#include "engines/columnar/kernels/table_function.h"
#include "engines/columnar/plan/file_request.h"
#include "engines/engine.h"

/* ---- expressions ----------------------------------------------------------------------------------------
 */

typedef enum ExprKind {
    EXPR_COLUMN,   /* input column `column` */
    EXPR_CONSTANT, /* `constant`: a CONSTANT vector (NULL allowed) */
    EXPR_PARAM,    /* parameter `param` (0-based), cast from text to `type` when execution starts */
    EXPR_CALL,     /* `function` over args */
    EXPR_CAST,     /* `function` over args[0], to `type` */
    EXPR_AND,
    EXPR_OR, /* n-ary, three-valued, in order of evaluation; right sides only run for rows still open */
    EXPR_NOT,
    EXPR_IS_NULL,
    EXPR_IS_NOT_NULL,
    EXPR_IS_TRUE,
    EXPR_IS_NOT_TRUE,
    EXPR_IS_FALSE,
    EXPR_IS_NOT_FALSE,
    EXPR_IS_DISTINCT,
    EXPR_IS_NOT_DISTINCT,
    EXPR_CASE, /* args: when1, then1, when2, then2, ..., else (always present, maybe a NULL constant); lazily
                */
    EXPR_COALESCE, /* args in order; lazily */
    EXPR_IN_LIST,  /* args[0] IN (constants args[1..]) with SQL's NULL rules; built into a hash set once */
    EXPR_NULLIF
} ExprKind;

typedef struct Expr {
    ExprKind kind;
    SqlType type;
    int position;  /* 1-based, of its leftmost part in the statement, for errors; 0 unknown */
    bool declared; /* the type's precision was written by someone, not derived: the user sees it */
    bool merged;   /* what USING makes of two columns where it is neither of them; the binder's alone */
    struct Expr **args;
    int arg_count;
    int column;
    int param;
    const Vector *constant;
    const ScalarFunction *function;
    const void *bind_data;
} Expr;

/* ORDER BY inside an aggregate, or WITHIN GROUP: by this one of the call's args. */
typedef struct AggregateOrder {
    int arg;
    bool descending;
    bool nulls_first;
} AggregateOrder;

typedef struct AggregateCall {
    const AggregateFunction *function;
    Expr **args;
    int arg_count;
    /* Rows are sorted before the function sees them; it sees args[0 .. value_count), the others only sort.
     * With DISTINCT, `order` names every value. None: value_count is not set, all args are values. */
    const AggregateOrder *order;
    int order_count;
    int value_count;
    Expr *filter; /* NULL = none */
    bool distinct;
    SqlType type;
} AggregateCall;

/* A set-returning function over constants or the columns of the node's input. */
typedef struct TableFunctionCall {
    const TableFunction *function;
    Expr **args;
    int arg_count;
    const TableFunctionColumn *columns;
    int column_count;
    const void *bind_data;
} TableFunctionCall;
/* One GROUPING(...): the last of its arguments is the lowest bit. */
typedef struct GroupingCall {
    int *groups; /* positions among the node's groups */
    int count;
} GroupingCall;

typedef struct SortKey {
    Expr *expr;
    bool descending;
    bool nulls_first;
} SortKey;

/* Rows ordered by the window's keys are numbered within their partition; a frame is a range of them. */
typedef enum WindowKind {
    WINDOW_AGGREGATE,
    WINDOW_ROW_NUMBER,
    WINDOW_RANK,
    WINDOW_DENSE_RANK,
    WINDOW_PERCENT_RANK,
    WINDOW_CUME_DIST,
    WINDOW_NTILE,
    WINDOW_LAG,
    WINDOW_LEAD,
    WINDOW_FIRST_VALUE,
    WINDOW_LAST_VALUE,
    WINDOW_NTH_VALUE
} WindowKind;

typedef enum FrameMode { FRAME_RANGE, FRAME_ROWS, FRAME_GROUPS } FrameMode;

typedef enum FrameBound {
    BOUND_UNBOUNDED_PRECEDING,
    BOUND_OFFSET_PRECEDING,
    BOUND_CURRENT,
    BOUND_OFFSET_FOLLOWING,
    BOUND_UNBOUNDED_FOLLOWING
} FrameBound;

typedef enum FrameExclusion { EXCLUDE_NONE, EXCLUDE_CURRENT, EXCLUDE_GROUP, EXCLUDE_TIES } FrameExclusion;

/* Offsets are expressions without columns: int8 for ROWS and GROUPS; for RANGE int8, numeric, float8 or
 * interval, as the one ORDER BY key takes it. */
typedef struct WindowFrame {
    FrameMode mode;
    FrameBound start, end;
    FrameExclusion exclusion;
    Expr *start_offset, *end_offset;
} WindowFrame;

/* Its keys are the first of the node's: `partition_count` of PARTITION BY, then `order_count` of ORDER BY. */
typedef struct WindowCall {
    WindowKind kind;
    const char *name;
    AggregateCall call; /* arguments and type; function and filter when an aggregate */
    int partition_count, order_count;
    WindowFrame frame;
} WindowCall;

/* ---- nodes
 * -------------------------------------------------------------------------------------------------- */

typedef enum PlanKind {
    PLAN_SCAN,         /* a columnar table */
    PLAN_FOREIGN_SCAN, /* a table of another engine, through its ops->scan */
    PLAN_VALUES,       /* rows of expressions; one row of no columns stands for a missing FROM */
    PLAN_FILTER,
    PLAN_PROJECT,
    PLAN_AGGREGATE, /* DISTINCT is an aggregate with groups and no calls */
    PLAN_JOIN,
    PLAN_SORT,
    PLAN_LIMIT, /* over PLAN_SORT it becomes a top-N */
    PLAN_UNION_ALL,
    PLAN_SET_OPERATION,  /* INTERSECT, EXCEPT [ALL] */
    PLAN_CTE,            /* the rows of a WITH query, made once however many nodes read them */
    PLAN_TABLE_FUNCTION, /* set-returning functions side by side, per row of its input (none: once) */
    PLAN_WINDOW          /* its input's columns, then one per window call; sorts its input itself */
} PlanKind;

/* Inner..anti compare `left_keys[i] = right_keys[i]` and then `residual`. MARK yields the left columns plus
 * one boolean (three-valued: the value of `left IN (right)`). SINGLE is a left join that raises 21000 on a
 * second match. CROSS has no keys. */
typedef enum JoinType {
    JOIN_INNER,
    JOIN_LEFT,
    JOIN_RIGHT,
    JOIN_FULL,
    JOIN_SEMI,
    JOIN_ANTI,
    JOIN_MARK,
    JOIN_SINGLE,
    JOIN_CROSS,
    JOIN_RIGHT_SEMI, /* the right (built) rows with a match, and those without: keys only */
    JOIN_RIGHT_ANTI
} JoinType;

typedef struct PlanColumn {
    const char *name;
    SqlType type;
    const char *type_name;
    bool nullable;
} PlanColumn;

/* A WITH query. With `term` it is recursive: the rows of `seed`, then those of `term` over the rows of the
 * round before (its PLAN_CTE nodes with `working`), until there are none. */
typedef struct PlanCte {
    const char *name;
    int index; /* in Plan.ctes */
    struct PlanNode *seed, *term;
    bool distinct;    /* UNION: rows that were there before are dropped */
    int reader_count; /* nodes outside that read the result */
} PlanCte;

typedef struct PlanNode {
    PlanKind kind;
    struct PlanNode **inputs;
    int input_count;
    PlanColumn *columns;
    int column_count;
    double row_estimate;
    double read_share; /* of a scan: of its table's rows, those on pages that its filters do not leave out */

    /* PLAN_SCAN, PLAN_FOREIGN_SCAN */
    TableVersion *version;       /* retained by the plan */
    const TableBinding *binding; /* foreign */
    int *scan_columns; /* table column of each output column; filters may use columns beyond, see below */
    /* Conjuncts pushed into the scan. They refer to `filter_columns`: position i there is table column
     * filter_columns[i]. */
    Expr **filters;
    int filter_count;
    int *filter_columns;
    int filter_column_count;
    int64_t scan_row_limit; /* 0 = none: LIMIT pushed down */

    /* PLAN_VALUES: rows × columns */
    Expr ***rows;
    int row_count;

    Expr *predicate; /* PLAN_FILTER */
    Expr **exprs;    /* PLAN_PROJECT, one per column */

    /* PLAN_AGGREGATE: output = groups, then calls (then GROUPING() values if grouping_sets). */
    Expr **groups;
    int group_count;
    AggregateCall *calls;
    int call_count;
    /* Bit g of a set = grouped by groups[g]; groups outside a row's set are NULL in it. None: one set of all.
     */
    const uint64_t *grouping_sets;
    int grouping_set_count;
    const GroupingCall *grouping_calls; /* int4 columns */
    int grouping_call_count;

    /* PLAN_JOIN: inputs[0] probe (left), inputs[1] build (right). Output: left columns, then right (not for
     * SEMI, ANTI; MARK adds one). */
    JoinType join_type;
    Expr **left_keys, **right_keys;
    int key_count;
    Expr *residual; /* over left columns then right columns, NULL = none */
    Expr *guard; /* over left columns: an error of the right side, or several rows of it, is raised for left
                    rows that meet this, and for none else; NULL = at once */
    bool nulls_equal; /* keys compare with IS NOT DISTINCT FROM */
    bool two_valued;  /* MARK: no match is false, never NULL */

    SortKey *sort_keys; /* PLAN_SORT, PLAN_WINDOW */
    int sort_key_count;
    int64_t sort_limit; /* PLAN_SORT: > 0 = only the first rows matter (limit + offset) */

    WindowCall *windows; /* PLAN_WINDOW */
    int window_count;

    Expr *limit, *offset; /* PLAN_LIMIT, int8 expressions without columns, NULL = none */

    bool set_except, set_all; /* PLAN_SET_OPERATION */

    /* PLAN_TABLE_FUNCTION: output = the input's columns, then every call's, then `ordinality` (int8). Shorter
     * results are padded with NULLs. `keep_empty`: an input row without results comes out once, with NULLs.
     */
    /* PLAN_CTE: scan_columns tell the columns of `seed`. inputs (of the first node only, for EXPLAIN): the
     * terms. */
    const PlanCte *cte;
    bool working;

    TableFunctionCall *table_calls;
    int table_call_count;
    bool ordinality, keep_empty;

    /* Scalar subqueries that do not depend on outer rows appear as JOIN_SINGLE with no keys. */
    const char *note; /* for EXPLAIN: rules that shaped this node */
} PlanNode;

typedef struct Plan {
    Arena arena;
    PlanNode *root;
    bool explain, analyze, explain_json;
    bool explain_no_costs, explain_no_timing; /* COSTS and TIMING turned off */
    bool explain_summary;
    int64_t planning_ns;
    PlanCte **ctes;
    int cte_count;
    SqlType *param_types; /* inferred, one per parameter */
    int param_count;
    struct WritePlan *write; /* write_plan.h; NULL for a query */
    Definition *definitions; /* views and functions that were expanded */
    int definition_count;
    TableVersion **versions; /* every table version read, each retained once */
    int version_count;
    double bytes_scanned;     /* estimate: stored bytes of the columns read */
    bool uses_statement_time; /* now() and its kin */
    bool reads_moving_past;   /* FOR SYSTEM_TIME AS OF now() - ...: to be planned each time it runs */
} Plan;

/* Binds and optimises `statement`. Tables whose binding.engine == self are columnar, others foreign. A
 * construct this engine does not have is 0A000 naming it (the engine then declines); anything else wrong is
 * the user's error, with PostgreSQL's SQLSTATE and position. The caller frees with plan_destroy. */
typedef struct PlanTableSource {
    Status (*load)(void *context, const char *schema, const char *name, TableVersion **out, Error *err);
    /* The table as it was; may be NULL. */
    Status (*load_as_of)(void *context, const char *schema, const char *name, const TableAsOf *as_of,
                         TableVersion **out, Error *err);
    /* Views or functions of that name; may be NULL. */
    Status (*definitions)(void *context, DefinitionKind kind, const char *name, Arena *arena,
                          Definition **out, int *count, Error *err);
    void *context;
    /* Files as a table; NULL when there are none. */
    Status (*open_files)(void *files_context, const FileRequest *request, TableVersion **out, Error *err);
    void *files_context;
} PlanTableSource;
/* Without files. */
PlanTableSource plan_catalog_source(TableCatalog *catalog);
/* As plan_statement, over any source of tables. */
Status plan_statement_from(Engine *self, const PlanTableSource *source, const Statement *statement,
                           Plan **out, Error *err);
Status plan_statement(Engine *self, TableCatalog *catalog, const Statement *statement, Plan **out,
                      Error *err);
void plan_destroy(Plan *plan);

/* CREATE VIEW, CREATE FUNCTION and their DROPs: what is to be done to the catalog, after everything was
 * checked. */
typedef enum CommandKind { COMMAND_NONE, COMMAND_DEFINE, COMMAND_UNDEFINE } CommandKind;
typedef struct PlanCommand {
    CommandKind kind;
    const char *tag; /* "CREATE VIEW" */
    Definition *definitions;
    int count;
    bool replace;
    bool if_exists;
} PlanCommand;
/* COMMAND_NONE: the statement is no such command, plan it. Everything lives in `arena`. */
Status plan_command(Engine *self, TableCatalog *catalog, const Statement *statement, Arena *arena,
                    PlanCommand *out, Error *err);
Status plan_command_run(TableCatalog *catalog, const PlanCommand *command, Error *err);
/* The columns of a view, for describing it. */
Status plan_view_columns(Engine *self, TableCatalog *catalog, const char *name, Arena *arena,
                         PlanColumn **columns, int *count, Error *err);

/* The tree as text (one line per row of EXPLAIN's result) or as one JSON document. `annotate` may add figures
 * of a run to a node's line (text) or object (JSON: appends `,"key":value` pairs); NULL for plain EXPLAIN. */
/* Without a node: figures of the whole statement, at the end (JSON: in the outermost object). */
typedef void (*PlanAnnotate)(void *context, const PlanNode *node, bool json, StrBuf *out);
void plan_explain(const Plan *plan, bool json, PlanAnnotate annotate, void *context, StrBuf *out);
/* An expression as SQL-like text; `columns` name what EXPR_COLUMN refers to (NULL: $column numbers). */
void plan_describe_expr(const Expr *expr, const PlanColumn *columns, int column_count, StrBuf *out);
/* How many times longer things take here than where the constants of cost.c were measured. */
typedef struct PlanSpeed {
    int threads;
    double start, scan, hash;
} PlanSpeed;
/* What the router compares, from the plan's estimates. */
void plan_estimate(const Plan *plan, const PlanSpeed *speed, EngineEstimate *out);
