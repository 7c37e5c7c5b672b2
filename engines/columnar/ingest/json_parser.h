/* simdjson behind a C header (json_parser.cc). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "engines/columnar/ingest/cell.h"

enum { JSON_PARSER_PADDING = 64 };

#ifdef __cplusplus
extern "C" {
#endif

/* `key` is NULL for an element that is no object; text is valid during the call only. Non-zero stops the
 * parse. */
typedef int (*JsonFieldFunction)(void *context, const char *key, size_t key_length, const Cell *cell);

typedef struct JsonParser JsonParser;
JsonParser *json_parser_create(void);
void json_parser_destroy(JsonParser *parser);
/* One complete JSON value with JSON_PARSER_PADDING readable bytes behind it. Returns 0, 1 with the reason in
 * `problem` (static text), or 2 when `field` stopped it. */
int json_parser_run(JsonParser *parser, const char *text, size_t length, JsonFieldFunction field,
                    void *context, const char **problem);
/* Whether `text` is one well-formed JSON value. */
bool json_parser_accepts(JsonParser *parser, const char *text, size_t length);

#ifdef __cplusplus
}
#endif
