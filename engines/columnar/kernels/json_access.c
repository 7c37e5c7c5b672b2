/* Looking into json and jsonb: -> ->> #> #>>, kinds, lengths. One pass over the text, no tree, no memory but
 * for strings that had escapes. */
#include "engines/columnar/kernels/array_kernels.h"
#include "engines/columnar/kernels/json_value.h"

#define OUT(call, row) (&((StringView *)(call)->out->values)[row])

typedef bool (*JsonStep)(const KernelCall *call, int row, JsonText value, JsonText *out);

static bool step_key(const KernelCall *call, int row, JsonText value, JsonText *out) {
    JsonText key = json_text(kernel_text(call, 1, row));
    return call->args[0].type.id == SQL_JSONB ? jsonb_find_key(value, key, out)
                                              : json_find_key(value, key, out);
}
/* jsonb holds a scalar as an array of one. */
static bool step_index(const KernelCall *call, int row, JsonText value, JsonText *out) {
    int32_t index = KERNEL_ARG(call, 1, int32_t, row);
    JsonKind kind = json_kind(value);
    if (call->args[0].type.id == SQL_JSONB && kind != JSON_IS_ARRAY && kind != JSON_IS_OBJECT) {
        *out = value;
        return index == 0 || index == -1;
    }
    return json_find_index(value, KERNEL_ARG(call, 1, int32_t, row), out);
}

/* The string's bytes lie in the argument, which lives as long as the batch; a short one inside the view. */
static StringView slice_of(const KernelCall *call, JsonText text) {
    return kernel_string(call, text.data, text.length);
}

static Status store_text(const KernelCall *call, int row, JsonText value, StrBuf *scratch, Error *err) {
    bool null = false;
    JsonKind kind = json_kind(value);
    if (kind == JSON_IS_STRING && !memchr(value.data, '\\', value.length)) {
        *OUT(call, row) = slice_of(call, (JsonText){value.data + 1, value.length - 2});
        return STATUS_OK;
    }
    strbuf_reset(scratch);
    TRY(json_as_text(value, scratch, &null, err));
    *OUT(call, row) = kernel_string(call, strbuf_text(scratch), scratch->length);
    if (null) kernel_set_null(call, row);
    return STATUS_OK;
}

static Status access_rows(const KernelCall *call, JsonStep step, bool as_text, Error *err) {
    StrBuf scratch;
    strbuf_init(&scratch);
    Status status = STATUS_OK;
    KERNEL_ROWS(call, row) {
        JsonText found;
        memset(OUT(call, row), 0, sizeof(StringView));
        if (!step(call, row, json_trim(json_text(kernel_text(call, 0, row))), &found)) {
            kernel_set_null(call, row);
            continue;
        }
        if (as_text)
            status = store_text(call, row, found, &scratch, err);
        else
            *OUT(call, row) = slice_of(call, found);
        if (status != STATUS_OK) break;
    }
    strbuf_deinit(&scratch);
    return status;
}

static Status get_key(const KernelCall *call, Error *err) {
    return access_rows(call, step_key, false, err);
}
static Status get_key_text(const KernelCall *call, Error *err) {
    return access_rows(call, step_key, true, err);
}
static Status get_index(const KernelCall *call, Error *err) {
    return access_rows(call, step_index, false, err);
}
static Status get_index_text(const KernelCall *call, Error *err) {
    return access_rows(call, step_index, true, err);
}

/* ---- paths ----------------------------------------------------------------------------------------------
 */

/* A path's step into an array: the whole text must be an integer. */
static bool path_index(JsonText key, int64_t *out) {
    size_t at = 0;
    bool negative = false;
    int64_t value = 0;
    while (at < key.length && (key.data[at] == ' ' || (key.data[at] >= '\t' && key.data[at] <= '\r')))
        at++;
    if (at < key.length && (key.data[at] == '-' || key.data[at] == '+')) negative = key.data[at++] == '-';
    if (at == key.length) return false;
    for (; at < key.length; at++) {
        if (key.data[at] < '0' || key.data[at] > '9') return false;
        value = value * 10 + (key.data[at] - '0');
        if (value > INT32_MAX) return false;
    }
    *out = negative ? -value : value;
    return true;
}

static bool path_step(JsonText *value, JsonText key) {
    int64_t index;
    if (json_kind(*value) == JSON_IS_ARRAY)
        return path_index(key, &index) && json_find_index(*value, index, value);
    return json_find_key(*value, key, value);
}

/* What a path leads to, as json or as text; NULL for nothing. */
static Status store_found(const KernelCall *call, int row, const JsonText *value, bool as_text,
                          StrBuf *scratch, Error *err) {
    memset(OUT(call, row), 0, sizeof(StringView));
    if (value && as_text) return store_text(call, row, *value, scratch, err);
    if (value)
        *OUT(call, row) = slice_of(call, *value);
    else
        kernel_set_null(call, row);
    return STATUS_OK;
}

static Status path_rows(const KernelCall *call, bool as_text, Error *err) {
    ArrayRows paths;
    StrBuf scratch;
    TRY(array_rows_open(call, 1, &paths, err));
    strbuf_init(&scratch);
    Status status = STATUS_OK;
    KERNEL_ROWS(call, row) {
        const ArrayValue *path = array_row(&paths, row);
        JsonText value = json_trim(json_text(kernel_text(call, 0, row)));
        bool found = true;
        for (int i = 0; found && i < path->count; i++) {
            StringView key = array_string(path, i);
            found = !array_is_null(path, i) && path_step(&value, json_text(&key));
        }
        status = store_found(call, row, found ? &value : NULL, as_text, &scratch, err);
        if (status != STATUS_OK) break;
    }
    strbuf_deinit(&scratch);
    return status;
}
static Status get_path(const KernelCall *call, Error *err) {
    return path_rows(call, false, err);
}
static Status get_path_text(const KernelCall *call, Error *err) {
    return path_rows(call, true, err);
}

/* json_extract_path(value, key, key, ...) */
static Status extract_rows(const KernelCall *call, bool as_text, Error *err) {
    StrBuf scratch;
    strbuf_init(&scratch);
    Status status = STATUS_OK;
    KERNEL_ROWS(call, row) {
        JsonText value = json_trim(json_text(kernel_text(call, 0, row)));
        bool found = true;
        for (int i = 1; found && i < call->arg_count; i++)
            found = path_step(&value, json_text(kernel_text(call, i, row)));
        status = store_found(call, row, found ? &value : NULL, as_text, &scratch, err);
        if (status != STATUS_OK) break;
    }
    strbuf_deinit(&scratch);
    return status;
}
static Status extract_path(const KernelCall *call, Error *err) {
    return extract_rows(call, false, err);
}
static Status extract_path_text(const KernelCall *call, Error *err) {
    return extract_rows(call, true, err);
}

/* ---- kinds and lengths ----------------------------------------------------------------------------------
 */

static Status json_typeof(const KernelCall *call, Error *err) {
    (void)err;
    static const char *const NAMES[] = {"null", "string", "number", "boolean", "array", "object"};
    KERNEL_ROWS(call, row) {
        const char *name = NAMES[json_kind(json_trim(json_text(kernel_text(call, 0, row))))];
        *OUT(call, row) = stringview_make(name, (uint32_t)strlen(name));
    }
    return STATUS_OK;
}

static Status json_array_length(const KernelCall *call, Error *err) {
    KERNEL_ROWS(call, row) {
        JsonText value = json_trim(json_text(kernel_text(call, 0, row)));
        JsonKind kind = json_kind(value);
        if (kind == JSON_IS_OBJECT)
            return error_set(err, SQLSTATE_INVALID_PARAMETER, "cannot get array length of a non-array");
        if (kind != JSON_IS_ARRAY)
            return error_set(err, SQLSTATE_INVALID_PARAMETER, "cannot get array length of a scalar");
        ((int32_t *)call->out->values)[row] = json_member_count(value);
    }
    return STATUS_OK;
}

/* ---- ? ?| ?& --------------------------------------------------------------------------------------------
 */

static bool string_is(JsonText value, JsonText text) {
    return json_kind(value) == JSON_IS_STRING &&
           json_key_is((JsonText){value.data + 1, value.length - 2}, text);
}

/* A key of an object, a string of an array, or the string itself. */
static bool exists(JsonText value, JsonText name) {
    JsonText key, member;
    JsonWalk walk;
    switch (json_kind(value)) {
    case JSON_IS_OBJECT: return json_find_key(value, name, &member);
    case JSON_IS_STRING: return string_is(value, name);
    case JSON_IS_ARRAY: break;
    default: return false;
    }
    json_walk_start(&walk, value);
    while (json_walk_next(&walk, &key, &member))
        if (string_is(member, name)) return true;
    return false;
}

static Status exists_one(const KernelCall *call, Error *err) {
    (void)err;
    KERNEL_ROWS(call, row)
    ((uint8_t *)call->out->values)[row] =
        exists(json_trim(json_text(kernel_text(call, 0, row))), json_text(kernel_text(call, 1, row)));
    return STATUS_OK;
}

static Status exists_rows(const KernelCall *call, bool all, Error *err) {
    ArrayRows names;
    TRY(array_rows_open(call, 1, &names, err));
    KERNEL_ROWS(call, row) {
        const ArrayValue *array = array_row(&names, row);
        JsonText value = json_trim(json_text(kernel_text(call, 0, row)));
        bool result = all;
        for (int i = 0; i < array->count && result == all; i++) {
            StringView name = array_string(array, i);
            if (!array_is_null(array, i)) result = exists(value, json_text(&name));
        }
        ((uint8_t *)call->out->values)[row] = result;
    }
    return STATUS_OK;
}
static Status exists_any(const KernelCall *call, Error *err) {
    return exists_rows(call, false, err);
}
static Status exists_all(const KernelCall *call, Error *err) {
    return exists_rows(call, true, err);
}

#define K_TEXTARRAY                                                                                          \
    { .id = SQL_TEXT, .is_array = true }
#define VARIADIC(text, function, out, first)                                                                 \
    {                                                                                                        \
        .name = text, .arg_count = 2, .variadic = true, .args = {first, K_TEXT}, .result = out,              \
        .strict = true, .eval = function                                                                     \
    }

static const ScalarFunction rows[] = {
    KERNEL_FN("->", get_key, K_JSON, K_JSON, K_TEXT),
    KERNEL_FN("->", get_key, K_JSONB, K_JSONB, K_TEXT),
    KERNEL_FN("->", get_index, K_JSON, K_JSON, K_INT4),
    KERNEL_FN("->", get_index, K_JSONB, K_JSONB, K_INT4),
    KERNEL_FN_RAISES("->>", get_key_text, K_TEXT, K_JSON, K_TEXT),
    KERNEL_FN("->>", get_key_text, K_TEXT, K_JSONB, K_TEXT),
    KERNEL_FN_RAISES("->>", get_index_text, K_TEXT, K_JSON, K_INT4),
    KERNEL_FN("->>", get_index_text, K_TEXT, K_JSONB, K_INT4),
    KERNEL_FN("#>", get_path, K_JSON, K_JSON, K_TEXTARRAY),
    KERNEL_FN("#>", get_path, K_JSONB, K_JSONB, K_TEXTARRAY),
    KERNEL_FN_RAISES("#>>", get_path_text, K_TEXT, K_JSON, K_TEXTARRAY),
    KERNEL_FN("#>>", get_path_text, K_TEXT, K_JSONB, K_TEXTARRAY),
    VARIADIC("json_extract_path", extract_path, K_JSON, K_JSON),
    VARIADIC("jsonb_extract_path", extract_path, K_JSONB, K_JSONB),
    VARIADIC("json_extract_path_text", extract_path_text, K_TEXT, K_JSON),
    VARIADIC("jsonb_extract_path_text", extract_path_text, K_TEXT, K_JSONB),
    KERNEL_FN("json_typeof", json_typeof, K_TEXT, K_JSON),
    KERNEL_FN("jsonb_typeof", json_typeof, K_TEXT, K_JSONB),
    KERNEL_FN_RAISES("json_array_length", json_array_length, K_INT4, K_JSON),
    KERNEL_FN_RAISES("jsonb_array_length", json_array_length, K_INT4, K_JSONB),
    KERNEL_FN("?", exists_one, K_BOOL, K_JSONB, K_TEXT),
    KERNEL_FN("?|", exists_any, K_BOOL, K_JSONB, K_TEXTARRAY),
    KERNEL_FN("?&", exists_all, K_BOOL, K_JSONB, K_TEXTARRAY),
};

FunctionTable json_access_functions(void) {
    return KERNEL_TABLE(rows);
}
