#include "engines/columnar/iceberg/layout_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_ITEMS = 100 };

typedef struct LayoutParser {
    const char *text, *at;
    Arena *arena;
} LayoutParser;

static Status unreadable(const LayoutParser *parser, Error *err) {
    return error_set(err, SQLSTATE_SYNTAX_ERROR, "cannot read \"%s\" at \"%.30s\"", parser->text, parser->at);
}

static void skip_blanks(LayoutParser *parser) {
    while (isspace((unsigned char)*parser->at))
        parser->at++;
}

static bool take(LayoutParser *parser, char c) {
    skip_blanks(parser);
    if (*parser->at != c) return false;
    parser->at++;
    return true;
}

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static bool take_keyword(LayoutParser *parser, const char *word) {
    skip_blanks(parser);
    size_t length = strlen(word);
    if (strncasecmp(parser->at, word, length) != 0 || is_word(parser->at[length])) return false;
    parser->at += length;
    return true;
}

static const char *take_quoted(LayoutParser *parser) {
    char *name = arena_alloc(parser->arena, strlen(parser->at) + 1);
    size_t length = 0;
    for (const char *c = parser->at + 1; *c; c++) {
        if (*c == '"' && c[1] != '"') {
            name[length] = 0;
            parser->at = c + 1;
            return length ? name : NULL;
        }
        if (*c == '"') c++;
        name[length++] = *c;
    }
    return NULL;
}

/* NULL when there is no name. */
static const char *take_name(LayoutParser *parser) {
    skip_blanks(parser);
    if (*parser->at == '"') return take_quoted(parser);
    const char *end = parser->at;
    while (is_word(*end))
        end++;
    if (end == parser->at || isdigit((unsigned char)*parser->at)) return NULL;
    char *name = arena_strndup(parser->arena, parser->at, (size_t)(end - parser->at));
    for (char *c = name; *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c |= 32;
    parser->at = end;
    return name;
}

static bool take_number(LayoutParser *parser, int *out) {
    skip_blanks(parser);
    char *end;
    if (!isdigit((unsigned char)*parser->at)) return false;
    long value = strtol(parser->at, &end, 10);
    if (value < 1 || value > 1000000000 || is_word(*end)) return false;
    *out = (int)value;
    parser->at = end;
    return true;
}

static const struct {
    const char *name;
    TransformKind kind;
    bool wide;
} FUNCTIONS[] = {
    {"bucket", TRANSFORM_BUCKET, true},  {"truncate", TRANSFORM_TRUNCATE, true},
    {"trunc", TRANSFORM_TRUNCATE, true}, {"year", TRANSFORM_YEAR, false},
    {"years", TRANSFORM_YEAR, false},    {"month", TRANSFORM_MONTH, false},
    {"months", TRANSFORM_MONTH, false},  {"day", TRANSFORM_DAY, false},
    {"days", TRANSFORM_DAY, false},      {"hour", TRANSFORM_HOUR, false},
    {"hours", TRANSFORM_HOUR, false},    {"identity", TRANSFORM_IDENTITY, false},
    {"void", TRANSFORM_VOID, false},
};

static Status parse_call(LayoutParser *parser, const char *function, LayoutItem *out, Error *err) {
    int which = -1, width = 0;
    for (int i = 0; i < (int)(sizeof FUNCTIONS / sizeof *FUNCTIONS); i++)
        if (strcmp(FUNCTIONS[i].name, function) == 0) which = i;
    if (which < 0)
        return error_set(
            err, SQLSTATE_FEATURE_NOT_SUPPORTED,
            "there is no transform \"%s\": identity, bucket, truncate, year, month, day, hour and "
            "void are known",
            function);
    bool wide = FUNCTIONS[which].wide, first = wide && take_number(parser, &width);
    if (first && !take(parser, ',')) return unreadable(parser, err);
    out->column = take_name(parser);
    if (!out->column) return unreadable(parser, err);
    if (wide && !first && (!take(parser, ',') || !take_number(parser, &width)))
        return unreadable(parser, err);
    if (!take(parser, ')')) return unreadable(parser, err);
    out->transform = (Transform){FUNCTIONS[which].kind, width};
    return STATUS_OK;
}

static Status parse_item(LayoutParser *parser, bool ordering, LayoutItem *out, Error *err) {
    const char *name = take_name(parser);
    if (!name) return unreadable(parser, err);
    *out = (LayoutItem){.column = name};
    if (take(parser, '(')) TRY(parse_call(parser, name, out, err));
    if (!ordering) return STATUS_OK;
    out->descending = take_keyword(parser, "desc");
    if (!out->descending) (void)take_keyword(parser, "asc");
    out->nulls_first = out->descending;
    if (take_keyword(parser, "nulls")) {
        out->nulls_first = take_keyword(parser, "first");
        if (!out->nulls_first && !take_keyword(parser, "last")) return unreadable(parser, err);
    }
    return STATUS_OK;
}

Status layout_parse(const char *text, bool ordering, Arena *arena, LayoutItem **out, int *count, Error *err) {
    LayoutParser parser = {.text = text, .at = text, .arena = arena};
    *out = ARENA_NEW_ARRAY(arena, LayoutItem, MAX_ITEMS);
    *count = 0;
    skip_blanks(&parser);
    if (*parser.at == 0) return STATUS_OK;
    do {
        if (*count == MAX_ITEMS)
            return error_set(err, SQLSTATE_PROGRAM_LIMIT, "more than %d fields", MAX_ITEMS);
        TRY(parse_item(&parser, ordering, &(*out)[*count], err));
        ++*count;
    } while (take(&parser, ','));
    skip_blanks(&parser);
    return *parser.at ? unreadable(&parser, err) : STATUS_OK;
}

static void put_column(int source_id, const TableColumn *columns, int column_count, Transform transform,
                       StrBuf *out) {
    const char *name = "?";
    for (int i = 0; i < column_count; i++)
        if (columns[i].field_id == source_id) name = columns[i].name;
    bool plain = !isdigit((unsigned char)*name);
    for (const char *c = name; *c; c++)
        plain = plain && ((*c >= 'a' && *c <= 'z') || isdigit((unsigned char)*c) || *c == '_');
    StrBuf quoted;
    strbuf_init(&quoted);
    if (plain)
        strbuf_append_text(&quoted, name);
    else
        strbuf_append_identifier(&quoted, name, '"');
    transform_sql(transform, strbuf_text(&quoted), out);
    strbuf_deinit(&quoted);
}

void layout_spec_text(const PartitionSpec *spec, const TableColumn *columns, int column_count, StrBuf *out) {
    for (int i = 0; i < spec->field_count; i++) {
        if (i) strbuf_append_text(out, ", ");
        put_column(spec->fields[i].source_id, columns, column_count, spec->fields[i].transform, out);
    }
}

void layout_sort_text(const SortOrder *order, const TableColumn *columns, int column_count, StrBuf *out) {
    for (int i = 0; i < order->field_count; i++) {
        const SortField *field = &order->fields[i];
        if (i) strbuf_append_text(out, ", ");
        put_column(field->source_id, columns, column_count, field->transform, out);
        if (field->descending) strbuf_append_text(out, " desc");
        if (field->nulls_first != field->descending)
            strbuf_append_text(out, field->nulls_first ? " nulls first" : " nulls last");
    }
}
