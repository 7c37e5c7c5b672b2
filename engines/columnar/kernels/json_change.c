/* jsonb made, changed and compared by its tree: input, || - #- @> <@, jsonb_set, jsonb_insert, strip_nulls,
 * pretty, and the casts of json and jsonb. */
#include <stdlib.h>

#include "engines/columnar/kernels/array_kernels.h"
#include "engines/columnar/kernels/json_value.h"
#include "engines/columnar/kernels/numeric_math.h"

#define OUT(call, row) (&((StringView *)(call)->out->values)[row])

static Status parse_arg(const KernelCall *call, int arg, int row, JsonNode **out, Error *err) {
    return json_parse(json_text(kernel_text(call, arg, row)), true, call->arena, out, err);
}

static void store_node(const KernelCall *call, int row, const JsonNode *node, StrBuf *scratch) {
    strbuf_reset(scratch);
    json_print(node, -1, scratch);
    *OUT(call, row) = kernel_string(call, strbuf_text(scratch), scratch->length);
}

/* Makes the result of one row from its first argument's tree; NULL leaves the row NULL. */
typedef Status (*JsonChange)(const KernelCall *call, int row, JsonNode *node, JsonNode **out, Error *err);

static Status change_rows(const KernelCall *call, JsonChange change, Error *err) {
    StrBuf scratch;
    strbuf_init(&scratch);
    Status status = STATUS_OK;
    KERNEL_ROWS(call, row) {
        JsonNode *node = NULL, *result = NULL;
        memset(OUT(call, row), 0, sizeof(StringView));
        status = parse_arg(call, 0, row, &node, err);
        if (status == STATUS_OK) status = change(call, row, node, &result, err);
        if (status != STATUS_OK) break;
        if (result)
            store_node(call, row, result, &scratch);
        else
            kernel_set_null(call, row);
    }
    strbuf_deinit(&scratch);
    return status;
}

static Status keep(const KernelCall *call, int row, JsonNode *node, JsonNode **out, Error *err) {
    (void)call, (void)row, (void)err;
    *out = node;
    return STATUS_OK;
}
static Status text_to_jsonb(const KernelCall *call, Error *err) {
    return change_rows(call, keep, err);
}

static bool is_scalar(const JsonNode *node) {
    return node->kind != JSON_IS_ARRAY && node->kind != JSON_IS_OBJECT;
}

/* ---- || and - -------------------------------------------------------------------------------------------
 */

static JsonNode *as_array(Arena *arena, JsonNode *node) {
    if (node->kind == JSON_IS_ARRAY) return node;
    JsonNode *array = json_new(arena, JSON_IS_ARRAY);
    json_add_item(arena, array, node);
    return array;
}

static Status concatenate(const KernelCall *call, int row, JsonNode *left, JsonNode **out, Error *err) {
    JsonNode *right = NULL;
    TRY(parse_arg(call, 1, row, &right, err));
    if (left->kind == JSON_IS_OBJECT && right->kind == JSON_IS_OBJECT) {
        for (int i = 0; i < right->count; i++)
            json_put(call->arena, left, right->keys[i], right->items[i]);
        *out = left;
        return STATUS_OK;
    }
    JsonNode *array = json_new(call->arena, JSON_IS_ARRAY);
    JsonNode *sides[2] = {as_array(call->arena, left), as_array(call->arena, right)};
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < sides[s]->count; i++)
            json_add_item(call->arena, array, sides[s]->items[i]);
    *out = array;
    return STATUS_OK;
}

static void remove_at(JsonNode *node, int at) {
    for (int i = at; i + 1 < node->count; i++) {
        node->items[i] = node->items[i + 1];
        if (node->kind == JSON_IS_OBJECT) node->keys[i] = node->keys[i + 1];
    }
    node->count--;
}

static void remove_name(JsonNode *node, JsonText name) {
    for (int i = 0; i < node->count;) {
        const JsonText *text = node->kind == JSON_IS_OBJECT             ? &node->keys[i]
                               : node->items[i]->kind == JSON_IS_STRING ? &node->items[i]->text
                                                                        : NULL;
        if (text && json_key_order(*text, name) == 0)
            remove_at(node, i);
        else
            i++;
    }
}

static Status from_scalar(Error *err) {
    return error_set(err, SQLSTATE_INVALID_PARAMETER, "cannot delete from scalar");
}

static Status delete_name(const KernelCall *call, int row, JsonNode *node, JsonNode **out, Error *err) {
    if (is_scalar(node)) return from_scalar(err);
    remove_name(node, json_text(kernel_text(call, 1, row)));
    *out = node;
    return STATUS_OK;
}

static Status delete_names(const KernelCall *call, int row, JsonNode *node, JsonNode **out, Error *err) {
    ArrayValue names;
    TRY(array_open(kernel_text(call, 1, row), &names, err));
    if (names.dimension_count > 1) return error_set(err, "2202E", "wrong number of array subscripts");
    if (is_scalar(node)) return from_scalar(err);
    for (int i = 0; i < names.count; i++) {
        StringView name = array_string(&names, i);
        if (!array_is_null(&names, i)) remove_name(node, json_text(&name));
    }
    *out = node;
    return STATUS_OK;
}

static Status delete_index(const KernelCall *call, int row, JsonNode *node, JsonNode **out, Error *err) {
    if (is_scalar(node)) return from_scalar(err);
    if (node->kind == JSON_IS_OBJECT)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "cannot delete from object using integer index");
    int64_t index = KERNEL_ARG(call, 1, int32_t, row);
    if (index < 0) index += node->count;
    if (index >= 0 && index < node->count) remove_at(node, (int)index);
    *out = node;
    return STATUS_OK;
}

/* ---- paths ----------------------------------------------------------------------------------------------
 */

typedef enum PathAction {
    PATH_CREATE = 1,
    PATH_DELETE = 2,
    PATH_REPLACE = 4,
    PATH_BEFORE = 8,
    PATH_AFTER = 16
} PathAction;
enum { PATH_ADDS = PATH_CREATE | PATH_BEFORE | PATH_AFTER };

typedef struct PathChange {
    const KernelCall *call;
    const ArrayValue *path;
    JsonNode *value;
    PathAction action;
    Error *err;
} PathChange;

static Status change_path(PathChange *change, JsonNode *node, int level);

static JsonText path_key(const PathChange *change, int level) {
    StringView view = array_string(change->path, level);
    const char *data = view.length > 12 ? view.pointer : arena_memdup(change->call->arena, view.inlined, 12);
    return (JsonText){data, view.length};
}

static Status change_object(PathChange *change, JsonNode *node, int level) {
    JsonText key = path_key(change, level);
    bool last = level == change->path->count - 1;
    JsonNode *old = json_get(node, key);
    if (!old) {
        if (last && change->action & PATH_ADDS) json_put(change->call->arena, node, key, change->value);
        return STATUS_OK;
    }
    if (!last) return change_path(change, old, level + 1);
    if (change->action & (PATH_BEFORE | PATH_AFTER)) {
        (void)error_set(change->err, SQLSTATE_INVALID_PARAMETER, "cannot replace existing key");
        return error_add_hint(change->err, "Try using the function jsonb_set to replace key value.");
    }
    if (change->action & PATH_DELETE)
        remove_name(node, key);
    else
        json_put(change->call->arena, node, key, change->value);
    return STATUS_OK;
}

static void insert_at(PathChange *change, JsonNode *array, int at) {
    json_add_item(change->call->arena, array, change->value);
    for (int i = array->count - 1; i > at; i--)
        array->items[i] = array->items[i - 1];
    array->items[at] = change->value;
}

static Status array_index(PathChange *change, int level, int64_t *out) {
    JsonText key = path_key(change, level);
    char digits[32], *end;
    size_t length = key.length < sizeof digits ? key.length : sizeof digits - 1;
    memcpy(digits, key.data, length);
    digits[length] = 0;
    long value = strtol(digits, &end, 10);
    if (!length || *end || length != key.length || value > INT32_MAX || value < INT32_MIN)
        return error_set(change->err, SQLSTATE_INVALID_TEXT,
                         "path element at position %d is not an integer: \"%.*s\"", level + 1,
                         (int)key.length, key.data);
    *out = value;
    return STATUS_OK;
}

static Status change_array(PathChange *change, JsonNode *node, int level) {
    int64_t index = 0;
    TRY(array_index(change, level, &index));
    bool last = level == change->path->count - 1, before_all = false;
    if (index < 0) {
        before_all = -index > node->count;
        index += node->count;
    }
    if (last && (before_all || !node->count)) {
        if (change->action & PATH_ADDS) insert_at(change, node, 0);
        return STATUS_OK;
    }
    if (before_all || index >= node->count) {
        if (last && change->action & PATH_ADDS && !before_all)
            json_add_item(change->call->arena, node, change->value);
        return STATUS_OK;
    }
    if (!last) return change_path(change, node->items[index], level + 1);
    switch (change->action) {
    case PATH_DELETE: remove_at(node, (int)index); break;
    case PATH_BEFORE: insert_at(change, node, (int)index); break;
    case PATH_AFTER: insert_at(change, node, (int)index + 1); break;
    default: node->items[index] = change->value;
    }
    return STATUS_OK;
}

static Status change_path(PathChange *change, JsonNode *node, int level) {
    if (array_is_null(change->path, level))
        return error_set(change->err, "22004", "path element at position %d is null", level + 1);
    if (node->kind == JSON_IS_OBJECT) return change_object(change, node, level);
    if (node->kind == JSON_IS_ARRAY) return change_array(change, node, level);
    return STATUS_OK;
}

static Status apply_path(const KernelCall *call, int row, JsonNode *node, JsonNode *value, PathAction action,
                         Error *err) {
    ArrayValue path;
    TRY(array_open(kernel_text(call, 1, row), &path, err));
    if (path.dimension_count > 1) return error_set(err, "2202E", "wrong number of array subscripts");
    if (is_scalar(node))
        return error_set(err, SQLSTATE_INVALID_PARAMETER,
                         action == PATH_DELETE ? "cannot delete path in scalar"
                                               : "cannot set path in scalar");
    if (!path.count || (!node->count && !(action & PATH_ADDS))) return STATUS_OK;
    PathChange change = {call, &path, value, action, err};
    return change_path(&change, node, 0);
}

static Status delete_path(const KernelCall *call, int row, JsonNode *node, JsonNode **out, Error *err) {
    *out = node;
    return apply_path(call, row, node, NULL, PATH_DELETE, err);
}

static Status set_path(const KernelCall *call, int row, JsonNode *node, JsonNode **out, Error *err) {
    JsonNode *value = NULL;
    TRY(parse_arg(call, 2, row, &value, err));
    bool create = call->arg_count < 4 || KERNEL_ARG(call, 3, uint8_t, row);
    *out = node;
    return apply_path(call, row, node, value, create ? PATH_CREATE : PATH_REPLACE, err);
}

static Status insert_path(const KernelCall *call, int row, JsonNode *node, JsonNode **out, Error *err) {
    JsonNode *value = NULL;
    TRY(parse_arg(call, 2, row, &value, err));
    bool after = call->arg_count > 3 && KERNEL_ARG(call, 3, uint8_t, row);
    *out = node;
    return apply_path(call, row, node, value, after ? PATH_AFTER : PATH_BEFORE, err);
}

/* jsonb_set_lax: what to do with a NULL value is its last argument. */
static Status set_lax(const KernelCall *call, int row, JsonNode *node, JsonNode **out, Error *err) {
    if (call->arg_count > 4 && vector_is_null(&call->args[4], row))
        return error_set(err, SQLSTATE_INVALID_PARAMETER,
                         "null_value_treatment must be \"delete_key\", \"return_target\", "
                         "\"use_json_null\", or \"raise_exception\"");
    if (!vector_is_null(&call->args[2], row)) return set_path(call, row, node, out, err);
    StringView standard = stringview_make("use_json_null", 13);
    const StringView *treatment = call->arg_count > 4 ? kernel_text(call, 4, row) : &standard;
    const char *name = stringview_data(treatment);
    size_t length = treatment->length;
    *out = node;
    if (length == 13 && !memcmp(name, "return_target", 13)) return STATUS_OK;
    if (length == 10 && !memcmp(name, "delete_key", 10))
        return apply_path(call, row, node, NULL, PATH_DELETE, err);
    if (length == 13 && !memcmp(name, "use_json_null", 13)) {
        bool create = call->arg_count < 4 || KERNEL_ARG(call, 3, uint8_t, row);
        return apply_path(call, row, node, json_new(call->arena, JSON_IS_NULL),
                          create ? PATH_CREATE : PATH_REPLACE, err);
    }
    if (length == 15 && !memcmp(name, "raise_exception", 15)) {
        (void)error_set(err, "22004", "JSON value must not be null");
        return error_add_detail(err,
                                "Exception was raised because null_value_treatment is \"raise_exception\".");
    }
    return error_set(err, SQLSTATE_INVALID_PARAMETER,
                     "null_value_treatment must be \"delete_key\", \"return_target\", \"use_json_null\", or "
                     "\"raise_exception\"");
}

static Status lax_rows(const KernelCall *call, Error *err) {
    int last = call->arg_count > 3 ? 4 : call->arg_count;
    KERNEL_ROWS(call, row) {
        for (int i = 0; i < last; i++)
            if (i != 2 && vector_is_null(&call->args[i], row) && kernel_valid(call, row))
                kernel_set_null(call, row);
    }
    return change_rows(call, set_lax, err);
}

/* ---- nulls and layout -----------------------------------------------------------------------------------
 */

static void strip_nulls(JsonNode *node) {
    int kept = 0;
    for (int i = 0; i < node->count; i++) {
        bool drop = node->kind == JSON_IS_OBJECT && node->items[i]->kind == JSON_IS_NULL;
        if (drop) continue;
        strip_nulls(node->items[i]);
        if (node->kind == JSON_IS_OBJECT) node->keys[kept] = node->keys[i];
        node->items[kept++] = node->items[i];
    }
    node->count = kept;
}
static Status stripped(const KernelCall *call, int row, JsonNode *node, JsonNode **out, Error *err) {
    (void)call, (void)row, (void)err;
    strip_nulls(node);
    *out = node;
    return STATUS_OK;
}

/* json keeps its numbers' spelling, its order and its duplicates; only blanks go. */
static Status strip_text(JsonText value, StrBuf *out, Error *err) {
    JsonKind kind = json_kind(value);
    if (kind == JSON_IS_STRING) {
        StrBuf plain;
        strbuf_init(&plain);
        Status status = json_unescape(value, &plain, err);
        if (status == STATUS_OK) json_print_string(out, strbuf_text(&plain), plain.length);
        strbuf_deinit(&plain);
        return status;
    }
    if (kind != JSON_IS_OBJECT && kind != JSON_IS_ARRAY) {
        strbuf_append(out, value.data, value.length);
        return STATUS_OK;
    }
    JsonWalk walk;
    JsonText key, member;
    bool first = true;
    json_walk_start(&walk, value);
    strbuf_append_char(out, *value.data);
    while (json_walk_next(&walk, &key, &member)) {
        if (walk.object && json_kind(member) == JSON_IS_NULL) continue;
        if (!first) strbuf_append_char(out, ',');
        first = false;
        if (walk.object) {
            TRY(strip_text((JsonText){key.data - 1, key.length + 2}, out, err));
            strbuf_append_char(out, ':');
        }
        TRY(strip_text(member, out, err));
    }
    strbuf_append_char(out, kind == JSON_IS_OBJECT ? '}' : ']');
    return STATUS_OK;
}

static Status json_strip(const KernelCall *call, Error *err) {
    StrBuf out;
    strbuf_init(&out);
    Status status = STATUS_OK;
    KERNEL_ROWS(call, row) {
        strbuf_reset(&out);
        status = strip_text(json_trim(json_text(kernel_text(call, 0, row))), &out, err);
        if (status != STATUS_OK) break;
        *OUT(call, row) = kernel_string(call, strbuf_text(&out), out.length);
    }
    strbuf_deinit(&out);
    return status;
}

static Status jsonb_pretty(const KernelCall *call, Error *err) {
    StrBuf out;
    strbuf_init(&out);
    Status status = STATUS_OK;
    KERNEL_ROWS(call, row) {
        JsonNode *node = NULL;
        strbuf_reset(&out);
        status = parse_arg(call, 0, row, &node, err);
        if (status != STATUS_OK) break;
        json_print(node, 0, &out);
        *OUT(call, row) = kernel_string(call, strbuf_text(&out), out.length);
    }
    strbuf_deinit(&out);
    return status;
}

/* ---- containment ----------------------------------------------------------------------------------------
 */

static Status contain_rows(const KernelCall *call, int whole, Error *err) {
    JsonNode *constant = NULL;
    int fixed = kernel_is_constant(&call->args[0]) ? 0 : kernel_is_constant(&call->args[1]) ? 1 : -1;
    KERNEL_ROWS(call, row) {
        JsonNode *sides[2] = {NULL, NULL};
        if (kernel_is_stopped()) return STATUS_OK;
        for (int i = 0; i < 2; i++) {
            if (i == fixed && constant) {
                sides[i] = constant;
                continue;
            }
            TRY(parse_arg(call, i, row, &sides[i], err));
            if (i == fixed) constant = sides[i];
        }
        ((uint8_t *)call->out->values)[row] = json_contains(sides[whole], sides[1 - whole]);
    }
    return STATUS_OK;
}
static Status jsonb_contains(const KernelCall *call, Error *err) {
    return contain_rows(call, 0, err);
}
static Status jsonb_contained(const KernelCall *call, Error *err) {
    return contain_rows(call, 1, err);
}

#define CHANGE_KERNEL(name, change)                                                                          \
    static Status name(const KernelCall *call, Error *err) {                                                 \
        return change_rows(call, change, err);                                                               \
    }
CHANGE_KERNEL(jsonb_concat, concatenate)
CHANGE_KERNEL(jsonb_delete_name, delete_name)
CHANGE_KERNEL(jsonb_delete_names, delete_names)
CHANGE_KERNEL(jsonb_delete_index, delete_index)
CHANGE_KERNEL(jsonb_delete_path, delete_path)
CHANGE_KERNEL(jsonb_set, set_path)
CHANGE_KERNEL(jsonb_insert, insert_path)
CHANGE_KERNEL(jsonb_strip, stripped)

#define K_TEXTARRAY                                                                                          \
    { .id = SQL_TEXT, .is_array = true }
#define LAX(...)                                                                                             \
    {                                                                                                        \
        .name = "jsonb_set_lax", .arg_count = K_ARGC(__VA_ARGS__), .args = {__VA_ARGS__}, .result = K_JSONB, \
        .eval = lax_rows                                                                                     \
    }

static const ScalarFunction rows[] = {
    KERNEL_FN_RAISES("||", jsonb_concat, K_JSONB, K_JSONB, K_JSONB),
    KERNEL_FN_RAISES("-", jsonb_delete_name, K_JSONB, K_JSONB, K_TEXT),
    KERNEL_FN_RAISES("-", jsonb_delete_index, K_JSONB, K_JSONB, K_INT4),
    KERNEL_FN_RAISES("-", jsonb_delete_names, K_JSONB, K_JSONB, K_TEXTARRAY),
    KERNEL_FN_RAISES("#-", jsonb_delete_path, K_JSONB, K_JSONB, K_TEXTARRAY),
    KERNEL_FN_RAISES("jsonb_set", jsonb_set, K_JSONB, K_JSONB, K_TEXTARRAY, K_JSONB),
    KERNEL_FN_RAISES("jsonb_set", jsonb_set, K_JSONB, K_JSONB, K_TEXTARRAY, K_JSONB, K_BOOL),
    LAX(K_JSONB, K_TEXTARRAY, K_JSONB),
    LAX(K_JSONB, K_TEXTARRAY, K_JSONB, K_BOOL),
    LAX(K_JSONB, K_TEXTARRAY, K_JSONB, K_BOOL, K_TEXT),
    KERNEL_FN_RAISES("jsonb_insert", jsonb_insert, K_JSONB, K_JSONB, K_TEXTARRAY, K_JSONB),
    KERNEL_FN_RAISES("jsonb_insert", jsonb_insert, K_JSONB, K_JSONB, K_TEXTARRAY, K_JSONB, K_BOOL),
    KERNEL_FN("jsonb_strip_nulls", jsonb_strip, K_JSONB, K_JSONB),
    KERNEL_FN_RAISES("json_strip_nulls", json_strip, K_JSON, K_JSON),
    KERNEL_FN("jsonb_pretty", jsonb_pretty, K_TEXT, K_JSONB),
    KERNEL_FN("@>", jsonb_contains, K_BOOL, K_JSONB, K_JSONB),
    KERNEL_FN("<@", jsonb_contained, K_BOOL, K_JSONB, K_JSONB),
};

FunctionTable json_change_functions(void) {
    return KERNEL_TABLE(rows);
}

/* ---- casts ----------------------------------------------------------------------------------------------
 */

static Status cannot_cast(JsonText value, const char *type, Error *err) {
    static const char *const KINDS[] = {"null", "string", "numeric", "boolean", "array", "object"};
    return error_set(err, SQLSTATE_INVALID_PARAMETER, "cannot cast jsonb %s to type %s",
                     KINDS[json_kind(value)], type);
}

static Status jsonb_to_bool(const KernelCall *call, Error *err) {
    KERNEL_ROWS(call, row) {
        JsonText value = json_trim(json_text(kernel_text(call, 0, row)));
        if (json_kind(value) != JSON_IS_BOOL) return cannot_cast(value, "boolean", err);
        ((uint8_t *)call->out->values)[row] = *value.data == 't';
    }
    return STATUS_OK;
}

static Status jsonb_to_number(const KernelCall *call, Error *err) {
    char name[SQLTYPE_NAME_BYTES];
    SqlType numeric = sqltype_of(SQL_NUMERIC);
    Vector values, result;
    vector_init_flat(&values, numeric, call->row_count, call->arena);
    memset(values.values, 0, sizeof(Numeric) * (size_t)call->row_count);
    KERNEL_ROWS(call, row) {
        JsonText value = json_trim(json_text(kernel_text(call, 0, row)));
        if (json_kind(value) != JSON_IS_NUMBER)
            return cannot_cast(value, sqltype_name(call->out->type, false, name), err);
        TRY(numeric_parse(value.data, value.length, &((Numeric *)values.values)[row], err));
    }
    if (call->out->physical == PHYS_NUMERIC) {
        memcpy(call->out->values, values.values, sizeof(Numeric) * (size_t)call->row_count);
        return STATUS_OK;
    }
    TRY(values_cast(call, &values, call->row_count, call->out->type, CAST_EXPLICIT, &result, err));
    memcpy(call->out->values, result.values,
           physical_width((PhysicalType)call->out->physical) * (size_t)call->row_count);
    return STATUS_OK;
}

static const CastEntry casts[] = {
    CAST_BETWEEN(UNKNOWN, JSONB, IMPLICIT, EXPLICIT, text_to_jsonb),
    CAST_BETWEEN(TEXT, JSONB, EXPLICIT, EXPLICIT, text_to_jsonb),
    CAST_BETWEEN(VARCHAR, JSONB, EXPLICIT, EXPLICIT, text_to_jsonb),
    CAST_BETWEEN(BPCHAR, JSONB, EXPLICIT, EXPLICIT, text_to_jsonb),
    CAST_BETWEEN(NAME, JSONB, EXPLICIT, EXPLICIT, text_to_jsonb),
    CAST_BETWEEN(JSON, JSONB, ASSIGNMENT, EXPLICIT, text_to_jsonb),
    CAST_BETWEEN(JSONB, BOOL, EXPLICIT, EXPLICIT, jsonb_to_bool),
    CAST_BETWEEN(JSONB, NUMERIC, EXPLICIT, EXPLICIT, jsonb_to_number),
    CAST_BETWEEN(JSONB, INT2, EXPLICIT, EXPLICIT, jsonb_to_number),
    CAST_BETWEEN(JSONB, INT4, EXPLICIT, EXPLICIT, jsonb_to_number),
    CAST_BETWEEN(JSONB, INT8, EXPLICIT, EXPLICIT, jsonb_to_number),
    CAST_BETWEEN(JSONB, FLOAT4, EXPLICIT, EXPLICIT, jsonb_to_number),
    CAST_BETWEEN(JSONB, FLOAT8, EXPLICIT, EXPLICIT, jsonb_to_number),
};

CastTable json_casts(void) {
    return (CastTable){casts, (int)(sizeof casts / sizeof casts[0])};
}
