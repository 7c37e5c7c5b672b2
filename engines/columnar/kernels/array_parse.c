#include "engines/columnar/kernels/array_parse.h"

typedef enum ParseState { LEVEL_STARTED, ELEMENT_DONE, LEVEL_DONE, DELIMITED } ParseState;

typedef struct ArrayParser {
    const char *text, *at, *end;
    ArrayText *out;
    StrBuf element;
    int depth;                         /* braces open */
    int leaf_depth;                    /* where elements stand, 0 = not yet known */
    int lengths[ARRAY_MAX_DIMENSIONS]; /* of the level, once one of its arrays was closed; -1 before */
    int counts[ARRAY_MAX_DIMENSIONS];
    Error *err;
} ArrayParser;

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static Status malformed(ArrayParser *parser, const char *detail) {
    (void)error_set(parser->err, SQLSTATE_INVALID_TEXT, "malformed array literal: \"%.*s\"",
                    (int)(parser->end - parser->text), parser->text);
    return detail ? error_add_detail(parser->err, "%s", detail) : STATUS_ERROR;
}

static Status mismatched(ArrayParser *parser) {
    return malformed(parser, "Multidimensional arrays must have sub-arrays with matching dimensions.");
}

static void skip_space(ArrayParser *parser) {
    while (parser->at < parser->end && is_space(*parser->at))
        parser->at++;
}

/* ---- dimensions before the braces -----------------------------------------------------------------------
 */

static bool read_bound(ArrayParser *parser, int32_t *out) {
    const char *start = parser->at;
    bool negative = false;
    int64_t value = 0;
    if (parser->at < parser->end && (*parser->at == '-' || *parser->at == '+'))
        negative = *parser->at++ == '-';
    const char *digits = parser->at;
    for (; parser->at < parser->end && *parser->at >= '0' && *parser->at <= '9'; parser->at++)
        if (value < INT64_C(1) << 40) value = value * 10 + (*parser->at - '0');
    if (parser->at == digits) {
        parser->at = start;
        return false;
    }
    if (negative) value = -value;
    *out = value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : (int32_t)value;
    return true;
}

static Status read_dimension(ArrayParser *parser) {
    ArrayText *out = parser->out;
    int32_t lower = 1, upper = 0;
    parser->at++;
    if (out->dimension_count >= ARRAY_MAX_DIMENSIONS)
        return error_set(parser->err, SQLSTATE_PROGRAM_LIMIT,
                         "number of array dimensions (%d) exceeds the maximum allowed (%d)",
                         out->dimension_count + 1, ARRAY_MAX_DIMENSIONS);
    if (!read_bound(parser, &upper))
        return malformed(parser, "\"[\" must introduce explicitly-specified array dimensions.");
    if (parser->at < parser->end && *parser->at == ':') {
        parser->at++;
        lower = upper;
        if (!read_bound(parser, &upper)) return malformed(parser, "Missing array dimension value.");
    }
    if (parser->at == parser->end || *parser->at != ']')
        return malformed(parser, "Missing \"]\" after array dimensions.");
    parser->at++;
    if (upper < lower) return error_set(parser->err, "2202E", "upper bound cannot be less than lower bound");
    int64_t length = (int64_t)upper - lower + 1;
    if (length > ARRAY_MAX_ELEMENTS || lower > INT32_MAX - length)
        return error_set(parser->err, SQLSTATE_PROGRAM_LIMIT, "array size exceeds the maximum allowed (%d)",
                         ARRAY_MAX_ELEMENTS);
    out->dimensions[out->dimension_count++] = (ArrayDimension){(int32_t)length, lower};
    return STATUS_OK;
}

static Status read_dimensions(ArrayParser *parser) {
    skip_space(parser);
    while (parser->at < parser->end && *parser->at == '[') {
        TRY(read_dimension(parser));
        skip_space(parser);
    }
    if (!parser->out->dimension_count) {
        if (parser->at == parser->end || *parser->at != '{')
            return malformed(parser, "Array value must start with \"{\" or dimension information.");
        return STATUS_OK;
    }
    if (parser->at == parser->end || *parser->at != '=')
        return malformed(parser, "Missing \"=\" after array dimensions.");
    parser->at++;
    skip_space(parser);
    if (parser->at == parser->end || *parser->at != '{')
        return malformed(parser, "Array contents must start with \"{\".");
    return STATUS_OK;
}

/* ---- elements -------------------------------------------------------------------------------------------
 */

static Status add_element(ArrayParser *parser, bool null) {
    ArrayText *out = parser->out;
    if (parser->leaf_depth && parser->leaf_depth != parser->depth) return mismatched(parser);
    if (parser->lengths[parser->depth - 1] < 0 && !parser->leaf_depth)
        for (int i = parser->depth; i < ARRAY_MAX_DIMENSIONS; i++)
            if (parser->lengths[i] >= 0) return mismatched(parser);
    parser->leaf_depth = parser->depth;
    if (out->count == out->capacity) {
        int capacity = out->capacity ? out->capacity * 2 : 64;
        StringView *elements = arena_alloc(out->arena, sizeof *elements * (size_t)capacity);
        bool *nulls = arena_alloc(out->arena, sizeof *nulls * (size_t)capacity);
        if (out->count) {
            memcpy(elements, out->elements, sizeof *elements * (size_t)out->count);
            memcpy(nulls, out->nulls, sizeof *nulls * (size_t)out->count);
        }
        out->elements = elements;
        out->nulls = nulls;
        out->capacity = capacity;
    }
    const char *data = strbuf_text(&parser->element);
    size_t length = null ? 0 : parser->element.length;
    out->elements[out->count] =
        stringview_make(length > 12 ? arena_memdup(out->arena, data, length) : data, (uint32_t)length);
    out->nulls[out->count++] = null;
    parser->counts[parser->depth - 1]++;
    return STATUS_OK;
}

static Status read_quoted(ArrayParser *parser) {
    strbuf_reset(&parser->element);
    for (parser->at++; parser->at < parser->end && *parser->at != '"'; parser->at++) {
        if (*parser->at == '\\' && ++parser->at == parser->end) break;
        strbuf_append_char(&parser->element, *parser->at);
    }
    if (parser->at == parser->end) return malformed(parser, "Unexpected end of input.");
    parser->at++;
    return add_element(parser, false);
}

static Status read_bare(ArrayParser *parser) {
    strbuf_reset(&parser->element);
    size_t kept = 0; /* trailing blanks go, escaped ones stay */
    bool escaped = false;
    for (; parser->at < parser->end; parser->at++) {
        char c = *parser->at;
        if (c == ',' || c == '}') break;
        if (c == '"') return malformed(parser, "Unexpected array element.");
        if (c == '{') return malformed(parser, "Unexpected \"{\" character.");
        if (c == '\\') {
            if (++parser->at == parser->end) return malformed(parser, "Unexpected end of input.");
            strbuf_append_char(&parser->element, *parser->at);
            kept = parser->element.length;
            escaped = true;
            continue;
        }
        strbuf_append_char(&parser->element, c);
        if (!is_space(c)) kept = parser->element.length;
    }
    parser->element.length = kept;
    bool null = !escaped && kept == 4 && strncasecmp(strbuf_text(&parser->element), "null", 4) == 0;
    return add_element(parser, null);
}

static Status open_level(ArrayParser *parser, ParseState *state) {
    if (*state != LEVEL_STARTED && *state != DELIMITED)
        return malformed(parser, "Unexpected \"{\" character.");
    if (parser->depth >= ARRAY_MAX_DIMENSIONS)
        return error_set(parser->err, SQLSTATE_PROGRAM_LIMIT,
                         "number of array dimensions (%d) exceeds the maximum allowed (%d)",
                         parser->depth + 1, ARRAY_MAX_DIMENSIONS);
    if (parser->depth) parser->counts[parser->depth - 1]++;
    if (parser->leaf_depth && parser->depth >= parser->leaf_depth) return mismatched(parser);
    parser->counts[parser->depth++] = 0;
    parser->at++;
    *state = LEVEL_STARTED;
    return STATUS_OK;
}

static Status close_level(ArrayParser *parser, ParseState *state, bool first) {
    if (*state == DELIMITED || (*state == LEVEL_STARTED && !(parser->depth == 1 && first)))
        return malformed(parser, "Unexpected \"}\" character.");
    int level = --parser->depth;
    if (parser->lengths[level] >= 0 && parser->lengths[level] != parser->counts[level])
        return mismatched(parser);
    parser->lengths[level] = parser->counts[level];
    parser->at++;
    *state = LEVEL_DONE;
    return STATUS_OK;
}

static Status read_levels(ArrayParser *parser) {
    ParseState state = LEVEL_STARTED;
    int begun = parser->out->count;
    TRY(open_level(parser, &state));
    while (parser->depth) {
        skip_space(parser);
        if (parser->at == parser->end) return malformed(parser, "Unexpected end of input.");
        char c = *parser->at;
        if (c == '{') {
            TRY(open_level(parser, &state));
        } else if (c == '}') {
            TRY(close_level(parser, &state, parser->out->count == begun));
        } else if (c == ',') {
            if (state != ELEMENT_DONE && state != LEVEL_DONE)
                return malformed(parser, "Unexpected \",\" character.");
            state = DELIMITED;
            parser->at++;
        } else {
            if (state != LEVEL_STARTED && state != DELIMITED)
                return malformed(parser, "Unexpected array element.");
            TRY(c == '"' ? read_quoted(parser) : read_bare(parser));
            state = ELEMENT_DONE;
        }
    }
    skip_space(parser);
    return parser->at == parser->end ? STATUS_OK : malformed(parser, "Junk after closing right brace.");
}

static Status take_shape(ArrayParser *parser, int begun) {
    ArrayText *out = parser->out;
    int found = out->count > begun ? parser->leaf_depth : 0;
    if (!out->dimension_count) {
        out->dimension_count = found;
        for (int i = 0; i < found; i++)
            out->dimensions[i] = (ArrayDimension){parser->lengths[i], 1};
        return STATUS_OK;
    }
    bool same = found == out->dimension_count;
    for (int i = 0; same && i < found; i++)
        same = parser->lengths[i] == out->dimensions[i].length;
    return same ? STATUS_OK : malformed(parser, "Specified array dimensions do not match array contents.");
}

Status array_text_parse(ArrayText *out, const char *text, size_t length, Error *err) {
    ArrayParser parser = {.text = text, .at = text, .end = text + length, .out = out, .err = err};
    for (int i = 0; i < ARRAY_MAX_DIMENSIONS; i++)
        parser.lengths[i] = -1;
    strbuf_init(&parser.element);
    int begun = out->count;
    out->dimension_count = 0;
    Status status = read_dimensions(&parser);
    if (status == STATUS_OK) status = read_levels(&parser);
    if (status == STATUS_OK) status = take_shape(&parser, begun);
    strbuf_deinit(&parser.element);
    return status;
}
