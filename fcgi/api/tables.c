/* GET /api/v1/schemas, /api/v1/schemas/{s}/tables, /api/v1/tables, /api/v1/tables/{t}: what can be queried.
 *
 * A logical table is a name; its placements are the engines that hold it. {t} is a name, schema.name or
 * engine.schema.name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fcgi/api/api_internal.h"
#include "fcgi/api/decision_json.h"
#include "fcgi/api/problem.h"
#include "fcgi/api/table_target.h"

enum { MAX_FILES_SHOWN = 1000 };

static void append_text(StrBuf *out, const char *name, const char *value) {
    strbuf_printf(out, "\"%s\":", name);
    strbuf_append_json(out, value, strlen(value));
}

static void append_text_or_null(StrBuf *out, const char *value) {
    if (value)
        strbuf_append_json(out, value, strlen(value));
    else
        strbuf_append_text(out, "null");
}

static void append_number_or_null(StrBuf *out, int64_t value) {
    if (value >= 0)
        strbuf_append_i64(out, value);
    else
        strbuf_append_text(out, "null");
}

static void append_columns(StrBuf *out, const TableDesc *table) {
    strbuf_append_text(out, ",\"columns\":[");
    for (int i = 0; i < table->column_count; i++) {
        const ColumnDesc *column = &table->columns[i];
        char scratch[SQLTYPE_NAME_BYTES];
        strbuf_append_text(out, i ? ",{" : "{");
        append_text(out, "name", column->name);
        strbuf_append_char(out, ',');
        append_text(out, "type",
                    column->type_name ? column->type_name : sqltype_short_name(column->type, scratch));
        strbuf_printf(out, ",\"nullable\":%s}", column->nullable ? "true" : "false");
    }
    strbuf_append_char(out, ']');
}

static void append_keys(StrBuf *out, const TableDesc *table) {
    strbuf_append_text(out, ",\"keys\":[");
    for (int i = 0; i < table->key_count; i++) {
        const KeyDesc *key = &table->keys[i];
        strbuf_append_text(out, i ? ",{" : "{");
        append_text(out, "name", key->name ? key->name : "");
        strbuf_printf(out, ",\"unique\":%s,\"primary\":%s,\"columns\":[", key->unique ? "true" : "false",
                      key->primary ? "true" : "false");
        for (int c = 0; c < key->column_count; c++) {
            bool named = key->columns[c] >= 0 && key->columns[c] < table->column_count;
            const char *name = named ? table->columns[key->columns[c]].name : "(expression)";
            if (c) strbuf_append_char(out, ',');
            strbuf_append_json(out, name, strlen(name));
        }
        strbuf_append_text(out, "]}");
    }
    strbuf_append_char(out, ']');
}

static void append_sizes(StrBuf *out, const TableDesc *table) {
    strbuf_append_text(out, ",\"row_count\":");
    json_append_estimate(out, table->row_estimate);
    strbuf_append_text(out, ",\"bytes\":");
    json_append_estimate(out, (double)table->bytes);
}

static void append_snapshots(StrBuf *out, const TableDetails *details) {
    strbuf_append_text(out, ",\"snapshots\":[");
    for (int i = 0; i < details->snapshot_count; i++) {
        const TableSnapshot *snapshot = &details->snapshots[i];
        char time[40];
        time_t seconds = (time_t)(snapshot->timestamp_us / 1000000);
        struct tm parts;
        gmtime_r(&seconds, &parts);
        size_t length = strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &parts);
        snprintf(time + length, sizeof time - length, ".%03dZ", (int)(snapshot->timestamp_us / 1000 % 1000));
        strbuf_printf(out, "%s{\"id\":%lld,\"parent_id\":", i ? "," : "", (long long)snapshot->id);
        append_number_or_null(out, snapshot->parent_id);
        strbuf_printf(out, ",\"timestamp\":\"%s\",", time);
        append_text(out, "operation", snapshot->operation ? snapshot->operation : "");
        strbuf_append_text(out, ",\"added_rows\":");
        append_number_or_null(out, snapshot->added_rows);
        strbuf_append_text(out, ",\"deleted_rows\":");
        append_number_or_null(out, snapshot->deleted_rows);
        strbuf_append_text(out, ",\"total_rows\":");
        append_number_or_null(out, snapshot->total_rows);
        strbuf_append_char(out, '}');
    }
    strbuf_append_char(out, ']');
}

static void append_details(StrBuf *out, const TableDetails *details) {
    strbuf_append_char(out, ',');
    append_text(out, "location", details->location);
    strbuf_printf(out, ",\"format_version\":%d,\"snapshot_id\":", details->format_version);
    append_number_or_null(out, details->snapshot_id);
    strbuf_append_text(out, ",\"partitioning\":");
    append_text_or_null(out, details->partitioning);
    strbuf_append_text(out, ",\"sort_order\":");
    append_text_or_null(out, details->sort_order);
    strbuf_printf(out, ",\"file_count\":%d,\"files\":[", details->file_count);
    for (int i = 0; i < details->file_count && i < MAX_FILES_SHOWN; i++) {
        strbuf_append_text(out, i ? ",{" : "{");
        append_text(out, "path", details->files[i].path);
        strbuf_printf(out, ",\"row_count\":%lld,\"bytes\":%lld}", (long long)details->files[i].row_count,
                      (long long)details->files[i].bytes);
    }
    strbuf_append_char(out, ']');
    append_snapshots(out, details);
}

/* What only the table's engine knows, asked now; the counts are then those of this moment. */
static bool find_details(Exchange *exchange, const RegistryTable *entry, TableDesc *table,
                         TableDetails *details) {
    Error ignored;
    const EngineOps *ops = entry->engine->ops;
    if (!ops->table_details || ops->table_details(entry->engine, table->schema, table->name, &exchange->arena,
                                                  details, &ignored) != STATUS_OK)
        return false;
    table->row_estimate = 0;
    table->bytes = 0;
    for (int i = 0; i < details->file_count; i++) {
        table->row_estimate += (double)details->files[i].row_count;
        table->bytes += details->files[i].bytes;
    }
    return true;
}

static void append_placement(StrBuf *out, const Engine *engine, const TableDesc *table) {
    strbuf_append_char(out, '{');
    append_text(out, "engine", engine->name);
    strbuf_append_char(out, ',');
    append_text(out, "schema", table->schema);
    strbuf_append_char(out, ',');
    append_text(out, "kind", table->kind ? table->kind : "table");
    strbuf_append_text(out, ",\"freshness\":\"current\"");
    append_sizes(out, table);
    strbuf_append_char(out, '}');
}

/* `entries` are the placements of one logical table, the first describes it. */
static void append_table(StrBuf *out, Exchange *exchange, const RegistryTable *const *entries, int count,
                         bool detailed) {
    TableDesc described = *entries[0]->table;
    const TableDesc *table = &described;
    TableDetails details;
    detailed = detailed && find_details(exchange, entries[0], &described, &details);
    strbuf_append_char(out, '{');
    append_text(out, "name", table->name);
    strbuf_append_char(out, ',');
    append_text(out, "schema", table->schema);
    strbuf_append_char(out, ',');
    append_text(out, "kind", table->kind ? table->kind : "table");
    strbuf_append_char(out, ',');
    append_text(out, "engine", entries[0]->engine->name);
    append_sizes(out, table);
    append_columns(out, table);
    append_keys(out, table);
    strbuf_append_text(out, ",\"placements\":[");
    for (int i = 0; i < count; i++) {
        if (i) strbuf_append_char(out, ',');
        append_placement(out, entries[i]->engine, i ? entries[i]->table : table);
    }
    strbuf_append_char(out, ']');
    if (detailed) append_details(out, &details);
    strbuf_append_char(out, '}');
}

static int compare_entries(const void *left, const void *right) {
    const RegistryTable *a = *(const RegistryTable *const *)left, *b = *(const RegistryTable *const *)right;
    int order = strcmp(a->table->name, b->table->name);
    if (!order) order = strcmp(a->table->schema, b->table->schema);
    return order ? order : (a > b) - (a < b); /* the registry's own order among placements */
}

/* Pointers into the view, sorted so that placements of a name are neighbours. */
static const RegistryTable **sorted_entries(Exchange *exchange, const RegistryView *view) {
    const RegistryTable **entries = ARENA_NEW_ARRAY(&exchange->arena, const RegistryTable *, view->count + 1);
    for (int i = 0; i < view->count; i++)
        entries[i] = &view->tables[i];
    qsort(entries, (size_t)view->count, sizeof *entries, compare_entries);
    return entries;
}

static void reply_tables(Api *api, Exchange *exchange, const char *schema) {
    RegistryView view;
    api_catch_up(api);
    router_registry(api->router, &view);
    const RegistryTable **entries = sorted_entries(exchange, &view);
    StrBuf out;
    strbuf_init(&out);
    strbuf_append_text(&out, "{\"tables\":[");
    int shown = 0;
    for (int i = 0, next; i < view.count; i = next) {
        for (next = i + 1; next < view.count &&
                           !strcmp(entries[i]->table->name, entries[next]->table->name) &&
                           !strcmp(entries[i]->table->schema, entries[next]->table->schema);)
            next++;
        if (schema && strcmp(schema, entries[i]->table->schema) != 0) continue;
        strbuf_append_text(&out, shown++ ? ",\n" : "\n");
        append_table(&out, exchange, entries + i, next - i, false);
    }
    strbuf_append_text(&out, "\n]}\n");
    registry_view_release(&view);
    if (schema && !shown) {
        strbuf_deinit(&out);
        problem_reply_text(exchange, 404, "there is no such schema, or it has no tables");
    } else {
        api_reply_json(exchange, 200, &out);
    }
}

void tables_list_handle(Api *api, Exchange *exchange, char *const *arguments) {
    if (exchange->method == HTTP_POST)
        tables_make_handle(api, exchange, arguments);
    else
        reply_tables(api, exchange, NULL);
}

void schema_tables_handle(Api *api, Exchange *exchange, char *const *arguments) {
    reply_tables(api, exchange, arguments[0]);
}

void table_reply(Api *api, Exchange *exchange, const char *wanted, int http_status) {
    RegistryView view;
    api_catch_up(api);
    router_registry(api->router, &view);
    const RegistryTable **found = ARENA_NEW_ARRAY(&exchange->arena, const RegistryTable *, view.count + 1);
    int count = 0;
    for (int i = 0; i < view.count; i++)
        if (table_is_called(&view.tables[i], wanted)) found[count++] = &view.tables[i];
    StrBuf out;
    strbuf_init(&out);
    if (count) append_table(&out, exchange, found, count, true);
    registry_view_release(&view);
    if (!count) {
        strbuf_deinit(&out);
        table_target_reply_missing(exchange, wanted);
        return;
    }
    strbuf_append_char(&out, '\n');
    api_reply_json(exchange, http_status, &out);
}

void table_handle(Api *api, Exchange *exchange, char *const *arguments) {
    if (exchange->method == HTTP_DELETE)
        table_drop_handle(api, exchange, arguments);
    else
        table_reply(api, exchange, arguments[0], 200);
}

typedef struct SchemaList {
    StrBuf out;
    const RegistryView *view;
    int shown;
} SchemaList;

static void append_schema(SchemaList *list, const Engine *engine, const char *name) {
    int tables = 0;
    for (int i = 0; i < list->view->count; i++)
        tables +=
            list->view->tables[i].engine == engine && !strcmp(list->view->tables[i].table->schema, name);
    strbuf_append_text(&list->out, list->shown++ ? ",{" : "{");
    append_text(&list->out, "name", name);
    strbuf_append_char(&list->out, ',');
    append_text(&list->out, "engine", engine->name);
    strbuf_printf(&list->out, ",\"table_count\":%d}", tables);
}

/* Those without a table are the engine's to name; one that is down, or names none, has those of its tables.
 */
static void append_schemas_of(SchemaList *list, Engine *engine, Arena *arena) {
    const char **names = NULL;
    int count = 0;
    if (engine->ops->schemas && engine->ops->schemas(engine, arena, &names, &count, NULL) != STATUS_OK)
        count = 0;
    for (int i = 0; i < count; i++)
        append_schema(list, engine, names[i]);
    for (int i = 0; i < list->view->count; i++) {
        const RegistryTable *entry = &list->view->tables[i];
        bool seen = entry->engine != engine;
        for (int j = 0; j < count && !seen; j++)
            seen = !strcmp(names[j], entry->table->schema);
        for (int j = 0; j < i && !seen; j++)
            seen = list->view->tables[j].engine == engine &&
                   !strcmp(list->view->tables[j].table->schema, entry->table->schema);
        if (!seen) append_schema(list, engine, entry->table->schema);
    }
}

void schemas_list_handle(Api *api, Exchange *exchange, char *const *arguments) {
    if (exchange->method == HTTP_POST) {
        schemas_make_handle(api, exchange, arguments);
        return;
    }
    RegistryView view;
    api_catch_up(api);
    router_registry(api->router, &view);
    SchemaList list = {.view = &view};
    strbuf_init(&list.out);
    strbuf_append_text(&list.out, "{\"schemas\":[");
    for (int i = 0; i < router_engine_count(api->router); i++)
        append_schemas_of(&list, router_engine(api->router, i), &exchange->arena);
    strbuf_append_text(&list.out, "]}\n");
    registry_view_release(&view);
    api_reply_json(exchange, 200, &list.out);
}
