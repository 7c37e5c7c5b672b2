#include "engines/postgres/pgcopy.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- values ----------------------------------------------------------------------------------------------
 */

static char escape_of(char c) {
    switch (c) {
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    case '\v': return 'v';
    case '\\': return '\\';
    default: return 0;
    }
}

void pgcopy_append_value(StrBuf *out, const char *text, size_t length) {
    size_t plain = 0;
    for (size_t i = 0; i < length; i++) {
        char escape = escape_of(text[i]);
        if (!escape) continue;
        char pair[2] = {'\\', escape};
        strbuf_append(out, text + plain, i - plain);
        strbuf_append(out, pair, 2);
        plain = i + 1;
    }
    strbuf_append(out, text + plain, length - plain);
}

void pgcopy_append_null(StrBuf *out) {
    strbuf_append(out, "\\N", 2);
}

/* ---- arrays ----------------------------------------------------------------------------------------------
 */

enum { DEEPEST_ARRAY = 6, DEEPEST_JSON = 100 }; /* PostgreSQL's MAXDIM */

typedef struct JsonText {
    const char *at, *end;
} JsonText;

static void skip_blanks(JsonText *text) {
    while (text->at < text->end && strchr(" \t\r\n", *text->at))
        text->at++;
}

static void append_quoted_char(StrBuf *out, char c) {
    if (c == '"' || c == '\\') strbuf_append_char(out, '\\');
    strbuf_append_char(out, c);
}

static void append_code_point(StrBuf *out, uint32_t code) {
    char bytes[4];
    size_t length = 0;
    if (code < 0x80) {
        append_quoted_char(out, (char)code);
        return;
    }
    if (code < 0x800) {
        bytes[length++] = (char)(0xc0 | code >> 6);
    } else {
        if (code < 0x10000) {
            bytes[length++] = (char)(0xe0 | code >> 12);
        } else {
            bytes[length++] = (char)(0xf0 | code >> 18);
            bytes[length++] = (char)(0x80 | (code >> 12 & 63));
        }
        bytes[length++] = (char)(0x80 | (code >> 6 & 63));
    }
    bytes[length++] = (char)(0x80 | (code & 63));
    strbuf_append(out, bytes, length);
}

static bool read_hex(JsonText *text, uint32_t *out) {
    *out = 0;
    if (text->end - text->at < 4) return false;
    for (int i = 0; i < 4; i++, text->at++) {
        if (!isxdigit((unsigned char)*text->at)) return false;
        int digit = isdigit((unsigned char)*text->at) ? *text->at - '0' : (*text->at | 32) - 'a' + 10;
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

static bool read_escape(JsonText *text, StrBuf *out) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (text->at == text->end) return false;
    char c = *text->at++;
    if (c == 'u') {
        uint32_t code, low;
        if (!read_hex(text, &code) || code == 0) return false;
        if (code >= 0xd800 && code < 0xdc00) {
            if (text->end - text->at < 6 || text->at[0] != '\\' || text->at[1] != 'u') return false;
            text->at += 2;
            if (!read_hex(text, &low) || low < 0xdc00 || low > 0xdfff) return false;
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        } else if (code >= 0xdc00 && code < 0xe000) {
            return false;
        }
        append_code_point(out, code);
        return true;
    }
    const char *found = c ? strchr(names, c) : NULL;
    if (!found) return false;
    append_quoted_char(out, values[found - names]);
    return true;
}

static bool read_string(JsonText *text, StrBuf *out) {
    strbuf_append_char(out, '"');
    for (text->at++; text->at < text->end && *text->at != '"';) {
        char c = *text->at++;
        if (c != '\\')
            append_quoted_char(out, c);
        else if (!read_escape(text, out))
            return false;
    }
    strbuf_append_char(out, '"');
    return text->at++ < text->end;
}

/* As its text: an element of json[] or text[]. */
static bool read_object(JsonText *text, StrBuf *out) {
    int depth = 0;
    bool in_string = false;
    strbuf_append_char(out, '"');
    while (text->at < text->end) {
        char c = *text->at++;
        append_quoted_char(out, c);
        if (in_string) {
            if (c == '\\' && text->at < text->end)
                append_quoted_char(out, *text->at++);
            else if (c == '"')
                in_string = false;
            continue;
        }
        in_string = c == '"';
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        if (depth > DEEPEST_JSON) return false;
        if (depth == 0) break;
    }
    strbuf_append_char(out, '"');
    return depth == 0;
}

static bool read_word(JsonText *text, StrBuf *out) {
    const char *start = text->at;
    while (text->at < text->end && (isalnum((unsigned char)*text->at) || strchr("+-.", *text->at)))
        text->at++;
    size_t length = (size_t)(text->at - start);
    if (length == 4 && !memcmp(start, "null", 4))
        strbuf_append_text(out, "NULL");
    else
        strbuf_append(out, start, length);
    return length > 0;
}

static bool read_array(JsonText *text, StrBuf *out, int depth) {
    if (depth > DEEPEST_ARRAY) return false;
    strbuf_append_char(out, '{');
    text->at++;
    for (bool first = true;; first = false) {
        skip_blanks(text);
        if (text->at == text->end) return false;
        if (*text->at == ']' && first) break;
        bool read = *text->at == '['   ? read_array(text, out, depth + 1)
                    : *text->at == '"' ? read_string(text, out)
                    : *text->at == '{' ? read_object(text, out)
                                       : read_word(text, out);
        skip_blanks(text);
        if (!read || text->at == text->end) return false;
        if (*text->at == ']') break;
        if (*text->at++ != ',') return false;
        strbuf_append_char(out, ',');
    }
    text->at++;
    strbuf_append_char(out, '}');
    return true;
}

bool pgcopy_array_literal(StrBuf *out, const char *json, size_t length) {
    JsonText text = {json, json + length};
    skip_blanks(&text);
    if (text.at == text.end || *text.at != '[' || !read_array(&text, out, 1)) return false;
    skip_blanks(&text);
    return text.at == text.end;
}

/* ---- the server ------------------------------------------------------------------------------------------
 */

/* "COPY t, line 3, column id: ..." (in the server's language: then nothing is found). */
static void read_context(const PGresult *result, RowRefusal *refusal) {
    const char *column = PQresultErrorField(result, PG_DIAG_COLUMN_NAME);
    const char *context = PQresultErrorField(result, PG_DIAG_CONTEXT);
    const char *line = context && !strncmp(context, "COPY ", 5) ? strstr(context, ", line ") : NULL;
    if (column) snprintf(refusal->column, sizeof refusal->column, "%s", column);
    if (!line) return;
    char *end;
    long number = strtol(line + 7, &end, 10);
    if (number > 0 && number <= INT32_MAX) refusal->row = (int)number - 1;
    if (strncmp(end, ", column ", 9) != 0 || column) return;
    size_t length = strcspn(end + 9, ":\n");
    if (length >= sizeof refusal->column) length = sizeof refusal->column - 1;
    memcpy(refusal->column, end + 9, length);
    refusal->column[length] = 0;
}

static Status fail_lost(PgConn *conn, Error *err) {
    conn->broken = true;
    return error_set(err, SQLSTATE_CONNECTION_FAILURE, "the connection to PostgreSQL was lost");
}

/* To the statement's end. */
static Status take_results(PgConn *conn, CancelToken *cancel, RowRefusal *refusal, bool *copying,
                           Error *err) {
    PGresult *result;
    Status status = STATUS_OK, read;
    *copying = false;
    while (!*copying &&
           (read = pgconn_next_result(conn, cancel, &result, status ? NULL : err)) == STATUS_OK && result) {
        ExecStatusType kind = PQresultStatus(result);
        *copying = kind == PGRES_COPY_IN;
        if (kind == PGRES_FATAL_ERROR) {
            status = pgerror_set(err, result);
            read_context(result, refusal);
        }
        PQclear(result);
        if (conn->broken) break;
    }
    if (status != STATUS_OK) return status;
    if (conn->broken && !cancel_is_requested(cancel)) return fail_lost(conn, err);
    return *copying ? STATUS_OK : read;
}

Status pgcopy_send(PgConn *conn, const char *copy_sql, const char *text, size_t length, CancelToken *cancel,
                   RowRefusal *refusal, Error *err) {
    bool copying;
    if (!PQsendQuery(conn->pg, copy_sql)) return fail_lost(conn, err);
    TRY(take_results(conn, cancel, refusal, &copying, err));
    if (!copying) return error_set(err, SQLSTATE_INTERNAL, "PostgreSQL did not take rows by COPY");
    /* The library keeps what the socket does not take at once: a piece is about a megabyte. */
    if (PQputCopyData(conn->pg, text, (int)length) != 1 || PQputCopyEnd(conn->pg, NULL) != 1)
        return fail_lost(conn, err);
    return take_results(conn, cancel, refusal, &copying, err);
}
