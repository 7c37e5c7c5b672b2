#include "router/features.h"

#include <string.h>

#include "router/functions.h"

typedef struct CteScope {
    const struct CteScope *outer;
    const PgQuery__WithClause *with;
    size_t visible; /* the first so many names are in sight */
} CteScope;

typedef struct Walker {
    Features *features;
    Arena *arena;
    const CteScope *scope;
    TableRole role; /* of a table met now */
    int table_capacity;
    int column_capacity;
    int unknown_capacity;
} Walker;

static void walk(Walker *walker, const ProtobufCMessage *message);

static const char *text_or_null(const char *text) {
    return text && text[0] ? text : NULL;
}

/* ---- collecting ------------------------------------------------------------------------------------------
 */

static void *grow(Arena *arena, void *items, int count, int *capacity, size_t item_bytes) {
    if (count < *capacity) return items;
    *capacity = *capacity ? *capacity * 2 : 8;
    void *grown = arena_alloc(arena, (size_t)*capacity * item_bytes);
    if (count > 0) memcpy(grown, items, (size_t)count * item_bytes);
    return grown;
}

static void add_table(Walker *walker, TableUse use) {
    Features *features = walker->features;
    features->tables = grow(walker->arena, features->tables, features->table_count, &walker->table_capacity,
                            sizeof(TableUse));
    features->tables[features->table_count++] = use;
}

static bool is_cte(const Walker *walker, const char *name) {
    for (const CteScope *scope = walker->scope; scope; scope = scope->outer)
        for (size_t i = 0; i < scope->visible; i++) {
            const PgQuery__Node *node = scope->with->ctes[i];
            if (node->node_case == PG_QUERY__NODE__NODE_COMMON_TABLE_EXPR &&
                strcmp(node->common_table_expr->ctename, name) == 0)
                return true;
        }
    return false;
}

static void add_range(Walker *walker, const PgQuery__RangeVar *range, TableRole role) {
    if (!range || !range->relname) return;
    const char *schema = text_or_null(range->schemaname);
    if (role == TABLE_READ && !schema && is_cte(walker, range->relname)) return;
    add_table(walker, (TableUse){.catalog = text_or_null(range->catalogname),
                                 .schema = schema,
                                 .name = range->relname,
                                 .location = range->location,
                                 .role = role,
                                 .is_temporary = range->relpersistence && range->relpersistence[0] == 't'});
}

static const char *string_of(const PgQuery__Node *node) {
    return node && node->node_case == PG_QUERY__NODE__NODE_STRING ? node->string->sval : NULL;
}

/* DROP TABLE names its tables as lists of strings, without a position. */
static void add_dropped(Walker *walker, const PgQuery__Node *object) {
    if (!object || object->node_case != PG_QUERY__NODE__NODE_LIST) return;
    const PgQuery__List *list = object->list;
    size_t parts = list->n_items;
    if (parts < 1 || parts > 3 || !string_of(list->items[parts - 1])) return;
    add_table(walker, (TableUse){.catalog = parts == 3 ? string_of(list->items[0]) : NULL,
                                 .schema = parts >= 2 ? string_of(list->items[parts - 2]) : NULL,
                                 .name = string_of(list->items[parts - 1]),
                                 .location = -1,
                                 .role = TABLE_ALTERED});
}

static void add_unknown_function(Walker *walker, const PgQuery__FuncCall *call, const char *name) {
    Features *features = walker->features;
    features->unknown = grow(walker->arena, features->unknown, features->unknown_count,
                             &walker->unknown_capacity, sizeof *features->unknown);
    features->unknown[features->unknown_count++] = call;
    if (features->unknown_function) return;
    features->unknown_function = name;
    features->unknown_function_location = call->location;
}

/* Of the time, or of rows in an order that is nobody's promise (ORDER BY may leave some of them tied). */
static bool varies_by_itself(const PgQuery__FuncCall *call, const char *name) {
    static const char *const names[] = {"array_agg",
                                        "first_value",
                                        "json_agg",
                                        "json_object_agg",
                                        "jsonb_agg",
                                        "jsonb_object_agg",
                                        "lag",
                                        "last_value",
                                        "lead",
                                        "mode",
                                        "now",
                                        "nth_value",
                                        "ntile",
                                        "row_number",
                                        "string_agg",
                                        "xmlagg",
                                        "statement_timestamp",
                                        "transaction_timestamp"};
    if (strcmp(name, "age") == 0) return call->n_args == 1; /* until today */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

static void add_function(Walker *walker, const PgQuery__FuncCall *call) {
    Features *features = walker->features;
    const char *name = call->n_funcname > 0 ? string_of(call->funcname[call->n_funcname - 1]) : NULL;
    if (!name) return;
    features->varies |= varies_by_itself(call, name);
    const char *schema = call->n_funcname > 1 ? string_of(call->funcname[call->n_funcname - 2]) : NULL;
    FunctionNature nature = function_nature(name);
    if (schema && strcmp(schema, "pg_catalog") != 0)
        nature = FUNCTION_UNKNOWN; /* somebody's own, whatever it is called */
    if (call->over)
        features->has_window = true;
    else if (nature == FUNCTION_AGGREGATE || call->agg_star || call->agg_distinct || call->agg_within_group ||
             call->agg_filter || call->n_agg_order > 0)
        features->has_aggregate = true;
    if (nature == FUNCTION_VOLATILE && !features->volatile_function) {
        features->volatile_function = name;
        features->volatile_function_location = call->location;
    } else if (nature == FUNCTION_SESSION && !features->session_function) {
        features->session_function = name;
        features->session_function_location = call->location;
    } else if (nature == FUNCTION_FILE && !schema) {
        features->file_function = name;
    } else if (nature == FUNCTION_UNKNOWN) {
        add_unknown_function(walker, call, name);
    }
}

static void add_long_column(Walker *walker, const PgQuery__ColumnRef *column) {
    Features *features = walker->features;
    features->long_columns = grow(walker->arena, features->long_columns, features->long_column_count,
                                  &walker->column_capacity, sizeof *features->long_columns);
    features->long_columns[features->long_column_count++] = column;
}

/* ---- walking ---------------------------------------------------------------------------------------------
 */

static void walk_children(Walker *walker, const ProtobufCMessage *message, const void *skip_a,
                          const void *skip_b) {
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    const char *base = (const char *)message;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE) continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t count = *(const size_t *)(base + field->quantifier_offset);
            ProtobufCMessage *const *items = *(ProtobufCMessage *const *const *)(base + field->offset);
            for (size_t item = 0; item < count; item++)
                walk(walker, items[item]);
            continue;
        }
        const ProtobufCMessage *child = *(const ProtobufCMessage *const *)(base + field->offset);
        bool in_union = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
        if (in_union && *(const uint32_t *)(base + field->quantifier_offset) != field->id) continue;
        if (child && child != skip_a && child != skip_b) walk(walker, child);
    }
}

/* A message with a WITH clause: its names are in sight of everything in the message but the target table. */
static void walk_with(Walker *walker, const ProtobufCMessage *message, const PgQuery__WithClause *with,
                      const PgQuery__RangeVar *target) {
    if (target) add_range(walker, target, TABLE_TARGET);
    TableRole role = walker->role;
    walker->role = TABLE_READ;
    if (!with) {
        walk_children(walker, message, target, NULL);
        walker->role = role;
        return;
    }
    walker->features->has_cte = true;
    CteScope scope = {.outer = walker->scope, .with = with};
    walker->scope = &scope;
    for (size_t i = 0; i < with->n_ctes; i++) {
        scope.visible = with->recursive ? with->n_ctes : i;
        walk(walker, &with->ctes[i]->base);
    }
    scope.visible = with->n_ctes;
    walk_children(walker, message, with, target);
    walker->scope = scope.outer;
    walker->role = role;
}

static void walk_select(Walker *walker, const PgQuery__SelectStmt *select) {
    Features *features = walker->features;
    features->has_set_operation |= select->larg != NULL;
    features->has_distinct |= select->n_distinct_clause > 0;
    features->has_group |= select->n_group_clause > 0 || select->having_clause;
    features->has_window |= select->n_window_clause > 0;
    features->has_join |= select->n_from_clause > 1;
    features->has_locking |= select->n_locking_clause > 0;
    bool distinct_on = select->n_distinct_clause > 0 &&
                       select->distinct_clause[0]->node_case != PG_QUERY__NODE__NODE__NOT_SET;
    features->varies |= select->limit_count || select->limit_offset || distinct_on;
    walk_with(walker, &select->base, select->with_clause, NULL);
}

static void walk_created(Walker *walker, const ProtobufCMessage *message, const PgQuery__RangeVar *created) {
    add_range(walker, created, TABLE_CREATED);
    walk_children(walker, message, created, NULL);
}

/* A new table's options may say where it is to live. */
static void note_new_table(Walker *walker, PgQuery__Node *const *options, size_t count) {
    walker->features->creates_table = true;
    for (size_t i = 0; i < count; i++) {
        const PgQuery__DefElem *option =
            options[i]->node_case == PG_QUERY__NODE__NODE_DEF_ELEM ? options[i]->def_elem : NULL;
        if (!option || !option->arg || strcmp(option->defname, "engine") != 0) continue;
        if (option->defnamespace && *option->defnamespace) continue;
        const PgQuery__Node *value = option->arg;
        if (value->node_case == PG_QUERY__NODE__NODE_TYPE_NAME && value->type_name->n_names > 0)
            value = value->type_name->names[value->type_name->n_names - 1];
        walker->features->wanted_engine = string_of(value);
        walker->features->wanted_engine_location = option->location;
    }
}

static bool walk_statement(Walker *walker, const ProtobufCMessage *message) {
    const ProtobufCMessageDescriptor *type = message->descriptor;
    if (type == &pg_query__select_stmt__descriptor) {
        walk_select(walker, (const PgQuery__SelectStmt *)message);
    } else if (type == &pg_query__insert_stmt__descriptor) {
        const PgQuery__InsertStmt *insert = (const PgQuery__InsertStmt *)message;
        walk_with(walker, message, insert->with_clause, insert->relation);
    } else if (type == &pg_query__update_stmt__descriptor) {
        const PgQuery__UpdateStmt *update = (const PgQuery__UpdateStmt *)message;
        walk_with(walker, message, update->with_clause, update->relation);
    } else if (type == &pg_query__delete_stmt__descriptor) {
        const PgQuery__DeleteStmt *delete = (const PgQuery__DeleteStmt *)message;
        walk_with(walker, message, delete->with_clause, delete->relation);
    } else if (type == &pg_query__merge_stmt__descriptor) {
        const PgQuery__MergeStmt *merge = (const PgQuery__MergeStmt *)message;
        walk_with(walker, message, merge->with_clause, merge->relation);
    } else if (type == &pg_query__copy_stmt__descriptor) {
        const PgQuery__CopyStmt *copy = (const PgQuery__CopyStmt *)message;
        if (!copy->relation || !copy->is_from || walker->features->kind != STATEMENT_WRITE) return false;
        walk_with(walker, message, NULL, copy->relation);
    } else if (type == &pg_query__into_clause__descriptor) {
        const PgQuery__IntoClause *into = (const PgQuery__IntoClause *)message;
        note_new_table(walker, into->options, into->n_options);
        walk_created(walker, message, into->rel);
    } else if (type == &pg_query__create_stmt__descriptor) {
        const PgQuery__CreateStmt *create = (const PgQuery__CreateStmt *)message;
        note_new_table(walker, create->options, create->n_options);
        walk_created(walker, message, create->relation);
    } else if (type == &pg_query__view_stmt__descriptor) {
        walk_created(walker, message, ((const PgQuery__ViewStmt *)message)->view);
    } else if (type == &pg_query__create_seq_stmt__descriptor) {
        walk_created(walker, message, ((const PgQuery__CreateSeqStmt *)message)->sequence);
    } else if (type == &pg_query__drop_stmt__descriptor) {
        const PgQuery__DropStmt *drop = (const PgQuery__DropStmt *)message;
        bool tables = drop->remove_type == PG_QUERY__OBJECT_TYPE__OBJECT_TABLE ||
                      drop->remove_type == PG_QUERY__OBJECT_TYPE__OBJECT_VIEW ||
                      drop->remove_type == PG_QUERY__OBJECT_TYPE__OBJECT_MATVIEW ||
                      drop->remove_type == PG_QUERY__OBJECT_TYPE__OBJECT_FOREIGN_TABLE;
        for (size_t i = 0; tables && i < drop->n_objects; i++)
            add_dropped(walker, drop->objects[i]);
    } else {
        return false;
    }
    return true;
}

static void walk(Walker *walker, const ProtobufCMessage *message) {
    if (!message) return;
    const ProtobufCMessageDescriptor *type = message->descriptor;
    Features *features = walker->features;
    if (type == &pg_query__node__descriptor) {
        const PgQuery__Node *node = (const PgQuery__Node *)message;
        if (node->node_case != PG_QUERY__NODE__NODE__NOT_SET)
            walk(walker,
                 (const ProtobufCMessage *)node->select_stmt); /* every member of the union is a message */
        return;
    }
    if (type == &pg_query__string__descriptor || type == &pg_query__a__const__descriptor ||
        type == &pg_query__locking_clause__descriptor) /* FOR UPDATE OF names aliases, not tables */
        return;
    if (type == &pg_query__range_var__descriptor) {
        add_range(walker, (const PgQuery__RangeVar *)message, walker->role);
        return;
    }
    if (type == &pg_query__column_ref__descriptor) {
        if (((const PgQuery__ColumnRef *)message)->n_fields > 2)
            add_long_column(walker, (const PgQuery__ColumnRef *)message);
        return;
    }
    if (type == &pg_query__param_ref__descriptor) {
        int number = ((const PgQuery__ParamRef *)message)->number;
        features->param_count = number > features->param_count ? number : features->param_count;
        return;
    }
    if (walk_statement(walker, message)) return;
    if (type == &pg_query__func_call__descriptor)
        add_function(walker, (const PgQuery__FuncCall *)message);
    else if (type == &pg_query__join_expr__descriptor)
        features->has_join = true;
    else if (type == &pg_query__range_table_sample__descriptor)
        features->samples = true;
    else if (type == &pg_query__sqlvalue_function__descriptor)
        features->varies = true; /* current_timestamp and its kin, current_user */
    walk_children(walker, message, NULL, NULL);
}

/* ---- the statement as a whole
 * -------------------------------------------------------------------------------- */

static const PgQuery__Node *explained(const PgQuery__Node *node) {
    return node && node->node_case == PG_QUERY__NODE__NODE_EXPLAIN_STMT ? node->explain_stmt->query : node;
}

/* CALL signalbox.compact('t') and its kin are commands of the columnar engine. */
static bool is_own_call(const PgQuery__Node *node) {
    const PgQuery__FuncCall *call =
        node && node->node_case == PG_QUERY__NODE__NODE_CALL_STMT ? node->call_stmt->funccall : NULL;
    const char *schema = call && call->n_funcname == 2 ? string_of(call->funcname[0]) : NULL;
    return schema && strcmp(schema, "signalbox") == 0;
}

static StatementKind kind_of(const PgQuery__Node *node, const char **command) {
    *command = is_own_call(node) ? "CALL" : "SELECT";
    if (is_own_call(node)) return STATEMENT_DDL;
    switch (node ? node->node_case : PG_QUERY__NODE__NODE__NOT_SET) {
    case PG_QUERY__NODE__NODE_SELECT_STMT:
        return node->select_stmt->into_clause ? STATEMENT_DDL : STATEMENT_READ;
    case PG_QUERY__NODE__NODE_INSERT_STMT: *command = "INSERT"; return STATEMENT_WRITE;
    case PG_QUERY__NODE__NODE_UPDATE_STMT: *command = "UPDATE"; return STATEMENT_WRITE;
    case PG_QUERY__NODE__NODE_DELETE_STMT: *command = "DELETE"; return STATEMENT_WRITE;
    case PG_QUERY__NODE__NODE_MERGE_STMT: *command = "MERGE"; return STATEMENT_WRITE;
    case PG_QUERY__NODE__NODE_COPY_STMT:
        /* Between a table and a file it is a write like others; with the client's own streams it needs the
         * protocol. */
        *command = "COPY";
        if (node->copy_stmt->filename && node->copy_stmt->filename[0] && !node->copy_stmt->is_program)
            return STATEMENT_WRITE;
        *command = "SESSION";
        return STATEMENT_SESSION;
    case PG_QUERY__NODE__NODE_TRANSACTION_STMT:
    case PG_QUERY__NODE__NODE_VARIABLE_SET_STMT:
    case PG_QUERY__NODE__NODE_VARIABLE_SHOW_STMT:
    case PG_QUERY__NODE__NODE_CONSTRAINTS_SET_STMT:
    case PG_QUERY__NODE__NODE_LOCK_STMT:
    case PG_QUERY__NODE__NODE_PREPARE_STMT:
    case PG_QUERY__NODE__NODE_EXECUTE_STMT:
    case PG_QUERY__NODE__NODE_DEALLOCATE_STMT:
    case PG_QUERY__NODE__NODE_DECLARE_CURSOR_STMT:
    case PG_QUERY__NODE__NODE_FETCH_STMT:
    case PG_QUERY__NODE__NODE_CLOSE_PORTAL_STMT:
    case PG_QUERY__NODE__NODE_DISCARD_STMT:
    case PG_QUERY__NODE__NODE_LISTEN_STMT:
    case PG_QUERY__NODE__NODE_UNLISTEN_STMT:
    case PG_QUERY__NODE__NODE_NOTIFY_STMT:
    case PG_QUERY__NODE__NODE_LOAD_STMT:
    case PG_QUERY__NODE__NODE_DO_STMT:
    case PG_QUERY__NODE__NODE_CALL_STMT:
    case PG_QUERY__NODE__NODE_VACUUM_STMT:
    case PG_QUERY__NODE__NODE_CLUSTER_STMT:
    case PG_QUERY__NODE__NODE_REINDEX_STMT:
    case PG_QUERY__NODE__NODE_CHECK_POINT_STMT:
    case PG_QUERY__NODE__NODE_CREATEDB_STMT:
    case PG_QUERY__NODE__NODE_DROPDB_STMT: *command = "SESSION"; return STATEMENT_SESSION;
    default: *command = "DDL"; return STATEMENT_DDL;
    }
}

static void read_statement(Walker *walker, const PgQuery__Node *node, bool only) {
    Features *features = walker->features;
    const PgQuery__Node *inner = explained(node);
    bool explain = inner != node;
    const char *command;
    StatementKind kind = kind_of(inner, &command);
    bool arbitrary = inner && (inner->node_case == PG_QUERY__NODE__NODE_DO_STMT ||
                               inner->node_case == PG_QUERY__NODE__NODE_CALL_STMT);
    features->changes_schema |= (kind == STATEMENT_DDL && !explain) || arbitrary;
    if (only) {
        features->kind = kind;
        features->command = command;
        features->copies = kind == STATEMENT_WRITE && inner->node_case == PG_QUERY__NODE__NODE_COPY_STMT;
        features->is_explain = explain;
        features->is_own_call = is_own_call(inner);
        bool plain = inner && inner->node_case == PG_QUERY__NODE__NODE_SELECT_STMT;
        const PgQuery__SelectStmt *select = plain ? inner->select_stmt : NULL;
        if (select && !select->larg && !select->with_clause && !select->into_clause &&
            select->n_values_lists == 0)
            features->select = select;
    }
    walker->role = kind == STATEMENT_DDL || kind == STATEMENT_SESSION ? TABLE_ALTERED : TABLE_READ;
    walker->scope = NULL;
    walk(walker, (const ProtobufCMessage *)node);
}

void features_read(const PgQuery__ParseResult *tree, Arena *arena, Features *out) {
    *out = (Features){.statement_count = (int)tree->n_stmts};
    Walker walker = {.features = out, .arena = arena};
    bool only = tree->n_stmts == 1;
    for (size_t i = 0; i < tree->n_stmts; i++)
        read_statement(&walker, tree->stmts[i]->stmt, only);
    if (!only) {
        out->kind = STATEMENT_SESSION;
        out->command = "SESSION";
        return;
    }
    /* WITH x AS (INSERT ...) SELECT writes, whatever it is called. */
    for (int i = 0; i < out->table_count && out->kind == STATEMENT_READ; i++)
        if (out->tables[i].role == TABLE_TARGET) out->kind = STATEMENT_WRITE;
    /* A temporary table, view or sequence is a thing of the connection. */
    for (int i = 0; i < out->table_count && !out->is_explain; i++)
        if (out->tables[i].role == TABLE_CREATED && out->tables[i].is_temporary)
            out->kind = STATEMENT_SESSION;
    if (out->session_function && !out->is_explain) out->kind = STATEMENT_SESSION;
}
