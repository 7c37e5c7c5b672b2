#include "router/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/metadata_name.h"
#include "engines/base/utf8.h"
#include "router/placements.h"
#include "router/sqlscan.h"

typedef struct Resolver {
    const RegistrySnapshot *snapshot;
    const char *sql;
    size_t sql_length;
    int forced;
    Arena *arena;
    bool lenient; /* unknown names are the engine's business: DDL, sessions */
} Resolver;

static int index_of_engine(const RegistrySnapshot *snapshot, const Engine *engine) {
    for (int i = 0; i < snapshot->engine_count; i++)
        if (snapshot->engines[i] == engine) return i;
    return -1;
}

static int position_of(const Resolver *resolver, int location) {
    if (location < 0 || (size_t)location > resolver->sql_length) return 0;
    return (int)utf8_count(resolver->sql, (size_t)location) + 1;
}

static const char *written_name(const TableUse *use, char *text, size_t text_bytes) {
    snprintf(text, text_bytes, "%s%s%s%s%s", use->catalog ? use->catalog : "", use->catalog ? "." : "",
             use->schema ? use->schema : "", use->schema ? "." : "", use->name);
    return text;
}

/* ---- one name
 * ---------------------------------------------------------------------------------------------- */

static Status fail_unknown(const Resolver *resolver, const TableUse *use, Error *err) {
    char name[256];
    (void)error_set_at(err, SQLSTATE_UNDEFINED_TABLE, position_of(resolver, use->location),
                       "relation \"%s\" does not exist", written_name(use, name, sizeof name));
    const RegistryTable *elsewhere;
    if (use->catalog && registry_engine_index(resolver->snapshot, use->catalog) < 0)
        return error_add_hint(err, "The first of three names is an engine, and there is none called \"%s\".",
                              use->catalog);
    if (registry_find(resolver->snapshot, -1, NULL, use->name, &elsewhere, 1) == 0)
        elsewhere = registry_nearest(resolver->snapshot, use->name);
    if (elsewhere)
        return error_add_hint(err, "Did you mean %s.%s.%s?", elsewhere->engine->name,
                              elsewhere->table->schema, elsewhere->table->name);
    return STATUS_ERROR;
}

static Status fail_ambiguous(const Resolver *resolver, const TableUse *use, const RegistryTable *const *found,
                             int count, Error *err) {
    char names[400] = "";
    size_t length = 0;
    for (int i = 0; i < count && length < sizeof names; i++)
        length += (size_t)snprintf(names + length, sizeof names - length, "%s%s.%s.%s", i > 0 ? ", " : "",
                                   found[i]->engine->name, found[i]->table->schema, found[i]->table->name);
    char name[256];
    (void)error_set_at(err, "42P09", position_of(resolver, use->location),
                       "table \"%s\" is in several engines: %s", written_name(use, name, sizeof name), names);
    return error_add_hint(err,
                          "Write one of these names in full, or choose the engine with /*+ engine(NAME) */.");
}

static bool is_catalog_name(const TableUse *use) {
    if (use->schema)
        return strcmp(use->schema, "pg_catalog") == 0 || strcmp(use->schema, "information_schema") == 0;
    return strncmp(use->name, "pg_", 3) == 0;
}

/* Nothing keeps the copies of a table equal, so only reads may choose among them. */
static bool settle_copies(const Resolver *resolver, const TableUse *use, const RegistryTable **found,
                          int count, ResolvedUse *out) {
    const RegistryTable **copies =
        ARENA_NEW_ARRAY(resolver->arena, const RegistryTable *, ROUTER_MAX_CANDIDATES);
    int first = use->role != TABLE_READ ? -1
                                        : placements_find(resolver->snapshot->placements, use->schema,
                                                          use->name, found, count, copies);
    if (first < 0) return false;
    out->copies = copies;
    out->engine = first;
    out->entry = copies[first];
    return true;
}

static Status settle(const Resolver *resolver, const TableUse *use, const RegistryTable **found, int count,
                     ResolvedUse *out, Error *err) {
    enum { MOST = ROUTER_MAX_CANDIDATES };
    int shown = count < MOST ? count : MOST;
    const RegistryTable *chosen = found[0];
    if (count > 1) {
        const RegistryTable *forced = NULL;
        for (int i = 0; i < shown && !forced; i++)
            if (resolver->forced >= 0 && found[i]->engine == resolver->snapshot->engines[resolver->forced])
                forced = found[i];
        if (!forced && settle_copies(resolver, use, found, shown, out)) return STATUS_OK;
        if (!forced) return fail_ambiguous(resolver, use, found, shown, err);
        chosen = forced;
    }
    out->entry = chosen;
    out->engine = index_of_engine(resolver->snapshot, chosen->engine);
    return STATUS_OK;
}

/* t$snapshots, t.snapshots: the columnar table whose metadata it shows. */
static bool resolve_metadata(const Resolver *resolver, int engine, const char *schema,
                             const char *outer_schema, const char *name, ResolvedUse *out) {
    const RegistryTable *found[ROUTER_MAX_CANDIDATES];
    char base[256];
    size_t length;
    MetadataTable kind;
    if (metadata_name_split(name, &length, &kind) && length < sizeof base) {
        snprintf(base, sizeof base, "%.*s", (int)length, name);
    } else {
        if (!schema || !metadata_name_kind(name, &kind)) return false;
        snprintf(base, sizeof base, "%s", schema);
        schema = outer_schema;
    }
    int count = registry_find(resolver->snapshot, engine, schema, base, found, ROUTER_MAX_CANDIDATES);
    for (int i = 0; i < count && i < ROUTER_MAX_CANDIDATES; i++) {
        if (strcmp(found[i]->engine->ops->kind, "columnar") != 0) continue;
        out->entry = found[i];
        out->engine = index_of_engine(resolver->snapshot, found[i]->engine);
        return true;
    }
    return false;
}

static Status resolve_in_engine(const Resolver *resolver, const TableUse *use, int engine, const char *schema,
                                ResolvedUse *out, Error *err) {
    const RegistryTable *found;
    out->engine_written = true;
    out->engine = engine;
    if (registry_find(resolver->snapshot, engine, schema, use->name, &found, 1) > 0) {
        out->entry = found;
        return STATUS_OK;
    }
    TableUse without_engine = {.schema = schema, .name = use->name};
    if (is_catalog_name(&without_engine)) {
        out->is_catalog = true;
        return STATUS_OK;
    }
    if (use->role == TABLE_READ && resolve_metadata(resolver, engine, schema, NULL, use->name, out))
        return STATUS_OK;
    bool may_be_missing = use->role == TABLE_CREATED || use->role == TABLE_ALTERED; /* DROP ... IF EXISTS */
    return may_be_missing || resolver->lenient ? STATUS_OK : fail_unknown(resolver, use, err);
}

static Status resolve_use(const Resolver *resolver, const TableUse *use, ResolvedUse *out, Error *err) {
    const RegistrySnapshot *snapshot = resolver->snapshot;
    *out = (ResolvedUse){.engine = -1};
    if (use->catalog) {
        int engine = registry_engine_index(snapshot, use->catalog);
        if (engine < 0) return fail_unknown(resolver, use, err);
        return resolve_in_engine(resolver, use, engine, use->schema, out, err);
    }
    const RegistryTable *found[ROUTER_MAX_CANDIDATES];
    if (use->schema) {
        int engine = registry_engine_index(snapshot, use->schema);
        bool known = engine >= 0 && registry_find(snapshot, engine, NULL, use->name, found, 1) > 0;
        int in_schema = registry_find(snapshot, -1, use->schema, use->name, found, ROUTER_MAX_CANDIDATES);
        if (known || (engine >= 0 && in_schema == 0))
            return resolve_in_engine(resolver, use, engine, NULL, out, err);
    }
    if (use->role == TABLE_CREATED) return STATUS_OK;
    int count = registry_find(snapshot, -1, use->schema, use->name, found, ROUTER_MAX_CANDIDATES);
    if (count > 0) return settle(resolver, use, found, count, out, err);
    if (is_catalog_name(use)) {
        out->is_catalog = true;
        return STATUS_OK;
    }
    if (use->role == TABLE_READ && resolve_metadata(resolver, -1, use->schema, NULL, use->name, out))
        return STATUS_OK;
    return resolver->lenient || use->role == TABLE_ALTERED ? STATUS_OK : fail_unknown(resolver, use, err);
}

/* ---- all names
 * --------------------------------------------------------------------------------------------- */

static void note_home(Resolution *resolution, int engine) {
    if (engine < 0 || resolution->home == engine) return;
    resolution->home = resolution->home == RESOLUTION_NO_ENGINE ? engine : RESOLUTION_SEVERAL;
}

Status resolve_tables(const RegistrySnapshot *snapshot, const Features *features, const char *sql,
                      size_t sql_length, int forced, Arena *arena, Resolution *out, Error *err) {
    Resolver resolver = {.snapshot = snapshot, .sql = sql, .sql_length = sql_length, .forced = forced};
    resolver.arena = arena;
    resolver.lenient = features->kind == STATEMENT_SESSION;
    *out = (Resolution){.home = RESOLUTION_NO_ENGINE, .target = -1, .count = features->table_count};
    out->uses = ARENA_NEW_ARRAY(arena, ResolvedUse, features->table_count + 1);
    for (int i = 0; i < features->table_count; i++) {
        ResolvedUse *use = &out->uses[i];
        const TableUse *written = &features->tables[i];
        TRY(resolve_use(&resolver, written, use, err));
        out->uses_catalog |= use->is_catalog;
        out->engine_written |= use->engine_written;
        out->unresolved |= !use->entry && !use->is_catalog && written->role != TABLE_CREATED;
        note_home(out, use->engine);
        if (written->role != TABLE_READ && use->engine >= 0 && out->target < 0) out->target = use->engine;
    }
    placements_settle_home(out, snapshot->engine_count);
    return STATUS_OK;
}

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

void resolve_bindings(const Features *features, const Resolution *resolution, Arena *arena,
                      const TableBinding **out, int *out_count) {
    TableBinding *bindings = ARENA_NEW_ARRAY(arena, TableBinding, features->table_count + 1);
    int count = 0;
    for (int i = 0; i < features->table_count; i++) {
        const TableUse *use = &features->tables[i];
        const RegistryTable *entry = resolution->uses[i].entry;
        bool seen = false;
        for (int j = 0; j < count && !seen; j++)
            seen = same_text(bindings[j].written_catalog, use->catalog) &&
                   same_text(bindings[j].written_schema, use->schema) &&
                   same_text(bindings[j].written_name, use->name);
        if (entry && !seen)
            bindings[count++] = (TableBinding){.written_catalog = use->catalog,
                                               .written_schema = use->schema,
                                               .written_name = use->name,
                                               .engine = entry->engine,
                                               .table = entry->table};
    }
    *out = bindings;
    *out_count = count;
}

/* ---- taking engine names off ------------------------------------------------------------------------------
 */

typedef struct Blanks {
    size_t (*ranges)[2]; /* start, end */
    int count;
    int capacity;
} Blanks;

static void add_blank(Blanks *blanks, const SqlToken *token) {
    if (blanks->count == blanks->capacity) {
        blanks->capacity = blanks->capacity ? blanks->capacity * 2 : 16;
        blanks->ranges = realloc(blanks->ranges, (size_t)blanks->capacity * sizeof *blanks->ranges);
        if (!blanks->ranges) abort();
    }
    blanks->ranges[blanks->count][0] = token->start;
    blanks->ranges[blanks->count++][1] = token->start + token->length;
}

/* The name at `location` and the dot after it. */
static void blank_at(Blanks *blanks, const char *sql, size_t sql_length, int location) {
    SqlScan scan;
    SqlToken name, dot;
    sqlscan_init(&scan, sql, sql_length);
    scan.next = (size_t)location;
    sqlscan_next(&scan, &name);
    sqlscan_next(&scan, &dot);
    if (!sqltoken_is_char(&scan, &dot, '.')) return;
    add_blank(blanks, &name);
    add_blank(blanks, &dot);
}

/* For names without a position: everywhere `first . second` is written. */
static void blank_everywhere(Blanks *blanks, const char *sql, size_t sql_length, const char *first,
                             const char *second) {
    SqlScan scan;
    SqlToken tokens[3] = {{0}};
    sqlscan_init(&scan, sql, sql_length);
    for (sqlscan_next(&scan, &tokens[2]); tokens[2].kind != SQLTOKEN_END; sqlscan_next(&scan, &tokens[2])) {
        if (sqltoken_names(&scan, &tokens[0], first) && sqltoken_is_char(&scan, &tokens[1], '.') &&
            sqltoken_names(&scan, &tokens[2], second)) {
            add_blank(blanks, &tokens[0]);
            add_blank(blanks, &tokens[1]);
        }
        tokens[0] = tokens[1];
        tokens[1] = tokens[2];
    }
}

static const char *field_text(const PgQuery__ColumnRef *column, size_t index) {
    const PgQuery__Node *node = column->fields[index];
    return node->node_case == PG_QUERY__NODE__NODE_STRING ? node->string->sval : NULL;
}

/* engine.table.column or engine.schema.table.column of a table written with its engine. */
static bool column_names_engine(const Features *features, const Resolution *resolution,
                                const PgQuery__ColumnRef *column) {
    for (int i = 0; i < features->table_count; i++) {
        const TableUse *use = &features->tables[i];
        if (!resolution->uses[i].engine_written) continue;
        const char *parts[3] = {use->catalog ? use->catalog : use->schema,
                                use->catalog ? use->schema : use->name, use->catalog ? use->name : NULL};
        size_t count = use->catalog ? 3 : 2;
        bool same = column->n_fields == count + 1;
        for (size_t part = 0; part < count && same; part++)
            same = same_text(field_text(column, part), parts[part]);
        if (same) return true;
    }
    return false;
}

static int compare_ranges(const void *a, const void *b) {
    size_t left = *(const size_t *)a, right = *(const size_t *)b;
    return left < right ? -1 : left > right;
}

const char *resolve_blank_engines(const Features *features, const Resolution *resolution, const char *sql,
                                  size_t sql_length, Arena *arena, size_t *out_length) {
    Blanks blanks = {0};
    *out_length = sql_length;
    for (int i = 0; i < features->table_count; i++) {
        const TableUse *use = &features->tables[i];
        if (!resolution->uses[i].engine_written) continue;
        if (use->location >= 0)
            blank_at(&blanks, sql, sql_length, use->location);
        else
            blank_everywhere(&blanks, sql, sql_length, use->catalog ? use->catalog : use->schema,
                             use->catalog ? use->schema : use->name);
    }
    for (int i = 0; i < features->long_column_count; i++)
        if (column_names_engine(features, resolution, features->long_columns[i]))
            blank_at(&blanks, sql, sql_length, features->long_columns[i]->location);
    if (blanks.count == 0) return sql;
    qsort(blanks.ranges, (size_t)blanks.count, sizeof *blanks.ranges, compare_ranges);
    char *text = arena_alloc(arena, sql_length + 1);
    size_t from = 0, to = 0;
    for (int i = 0; i < blanks.count; i++) {
        size_t start = blanks.ranges[i][0], end = blanks.ranges[i][1];
        if (start < from) continue; /* found twice */
        memcpy(text + to, sql + from, start - from);
        to += start - from;
        size_t characters = utf8_count(sql + start, end - start);
        memset(text + to, ' ', characters);
        to += characters;
        from = end;
    }
    memcpy(text + to, sql + from, sql_length - from);
    to += sql_length - from;
    text[to] = 0;
    free(blanks.ranges);
    *out_length = to;
    return text;
}
