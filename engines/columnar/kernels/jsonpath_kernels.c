/* @? @@ and jsonb_path_exists, _match, _query_array, _query_first. A constant path is parsed once. */
#include "engines/columnar/kernels/jsonpath.h"

static Status bind_path(const Vector *const *constants, int arg_count, Arena *arena, const void **bind_data,
                        Error *err) {
    (void)arg_count;
    *bind_data = NULL;
    if (!constants[1] || vector_is_null(constants[1], 0)) return STATUS_OK;
    JsonPath *path = ARENA_NEW(arena, JsonPath);
    JsonText text = json_text(constants[1]->values);
    TRY(jsonpath_parse((JsonText){arena_memdup(arena, text.data, text.length + !text.length), text.length},
                       arena, path, err));
    *bind_data = path;
    return STATUS_OK;
}

static Status read_variables(const Vector *args, int arg_count, int row, Arena *arena, JsonNode **out,
                             Error *err) {
    *out = NULL;
    if (arg_count < 3) return STATUS_OK;
    const StringView *text = (const StringView *)args[2].values + kernel_index(&args[2], row);
    TRY(json_parse(json_text(text), true, arena, out, err));
    if ((*out)->kind == JSON_IS_OBJECT) return STATUS_OK;
    (void)error_set(err, SQLSTATE_INVALID_PARAMETER, "\"vars\" argument is not an object");
    return error_add_detail(err,
                            "Jsonpath parameters should be encoded as key-value pairs of \"vars\" object.");
}

static const StringView *text_arg(const Vector *args, int index, int row) {
    return (const StringView *)args[index].values + kernel_index(&args[index], row);
}

/* FAILED with err set is an error, without one a silenced failure. */
static Status run_row(const Vector *args, int arg_count, int row, const JsonPath *path, bool silent,
                      Arena *arena, JsonPathItems *items, PathResult *result, Error *err) {
    JsonNode *document = NULL, *variables = NULL;
    JsonPath parsed;
    Error own = {0};
    if (!path) {
        TRY(jsonpath_parse(json_text(text_arg(args, 1, row)), arena, &parsed, err));
        path = &parsed;
    }
    TRY(json_parse(json_text(text_arg(args, 0, row)), true, arena, &document, err));
    TRY(read_variables(args, arg_count, row, arena, &variables, err));
    if (arg_count > 3) silent = ((const uint8_t *)args[3].values)[kernel_index(&args[3], row)];
    *result = jsonpath_run(path, document, variables, silent, arena, items, &own);
    if (*result != PATH_FAILED || !error_is_set(&own)) return STATUS_OK;
    if (err) *err = own;
    return STATUS_ERROR;
}

Status jsonpath_run_row(const Vector *args, int arg_count, int row, bool zones, Arena *arena,
                        JsonPathItems *items, Error *err) {
    (void)zones;
    PathResult result;
    memset(items, 0, sizeof *items);
    TRY(run_row(args, arg_count, row, NULL, false, arena, items, &result, err));
    if (result == PATH_FAILED) items->count = 0;
    return STATUS_OK;
}

static Status exists_rows(const KernelCall *call, bool silent, Error *err) {
    const JsonPath *path = call->bind_data;
    KERNEL_ROWS(call, row) {
        PathResult result;
        JsonPathItems items = {0};
        bool lax = path && path->lax;
        TRY(run_row(call->args, call->arg_count, row, path, silent, call->arena, lax ? NULL : &items, &result,
                    err));
        ((uint8_t *)call->out->values)[row] = lax ? result == PATH_FOUND : items.count > 0;
        if (result == PATH_FAILED) kernel_set_null(call, row);
    }
    return STATUS_OK;
}

static Status match_rows(const KernelCall *call, bool silent, Error *err) {
    KERNEL_ROWS(call, row) {
        PathResult result;
        JsonPathItems items = {0};
        uint8_t *out = &((uint8_t *)call->out->values)[row];
        *out = 0;
        TRY(run_row(call->args, call->arg_count, row, call->bind_data, silent, call->arena, &items, &result,
                    err));
        JsonNode *only = result != PATH_FAILED && items.count == 1 ? items.items[0] : NULL;
        bool quiet = silent || (call->arg_count > 3 && KERNEL_ARG(call, 3, uint8_t, row));
        if (only && only->kind == JSON_IS_BOOL)
            *out = only->boolean;
        else if ((only && only->kind == JSON_IS_NULL) || quiet)
            kernel_set_null(call, row);
        else
            return error_set(err, "22038", "single boolean result is expected");
    }
    return STATUS_OK;
}

static Status query_rows(const KernelCall *call, bool first, Error *err) {
    StrBuf text;
    strbuf_init(&text);
    Status status = STATUS_OK;
    KERNEL_ROWS(call, row) {
        PathResult result;
        JsonPathItems items = {0};
        StringView *out = &((StringView *)call->out->values)[row];
        memset(out, 0, sizeof *out);
        status = run_row(call->args, call->arg_count, row, call->bind_data, false, call->arena, &items,
                         &result, err);
        if (status != STATUS_OK) break;
        if (result == PATH_FAILED) items.count = 0;
        strbuf_reset(&text);
        if (first && !items.count) {
            kernel_set_null(call, row);
            continue;
        }
        if (!first) strbuf_append_char(&text, '[');
        for (int i = 0; i < (first ? 1 : items.count); i++) {
            if (i) strbuf_append(&text, ", ", 2);
            json_print(items.items[i], -1, &text);
        }
        if (!first) strbuf_append_char(&text, ']');
        *out = kernel_string(call, strbuf_text(&text), text.length);
    }
    strbuf_deinit(&text);
    return status;
}

static Status path_exists(const KernelCall *call, Error *err) {
    return exists_rows(call, false, err);
}
static Status path_exists_quiet(const KernelCall *call, Error *err) {
    return exists_rows(call, true, err);
}
static Status path_match(const KernelCall *call, Error *err) {
    return match_rows(call, false, err);
}
static Status path_match_quiet(const KernelCall *call, Error *err) {
    return match_rows(call, true, err);
}
static Status path_query_array(const KernelCall *call, Error *err) {
    return query_rows(call, false, err);
}
static Status path_query_first(const KernelCall *call, Error *err) {
    return query_rows(call, true, err);
}

#define PATH_ROWS(text, kernel, out)                                                                         \
    KERNEL_FN_BIND(text, kernel, bind_path, out, K_JSONB, K_TEXT),                                           \
        KERNEL_FN_BIND(text, kernel, bind_path, out, K_JSONB, K_TEXT, K_JSONB),                              \
        KERNEL_FN_BIND(text, kernel, bind_path, out, K_JSONB, K_TEXT, K_JSONB, K_BOOL)

static const ScalarFunction rows[] = {
    KERNEL_FN_BIND("@?", path_exists_quiet, bind_path, K_BOOL, K_JSONB, K_TEXT),
    KERNEL_FN_BIND("@@", path_match_quiet, bind_path, K_BOOL, K_JSONB, K_TEXT),
    PATH_ROWS("jsonb_path_exists", path_exists, K_BOOL),
    PATH_ROWS("jsonb_path_match", path_match, K_BOOL),
    PATH_ROWS("jsonb_path_query_array", path_query_array, K_JSONB),
    PATH_ROWS("jsonb_path_query_first", path_query_first, K_JSONB),
    PATH_ROWS("jsonb_path_exists_tz", path_exists, K_BOOL),
    PATH_ROWS("jsonb_path_match_tz", path_match, K_BOOL),
    PATH_ROWS("jsonb_path_query_array_tz", path_query_array, K_JSONB),
    PATH_ROWS("jsonb_path_query_first_tz", path_query_first, K_JSONB),
};

FunctionTable jsonpath_functions(void) {
    return KERNEL_TABLE(rows);
}
