#include <stdlib.h>

#include "engines/base/clock.h"
#include "engines/columnar/plan/bind.h"
#include "engines/columnar/plan/bind_travel.h"
#include "engines/columnar/plan/plan.h"

enum { MOST_PARAMETERS = 65535 };

/* ---- statements
 * ------------------------------------------------------------------------------------------------ */

static Status bind_statement(Binder *binder, BoundQuery *out, Error *err) {
    const PgQuery__ParseResult *tree = binder->statement->tree;
    if (!tree || tree->n_stmts != 1 || !tree->stmts[0]->stmt)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "several statements at once are not available in the columnar engine");
    Node *node = tree->stmts[0]->stmt;
    if (node->node_case == PG_QUERY__NODE__NODE_EXPLAIN_STMT) {
        TRY(bind_explain(binder, node->explain_stmt, err));
        node = node->explain_stmt->query;
    }
    bool writes = false;
    TRY(bind_write(binder, node, &writes, out, err));
    if (writes && binder->plan->analyze)
        return binder_unsupported(binder, -1, err, "EXPLAIN ANALYZE of a statement that writes");
    if (writes && binder->plan->explain) binder->plan->write = NULL;
    if (writes) return STATUS_OK;
    if (node->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
        return binder_unsupported(binder, -1, err, "this kind of statement");
    return bind_query(binder, NULL, NULL, node->select_stmt, true, out, err);
}

/* Up to the join order; then rows are known. */
static Status optimise_shape(Binder *binder, Rel **root, const IdList *output, Error *err) {
    TRY(rule_fold(binder, root, output, err));
    TRY(rule_unnest(binder, root, err));
    *root = rule_pushdown(binder, *root);
    *root = rule_anti(binder, *root);
    estimate_rows(binder, *root);
    *root = rule_join_order(binder, *root);
    *root = rule_count(binder, *root);
    *root = rule_group_function(binder, *root);
    *root = rule_sum_shift(binder, *root);
    TRY(rule_distinct(binder, root, err));
    estimate_rows(binder, *root);
    return STATUS_OK;
}

static Rel *optimise_columns(Binder *binder, Rel *root, const IdList *output) {
    rule_prune(binder, root, output);
    root = rule_limit(binder, root);
    estimate_rows(binder, root);
    return root;
}

static Status optimise_ctes(Binder *binder, Error *err) {
    static const double ROUNDS = 10; /* as PostgreSQL supposes */
    for (CteDef *def = binder->cte_defs; def; def = def->next) {
        if (!def->readers) continue;
        TRY(optimise_shape(binder, &def->seed, &def->ids, err));
        def->rows = def->seed->rows;
        if (!def->term) continue;
        TRY(optimise_shape(binder, &def->term, &def->term_ids, err));
        cte_probe_with_working_table(binder, def->term);
        def->rows += ROUNDS * def->term->rows;
    }
    return STATUS_OK;
}

/* The last one first: it tells which columns it needs of those before. */
static void prune_ctes(Binder *binder, CteDef *def) {
    if (!def) return;
    prune_ctes(binder, def->next);
    if (!def->readers) return;
    IdList kept = {0}, term = {0};
    for (int c = 0; c < def->ids.count; c++) {
        if (!def->needed[c]) continue;
        id_list_add(binder->arena, &kept, def->ids.items[c]);
        if (def->term) id_list_add(binder->arena, &term, def->term_ids.items[c]);
    }
    if (def->term) def->term = optimise_columns(binder, def->term, &term);
    def->seed = optimise_columns(binder, def->seed, &kept);
}

static Status optimise(Binder *binder, Rel **root, const IdList *output, Error *err) {
    *root = rule_cte(binder, *root);
    TRY(rule_fold(binder, root, output, err));
    for (CteDef *def = binder->cte_defs; def; def = def->next) {
        if (!def->readers) continue; /* read by nobody, or where it is read */
        TRY(rule_fold(binder, &def->seed, &def->ids, err));
        if (def->term) TRY(rule_fold(binder, &def->term, &def->term_ids, err));
    }
    *root = rule_cte_filter(binder, *root);
    TRY(optimise_ctes(binder, err));
    TRY(optimise_shape(binder, root, output, err));
    *root = optimise_columns(binder, *root, output);
    prune_ctes(binder, binder->cte_defs);
    return STATUS_OK;
}

/* A parameter comes as text and is cast when execution starts: what cannot be cast is declined now. */
static Status settle_params(Binder *binder, Error *err) {
    Plan *plan = binder->plan;
    for (int p = 0; p < plan->param_count; p++) {
        SqlType *type = &plan->param_types[p];
        if (type->id == SQL_INVALID || type->id == SQL_UNKNOWN) *type = sqltype_of(SQL_TEXT);
        bool as_it_is = sqltype_is_text(*type) && !sqltype_is(*type, SQL_BPCHAR);
        char name[SQLTYPE_NAME_BYTES];
        if (!as_it_is && !cast_function(sqltype_of(SQL_TEXT), *type, CAST_EXPLICIT))
            return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                             "a parameter of type %s ($%d) is not supported", sqltype_short_name(*type, name),
                             p + 1);
    }
    return STATUS_OK;
}

static Status build(Binder *binder, Error *err) {
    BoundQuery bound = {0};
    TRY(bind_statement(binder, &bound, err));
    TRY(binder_check_travels(binder, err));
    IdList output = {0};
    const char **names = ARENA_NEW_ARRAY(binder->arena, const char *, bound.column_count + 1);
    for (int c = 0; c < bound.column_count; c++) {
        id_list_add(binder->arena, &output, bound.columns[c].id);
        names[c] = arena_strdup(binder->arena, bound.columns[c].name);
    }
    TRY(settle_params(binder, err));
    Rel *root = bound.rel;
    TRY(optimise(binder, &root, &output, err));
    return lower_plan(binder, root, &output, names, &binder->plan->root, err);
}

void binder_free_texts(Binder *binder) {
    for (struct ParsedText *at = binder->parsed; at; at = at->next)
        pg_query__parse_result__free_unpacked(at->tree, NULL);
    binder->parsed = NULL;
}

static void keep_versions(Binder *binder) {
    Plan *plan = binder->plan;
    for (struct LoadedTable *at = binder->loaded; at; at = at->next)
        plan->version_count++;
    plan->versions = ARENA_NEW_ARRAY(binder->arena, TableVersion *, plan->version_count + 1);
    int count = 0;
    for (struct LoadedTable *at = binder->loaded; at; at = at->next)
        plan->versions[count++] = at->version;
}

Status plan_statement_from(Engine *self, const PlanTableSource *source, const Statement *statement,
                           Plan **out, Error *err) {
    /* PostgreSQL's protocol carries no more; a number from the text must not decide how much is allocated. */
    if (statement->param_count > MOST_PARAMETERS)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "a statement may have %d parameters at most, not %d",
                         MOST_PARAMETERS, statement->param_count);
    Plan *plan = calloc(1, sizeof *plan);
    if (!plan) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory while planning");
    arena_init(&plan->arena);
    plan->param_count = statement->param_count > 0 ? statement->param_count : 0;
    plan->param_types = ARENA_NEW_ARRAY(&plan->arena, SqlType, plan->param_count + 1);
    int64_t start = clock_now_ns();
    Binder binder = {.arena = &plan->arena,
                     .plan = plan,
                     .self = self,
                     .source = source,
                     .statement = statement,
                     .as_of = statement->as_of};
    Status status = build(&binder, err);
    binder_free_texts(&binder);
    keep_versions(&binder);
    plan->planning_ns = clock_now_ns() - start;
    if (status != STATUS_OK) {
        plan_destroy(plan);
        return status;
    }
    *out = plan;
    return STATUS_OK;
}

static Status definitions_of_catalog(void *context, DefinitionKind kind, const char *name, Arena *arena,
                                     Definition **out, int *count, Error *err) {
    return table_catalog_definitions(context, kind, name, arena, out, count, err);
}

static Status load_from_catalog(void *context, const char *schema, const char *name, TableVersion **out,
                                Error *err) {
    return table_catalog_load(context, schema, name, out, err);
}

static Status load_past_from_catalog(void *context, const char *schema, const char *name,
                                     const TableAsOf *as_of, TableVersion **out, Error *err) {
    return table_catalog_load_as_of(context, schema, name, as_of, out, err);
}

PlanTableSource plan_catalog_source(TableCatalog *catalog) {
    return (PlanTableSource){.load = load_from_catalog,
                             .load_as_of = load_past_from_catalog,
                             .definitions = definitions_of_catalog,
                             .context = catalog};
}

Status plan_statement(Engine *self, TableCatalog *catalog, const Statement *statement, Plan **out,
                      Error *err) {
    PlanTableSource source = plan_catalog_source(catalog);
    return plan_statement_from(self, &source, statement, out, err);
}

void plan_destroy(Plan *plan) {
    if (!plan) return;
    for (int i = 0; i < plan->version_count; i++)
        table_version_release(plan->versions[i]);
    arena_deinit(&plan->arena);
    free(plan);
}
