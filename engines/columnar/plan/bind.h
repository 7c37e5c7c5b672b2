/* The binder's view of one SELECT while it is being bound. Private to bind_*.c. */
#pragma once

#include "engines/columnar/plan/logical.h"

typedef struct VisibleColumn {
    const char *name;
    Expr *expr;
} VisibleColumn;

/* What an alias in FROM names. */
typedef struct FromTable {
    const char *alias;
    const char *schema; /* NULL: only the bare alias names it */
    VisibleColumn *columns;
    int column_count;
    const TableBinding *binding;
    const char *written; /* the table's own name, where `alias` hides it */
} FromTable;

/* One item of FROM, joins included: its columns in the order of `*`, and the aliases inside. */
typedef struct FromItem {
    Rel *rel;
    VisibleColumn *columns;
    int column_count;
    FromTable **tables;
    int table_count;
} FromItem;

typedef struct BoundQuery BoundQuery;

/* Where binding is: outside of the query's text, or inside, in one of its terms. */
typedef enum CteState { CTE_OUTSIDE, CTE_PLAIN, CTE_SEED, CTE_TERM } CteState;

typedef struct Cte {
    const char *name;
    PgQuery__CommonTableExpr *node;
    Query *home;       /* the query it was written in front of */
    struct Cte *scope; /* what its own text may refer to */
    struct Cte *next;
    bool used;
    bool may_recur; /* WITH RECURSIVE */
    CteState state;
    int self_count; /* references in the recursive term */
    CteDef *def;    /* NULL until bound, and for one that reads outer columns */
    BoundQuery *bound, *seed;
} Cte;

typedef enum Clause {
    CLAUSE_SELECT,
    CLAUSE_FROM,
    CLAUSE_WHERE,
    CLAUSE_GROUP,
    CLAUSE_HAVING,
    CLAUSE_ORDER,
    CLAUSE_LIMIT,
    CLAUSE_VALUES,
    CLAUSE_JOIN,
    CLAUSE_FILTER,
    CLAUSE_WINDOW, /* PARTITION BY and ORDER BY of a window */
    CLAUSE_FRAME,  /* its frame's offsets */
    CLAUSE_UPDATE, /* SET */
    CLAUSE_RETURNING,
    CLAUSE_MERGE_WHEN
} Clause;

/* A join that a subquery in an expression becomes, to be put in place once its surroundings stand. */
typedef struct PendingJoin {
    JoinType type;
    Rel *right;
    ExprList conditions;
    bool before_groups; /* it feeds WHERE, GROUP BY or an aggregate's argument */
    bool where;
    bool dependent;  /* `right` may read this query's columns */
    bool two_valued; /* a mark that is never NULL */
    int mark;        /* id of a MARK join's column */
    Expr *guard;     /* what must hold for the value to be read, NULL: it is read of every row */
    struct PendingJoin *next;
} PendingJoin;

/* Inside CASE, COALESCE, AND and OR: what must have come of the parts before for this one to be reached. */
typedef struct Guard {
    Expr *condition;
    bool in_aggregate,
        in_window; /* where it stands: an aggregate's argument is computed whatever is around it */
    struct Guard *outer;
} Guard;

typedef struct AggregateSlot {
    AggregateCall call;
    int id;
    struct AggregateSlot *next;
} AggregateSlot;

/* A GROUPING(...): its column stands in expressions before GROUP BY is known. */
typedef struct GroupingSlot {
    Expr **args;
    int arg_count;
    int id;
    struct GroupingSlot *next;
} GroupingSlot;

typedef struct BoundWindow { /* a window definition */
    const char *name;
    SortKey *keys;
    int partition_count, order_count;
    WindowFrame frame;
    bool framed; /* its frame was written */
    struct BoundWindow *next;
} BoundWindow;

typedef struct WindowSlot {
    WindowCall call;
    SortKey *keys;
    int id;
    struct WindowSlot *next;
} WindowSlot;

typedef struct TargetColumn {
    const char *name;
    Expr *expr;
    Node *node; /* as written, NULL for what `*` made */
    int id;
} TargetColumn;

/* A set-returning function of the SELECT list. */
typedef struct SetCall {
    TableFunctionCall call;
    int id;
    int depth; /* set-returning functions among its arguments run before it */
    bool before_groups;
    struct SetCall *next;
} SetCall;

struct Query {
    Binder *binder;
    Query *parent;
    Cte *ctes;
    PgQuery__SelectStmt *select; /* NULL for a set operation or VALUES */
    FromItem from;
    FromItem refused; /* the left side of a RIGHT or FULL join, which its right side must not read */
    FromItem lateral; /* what stands to the left of the item of FROM that is being bound */
    Clause clause;
    bool in_aggregate;
    bool reads_itself;     /* its FROM has the working table of a recursive query */
    const char *in_branch; /* inside CASE or COALESCE, by name */
    Guard *guards;
    SetCall *set_calls;
    int set_call_count;
    bool in_window; /* among a window function's arguments */
    BoundWindow *windows;
    WindowSlot *window_slots, **window_slots_end;
    AggregateSlot *slots, **slots_end;
    PendingJoin *pending, **pending_end;
    TargetColumn *targets;
    int target_count;
    int target_capacity;
    int visible_count; /* targets beyond are only for ORDER BY */
    Expr **groups;
    int group_count, group_capacity;
    int *group_ids;
    uint64_t *grouping_sets; /* none unless there are several */
    int grouping_set_count;
    GroupingSlot *grouping_slots, **grouping_slots_end;
    IdList outer_ids; /* columns of enclosing queries read in here */
};

typedef struct BoundColumn {
    const char *name;
    int id;
    int position;
    Expr *literal; /* an unknown literal whose type a set operation may still decide */
} BoundColumn;

struct BoundQuery {
    Rel *rel;
    BoundColumn *columns;
    int column_count;
    IdList outer_ids;
};

/* The body of a SQL function: what its parameters stand for. */
typedef struct FunctionScope {
    const char *name;
    const char **names; /* NULL entries have none */
    Expr **args;
    int count;
    struct FunctionScope *outer;
} FunctionScope;

/* bind_definition.c: views and SQL functions */
Status definition_parse(Binder *binder, const char *text, Node **out, Error *err);
/* Runs `bind` as in a text of its own: no bindings of the statement's tables, no positions in it. */
Status definition_inside(Binder *binder, FunctionScope *scope, Status (*bind)(void *context, Error *err),
                         void *context, Error *err);
Status definition_find(Binder *binder, DefinitionKind kind, const char *name, Definition **out, int *count,
                       Error *err);
void definition_used(Binder *binder, const Definition *definition);
/* *out NULL: there is no such view. */
Status bind_view(Query *query, PgQuery__RangeVar *var, const char *name, FromItem **out, Error *err);
/* bind_user_function.c. *handled false: no function of that name was made. */
Status bind_user_function(Query *query, PgQuery__FuncCall *call, const char *name, bool *handled, Expr **out,
                          Error *err);
/* One that returns a set, in FROM. */
Status bind_user_table(Query *query, PgQuery__FuncCall *call, const char *name, bool *handled,
                       BoundQuery *out, Error *err);
/* What a definition's text says, checked: its signature, and that its body can be bound. */
Status user_function_signature(Binder *binder, PgQuery__CreateFunctionStmt *stmt, const char **out,
                               Error *err);
Status user_function_check(Binder *binder, const Definition *definition, Error *err);
/* A parameter of the function whose body this is, by name or number; NULL when there is none. */
Expr *function_parameter(Query *query, const char *name, int number, int location);
void query_init(Query *query, Binder *binder, Query *parent, Cte *ctes);
/* bind_cte.c */
Status query_add_ctes(Query *query, PgQuery__WithClause *with, Error *err);
Status query_check_ctes(Query *query, Error *err); /* what nobody reads must be right all the same */
Status bind_cte(Query *query, Cte *cte, PgQuery__RangeVar *var, FromItem **out, Error *err);
/* bind_select.c */
Status bind_query(Binder *binder, Query *parent, Cte *ctes, PgQuery__SelectStmt *select, bool resolve_unknown,
                  BoundQuery *out, Error *err);
/* Conjuncts of WHERE. */
Status bind_where_node(Query *query, Node *node, ExprList *conjuncts, Error *err);
/* The targets of a SELECT list, or of RETURNING. */
Status bind_target_list(Query *query, Node *const *nodes, size_t count, bool resolve_unknown, Error *err);
/* VALUES rows that hold subqueries: each is a projection of one row beside all the subqueries' values. */
Rel *rows_with_subqueries(Query *query, Rel *values);
/* bind_write.c and its kin: the rows of a statement that writes, described by binder->plan->write. *handled
 * false: it is none. */
Status bind_write(Binder *binder, Node *node, bool *handled, BoundQuery *out, Error *err);
/* bind_group.c: GROUP BY, and what may stand above it. */
Status query_bind_groups(Query *query, PgQuery__SelectStmt *select, Error *err);
Status query_add_group(Query *query, Node *node, int *group, Error *err);
/* The group an expression is; -1 none. */
int query_find_group(const Query *query, const Expr *expr);
Status query_replace_grouped(Query *query, Expr *expr, Expr **out, Error *err);
Rel *query_place_pending(Query *query, Rel *rel, bool where, bool before_groups);
/* bind_grouping.c: GROUPING SETS, ROLLUP, CUBE, GROUPING() */
Status query_bind_grouping_sets(Query *query, PgQuery__SelectStmt *select, Error *err);
Status bind_grouping_call(Query *query, PgQuery__GroupingFunc *call, Expr **out, Error *err);
Status query_resolve_grouping_calls(Query *query, Error *err);
void query_grouping_to_rel(Query *query, Rel *aggregate);
/* Every subquery noted since the list was emptied, over `rel`. */
Rel *query_place_all(Query *query, const PendingJoin *pending, Rel *rel);
/* The same for a subquery computed above the groups: its columns of FROM are the groups'. */
Status query_replace_grouped_rel(Query *query, Rel *rel, Error *err);
/* bind_order.c */
Status query_find_target(Query *query, Node *node, bool group_by, int *target, Error *err);
Status query_bind_order(Query *query, PgQuery__SelectStmt *select, bool distinct, SortKey **keys, int *count,
                        Error *err);
/* ASC, DESC or USING, and NULLS FIRST or LAST; the types that can be ordered. */
Status order_direction(Query *query, const PgQuery__SortBy *sort, SortKey *key, Error *err);
Status order_type_check(Query *query, const Expr *expr, Error *err);
Status bind_limit(Query *query, PgQuery__SelectStmt *select, Rel **rel, Error *err);
int query_add_target(Query *query, const char *name, Expr *expr, Node *node);
/* bind_name.c */
Status bind_column_ref(Query *query, PgQuery__ColumnRef *ref, Expr **out, Error *err);
Status bind_star(Query *query, PgQuery__ColumnRef *ref, Error *err);
const char *target_name(Node *node);
const char *target_name_strength(Node *node, int *strength);
const char *node_string(const Node *node);
/* bind_from.c */
Status bind_from(Query *query, Node *const *items, size_t count, Error *err);
FromItem *from_item_new(Query *query, const char *alias, Rel *rel);
/* Names the columns: AS t(a, b) over the given ones. */
Status from_item_name_columns(Query *query, FromItem *item, PgQuery__Alias *alias, int location, Error *err);
Status from_item_of_query(Query *query, const BoundQuery *bound, const char *alias, PgQuery__Alias *names,
                          int location, FromItem **out, Error *err);
Status bind_from_item(Query *query, Node *node, FromItem **out, Error *err);
Status bind_load_version(Binder *binder, const char *schema, const char *name, TableVersion **out,
                         Error *err);
/* The binding of a table as it is written, NULL: the router knows none. */
const TableBinding *bind_find_binding(const Binder *binder, const PgQuery__RangeVar *var);
/* A table that is to be changed: as bind_from_item, and where each of its rows stands. */
Status bind_target_table(Query *query, PgQuery__RangeVar *var, FromItem **out, int *file_id, int *position_id,
                         Error *err);
/* Two items side by side; conditions are the caller's to add. */
Status from_item_join(Query *query, const FromItem *left, const FromItem *right, JoinType type,
                      FromItem **out, Error *err);
/* Conjuncts of a join's ON over `item`; its subqueries are for the caller to place. */
Status bind_on(Query *query, Node *quals, const FromItem *item, ExprList *conditions,
               PendingJoin **subqueries, Error *err);
/* Columns of an outer join's other side. */
void rel_mark_nullable(Binder *binder, const Rel *rel);
/* bind_table_function.c */
const char *table_function_name(const PgQuery__FuncCall *call); /* NULL: not a set-returning function */
/* bind_file_function.c: read_parquet(), read_csv(), read_json(); *out stays NULL for any other. */
Status bind_file_function(Query *query, PgQuery__RangeFunction *node, FromItem **out, Error *err);
/* bind_from.c: what the version holds, as a table of its own. */
Status bind_version_item(Query *query, TableVersion *version, const char *alias, PgQuery__Alias *names,
                         FromItem **out, Error *err);
Status bind_range_function(Query *query, PgQuery__RangeFunction *node, FromItem **out, Error *err);
Status bind_table_sample(Query *query, PgQuery__RangeTableSample *node, FromItem *item, Error *err);
Status bind_set_call(Query *query, PgQuery__FuncCall *node, const char *name, Expr **out, Error *err);
void query_note_grouped_sets(Query *query, const IdList *ids);
Status query_replace_grouped_sets(Query *query, Error *err);
Rel *query_place_sets(Query *query, Rel *rel, bool before_groups);
/* bind_expr.c */
Status bind_expr(Query *query, Node *node, Expr **out, Error *err);
Status bind_exprs(Query *query, Node *const *nodes, size_t count, Expr ***out, Error *err);
/* From here on what is bound is reached only where `test` of the condition holds; query->guards is the
 * caller's to restore. */
void query_guard(Query *query, ExprKind test, Expr *condition);
Status bind_condition(Query *query, Node *node, const char *what, Expr **out, Error *err);
Status bind_list_comparison(Query *query, const char *name, bool any, Expr *left, Expr **items, int count,
                            int position, Expr **out, Error *err);
/* bind_function.c */
const char *query_clause_name(Clause clause);
Status bind_function_call(Query *query, PgQuery__FuncCall *call, Expr **out, Error *err);
/* bind_named.c */
bool args_have_names(const PgQuery__FuncCall *call);
Status bind_named_args(Query *query, PgQuery__FuncCall *call, const char *name, Expr ***out, int *count,
                       Error *err);
/* bind_aggregate.c */
Status bind_aggregate(Query *query, PgQuery__FuncCall *call, const char *name, Expr **out, Error *err);
Expr *query_aggregate_column(Query *query, const AggregateCall *call, const char *name);
Status aggregate_check_place(Query *query, int position, Error *err);
/* Binds ORDER BY's expressions: those that are no argument yet become further args of the call. */
Status bind_aggregate_keys(Query *query, PgQuery__FuncCall *call, AggregateCall *bound, AggregateOrder *keys,
                           int *count, Error *err);
Status bind_aggregate_filter(Query *query, PgQuery__FuncCall *call, AggregateCall *bound, Error *err);
Status bind_aggregate_finish(Query *query, PgQuery__FuncCall *call, AggregateCall *bound, const char *name,
                             Expr **out, Error *err);
/* bind_within_group.c */
Status bind_within_group(Query *query, PgQuery__FuncCall *call, const char *name, Expr **out, Error *err);
bool name_is_ordered_set(const char *name); /* only with WITHIN GROUP, not as a window function */
/* bind_distinct.c */
bool select_is_distinct_on(const PgQuery__SelectStmt *select);
Status query_bind_distinct_on(Query *query, const PgQuery__SelectStmt *select, const SortKey *keys,
                              int key_count, IdList *targets, Error *err);
Status query_place_distinct_on(Query *query, const IdList *targets, const SortKey *keys, int key_count,
                               Rel **rel, Error *err);
/* bind_window.c */
Status query_bind_windows(Query *query, PgQuery__SelectStmt *select, Error *err);
Status bind_window_call(Query *query, PgQuery__FuncCall *call, const char *name, Expr **out, Error *err);
Status query_replace_windows(Query *query, Error *err);
Rel *query_place_windows(Query *query, Rel *rel);
/* bind_case.c: expressions with branches */
Status bind_case(Query *query, PgQuery__CaseExpr *node, Expr **out, Error *err);
Status bind_coalesce(Query *query, PgQuery__CoalesceExpr *node, Expr **out, Error *err);
Status bind_min_max(Query *query, PgQuery__MinMaxExpr *node, Expr **out, Error *err);
/* bind_subquery.c */
Status bind_sublink(Query *query, PgQuery__SubLink *link, Expr **out, Error *err);
PendingJoin *query_add_pending(Query *query, JoinType type, Rel *right);
Status bind_row_subquery(Query *query, PgQuery__SubLink *link, int count, int position, Expr ***out,
                         Error *err);
Status bind_subselect(Query *query, PgQuery__SubLink *link, BoundQuery *out, Error *err);
const char *sublink_operator(PgQuery__SubLink *link);
/* A top-level conjunct of WHERE that is an EXISTS or IN, maybe negated: becomes a semi or anti join, or a
 * value among `conjuncts`. *handled tells. */
Status bind_where_sublink(Query *query, Node *node, ExprList *conjuncts, bool *handled, Error *err);
/* bind_explain.c */
Status bind_explain(Binder *binder, PgQuery__ExplainStmt *explain, Error *err);
/* bind_quantified.c: comparison with ANY or ALL of a subquery's rows */
Status bind_quantified(Query *query, PgQuery__SubLink *link, Expr **out, Error *err);
