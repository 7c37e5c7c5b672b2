#include "fcgi/api/multipart.h"

#include <string.h>
#include <strings.h>

/* ---- the header's parameters -----------------------------------------------------------------------------
 */

/* The value of a parameter behind the first ';' (token or quoted string), copied and NUL-terminated. */
static bool parameter(const char *header, const char *name, char *out, size_t size) {
    size_t name_length = strlen(name);
    const char *at = strchr(header, ';');
    while (at) {
        at += 1 + strspn(at + 1, " \t");
        bool found = !strncasecmp(at, name, name_length) && at[name_length] == '=';
        const char *value = strchr(at, '=');
        const char *semicolon = strchr(at, ';');
        if (!value || (semicolon && semicolon < value)) {
            at = semicolon;
            continue;
        }
        value++;
        bool quoted = *value == '"';
        size_t length = 0;
        for (value += quoted; *value && (quoted ? *value != '"' : !strchr("; \t", *value)); value++) {
            if (quoted && *value == '\\' && (value[1] == '"' || value[1] == '\\')) value++;
            if (found && length + 1 >= size) return false;
            if (found) out[length] = *value;
            length++;
        }
        if (quoted && *value != '"') return false;
        if (found) {
            out[length] = 0;
            return true;
        }
        at = strchr(value, ';');
    }
    return false;
}

bool multipart_boundary(const char *content_type, char out[MULTIPART_MAX_BOUNDARY + 1]) {
    if (!parameter(content_type, "boundary", out, MULTIPART_MAX_BOUNDARY + 1) || !out[0]) return false;
    for (const char *c = out; *c; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e) return false;
    return out[strlen(out) - 1] != ' ';
}

/* ---- life ------------------------------------------------------------------------------------------------
 */

void multipart_init(Multipart *parser, const char *boundary, MultipartSink sink) {
    *parser = (Multipart){.sink = sink};
    strbuf_init(&parser->pending);
    memcpy(parser->delimiter, "\r\n--", 4);
    parser->delimiter_bytes = 4 + strlen(boundary);
    memcpy(parser->delimiter + 4, boundary, parser->delimiter_bytes - 4);
    strbuf_append(&parser->pending, "\r\n", 2); /* the first boundary may stand at the very beginning */
}

void multipart_deinit(Multipart *parser) {
    strbuf_deinit(&parser->pending);
}

static Status malformed(Error *err, const char *what) {
    return error_set(err, SQLSTATE_INVALID_TEXT, "the multipart body is malformed: %s", what);
}

/* ---- states ----------------------------------------------------------------------------------------------
 */

/* Up to the next delimiter, which is taken too; *whole false: it has not come yet. */
static Status take_data(Multipart *parser, const char *at, size_t left, size_t *taken, bool *whole,
                        Error *err) {
    const char *found = memmem(at, left, parser->delimiter, parser->delimiter_bytes);
    size_t kept = parser->delimiter_bytes - 1;
    size_t safe = found ? (size_t)(found - at) : left > kept ? left - kept : 0;
    if (parser->state == MULTIPART_DATA && safe > 0)
        TRY(parser->sink.data(parser->sink.context, at, safe, err));
    *whole = found != NULL;
    *taken = found ? safe + parser->delimiter_bytes : safe;
    if (found) parser->state = MULTIPART_BOUNDARY;
    return STATUS_OK;
}

/* "--" ends the body; white space and a line end begin a part. */
static Status take_boundary_end(Multipart *parser, const char *at, size_t left, size_t *taken, bool *whole,
                                Error *err) {
    size_t blank = 0;
    *taken = 0;
    *whole = false;
    if (left < 2) return STATUS_OK;
    if (at[0] == '-' && at[1] == '-') {
        parser->state = MULTIPART_END;
        *whole = true;
        return STATUS_OK;
    }
    while (blank < left && (at[blank] == ' ' || at[blank] == '\t'))
        blank++;
    if (blank > MULTIPART_MAX_BOUNDARY) return malformed(err, "a boundary is followed by other characters");
    if (left - blank < 2) return STATUS_OK;
    if (at[blank] != '\r' || at[blank + 1] != '\n')
        return malformed(err, "a boundary is followed by other characters");
    *taken = blank; /* the line end stays: headers are looked for between two of them */
    *whole = true;
    parser->state = MULTIPART_HEADERS;
    return STATUS_OK;
}

static Status begin_part(Multipart *parser, char *headers, Error *err) {
    char name[256] = "", file_name[256], content_type[256];
    bool disposed = false, has_file_name = false, has_type = false;
    for (char *line = headers, *next; line && *line; line = next) {
        next = strstr(line, "\r\n");
        if (next) {
            *next = 0;
            next += 2;
        }
        if (!strncasecmp(line, "content-disposition:", 20)) {
            disposed = true;
            (void)parameter(line, "name", name, sizeof name);
            has_file_name = parameter(line, "filename", file_name, sizeof file_name);
        } else if (!strncasecmp(line, "content-type:", 13)) {
            const char *value = line + 13 + strspn(line + 13, " \t");
            has_type = strlen(value) < sizeof content_type;
            if (has_type) strcpy(content_type, value);
        } else if (!strncasecmp(line, "content-transfer-encoding:", 26) && !strcasestr(line, "binary") &&
                   !strcasestr(line, "8bit") && !strcasestr(line, "7bit")) {
            return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                             "a part with a Content-Transfer-Encoding cannot be read: send it as it is");
        }
    }
    if (!disposed) return malformed(err, "a part has no Content-Disposition");
    if (++parser->parts > MULTIPART_MAX_PARTS)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "the body has more than %d parts", MULTIPART_MAX_PARTS);
    MultipartPart part = {.name = name,
                          .file_name = has_file_name ? file_name : NULL,
                          .content_type = has_type ? content_type : NULL};
    parser->state = MULTIPART_DATA;
    return parser->sink.begin(parser->sink.context, &part, err);
}

static Status take_headers(Multipart *parser, char *at, size_t left, size_t *taken, bool *whole, Error *err) {
    char *end = memmem(at, left, "\r\n\r\n", 4);
    *taken = 0;
    *whole = end != NULL;
    if (!end || end - at > MULTIPART_MAX_HEADERS) {
        if (left < MULTIPART_MAX_HEADERS) return STATUS_OK;
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "a part's headers are longer than %d bytes",
                         MULTIPART_MAX_HEADERS);
    }
    if (memchr(at, 0, (size_t)(end - at))) return malformed(err, "a part's headers hold a NUL byte");
    *taken = (size_t)(end - at) + 4;
    *end = 0;
    Status status = begin_part(parser, end == at ? at : at + 2, err);
    *end = '\r';
    return status;
}

Status multipart_feed(Multipart *parser, const char *bytes, size_t length, Error *err) {
    StrBuf *pending = &parser->pending;
    if (parser->state == MULTIPART_END) return STATUS_OK;
    strbuf_append(pending, bytes, length);
    size_t done = 0;
    bool more = true;
    while (more && parser->state != MULTIPART_END) {
        char *at = pending->data + done;
        size_t left = pending->length - done, taken = 0;
        switch (parser->state) {
        case MULTIPART_BOUNDARY: TRY(take_boundary_end(parser, at, left, &taken, &more, err)); break;
        case MULTIPART_HEADERS: TRY(take_headers(parser, at, left, &taken, &more, err)); break;
        default: TRY(take_data(parser, at, left, &taken, &more, err)); break;
        }
        done += taken;
    }
    memmove(pending->data, pending->data + done, pending->length - done);
    pending->length -= done;
    return STATUS_OK;
}

Status multipart_finish(Multipart *parser, Error *err) {
    if (parser->state == MULTIPART_END) return STATUS_OK;
    return malformed(err, parser->state == MULTIPART_BEFORE ? "its boundary does not occur"
                                                            : "the last boundary is missing");
}
