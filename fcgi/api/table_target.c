#include "fcgi/api/table_target.h"

#include <string.h>

#include "fcgi/api/problem.h"

/* "users", "public.users", "postgres.public.users"; a name may itself contain dots, so compare, do not split.
 */
bool table_is_called(const RegistryTable *entry, const char *wanted) {
    const TableDesc *table = entry->table;
    if (!strcmp(wanted, table->name)) return true;
    size_t engine = strlen(entry->engine->name);
    if (!strncmp(wanted, entry->engine->name, engine) && wanted[engine] == '.') {
        const char *rest = wanted + engine + 1;
        size_t schema = strlen(table->schema);
        if (!strncmp(rest, table->schema, schema) && rest[schema] == '.' &&
            !strcmp(rest + schema + 1, table->name))
            return true;
    }
    size_t schema = strlen(table->schema);
    return !strncmp(wanted, table->schema, schema) && wanted[schema] == '.' &&
           !strcmp(wanted + schema + 1, table->name);
}

static TableDesc *copy_description(Arena *arena, const TableDesc *table) {
    TableDesc *copy = arena_memdup(arena, table, sizeof *table);
    ColumnDesc *columns = ARENA_NEW_ARRAY(arena, ColumnDesc, table->column_count + 1);
    KeyDesc *keys = ARENA_NEW_ARRAY(arena, KeyDesc, table->key_count + 1);
    for (int i = 0; i < table->column_count; i++) {
        columns[i] = table->columns[i];
        columns[i].name = arena_strdup(arena, columns[i].name);
        if (columns[i].type_name) columns[i].type_name = arena_strdup(arena, columns[i].type_name);
    }
    for (int i = 0; i < table->key_count; i++) {
        keys[i] = table->keys[i];
        if (keys[i].name) keys[i].name = arena_strdup(arena, keys[i].name);
        keys[i].columns = arena_memdup(arena, keys[i].columns,
                                       sizeof(int) * (size_t)(keys[i].column_count + 1) - sizeof(int));
    }
    copy->schema = arena_strdup(arena, table->schema);
    copy->name = arena_strdup(arena, table->name);
    copy->kind = table->kind ? arena_strdup(arena, table->kind) : "table";
    copy->columns = columns;
    copy->keys = keys;
    return copy;
}

static Engine *columnar_engine(Api *api) {
    for (int i = 0; i < router_engine_count(api->router); i++)
        if (!strcmp(router_engine(api->router, i)->ops->kind, "columnar"))
            return router_engine(api->router, i);
    return NULL;
}

/* Of a table that is still to be made: [engine.][schema.]name. */
static void take_new_name(Api *api, Arena *arena, const char *wanted, TableTarget *out) {
    for (int i = 0; i < router_engine_count(api->router); i++) {
        Engine *engine = router_engine(api->router, i);
        size_t length = strlen(engine->name);
        const char *rest = wanted + length + 1;
        if (strncmp(wanted, engine->name, length) || wanted[length] != '.' || !strchr(rest, '.')) continue;
        out->engine = engine;
        wanted = rest;
        break;
    }
    const char *dot = strchr(wanted, '.');
    out->schema = dot ? arena_strndup(arena, wanted, (size_t)(dot - wanted)) : NULL;
    out->name = arena_strdup(arena, dot ? dot + 1 : wanted);
}

Status table_target_find(Api *api, Exchange *exchange, const char *wanted, const char *engine_name,
                         TableTarget *out, Error *err) {
    return table_target_find_in(api, &exchange->arena, wanted, engine_name, out, err);
}

Status table_target_find_in(Api *api, Arena *arena, const char *wanted, const char *engine_name,
                            TableTarget *out, Error *err) {
    RegistryView view;
    *out = (TableTarget){.engine = columnar_engine(api)};
    Engine *only = NULL;
    if (engine_name && engine_name[0] && strcmp(engine_name, "auto") != 0) {
        only = router_engine_by_name(api->router, engine_name);
        if (!only)
            return error_set(err, SQLSTATE_UNKNOWN_ENGINE, "there is no engine \"%.100s\"", engine_name);
        out->engine = only;
    }
    api_catch_up(api);
    router_registry(api->router, &view);
    const RegistryTable *found = NULL;
    for (int i = 0; i < view.count; i++) {
        const RegistryTable *entry = &view.tables[i];
        if ((only && entry->engine != only) || !table_is_called(entry, wanted)) continue;
        if (!found || (entry->engine == out->engine && found->engine != out->engine)) found = entry;
    }
    if (found) {
        out->engine = found->engine;
        out->desc = copy_description(arena, found->table);
        out->schema = out->desc->schema;
        out->name = out->desc->name;
        out->exists = true;
    } else {
        take_new_name(api, arena, wanted, out);
    }
    registry_view_release(&view);
    if (!out->engine)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "this server has no columnar engine");
    return STATUS_OK;
}

void table_target_reply_missing(Exchange *exchange, const char *wanted) {
    Error err = {0};
    (void)!error_set(&err, SQLSTATE_UNDEFINED_TABLE, "table \"%.200s\" does not exist", wanted);
    problem_reply(exchange, 404, &err);
}

void table_target_append_name(StrBuf *out, const TableTarget *target) {
    if (target->schema) {
        strbuf_append_identifier(out, target->schema, '"');
        strbuf_append_char(out, '.');
    }
    strbuf_append_identifier(out, target->name, '"');
}
