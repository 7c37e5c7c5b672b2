/* Arguments by name: f(a => 1). They are put where the declaration has them, and what stands between is
 * filled with its default. */
#include "engines/columnar/plan/bind.h"

/* The functions of PostgreSQL 15 whose arguments have names; a default of NULL must be given. */
typedef struct NamedArguments {
    const char *function;
    const char *names[8];
    const char *defaults[8];
} NamedArguments;

#define PATH_NAMES                                                                                           \
    { "target", "path", "vars", "silent" }
#define PATH_DEFAULTS                                                                                        \
    { NULL, NULL, "{}", "false" }

static const NamedArguments KNOWN[] = {
    {"make_interval",
     {"years", "months", "weeks", "days", "hours", "mins", "secs"},
     {"0", "0", "0", "0", "0", "0", "0"}},
    {"make_date", {"year", "month", "day"}, {NULL}},
    {"make_time", {"hour", "min", "sec"}, {NULL}},
    {"make_timestamp", {"year", "month", "mday", "hour", "min", "sec"}, {NULL}},
    {"make_timestamptz", {"year", "month", "mday", "hour", "min", "sec", "timezone"}, {NULL}},
    {"jsonb_set", {"jsonb_in", "path", "replacement", "create_if_missing"}, {NULL, NULL, NULL, "true"}},
    {"jsonb_set_lax",
     {"jsonb_in", "path", "replacement", "create_if_missing", "null_value_treatment"},
     {NULL, NULL, NULL, "true", "use_json_null"}},
    {"jsonb_insert", {"jsonb_in", "path", "replacement", "insert_after"}, {NULL, NULL, NULL, "false"}},
    {"jsonb_path_exists", PATH_NAMES, PATH_DEFAULTS},
    {"jsonb_path_match", PATH_NAMES, PATH_DEFAULTS},
    {"jsonb_path_query", PATH_NAMES, PATH_DEFAULTS},
    {"jsonb_path_query_array", PATH_NAMES, PATH_DEFAULTS},
    {"jsonb_path_query_first", PATH_NAMES, PATH_DEFAULTS},
};

bool args_have_names(const PgQuery__FuncCall *call) {
    for (size_t i = 0; i < call->n_args; i++)
        if (call->args[i]->node_case == PG_QUERY__NODE__NODE_NAMED_ARG_EXPR) return true;
    return false;
}

static int place_of(const NamedArguments *known, const char *name) {
    for (int i = 0; i < 8 && known->names[i]; i++)
        if (strcmp(known->names[i], name) == 0) return i;
    return -1;
}

/* An untyped literal becomes whatever the declaration wants. */
static Expr *default_value(Binder *binder, const char *text) {
    if (strcmp(text, "0") == 0) return constant_int(binder->arena, 0, sqltype_of(SQL_INT4));
    return constant_text(binder->arena, text, sqltype_of(SQL_UNKNOWN));
}

Status bind_named_args(Query *query, PgQuery__FuncCall *call, const char *name, Expr ***out, int *count,
                       Error *err) {
    Binder *binder = query->binder;
    const NamedArguments *known = NULL;
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++)
        if (strcmp(KNOWN[i].function, name) == 0) known = &KNOWN[i];
    if (!known)
        return binder_unsupported(binder, call->location, err, "named argument notation for %s()", name);
    Expr **args = ARENA_NEW_ARRAY(binder->arena, Expr *, 9);
    *count = 0;
    for (size_t i = 0; i < call->n_args; i++) {
        Node *node = call->args[i];
        int place = (int)i;
        if (node->node_case == PG_QUERY__NODE__NODE_NAMED_ARG_EXPR) {
            place = place_of(known, node->named_arg_expr->name);
            node = node->named_arg_expr->arg;
        }
        if (place < 0 || place >= 8 || !known->names[place] || args[place])
            return binder_unsupported(binder, call->location, err, "this notation of %s()'s arguments", name);
        TRY(bind_expr(query, node, &args[place], err));
        if (place >= *count) *count = place + 1;
    }
    for (int i = 0; i < *count; i++) {
        if (args[i]) continue;
        if (!known->defaults[i])
            return binder_unsupported(binder, call->location, err, "%s() without its %s", name,
                                      known->names[i]);
        args[i] = default_value(binder, known->defaults[i]);
    }
    *out = args;
    return STATUS_OK;
}
