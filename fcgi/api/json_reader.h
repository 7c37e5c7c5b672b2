/* A strict JSON reader for request bodies (RFC 8259). Unlike jansson it keeps numbers as they were written,
 * so that parameters lose no digit, and it reports the byte where a body goes wrong.
 *
 * Refused: anything after the value, invalid UTF-8, unpaired surrogates, \u0000, nesting beyond
 * JSON_MAX_DEPTH, more than JSON_MAX_NODES values. Duplicate keys are kept; whoever looks members up by name
 * decides.
 */
#pragma once

#include "engines/base/arena.h"
#include "engines/base/error.h"

enum { JSON_MAX_DEPTH = 64, JSON_MAX_NODES = 1 << 18 };

typedef enum JsonKind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } JsonKind;
const char *json_kind_name(JsonKind kind); /* "a string" */

typedef struct JsonNode {
    JsonKind kind;
    bool boolean;
    bool integer;     /* a number without fraction and exponent */
    const char *text; /* strings decoded, numbers as written; NUL-terminated */
    size_t length;
    const char *key; /* in an object */
    size_t key_length;
    const char *raw; /* arrays, objects: as written, in the input */
    size_t raw_length;
    struct JsonNode *children, *next;
    int child_count;
} JsonNode;

Status json_read(Arena *arena, const char *text, size_t length, JsonNode **out, Error *err);
