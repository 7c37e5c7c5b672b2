#include "router/result_key.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engines/base/strbuf.h"
#include "router/sqlscan.h"

enum { MOST_CAST_COLUMNS = 32 };

typedef struct KeyWalk {
    const PgQuery__ParseResult *tree;
    const Statement *statement;
    int cast_columns; /* looked at so far */
} KeyWalk;

/* ---- words -----------------------------------------------------------------------------------------------
 */

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool result_key_names_clock(const char *text, size_t length) {
    static const char *const words[] = {"now", "today", "tomorrow", "yesterday"};
    for (size_t at = 0; at < length;) {
        size_t start = at;
        while (at < length && is_letter(text[at]))
            at++;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (at - start == strlen(words[i]) && strncasecmp(text + start, words[i], at - start) == 0)
                return true;
        at += at == start;
    }
    return false;
}

static int compare_name(const void *name, const void *entry) {
    return strcmp(name, *(const char *const *)entry);
}

#define IS_LISTED(name, list)                                                                                \
    (bsearch(name, list, sizeof list / sizeof *(list), sizeof *(list), compare_name) != NULL)

/* Functions that functions.h calls safe within a statement, but whose answer is of the moment, the session,
 * the server's files or catalogs, or hides a text's way to a date. Sorted. */
static const char *const moving_functions[] = {
    "current_database",
    "current_schema",
    "current_setting",
    "format_type",
    "has_table_privilege",
    "json_populate_record",
    "json_populate_recordset",
    "json_to_record",
    "json_to_recordset",
    "jsonb_path_exists_tz",
    "jsonb_path_match_tz",
    "jsonb_path_query_array_tz",
    "jsonb_path_query_first_tz",
    "jsonb_path_query_tz",
    "jsonb_populate_record",
    "jsonb_populate_recordset",
    "jsonb_to_record",
    "jsonb_to_recordset",
    "now",
    "obj_description",
    "phraseto_tsquery",
    "plainto_tsquery",
    "statement_timestamp",
    "to_tsquery",
    "to_tsvector",
    "transaction_timestamp",
    "ts_headline",
    "ts_rank",
    "ts_rank_cd",
    "version",
    "websearch_to_tsquery",
};

/* Of the system, whatever somebody may have called like one of them. Sorted. */
static const char *const plain_types[] = {
    "bool", "bpchar",    "bytea",       "char",   "date",  "float4",  "float8",  "int2",
    "int4", "int8",      "interval",    "json",   "jsonb", "name",    "numeric", "text",
    "time", "timestamp", "timestamptz", "timetz", "uuid",  "varchar",
};
static const char *const dated_types[] = {"date", "time", "timestamp", "timestamptz", "timetz"};
/* Functions that give a date, time or number whatever they are given. Sorted. */
static const char *const dating_functions[] = {
    "count",     "date_bin",       "date_part",        "date_trunc", "extract", "make_date",
    "make_time", "make_timestamp", "make_timestamptz", "timezone",   "to_date", "to_timestamp",
};

static const char *string_of(const PgQuery__Node *node) {
    return node && node->node_case == PG_QUERY__NODE__NODE_STRING ? node->string->sval : NULL;
}

/* NULL: of a schema of somebody's. */
static const char *plain_name(PgQuery__Node *const *parts, size_t count) {
    const char *name = count > 0 ? string_of(parts[count - 1]) : NULL;
    const char *schema = count == 2 ? string_of(parts[0]) : NULL;
    bool plain = count == 1 || (schema && strcmp(schema, "pg_catalog") == 0);
    return plain ? name : NULL;
}

/* ---- walking ---------------------------------------------------------------------------------------------
 */

typedef bool (*Visit)(void *context, const ProtobufCMessage *message, bool *descend);

/* False as soon as one visit says so. */
static bool visit_all(Visit visit, void *context, const ProtobufCMessage *message) {
    bool descend = true;
    if (!message) return true;
    if (!visit(context, message, &descend)) return false;
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    const char *base = (const char *)message;
    for (unsigned i = 0; descend && i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE) continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t count = *(const size_t *)(base + field->quantifier_offset);
            ProtobufCMessage *const *items = *(ProtobufCMessage *const *const *)(base + field->offset);
            for (size_t item = 0; item < count; item++)
                if (!visit_all(visit, context, items[item])) return false;
            continue;
        }
        bool in_union = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
        if (in_union && *(const uint32_t *)(base + field->quantifier_offset) != field->id) continue;
        if (!visit_all(visit, context, *(const ProtobufCMessage *const *)(base + field->offset)))
            return false;
    }
    return true;
}

/* ---- texts that become dates -----------------------------------------------------------------------------
 */

static const char *last_field(const PgQuery__ColumnRef *column) {
    return column->n_fields > 0 ? string_of(column->fields[column->n_fields - 1]) : NULL;
}

static bool is_column_of_name(const PgQuery__Node *node, const char *name) {
    const char *field =
        node && node->node_case == PG_QUERY__NODE__NODE_COLUMN_REF ? last_field(node->column_ref) : NULL;
    return field && strcmp(field, name) == 0;
}

/* Nothing in the statement gives this name to something else than a column of a table. */
static bool keeps_name(void *context, const ProtobufCMessage *message, bool *descend) {
    const char *name = context;
    const ProtobufCMessageDescriptor *type = message->descriptor;
    if (type == &pg_query__column_ref__descriptor || type == &pg_query__type_name__descriptor ||
        type == &pg_query__a__const__descriptor) {
        *descend = false;
        return true;
    }
    if (type == &pg_query__string__descriptor)
        return strcmp(((const PgQuery__String *)message)->sval, name) != 0;
    if (type == &pg_query__alias__descriptor)
        return strcmp(((const PgQuery__Alias *)message)->aliasname, name) != 0;
    if (type != &pg_query__res_target__descriptor) return true;
    const PgQuery__ResTarget *target = (const PgQuery__ResTarget *)message;
    return strcmp(target->name, name) != 0 || is_column_of_name(target->val, name);
}

/* Names that expressions get without one of their own. */
static bool is_given_name(const char *name) {
    static const char *const names[] = {"?column?", "array",    "case",  "coalesce", "exists",
                                        "greatest", "grouping", "least", "nullif",   "row"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return strncmp(name, "xml", 3) == 0 || strncmp(name, "json", 4) == 0;
}

/* A column of the statement's tables, and in all of them that have one of the name it is no text. */
static bool is_dated_column(KeyWalk *walk, const PgQuery__ColumnRef *column) {
    const char *name = last_field(column);
    int seen = 0;
    if (!name || is_given_name(name) || ++walk->cast_columns > MOST_CAST_COLUMNS) return false;
    for (int b = 0; b < walk->statement->binding_count; b++) {
        const TableDesc *table = walk->statement->bindings[b].table;
        for (int c = 0; c < table->column_count; c++) {
            SqlType type = table->columns[c].type;
            if (strcmp(table->columns[c].name, name) != 0) continue;
            bool dated = type.id == SQL_DATE || type.id == SQL_TIMESTAMP || type.id == SQL_TIMESTAMPTZ ||
                         type.id == SQL_TIME || sqltype_is_integer(type);
            if (!dated || type.is_array) return false;
            seen++;
        }
    }
    return seen > 0 && visit_all(keeps_name, (void *)name, &walk->tree->base);
}

/* Surely no text that is read when the statement runs: constants and parameters are looked at by themselves.
 */
static bool is_no_text(KeyWalk *walk, const PgQuery__Node *node, int depth) {
    if (!node || depth > 20) return false;
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_A_CONST:
    case PG_QUERY__NODE__NODE_PARAM_REF: return true;
    case PG_QUERY__NODE__NODE_COLUMN_REF: return is_dated_column(walk, node->column_ref);
    case PG_QUERY__NODE__NODE_TYPE_CAST: {
        const PgQuery__TypeName *type = node->type_cast->type_name;
        const char *name = plain_name(type->names, type->n_names);
        return name && IS_LISTED(name, dated_types);
    }
    case PG_QUERY__NODE__NODE_A_EXPR: {
        const char *name = plain_name(node->a_expr->name, node->a_expr->n_name);
        bool plain = node->a_expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP;
        return plain && name && strlen(name) == 1 && strchr("+-*/", name[0]);
    }
    case PG_QUERY__NODE__NODE_FUNC_CALL: {
        const PgQuery__FuncCall *call = node->func_call;
        const char *name = plain_name(call->funcname, call->n_funcname);
        if (name && IS_LISTED(name, dating_functions)) return true;
        bool passes = name && call->n_args == 1 && (!strcmp(name, "min") || !strcmp(name, "max"));
        return passes && is_no_text(walk, call->args[0], depth + 1);
    }
    default: return false;
    }
}

/* ---- what may not be in it -------------------------------------------------------------------------------
 */

static bool cast_is_fixed(KeyWalk *walk, const PgQuery__TypeCast *cast) {
    const PgQuery__TypeName *type = cast->type_name;
    const char *name = type ? plain_name(type->names, type->n_names) : NULL;
    if (!name || !IS_LISTED(name, plain_types)) return false;
    return !IS_LISTED(name, dated_types) || is_no_text(walk, cast->arg, 0);
}

static bool call_is_fixed(KeyWalk *walk, const PgQuery__FuncCall *call) {
    const char *name = plain_name(call->funcname, call->n_funcname);
    if (!name || IS_LISTED(name, moving_functions)) return false;
    if (strcmp(name, "age") == 0) return call->n_args == 2;
    if (strncmp(name, "pg_", 3) == 0) return strcmp(name, "pg_typeof") == 0;
    if (strcmp(name, "timestamp") == 0 || strcmp(name, "timestamptz") == 0)
        return call->n_args >= 1 && is_no_text(walk, call->args[0], 0);
    return true;
}

/* Text search reads dictionaries from the server's files. */
static bool operator_is_fixed(const PgQuery__AExpr *expr) {
    const char *name = plain_name(expr->name, expr->n_name);
    return name && strncmp(name, "@@", 2) != 0;
}

static bool is_fixed(void *context, const ProtobufCMessage *message, bool *descend) {
    const ProtobufCMessageDescriptor *type = message->descriptor;
    if (type == &pg_query__a__const__descriptor) {
        const PgQuery__AConst *constant = (const PgQuery__AConst *)message;
        const char *text = constant->val_case == PG_QUERY__A__CONST__VAL_SVAL ? constant->sval->sval : NULL;
        return !text || !result_key_names_clock(text, strlen(text));
    }
    if (type == &pg_query__type_cast__descriptor)
        return cast_is_fixed(context, (const PgQuery__TypeCast *)message);
    if (type == &pg_query__a__expr__descriptor) return operator_is_fixed((const PgQuery__AExpr *)message);
    if (type == &pg_query__func_call__descriptor)
        return call_is_fixed(context, (const PgQuery__FuncCall *)message);
    return type != &pg_query__sqlvalue_function__descriptor && type != &pg_query__column_def__descriptor &&
           type != &pg_query__range_table_func__descriptor && type != &pg_query__xml_serialize__descriptor &&
           type != &pg_query__xml_expr__descriptor;
}

static bool tables_are_known(const Features *features, const Resolution *resolution) {
    if (resolution->uses_catalog || resolution->unresolved) return false;
    for (int i = 0; i < features->table_count; i++) {
        const RegistryTable *entry = resolution->uses[i].entry;
        if (!entry || resolution->uses[i].is_catalog) return false;
        const char *kind = entry->table->kind;
        if (strcmp(kind, "table") != 0 && strcmp(kind, "partitioned table") != 0 &&
            strcmp(kind, "materialized view") != 0)
            return false;
    }
    return features->table_count > 0;
}

/* ---- the key ---------------------------------------------------------------------------------------------
 */

/* Each token with its kind and length, so that no two texts of other tokens have one key. */
static void append_tokens(const char *sql, size_t length, StrBuf *out) {
    SqlScan scan;
    SqlToken token;
    sqlscan_init(&scan, sql, length);
    for (sqlscan_next(&scan, &token); token.kind != SQLTOKEN_END; sqlscan_next(&scan, &token)) {
        uint32_t token_bytes = (uint32_t)token.length;
        if (sqltoken_is_char(&scan, &token, ';')) continue; /* one statement: at its ends */
        strbuf_append_char(out, (char)token.kind);
        strbuf_append(out, &token_bytes, sizeof token_bytes);
        size_t from = out->length;
        strbuf_append(out, sql + token.start, token.length);
        for (size_t i = from; token.kind == SQLTOKEN_WORD && i < out->length; i++)
            if (out->data[i] >= 'A' && out->data[i] <= 'Z') out->data[i] += 'a' - 'A';
    }
}

static bool travels_are_fixed(const Statement *statement) {
    if (statement->as_of && result_key_names_clock(statement->as_of, strlen(statement->as_of))) return false;
    for (int i = 0; i < statement->travel_count; i++)
        if (result_key_names_clock(statement->travels[i].text, strlen(statement->travels[i].text)))
            return false;
    return true;
}

static void append_travels(const Statement *statement, StrBuf *out) {
    if (statement->as_of) strbuf_append(out, statement->as_of, strlen(statement->as_of) + 1);
    for (int i = 0; i < statement->travel_count; i++) {
        const TableTravel *travel = &statement->travels[i];
        strbuf_printf(out, "%d %d ", travel->location, travel->is_version);
        strbuf_append(out, travel->text, strlen(travel->text) + 1);
    }
}

void result_key_read(const Features *features, const Resolution *resolution, const Statement *statement,
                     Arena *arena, Decision *decision) {
    KeyWalk walk = {.tree = statement->tree, .statement = statement};
    if (!decision->repeatable || !tables_are_known(features, resolution) || !travels_are_fixed(statement) ||
        !visit_all(is_fixed, &walk, &statement->tree->base))
        return;
    StrBuf key;
    strbuf_init(&key);
    append_tokens(statement->sql, statement->sql_length, &key);
    strbuf_append_char(&key, 0); /* no kind of token */
    append_travels(statement, &key);
    decision->result_key = arena_strndup(arena, key.data, key.length);
    decision->result_key_bytes = key.length;
    strbuf_deinit(&key);
}
