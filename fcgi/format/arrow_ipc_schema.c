#include "fcgi/format/arrow_ipc_schema.h"

#include <stdio.h>
#include <stdlib.h>

typedef enum TypeTag {
    TAG_NULL = 1,
    TAG_INT = 2,
    TAG_FLOAT = 3,
    TAG_BINARY = 4,
    TAG_UTF8 = 5,
    TAG_BOOL = 6,
    TAG_DECIMAL = 7,
    TAG_DATE = 8,
    TAG_TIME = 9,
    TAG_TIMESTAMP = 10,
    TAG_INTERVAL = 11,
    TAG_LIST = 12,
    TAG_STRUCT = 13,
    TAG_LARGE_BINARY = 19,
    TAG_LARGE_UTF8 = 20,
    TAG_LARGE_LIST = 21
} TypeTag;

/* Up to two numbers say the rest of a type: fields 0 and 1 of its table, of these widths. */
typedef struct TypeDesc {
    const char *format; /* whole, or up to the '*' */
    TypeTag tag;
    IpcLayout layout;
    int first, second;
    uint8_t widths[2];
    int first_absent, second_absent; /* what a missing field means */
} TypeDesc;

static const TypeDesc types[] = {
    {"n", TAG_NULL, {IPC_NULLS, 0}, 0, 0, {0, 0}, 0, 0},
    {"b", TAG_BOOL, {IPC_BITS, 0}, 0, 0, {0, 0}, 0, 0},
    {"c", TAG_INT, {IPC_FIXED, 1}, 8, 1, {4, 1}, 0, 0},
    {"C", TAG_INT, {IPC_FIXED, 1}, 8, 0, {4, 1}, 0, 0},
    {"s", TAG_INT, {IPC_FIXED, 2}, 16, 1, {4, 1}, 0, 0},
    {"S", TAG_INT, {IPC_FIXED, 2}, 16, 0, {4, 1}, 0, 0},
    {"i", TAG_INT, {IPC_FIXED, 4}, 32, 1, {4, 1}, 0, 0},
    {"I", TAG_INT, {IPC_FIXED, 4}, 32, 0, {4, 1}, 0, 0},
    {"l", TAG_INT, {IPC_FIXED, 8}, 64, 1, {4, 1}, 0, 0},
    {"L", TAG_INT, {IPC_FIXED, 8}, 64, 0, {4, 1}, 0, 0},
    {"f", TAG_FLOAT, {IPC_FIXED, 4}, 1, 0, {2, 0}, 0, 0},
    {"g", TAG_FLOAT, {IPC_FIXED, 8}, 2, 0, {2, 0}, 0, 0},
    {"u", TAG_UTF8, {IPC_BYTES, 0}, 0, 0, {0, 0}, 0, 0},
    {"U", TAG_LARGE_UTF8, {IPC_BYTES64, 0}, 0, 0, {0, 0}, 0, 0},
    {"z", TAG_BINARY, {IPC_BYTES, 0}, 0, 0, {0, 0}, 0, 0},
    {"Z", TAG_LARGE_BINARY, {IPC_BYTES64, 0}, 0, 0, {0, 0}, 0, 0},
    {"tdD", TAG_DATE, {IPC_FIXED, 4}, 0, 0, {2, 0}, 1, 0},        /* days */
    {"ttu", TAG_TIME, {IPC_FIXED, 8}, 2, 64, {2, 4}, 1, 32},      /* microseconds */
    {"tsu:*", TAG_TIMESTAMP, {IPC_FIXED, 8}, 2, 0, {2, 0}, 0, 0}, /* microseconds; the zone is field 1 */
    {"tin", TAG_INTERVAL, {IPC_FIXED, 16}, 2, 0, {2, 0}, 0, 0},   /* months, days, nanoseconds */
    {"d:*", TAG_DECIMAL, {IPC_FIXED, 16}, 0, 0, {4, 4}, 0, 0},    /* precision, scale */
    {"+l", TAG_LIST, {IPC_LIST, 0}, 0, 0, {0, 0}, 0, 0},
    {"+L", TAG_LARGE_LIST, {IPC_LIST64, 0}, 0, 0, {0, 0}, 0, 0},
    {"+s", TAG_STRUCT, {IPC_STRUCT, 0}, 0, 0, {0, 0}, 0, 0},
};
enum { TYPE_COUNT = sizeof types / sizeof types[0] };

static const TypeDesc *desc_of(const char *format) {
    for (int i = 0; i < TYPE_COUNT; i++) {
        size_t length = strcspn(types[i].format, "*");
        if (!strncmp(format, types[i].format, length) && (types[i].format[length] || !format[length]))
            return &types[i];
    }
    return NULL;
}

bool ipc_layout_of(const char *format, IpcLayout *out) {
    const TypeDesc *desc = desc_of(format);
    if (desc) *out = desc->layout;
    return desc != NULL;
}

static Status check_field(const ArrowSchema *schema, int depth, int *count, Error *err) {
    IpcLayout layout;
    if (schema->dictionary || !ipc_layout_of(schema->format, &layout))
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "column \"%s\" has the Arrow format %s, which is not sent as Arrow",
                         schema->name ? schema->name : "", schema->format);
    if (depth > IPC_MAX_DEPTH || (*count += 1) > IPC_MAX_FIELDS)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "the result has too many columns for an Arrow schema");
    for (int64_t i = 0; i < schema->n_children; i++)
        TRY(check_field(schema->children[i], depth + 1, count, err));
    return STATUS_OK;
}

Status ipc_check_schema(const ArrowSchema *schema, Error *err) {
    int count = 0;
    for (int64_t i = 0; i < schema->n_children; i++)
        TRY(check_field(schema->children[i], 1, &count, err));
    return STATUS_OK;
}

/* ---- writing ---------------------------------------------------------------------------------------------
 */

static size_t write_type(FlatBuilder *builder, const char *format, const TypeDesc *desc) {
    uint8_t widths[2] = {desc->widths[0], desc->widths[1]};
    int first = desc->first, second = desc->second;
    size_t at[2];
    const char *zone = desc->tag == TAG_TIMESTAMP ? format + 4 : "";
    if (zone[0]) widths[1] = FLAT_LINK_BYTES;
    if (desc->tag == TAG_DECIMAL) (void)sscanf(format, "d:%d,%d", &first, &second);
    size_t table = flat_table(builder, widths, 2, at);
    if (widths[0]) flat_put(builder, at[0], first, widths[0]);
    if (zone[0])
        flat_link(builder, at[1], flat_string(builder, zone, strlen(zone)));
    else if (widths[1])
        flat_put(builder, at[1], second, widths[1]);
    return table;
}

/* The C interface's metadata: a count, then length and bytes of each key and value. */
static size_t write_metadata(FlatBuilder *builder, const char *metadata) {
    int32_t count, length;
    memcpy(&count, metadata, 4);
    metadata += 4;
    size_t vector = flat_links(builder, (uint32_t)count);
    for (int32_t i = 0; i < count; i++) {
        size_t at[2], pair = flat_table(builder, (const uint8_t[]){FLAT_LINK_BYTES, FLAT_LINK_BYTES}, 2, at);
        flat_link(builder, vector + 4 + 4 * (size_t)i, pair);
        for (int side = 0; side < 2; side++) {
            memcpy(&length, metadata, 4);
            flat_link(builder, at[side], flat_string(builder, metadata + 4, (size_t)length));
            metadata += 4 + length;
        }
    }
    return vector;
}

static size_t write_field(FlatBuilder *builder, const ArrowSchema *schema);

static size_t write_fields(FlatBuilder *builder, const ArrowSchema *schema) {
    size_t vector = flat_links(builder, (uint32_t)schema->n_children);
    for (int64_t i = 0; i < schema->n_children; i++)
        flat_link(builder, vector + 4 + 4 * (size_t)i, write_field(builder, schema->children[i]));
    return vector;
}

/* Field: name, nullable, type_type, type, dictionary, children, custom_metadata. */
static size_t write_field(FlatBuilder *builder, const ArrowSchema *schema) {
    const TypeDesc *desc = desc_of(schema->format);
    const char *name = schema->name ? schema->name : "";
    uint8_t widths[] = {4, 1, 1, 4, 0, 4, schema->metadata ? 4 : 0};
    size_t at[7];
    size_t table = flat_table(builder, widths, 7, at);
    flat_link(builder, at[0], flat_string(builder, name, strlen(name)));
    flat_put(builder, at[1], (schema->flags & ARROW_FLAG_NULLABLE) != 0, 1);
    flat_put(builder, at[2], desc->tag, 1);
    flat_link(builder, at[3], write_type(builder, schema->format, desc));
    flat_link(builder, at[5], write_fields(builder, schema));
    if (schema->metadata) flat_link(builder, at[6], write_metadata(builder, schema->metadata));
    return table;
}

/* Schema: endianness (absent = little), fields. */
size_t ipc_write_schema(FlatBuilder *builder, const ArrowSchema *schema) {
    size_t at[2];
    size_t table = flat_table(builder, (const uint8_t[]){0, FLAT_LINK_BYTES}, 2, at);
    flat_link(builder, at[1], write_fields(builder, schema));
    return table;
}

/* ---- reading ---------------------------------------------------------------------------------------------
 */

typedef struct SchemaReader {
    Arena arena; /* of the description that is then copied */
    int field_count;
    Error *err;
} SchemaReader;

static Status damaged(Error *err) {
    return error_set(err, SQLSTATE_DATA_CORRUPTED, "the Arrow file's schema is damaged");
}

static bool is_type(const TypeDesc *desc, const FlatTable *type) {
    for (int i = 0; i < 2; i++) {
        int expected = i ? desc->second : desc->first, absent = i ? desc->second_absent : desc->first_absent;
        if (desc->widths[i] && desc->tag != TAG_DECIMAL &&
            flat_integer(type, i, desc->widths[i], absent) != expected)
            return false;
    }
    return true;
}

/* NULL when there is no such type here. */
static const char *read_format(SchemaReader *reader, int64_t tag, const FlatTable *type) {
    for (int i = 0; i < TYPE_COUNT; i++) {
        if ((int64_t)types[i].tag != tag || !is_type(&types[i], type)) continue;
        if (tag == TAG_DECIMAL) {
            int64_t precision = flat_integer(type, 0, 4, 0), scale = flat_integer(type, 1, 4, 0);
            bool fits = precision > 0 && precision <= NUMERIC_MAX_PRECISION && scale >= 0 &&
                        scale <= NUMERIC_MAX_PRECISION && flat_integer(type, 2, 4, 128) == 128;
            return fits ? arena_printf(&reader->arena, "d:%d,%d", (int)precision, (int)scale) : NULL;
        }
        if (tag != TAG_TIMESTAMP) return types[i].format;
        size_t length;
        const char *zone = flat_text(type, 1, &length);
        return arena_printf(&reader->arena, "tsu:%.*s", zone && length < 64 ? (int)length : 0,
                            zone ? zone : "");
    }
    return NULL;
}

static void append_sized(StrBuf *out, const char *text, size_t length) {
    int32_t bytes = (int32_t)length;
    strbuf_append(out, &bytes, 4);
    strbuf_append(out, text ? text : "", length);
}

static const char *read_metadata(SchemaReader *reader, const FlatTable *field) {
    FlatVector pairs = flat_vector(field, 6, FLAT_LINK_BYTES);
    if (!pairs.count || pairs.count > IPC_MAX_FIELDS) return NULL;
    StrBuf out;
    int32_t count = (int32_t)pairs.count;
    strbuf_init(&out);
    strbuf_append(&out, &count, 4);
    for (uint32_t i = 0; i < pairs.count; i++) {
        FlatTable pair = flat_element(&pairs, i);
        for (int side = 0; side < 2; side++) {
            size_t length;
            const char *text = flat_text(&pair, side, &length);
            append_sized(&out, text, length);
        }
    }
    const char *metadata = arena_memdup(&reader->arena, out.data, out.length);
    strbuf_deinit(&out);
    return metadata;
}

static Status read_fields(SchemaReader *reader, const FlatTable *table, int field, int depth,
                          ArrowSchema *out);

static Status read_field(SchemaReader *reader, const FlatTable *field, int depth, ArrowSchema *out) {
    FlatTable type = flat_child(field, 3);
    size_t name_bytes;
    IpcLayout layout;
    const char *name = flat_text(field, 0, &name_bytes);
    const char *format = field->view ? read_format(reader, flat_integer(field, 2, 1, 0), &type) : NULL;
    if (!format || flat_has(field, 4) || !ipc_layout_of(format, &layout)) return damaged(reader->err);
    out->format = format;
    out->name = name ? arena_strndup(&reader->arena, name, name_bytes) : "";
    out->flags = flat_integer(field, 1, 1, 0) ? ARROW_FLAG_NULLABLE : 0;
    out->metadata = read_metadata(reader, field);
    TRY(read_fields(reader, field, 5, depth, out));
    bool is_list = layout.shape == IPC_LIST || layout.shape == IPC_LIST64;
    bool fits = is_list ? out->n_children == 1 : out->n_children == 0 || layout.shape == IPC_STRUCT;
    return fits && !field->view->damaged ? STATUS_OK : damaged(reader->err);
}

static Status read_fields(SchemaReader *reader, const FlatTable *table, int field, int depth,
                          ArrowSchema *out) {
    FlatVector fields = flat_vector(table, field, FLAT_LINK_BYTES);
    if (depth > IPC_MAX_DEPTH || fields.count > (uint32_t)(IPC_MAX_FIELDS - reader->field_count))
        return damaged(reader->err);
    reader->field_count += (int)fields.count;
    out->n_children = fields.count;
    out->children = ARENA_NEW_ARRAY(&reader->arena, ArrowSchema *, fields.count + 1);
    for (uint32_t i = 0; i < fields.count; i++) {
        FlatTable child = flat_element(&fields, i);
        out->children[i] = ARENA_NEW(&reader->arena, ArrowSchema);
        TRY(read_field(reader, &child, depth + 1, out->children[i]));
    }
    return STATUS_OK;
}

Status ipc_read_schema(const FlatTable *table, ArrowSchema *out, Error *err) {
    SchemaReader reader = {.err = err};
    ArrowSchema root = {.format = "+s", .name = ""};
    arena_init(&reader.arena);
    Status status = table->view && flat_integer(table, 0, 2, 0) == 0
                        ? read_fields(&reader, table, 1, 0, &root)
                        : damaged(err);
    if (status == STATUS_OK && table->view && table->view->damaged) status = damaged(err);
    if (status == STATUS_OK) arrow_schema_copy(&root, out);
    arena_deinit(&reader.arena);
    return status;
}
