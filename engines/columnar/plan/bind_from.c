/* FROM: tables, derived tables, CTEs, joins. */
#include "engines/columnar/plan/bind.h"
#include "engines/columnar/plan/bind_travel.h"

FromItem *from_item_new(Query *query, const char *alias, Rel *rel) {
    FromItem *item = ARENA_NEW(query->binder->arena, FromItem);
    item->rel = rel;
    item->tables = ARENA_NEW_ARRAY(query->binder->arena, FromTable *, 1);
    item->tables[0] = ARENA_NEW(query->binder->arena, FromTable);
    item->tables[0]->alias = alias;
    item->table_count = 1;
    return item;
}

Status from_item_name_columns(Query *query, FromItem *item, PgQuery__Alias *alias, int location, Error *err) {
    FromTable *table = item->tables[0];
    size_t renamed = alias ? alias->n_colnames : 0;
    if (renamed > (size_t)table->column_count)
        return error_set_at(err, "42P10", binder_position(query->binder, location),
                            "table \"%s\" has %d columns available but %zu columns specified", table->alias,
                            table->column_count, renamed);
    for (size_t i = 0; i < renamed; i++)
        table->columns[i].name =
            node_string(alias->colnames[i]) ? node_string(alias->colnames[i]) : table->columns[i].name;
    item->columns = ARENA_NEW_ARRAY(query->binder->arena, VisibleColumn, table->column_count + 1);
    for (int c = 0; c < table->column_count; c++)
        item->columns[c] = table->columns[c];
    item->column_count = table->column_count;
    return STATUS_OK;
}

/* ---- tables
 * ---------------------------------------------------------------------------------------------------- */

static bool same_name(const char *a, const char *b) {
    return (!a || !*a) && (!b || !*b) ? true : a && b && strcmp(a, b) == 0;
}

const TableBinding *bind_find_binding(const Binder *binder, const PgQuery__RangeVar *var) {
    const Statement *statement = binder->statement;
    for (int i = 0; i < statement->binding_count; i++) {
        const TableBinding *binding = &statement->bindings[i];
        if (same_name(binding->written_name, var->relname) &&
            same_name(binding->written_schema, var->schemaname) &&
            same_name(binding->written_catalog, var->catalogname))
            return binding;
    }
    return NULL;
}

Status bind_load_version(Binder *binder, const char *schema, const char *name, TableVersion **out,
                         Error *err) {
    for (struct LoadedTable *at = binder->loaded; at; at = at->next)
        if (same_name(at->schema, schema) && strcmp(at->name, name) == 0) {
            *out = at->version;
            return STATUS_OK;
        }
    TRY(binder->source->load(binder->source->context, schema, name, out, err));
    struct LoadedTable *entry = ARENA_NEW(binder->arena, struct LoadedTable);
    *entry = (struct LoadedTable){.schema = schema, .name = name, .version = *out, .next = binder->loaded};
    binder->loaded = entry;
    return STATUS_OK;
}

static int add_scan_column(Query *query, Rel *rel, FromTable *table, const char *name, SqlType type,
                           bool nullable) {
    Binder *binder = query->binder;
    int id = binder_add_column(binder, name, type, nullable);
    id_list_add(binder->arena, &rel->ids, id);
    id_list_add(binder->arena, &rel->table_ids, id);
    binder->columns[id].has_modifiers = type.precision != 0;
    binder->columns[id].table_column = table->column_count;
    table->columns[table->column_count++] = (VisibleColumn){.name = name, .expr = expr_column(binder, id)};
    return id;
}

static void fill_columnar(Query *query, Rel *rel, FromTable *table, TableVersion *version) {
    Binder *binder = query->binder;
    rel->kind = PLAN_SCAN;
    rel->version = version;
    rel->rows = (double)version->row_count;
    table->columns = ARENA_NEW_ARRAY(binder->arena, VisibleColumn, version->column_count + 1);
    double row_bytes = version->row_count > 0 ? (double)version->bytes / (double)version->row_count : 8;
    for (int i = 0; i < version->column_count; i++) {
        const TableColumn *column = &version->columns[i];
        int id = add_scan_column(query, rel, table, column->name, column->type, column->nullable);
        binder->columns[id].version = version;
        binder->columns[id].bytes_per_row = row_bytes / version->column_count;
        estimate_column(version, i, &binder->columns[id]);
    }
}

static void fill_foreign(Query *query, Rel *rel, FromTable *table, const TableBinding *binding) {
    const TableDesc *desc = binding->table;
    rel->kind = PLAN_FOREIGN_SCAN;
    rel->binding = binding;
    rel->rows = desc->row_estimate >= 0 ? desc->row_estimate : 1000;
    table->columns = ARENA_NEW_ARRAY(query->binder->arena, VisibleColumn, desc->column_count + 1);
    for (int i = 0; i < desc->column_count; i++) {
        const ColumnDesc *column = &desc->columns[i];
        int id = add_scan_column(query, rel, table, column->name, column->type, column->nullable);
        query->binder->columns[id].type_name = column->type_name;
        query->binder->columns[id].distinct = column->distinct;
        query->binder->columns[id].bytes_per_row = 16;
        if (column->values) estimate_foreign_column(column->values, &query->binder->columns[id]);
    }
}

static Status undefined_table(Query *query, const PgQuery__RangeVar *var, Error *err) {
    bool qualified = var->schemaname && *var->schemaname;
    return error_set_at(err, SQLSTATE_UNDEFINED_TABLE, binder_position(query->binder, var->location),
                        "relation \"%s%s%s\" does not exist", qualified ? var->schemaname : "",
                        qualified ? "." : "", var->relname);
}

/* The version that the statement reads; `as_of` NULL = the newest. Kept by the plan. */
static Status bind_version(Binder *binder, const PgQuery__RangeVar *var, const TableBinding *binding,
                           const TableAsOf *as_of, TableVersion **out, Error *err) {
    const char *schema = binding && binding->table             ? binding->table->schema
                         : var->schemaname && *var->schemaname ? var->schemaname
                                                               : NULL;
    if (!as_of) return bind_load_version(binder, schema, var->relname, out, err);
    if (!binder->source->load_as_of)
        return binder_unsupported(binder, var->location, err, "the past of table %s", var->relname);
    TRY(binder->source->load_as_of(binder->source->context, schema, var->relname, as_of, out, err));
    struct LoadedTable *entry = ARENA_NEW(binder->arena, struct LoadedTable);
    *entry = (struct LoadedTable){.schema = schema, .name = "", .version = *out, .next = binder->loaded};
    binder->loaded = entry;
    return STATUS_OK;
}

static Status bind_table(Query *query, PgQuery__RangeVar *var, FromItem **out, Error *err) {
    Binder *binder = query->binder;
    const TableBinding *binding = bind_find_binding(binder, var);
    Rel *rel = rel_new(binder, PLAN_SCAN, 0);
    const char *alias =
        var->alias && var->alias->aliasname && *var->alias->aliasname ? var->alias->aliasname : var->relname;
    FromItem *item = from_item_new(query, alias, rel);
    FromTable *table = item->tables[0];
    *out = NULL;
    table->binding = binding;
    table->written = var->relname;
    rel->alias = arena_strdup(binder->arena, alias);
    if (!var->alias)
        table->schema = var->schemaname && *var->schemaname ? var->schemaname
                        : binding && binding->table         ? binding->table->schema
                                                            : NULL;
    TableAsOf as_of;
    bool travels = false;
    int as_of_position = 0;
    TRY(bind_travel(binder, var, &travels, &as_of, &as_of_position, err));
    if (binding && binding->engine != binder->self) {
        if (!binding->table) return undefined_table(query, var, err);
        if (travels)
            return binder_unsupported(binder, var->location, err, "the past of table %s of another engine",
                                      var->relname);
        fill_foreign(query, rel, table, binding);
    } else {
        bool other_name = binding && binding->table && strcmp(binding->table->name, var->relname) != 0;
        Status status = STATUS_ERROR;
        TableVersion *version = NULL;
        Error failure = {.sqlstate = SQLSTATE_UNDEFINED_TABLE};
        if (!other_name)
            status = bind_version(binder, var, binding, travels ? &as_of : NULL, &version, &failure);
        if (status != STATUS_OK && strcmp(failure.sqlstate, SQLSTATE_UNDEFINED_TABLE) == 0) {
            if (!other_name) TRY(bind_view(query, var, var->relname, out, err));
            if (!*out) TRY(bind_metadata_table(query, var, out, err));
            return *out ? STATUS_OK : undefined_table(query, var, err);
        }
        if (status != STATUS_OK) {
            if (failure.position == 0) failure.position = as_of_position;
            if (err) *err = failure;
            return STATUS_ERROR;
        }
        fill_columnar(query, rel, table, version);
    }
    TRY(from_item_name_columns(query, item, var->alias, var->location, err));
    *out = item;
    return STATUS_OK;
}

Status bind_version_item(Query *query, TableVersion *version, const char *alias, PgQuery__Alias *names,
                         FromItem **out, Error *err) {
    Rel *rel = rel_new(query->binder, PLAN_SCAN, 0);
    FromItem *item = from_item_new(query, alias, rel);
    rel->alias = arena_strdup(query->binder->arena, alias);
    item->tables[0]->written = alias;
    fill_columnar(query, rel, item->tables[0], version);
    TRY(from_item_name_columns(query, item, names, -1, err));
    *out = item;
    return STATUS_OK;
}

/* The columns of a scan beyond the table's: which file a row stands in, and where. */
static int add_hidden_column(Query *query, Rel *rel, const char *name, SqlTypeId type) {
    Binder *binder = query->binder;
    int id = binder_add_column(binder, name, sqltype_of(type), false);
    binder->columns[id].table_column = rel->table_ids.count;
    id_list_add(binder->arena, &rel->ids, id);
    id_list_add(binder->arena, &rel->table_ids, id);
    return id;
}

Status bind_target_table(Query *query, PgQuery__RangeVar *var, FromItem **out, int *file_id, int *position_id,
                         Error *err) {
    TRY(bind_table(query, var, out, err));
    Rel *rel = (*out)->rel;
    if (rel->kind != PLAN_SCAN || !rel->version)
        return binder_unsupported(query->binder, var->location, err, "writing to %s", var->relname);
    *file_id = add_hidden_column(query, rel, "_file", SQL_INT4);
    *position_id = add_hidden_column(query, rel, "_pos", SQL_INT8);
    return STATUS_OK;
}

/* ---- derived tables and CTEs
 * ----------------------------------------------------------------------------------- */

Status from_item_of_query(Query *query, const BoundQuery *bound, const char *alias, PgQuery__Alias *names,
                          int location, FromItem **out, Error *err) {
    Binder *binder = query->binder;
    FromItem *item = from_item_new(query, alias, bound->rel);
    FromTable *table = item->tables[0];
    table->columns = ARENA_NEW_ARRAY(binder->arena, VisibleColumn, bound->column_count + 1);
    table->column_count = bound->column_count;
    for (int i = 0; i < bound->column_count; i++)
        table->columns[i] = (VisibleColumn){.name = bound->columns[i].name,
                                            .expr = expr_column(binder, bound->columns[i].id)};
    TRY(from_item_name_columns(query, item, names, location, err));
    *out = item;
    return STATUS_OK;
}

static Status bind_range_var(Query *query, PgQuery__RangeVar *var, FromItem **out, Error *err) {
    if (!var->schemaname || !*var->schemaname)
        for (Cte *cte = query->ctes; cte; cte = cte->next)
            if (strcmp(cte->name, var->relname) == 0) return bind_cte(query, cte, var, out, err);
    return bind_table(query, var, out, err);
}

static Status bind_derived(Query *query, PgQuery__RangeSubselect *node, FromItem **out, Error *err) {
    Binder *binder = query->binder;
    if (node->subquery->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
        return binder_unsupported(binder, -1, err, "this derived table");
    if (!node->alias) return error_set(err, SQLSTATE_SYNTAX_ERROR, "subquery in FROM must have an alias");
    BoundQuery bound = {0};
    /* Columns of FROM's other items are out of sight unless LATERAL; those of enclosing queries are not. */
    FromItem hidden = query->from;
    query->from = node->lateral ? query->lateral : (FromItem){0};
    Status status = bind_query(binder, query, query->ctes, node->subquery->select_stmt, true, &bound, err);
    query->from = hidden;
    TRY(status);
    return from_item_of_query(query, &bound, node->alias->aliasname, node->alias, -1, out, err);
}

/* ---- joins
 * ------------------------------------------------------------------------------------------------------- */

static Status merge_tables(Query *query, FromItem *into, const FromItem *left, const FromItem *right,
                           Error *err) {
    for (int l = 0; l < left->table_count; l++)
        for (int r = 0; r < right->table_count; r++)
            if (strcmp(left->tables[l]->alias, right->tables[r]->alias) == 0 &&
                same_name(left->tables[l]->schema, right->tables[r]->schema))
                return error_set(err, "42712", "table name \"%s\" specified more than once",
                                 right->tables[r]->alias);
    into->tables =
        ARENA_NEW_ARRAY(query->binder->arena, FromTable *, left->table_count + right->table_count + 1);
    into->table_count = 0;
    for (int l = 0; l < left->table_count; l++)
        into->tables[into->table_count++] = left->tables[l];
    for (int r = 0; r < right->table_count; r++)
        into->tables[into->table_count++] = right->tables[r];
    return STATUS_OK;
}

static void concatenate_columns(Query *query, FromItem *into, const FromItem *left, const FromItem *right) {
    into->columns =
        ARENA_NEW_ARRAY(query->binder->arena, VisibleColumn, left->column_count + right->column_count + 1);
    into->column_count = 0;
    for (int c = 0; c < left->column_count; c++)
        into->columns[into->column_count++] = left->columns[c];
    for (int c = 0; c < right->column_count; c++)
        into->columns[into->column_count++] = right->columns[c];
}

static Status using_column(Query *query, const FromItem *side, const char *name, const char *which,
                           int *index, Error *err) {
    *index = -1;
    for (int c = 0; c < side->column_count; c++) {
        if (strcmp(side->columns[c].name, name) != 0) continue;
        if (*index >= 0)
            return error_set(err, SQLSTATE_AMBIGUOUS_COLUMN,
                             "common column name \"%s\" appears more than once in %s table", name, which);
        *index = c;
    }
    if (*index < 0)
        return error_set(err, SQLSTATE_UNDEFINED_COLUMN,
                         "column \"%s\" specified in USING clause does not exist in %s table", name, which);
    return STATUS_OK;
}

/* The column that USING shows for two: a side's own where nothing is converted, else a column of the join's,
 * which is told apart from what it is made of. */
static Status merged_column(Binder *binder, Expr *const *sides, JoinType type, bool swapped, Expr **out,
                            Error *err) {
    SqlType merged;
    TRY(common_type(binder, sides, 2, "JOIN/USING", &merged, err));
    bool own[2];
    for (int s = 0; s < 2; s++)
        own[s] = sides[s]->type.id == merged.id && sides[s]->type.is_array == merged.is_array &&
                 (!sides[s]->declared || modifiers_agree(sides, 2));
    int shown = type == JOIN_LEFT ? swapped : type == JOIN_INNER && !own[0] && own[1];
    if (type != JOIN_FULL && own[shown]) {
        *out = sides[shown];
        return STATUS_OK;
    }
    Expr *converted[2], *column = NULL;
    for (int s = 0; s < 2; s++)
        TRY(coerce_exact(binder, sides[s], merged, CAST_IMPLICIT, &converted[s], err));
    if (type == JOIN_FULL) {
        column = expr_new(binder->arena, EXPR_COALESCE, merged, 2);
        column->args[0] = converted[0];
        column->args[1] = converted[1];
    } else { /* one side's values, with as many digits as they have there */
        bool numeric = sides[shown]->type.id == SQL_NUMERIC && merged.id == SQL_NUMERIC;
        column = arena_memdup(binder->arena, numeric ? sides[shown] : converted[shown], sizeof *column);
        column->declared = false;
    }
    column->merged = true;
    *out = column;
    return STATUS_OK;
}

/* USING and NATURAL: equal columns, shown once and first. */
static Status join_using(Query *query, const char **names, int count, const FromItem *left,
                         const FromItem *right, JoinType type, bool swapped, FromItem *out,
                         ExprList *conditions, Error *err) {
    Binder *binder = query->binder;
    Arena *arena = binder->arena;
    out->columns = ARENA_NEW_ARRAY(arena, VisibleColumn, left->column_count + right->column_count + 1);
    out->column_count = 0;
    bool *used_left = ARENA_NEW_ARRAY(arena, bool, left->column_count + 1);
    bool *used_right = ARENA_NEW_ARRAY(arena, bool, right->column_count + 1);
    for (int i = 0; i < count; i++) {
        int l = 0, r = 0;
        Expr *equal = NULL;
        TRY(using_column(query, left, names[i], "left", &l, err));
        TRY(using_column(query, right, names[i], "right", &r, err));
        Expr *sides[2] = {left->columns[l].expr, right->columns[r].expr};
        TRY(resolve_operator(binder, "=", expr_copy(arena, sides[0]), expr_copy(arena, sides[1]), 0, &equal,
                             err));
        expr_list_add(arena, conditions, equal);
        Expr *shown = NULL;
        TRY(merged_column(binder, sides, type, swapped, &shown, err));
        out->columns[out->column_count++] = (VisibleColumn){.name = names[i], .expr = shown};
        used_left[l] = used_right[r] = true;
    }
    for (int c = 0; c < left->column_count; c++)
        if (!used_left[c]) out->columns[out->column_count++] = left->columns[c];
    for (int c = 0; c < right->column_count; c++)
        if (!used_right[c]) out->columns[out->column_count++] = right->columns[c];
    return STATUS_OK;
}

static const char **using_names(Query *query, PgQuery__JoinExpr *join, const FromItem *left,
                                const FromItem *right, int *count) {
    const char **names = ARENA_NEW_ARRAY(query->binder->arena, const char *,
                                         (int)join->n_using_clause + left->column_count + 1);
    *count = 0;
    for (size_t i = 0; i < join->n_using_clause; i++)
        names[(*count)++] = node_string(join->using_clause[i]);
    for (int l = 0; join->is_natural && l < left->column_count; l++)
        for (int r = 0; r < right->column_count; r++)
            if (strcmp(left->columns[l].name, right->columns[r].name) == 0) {
                names[(*count)++] = left->columns[l].name;
                break;
            }
    return names;
}

void rel_mark_nullable(Binder *binder, const Rel *rel) {
    for (int i = 0; i < rel->ids.count; i++)
        binder->columns[rel->ids.items[i]].nullable = true;
}

/* What LATERAL items further right may read. */
static void lateral_add(Query *query, const FromItem *left) {
    FromItem both = {0};
    Arena *arena = query->binder->arena;
    concatenate_columns(query, &both, &query->lateral, left);
    both.tables = ARENA_NEW_ARRAY(arena, FromTable *, query->lateral.table_count + left->table_count + 1);
    for (int t = 0; t < query->lateral.table_count; t++)
        both.tables[both.table_count++] = query->lateral.tables[t];
    for (int t = 0; t < left->table_count; t++)
        both.tables[both.table_count++] = left->tables[t];
    both.rel = left->rel;
    query->lateral = both;
}

static bool always_true(const ExprList *conditions) {
    for (int i = 0; i < conditions->count; i++) {
        const Expr *condition = conditions->items[i];
        if (!expr_is_constant(condition) || expr_is_null_constant(condition) ||
            !*(const uint8_t *)condition->constant->values)
            return false;
    }
    return true;
}

/* A join whose right side may read the left: a function runs over the left's rows, anything else is computed
 * for each of them. */
static Rel *join_rels(Query *query, JoinType type, Rel *left, Rel *right, const ExprList *conditions) {
    Binder *binder = query->binder;
    bool lateral = rel_reads_any_of(right, &left->ids);
    if (lateral && right->kind == PLAN_TABLE_FUNCTION && right->input_count == 0 &&
        (type == JOIN_INNER || (type == JOIN_LEFT && always_true(conditions)))) {
        right->inputs[0] = left;
        right->input_count = 1;
        right->keep_empty = type == JOIN_LEFT;
        rel_refresh_ids(binder, right);
        return type == JOIN_LEFT ? right : rel_filter(binder, right, conditions);
    }
    Rel *join = rel_join(binder, type, left, right);
    join->predicates = *conditions;
    join->dependent = lateral;
    return join;
}

/* `subqueries`: those in the condition, for the join to place. */
Status bind_on(Query *query, Node *quals, const FromItem *item, ExprList *conditions,
               PendingJoin **subqueries, Error *err) {
    FromItem outside = query->from;
    Clause clause = query->clause;
    Expr *condition = NULL;
    PendingJoin *pending = query->pending, **pending_end = query->pending_end;
    query->from = *item;
    query->clause = CLAUSE_JOIN;
    query->pending = NULL;
    query->pending_end = &query->pending;
    Status status = bind_condition(query, quals, "JOIN/ON", &condition, err);
    *subqueries = query->pending;
    query->pending = pending;
    query->pending_end = pending ? pending_end : &query->pending;
    query->from = outside;
    query->clause = clause;
    TRY(status);
    expr_split_conjuncts(query->binder->arena, condition, conditions);
    return STATUS_OK;
}

/* Conditions with subqueries: of an inner join they filter its pairs; an outer join's right side is filtered
 * for each row of the left, whose columns they may read. */
static Rel *join_with_subqueries(Query *query, JoinType type, Rel *const *sides,
                                 const PendingJoin *subqueries, const ExprList *conditions) {
    Binder *binder = query->binder;
    ExprList none = {0};
    if (type == JOIN_INNER)
        return rel_filter(
            binder, query_place_all(query, subqueries, join_rels(query, type, sides[0], sides[1], &none)),
            conditions);
    Rel *right = rel_filter(binder, query_place_all(query, subqueries, sides[1]), conditions);
    Rel *join = rel_join(binder, type, sides[0], right);
    join->dependent = true;
    return join;
}

static Status bind_join(Query *query, PgQuery__JoinExpr *join, FromItem **out, Error *err) {
    Binder *binder = query->binder;
    FromItem *left = NULL, *right = NULL, *item = ARENA_NEW(binder->arena, FromItem);
    TRY(bind_from_item(query, join->larg, &left, err));
    FromItem outside = query->lateral;
    if (join->jointype == PG_QUERY__JOIN_TYPE__JOIN_INNER || join->jointype == PG_QUERY__JOIN_TYPE__JOIN_LEFT)
        lateral_add(query, left);
    else
        query->refused = *left;
    Status bound = bind_from_item(query, join->rarg, &right, err);
    query->lateral = outside;
    query->refused = (FromItem){0};
    TRY(bound);
    TRY(merge_tables(query, item, left, right, err));
    bool swapped = join->jointype == PG_QUERY__JOIN_TYPE__JOIN_RIGHT;
    JoinType type = join->jointype == PG_QUERY__JOIN_TYPE__JOIN_FULL   ? JOIN_FULL
                    : join->jointype == PG_QUERY__JOIN_TYPE__JOIN_LEFT ? JOIN_LEFT
                    : swapped                                          ? JOIN_LEFT
                                                                       : JOIN_INNER;
    ExprList conditions = {0};
    if (join->n_using_clause > 0 || join->is_natural) {
        int count = 0;
        const char **names = using_names(query, join, left, right, &count);
        TRY(join_using(query, names, count, left, right, type, swapped, item, &conditions, err));
    } else {
        concatenate_columns(query, item, left, right);
    }
    PendingJoin *subqueries = NULL;
    if (join->quals) TRY(bind_on(query, join->quals, item, &conditions, &subqueries, err));
    Rel *sides[2] = {swapped ? right->rel : left->rel, swapped ? left->rel : right->rel};
    if (subqueries && type == JOIN_FULL)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "FULL JOIN is only supported with merge-joinable or hash-joinable join conditions");
    item->rel = subqueries ? join_with_subqueries(query, type, sides, subqueries, &conditions)
                           : join_rels(query, type, sides[0], sides[1], &conditions);
    if (type == JOIN_FULL) rel_mark_nullable(binder, sides[0]);
    if (type == JOIN_FULL || type == JOIN_LEFT) rel_mark_nullable(binder, sides[1]);
    if (join->alias) {
        FromItem *named = from_item_new(query, join->alias->aliasname, item->rel);
        named->tables[0]->columns = item->columns;
        named->tables[0]->column_count = item->column_count;
        TRY(from_item_name_columns(query, named, join->alias, -1, err));
        item = named;
    }
    if (join->join_using_alias) return binder_unsupported(binder, -1, err, "an alias of USING");
    *out = item;
    return STATUS_OK;
}

Status bind_from_item(Query *query, Node *node, FromItem **out, Error *err) {
    Binder *binder = query->binder;
    enum { DEEPEST = 500 };
    if (binder->depth >= DEEPEST)
        return error_set(err, SQLSTATE_TOO_COMPLEX, "the statement's joins are nested too deeply");
    binder->depth++;
    Status status;
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_RANGE_VAR: status = bind_range_var(query, node->range_var, out, err); break;
    case PG_QUERY__NODE__NODE_RANGE_SUBSELECT:
        status = bind_derived(query, node->range_subselect, out, err);
        break;
    case PG_QUERY__NODE__NODE_JOIN_EXPR: status = bind_join(query, node->join_expr, out, err); break;
    case PG_QUERY__NODE__NODE_RANGE_FUNCTION:
        status = bind_range_function(query, node->range_function, out, err);
        break;
    case PG_QUERY__NODE__NODE_RANGE_TABLE_SAMPLE:
        status = bind_from_item(query, node->range_table_sample->relation, out, err);
        if (status == STATUS_OK) status = bind_table_sample(query, node->range_table_sample, *out, err);
        break;
    default: status = binder_unsupported(binder, -1, err, "this item of FROM"); break;
    }
    binder->depth--;
    return status;
}

Status from_item_join(Query *query, const FromItem *left, const FromItem *right, JoinType type,
                      FromItem **out, Error *err) {
    FromItem *joined = ARENA_NEW(query->binder->arena, FromItem);
    ExprList none = {0};
    TRY(merge_tables(query, joined, left, right, err));
    concatenate_columns(query, joined, left, right);
    joined->rel = join_rels(query, type, left->rel, right->rel, &none);
    *out = joined;
    return STATUS_OK;
}

Status bind_from(Query *query, Node *const *items, size_t count, Error *err) {
    Binder *binder = query->binder;
    if (count == 0) {
        Rel *one = rel_new(binder, PLAN_VALUES, 0);
        one->value_row_count = 1;
        one->value_rows = ARENA_NEW_ARRAY(binder->arena, Expr **, 1);
        one->rows = 1;
        query->from = (FromItem){.rel = one};
        return STATUS_OK;
    }
    FromItem *all = NULL;
    for (size_t i = 0; i < count; i++) {
        FromItem *next = NULL;
        query->lateral = (FromItem){0};
        if (all) lateral_add(query, all);
        TRY(bind_from_item(query, items[i], &next, err));
        if (all)
            TRY(from_item_join(query, all, next, JOIN_INNER, &all, err));
        else
            all = next;
    }
    query->from = *all;
    return STATUS_OK;
}
