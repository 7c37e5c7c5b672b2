#include "engines/postgres/pgplan.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/hash.h"

/* ---- what is in the tree ------------------------------------------------------------------------------ */

enum { MAX_SPLICES = 256 };

typedef struct Findings {
    const Statement *statement;
    Arena *arena;
    PgSplice splices[MAX_SPLICES];
    int splice_count;
    int param_numbers[MAX_SPLICES]; /* distinct, in order of first sight */
    int param_count;
    bool renumber; /* parameters of a piece get numbers of their own */
    bool too_many;
    bool writes;        /* a data-modifying statement anywhere (WITH included), or a function that acts */
    bool session_state; /* SET, PREPARE, advisory locks ... */
    bool locks;
    const char *refused; /* a construct that cannot run through here */
    bool bad_param;
} Findings;

static void add_splice(Findings *found, size_t start, size_t end, const char *replacement) {
    if (found->splice_count == MAX_SPLICES) {
        found->too_many = true;
        return;
    }
    int at = found->splice_count++;
    for (; at > 0 && found->splices[at - 1].start > start; at--)
        found->splices[at] = found->splices[at - 1];
    found->splices[at] = (PgSplice){.start = start, .end = end, .replacement = replacement};
}

/* The catalog in engine.schema.table is our name for the engine, nothing PostgreSQL knows: cut it and its
 * dot. */
static void cut_catalog(Findings *found, int32_t location) {
    const char *sql = found->statement->sql;
    size_t at = location > 0 ? (size_t)location : 0, start = at;
    if (sql[at] == '"') {
        for (at++; sql[at] && (sql[at] != '"' || sql[at + 1] == '"'); at++)
            at += sql[at] == '"';
        at += sql[at] == '"';
    } else {
        while (sql[at] &&
               (isalnum((unsigned char)sql[at]) || sql[at] == '_' || (unsigned char)sql[at] >= 0x80))
            at++;
    }
    while (isspace((unsigned char)sql[at]))
        at++;
    if (sql[at] == '.') add_splice(found, start, at + 1, "");
}

static void see_param(Findings *found, const PgQuery__ParamRef *param) {
    if (param->number < 1) {
        found->bad_param = true;
        return;
    }
    int own = 0;
    while (own < found->param_count && found->param_numbers[own] != param->number)
        own++;
    if (own == MAX_SPLICES) {
        found->too_many = true;
        return;
    }
    found->param_numbers[own] = param->number;
    if (own == found->param_count) found->param_count++;
    if (!found->renumber || own + 1 == param->number) return;
    size_t end = (size_t)param->location + 1;
    while (isdigit((unsigned char)found->statement->sql[end]))
        end++;
    add_splice(found, (size_t)param->location, end, arena_printf(found->arena, "$%d", own + 1));
}

/* Built in, and it does something: a SELECT of it must neither be sent twice nor be stopped at a row limit.
 */
static bool has_effect(const char *name) {
    static const char *const names[] = {"nextval",
                                        "setval",
                                        "pg_notify",
                                        "pg_logical_emit_message",
                                        "pg_create_restore_point",
                                        "pg_switch_wal",
                                        "pg_promote",
                                        "pg_stat_reset",
                                        "pg_cancel_backend",
                                        "pg_terminate_backend",
                                        "pg_reload_conf",
                                        "pg_rotate_logfile"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i])) return true;
    return false;
}

static void see_function(Findings *found, const PgQuery__FuncCall *call) {
    const char *name = call->n_funcname ? pgtree_string(call->funcname[call->n_funcname - 1]) : NULL;
    if (!name) return;
    found->writes |= has_effect(name);
    if (!strcmp(name, "set_config") || strstr(name, "advisory") || !strncmp(name, "dblink", 6) ||
        !strncmp(name, "lo_", 3) || !strcmp(name, "setseed") || !strcmp(name, "currval") ||
        !strcmp(name, "lastval"))
        found->session_state = true;
}

static bool is_catalog_of_engine(const Findings *found, const char *catalog) {
    for (int i = 0; i < found->statement->binding_count; i++) {
        const char *written = found->statement->bindings[i].written_catalog;
        if (written && !strcmp(written, catalog)) return true;
    }
    return false;
}

static bool see(void *state, const ProtobufCMessage *message) {
    Findings *found = state;
    if (PGTREE_IS(message, range_var)) {
        const PgQuery__RangeVar *table = (const PgQuery__RangeVar *)message;
        if (table->catalogname[0] && is_catalog_of_engine(found, table->catalogname))
            cut_catalog(found, table->location);
        found->session_state |= table->relpersistence[0] == 't';
    } else if (PGTREE_IS(message, column_ref)) {
        const PgQuery__ColumnRef *column = (const PgQuery__ColumnRef *)message;
        const char *catalog = column->n_fields == 4 ? pgtree_string(column->fields[0]) : NULL;
        if (catalog && is_catalog_of_engine(found, catalog)) cut_catalog(found, column->location);
    } else if (PGTREE_IS(message, param_ref)) {
        see_param(found, (const PgQuery__ParamRef *)message);
    } else if (PGTREE_IS(message, func_call)) {
        see_function(found, (const PgQuery__FuncCall *)message);
    } else if (PGTREE_IS(message, insert_stmt) || PGTREE_IS(message, update_stmt) ||
               PGTREE_IS(message, delete_stmt) || PGTREE_IS(message, merge_stmt) ||
               PGTREE_IS(message, into_clause)) {
        found->writes = true;
    } else if (PGTREE_IS(message, locking_clause)) {
        found->locks = true;
    } else if (PGTREE_IS(message, copy_stmt)) {
        const PgQuery__CopyStmt *copy = (const PgQuery__CopyStmt *)message;
        if (!copy->filename[0]) found->refused = copy->is_from ? "COPY FROM STDIN" : "COPY TO STDOUT";
    }
    return true;
}

static bool changes_session(const PgQuery__Node *node) {
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_TRANSACTION_STMT:
    case PG_QUERY__NODE__NODE_VARIABLE_SET_STMT:
    case PG_QUERY__NODE__NODE_PREPARE_STMT:
    case PG_QUERY__NODE__NODE_EXECUTE_STMT:
    case PG_QUERY__NODE__NODE_DEALLOCATE_STMT:
    case PG_QUERY__NODE__NODE_DECLARE_CURSOR_STMT:
    case PG_QUERY__NODE__NODE_FETCH_STMT:
    case PG_QUERY__NODE__NODE_LISTEN_STMT:
    case PG_QUERY__NODE__NODE_DISCARD_STMT:
    case PG_QUERY__NODE__NODE_LOAD_STMT:
    case PG_QUERY__NODE__NODE_DO_STMT:
    case PG_QUERY__NODE__NODE_CALL_STMT:
    case PG_QUERY__NODE__NODE_LOCK_STMT:
    case PG_QUERY__NODE__NODE_CONSTRAINTS_SET_STMT: return true;
    default: return false;
    }
}

/* ---- pieces ------------------------------------------------------------------------------------------- */

static void trim(const char *sql, size_t *start, size_t *end) {
    while (*start < *end && isspace((unsigned char)sql[*start]))
        ++*start;
    while (*end > *start && (isspace((unsigned char)sql[*end - 1]) || sql[*end - 1] == ';'))
        --*end;
}

static Status make_piece(PgPlan *plan, Findings *found, const PgQuery__RawStmt *raw, PgPiece *piece,
                         Error *err) {
    const Statement *statement = found->statement;
    found->splice_count = found->param_count = 0;
    pgtree_visit(&raw->stmt->base, see, found);
    if (found->bad_param) return error_set(err, "42P02", "parameters are written $1, $2, ...");
    if (found->too_many)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT,
                         "the statement has too many parameters or catalog names (limit %d)", MAX_SPLICES);
    size_t start = raw->stmt_location > 0 ? (size_t)raw->stmt_location : 0;
    size_t end = raw->stmt_len > 0 ? start + (size_t)raw->stmt_len : statement->sql_length;
    if (end > statement->sql_length) end = statement->sql_length;
    if (plan->piece_count > 1)
        trim(statement->sql, &start, &end);
    else
        start = 0; /* leading comments stay: others may read them in the server's log */
    PgSplice *splices =
        arena_memdup(&plan->arena, found->splices, sizeof *splices * (size_t)(found->splice_count + 1));
    piece->source_start = start;
    piece->splices = splices;
    piece->splice_count = found->splice_count;
    piece->text.sql = pgsplice_apply(&plan->arena, statement->sql, start, end, splices, found->splice_count);
    piece->text.hash = hash64_bytes(piece->text.sql, strlen(piece->text.sql), 0);
    piece->param_count = found->renumber ? found->param_count : statement->param_count;
    int *numbers = ARENA_NEW_ARRAY(&plan->arena, int, piece->param_count + 1);
    for (int i = 0; i < piece->param_count; i++)
        numbers[i] = found->renumber ? found->param_numbers[i] : i + 1;
    piece->param_numbers = numbers;
    return STATUS_OK;
}

static void lift_into_findings(PgPlan *plan, Findings *found, const PgQuery__Node *root) {
    PgLifted lifted;
    pglift_literals(found->statement, root, &plan->arena, &lifted);
    if (lifted.count + found->splice_count > MAX_SPLICES) return;
    for (int i = 0; i < lifted.count; i++)
        add_splice(found, lifted.splices[i].start, lifted.splices[i].end, lifted.splices[i].replacement);
    plan->lifted = arena_memdup(&plan->arena, lifted.params, sizeof(Param) * (size_t)(lifted.count + 1));
    plan->lifted_count = lifted.count;
}

static Status make_single(PgPlan *plan, Findings *found, const PgQuery__RawStmt *raw, PgPiece *piece,
                          Error *err) {
    TRY(make_piece(plan, found, raw, piece, err));
    lift_into_findings(plan, found, raw->stmt);
    if (!plan->lifted_count) return STATUS_OK;
    const Statement *statement = found->statement;
    size_t end = statement->sql_length;
    PgSplice *splices =
        arena_memdup(&plan->arena, found->splices, sizeof *splices * (size_t)found->splice_count);
    piece->splices = splices;
    piece->splice_count = found->splice_count;
    piece->text.sql = pgsplice_apply(&plan->arena, statement->sql, 0, end, splices, found->splice_count);
    piece->text.hash = hash64_bytes(piece->text.sql, strlen(piece->text.sql), 0);
    return STATUS_OK;
}

static Status make_pieces(PgPlan *plan, Findings *found, Error *err) {
    const struct PgQuery__ParseResult *tree = found->statement->tree;
    plan->piece_count = (int)tree->n_stmts;
    PgPiece *pieces = ARENA_NEW_ARRAY(&plan->arena, PgPiece, plan->piece_count + 1);
    plan->pieces = pieces;
    if (plan->piece_count == 1) return make_single(plan, found, tree->stmts[0], &pieces[0], err);
    found->renumber = true;
    for (int i = 0; i < plan->piece_count; i++)
        TRY(make_piece(plan, found, tree->stmts[i], &pieces[i], err));
    return STATUS_OK;
}

/* ---- planning ----------------------------------------------------------------------------------------- */

static void plan_destroy(EnginePlan *base) {
    PgPlan *plan = pgplan_of(base);
    arena_deinit(&plan->arena);
    free(plan);
}

static bool refuse_foreign(Engine *base, const Statement *statement, EngineVerdict *verdict) {
    for (int i = 0; i < statement->binding_count; i++) {
        const TableBinding *binding = &statement->bindings[i];
        if (binding->engine == base) continue;
        verdict->eligible = false;
        snprintf(verdict->sqlstate, sizeof verdict->sqlstate, "%s", SQLSTATE_FEATURE_NOT_SUPPORTED);
        snprintf(verdict->why, sizeof verdict->why, "table %.100s is in %.60s, not in %.60s",
                 binding->written_name, binding->engine ? binding->engine->name : "no engine", base->name);
        return true;
    }
    return false;
}

static bool is_read(const PgQuery__Node *root) {
    return root->node_case == PG_QUERY__NODE__NODE_SELECT_STMT;
}

static void classify(PgPlan *plan, const Findings *found, EngineVerdict *verdict) {
    const Statement *statement = found->statement;
    const PgQuery__Node *root = statement->tree->stmts[0]->stmt;
    plan->session = statement->kind == STATEMENT_SESSION || plan->piece_count > 1 || found->session_state ||
                    statement->runs_code || changes_session(root);
    plan->read_only = statement->kind == STATEMENT_READ && !plan->session && !found->writes && is_read(root);
    RowCosts costs = pgcosts_of(pgengine_of(plan->base.engine));
    RowWork work = row_cost_estimate(statement, root, &costs);
    plan->planned_each_time = work.joins_ranges;
    bool few_values = work.inserted_rows > 0 && work.inserted_rows <= PGLIFT_MAX;
    verdict->estimate = work.estimate;
    bool known_kind = plan->read_only || statement->kind == STATEMENT_WRITE;
    plan->base.fast_lane =
        known_kind && !plan->session && !found->locks && work.plain && (work.unique_lookup || few_values);
}

Status pgplan_plan(Engine *base, const Statement *statement, EngineVerdict *verdict, EnginePlan **out,
                   Error *err) {
    memset(verdict, 0, sizeof *verdict);
    verdict->estimate.rows = -1;
    *out = NULL;
    if (refuse_foreign(base, statement, verdict)) return STATUS_OK;
    if (!statement->tree || !statement->tree->n_stmts)
        return error_set(err, SQLSTATE_SYNTAX_ERROR, "the statement is empty");
    PgPlan *plan = calloc(1, sizeof *plan);
    if (!plan) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "no memory for a plan");
    arena_init(&plan->arena);
    atomic_init(&plan->base.references, 1);
    plan->base.engine = base;
    plan->base.statement = statement;
    plan->base.destroy = plan_destroy;
    Findings *found = ARENA_NEW(&plan->arena, Findings);
    found->statement = statement;
    found->arena = &plan->arena;
    if (make_pieces(plan, found, err) != STATUS_OK) {
        plan_destroy(&plan->base);
        return STATUS_ERROR;
    }
    if (found->refused) {
        snprintf(verdict->sqlstate, sizeof verdict->sqlstate, "%s", SQLSTATE_FEATURE_NOT_SUPPORTED);
        snprintf(verdict->why, sizeof verdict->why, "%s needs a client that speaks PostgreSQL's protocol",
                 found->refused);
        plan_destroy(&plan->base);
        return STATUS_OK;
    }
    classify(plan, found, verdict);
    verdict->eligible = true;
    *out = &plan->base;
    return STATUS_OK;
}

/* ---- for execution ------------------------------------------------------------------------------------ */

void pgplan_params(const PgPlan *plan, const PgPiece *piece, const Param *given, const Param **out) {
    for (int i = 0; i < piece->param_count; i++)
        out[i] = &given[piece->param_numbers[i] - 1];
    for (int i = 0; i < plan->lifted_count; i++)
        out[piece->param_count + i] = &plan->lifted[i];
}

Status pgplan_check_params(const PgPlan *plan, const Param *params, int param_count, Error *err) {
    int wanted = plan->base.statement->param_count;
    if (param_count != wanted)
        return error_set(err, "08P01", "the statement has %d parameter%s but %d %s given", wanted,
                         wanted == 1 ? "" : "s", param_count, param_count == 1 ? "was" : "were");
    for (int i = 0; i < param_count; i++)
        if (params[i].kind != PARAM_NULL && memchr(params[i].text, 0, params[i].length))
            return error_set(err, "22021",
                             "parameter $%d holds a NUL character, which PostgreSQL cannot store", i + 1);
    return STATUS_OK;
}

void pgplan_map_position(const PgPlan *plan, const PgPiece *piece, Error *err) {
    const Statement *statement = plan->base.statement;
    if (err)
        err->position =
            pgsplice_position(statement->sql, statement->sql_length, piece->source_start, piece->text.sql,
                              piece->splices, piece->splice_count, err->position);
}
