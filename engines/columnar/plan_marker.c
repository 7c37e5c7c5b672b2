#include "engines/columnar/plan_marker.h"

#include <string.h>

/* Views and functions say what they said only as long as nobody looks at their text again; what stands in
 * files changes without a trace. */
bool plan_marker_exists(const Plan *plan, FileTables *files) {
    bool current;
    if (plan->explain || plan->write || plan->uses_statement_time || plan->reads_moving_past ||
        plan->definition_count > 0)
        return false;
    for (int i = 0; i < plan->version_count; i++)
        if (file_tables_check(files, plan->versions[i], &current)) return false;
    return true;
}

static void append_name(const char *namespace_name, const char *name, StrBuf *out) {
    strbuf_append(out, namespace_name, strlen(namespace_name) + 1);
    strbuf_append(out, name, strlen(name) + 1);
}

void plan_marker_append(const Plan *plan, StrBuf *out) {
    for (int i = 0; i < plan->version_count; i++) {
        const TableVersion *version = plan->versions[i];
        append_name(version->namespace_name, version->name, out);
        strbuf_append(out, version->metadata_location, strlen(version->metadata_location) + 1);
    }
}

static MarkerAnswer append_now(TableCatalog *catalog, const char *namespace_name, const char *name,
                               bool may_wait, StrBuf *out) {
    bool found = false, waits = false;
    Error ignored;
    append_name(namespace_name, name, out);
    if (table_catalog_location(catalog, namespace_name, name, out, &found, may_wait ? NULL : &waits,
                               &ignored) != STATUS_OK)
        return MARKER_NONE;
    strbuf_append_char(out, 0);
    return waits ? MARKER_WAITS : found ? MARKER_KNOWN : MARKER_NONE;
}

MarkerAnswer plan_marker_now(const Plan *plan, TableCatalog *catalog, bool may_wait, StrBuf *out) {
    MarkerAnswer answer = MARKER_KNOWN;
    for (int i = 0; i < plan->version_count && answer == MARKER_KNOWN; i++)
        answer =
            append_now(catalog, plan->versions[i]->namespace_name, plan->versions[i]->name, may_wait, out);
    return answer;
}

MarkerAnswer plan_marker_of_tables(const MarkerRequest *request, const Engine *self, TableCatalog *catalog,
                                   StrBuf *out) {
    MarkerAnswer answer = MARKER_KNOWN;
    for (int i = 0; i < request->binding_count && answer == MARKER_KNOWN; i++) {
        const TableBinding *binding = &request->bindings[i];
        if (binding->engine == self)
            answer =
                append_now(catalog, binding->table->schema, binding->table->name, request->may_wait, out);
    }
    return answer;
}
