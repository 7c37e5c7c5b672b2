#include "engines/base/arrow_stream.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- schema metadata: int32 count, then (int32 length, bytes) for key and value, native endianness
 * ---------- */

static const char *metadata_value(const char *metadata, const char *key, char *scratch,
                                  size_t scratch_bytes) {
    if (!metadata) return NULL;
    int32_t count;
    memcpy(&count, metadata, 4);
    const char *at = metadata + 4;
    for (int32_t i = 0; i < count; i++) {
        int32_t key_length, value_length;
        memcpy(&key_length, at, 4);
        const char *key_text = at + 4;
        memcpy(&value_length, key_text + key_length, 4);
        const char *value_text = key_text + key_length + 4;
        if ((size_t)key_length == strlen(key) && !memcmp(key_text, key, (size_t)key_length)) {
            snprintf(scratch, scratch_bytes, "%.*s", value_length, value_text);
            return scratch;
        }
        at = value_text + value_length;
    }
    return NULL;
}

static size_t metadata_bytes(const char *metadata) {
    int32_t count, length;
    memcpy(&count, metadata, 4);
    const char *at = metadata + 4;
    for (int32_t i = 0; i < 2 * count; i++) {
        memcpy(&length, at, 4);
        at += 4 + length;
    }
    return (size_t)(at - metadata);
}

static const char *metadata_of_type(Arena *arena, const char *type_name) {
    int32_t count = 1, key_length = 7, value_length = (int32_t)strlen(type_name);
    char *metadata = arena_alloc(arena, 19 + (size_t)value_length);
    memcpy(metadata, &count, 4);
    memcpy(metadata + 4, &key_length, 4);
    memcpy(metadata + 8, "pg_type", 7);
    memcpy(metadata + 15, &value_length, 4);
    memcpy(metadata + 19, type_name, (size_t)value_length);
    return metadata;
}

static SqlType type_of_format(const ArrowSchema *column) {
    const char *format = column->format;
    static const struct {
        const char *format;
        SqlTypeId id;
    } plain[] = {
        {"b", SQL_BOOL},    {"c", SQL_INT2},    {"C", SQL_INT2},   {"s", SQL_INT2},       {"S", SQL_INT4},
        {"i", SQL_INT4},    {"I", SQL_INT8},    {"l", SQL_INT8},   {"f", SQL_FLOAT4},     {"g", SQL_FLOAT8},
        {"u", SQL_TEXT},    {"U", SQL_TEXT},    {"vu", SQL_TEXT},  {"z", SQL_BYTEA},      {"Z", SQL_BYTEA},
        {"vz", SQL_BYTEA},  {"tdD", SQL_DATE},  {"ttu", SQL_TIME}, {"tin", SQL_INTERVAL}, {"n", SQL_UNKNOWN},
        {"+s", SQL_RECORD}, {"L", SQL_NUMERIC},
    };
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (!strcmp(format, plain[i].format)) return sqltype_of(plain[i].id);
    int precision, scale;
    if (sscanf(format, "d:%d,%d", &precision, &scale) == 2) return sqltype_numeric(precision, scale);
    if (!strncmp(format, "ts", 2)) return sqltype_of(strlen(format) > 4 ? SQL_TIMESTAMPTZ : SQL_TIMESTAMP);
    if (!strcmp(format, "+l") && column->n_children == 1)
        return sqltype_array_of(arrow_schema_sqltype(column->children[0], NULL));
    return sqltype_of(SQL_OTHER);
}

SqlType arrow_schema_sqltype(const ArrowSchema *column, const char **type_name) {
    static _Thread_local char name[SQLTYPE_NAME_BYTES * 2];
    const char *declared = metadata_value(column->metadata, "pg_type", name, sizeof name);
    if (type_name) *type_name = declared;
    if (declared) return sqltype_from_name(declared);
    return type_of_format(column->dictionary ? column->dictionary : column);
}

const char *arrow_format_of(SqlType type, char scratch[32]) {
    if (type.is_array) return "+l";
    switch ((SqlTypeId)type.id) {
    case SQL_BOOL: return "b";
    case SQL_INT2: return "s";
    case SQL_INT4: return "i";
    case SQL_INT8: return "l";
    case SQL_OID: return "I";
    case SQL_FLOAT4: return "f";
    case SQL_FLOAT8: return "g";
    case SQL_BYTEA: return "z";
    case SQL_DATE: return "tdD";
    case SQL_TIME: return "ttu";
    case SQL_TIMESTAMP: return "tsu:";
    case SQL_TIMESTAMPTZ: return "tsu:UTC";
    case SQL_INTERVAL: return "tin";
    case SQL_NUMERIC:
        if (type.precision <= 0 || type.precision > NUMERIC_MAX_PRECISION || type.scale < 0) return "u";
        snprintf(scratch, 32, "d:%d,%d", type.precision, type.scale);
        return scratch;
    default: return "u";
    }
}

/* ---- schemas
 * ---------------------------------------------------------------------------------------------------
 *
 * What a schema says is held once, in a SchemaStore. A copy is one block of nodes that point into it: copying
 * a schema per result costs one allocation, whatever its size. Every node holds a reference to its block, so
 * that a consumer may move a child out, as the interface allows. */

typedef struct SchemaStore {
    _Atomic int references;
    Arena arena; /* strings, metadata, the pattern */
    int node_count, pointer_count;
    ArrowSchema *nodes;     /* in pre-order, the root first */
    ArrowSchema **pointers; /* the nodes' arrays of children, in the same order */
} SchemaStore;

typedef struct SchemaBlock {
    _Atomic int references; /* nodes not yet released */
    SchemaStore *store;
    ArrowSchema nodes[]; /* [0] is not used: the root is the caller's; then the pointers */
} SchemaBlock;

static void store_release(SchemaStore *store) {
    if (atomic_fetch_sub(&store->references, 1) != 1) return;
    arena_deinit(&store->arena);
    free(store);
}

static int mark_released(ArrowSchema *schema) {
    int count = 1;
    for (int64_t i = 0; i < schema->n_children; i++)
        if (schema->children[i]->release) count += mark_released(schema->children[i]);
    if (schema->dictionary && schema->dictionary->release) count += mark_released(schema->dictionary);
    schema->release = NULL;
    return count;
}

static void release_node(ArrowSchema *schema) {
    SchemaBlock *block = schema->private_data;
    int count = mark_released(schema);
    if (atomic_fetch_sub(&block->references, count) != count) return;
    store_release(block->store);
    free(block);
}

/* Tells roots from what is below them: only a root stands for its store. */
static void release_root(ArrowSchema *schema) {
    release_node(schema);
}

static void store_copy(SchemaStore *store, ArrowSchema *out) {
    size_t node_bytes = sizeof(ArrowSchema) * (size_t)store->node_count;
    SchemaBlock *block =
        malloc(sizeof *block + node_bytes + sizeof(ArrowSchema *) * (size_t)store->pointer_count);
    if (!block) abort();
    ArrowSchema **pointers = (ArrowSchema **)((char *)block->nodes + node_bytes);
    atomic_init(&block->references, store->node_count);
    block->store = store;
    atomic_fetch_add(&store->references, 1);
    memcpy(block->nodes, store->nodes, node_bytes);
    for (int i = 0; i < store->pointer_count; i++)
        pointers[i] = block->nodes + (store->pointers[i] - store->nodes);
    for (int i = 0; i < store->node_count; i++) {
        ArrowSchema *node = &block->nodes[i];
        if (node->n_children) node->children = pointers + (node->children - store->pointers);
        if (node->dictionary) node->dictionary = block->nodes + (node->dictionary - store->nodes);
        node->private_data = block;
    }
    *out = block->nodes[0];
    out->release = release_root;
}

static void count_nodes(const ArrowSchema *schema, SchemaStore *store) {
    store->node_count++;
    store->pointer_count += (int)schema->n_children;
    for (int64_t i = 0; i < schema->n_children; i++)
        count_nodes(schema->children[i], store);
    if (schema->dictionary) count_nodes(schema->dictionary, store);
}

/* Copies `from` and what is below it into the pattern. */
static ArrowSchema *add_node(SchemaStore *store, const ArrowSchema *from) {
    ArrowSchema *node = &store->nodes[store->node_count++];
    *node = (ArrowSchema){.format = arena_strdup(&store->arena, from->format),
                          .name = from->name ? arena_strdup(&store->arena, from->name) : NULL,
                          .flags = from->flags,
                          .n_children = from->n_children,
                          .release = release_node};
    if (from->metadata)
        node->metadata = arena_memdup(&store->arena, from->metadata, metadata_bytes(from->metadata));
    if (from->n_children) node->children = store->pointers + store->pointer_count;
    store->pointer_count += (int)from->n_children;
    for (int64_t i = 0; i < from->n_children; i++)
        node->children[i] = add_node(store, from->children[i]);
    if (from->dictionary) node->dictionary = add_node(store, from->dictionary);
    return node;
}

static SchemaStore *store_create(const ArrowSchema *from) {
    SchemaStore *store = calloc(1, sizeof *store);
    if (!store) abort();
    atomic_init(&store->references, 1);
    arena_init(&store->arena);
    count_nodes(from, store);
    store->nodes = ARENA_NEW_ARRAY(&store->arena, ArrowSchema, store->node_count);
    store->pointers = ARENA_NEW_ARRAY(&store->arena, ArrowSchema *, store->pointer_count);
    store->node_count = store->pointer_count = 0;
    add_node(store, from);
    return store;
}

const void *arrow_schema_identity(const ArrowSchema *schema) {
    return schema->release == release_root ? ((SchemaBlock *)schema->private_data)->store : NULL;
}

void arrow_schema_copy(const ArrowSchema *from, ArrowSchema *to) {
    if (from->release == release_root) {
        store_copy(((SchemaBlock *)from->private_data)->store, to);
        return;
    }
    SchemaStore *store = store_create(from);
    store_copy(store, to);
    store_release(store);
}

/* A node in `scratch`: a description for store_create, without a release of its own. */
static void describe_node(Arena *scratch, ArrowSchema *out, const char *format, const char *name,
                          int child_count) {
    *out = (ArrowSchema){.format = format, .name = name, .n_children = child_count};
    if (!child_count) return;
    out->children = ARENA_NEW_ARRAY(scratch, ArrowSchema *, child_count);
    for (int i = 0; i < child_count; i++)
        out->children[i] = ARENA_NEW(scratch, ArrowSchema);
}

static void describe_column(Arena *scratch, ArrowSchema *out, const ArrowColumnSpec *column) {
    char plain[SQLTYPE_NAME_BYTES], modified[SQLTYPE_NAME_BYTES * 2];
    const char *type_name = column->type_name;
    if (!type_name) {
        SqlType type = column->type;
        sqltype_short_name(type, plain);
        snprintf(modified, sizeof modified, "%s", plain);
        if (type.id == SQL_NUMERIC && type.precision)
            snprintf(modified, sizeof modified, "%s(%d,%d)", plain, type.precision, type.scale);
        else if ((type.id == SQL_VARCHAR || type.id == SQL_BPCHAR) && type.precision)
            snprintf(modified, sizeof modified, "%s(%d)", plain, type.precision);
        type_name = modified;
    }
    const char *format = arrow_format_of(column->type, arena_alloc(scratch, 32));
    describe_node(scratch, out, format, column->name, column->type.is_array ? 1 : 0);
    out->flags = ARROW_FLAG_NULLABLE;
    out->metadata = metadata_of_type(scratch, type_name);
    if (column->type.is_array) {
        SqlType element = column->type;
        element.is_array = false;
        describe_column(scratch, out->children[0], &(ArrowColumnSpec){.name = "item", .type = element});
    }
}

void arrow_schema_build(ArrowSchema *out, const ArrowColumnSpec *columns, int column_count) {
    Arena scratch;
    ArrowSchema root;
    arena_init(&scratch);
    describe_node(&scratch, &root, "+s", "", column_count);
    for (int i = 0; i < column_count; i++)
        describe_column(&scratch, root.children[i], &columns[i]);
    arrow_schema_copy(&root, out);
    arena_deinit(&scratch);
}

/* ---- reading
 * ------------------------------------------------------------------------------------------------- */

#define PART_SEPARATOR "\x1f" /* between message, detail and hint */

static Status error_from_stream(ArrowArrayStream *stream, int code, Error *err) {
    const char *text = stream->get_last_error ? stream->get_last_error(stream) : NULL;
    if (!text) return error_set_errno(err, code, "the engine's result stream failed");
    char sqlstate[6];
    int position, consumed = 0;
    if (sscanf(text, "%5[0-9A-Z]:%d:%n", sqlstate, &position, &consumed) != 2 || !consumed ||
        strlen(sqlstate) != 5)
        return error_set(err, SQLSTATE_INTERNAL, "%s", text);
    const char *message = text + consumed;
    size_t length = strcspn(message, PART_SEPARATOR);
    (void)!error_set_at(err, sqlstate, position, "%.*s", (int)length, message);
    if (message[length]) {
        const char *detail = message + length + 1;
        length = strcspn(detail, PART_SEPARATOR);
        (void)!error_add_detail(err, "%.*s", (int)length, detail);
        if (detail[length]) (void)!error_add_hint(err, "%s", detail + length + 1);
    }
    return STATUS_ERROR;
}

Status arrow_stream_next(ArrowArrayStream *stream, ArrowArray *out, Error *err) {
    memset(out, 0, sizeof *out);
    int code = stream->get_next(stream, out);
    return code ? error_from_stream(stream, code, err) : STATUS_OK;
}

Status arrow_stream_schema(ArrowArrayStream *stream, ArrowSchema *out, Error *err) {
    memset(out, 0, sizeof *out);
    int code = stream->get_schema(stream, out);
    return code ? error_from_stream(stream, code, err) : STATUS_OK;
}

void arrow_stream_error_text(const Error *err, char *text, size_t text_bytes) {
    bool more = err->detail[0] || err->hint[0];
    snprintf(text, text_bytes, "%s:%d:%s%s%s%s%s", err->sqlstate, err->position, err->message,
             more ? PART_SEPARATOR : "", err->detail, err->hint[0] ? PART_SEPARATOR : "", err->hint);
}

/* ---- making
 * ---------------------------------------------------------------------------------------------------- */

typedef struct MadeStream {
    ArrowSchema schema;
    ArrowStreamSource source;
    char error_text[sizeof(Error) + 32];
} MadeStream;

static int made_get_schema(ArrowArrayStream *stream, ArrowSchema *out) {
    MadeStream *made = stream->private_data;
    arrow_schema_copy(&made->schema, out);
    return 0;
}

static int made_get_next(ArrowArrayStream *stream, ArrowArray *out) {
    MadeStream *made = stream->private_data;
    memset(out, 0, sizeof *out);
    if (!made->source.next) return 0;
    Error err = {0};
    if (made->source.next(made->source.state, out, &err) == STATUS_OK) return 0;
    arrow_stream_error_text(&err, made->error_text, sizeof made->error_text);
    return EIO;
}

static const char *made_last_error(ArrowArrayStream *stream) {
    MadeStream *made = stream->private_data;
    return made->error_text[0] ? made->error_text : NULL;
}

static void made_release(ArrowArrayStream *stream) {
    MadeStream *made = stream->private_data;
    if (made->source.close) made->source.close(made->source.state);
    arrow_schema_release(&made->schema);
    free(made);
    stream->release = NULL;
}

void arrow_stream_make(ArrowArrayStream *out, ArrowSchema *schema, ArrowStreamSource source) {
    MadeStream *made = malloc(sizeof *made);
    if (!made) abort();
    made->schema = *schema;
    schema->release = NULL;
    made->source = source;
    made->error_text[0] = 0;
    *out = (ArrowArrayStream){.get_schema = made_get_schema,
                              .get_next = made_get_next,
                              .get_last_error = made_last_error,
                              .release = made_release,
                              .private_data = made};
}

void arrow_stream_make_empty(ArrowArrayStream *out) {
    ArrowSchema schema;
    arrow_schema_build(&schema, NULL, 0);
    arrow_stream_make(out, &schema, (ArrowStreamSource){0});
}
