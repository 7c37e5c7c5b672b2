#include "engines/columnar/copy_options.h"

#include <string.h>
#include <strings.h>

static const char *text_of(const PgQuery__Node *node) {
    if (!node) return NULL;
    if (node->node_case == PG_QUERY__NODE__NODE_STRING) return node->string->sval;
    if (node->node_case == PG_QUERY__NODE__NODE_INTEGER) return node->integer->ival ? "1" : "0";
    if (node->node_case == PG_QUERY__NODE__NODE_BOOLEAN) return node->boolean->boolval ? "true" : "false";
    return NULL;
}

static Status read_flag(const char *name, const char *text, bool *out, Error *err) {
    static const char *const yes[] = {"true", "on", "1"}, *const no[] = {"false", "off", "0"};
    for (int i = 0; i < 3; i++) {
        if (!text || !strcasecmp(text, yes[i])) {
            *out = true;
            return STATUS_OK;
        }
        if (!strcasecmp(text, no[i])) {
            *out = false;
            return STATUS_OK;
        }
    }
    return error_set(err, SQLSTATE_SYNTAX_ERROR, "%s requires a Boolean value", name);
}

static Status read_format(const char *text, CopyFormat *out, Error *err) {
    static const struct {
        const char *name;
        CopyFormat format;
    } formats[] = {{"csv", COPY_FORMAT_CSV},
                   {"json", COPY_FORMAT_JSON},
                   {"ndjson", COPY_FORMAT_JSON},
                   {"parquet", COPY_FORMAT_PARQUET}};
    for (size_t i = 0; text && i < sizeof formats / sizeof *formats; i++) {
        if (strcasecmp(text, formats[i].name) != 0) continue;
        *out = formats[i].format;
        return STATUS_OK;
    }
    if (text && (!strcasecmp(text, "text") || !strcasecmp(text, "binary")))
        return error_set(
            err, SQLSTATE_FEATURE_NOT_SUPPORTED,
            "COPY in format %s is not available in the columnar engine; csv, json and parquet are", text);
    return error_set(err, SQLSTATE_INVALID_PARAMETER, "COPY format \"%.50s\" not recognized",
                     text ? text : "");
}

static Status one_character(const char *name, const char *text, char *out, Error *err) {
    *out = text ? text[0] : 0;
    if (text && text[0] && !text[1] && !strchr("\r\n", text[0])) return STATUS_OK;
    return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "COPY %s must be a single one-byte character",
                     name);
}

static Status read_option(const PgQuery__DefElem *option, CopyOptions *out, Error *err) {
    const char *name = option->defname, *text = text_of(option->arg);
    bool flag = false;
    if (!strcmp(name, "format")) return read_format(text, &out->format, err);
    if (!strcmp(name, "delimiter")) return one_character("delimiter", text, &out->delimiter, err);
    if (!strcmp(name, "quote")) return one_character("quote", text, &out->quote, err);
    if (!strcmp(name, "header")) {
        if (text && !strcasecmp(text, "match"))
            flag = true; /* columns are found by their names anyhow */
        else
            TRY(read_flag("header", text, &flag, err));
        out->header = flag;
        return STATUS_OK;
    }
    if (!strcmp(name, "null")) {
        out->null_text = text ? text : "";
        return STATUS_OK;
    }
    if (!strcmp(name, "escape") && text && !strcmp(text, "\"")) return STATUS_OK;
    if (!strcmp(name, "encoding") && text && (!strcasecmp(text, "utf8") || !strcasecmp(text, "utf-8")))
        return STATUS_OK;
    if (!strcmp(name, "on_error") && text && (!strcasecmp(text, "ignore") || !strcasecmp(text, "stop"))) {
        out->skip_bad_rows = !strcasecmp(text, "ignore");
        return STATUS_OK;
    }
    return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                     "COPY's option %.50s%s%.50s is not available in the columnar engine", name,
                     text ? " " : "", text ? text : "");
}

static CopyFormat format_of_name(const char *file_name) {
    const char *dot = strrchr(file_name, '.');
    CopyFormat format = COPY_FORMAT_AUTO;
    Error ignored;
    if (dot && !strcasecmp(dot, ".jsonl")) return COPY_FORMAT_JSON;
    return dot && read_format(dot + 1, &format, &ignored) == STATUS_OK ? format : COPY_FORMAT_AUTO;
}

Status copy_options_read(const PgQuery__CopyStmt *copy, CopyOptions *out, Error *err) {
    *out = (CopyOptions){.header = -1};
    for (size_t i = 0; i < copy->n_options; i++)
        if (copy->options[i]->node_case == PG_QUERY__NODE__NODE_DEF_ELEM)
            TRY(read_option(copy->options[i]->def_elem, out, err));
    /* As PostgreSQL has it: CSV that is asked for by name has no header unless it is said to. */
    if (out->format == COPY_FORMAT_CSV && out->header < 0) out->header = 0;
    if (out->format == COPY_FORMAT_AUTO) out->format = format_of_name(copy->filename);
    return STATUS_OK;
}
