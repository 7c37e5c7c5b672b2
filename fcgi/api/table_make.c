/* POST /api/v1/tables, DELETE /api/v1/tables/{t}, POST /api/v1/schemas: tables and schemas made and dropped
 * by the statements that SQL has for it, so that whatever is true of those is true here. */
#include <string.h>

#include "fcgi/api/own_statement.h"
#include "fcgi/api/problem.h"
#include "fcgi/api/query_request.h"
#include "fcgi/api/table_target.h"

enum { MAX_TABLE_COLUMNS = 1600 };

/* ---- the body --------------------------------------------------------------------------------------------
 */

/* False: a problem was replied. */
static bool read_object(Exchange *exchange, JsonNode **out) {
    Error err = {0};
    if (!query_request_is_json(exchange)) return false;
    Status status = json_read(&exchange->arena, exchange->body, exchange->body_bytes, out, &err);
    if (status == STATUS_OK && (*out)->kind != JSON_OBJECT)
        status = error_set(&err, SQLSTATE_INVALID_PARAMETER, "the body must be an object");
    if (status != STATUS_OK) problem_reply(exchange, 400, &err);
    return status == STATUS_OK;
}

typedef struct Member {
    const char *name;
    JsonKind kind;
    JsonNode **out;
} Member;

/* Strict: an unknown member, one twice or of another kind is an error that names it. null = not given. */
static Status read_members(const JsonNode *object, const Member *members, size_t count, Error *err) {
    for (JsonNode *node = object->children; node; node = node->next) {
        const Member *member = NULL;
        for (size_t i = 0; i < count && !member; i++)
            if (strlen(members[i].name) == node->key_length &&
                !memcmp(members[i].name, node->key, node->key_length))
                member = &members[i];
        int shown = (int)(node->key_length < 100 ? node->key_length : 100);
        if (!member)
            return error_set(err, SQLSTATE_INVALID_PARAMETER, "there is no member \"%.*s\" here", shown,
                             node->key);
        if (*member->out)
            return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"%s\" is given twice", member->name);
        if (node->kind == JSON_NULL) continue;
        if (node->kind != member->kind)
            return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"%s\" must be %s", member->name,
                             json_kind_name(member->kind));
        *member->out = node;
    }
    return STATUS_OK;
}

static const char *text_of(const JsonNode *node) {
    return node && node->text && node->text[0] ? node->text : NULL;
}

/* ---- tables ----------------------------------------------------------------------------------------------
 */

/* A type's name goes into the statement as it is: nothing but names, brackets and numbers. */
static bool is_type_text(const char *type) {
    int depth = 0;
    for (const char *c = type; *c; c++) {
        bool plain =
            (*c >= '0' && *c <= '9') || ((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z') || strchr(" _.\"[]", *c);
        if (*c == '(')
            depth++;
        else if (*c == ')')
            depth--;
        else if (!plain && !(*c == ',' && depth > 0))
            return false;
        if (depth < 0 || depth > 1) return false;
    }
    return depth == 0 && type[0];
}

static Status append_column(StrBuf *sql, const JsonNode *column, Error *err) {
    JsonNode *name = NULL, *type = NULL, *nullable = NULL;
    const Member members[] = {
        {"name", JSON_STRING, &name}, {"type", JSON_STRING, &type}, {"nullable", JSON_BOOL, &nullable}};
    if (column->kind != JSON_OBJECT)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "each of \"columns\" must be an object");
    TRY(read_members(column, members, 3, err));
    if (!text_of(name) || !text_of(type))
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "a column needs \"name\" and \"type\"");
    if (!is_type_text(type->text))
        return error_set(err, SQLSTATE_SYNTAX_ERROR, "\"%.100s\" is not the name of a type", type->text);
    strbuf_append_identifier(sql, name->text, '"');
    strbuf_append_char(sql, ' ');
    strbuf_append_text(sql, type->text);
    if (nullable && !nullable->boolean) strbuf_append_text(sql, " NOT NULL");
    return STATUS_OK;
}

static void append_option(StrBuf *sql, const char *name, const JsonNode *value, bool *any) {
    if (!text_of(value)) return;
    strbuf_printf(sql, "%s%s = ", *any ? ", " : " WITH (", name);
    strbuf_append_literal(sql, value->text, value->length);
    *any = true;
}

typedef struct NewTable {
    TableTarget target;
    JsonNode *name, *schema, *columns, *engine, *partitioning, *sort_order, *if_not_exists;
} NewTable;

static Status read_new_table(Api *api, Exchange *exchange, const JsonNode *body, NewTable *out, Error *err) {
    const Member members[] = {{"name", JSON_STRING, &out->name},
                              {"schema", JSON_STRING, &out->schema},
                              {"columns", JSON_ARRAY, &out->columns},
                              {"engine", JSON_STRING, &out->engine},
                              {"partitioning", JSON_STRING, &out->partitioning},
                              {"sort_order", JSON_STRING, &out->sort_order},
                              {"if_not_exists", JSON_BOOL, &out->if_not_exists}};
    TRY(read_members(body, members, sizeof members / sizeof *members, err));
    if (!text_of(out->name)) return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"name\" is missing");
    if (!out->columns || out->columns->child_count < 1 || out->columns->child_count > MAX_TABLE_COLUMNS)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"columns\" must be 1 to %d columns",
                         MAX_TABLE_COLUMNS);
    const char *wanted = text_of(out->schema)
                             ? arena_printf(&exchange->arena, "%s.%s", out->schema->text, out->name->text)
                             : out->name->text;
    TRY(table_target_find(api, exchange, wanted, text_of(out->engine), &out->target, err));
    if (text_of(out->schema)) { /* whole names, whatever dots they have */
        out->target.schema = out->schema->text;
        out->target.name = out->name->text;
    }
    return STATUS_OK;
}

static Status make_table(Api *api, Exchange *exchange, const NewTable *table, Error *err) {
    StrBuf sql;
    bool any = false;
    strbuf_init(&sql);
    strbuf_append_text(&sql, "CREATE TABLE ");
    if (table->if_not_exists && table->if_not_exists->boolean) strbuf_append_text(&sql, "IF NOT EXISTS ");
    table_target_append_name(&sql, &table->target);
    Status status = STATUS_OK;
    for (JsonNode *column = table->columns->children; column && status == STATUS_OK; column = column->next) {
        strbuf_append_text(&sql, column == table->columns->children ? " (" : ", ");
        status = append_column(&sql, column, err);
    }
    strbuf_append_char(&sql, ')');
    append_option(&sql, "partitioning", table->partitioning, &any);
    append_option(&sql, "sort_order", table->sort_order, &any);
    if (any) strbuf_append_char(&sql, ')');
    OwnStatement statement = {.sql = strbuf_text(&sql), .engine = table->target.engine->name};
    if (status == STATUS_OK) status = own_statement_run(api, exchange, &statement, err);
    strbuf_deinit(&sql);
    return status;
}

void tables_make_handle(Api *api, Exchange *exchange, char *const *arguments) {
    NewTable table = {0};
    Error err = {0};
    JsonNode *body;
    if (!read_object(exchange, &body)) return;
    Status status = read_new_table(api, exchange, body, &table, &err);
    if (status == STATUS_OK) status = make_table(api, exchange, &table, &err);
    if (status != STATUS_OK) {
        problem_reply(exchange, strcmp(err.sqlstate, SQLSTATE_DUPLICATE_TABLE) ? 0 : 409, &err);
        return;
    }
    char *full = table.target.schema ? arena_printf(&exchange->arena, "%s.%s.%s", table.target.engine->name,
                                                    table.target.schema, table.target.name)
                                     : arena_strdup(&exchange->arena, table.target.name);
    table_reply(api, exchange, full, 201);
}

void table_drop_handle(Api *api, Exchange *exchange, char *const *arguments) {
    TableTarget target;
    Error err = {0};
    Status status = table_target_find(api, exchange, arguments[0], exchange_query_value(exchange, "engine"),
                                      &target, &err);
    if (status == STATUS_OK && !target.exists) {
        table_target_reply_missing(exchange, arguments[0]);
        return;
    }
    if (status == STATUS_OK) {
        StrBuf sql;
        strbuf_init(&sql);
        strbuf_append_text(&sql, !strcmp(target.desc->kind, "view") ? "DROP VIEW " : "DROP TABLE ");
        table_target_append_name(&sql, &target);
        OwnStatement statement = {.sql = strbuf_text(&sql), .engine = target.engine->name};
        status = own_statement_run(api, exchange, &statement, &err);
        strbuf_deinit(&sql);
    }
    if (status == STATUS_OK)
        exchange_reply(exchange, 204, NULL, NULL, 0);
    else
        problem_reply(exchange, 0, &err);
}

/* ---- schemas ---------------------------------------------------------------------------------------------
 */

void schemas_make_handle(Api *api, Exchange *exchange, char *const *arguments) {
    JsonNode *body, *name = NULL, *engine = NULL;
    const Member members[] = {{"name", JSON_STRING, &name}, {"engine", JSON_STRING, &engine}};
    Error err = {0};
    StrBuf sql, out;
    if (!read_object(exchange, &body)) return;
    Status status = read_members(body, members, 2, &err);
    if (status == STATUS_OK && !text_of(name))
        status = error_set(&err, SQLSTATE_INVALID_PARAMETER, "\"name\" is missing");
    strbuf_init(&sql);
    if (status == STATUS_OK) {
        strbuf_append_text(&sql, "CREATE SCHEMA ");
        strbuf_append_identifier(&sql, name->text, '"');
        OwnStatement statement = {.sql = strbuf_text(&sql), .engine = text_of(engine)};
        status = own_statement_run(api, exchange, &statement, &err);
    }
    strbuf_deinit(&sql);
    if (status != STATUS_OK) {
        problem_reply(exchange, strcmp(err.sqlstate, "42P06") ? 0 : 409, &err);
        return;
    }
    strbuf_init(&out);
    strbuf_append_text(&out, "{\"name\":");
    strbuf_append_json(&out, name->text, name->length);
    strbuf_append_text(&out, "}\n");
    api_reply_json(exchange, 201, &out);
}
