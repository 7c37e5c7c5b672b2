/* read_parquet('...'), read_csv('...'), read_json('...') in FROM. Which files are meant and how they are read
 * must be known before anything is bound, so all arguments are constants; options are named: header => true.
 */
#include "engines/base/strbuf.h"
#include "engines/columnar/plan/bind.h"

enum { MOST_PATTERNS = 1000 };

typedef struct FileCall {
    Binder *binder;
    FileRequest request;
    int position;
} FileCall;

static bool kind_of(const PgQuery__FuncCall *call, FileKind *out) {
    static const struct {
        const char *name;
        FileKind kind;
    } functions[] = {{"read_parquet", FILE_KIND_PARQUET}, {"read_csv", FILE_KIND_CSV},
                     {"read_csv_auto", FILE_KIND_CSV},    {"read_json", FILE_KIND_JSON},
                     {"read_json_auto", FILE_KIND_JSON},  {"read_ndjson", FILE_KIND_JSON}};
    const char *name = call->n_funcname == 1 ? node_string(call->funcname[0]) : NULL;
    for (size_t i = 0; name && i < sizeof functions / sizeof *functions; i++) {
        if (strcmp(functions[i].name, name) != 0) continue;
        *out = functions[i].kind;
        return true;
    }
    return false;
}

/* A literal as text, through a cast of it; NULL when it is none. */
static const char *literal_text(const FileCall *call, const Node *node) {
    if (node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST) return literal_text(call, node->type_cast->arg);
    if (node->node_case != PG_QUERY__NODE__NODE_A_CONST || node->a_const->isnull) return NULL;
    const PgQuery__AConst *constant = node->a_const;
    switch (constant->val_case) {
    case PG_QUERY__A__CONST__VAL_SVAL: return constant->sval->sval;
    case PG_QUERY__A__CONST__VAL_BOOLVAL: return constant->boolval->boolval ? "true" : "false";
    case PG_QUERY__A__CONST__VAL_IVAL: return arena_printf(call->binder->arena, "%d", constant->ival->ival);
    default: return NULL;
    }
}

static Status not_constant(const FileCall *call, const char *what, Error *err) {
    return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, call->position, "%s must be a constant", what);
}

static Status read_patterns(FileCall *call, const Node *node, Error *err) {
    bool several = node->node_case == PG_QUERY__NODE__NODE_A_ARRAY_EXPR;
    size_t count = several ? node->a_array_expr->n_elements : 1;
    if (count > MOST_PATTERNS)
        return error_set_at(err, SQLSTATE_PROGRAM_LIMIT, call->position, "more than %d files are listed",
                            MOST_PATTERNS);
    const char **patterns = ARENA_NEW_ARRAY(call->binder->arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        patterns[i] = literal_text(call, several ? node->a_array_expr->elements[i] : node);
        if (!patterns[i]) return not_constant(call, "the path of a file", err);
    }
    call->request.patterns = patterns;
    call->request.pattern_count = (int)count;
    return STATUS_OK;
}

/* ---- options ---------------------------------------------------------------------------------------------
 */

static Status one_character(const FileCall *call, const char *name, const char *text, char *out, Error *err) {
    if (!strcmp(text, "\\t")) text = "\t";
    *out = text[0];
    if (text[0] && !text[1] && !strchr("\r\n", text[0])) return STATUS_OK;
    return error_set_at(err, SQLSTATE_INVALID_PARAMETER, call->position, "%s must be one character", name);
}

static Status read_bool(const FileCall *call, const char *name, const char *text, bool *out, Error *err) {
    *out = !strcmp(text, "true");
    if (*out || !strcmp(text, "false")) return STATUS_OK;
    return error_set_at(err, SQLSTATE_INVALID_PARAMETER, call->position, "%s must be true or false", name);
}

static Status read_option(FileCall *call, const char *name, const Node *value, Error *err) {
    FileRequest *request = &call->request;
    bool csv = request->kind == FILE_KIND_CSV, text_format = request->kind != FILE_KIND_PARQUET, flag;
    const char *text = literal_text(call, value);
    if (!text) return not_constant(call, name, err);
    if (!strcmp(name, "filename")) return read_bool(call, name, text, &request->file_names, err);
    if (csv && (!strcmp(name, "delim") || !strcmp(name, "sep") || !strcmp(name, "delimiter")))
        return one_character(call, name, text, &request->delimiter, err);
    if (csv && !strcmp(name, "quote")) return one_character(call, name, text, &request->quote, err);
    if (csv && !strcmp(name, "header")) {
        TRY(read_bool(call, name, text, &flag, err));
        request->header = flag;
        return STATUS_OK;
    }
    if (csv && (!strcmp(name, "nullstr") || !strcmp(name, "null"))) {
        request->null_text = text;
        return STATUS_OK;
    }
    if (text_format && !strcmp(name, "columns")) {
        request->columns = text;
        return STATUS_OK;
    }
    if (text_format && !strcmp(name, "ignore_errors"))
        return read_bool(call, name, text, &request->ignore_errors, err);
    return error_set_at(err, SQLSTATE_INVALID_PARAMETER, call->position, "there is no option \"%s\" here%s",
                        name,
                        csv           ? ""
                        : text_format ? "; columns, ignore_errors and filename are"
                                      : "; filename is");
}

/* header => true, and header = true as DuckDB writes it. NULL: not an option. */
static const char *option_of(const Node *node, const Node **value) {
    if (node->node_case == PG_QUERY__NODE__NODE_NAMED_ARG_EXPR) {
        *value = node->named_arg_expr->arg;
        return node->named_arg_expr->name;
    }
    if (node->node_case != PG_QUERY__NODE__NODE_A_EXPR) return NULL;
    const PgQuery__AExpr *expr = node->a_expr;
    if (expr->kind != PG_QUERY__A__EXPR__KIND__AEXPR_OP || expr->n_name != 1 || !node_string(expr->name[0]) ||
        strcmp(node_string(expr->name[0]), "=") != 0 || !expr->lexpr || !expr->rexpr ||
        expr->lexpr->node_case != PG_QUERY__NODE__NODE_COLUMN_REF)
        return NULL;
    const PgQuery__ColumnRef *column = expr->lexpr->column_ref;
    *value = expr->rexpr;
    return column->n_fields == 1 ? node_string(column->fields[0]) : NULL;
}

static const char *make_key(const FileCall *call) {
    const FileRequest *request = &call->request;
    StrBuf text;
    strbuf_init(&text);
    strbuf_printf(&text, "%d %d %d %d %d %d", request->kind, request->delimiter, request->quote,
                  request->header, request->ignore_errors, request->file_names);
    const char *const texts[] = {request->null_text, request->columns};
    for (int i = 0; i < 2; i++) {
        strbuf_append_char(&text, texts[i] ? ' ' : '-');
        if (texts[i]) strbuf_append_json(&text, texts[i], strlen(texts[i]));
    }
    for (int i = 0; i < request->pattern_count; i++)
        strbuf_append_json(&text, request->patterns[i], strlen(request->patterns[i]));
    const char *key = arena_strdup(call->binder->arena, strbuf_text(&text));
    strbuf_deinit(&text);
    return key;
}

/* ---- the table
 * ---------------------------------------------------------------------------------------------
 */

/* Read twice in a statement, it is the same state of the files. */
static Status load_version(FileCall *call, TableVersion **out, Error *err) {
    static const char marker[] = "files of read_*()";
    Binder *binder = call->binder;
    for (struct LoadedTable *at = binder->loaded; at; at = at->next)
        if (at->schema == marker && strcmp(at->name, call->request.key) == 0) {
            *out = at->version;
            return STATUS_OK;
        }
    Status status = binder->source->open_files(binder->source->files_context, &call->request, out, err);
    if (status != STATUS_OK && err && !err->position) err->position = call->position;
    TRY(status);
    struct LoadedTable *entry = ARENA_NEW(binder->arena, struct LoadedTable);
    *entry = (struct LoadedTable){
        .schema = marker, .name = call->request.key, .version = *out, .next = binder->loaded};
    binder->loaded = entry;
    return STATUS_OK;
}

Status bind_file_function(Query *query, PgQuery__RangeFunction *node, FromItem **out, Error *err) {
    Node *only = node->n_functions == 1 ? node->functions[0]->list->items[0] : NULL;
    FileCall call = {.binder = query->binder, .request = {.header = -1}};
    *out = NULL;
    if (!only || only->node_case != PG_QUERY__NODE__NODE_FUNC_CALL ||
        !kind_of(only->func_call, &call.request.kind))
        return STATUS_OK;
    const PgQuery__FuncCall *written = only->func_call;
    call.position = binder_position(query->binder, written->location);
    if (!query->binder->source->open_files)
        return binder_unsupported(query->binder, written->location, err, "reading files");
    if (node->ordinality || node->n_coldeflist > 0)
        return binder_unsupported(query->binder, written->location, err,
                                  "WITH ORDINALITY or a column definition list over files");
    for (size_t i = 0; i < written->n_args; i++) {
        const Node *value = written->args[i];
        const char *name = option_of(written->args[i], &value);
        if (name)
            TRY(read_option(&call, name, value, err));
        else if (i == 0)
            TRY(read_patterns(&call, value, err));
        else
            return error_set_at(err, SQLSTATE_INVALID_PARAMETER, call.position,
                                "options are named: %s('...', header => true)",
                                node_string(written->funcname[0]));
    }
    if (call.request.pattern_count == 0)
        return error_set_at(err, SQLSTATE_INVALID_PARAMETER, call.position, "the path of a file is missing");
    call.request.key = make_key(&call);
    TableVersion *version = NULL;
    TRY(load_version(&call, &version, err));
    return bind_version_item(query, version,
                             node->alias ? node->alias->aliasname : node_string(written->funcname[0]),
                             node->alias, out, err);
}
