/* JSON rows out of a file: the elements of a top-level array, or documents one after another
 * (newline-delimited or not). An element that is an object gives its members; any other value is one field
 * without a name.
 *
 * Splitting is ours, parsing is simdjson's (json_parser.cc), one element at a time, so memory is bounded by
 * an element. */
#pragma once

#include "engines/columnar/ingest/byte_source.h"
#include "engines/columnar/ingest/cell.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `key` is NULL for an element that is no object; text is valid during the call only. Non-zero stops the
 * parse. */
typedef int (*JsonFieldFunction)(void *context, const char *key, size_t key_length, const Cell *cell);

typedef struct JsonParser JsonParser;
JsonParser *json_parser_create(void);
void json_parser_destroy(JsonParser *parser);
/* One complete JSON value with BYTE_SOURCE_PADDING readable bytes behind it. Returns 0, 1 with the reason in
 * `problem` (static text), or 2 when `field` stopped it. */
int json_parser_run(JsonParser *parser, const char *text, size_t length, JsonFieldFunction field,
                    void *context, const char **problem);
/* Whether `text` is one well-formed JSON value. */
bool json_parser_accepts(JsonParser *parser, const char *text, size_t length);

#ifdef __cplusplus
}
#endif

typedef struct JsonReader {
    ByteSource *source;
    JsonParser *parser;
    bool started, in_array, after_element;
    int64_t row; /* of the current element, from 1 */
} JsonReader;

void json_reader_init(JsonReader *reader, ByteSource *source);
void json_reader_deinit(JsonReader *reader);
/* Gives the fields of the next element to `field`. When `field` stops, STATUS_ERROR is returned and `err`
 * left to it. */
Status json_reader_next(JsonReader *reader, JsonFieldFunction field, void *context, bool *more, Error *err);
