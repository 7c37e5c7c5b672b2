#include "engines/columnar/ingest/json_reader.h"

#include <inttypes.h>
#include <string.h>

void json_reader_init(JsonReader *reader, ByteSource *source) {
    *reader = (JsonReader){.source = source, .parser = json_parser_create()};
}

void json_reader_deinit(JsonReader *reader) {
    json_parser_destroy(reader->parser);
    reader->parser = NULL;
}

static Status json_error(const JsonReader *reader, const char *what, Error *err) {
    return error_set(err, SQLSTATE_INVALID_TEXT, "\"%s\", row %" PRId64 ": %s", reader->source->name,
                     reader->row, what);
}

static bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The next byte that is no white space, 0 at the end. */
static Status peek(JsonReader *reader, char *out, Error *err) {
    ByteSource *source = reader->source;
    for (;;) {
        while (source->start < source->end && is_space(source->buffer[source->start]))
            source->start++;
        if (source->start < source->end) {
            *out = source->buffer[source->start];
            return STATUS_OK;
        }
        if (source->at_end) {
            *out = 0;
            return STATUS_OK;
        }
        TRY(byte_source_fill(source, err));
    }
}

typedef struct SplitState {
    size_t offset; /* from source->start */
    int depth;
    bool in_string, escaped;
} SplitState;

/* Goes on until the value's end; false when the window ends first. */
static bool split_value(SplitState *state, const char *text, size_t length) {
    bool scalar = text[0] != '{' && text[0] != '[' && text[0] != '"';
    for (size_t i = state->offset; i < length; i++) {
        char c = text[i];
        if (state->in_string) {
            if (state->escaped)
                state->escaped = false;
            else if (c == '\\')
                state->escaped = true;
            else if (c == '"') {
                state->in_string = false;
                if (state->depth == 0) {
                    state->offset = i + 1;
                    return true;
                }
            }
            continue;
        }
        if (c == '"' && !scalar) {
            state->in_string = true;
        } else if (scalar && (is_space(c) || c == ',' || c == ']' || c == '}')) {
            state->offset = i ? i : 1;
            return true;
        } else if (c == '{' || c == '[') {
            state->depth++;
        } else if ((c == '}' || c == ']') && --state->depth <= 0) {
            state->offset = i + 1;
            return true;
        }
    }
    state->offset = length;
    return false;
}

static Status find_value(JsonReader *reader, size_t *length, Error *err) {
    ByteSource *source = reader->source;
    SplitState state = {0};
    while (!split_value(&state, source->buffer + source->start, source->end - source->start)) {
        if (source->at_end) {
            if (state.depth > 0 || state.in_string)
                return json_error(reader, "the input ends within a value", err);
            break;
        }
        TRY(byte_source_fill(source, err));
    }
    *length = state.offset;
    return STATUS_OK;
}

/* Steps over what stands between elements. `more` false at the end of the input. */
static Status next_element(JsonReader *reader, bool *more, Error *err) {
    char c;
    if (!reader->started) {
        reader->started = true;
        TRY(peek(reader, &c, err));
        ByteSource *source = reader->source;
        while (source->end - source->start < 3 && !source->at_end)
            TRY(byte_source_fill(source, err));
        if (source->end - source->start >= 3 &&
            memcmp(source->buffer + source->start, "\xEF\xBB\xBF", 3) == 0)
            source->start += 3;
    }
    for (;;) {
        TRY(peek(reader, &c, err));
        *more = c != 0;
        if (!reader->in_array) {
            if (c != '[') return STATUS_OK;
            reader->source->start++;
            reader->in_array = true;
            reader->after_element = false;
            TRY(peek(reader, &c, err));
            if (c != ']') return c ? STATUS_OK : json_error(reader, "the array is not closed", err);
        }
        if (c == 0) return json_error(reader, "the array is not closed", err);
        if (c == ']') {
            reader->source->start++;
            reader->in_array = false;
            continue;
        }
        if (!reader->after_element) return STATUS_OK;
        if (c != ',') return json_error(reader, "a comma is missing between elements", err);
        reader->source->start++;
        TRY(peek(reader, &c, err));
        if (c == ']' || c == ',' || c == 0)
            return json_error(reader, "an element is missing after a comma", err);
        return STATUS_OK;
    }
}

Status json_reader_next(JsonReader *reader, JsonFieldFunction field, void *context, bool *more, Error *err) {
    size_t length;
    const char *problem = "";
    TRY(next_element(reader, more, err));
    if (!*more) return STATUS_OK;
    reader->row++;
    TRY(find_value(reader, &length, err));
    ByteSource *source = reader->source;
    int result =
        json_parser_run(reader->parser, source->buffer + source->start, length, field, context, &problem);
    source->start += length;
    reader->after_element = true;
    if (result == 1) return json_error(reader, problem, err);
    return result == 0 ? STATUS_OK : STATUS_ERROR;
}
