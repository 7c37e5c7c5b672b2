#include "engines/columnar/ingest/schema_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/strbuf.h"

enum { SCHEMA_MAX_COLUMNS = 10000 };

typedef struct SchemaReader {
    const char *text, *at;
    Arena *arena;
} SchemaReader;

static Status syntax(const SchemaReader *reader, const char *expected, Error *err) {
    int position = (int)(reader->at - reader->text) + 1;
    return error_set_at(err, SQLSTATE_SYNTAX_ERROR, position, "%s was expected in the schema at \"%.20s\"",
                        expected, reader->at);
}

static void skip_blanks(SchemaReader *reader) {
    while (isspace((unsigned char)*reader->at))
        reader->at++;
}

static bool is_name_byte(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (c & 0x80);
}

static Status read_quoted(SchemaReader *reader, char **name, Error *err) {
    char *out = *name = arena_alloc(reader->arena, strlen(reader->at) + 1);
    for (reader->at++; *reader->at; reader->at++) {
        if (*reader->at == '"' && *++reader->at != '"') {
            *out = 0;
            return **name ? STATUS_OK : syntax(reader, "a name that is not empty", err);
        }
        *out++ = *reader->at;
    }
    return syntax(reader, "the end of the quoted name", err);
}

static Status read_name(SchemaReader *reader, const char **name, Error *err) {
    char *read;
    skip_blanks(reader);
    if (*reader->at == '"') {
        TRY(read_quoted(reader, &read, err));
    } else {
        const char *start = reader->at;
        if (!is_name_byte(*start) || isdigit((unsigned char)*start))
            return syntax(reader, "a column's name", err);
        while (is_name_byte(*reader->at))
            reader->at++;
        read = arena_strndup(reader->arena, start, (size_t)(reader->at - start));
        for (char *c = read; *c; c++)
            *c = (char)(*c & 0x80 ? *c : tolower((unsigned char)*c));
    }
    *name = read;
    return STATUS_OK;
}

/* The text up to the next comma outside of parentheses, blanks folded, so that "double   precision" is a type
 * too. */
static Status read_type(SchemaReader *reader, SqlType *type, Error *err) {
    char name[SQLTYPE_NAME_BYTES];
    size_t length = 0;
    int depth = 0;
    skip_blanks(reader);
    const char *start = reader->at;
    for (; *reader->at && (depth > 0 || *reader->at != ','); reader->at++) {
        char c = *reader->at;
        depth += (c == '(') - (c == ')');
        bool blank = isspace((unsigned char)c);
        bool folded = blank && (depth > 0 || length == 0 || name[length - 1] == ' ' || reader->at[1] == '(');
        if (!folded && length < sizeof name - 1) name[length++] = (char)(blank ? ' ' : c);
    }
    while (length > 0 && name[length - 1] == ' ')
        length--;
    name[length] = 0;
    if (length == 0 || depth != 0) {
        reader->at = start;
        return syntax(reader, "a type", err);
    }
    *type = sqltype_from_name(name);
    if (type->id == SQL_OTHER)
        return error_set_at(err, "42704", (int)(start - reader->text) + 1, "there is no type \"%s\"", name);
    return STATUS_OK;
}

Status schema_text_parse(const char *text, Arena *arena, TableColumn **columns, int *count, Error *err) {
    SchemaReader reader = {text, text, arena};
    size_t most = 1;
    for (const char *c = text; *c; c++)
        most += *c == ',';
    TableColumn *out = *columns = ARENA_NEW_ARRAY(arena, TableColumn, most);
    *count = 0;
    for (;; reader.at++) {
        TableColumn column = {.nullable = true};
        if (*count == SCHEMA_MAX_COLUMNS)
            return error_set(err, "54011", "the schema has more than %d columns", SCHEMA_MAX_COLUMNS);
        skip_blanks(&reader);
        int position = (int)(reader.at - text) + 1;
        TRY(read_name(&reader, &column.name, err));
        for (int i = 0; i < *count; i++)
            if (!strcmp(out[i].name, column.name))
                return error_set_at(err, "42701", position, "column \"%s\" is given twice", column.name);
        TRY(read_type(&reader, &column.type, err));
        out[(*count)++] = column;
        if (!*reader.at) return STATUS_OK;
    }
}
