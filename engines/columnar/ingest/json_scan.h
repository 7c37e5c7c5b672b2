/* JSON (RFC 8259), checked strictly and found the ends of, nothing built: what rows keep is the text.
 *
 * Texts are padded (TEXT_PADDING) with something that is not JSON, such as zero bytes. UTF-8 is checked by
 * the caller. */
#pragma once

#include <stdbool.h>

#include "engines/base/strbuf.h"
#include "engines/columnar/ingest/cell.h"

enum { JSON_MAX_DEPTH = 1000 };

typedef struct JsonScan {
    const char *at; /* behind what was scanned; at what is wrong */
    const char *end;
    const char *problem; /* static text; NULL while nothing is wrong */
} JsonScan;

static inline const char *json_skip_space(const char *at) {
    while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')
        at++;
    return at;
}

/* Each stands at the value's first byte and is false with a problem. `kind` CELL_STRING or
 * CELL_STRING_ESCAPED; the text is what stands between the quotes. */
bool json_scan_string(JsonScan *scan, CellKind *kind, const char **text, size_t *length);
bool json_scan_value(JsonScan *scan, CellKind *kind, const char **text, size_t *length);
/* Resolves the escapes of a scanned string. False with a problem: NUL, or half of a surrogate pair. */
bool json_scan_unescape(const char *text, size_t length, StrBuf *out, const char **problem);

/* Steps over one value without judging it, to the end of it or of the text. */
const char *json_skip_loosely(const char *at, const char *end);

/* What documents or elements stand whole in text[0, length): offset behind the last one, 0 = none. Elements
 * are cut behind their comma; `closed` is set, and the offset is the closing bracket's, when the array ends
 * here. */
size_t json_last_document_end(const char *text, size_t length);
size_t json_last_element_end(const char *text, size_t length, bool *closed);
