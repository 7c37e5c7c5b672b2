#include "fcgi/api/negotiation.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *type;
    RowFormat format;
} offered[] = {
    {"application/json", ROWFORMAT_JSON},
    {"application/vnd.signalbox.compact+json", ROWFORMAT_COMPACT},
    {"text/csv", ROWFORMAT_CSV},
    {"application/x-ndjson", ROWFORMAT_NDJSON},
    {"application/ndjson", ROWFORMAT_NDJSON},
    {"application/jsonl", ROWFORMAT_NDJSON},
    {"application/vnd.apache.arrow.stream", ROWFORMAT_ARROW},
    {"application/vnd.apache.arrow.file", ROWFORMAT_ARROW_FILE},
    {"application/vnd.apache.parquet", ROWFORMAT_PARQUET},
};
enum { OFFERED_COUNT = sizeof offered / sizeof offered[0] };

static Status from_query(const char *name, RowFormat *out, int *http_status, Error *err) {
    if (rowformat_from_name(name, out) && *out != ROWFORMAT_TABLE) return STATUS_OK;
    *http_status = 400;
    return error_set(err, SQLSTATE_INVALID_PARAMETER,
                     "there is no format \"%.50s\"; json, compact, csv, ndjson, arrow, arrowfile and parquet "
                     "are offered",
                     name);
}

/* The first format that a media range ("text/csv", "text/<star>", "<star>/<star>") covers, -1 for none. */
static int match_range(const char *range, size_t length) {
    for (int i = 0; i < OFFERED_COUNT; i++) {
        const char *type = offered[i].type;
        if (strlen(type) == length && !strncasecmp(type, range, length)) return i;
    }
    if (length == 3 && !memcmp(range, "*/*", 3)) return 0;
    if (length < 3 || memcmp(range + length - 2, "/*", 2)) return -1;
    for (int i = 0; i < OFFERED_COUNT; i++)
        if (!strncasecmp(offered[i].type, range, length - 1)) return i;
    return -1;
}

/* The weight among a media range's parameters, 1 when not given. */
static double quality_of(const char *parameters, const char *end) {
    for (const char *at = parameters; at && at < end; at = memchr(at, ';', (size_t)(end - at))) {
        at++;
        while (at < end && (*at == ' ' || *at == '\t'))
            at++;
        if (end - at >= 2 && (*at == 'q' || *at == 'Q') && at[1] == '=') return strtod(at + 2, NULL);
    }
    return 1;
}

static size_t trimmed_length(const char *text, size_t length) {
    while (length && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    return length;
}

Status negotiate_format(const char *query_format, const char *accept, RowFormat *out, int *http_status,
                        Error *err) {
    *out = ROWFORMAT_JSON;
    if (query_format) return from_query(query_format, out, http_status, err);
    if (!accept || !accept[0]) return STATUS_OK;
    double best = 0;
    for (const char *at = accept; *at; at += *at == ',') {
        at += strspn(at, " \t");
        size_t length = strcspn(at, ",");
        size_t range = strcspn(at, ";,");
        int match = match_range(at, trimmed_length(at, range));
        double quality = match >= 0 ? quality_of(at + range, at + length) : 0;
        if (quality > best) {
            best = quality;
            *out = offered[match].format;
        }
        at += length;
    }
    if (best > 0) return STATUS_OK;
    *http_status = 406;
    return error_set(err, SQLSTATE_INVALID_PARAMETER,
                     "none of the media types in Accept is offered; application/json, "
                     "application/vnd.signalbox.compact+json, text/csv, application/x-ndjson, "
                     "application/vnd.apache.arrow.stream, application/vnd.apache.arrow.file and "
                     "application/vnd.apache.parquet are");
}
