/* JSON rows out of a file: the elements of a top-level array, or documents one after another
 * (newline-delimited or not). An element that is an object gives its members; any other value is one field
 * without a name.
 *
 * Splitting is ours, parsing is simdjson's (json_parser.cc), one element at a time, so memory is bounded by
 * an element. */
#pragma once

#include "engines/columnar/ingest/byte_source.h"
#include "engines/columnar/ingest/json_parser.h"

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
