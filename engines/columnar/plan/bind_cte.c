/* WITH: each query is bound once, at its first reader; RECURSIVE ones in two terms. */
#include <protobuf-c/protobuf-c.h>

#include "engines/columnar/plan/bind.h"

/* ---- who reads whom --------------------------------------------------------------------------------------
 */

typedef struct Search {
    const char *name;
    int found;
    int location;       /* of the first */
    const char *within; /* where PostgreSQL allows no recursive reference, when inside of it */
    const char *bad;    /* of the first reference in such a place */
    int bad_location;
} Search;

static void search_message(const ProtobufCMessage *message, Search *search, int depth);

/* "an outer join" and the like when the member of a message is such a place. */
static const char *forbidden_place(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    if (descriptor == &pg_query__sub_link__descriptor) return "a subquery";
    if (descriptor == &pg_query__join_expr__descriptor) {
        PgQuery__JoinType type = ((const PgQuery__JoinExpr *)message)->jointype;
        bool left = strcmp(field->name, "larg") == 0, right = strcmp(field->name, "rarg") == 0;
        if ((right && (type == PG_QUERY__JOIN_TYPE__JOIN_LEFT || type == PG_QUERY__JOIN_TYPE__JOIN_FULL)) ||
            (left && (type == PG_QUERY__JOIN_TYPE__JOIN_RIGHT || type == PG_QUERY__JOIN_TYPE__JOIN_FULL)))
            return "an outer join";
    }
    if (descriptor == &pg_query__select_stmt__descriptor && strcmp(field->name, "rarg") == 0 &&
        ((const PgQuery__SelectStmt *)message)->op == PG_QUERY__SET_OPERATION__SETOP_EXCEPT)
        return "EXCEPT";
    return NULL;
}

static void search_member(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                          const void *member, Search *search, int depth) {
    const ProtobufCMessage *child = *(ProtobufCMessage *const *)member;
    if (!child) return;
    const char *outside = search->within, *place = forbidden_place(message, field);
    if (place) search->within = place;
    search_message(child, search, depth + 1);
    search->within = outside;
}

/* Every table reference of that name below a node of the parse tree. A WITH of its own that hides the name is
 * looked through all the same: that only makes one query more count as recursive, whose reading then decides.
 */
static void search_message(const ProtobufCMessage *message, Search *search, int depth) {
    enum { DEEPEST = 2000 };
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    if (depth > DEEPEST) return;
    if (descriptor == &pg_query__range_var__descriptor) {
        const PgQuery__RangeVar *var = (const PgQuery__RangeVar *)message;
        if ((!var->schemaname || !*var->schemaname) && strcmp(var->relname, search->name) == 0) {
            if (search->found++ == 0) search->location = var->location;
            if (search->within && !search->bad) {
                search->bad = search->within;
                search->bad_location = var->location;
            }
        }
        return;
    }
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        const char *base = (const char *)message;
        if (field->type != PROTOBUF_C_TYPE_MESSAGE) continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t count = *(const size_t *)(base + field->quantifier_offset);
            const char *items = *(const char *const *)(base + field->offset);
            for (size_t k = 0; k < count; k++)
                search_member(message, field, items + k * sizeof(void *), search, depth);
        } else if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) ||
                   *(const uint32_t *)(base + field->quantifier_offset) == field->id) {
            search_member(message, field, base + field->offset, search, depth);
        }
    }
}

static bool mentions(const ProtobufCMessage *message, const char *name) {
    Search search = {.name = name};
    if (message) search_message(message, &search, 0);
    return search.found > 0;
}

static PgQuery__SelectStmt *cte_select(const Cte *cte) {
    return cte->node->ctequery->select_stmt;
}

static bool is_recursive(const Cte *cte) {
    return cte->may_recur && mentions(&cte_select(cte)->base, cte->name);
}

/* ---- WITH ------------------------------------------------------------------------------------------------
 */

Status query_add_ctes(Query *query, PgQuery__WithClause *with, Error *err) {
    Binder *binder = query->binder;
    if (!with) return STATUS_OK;
    Cte *outside = query->ctes;
    for (size_t i = 0; i < with->n_ctes; i++) {
        PgQuery__CommonTableExpr *node = with->ctes[i]->common_table_expr;
        for (size_t j = 0; j < i; j++)
            if (strcmp(with->ctes[j]->common_table_expr->ctename, node->ctename) == 0)
                return error_set_at(err, "42712", binder_position(binder, node->location),
                                    "WITH query name \"%s\" specified more than once", node->ctename);
        if (node->ctequery->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
            return binder_unsupported(binder, node->location, err, "a data-modifying WITH");
        if (node->search_clause) return binder_unsupported(binder, node->location, err, "SEARCH");
        if (node->cycle_clause) return binder_unsupported(binder, node->location, err, "CYCLE");
        Cte *cte = ARENA_NEW(binder->arena, Cte);
        *cte = (Cte){.name = node->ctename,
                     .node = node,
                     .home = query,
                     .scope = query->ctes,
                     .may_recur = with->recursive,
                     .next = query->ctes};
        query->ctes = cte;
    }
    /* WITH RECURSIVE: each may read all, whatever their order. */
    for (Cte *cte = query->ctes; with->recursive && cte != outside; cte = cte->next)
        cte->scope = query->ctes;
    return STATUS_OK;
}

Status query_check_ctes(Query *query, Error *err) {
    for (Cte *cte = query->ctes; cte && cte->home == query; cte = cte->next) {
        FromItem *ignored = NULL;
        PgQuery__RangeVar var = PG_QUERY__RANGE_VAR__INIT;
        var.relname = (char *)cte->name;
        if (!cte->used) TRY(bind_cte(query, cte, &var, &ignored, err));
    }
    return STATUS_OK;
}

/* ---- one query -------------------------------------------------------------------------------------------
 */

static CteDef *def_new(Binder *binder, const Cte *cte) {
    CteDef *def = ARENA_NEW(binder->arena, CteDef);
    def->name = arena_strdup(binder->arena, cte->name); /* the parse tree goes before the plan */
    def->materialize = cte->node->ctematerialized == PG_QUERY__CTEMATERIALIZE__CTEMaterializeAlways;
    def->inline_ = cte->node->ctematerialized == PG_QUERY__CTEMATERIALIZE__CTEMaterializeNever;
    return def;
}

/* Behind all that it reads. */
static void def_list(Binder *binder, CteDef *def) {
    if (!binder->cte_defs_end) binder->cte_defs_end = &binder->cte_defs;
    *binder->cte_defs_end = def;
    binder->cte_defs_end = &def->next;
}

static Status name_columns(Binder *binder, const Cte *cte, BoundQuery *bound, Error *err) {
    if (cte->node->n_aliascolnames > (size_t)bound->column_count)
        return error_set_at(err, "42P10", binder_position(binder, cte->node->location),
                            "WITH query \"%s\" has %d columns available but %zu columns specified", cte->name,
                            bound->column_count, cte->node->n_aliascolnames);
    for (size_t i = 0; i < cte->node->n_aliascolnames; i++)
        bound->columns[i].name = node_string(cte->node->aliascolnames[i]);
    return STATUS_OK;
}

/* A node that reads the query's rows, and its columns under new numbers. */
static void reader_of(Binder *binder, CteDef *def, const BoundQuery *columns, bool working, BoundQuery *out) {
    Rel *rel = rel_new(binder, PLAN_CTE, 0);
    rel->cte = def;
    rel->working = working;
    rel->alias = def->name;
    *out = (BoundQuery){.rel = rel, .column_count = columns->column_count};
    out->columns = ARENA_NEW_ARRAY(binder->arena, BoundColumn, columns->column_count + 1);
    for (int c = 0; c < columns->column_count; c++) {
        ColumnInfo info = binder->columns[def->ids.items[c]];
        int id = binder_add_column(binder, columns->columns[c].name, info.type, true);
        info.name = binder->columns[id].name;
        info.version = NULL;
        info.table_column = -1;
        info.nullable = def->term ? true : info.nullable;
        binder->columns[id] = info;
        id_list_add(binder->arena, &rel->ids, id);
        id_list_add(binder->arena, &rel->table_ids, id);
        out->columns[c] = (BoundColumn){.name = columns->columns[c].name, .id = id};
    }
}

static Status bind_text(Binder *binder, Cte *cte, PgQuery__SelectStmt *select, BoundQuery *out, Error *err) {
    enum { DEEPEST = 64 };
    if (binder->view_depth >= DEEPEST)
        return error_set(err, SQLSTATE_TOO_COMPLEX, "WITH queries are nested too deeply");
    binder->view_depth++;
    Status status = bind_query(binder, cte->home->parent, cte->scope, select, true, out, err);
    binder->view_depth--;
    return status;
}

static Status bind_plain(Binder *binder, Cte *cte, BoundQuery *bound, Error *err) {
    cte->state = CTE_PLAIN;
    Status status = bind_text(binder, cte, cte_select(cte), bound, err);
    cte->state = CTE_OUTSIDE;
    TRY(status);
    TRY(name_columns(binder, cte, bound, err));
    if (bound->outer_ids.count > 0) return STATUS_OK; /* as often as it is read: it depends on who reads */
    cte->def = def_new(binder, cte);
    cte->def->seed = bound->rel;
    for (int c = 0; c < bound->column_count; c++)
        id_list_add(binder->arena, &cte->def->ids, bound->columns[c].id);
    def_list(binder, cte->def);
    return STATUS_OK;
}

/* ---- recursive queries -----------------------------------------------------------------------------------
 */

static Status invalid_recursion(const Binder *binder, const Cte *cte, Error *err) {
    return error_set_at(err, "42P19", binder_position(binder, cte->node->location),
                        "recursive query \"%s\" does not have the form non-recursive-term UNION [ALL] "
                        "recursive-term",
                        cte->name);
}

static Status check_form(const Binder *binder, const Cte *cte, Error *err) {
    PgQuery__SelectStmt *select = cte_select(cte);
    if (select->op != PG_QUERY__SET_OPERATION__SETOP_UNION || !select->larg || !select->rarg)
        return invalid_recursion(binder, cte, err);
    Search seed = {.name = cte->name};
    search_message(&select->larg->base, &seed, 0);
    if (seed.found)
        return error_set_at(
            err, "42P19", binder_position(binder, seed.location),
            "recursive reference to query \"%s\" must not appear within its non-recursive term", cte->name);
    Search search = {.name = cte->name};
    search_message(&select->rarg->base, &search, 0);
    if (search.bad)
        return error_set_at(err, "42P19", binder_position(binder, search.bad_location),
                            "recursive reference to query \"%s\" must not appear within %s", cte->name,
                            search.bad);
    const char *tail = select->n_sort_clause      ? "ORDER BY"
                       : select->limit_offset     ? "OFFSET"
                       : select->limit_count      ? "LIMIT"
                       : select->n_locking_clause ? "FOR UPDATE/SHARE"
                                                  : NULL;
    if (tail)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "%s in a recursive query is not implemented",
                         tail);
    return STATUS_OK;
}

static Status type_changes(Binder *binder, const Cte *cte, int column, SqlType first, SqlType overall,
                           int position, Error *err) {
    char a[SQLTYPE_NAME_BYTES], b[SQLTYPE_NAME_BYTES];
    (void)error_set_at(
        err, SQLSTATE_DATATYPE_MISMATCH, position,
        "recursive query \"%s\" column %d has type %s in non-recursive term but type %s overall", cte->name,
        column + 1, sqltype_name(first, false, a), sqltype_name(overall, false, b));
    (void)binder;
    return error_add_hint(err, "Cast the output of the non-recursive term to the correct type.");
}

/* The recursive term's columns as the first term's. */
static Status align_term(Binder *binder, Cte *cte, const BoundQuery *seed, BoundQuery *term, Error *err) {
    CteDef *def = cte->def;
    Rel *project = rel_new(binder, PLAN_PROJECT, 1);
    project->inputs[0] = term->rel;
    if (term->column_count != seed->column_count)
        return error_set_at(err, SQLSTATE_SYNTAX_ERROR, term->column_count ? term->columns[0].position : 0,
                            "each UNION query must have the same number of columns");
    for (int c = 0; c < seed->column_count; c++) {
        SqlType type = binder->columns[def->ids.items[c]].type, overall;
        Expr *pair[2] = {expr_column(binder, def->ids.items[c]), expr_column(binder, term->columns[c].id)};
        pair[1]->position = term->columns[c].position;
        TRY(common_type(binder, pair, 2, "UNION", &overall, err));
        if (overall.id != type.id || overall.is_array != type.is_array)
            return type_changes(binder, cte, c, type, overall, seed->columns[c].position, err);
        Expr *expr = NULL;
        TRY(coerce_exact(binder, pair[1], type, CAST_IMPLICIT, &expr, err));
        int id = binder_add_column(binder, seed->columns[c].name, type, true);
        expr_list_add(binder->arena, &project->exprs, expr);
        id_list_add(binder->arena, &project->ids, id);
        id_list_add(binder->arena, &def->term_ids, id);
    }
    def->term = project;
    return STATUS_OK;
}

/* The first term's columns without declared digits: the recursive one may bring others. */
static Status widen_seed(Binder *binder, Cte *cte, BoundQuery *seed, Error *err) {
    Rel *project = rel_new(binder, PLAN_PROJECT, 1);
    project->inputs[0] = seed->rel;
    for (int c = 0; c < seed->column_count; c++) {
        Expr *column = expr_column(binder, seed->columns[c].id), *expr = NULL;
        SqlType type = column->type;
        if (type.id == SQL_NUMERIC || type.id == SQL_VARCHAR || type.id == SQL_BPCHAR)
            type.precision = type.scale = 0;
        TRY(coerce_exact(binder, column, type, CAST_EXPLICIT, &expr, err));
        int id = binder_add_column(binder, seed->columns[c].name, type, true);
        expr_list_add(binder->arena, &project->exprs, expr);
        id_list_add(binder->arena, &project->ids, id);
        id_list_add(binder->arena, &cte->def->ids, id);
        seed->columns[c].id = id;
        if (type.id == SQL_JSON) continue;
        if (cte->def->distinct &&
            (type.id == SQL_OTHER || (!type.is_array && (type.id == SQL_RECORD || type.id == SQL_JSONB))))
            return binder_unsupported(binder, cte->node->location, err, "UNION over this type");
    }
    cte->def->seed = project;
    return STATUS_OK;
}

static Status bind_recursive(Binder *binder, Cte *cte, BoundQuery *bound, Error *err) {
    PgQuery__SelectStmt *select = cte_select(cte);
    TRY(check_form(binder, cte, err));
    Cte *scope = cte->scope;
    if (select->with_clause) {
        Query *own = ARENA_NEW(binder->arena, Query);
        *own = (Query){.binder = binder, .parent = cte->home->parent, .ctes = cte->scope};
        TRY(query_add_ctes(own, select->with_clause, err));
        cte->scope = own->ctes;
    }
    cte->def = def_new(binder, cte);
    cte->def->distinct = !select->all;
    cte->state = CTE_SEED;
    Status status = bind_text(binder, cte, select->larg, bound, err);
    if (status == STATUS_OK) status = name_columns(binder, cte, bound, err);
    if (status == STATUS_OK) status = widen_seed(binder, cte, bound, err);
    BoundQuery term = {0};
    cte->seed = bound;
    cte->state = CTE_TERM;
    if (status == STATUS_OK) status = bind_text(binder, cte, select->rarg, &term, err);
    if (status == STATUS_OK) status = align_term(binder, cte, bound, &term, err);
    cte->state = CTE_OUTSIDE;
    cte->scope = scope;
    TRY(status);
    if (bound->outer_ids.count + term.outer_ids.count > 0)
        return binder_unsupported(binder, cte->node->location, err,
                                  "a recursive WITH query that reads an outer query's columns");
    def_list(binder, cte->def);
    return STATUS_OK;
}

/* A reference inside the query's own text. */
static Status bind_self(Query *query, Cte *cte, PgQuery__RangeVar *var, BoundQuery *bound, Error *err) {
    Binder *binder = query->binder;
    int position = binder_position(binder, var->location);
    if (cte->state == CTE_PLAIN)
        return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, binder_position(binder, cte->node->location),
                            "mutual recursion between WITH items is not implemented");
    if (cte->state == CTE_SEED)
        return error_set_at(
            err, "42P19", position,
            "recursive reference to query \"%s\" must not appear within its non-recursive term", cte->name);
    if (cte->self_count++ > 0)
        return error_set_at(err, "42P19", position,
                            "recursive reference to query \"%s\" must not appear more than once", cte->name);
    query->reads_itself = true;
    reader_of(binder, cte->def, cte->seed, true, bound);
    return STATUS_OK;
}

/* What the query reads of outer ones, its reader and all in between read too. */
static void note_outer(Query *query, const Cte *cte, const IdList *ids) {
    for (Query *level = query; level && level != cte->home->parent; level = level->parent)
        for (int i = 0; i < ids->count; i++)
            if (!id_list_has(&level->outer_ids, ids->items[i]))
                id_list_add(query->binder->arena, &level->outer_ids, ids->items[i]);
}

Status bind_cte(Query *query, Cte *cte, PgQuery__RangeVar *var, FromItem **out, Error *err) {
    Binder *binder = query->binder;
    BoundQuery bound = {0}, reader = {0};
    cte->used = true;
    if (cte->state != CTE_OUTSIDE) {
        TRY(bind_self(query, cte, var, &reader, err));
    } else {
        if (!cte->def) {
            BoundQuery *made = ARENA_NEW(binder->arena, BoundQuery);
            TRY(is_recursive(cte) ? bind_recursive(binder, cte, made, err)
                                  : bind_plain(binder, cte, made, err));
            cte->bound = made;
        }
        bound = *cte->bound;
        note_outer(query, cte, &bound.outer_ids);
        if (cte->def)
            reader_of(binder, cte->def, &bound, false, &reader);
        else
            reader = bound;
    }
    const char *alias = var->alias ? var->alias->aliasname : var->relname;
    return from_item_of_query(query, &reader, alias, var->alias, var->location, out, err);
}
