/* GET /api/v1/schemas, /api/v1/schemas/{s}/tables, /api/v1/tables, /api/v1/tables/{t}: what can be queried.
 *
 * A logical table is a name; its placements are the engines that hold it. {t} is a name, schema.name or
 * engine.schema.name.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi/api/api_internal.h"
#include "fcgi/api/decision_json.h"
#include "fcgi/api/problem.h"
#include "fcgi/api/table_target.h"

static void append_text(StrBuf *out, const char *name, const char *value) {
    strbuf_printf(out, "\"%s\":", name);
    strbuf_append_json(out, value, strlen(value));
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

static void append_placement(StrBuf *out, const RegistryTable *entry) {
    strbuf_append_char(out, '{');
    append_text(out, "engine", entry->engine->name);
    strbuf_append_char(out, ',');
    append_text(out, "schema", entry->table->schema);
    strbuf_append_char(out, ',');
    append_text(out, "kind", entry->table->kind ? entry->table->kind : "table");
    strbuf_append_text(out, ",\"freshness\":\"current\"");
    append_sizes(out, entry->table);
    strbuf_append_char(out, '}');
}

/* `entries` are the placements of one logical table, the first describes it. */
static void append_table(StrBuf *out, const RegistryTable *const *entries, int count) {
    const TableDesc *table = entries[0]->table;
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
        append_placement(out, entries[i]);
    }
    strbuf_append_text(out, "]}");
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
        append_table(&out, entries + i, next - i);
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
    reply_tables(api, exchange, NULL);
}

void schema_tables_handle(Api *api, Exchange *exchange, char *const *arguments) {
    reply_tables(api, exchange, arguments[0]);
}

void table_handle(Api *api, Exchange *exchange, char *const *arguments) {
    RegistryView view;
    api_catch_up(api);
    router_registry(api->router, &view);
    const RegistryTable **found = ARENA_NEW_ARRAY(&exchange->arena, const RegistryTable *, view.count + 1);
    int count = 0;
    for (int i = 0; i < view.count; i++)
        if (table_is_called(&view.tables[i], arguments[0])) found[count++] = &view.tables[i];
    StrBuf out;
    strbuf_init(&out);
    if (count) append_table(&out, found, count);
    registry_view_release(&view);
    if (!count) {
        strbuf_deinit(&out);
        table_target_reply_missing(exchange, arguments[0]);
        return;
    }
    strbuf_append_char(&out, '\n');
    api_reply_json(exchange, 200, &out);
}

void schemas_list_handle(Api *api, Exchange *exchange, char *const *arguments) {
    RegistryView view;
    api_catch_up(api);
    router_registry(api->router, &view);
    StrBuf out;
    strbuf_init(&out);
    strbuf_append_text(&out, "{\"schemas\":[");
    int shown = 0;
    for (int i = 0; i < view.count; i++) {
        const RegistryTable *entry = &view.tables[i];
        int tables = 0;
        bool seen = false;
        for (int j = 0; j < view.count && !seen; j++) {
            bool same = view.tables[j].engine == entry->engine &&
                        !strcmp(view.tables[j].table->schema, entry->table->schema);
            tables += same;
            seen = same && j < i;
        }
        if (seen) continue;
        strbuf_append_text(&out, shown++ ? ",{" : "{");
        append_text(&out, "name", entry->table->schema);
        strbuf_append_char(&out, ',');
        append_text(&out, "engine", entry->engine->name);
        strbuf_printf(&out, ",\"table_count\":%d}", tables);
    }
    strbuf_append_text(&out, "]}\n");
    registry_view_release(&view);
    api_reply_json(exchange, 200, &out);
}
