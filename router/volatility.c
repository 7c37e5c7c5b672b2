#include "router/volatility.h"

#include <string.h>

static const char *part(const PgQuery__FuncCall *call, size_t from_end) {
    if (call->n_funcname < from_end) return NULL;
    const PgQuery__Node *node = call->funcname[call->n_funcname - from_end];
    return node->node_case == PG_QUERY__NODE__NODE_STRING ? node->string->sval : NULL;
}

/* The columnar engine's own, which reads files' rows and changes nothing. */
static bool is_search(const PgQuery__FuncCall *call) {
    return call->n_funcname == 1 && strcmp(part(call, 1), "search") == 0;
}

static void read_tables(const Resolution *resolution, Features *features) {
    for (int i = 0; i < features->table_count; i++) {
        const RegistryTable *entry = resolution->uses[i].entry;
        if (!entry) continue;
        if (entry->table->is_volatile) features->volatile_view = entry->table->name;
        features->runs_code |= entry->table->is_volatile ||
                               (entry->table->has_triggers && features->tables[i].role != TABLE_READ);
    }
}

void volatility_read(const RegistrySnapshot *snapshot, const Resolution *resolution, Features *features) {
    read_tables(resolution, features);
    for (int i = 0; i < features->unknown_count; i++) {
        const PgQuery__FuncCall *call = features->unknown[i];
        const char *name = part(call, 1);
        const Engine *home = NULL;
        bool built_in;
        char volatility = registry_function(snapshot, part(call, 2), name, &home, &built_in);
        if (volatility && !built_in && !is_search(call) && !features->own_function) {
            features->own_function = name;
            features->own_function_home = home;
        }
        bool harmless = volatility == 'i' || volatility == 's' || (!volatility && is_search(call));
        features->runs_code |= !harmless;
        if (harmless || features->volatile_function) continue;
        features->volatile_function = name;
        features->volatile_function_location = call->location;
    }
}
