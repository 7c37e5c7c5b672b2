/* json_each, json_array_elements, json_object_keys and their like: members of a document as rows, read by the
 * scanner as they are asked for. */
#include "engines/columnar/kernels/json_value.h"
#include "engines/columnar/kernels/jsonpath.h"
#include "engines/columnar/kernels/table_function.h"

typedef struct WalkState {
    int row;
    bool inside;
    size_t offset; /* of the next member in the row's text */
} WalkState;

typedef enum MemberColumns { MEMBER_VALUE, MEMBER_KEY, MEMBER_BOTH } MemberColumns;

static Status put_text(const TableCall *call, int column, int at, JsonText text, bool string, bool as_text,
                       Error *err) {
    Vector *out = &call->out[column];
    StringView *to = (StringView *)out->values + at;
    memset(to, 0, sizeof *to);
    if (!string && !as_text) {
        *to =
            stringview_make(text.length > 12 ? arena_memdup(call->arena, text.data, text.length) : text.data,
                            (uint32_t)text.length);
        return STATUS_OK;
    }
    StrBuf plain;
    bool null = false;
    strbuf_init(&plain);
    Status status = string ? json_unescape(text, &plain, err) : json_as_text(text, &plain, &null, err);
    size_t length = plain.length;
    if (status == STATUS_OK)
        *to = stringview_make(length > 12 ? arena_memdup(call->arena, strbuf_text(&plain), length)
                                          : strbuf_text(&plain),
                              (uint32_t)length);
    if (null) bitmap_clear(vector_make_validity(out, BATCH_ROWS, call->arena), (size_t)at);
    strbuf_deinit(&plain);
    return status;
}

/* Messages are those of the function that was called. */
typedef struct WalkKind {
    bool object;
    MemberColumns columns;
    bool as_text;
    const char *wrong_container, *scalar;
} WalkKind;

static Status check_container(const WalkKind *kind, JsonText text, Error *err) {
    JsonKind found = json_kind(text);
    if (found == (kind->object ? JSON_IS_OBJECT : JSON_IS_ARRAY)) return STATUS_OK;
    bool container = found == JSON_IS_OBJECT || found == JSON_IS_ARRAY;
    return error_set(err, SQLSTATE_INVALID_PARAMETER, "%s", container ? kind->wrong_container : kind->scalar);
}

static Status walk_next(const TableCall *call, const WalkKind *kind, int *count, Error *err) {
    WalkState *state = call->state;
    *count = 0;
    for (; state->row < call->row_count && *count < BATCH_ROWS; state->row++, state->inside = false) {
        int row = call->rows[state->row];
        const Vector *arg = &call->args[0];
        JsonText text = json_trim(json_text((const StringView *)arg->values + kernel_index(arg, row)));
        JsonText key, value;
        JsonWalk walk;
        if (!state->inside) TRY(check_container(kind, text, err));
        json_walk_start(&walk, text);
        if (state->inside) walk.at = text.data + state->offset;
        bool more = true;
        while (*count < BATCH_ROWS && (more = json_walk_next(&walk, &key, &value))) {
            call->input_rows[*count] = (uint16_t)row;
            if (kind->columns != MEMBER_VALUE)
                TRY(put_text(call, 0, *count, (JsonText){key.data - 1, key.length + 2}, true, true, err));
            if (kind->columns != MEMBER_KEY)
                TRY(put_text(call, kind->columns == MEMBER_BOTH ? 1 : 0, *count, value, false, kind->as_text,
                             err));
            ++*count;
        }
        if (!more) continue;
        state->inside = true;
        state->offset = (size_t)(walk.at - text.data);
        break;
    }
    return STATUS_OK;
}

#define WALK(name, ...)                                                                                      \
    static Status name(const TableCall *call, int *count, Error *err) {                                      \
        static const WalkKind kind = {__VA_ARGS__};                                                          \
        return walk_next(call, &kind, count, err);                                                           \
    }
WALK(jsonb_elements, false, MEMBER_VALUE, false, "cannot extract elements from an object",
     "cannot extract elements from a scalar")
WALK(jsonb_elements_text, false, MEMBER_VALUE, true, "cannot extract elements from an object",
     "cannot extract elements from a scalar")
WALK(json_elements, false, MEMBER_VALUE, false, "cannot call json_array_elements on a non-array",
     "cannot call json_array_elements on a scalar")
WALK(json_elements_text, false, MEMBER_VALUE, true, "cannot call json_array_elements_text on a non-array",
     "cannot call json_array_elements_text on a scalar")
WALK(jsonb_members, true, MEMBER_BOTH, false, "cannot call jsonb_each on a non-object",
     "cannot call jsonb_each on a non-object")
WALK(jsonb_members_text, true, MEMBER_BOTH, true, "cannot call jsonb_each_text on a non-object",
     "cannot call jsonb_each_text on a non-object")
WALK(json_members, true, MEMBER_BOTH, false, "cannot deconstruct an array as an object",
     "cannot deconstruct a scalar")
WALK(json_members_text, true, MEMBER_BOTH, true, "cannot deconstruct an array as an object",
     "cannot deconstruct a scalar")
WALK(jsonb_keys, true, MEMBER_KEY, false, "cannot call jsonb_object_keys on an array",
     "cannot call jsonb_object_keys on a scalar")
WALK(json_keys, true, MEMBER_KEY, false, "cannot call json_object_keys on an array",
     "cannot call json_object_keys on a scalar")

/* ---- jsonb_path_query -----------------------------------------------------------------------------------
 */

typedef struct PathState {
    int row, item;
    bool ready;
    JsonPathItems items;
} PathState;

static Status path_next(const TableCall *call, bool zones, int *count, Error *err) {
    PathState *state = call->state;
    *count = 0;
    for (; state->row < call->row_count && *count < BATCH_ROWS;
         state->row++, state->ready = false, state->item = 0) {
        int row = call->rows[state->row];
        if (!state->ready)
            TRY(jsonpath_run_row(call->args, call->arg_count, row, zones, call->state_arena, &state->items,
                                 err));
        state->ready = true;
        for (; state->item < state->items.count && *count < BATCH_ROWS; state->item++, ++*count) {
            StrBuf text;
            strbuf_init(&text);
            json_print(state->items.items[state->item], -1, &text);
            call->input_rows[*count] = (uint16_t)row;
            Status status =
                put_text(call, 0, *count, (JsonText){strbuf_text(&text), text.length}, false, false, err);
            strbuf_deinit(&text);
            TRY(status);
        }
        if (state->item < state->items.count) break;
    }
    return STATUS_OK;
}
static Status path_query(const TableCall *call, int *count, Error *err) {
    return path_next(call, false, count, err);
}
static Status path_query_tz(const TableCall *call, int *count, Error *err) {
    return path_next(call, true, count, err);
}

#define ONE(text, arg, column, result, function)                                                             \
    {                                                                                                        \
        .name = text, .arg_count = 1, .args = {arg}, .strict = true, .column_count = 1,                      \
        .columns = {{column, result}}, .state_bytes = sizeof(WalkState), .next = function, .estimate = 10    \
    }
#define TWO(text, arg, result, function)                                                                     \
    {                                                                                                        \
        .name = text, .arg_count = 1, .args = {arg}, .strict = true, .column_count = 2,                      \
        .columns = {{"key", K_TEXT}, {"value", result}}, .state_bytes = sizeof(WalkState), .next = function, \
        .estimate = 10                                                                                       \
    }
#define PATH(text, function, ...)                                                                            \
    {                                                                                                        \
        .name = text, .arg_count = K_ARGC(__VA_ARGS__), .args = {__VA_ARGS__}, .strict = true,               \
        .column_count = 1, .columns = {{"jsonb_path_query", K_JSONB}}, .state_bytes = sizeof(PathState),     \
        .next = function, .estimate = 10                                                                     \
    }
#define PATHS(text, function)                                                                                \
    PATH(text, function, K_JSONB, K_TEXT), PATH(text, function, K_JSONB, K_TEXT, K_JSONB),                   \
        PATH(text, function, K_JSONB, K_TEXT, K_JSONB, K_BOOL)

static const TableFunction functions[] = {
    ONE("jsonb_array_elements", K_JSONB, "value", K_JSONB, jsonb_elements),
    ONE("jsonb_array_elements_text", K_JSONB, "value", K_TEXT, jsonb_elements_text),
    ONE("json_array_elements", K_JSON, "value", K_JSON, json_elements),
    ONE("json_array_elements_text", K_JSON, "value", K_TEXT, json_elements_text),
    ONE("jsonb_object_keys", K_JSONB, "jsonb_object_keys", K_TEXT, jsonb_keys),
    ONE("json_object_keys", K_JSON, "json_object_keys", K_TEXT, json_keys),
    TWO("jsonb_each", K_JSONB, K_JSONB, jsonb_members),
    TWO("jsonb_each_text", K_JSONB, K_TEXT, jsonb_members_text),
    TWO("json_each", K_JSON, K_JSON, json_members),
    TWO("json_each_text", K_JSON, K_TEXT, json_members_text),
    PATHS("jsonb_path_query", path_query),
    PATHS("jsonb_path_query_tz", path_query_tz),
};

TableFunctionTable json_table_functions(void) {
    return (TableFunctionTable){functions, (int)(sizeof functions / sizeof functions[0])};
}
