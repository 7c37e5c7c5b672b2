/* json in memory. Two ways to look at a text:
 *
 * - the scanner walks a text that was validated before, without memory of its own: what paths that are known
 *   beforehand need (->, ->>, #>>);
 * - the tree (JsonNode, in an arena) is what changes a document or prints it in jsonb's form.
 *
 * jsonb is held as the text PostgreSQL prints: keys by length, then bytes; of equal keys the last; ", " and
 * ": "; numbers as numeric prints them; strings with the fewest escapes.
 */
#pragma once

#include "engines/base/strbuf.h"
#include "engines/columnar/kernels/kernel.h"

/* In the order of jsonb's comparison. */
typedef enum JsonKind {
    JSON_IS_NULL,
    JSON_IS_STRING,
    JSON_IS_NUMBER,
    JSON_IS_BOOL,
    JSON_IS_ARRAY,
    JSON_IS_OBJECT
} JsonKind;

typedef struct JsonText {
    const char *data;
    size_t length;
} JsonText;

static inline JsonText json_text(const StringView *view) {
    return (JsonText){stringview_data(view), view->length};
}

typedef struct JsonNode {
    uint8_t kind; /* JsonKind */
    bool boolean;
    JsonText text; /* string: unescaped; number: canonical digits */
    struct JsonNode **items;
    JsonText *keys; /* of an object, sorted */
    int count, capacity;
} JsonNode;

enum { JSON_DEEPEST = 6000 };

/* ---- scanner: the text is valid json ---- */

JsonText json_trim(JsonText text);
/* The kind of a trimmed value, from its first byte. */
JsonKind json_kind(JsonText value);
typedef struct JsonWalk {
    const char *at, *end;
    bool object, started;
} JsonWalk;
/* Begins at an object or array. */
void json_walk_start(JsonWalk *walk, JsonText value);
/* The next member: `key` is the raw string without its quotes (objects). False at the end. */
bool json_walk_next(JsonWalk *walk, JsonText *key, JsonText *value);
/* Compares a raw key with a plain one. */
bool json_key_is(JsonText raw, JsonText key);
/* Finds an object's last member of that key, an array's element (from the end when negative). */
bool json_find_key(JsonText value, JsonText key, JsonText *out);
/* In jsonb, whose keys are sorted and unique: stops at the first that is not below. */
bool jsonb_find_key(JsonText value, JsonText key, JsonText *out);
bool json_find_index(JsonText value, int64_t index, JsonText *out);
int json_member_count(JsonText value);
/* Appends a string (with quotes) unescaped. 22P05 for \u0000. */
Status json_unescape(JsonText string, StrBuf *out, Error *err);
/* A value as ->> gives it: strings unescaped, else the text. *null for json null. */
Status json_as_text(JsonText value, StrBuf *out, bool *null, Error *err);

/* ---- tree ---- */

/* 22P02, 22P05 or 54001 as PostgreSQL. Objects come out sorted and without duplicates when `unique`. */
Status json_parse(JsonText text, bool unique, Arena *arena, JsonNode **out, Error *err);
JsonNode *json_new(Arena *arena, JsonKind kind);
JsonNode *json_new_string(Arena *arena, const char *data, size_t length);
void json_add_item(Arena *arena, JsonNode *array, JsonNode *item);
/* Keeps keys sorted; an equal key's value is replaced. */
void json_put(Arena *arena, JsonNode *object, JsonText key, JsonNode *value);
JsonNode *json_get(const JsonNode *object, JsonText key);
void json_sort_keys(JsonNode *object);
int json_key_order(JsonText a, JsonText b);
/* In jsonb's form; `indent` >= 0: jsonb_pretty. */
void json_print(const JsonNode *node, int indent, StrBuf *out);
void json_print_string(StrBuf *out, const char *data, size_t length);
/* The text of a json number as numeric prints it. 22003 when it is beyond numeric. */
Status json_number_text(JsonText number, Arena *arena, JsonText *out, Error *err);
/* Key bytes of a number in canonical form. */
void json_number_key(StrBuf *out, JsonText number);
int json_compare_nodes(const JsonNode *a, const JsonNode *b);
bool json_contains(const JsonNode *whole, const JsonNode *part);
