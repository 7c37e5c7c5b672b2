#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "engines/mysql/dialect_internal.h"

typedef enum Demand {
    ANY_ARGUMENT,
    NUMBER_ARGUMENT,
    EXACT_NUMBER_ARGUMENT, /* integers and numeric */
    SUMMABLE_ARGUMENT,     /* not real, which PostgreSQL sums as real */
    FLOAT_ARGUMENT,        /* only floats answer alike */
    INTEGER_ARGUMENT,
    TEXT_ARGUMENT,
    TIMESTAMP_ARGUMENT, /* date or timestamp without time zone */
    COMPARABLE_ARGUMENT /* anything whose order is the same: not inexact text */
} Demand;

typedef struct FunctionRule {
    const char *name;
    int arg_count;       /* -1: any number ≥ 1 */
    Demand demand;       /* of the first argument (of all, for text) */
    SqlTypeId result;    /* SQL_INVALID: the type of the first argument */
    const char *written; /* '1'..'3' arguments by number; NULL: special, see below */
} FunctionRule;

/* Functions whose answer is PostgreSQL's for the arguments demanded. */
static const FunctionRule rules[] = {
    {"count", 1, ANY_ARGUMENT, SQL_INT8, "COUNT($1)"},
    {"sum", 1, SUMMABLE_ARGUMENT, SQL_INVALID, "SUM($1)"},
    {"min", 1, COMPARABLE_ARGUMENT, SQL_INVALID, "MIN($1)"},
    {"max", 1, COMPARABLE_ARGUMENT, SQL_INVALID, "MAX($1)"},
    {"avg", 1, FLOAT_ARGUMENT, SQL_FLOAT8, "AVG($1)"},
    {"lower", 1, TEXT_ARGUMENT, SQL_TEXT, "LOWER($1)"},
    {"upper", 1, TEXT_ARGUMENT, SQL_TEXT, "UPPER($1)"},
    {"length", 1, TEXT_ARGUMENT, SQL_INT4, "CHAR_LENGTH($1)"},
    {"char_length", 1, TEXT_ARGUMENT, SQL_INT4, "CHAR_LENGTH($1)"},
    {"character_length", 1, TEXT_ARGUMENT, SQL_INT4, "CHAR_LENGTH($1)"},
    {"octet_length", 1, TEXT_ARGUMENT, SQL_INT4, "LENGTH(CONVERT($1 USING utf8mb4))"},
    {"reverse", 1, TEXT_ARGUMENT, SQL_TEXT, "REVERSE($1)"},
    {"btrim", 1, TEXT_ARGUMENT, SQL_TEXT, "TRIM(BOTH ' ' FROM $1)"},
    {"ltrim", 1, TEXT_ARGUMENT, SQL_TEXT, "TRIM(LEADING ' ' FROM $1)"},
    {"rtrim", 1, TEXT_ARGUMENT, SQL_TEXT, "TRIM(TRAILING ' ' FROM $1)"},
    {"md5", 1, TEXT_ARGUMENT, SQL_TEXT, "MD5(CONVERT($1 USING utf8mb4))"},
    {"abs", 1, NUMBER_ARGUMENT, SQL_INVALID, "ABS($1)"},
    {"floor", 1, FLOAT_ARGUMENT, SQL_FLOAT8, "FLOOR($1)"},
    {"ceil", 1, FLOAT_ARGUMENT, SQL_FLOAT8, "CEILING($1)"},
    {"ceiling", 1, FLOAT_ARGUMENT, SQL_FLOAT8, "CEILING($1)"},
    {"mod", 2, INTEGER_ARGUMENT, SQL_INVALID, NULL},
    {"substring", 3, TEXT_ARGUMENT, SQL_TEXT, NULL},
    {"substr", 3, TEXT_ARGUMENT, SQL_TEXT, NULL},
    {"left", 2, TEXT_ARGUMENT, SQL_TEXT, NULL},
    {"right", 2, TEXT_ARGUMENT, SQL_TEXT, NULL},
    {"concat", -1, TEXT_ARGUMENT, SQL_TEXT, NULL},
    {"date_trunc", 2, ANY_ARGUMENT, SQL_TIMESTAMP, NULL},
    {"extract", 2, ANY_ARGUMENT, SQL_NUMERIC, NULL},
    {"date_part", 2, ANY_ARGUMENT, SQL_FLOAT8, NULL},
};

const char *dialect_function_name(const PgQuery__FuncCall *call) {
    if (call->n_funcname == 2 && strcmp(dialect_string(call->funcname[0]), "pg_catalog") != 0) return NULL;
    return call->n_funcname >= 1 && call->n_funcname <= 2
               ? dialect_string(call->funcname[call->n_funcname - 1])
               : NULL;
}

bool dialect_aggregates(const PgQuery__FuncCall *call) {
    static const char *const names[] = {"avg", "count", "max", "min", "sum"};
    const char *name = dialect_function_name(call);
    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i])) return true;
    return false;
}

static const FunctionRule *rule_of(const PgQuery__FuncCall *call) {
    const char *name = dialect_function_name(call);
    for (size_t i = 0; name && i < sizeof rules / sizeof rules[0]; i++)
        if (!strcmp(rules[i].name, name) &&
            (rules[i].arg_count < 0 || (size_t)rules[i].arg_count == call->n_args))
            return &rules[i];
    return NULL;
}

static SqlType sum_type(SqlType argument) {
    if (argument.id == SQL_INT2 || argument.id == SQL_INT4) return sqltype_of(SQL_INT8);
    if (argument.id == SQL_INT8 || argument.id == SQL_NUMERIC) return sqltype_of(SQL_NUMERIC);
    return argument;
}

SqlType dialect_function_type(DialectWriter *w, const Scope *scope, const PgQuery__FuncCall *call) {
    if (call->agg_star) return sqltype_of(SQL_INT8);
    const FunctionRule *rule = rule_of(call);
    if (!rule) return sqltype_of(SQL_INVALID);
    if (rule->result != SQL_INVALID) return sqltype_of(rule->result);
    SqlType argument = dialect_info(w, scope, call->args[0]).type;
    return !strcmp(rule->name, "sum") ? sum_type(argument) : argument;
}

static bool satisfies(Demand demand, ExprInfo info) {
    SqlType type = info.type;
    bool is_float = sqltype_is(type, SQL_FLOAT4) || sqltype_is(type, SQL_FLOAT8);
    switch (demand) {
    case ANY_ARGUMENT: return true;
    case NUMBER_ARGUMENT: return sqltype_is_number(type);
    case EXACT_NUMBER_ARGUMENT: return sqltype_is_number(type) && !is_float;
    case SUMMABLE_ARGUMENT: return sqltype_is_number(type) && !sqltype_is(type, SQL_FLOAT4);
    case FLOAT_ARGUMENT: return is_float;
    case INTEGER_ARGUMENT: return sqltype_is_integer(type);
    case TEXT_ARGUMENT: return sqltype_is_text(type) || type.id == SQL_UNKNOWN;
    case TIMESTAMP_ARGUMENT: return sqltype_is(type, SQL_TIMESTAMP) || sqltype_is(type, SQL_DATE);
    case COMPARABLE_ARGUMENT:
        return sqltype_is_number(type) || sqltype_is(type, SQL_DATE) || sqltype_is(type, SQL_TIMESTAMP) ||
               sqltype_is(type, SQL_TIMESTAMPTZ) || (sqltype_is_text(type) && !info.inexact_text);
    }
    return false;
}

static bool constant_int(const Node *node, int *out) {
    if (node->node_case != PG_QUERY__NODE__NODE_A_CONST ||
        node->a_const->val_case != PG_QUERY__A__CONST__VAL_IVAL)
        return false;
    *out = node->a_const->ival->ival;
    return true;
}

static const char *constant_text(const Node *node) {
    if (node->node_case != PG_QUERY__NODE__NODE_A_CONST ||
        node->a_const->val_case != PG_QUERY__A__CONST__VAL_SVAL)
        return NULL;
    return node->a_const->sval->sval;
}

/* ---- the special ones
 * ------------------------------------------------------------------------------------------ */

static Status write_arguments(DialectWriter *w, Scope *scope, const PgQuery__FuncCall *call) {
    for (size_t i = 0; i < call->n_args; i++) {
        if (i) strbuf_append_text(&w->out, ", ");
        TRY(dialect_expr(w, scope, call->args[i]));
    }
    return STATUS_OK;
}

/* Both servers agree for a start from 1 and a length from 0 on only. */
static Status write_substring(DialectWriter *w, Scope *scope, const PgQuery__FuncCall *call) {
    int from, count;
    if (!constant_int(call->args[1], &from) || !constant_int(call->args[2], &count) || from < 1 || count < 0)
        return dialect_decline(w, call->location,
                               "substring() with a start or length that is not a positive constant");
    strbuf_append_text(&w->out, "SUBSTRING(");
    TRY(write_arguments(w, scope, call));
    strbuf_append_char(&w->out, ')');
    return STATUS_OK;
}

static Status write_side(DialectWriter *w, Scope *scope, const PgQuery__FuncCall *call, const char *name) {
    int count;
    if (!constant_int(call->args[1], &count) || count < 0)
        return dialect_decline(w, call->location,
                               "left() or right() with a length that is not a positive constant");
    strbuf_printf(&w->out, "%s(", !strcmp(name, "left") ? "LEFT" : "RIGHT");
    TRY(write_arguments(w, scope, call));
    strbuf_append_char(&w->out, ')');
    return STATUS_OK;
}

static Status write_concat(DialectWriter *w, Scope *scope, const PgQuery__FuncCall *call) {
    strbuf_append_text(&w->out, "CONCAT_WS(''"); /* which leaves NULLs out, as PostgreSQL's concat does */
    for (size_t i = 0; i < call->n_args; i++) {
        strbuf_append_text(&w->out, ", ");
        TRY(dialect_expr(w, scope, call->args[i]));
    }
    strbuf_append_char(&w->out, ')');
    return STATUS_OK;
}

static Status write_mod(DialectWriter *w, Scope *scope, const PgQuery__FuncCall *call) {
    int divisor;
    if (!constant_int(call->args[1], &divisor) || divisor == 0)
        return dialect_decline(w, call->location,
                               "mod() by something that is not a constant (a zero must raise an error)");
    strbuf_append_text(&w->out, "MOD(");
    TRY(write_arguments(w, scope, call));
    strbuf_append_char(&w->out, ')');
    return STATUS_OK;
}

static Status write_date_trunc(DialectWriter *w, Scope *scope, const PgQuery__FuncCall *call) {
    static const struct {
        const char *unit;
        const char *format;
    } units[] = {
        {"year", "%Y-01-01 00:00:00"}, {"month", "%Y-%m-01 00:00:00"},  {"day", "%Y-%m-%d 00:00:00"},
        {"hour", "%Y-%m-%d %H:00:00"}, {"minute", "%Y-%m-%d %H:%i:00"}, {"second", "%Y-%m-%d %H:%i:%s"},
    };
    const char *unit = constant_text(call->args[0]);
    if (!sqltype_is(dialect_info(w, scope, call->args[1]).type, SQL_TIMESTAMP))
        return dialect_decline(w, call->location,
                               "date_trunc() of something that is not a timestamp without time zone");
    for (size_t i = 0; unit && i < sizeof units / sizeof units[0]; i++) {
        if (strcasecmp(unit, units[i].unit) != 0) continue;
        strbuf_append_text(&w->out, "CAST(DATE_FORMAT(");
        TRY(dialect_expr(w, scope, call->args[1]));
        strbuf_printf(&w->out, ", '%s') AS DATETIME)", units[i].format);
        return STATUS_OK;
    }
    return dialect_decline(w, call->location, "date_trunc() to this unit");
}

static Status write_extract(DialectWriter *w, Scope *scope, const PgQuery__FuncCall *call) {
    static const struct {
        const char *unit;
        const char *written;
    } units[] = {
        {"year", "YEAR("},     {"month", "MONTH("},     {"day", "DAYOFMONTH("}, {"hour", "HOUR("},
        {"minute", "MINUTE("}, {"quarter", "QUARTER("}, {"doy", "DAYOFYEAR("},
    };
    const char *unit = constant_text(call->args[0]);
    SqlType argument = dialect_info(w, scope, call->args[1]).type;
    bool of_time = unit && (!strcasecmp(unit, "hour") || !strcasecmp(unit, "minute"));
    if (of_time && sqltype_is(argument, SQL_DATE))
        return dialect_decline(w, call->location, "a time field of a date");
    if (!satisfies(TIMESTAMP_ARGUMENT, dialect_info(w, scope, call->args[1])))
        return dialect_decline(w, call->location, "extract() from something that is not a date or timestamp");
    for (size_t i = 0; unit && i < sizeof units / sizeof units[0]; i++) {
        if (strcasecmp(unit, units[i].unit) != 0) continue;
        strbuf_append_text(&w->out, units[i].written);
        TRY(dialect_expr(w, scope, call->args[1]));
        strbuf_append_char(&w->out, ')');
        return STATUS_OK;
    }
    return dialect_decline(w, call->location, "extract() of this field");
}

static Status write_special(DialectWriter *w, Scope *scope, const PgQuery__FuncCall *call, const char *name) {
    if (!strcmp(name, "mod")) return write_mod(w, scope, call);
    if (!strncmp(name, "subst", 5)) return write_substring(w, scope, call);
    if (!strcmp(name, "left") || !strcmp(name, "right")) return write_side(w, scope, call, name);
    if (!strcmp(name, "concat")) return write_concat(w, scope, call);
    if (!strcmp(name, "date_trunc")) return write_date_trunc(w, scope, call);
    return write_extract(w, scope, call);
}

static Status write_template(DialectWriter *w, Scope *scope, const PgQuery__FuncCall *call,
                             const char *written) {
    for (const char *p = written; *p; p++) {
        if (*p != '$') {
            strbuf_append_char(&w->out, *p);
            continue;
        }
        p++;
        if (call->agg_distinct) strbuf_append_text(&w->out, "DISTINCT ");
        TRY(dialect_expr(w, scope, call->args[*p - '1']));
    }
    return STATUS_OK;
}

static Status check_demands(DialectWriter *w, Scope *scope, const PgQuery__FuncCall *call,
                            const FunctionRule *rule) {
    size_t checked = rule->arg_count < 0 ? call->n_args : 1;
    for (size_t i = 0; i < checked; i++) {
        ExprInfo info = dialect_info(w, scope, call->args[i]);
        char what[96];
        snprintf(what, sizeof what, "%s() of this argument (its answer could differ)", rule->name);
        if (!satisfies(rule->demand, info)) return dialect_decline(w, call->location, what);
        if (call->agg_distinct && info.inexact_text)
            return dialect_decline(w, call->location,
                                   "DISTINCT over text whose collation takes unequal strings as equal");
    }
    return STATUS_OK;
}

Status dialect_function(DialectWriter *w, Scope *scope, const PgQuery__FuncCall *call) {
    const char *name = dialect_function_name(call);
    char what[128];
    snprintf(what, sizeof what, "function %.80s()", name ? name : "?");
    if (call->over || call->agg_filter || call->n_agg_order || call->agg_within_group || call->func_variadic)
        return dialect_decline(w, call->location,
                               call->over ? "a window function"
                                          : "FILTER, WITHIN GROUP or ORDER BY in an aggregate");
    if (call->agg_star && name && !strcmp(name, "count")) {
        strbuf_append_text(&w->out, "COUNT(*)");
        return STATUS_OK;
    }
    const FunctionRule *rule = rule_of(call);
    if (!rule) return dialect_decline(w, call->location, what);
    TRY(check_demands(w, scope, call, rule));
    return rule->written ? write_template(w, scope, call, rule->written)
                         : write_special(w, scope, call, name);
}
