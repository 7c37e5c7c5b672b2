/* What the binder makes and the optimiser's rules rewrite: a tree of Rel over columns that have identities.
 *
 * Every column of every node has a number of its own in the whole statement (an index into Binder.columns),
 * and expressions refer to that number (Expr.column), wherever they stand. So a rule may move an expression
 * freely as long as the columns it reads are there. lower.c turns numbers into positions at the end; plan.h's
 * tree knows only positions.
 *
 * Order: bind_statement → optimise → lower. Everything lives in the plan's arena. Private to this folder.
 */
#pragma once

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>

#include "engines/columnar/kernels/aggregate.h"
#include "engines/columnar/plan/plan.h"

typedef PgQuery__Node Node;

typedef struct ColumnInfo {
    const char *name;
    SqlType type;
    const char *type_name; /* PostgreSQL's, where it says more than `type` */
    bool nullable;
    bool has_modifiers;   /* type's precision is declared, not derived: shown to the user */
    double distinct;      /* estimate, < 0 unknown */
    double null_fraction; /* estimate */
    double bytes_per_row; /* stored */
    bool has_range;       /* low and high bound the values, as numbers (dates: days, times: microseconds) */
    double low, high;
    double overlap;              /* of a scan column: ColumnStatistics.overlap, < 0 unknown */
    const TableVersion *version; /* of a scan column */
    int table_column;
} ColumnInfo;

typedef struct ExprList {
    Expr **items;
    int count, capacity;
} ExprList;

typedef struct IdList {
    int *items;
    int count, capacity;
} IdList;

typedef struct Rel Rel;

/* A WITH query, bound once; PLAN_CTE nodes read its rows. Recursive with `term`. */
typedef struct CteDef {
    const char *name;
    Rel *seed, *term;
    IdList ids; /* columns of seed; term_ids of term, in the same order */
    IdList term_ids;
    bool *needed;              /* per column: some reader wants it */
    bool distinct;             /* UNION */
    bool materialize, inline_; /* as written */
    int readers;               /* nodes of the statement that read it, known after rule_cte */
    double rows;
    PlanCte *lowered;
    struct CteDef *next; /* in order of making: a later one may read earlier ones */
} CteDef;

struct Rel {
    PlanKind kind;
    Rel **inputs;
    int input_count;
    IdList ids; /* output columns; a join's are its inputs', in order (and a mark) */
    double rows;
    const char *note;

    TableVersion *version; /* PLAN_SCAN, PLAN_FOREIGN_SCAN */
    const TableBinding *binding;
    const char *alias;
    IdList table_ids;    /* number of every table column, index = table column */
    ExprList predicates; /* PLAN_SCAN (pushed), PLAN_FILTER, PLAN_JOIN: conjuncts */
    int64_t row_limit;

    Expr ***value_rows; /* PLAN_VALUES */
    int value_row_count;

    ExprList exprs;       /* PLAN_PROJECT, one per id; PLAN_AGGREGATE: groups */
    AggregateCall *calls; /* PLAN_AGGREGATE: ids after the groups */
    int call_count;
    const uint64_t *grouping_sets; /* as in plan.h; a rule that adds a group adds it to every set */
    int grouping_set_count;
    const GroupingCall *grouping_calls; /* ids after the calls' */
    int grouping_call_count;

    JoinType join_type;
    bool nulls_equal;
    /* PLAN_JOIN: inputs[1] may read columns of inputs[0] (it is computed for every row of it: LATERAL, a
     * correlated subquery). INNER, LEFT, SEMI, ANTI, SINGLE and MARK of two values only; rule_unnest makes an
     * ordinary join of it. */
    bool dependent;
    bool two_valued; /* a MARK that is never NULL: EXISTS */
    /* SINGLE, MARK: over inputs[0], what must hold for anyone to read the value. Else the right side's errors
     * count for nothing. NULL: every row's value is read, or nothing can fail. */
    Expr *guard;

    SortKey *sort_keys;
    int sort_key_count;
    int64_t sort_limit;
    WindowCall *windows; /* PLAN_WINDOW: ids after the input's */
    int window_count;
    Expr *limit, *offset;
    bool set_except, set_all;

    CteDef *cte;  /* PLAN_CTE: table_ids are its columns here */
    bool working; /* the rows of the round before, inside the recursive term */

    TableFunctionCall *table_calls; /* PLAN_TABLE_FUNCTION: ids are the input's, the calls', the ordinality */
    int table_call_count;
    IdList own_ids; /* the calls' columns, then the ordinality */
    bool ordinality, keep_empty;
};

typedef struct Scope Scope;
typedef struct Query Query;

typedef struct Binder {
    Arena *arena;
    Plan *plan;
    Engine *self;
    const PlanTableSource *source;
    const Statement *statement;
    const char *as_of;     /* the statement's, inside views too */
    uint64_t travels_used; /* bit i: statement->travels[i] found its table */
    ColumnInfo *columns;
    int column_count, column_capacity;
    int depth;
    int set_depth; /* sides of set operations to the left of this one */
    int view_depth;
    int copied_nodes; /* of trees computed a second time */
    IdList outer_ids; /* columns of enclosing queries that subqueries have read */
    CteDef *cte_defs, **cte_defs_end;
    struct FunctionScope *function; /* whose body is being bound */
    struct ParsedText {             /* parse trees of views and functions, for as long as planning takes */
        PgQuery__ParseResult *tree;
        struct ParsedText *next;
    } * parsed;
    struct LoadedTable {
        const char *schema, *name;
        TableVersion *version;
        struct LoadedTable *next;
    } * loaded;
} Binder;

/* ---- logical.c: building and looking at trees -----------------------------------------------------------
 */

enum { BINDER_MAX_DEPTH = 200, BINDER_MAX_COLUMNS = 1 << 20 };

int binder_add_column(Binder *binder, const char *name, SqlType type, bool nullable);
void expr_list_add(Arena *arena, ExprList *list, Expr *expr);
void id_list_add(Arena *arena, IdList *list, int id);
bool id_list_has(const IdList *list, int id);

Rel *rel_new(Binder *binder, PlanKind kind, int input_count);
Rel *rel_filter(Binder *binder, Rel *input, const ExprList *predicates);
Rel *rel_join(Binder *binder, JoinType type, Rel *left, Rel *right);
/* Sets a join's, filter's, sort's or limit's ids from its inputs. */
void rel_refresh_ids(Binder *binder, Rel *rel);
bool rel_produces(const Rel *rel, int id);

Expr *expr_new(Arena *arena, ExprKind kind, SqlType type, int arg_count);
Expr *expr_column(Binder *binder, int id);
Expr *expr_copy(Arena *arena, const Expr *expr); /* deep */
Expr *expr_with_type(Arena *arena, const Expr *expr,
                     SqlType type); /* the same value under another name of its type */
Expr *expr_bool_constant(Arena *arena, bool value);
Expr *expr_null(Arena *arena, SqlType type);
bool expr_equal(const Expr *a, const Expr *b);
/* And what USING merged is told apart from what it is made of: one item of GROUP BY, ORDER BY, DISTINCT. */
bool expr_written_alike(const Expr *a, const Expr *b);
bool expr_is_constant(const Expr *expr); /* EXPR_CONSTANT */
bool expr_is_null_constant(const Expr *expr);
/* The columns an expression reads, appended once each. */
void expr_collect_ids(Arena *arena, const Expr *expr, IdList *out);
bool expr_reads_only(const Expr *expr, const Rel *rel); /* only columns that `rel` produces */
bool expr_reads_any(const Expr *expr, const Rel *rel);
bool expr_reads_nothing(const Expr *expr);
bool expr_may_raise(const Expr *expr); /* evaluating it on rows it was not meant for could fail */
/* Puts copies of `to[i]->` where column from[i] stands, in place; returns the new root. */
typedef struct ColumnMap {
    const int *from;
    Expr *const *to;
    int count;
} ColumnMap;
Expr *expr_substitute(Arena *arena, Expr *expr, const ColumnMap *map);
/* How many nodes expr_substitute would make of it; counts no further than MOST_SUBSTITUTED. */
enum { MOST_SUBSTITUTED = 10000 };
int expr_substituted_size(const Expr *expr, const ColumnMap *map);
/* Splits at top-level ANDs. */
void expr_split_conjuncts(Arena *arena, Expr *expr, ExprList *out);
Expr *expr_and_all(Arena *arena, const ExprList *conjuncts); /* NULL for none */
bool expr_is_equality(const Expr *expr);

/* The parse trees of views and functions that binding has read. */
void binder_free_texts(Binder *binder);

/* 1-based character position of a byte offset in the statement. */
int binder_position(const Binder *binder, int byte_offset);
Status binder_unsupported(const Binder *binder, int location, Error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- rel_walk.c: over whole trees -----------------------------------------------------------------------
 */

/* Every expression a node itself holds, replaced by what `visit` gives. */
typedef Expr *(*ExprVisit)(void *context, Expr *expr);
void rel_each_expr(Rel *rel, ExprVisit visit, void *context);
bool expr_reads_any_of(const Expr *expr, const IdList *ids);
bool rel_node_reads_any_of(const Rel *rel, const IdList *ids);
bool rel_reads_any_of(const Rel *rel, const IdList *ids);
/* Those of `ids` that the tree reads, appended once each. */
void rel_collect_reads(Arena *arena, const Rel *rel, const IdList *ids, IdList *found);
/* A tree of its own over the same columns. */
Rel *rel_clone(Binder *binder, const Rel *rel);
/* A second computation of the same: every column it makes has a new number; of `ids` they are `copies`. */
Rel *rel_copy(Binder *binder, const Rel *rel, const IdList *ids, IdList *copies);
void rel_substitute_node(Binder *binder, Rel *rel, const ColumnMap *map);
void rel_substitute(Binder *binder, Rel *rel, const ColumnMap *map);

/* ---- constant.c ------------------------------------------------------------------------------------------
 */

Expr *constant_int(Arena *arena, int64_t value, SqlType type);
Expr *constant_text(Arena *arena, const char *text, SqlType type); /* also for SQL_UNKNOWN literals */
Status constant_number(Arena *arena, const char *digits, Expr **out, Error *err);
/* Evaluates a call or cast of constants with its kernel. *out stays NULL when that is not possible (or fails
 * at run time only). */
Status constant_fold(Arena *arena, const Expr *expr, Expr **out, Error *err);
/* Prints a constant for EXPLAIN. */
void constant_describe(const Vector *constant, StrBuf *out);

/* ---- resolve.c, coerce.c: PostgreSQL's type rules -------------------------------------------------------
 */

Status coerce_expr(Binder *binder, Expr *expr, SqlType target, CastContext context, Expr **out, Error *err);
/* As coerce_expr, and the result is held as the target is: coerce_expr leaves numeric(10,2) as it is where
 * any numeric will do. */
Status coerce_exact(Binder *binder, Expr *expr, SqlType target, CastContext context, Expr **out, Error *err);
/* To boolean, for WHERE, AND, NOT ...; `what` names the place in the message. */
Status coerce_to_bool(Binder *binder, Expr *expr, const char *what, Expr **out, Error *err);
bool coerce_is_implicit(SqlType from, SqlType to);
bool pg_may_assign(SqlType from, SqlType to); /* an assignment casts it */
/* PostgreSQL or this engine has a function of that name. */
bool name_is_built_in(const char *name);
/* The type UNION, CASE, COALESCE ... agree on. `what` as PostgreSQL names the place ("CASE", "UNION"). */
Status common_type(Binder *binder, Expr *const *exprs, int count, const char *what, SqlType *out, Error *err);
/* Every one has the same declared modifiers: then so has what they are merged into. */
bool modifiers_agree(Expr *const *exprs, int count);
/* The narrowest numeric that holds every value of both exactly; unconstrained when there is none within 38
 * digits. */
SqlType numeric_cover(SqlType a, SqlType b);
bool expr_is_unknown(const Expr *expr); /* literal or parameter whose type is still open */

Status resolve_operator(Binder *binder, const char *name, Expr *left, Expr *right, int position, Expr **out,
                        Error *err);
Status resolve_function(Binder *binder, const char *name, Expr **args, int arg_count, int position,
                        Expr **out, Error *err);
Status resolve_aggregate(Binder *binder, const char *name, Expr **args, int arg_count, bool star,
                         int position, AggregateCall *out, Error *err);
/* Kernel for a signature that PostgreSQL declares; NULL when this engine lacks it. */
bool name_is_aggregate(const char *name);
bool name_is_window_function(const char *name);
bool name_returns_set(const char *name);
/* Function and coerced arguments; the columns are the caller's business. */
Status resolve_table_function(Binder *binder, const char *name, Expr **args, int arg_count, int position,
                              TableFunctionCall *out, Error *err);
/* table_function_rel.c */
void table_function_collect_ids(Arena *arena, const Rel *rel, IdList *out);
double table_function_rows(Binder *binder, const Rel *rel);
Status table_function_bind(Arena *arena, TableFunctionCall *call, Error *err);

/* ---- bind_*.c --------------------------------------------------------------------------------------------
 */

Status type_from_node(Binder *binder, const PgQuery__TypeName *name, SqlType *out, Error *err);

/* ---- rules ------------------------------------------------------------------------------------------------
 */

/* WITH queries that one node reads, or that are cheap to compute, are put in its place. */
Rel *rule_cte(Binder *binder, Rel *root);
/* The others are computed as far as their readers' conditions let rows through. After rule_cte. */
Rel *rule_cte_filter(Binder *binder, Rel *root);
/* Joins in a recursive term: the working table probes, so that the other side is built once. */
void cte_probe_with_working_table(Binder *binder, Rel *rel);
/* `output`: the root's columns that are read; what nobody reads is left as it is. */
Status rule_fold(Binder *binder, Rel **root, const IdList *output, Error *err);
/* columns_read.c: by number, whether a column of the tree is read; subqueries for values that are not are
 * gone. */
bool *columns_read(Binder *binder, Rel **root, const IdList *output);
/* One comparison, on behalf of folding. */
Expr *rule_narrow(Binder *binder, Expr *expr);
/* Dependent joins become ordinary ones. 0A000 where that is not possible. */
Status rule_unnest(Binder *binder, Rel **root, Error *err);
Rel *rule_pushdown(Binder *binder, Rel *root);
Rel *rule_anti(Binder *binder, Rel *root);
Rel *rule_join_order(Binder *binder, Rel *root);
void rule_prune(Binder *binder, Rel *root, const IdList *needed);
Rel *rule_limit(Binder *binder, Rel *root);
Rel *rule_count(Binder *binder, Rel *root);
Status rule_distinct(Binder *binder, Rel **root, Error *err);
Rel *rule_group_function(Binder *binder, Rel *rel);
Rel *rule_sum_shift(Binder *binder, Rel *root);
void rule_transitive(Binder *binder, ExprList *conjuncts);
/* Sets rows of the whole tree, from table sizes and column statistics. */
void estimate_rows(Binder *binder, Rel *rel);
double estimate_selectivity(const Binder *binder, const Expr *predicate);
/* Of all of them together: bounds of one column are one range, several columns are not independent. */
double estimate_conjunction(const Binder *binder, const ExprList *conjuncts);
/* The share of two inputs' pairs that meets a join's conditions; keys of several columns count as one. */
double estimate_pairs_share(const Binder *binder, const ExprList *predicates, const Rel *left,
                            const Rel *right);
/* Different values of an expression, < 0 unknown; and how many of those are left among `rows` rows. */
double estimate_distinct(const Binder *binder, const Expr *expr);
double estimate_distinct_among(double distinct, double rows);
/* Of an equality between two inputs of a join with these many rows. */
double estimate_join_selectivity(const Binder *binder, const Expr *predicate, double left_rows,
                                 double right_rows);
/* Range and number of distinct values of a stored column, from its files' statistics. */
/* The share of a scan's rows that its conditions leave to be read, when pages are left out by their bounds.
 */
double estimate_read_share(const Binder *binder, const ExprList *conjuncts);
/* From what another engine's server knows of its column. */
void estimate_foreign_column(const struct ColumnValues *values, ColumnInfo *info);
void estimate_column(const TableVersion *version, int column, ColumnInfo *info);
void rel_note(Binder *binder, Rel *rel, const char *note);

/* An equality of these types can be a hash join's key. */
bool types_make_key(SqlType a, SqlType b);
Status lower_plan(Binder *binder, Rel *root, const IdList *output, const char *const *names, PlanNode **out,
                  Error *err);
