/* Which operator or function a name and its arguments mean: PostgreSQL's search over its own declarations
 * (https://www.postgresql.org/docs/15/typeconv.html), then the kernel with that meaning. */
#include "engines/base/strbuf.h"
#include "engines/columnar/kernels/plugin_functions.h"
#include "engines/columnar/plan/logical.h"
#include "engines/columnar/plan/bind_nested.h"
#include "engines/columnar/plan/pg_catalog.h"

enum { MAX_CANDIDATES = 128, MAX_CALL_ARGS = 100 };

/* One declaration, stretched over the arguments of this call. */
typedef struct Candidate {
    const void *declaration; /* PgOperator or PgFunction */
    SqlType args[16];
    SqlType rest; /* type of arguments beyond 16 */
    const char *result;
    bool alive;
} Candidate;

static SqlType candidate_arg(const Candidate *candidate, int index) {
    return index < 16 ? candidate->args[index] : candidate->rest;
}

static bool same_type(SqlType a, SqlType b) {
    return a.id == b.id && a.is_array == b.is_array;
}

static bool candidate_stretch(const char *letters, bool variadic, int defaults, int arg_count,
                              Candidate *out) {
    int declared = pg_type_count(letters);
    if (variadic ? arg_count < declared - 1 || (declared > 0 && arg_count < declared)
                 : arg_count > declared || arg_count < declared - defaults)
        return false;
    const char *at = letters;
    SqlType type = {0};
    for (int i = 0; i < arg_count; i++) {
        if (i < declared) type = pg_type_next(&at);
        if (variadic && i == declared - 1) type.is_array = false;
        if (i < 16) out->args[i] = type;
    }
    out->rest = type;
    out->alive = true;
    return true;
}

/* ---- choosing among candidates
 * ------------------------------------------------------------------------------ */

static int alive_count(const Candidate *candidates, int count) {
    int alive = 0;
    for (int i = 0; i < count; i++)
        alive += candidates[i].alive;
    return alive;
}

static Candidate *only_alive(Candidate *candidates, int count) {
    Candidate *found = NULL;
    for (int i = 0; i < count; i++)
        if (candidates[i].alive) {
            if (found) return NULL;
            found = &candidates[i];
        }
    return found;
}

/* Keeps the candidates with the most arguments that match exactly (or are of a preferred type). */
static void keep_best(Candidate *candidates, int count, const SqlType *types, int arg_count, bool preferred) {
    int best = -1;
    int scores[MAX_CANDIDATES];
    for (int i = 0; i < count; i++) {
        scores[i] = 0;
        if (!candidates[i].alive) continue;
        for (int a = 0; a < arg_count; a++) {
            SqlType declared = candidate_arg(&candidates[i], a);
            if (types[a].id == SQL_UNKNOWN) continue;
            if (same_type(declared, types[a]) ||
                (preferred && pg_type_category(declared) == pg_type_category(types[a]) &&
                 pg_type_is_preferred(declared)))
                scores[i]++;
        }
        if (scores[i] > best) best = scores[i];
    }
    for (int i = 0; i < count; i++)
        candidates[i].alive = candidates[i].alive && scores[i] == best;
}

/* Unknown arguments: by category, strings winning conflicts. False when no category can be agreed on. */
static bool keep_by_category(Candidate *candidates, int count, const SqlType *types, int arg_count) {
    PgCategory categories[MAX_CALL_ARGS];
    bool has_preferred[MAX_CALL_ARGS];
    for (int a = 0; a < arg_count; a++) {
        if (types[a].id != SQL_UNKNOWN) continue;
        bool have = false, conflict = false;
        for (int i = 0; i < count; i++) {
            if (!candidates[i].alive) continue;
            SqlType declared = candidate_arg(&candidates[i], a);
            PgCategory category =
                declared.id == SQL_UNKNOWN ? PG_CATEGORY_PSEUDO : pg_type_category(declared);
            if (!have) {
                have = true;
                categories[a] = category;
                has_preferred[a] = pg_type_is_preferred(declared);
            } else if (category == categories[a]) {
                has_preferred[a] = has_preferred[a] || pg_type_is_preferred(declared);
            } else if (category == PG_CATEGORY_STRING) {
                categories[a] = category;
                has_preferred[a] = pg_type_is_preferred(declared);
            } else {
                conflict = true;
            }
        }
        if (conflict && categories[a] != PG_CATEGORY_STRING) return false;
    }
    bool keep[MAX_CANDIDATES];
    int kept = 0;
    for (int i = 0; i < count; i++) {
        keep[i] = candidates[i].alive;
        for (int a = 0; keep[i] && a < arg_count; a++) {
            if (types[a].id != SQL_UNKNOWN) continue;
            SqlType declared = candidate_arg(&candidates[i], a);
            PgCategory category =
                declared.id == SQL_UNKNOWN ? PG_CATEGORY_PSEUDO : pg_type_category(declared);
            keep[i] = category == categories[a] && (!has_preferred[a] || pg_type_is_preferred(declared));
        }
        kept += keep[i];
    }
    for (int i = 0; kept > 0 && i < count; i++)
        candidates[i].alive = keep[i];
    return true;
}

/* Last resort: all known arguments share a type; suppose the unknown ones have it too. */
static Candidate *by_known_type(Candidate *candidates, int count, const SqlType *types, int arg_count) {
    SqlType known = {0};
    for (int a = 0; a < arg_count; a++) {
        if (types[a].id == SQL_UNKNOWN) continue;
        if (known.id != SQL_INVALID && !same_type(known, types[a])) return NULL;
        known = types[a];
    }
    if (known.id == SQL_INVALID) return NULL;
    Candidate *found = NULL;
    for (int i = 0; i < count; i++) {
        if (!candidates[i].alive) continue;
        bool fits = true;
        for (int a = 0; a < arg_count; a++)
            fits = fits && coerce_is_implicit(known, candidate_arg(&candidates[i], a));
        if (!fits) continue;
        if (found) return NULL;
        found = &candidates[i];
    }
    return found;
}

/* NULL with *ambiguous set, or NULL when nothing fits. */
static Candidate *choose(Candidate *candidates, int count, const SqlType *types, int arg_count,
                         bool *ambiguous) {
    *ambiguous = false;
    int unknowns = 0;
    for (int a = 0; a < arg_count; a++)
        unknowns += types[a].id == SQL_UNKNOWN;
    for (int i = 0; i < count && unknowns < arg_count; i++) {
        bool exact = true;
        for (int a = 0; a < arg_count; a++)
            exact = exact && same_type(candidate_arg(&candidates[i], a), types[a]);
        if (exact && unknowns == 0) return &candidates[i];
    }
    for (int i = 0; i < count; i++)
        for (int a = 0; a < arg_count; a++)
            candidates[i].alive =
                candidates[i].alive && coerce_is_implicit(types[a], candidate_arg(&candidates[i], a));
    if (alive_count(candidates, count) == 0) return NULL;
    Candidate *only = only_alive(candidates, count);
    if (only) return only;
    keep_best(candidates, count, types, arg_count, false);
    if ((only = only_alive(candidates, count))) return only;
    keep_best(candidates, count, types, arg_count, true);
    if ((only = only_alive(candidates, count))) return only;
    *ambiguous = true;
    if (unknowns == 0) return NULL;
    if (keep_by_category(candidates, count, types, arg_count) && (only = only_alive(candidates, count)))
        return only;
    return unknowns < arg_count ? by_known_type(candidates, count, types, arg_count) : NULL;
}

/* ---- kernels
 * -------------------------------------------------------------------------------------------------- */

static SqlType kernel_arg(const ScalarFunction *kernel, int index) {
    return kernel->args[index < kernel->arg_count ? index : kernel->arg_count - 1];
}

/* 0 = same signature; else how many arguments would need a further implicit cast; -1 = not this one. */
static int kernel_distance(const ScalarFunction *kernel, const SqlType *types, int arg_count,
                           SqlType result) {
    if (kernel->variadic ? arg_count < kernel->arg_count : arg_count != kernel->arg_count) return -1;
    int casts = 0;
    for (int a = 0; a < arg_count; a++) {
        SqlType want = kernel_arg(kernel, a);
        if (want.id == SQL_UNKNOWN && want.is_array && !types[a].is_array) return -1;
        if (want.id == SQL_UNKNOWN || same_type(want, types[a]) || types[a].id == SQL_UNKNOWN) continue;
        if (!coerce_is_implicit(types[a], want)) return -1;
        casts++;
    }
    SqlType given = kernel->result;
    if (!kernel->result_type && given.id != SQL_UNKNOWN && given.id != SQL_INVALID &&
        !same_type(given, result))
        return -1;
    return casts;
}

static const ScalarFunction *kernel_for(const char *name, const SqlType *types, int arg_count,
                                        SqlType result) {
    const ScalarFunction *kernels[MAX_CANDIDATES];
    int count = function_candidates(name, kernels, MAX_CANDIDATES);
    const ScalarFunction *best = NULL;
    int best_distance = 1000;
    for (int i = 0; i < count && i < MAX_CANDIDATES; i++) {
        int distance = kernel_distance(kernels[i], types, arg_count, result);
        if (distance >= 0 && distance < best_distance) {
            best = kernels[i];
            best_distance = distance;
        }
    }
    return best;
}

static void describe_types(Expr *const *args, int arg_count, StrBuf *out) {
    char name[SQLTYPE_NAME_BYTES];
    for (int i = 0; i < arg_count; i++) {
        if (i) strbuf_append_text(out, ", ");
        strbuf_append_text(out,
                           expr_is_unknown(args[i]) ? "unknown" : sqltype_name(args[i]->type, false, name));
    }
}

static bool types_exotic(Expr *const *args, int arg_count) {
    for (int i = 0; i < arg_count; i++)
        if (args[i]->type.id == SQL_OTHER || args[i]->type.is_array || args[i]->type.id == SQL_RECORD)
            return true;
    return false;
}

/* Functions that take anything as its text. concat writes booleans as t and f and keeps the blanks of
 * character(n), which is not what a cast gives. */
static bool writes_out(const char *name, const Expr *arg) {
    bool concat =
        strcmp(name, "concat") == 0 || strcmp(name, "concat_ws") == 0 || strcmp(name, "format") == 0;
    return strcmp(name, "||") == 0 || strncmp(name, "quote_", 6) == 0 ||
           (concat && arg->type.id != SQL_BOOL && arg->type.id != SQL_BPCHAR);
}

/* Coerces arguments to what was declared, then to what the kernel takes, and makes the call. */
static Status make_call(Binder *binder, const char *name, Expr **args, int arg_count, const Candidate *chosen,
                        int position, Expr **out, Error *err) {
    SqlType types[MAX_CALL_ARGS];
    Expr *coerced[MAX_CALL_ARGS];
    for (int a = 0; a < arg_count; a++) {
        SqlType declared = candidate_arg(chosen, a);
        if (declared.id == SQL_UNKNOWN && writes_out(name, args[a])) /* anything beside text is written out */
            TRY(coerce_expr(binder, args[a], declared = sqltype_of(SQL_TEXT), CAST_EXPLICIT, &coerced[a],
                            err));
        else
            TRY(coerce_expr(binder, args[a], declared, CAST_IMPLICIT, &coerced[a], err));
        types[a] = declared.id == SQL_UNKNOWN ? coerced[a]->type : declared;
    }
    const char *letters = chosen->result;
    if (*letters == 'S')
        return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                            "set-returning function %s() is not available in the columnar engine", name);
    SqlType result = pg_type_next(&letters);
    if (result.id == SQL_UNKNOWN && arg_count > 0) result = types[0];
    const ScalarFunction *kernel = kernel_for(name, types, arg_count, result);
    if (!kernel) {
        StrBuf text;
        strbuf_init(&text);
        describe_types(coerced, arg_count, &text);
        (void)error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                           "%s(%s) is not available in the columnar engine", name, strbuf_text(&text));
        strbuf_deinit(&text);
        return STATUS_ERROR;
    }
    Expr *call = expr_new(binder->arena, EXPR_CALL, result, arg_count);
    SqlType final_types[MAX_CALL_ARGS];
    for (int a = 0; a < arg_count; a++) {
        SqlType want = kernel_arg(kernel, a);
        TRY(coerce_expr(binder, coerced[a], want, CAST_IMPLICIT, &call->args[a], err));
        final_types[a] = call->args[a]->type;
    }
    call->function = kernel;
    call->position = position;
    TRY(nested_check_literals(call, err));
    for (int a = 0; a < arg_count; a++)
        if (args[a]->position > 0 && args[a]->position < call->position) call->position = args[a]->position;
    if (kernel->result_type) call->type = kernel->result_type(final_types, arg_count);
    if (strcmp(name, "now") == 0 || strcmp(name, "transaction_timestamp") == 0 ||
        strcmp(name, "statement_timestamp") == 0)
        binder->plan->uses_statement_time = true;
    *out = call;
    return STATUS_OK;
}

/* ---- operators
 * --------------------------------------------------------------------------------------------------- */

static Status no_operator(const char *name, Expr **args, int arg_count, bool ambiguous, int position,
                          Error *err) {
    if (types_exotic(args, arg_count))
        return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                            "operator %s for these types is not available in the columnar engine", name);
    char left[SQLTYPE_NAME_BYTES], right[SQLTYPE_NAME_BYTES];
    Expr *last = args[arg_count - 1];
    const char *last_name = expr_is_unknown(last) ? "unknown" : sqltype_name(last->type, false, right);
    const char *first_name = expr_is_unknown(args[0]) ? "unknown" : sqltype_name(args[0]->type, false, left);
    const char *format =
        ambiguous ? "operator is not unique: %s%s%s %s" : "operator does not exist: %s%s%s %s";
    if (arg_count == 1)
        (void)error_set_at(err, ambiguous ? "42725" : SQLSTATE_UNDEFINED_FUNCTION, position, format, "", "",
                           name, last_name);
    else
        (void)error_set_at(err, ambiguous ? "42725" : SQLSTATE_UNDEFINED_FUNCTION, position, format,
                           first_name, " ", name, last_name);
    return error_add_hint(
        err, ambiguous
                 ? "Could not choose a best candidate operator. You might need to add explicit type casts."
             : arg_count == 1 ? "No operator matches the given name and argument type. You might need to add "
                                "an explicit type cast."
                              : "No operator matches the given name and argument types. You might need to "
                                "add explicit type casts.");
}

/* An unknown side is first supposed to be of the other side's type. */
static Candidate *exact_binary(Candidate *candidates, int count, SqlType left, SqlType right) {
    if (left.id == SQL_UNKNOWN && right.id == SQL_UNKNOWN) return NULL;
    if (left.id == SQL_UNKNOWN)
        left = right;
    else if (right.id == SQL_UNKNOWN)
        right = left;
    for (int i = 0; i < count; i++)
        if (same_type(candidates[i].args[0], left) && same_type(candidates[i].args[1], right))
            return &candidates[i];
    return NULL;
}

Status resolve_operator(Binder *binder, const char *name, Expr *left, Expr *right, int position, Expr **out,
                        Error *err) {
    Expr *args[2] = {left ? left : right, right};
    int arg_count = left ? 2 : 1;
    if (strcmp(name, "!=") == 0) name = "<>";
    if (left && left->type.is_array + right->type.is_array > 0) {
        TRY(resolve_array_operator(binder, name, left, right, position, out, err));
        if (*out) return STATUS_OK;
    }
    if (left && left->type.id == SQL_RECORD) {
        TRY(resolve_row_operator(binder, name, left, right, position, out, err));
        if (*out) return STATUS_OK;
    }
    int declared = 0;
    const PgOperator *operators = pg_operators_named(name, &declared);
    Candidate candidates[MAX_CANDIDATES];
    int count = 0;
    for (int i = 0; i < declared && count < MAX_CANDIDATES; i++) {
        if (pg_type_count(operators[i].args) != arg_count) continue;
        memset(&candidates[count], 0, sizeof candidates[count]);
        if (candidate_stretch(operators[i].args, false, 0, arg_count, &candidates[count]))
            candidates[count++].result = operators[i].result;
    }
    SqlType types[2] = {args[0]->type, args[arg_count - 1]->type};
    bool ambiguous = false;
    Candidate *chosen = arg_count == 2 ? exact_binary(candidates, count, types[0], types[1]) : NULL;
    if (!chosen) chosen = choose(candidates, count, types, arg_count, &ambiguous);
    if (!chosen) return no_operator(name, args, arg_count, ambiguous, position, err);
    return make_call(binder, name, args, arg_count, chosen, position, out, err);
}

/* ---- functions
 * --------------------------------------------------------------------------------------------------- */

static bool named_of_kind(const char *name, char kind) {
    int count = 0;
    const PgFunction *functions = pg_functions_named(name, &count);
    for (int i = 0; i < count; i++)
        if (functions[i].kind == kind) return true;
    return false;
}

bool name_is_aggregate(const char *name) {
    const AggregateFunction *found[1];
    return named_of_kind(name, 'a') || aggregate_candidates(name, found, 1) > 0 ||
           strcmp(name, "array_agg") == 0 || strcmp(name, "range_agg") == 0 || strcmp(name, "xmlagg") == 0;
}

bool name_is_built_in(const char *name) {
    int count = 0;
    const ScalarFunction *scalar[1];
    const TableFunction *table[1];
    return pg_functions_named(name, &count) || pg_function_exists_otherwise(name) ||
           name_is_aggregate(name) || function_candidates(name, scalar, 1) > 0 ||
           table_function_candidates(name, table, 1) > 0;
}

bool name_is_window_function(const char *name) {
    return named_of_kind(name, 'w') && !named_of_kind(name, 'f');
}

static Status no_function(const char *name, Expr **args, int arg_count, bool star, bool ambiguous,
                          int position, Error *err) {
    int count = 0;
    pg_functions_named(name, &count);
    if (types_exotic(args, arg_count) || pg_function_exists_otherwise(name))
        return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                            "function %s() is not available in the columnar engine", name);
    StrBuf text;
    strbuf_init(&text);
    describe_types(args, arg_count, &text);
    (void)error_set_at(err, ambiguous ? "42725" : SQLSTATE_UNDEFINED_FUNCTION, position,
                       ambiguous ? "function %s(%s) is not unique" : "function %s(%s) does not exist", name,
                       star ? "*" : strbuf_text(&text));
    strbuf_deinit(&text);
    return error_add_hint(
        err, ambiguous
                 ? "Could not choose a best candidate function. You might need to add explicit type casts."
                 : "No function matches the given name and argument types. You might need to add explicit "
                   "type casts.");
}

static Status choose_function(const char *name, Expr **args, int arg_count, bool star, char kind,
                              int position, Candidate *candidates, Candidate **chosen, Error *err) {
    if (arg_count > MAX_CALL_ARGS)
        return error_set_at(err, "54023", position, "cannot pass more than %d arguments to a function",
                            MAX_CALL_ARGS);
    int declared = 0, count = 0;
    const PgFunction *functions = pg_functions_named(name, &declared);
    for (int i = 0; i < declared && count < MAX_CANDIDATES; i++) {
        memset(&candidates[count], 0, sizeof candidates[count]);
        if (functions[i].kind == kind && (!star || functions[i].args[0] == 0) &&
            candidate_stretch(functions[i].args, functions[i].variadic, functions[i].defaults, arg_count,
                              &candidates[count])) {
            candidates[count].declaration = &functions[i];
            candidates[count++].result = functions[i].result;
        }
    }
    SqlType types[MAX_CALL_ARGS];
    for (int a = 0; a < arg_count; a++)
        types[a] = args[a]->type;
    bool ambiguous = false;
    *chosen = count ? choose(candidates, count, types, arg_count, &ambiguous) : NULL;
    if (!*chosen) return no_function(name, args, arg_count, star, ambiguous, position, err);
    return STATUS_OK;
}

/* ---- set-returning functions
 * ------------------------------------------------------------------------------------- */

bool name_returns_set(const char *name) {
    const TableFunction *found[1];
    int count = 0;
    const PgFunction *functions = pg_functions_named(name, &count);
    for (int i = 0; i < count; i++)
        if (functions[i].result[0] == 'S') return true;
    return table_function_candidates(name, found, 1) > 0;
}

/* "Any array" takes no scalar. */
static bool takes_any_array(const TableFunction *function, int arg_count, const SqlType *types) {
    for (int a = 0; a < arg_count && a < function->arg_count; a++)
        if (function->args[a].id == SQL_UNKNOWN && function->args[a].is_array && !types[a].is_array &&
            types[a].id != SQL_UNKNOWN)
            return false;
    return true;
}

static SqlType table_arg(const TableFunction *function, int index) {
    return function->args[index < function->arg_count ? index : function->arg_count - 1];
}

static bool table_signature(const TableFunction *function, const Candidate *candidate, int arg_count) {
    if (function->variadic ? arg_count < function->arg_count : arg_count != function->arg_count) return false;
    for (int a = 0; a < arg_count; a++)
        if (!same_type(table_arg(function, a), candidate_arg(candidate, a))) return false;
    return true;
}

/* PostgreSQL's declarations, and those of the functions here that its list leaves out. */
static int table_candidates(const char *name, const TableFunction **kernels, int kernel_count,
                            const SqlType *types, int arg_count, Candidate *out) {
    int declared = 0, count = 0;
    const PgFunction *functions = pg_functions_named(name, &declared);
    for (int i = 0; i < declared && count < MAX_CANDIDATES; i++) {
        memset(&out[count], 0, sizeof out[count]);
        if (functions[i].result[0] == 'S' && candidate_stretch(functions[i].args, functions[i].variadic,
                                                               functions[i].defaults, arg_count, &out[count]))
            count++;
    }
    for (int k = 0; k < kernel_count && count < MAX_CANDIDATES; k++) {
        const TableFunction *kernel = kernels[k];
        if (kernel->variadic ? arg_count < kernel->arg_count : arg_count != kernel->arg_count) continue;
        if (!takes_any_array(kernel, arg_count, types)) continue;
        Candidate candidate = {.alive = true, .rest = table_arg(kernel, arg_count)};
        bool known = false;
        for (int a = 0; a < arg_count && a < 16; a++)
            candidate.args[a] = table_arg(kernel, a);
        for (int i = 0; i < count && !known; i++)
            known = table_signature(kernel, &out[i], arg_count);
        if (!known) out[count++] = candidate;
    }
    return count;
}

Status resolve_table_function(Binder *binder, const char *name, Expr **args, int arg_count, int position,
                              TableFunctionCall *out, Error *err) {
    const TableFunction *kernels[MAX_CANDIDATES], *function = NULL;
    Candidate candidates[MAX_CANDIDATES];
    SqlType types[MAX_CALL_ARGS];
    if (arg_count > MAX_CALL_ARGS)
        return error_set_at(err, "54023", position, "cannot pass more than %d arguments to a function",
                            MAX_CALL_ARGS);
    int kernel_count = table_function_candidates(name, kernels, MAX_CANDIDATES);
    for (int a = 0; a < arg_count; a++)
        types[a] = args[a]->type;
    int count = table_candidates(name, kernels, kernel_count, types, arg_count, candidates);
    bool ambiguous = false;
    Candidate *chosen = count ? choose(candidates, count, types, arg_count, &ambiguous) : NULL;
    if (!chosen) return no_function(name, args, arg_count, false, ambiguous, position, err);
    for (int k = 0; k < kernel_count && !function; k++)
        if (table_signature(kernels[k], chosen, arg_count)) function = kernels[k];
    if (!function)
        return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                            "set-returning function %s() for these types is not available in the columnar "
                            "engine",
                            name);
    *out = (TableFunctionCall){.function = function, .arg_count = arg_count};
    out->args = ARENA_NEW_ARRAY(binder->arena, Expr *, arg_count + 1);
    for (int a = 0; a < arg_count; a++)
        TRY(coerce_expr(binder, args[a], table_arg(function, a), CAST_IMPLICIT, &out->args[a], err));
    return STATUS_OK;
}

/* float8(x), date(x) ...: a function call with a type's name and one argument may be a cast. */
static SqlType cast_named(const char *name) {
    static const char *const NAMES[] = {"bool",      "int2",        "int4",     "int8",   "numeric", "float4",
                                        "float8",    "text",        "varchar",  "bpchar", "date",    "time",
                                        "timestamp", "timestamptz", "interval", "uuid"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (strcmp(NAMES[i], name) == 0) return sqltype_from_name(name);
    return sqltype_of(SQL_INVALID);
}

/* What PostgreSQL does not have: plugins' functions, and this engine's own search(). */
static int own_candidates(const char *name, const ScalarFunction **out, int capacity) {
    return strcmp(name, "search") == 0 ? function_candidates(name, out, capacity)
                                       : plugin_function_candidates(name, out, capacity);
}

/* By the same rules, over what is declared there. */
static Status resolve_own_function(Binder *binder, const char *name, Expr **args, int arg_count, int position,
                                   Expr **out, Error *err) {
    const ScalarFunction *functions[MAX_CANDIDATES];
    Candidate candidates[MAX_CANDIDATES];
    SqlType types[MAX_CALL_ARGS];
    bool ambiguous = false;
    int found = arg_count <= FUNCTION_MAX_ARGS ? own_candidates(name, functions, MAX_CANDIDATES) : 0;
    int count = 0;
    for (int a = 0; a < arg_count && a < MAX_CALL_ARGS; a++)
        types[a] = args[a]->type;
    for (int i = 0; i < found; i++) {
        if (functions[i]->arg_count != arg_count) continue;
        candidates[count] = (Candidate){.declaration = functions[i], .alive = true};
        for (int a = 0; a < arg_count; a++)
            candidates[count].args[a] = functions[i]->args[a];
        count++;
    }
    Candidate *chosen = count ? choose(candidates, count, types, arg_count, &ambiguous) : NULL;
    if (!chosen) return no_function(name, args, arg_count, false, ambiguous, position, err);
    const ScalarFunction *function = chosen->declaration;
    Expr *call = expr_new(binder->arena, EXPR_CALL, function->result, arg_count);
    for (int a = 0; a < arg_count; a++)
        TRY(coerce_exact(binder, args[a], function->args[a], CAST_IMPLICIT, &call->args[a], err));
    call->function = function;
    call->bind_data = function->data;
    call->position = position;
    *out = call;
    return STATUS_OK;
}

Status resolve_function(Binder *binder, const char *name, Expr **args, int arg_count, int position,
                        Expr **out, Error *err) {
    const ScalarFunction *own[1];
    if (own_candidates(name, own, 1))
        return resolve_own_function(binder, name, args, arg_count, position, out, err);
    SqlType cast_type = arg_count == 1 ? cast_named(name) : sqltype_of(SQL_INVALID);
    if (cast_type.id != SQL_INVALID &&
        (expr_is_unknown(args[0]) || pg_cast_context(args[0]->type, cast_type)))
        return coerce_expr(binder, args[0], cast_type, CAST_EXPLICIT, out, err);
    TRY(resolve_array_function(binder, name, args, arg_count, position, out, err));
    if (*out) return STATUS_OK;
    int declared = 0;
    const PgFunction *functions = pg_functions_named(name, &declared);
    for (int i = 0; i < declared; i++)
        if (functions[i].volatility == 'v')
            return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                                "volatile function %s() is not available in the columnar engine", name);
    Candidate candidates[MAX_CANDIDATES];
    Candidate *chosen = NULL;
    TRY(choose_function(name, args, arg_count, false, 'f', position, candidates, &chosen, err));
    return make_call(binder, name, args, arg_count, chosen, position, out, err);
}

/* ---- aggregates
 * -------------------------------------------------------------------------------------------------- */

static const AggregateFunction *aggregate_kernel(const char *name, const SqlType *types, int arg_count) {
    const AggregateFunction *kernels[MAX_CANDIDATES];
    int count = aggregate_candidates(name, kernels, MAX_CANDIDATES);
    const AggregateFunction *best = NULL;
    int best_casts = 100;
    for (int i = 0; i < count && i < MAX_CANDIDATES; i++) {
        if (kernels[i]->arg_count != arg_count) continue;
        int casts = 0;
        for (int a = 0; a < arg_count && casts < 100; a++) {
            SqlType want = kernels[i]->args[a];
            if (want.id == SQL_UNKNOWN && want.is_array && !types[a].is_array) casts = 100;
            if (want.id == SQL_UNKNOWN || same_type(want, types[a])) continue;
            casts += coerce_is_implicit(types[a], want) ? 1 : 100;
        }
        if (casts < best_casts) {
            best = kernels[i];
            best_casts = casts;
        }
    }
    return best;
}

/* min and max of anyarray, which the catalog's data leave out. */
static bool is_array_extreme(const char *name, Expr *const *args, int arg_count) {
    return arg_count == 1 && args[0]->type.is_array && args[0]->type.id != SQL_JSON &&
           args[0]->type.id != SQL_OTHER && (strcmp(name, "min") == 0 || strcmp(name, "max") == 0);
}

/* Arrays and rows go only where values of any type are kept as they are. */
static bool takes_exotic(const char *name, Expr *const *args, int arg_count) {
    static const char *const NAMES[] = {"array_agg", "json_agg", "jsonb_agg", "json_object_agg",
                                        "jsonb_object_agg"};
    bool named = false;
    if (strcmp(name, "count") == 0 || is_array_extreme(name, args, arg_count)) return true;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        named = named || strcmp(NAMES[i], name) == 0;
    for (int a = 0; a < arg_count; a++)
        if (args[a]->type.id == SQL_OTHER || (args[a]->type.id == SQL_RECORD && *name == 'a')) return false;
    return named;
}

Status resolve_aggregate(Binder *binder, const char *name, Expr **args, int arg_count, bool star,
                         int position, AggregateCall *out, Error *err) {
    Candidate candidates[MAX_CANDIDATES];
    Candidate *chosen = NULL;
    SqlType types[MAX_CALL_ARGS], result = {0};
    int declared = 0;
    if (!is_array_extreme(name, args, arg_count) && pg_functions_named(name, &declared)) {
        if (strcmp(name, "count") == 0 && arg_count == 0 && !star)
            return error_set_at(err, "42809", position,
                                "count(*) must be used to call a parameterless aggregate function");
        TRY(choose_function(name, args, arg_count, star, 'a', position, candidates, &chosen, err));
        const char *letters = chosen->result;
        result = pg_type_next(&letters);
    }
    if (!chosen && arg_count == 1 && expr_is_unknown(args[0])) /* array or element? */
        return no_function(name, args, arg_count, star, true, position, err);
    Expr **coerced = ARENA_NEW_ARRAY(binder->arena, Expr *, arg_count + 1);
    for (int a = 0; a < arg_count; a++) {
        SqlType want = chosen ? candidate_arg(chosen, a) : sqltype_of(SQL_UNKNOWN);
        if (want.id == SQL_UNKNOWN && expr_is_unknown(args[a])) want = sqltype_of(SQL_TEXT);
        TRY(coerce_expr(binder, args[a], want, CAST_IMPLICIT, &coerced[a], err));
        types[a] = want.id == SQL_UNKNOWN ? coerced[a]->type : want;
    }
    const AggregateFunction *kernel =
        types_exotic(coerced, arg_count) && !takes_exotic(name, coerced, arg_count)
            ? NULL
            : aggregate_kernel(name, types, arg_count);
    if (!kernel) {
        StrBuf text;
        strbuf_init(&text);
        describe_types(coerced, arg_count, &text);
        (void)error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                           "aggregate %s(%s) is not available in the columnar engine", name,
                           strbuf_text(&text));
        strbuf_deinit(&text);
        return STATUS_ERROR;
    }
    for (int a = 0; a < arg_count; a++) {
        TRY(coerce_expr(binder, coerced[a], kernel->args[a], CAST_IMPLICIT, &coerced[a], err));
        types[a] = coerced[a]->type;
    }
    out->function = kernel;
    out->args = coerced;
    out->arg_count = arg_count;
    out->type = kernel->result_type                                 ? kernel->result_type(types, arg_count)
                : kernel->result.id == SQL_UNKNOWN && arg_count > 0 ? types[0]
                                                                    : kernel->result;
    if (result.id != SQL_INVALID && result.id != SQL_UNKNOWN && out->type.id != result.id)
        return error_set_at(
            err, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
            "aggregate %s with PostgreSQL's result type is not available in the columnar engine", name);
    return STATUS_OK;
}
