/* The SQL/JSON path language of PostgreSQL 15: parsed once (jsonpath_parse.c), run over a document's tree
 * (jsonpath_run.c). .datetime(), .keyvalue() and the less common flags of like_regex are declined (0A000)
 * when the path is parsed. */
#pragma once

#include "engines/columnar/kernels/json_value.h"

typedef enum PathKind {
    PATH_ROOT,    /* $ */
    PATH_CURRENT, /* @ */
    PATH_VARIABLE,
    PATH_LITERAL,
    PATH_LAST,
    PATH_KEY,
    PATH_ANY_KEY,   /* .* */
    PATH_ANY_LEVEL, /* .** */
    PATH_INDEX,
    PATH_ANY_INDEX, /* [*] */
    PATH_FILTER,
    PATH_METHOD,
    PATH_ARITHMETIC,
    PATH_SIGN,
    PATH_COMPARE, /* from here on: predicates */
    PATH_AND,
    PATH_OR,
    PATH_NOT,
    PATH_EXISTS,
    PATH_IS_UNKNOWN,
    PATH_STARTS_WITH,
    PATH_LIKE_REGEX
} PathKind;

typedef enum PathMethod {
    METHOD_TYPE,
    METHOD_SIZE,
    METHOD_ABS,
    METHOD_FLOOR,
    METHOD_CEILING,
    METHOD_DOUBLE
} PathMethod;
typedef enum PathCompare {
    COMPARE_EQ,
    COMPARE_NE,
    COMPARE_LT,
    COMPARE_LE,
    COMPARE_GT,
    COMPARE_GE
} PathCompare;

typedef struct PathRange {
    struct PathNode *from, *to; /* `to` NULL: one element */
} PathRange;

typedef struct PathNode {
    uint8_t kind;   /* PathKind */
    uint8_t detail; /* method, comparison, or the operator's character */
    JsonText text;  /* key, variable */
    JsonNode *literal;
    struct PathNode *left, *right; /* operands; a filter's condition */
    struct PathNode *next;         /* the accessor behind */
    PathRange *ranges;
    int range_count;
    int64_t first, last; /* levels of .**, INT64_MAX = any */
    const ScalarFunction *regex;
    const void *regex_data;
    Vector *pattern;
} PathNode;

typedef struct JsonPath {
    bool lax;
    PathNode *root;
} JsonPath;

Status jsonpath_parse(JsonText text, Arena *arena, JsonPath *out, Error *err);

typedef struct JsonPathItems {
    JsonNode **items;
    int count, capacity;
} JsonPathItems;

typedef enum PathResult { PATH_FOUND, PATH_NOTHING, PATH_FAILED } PathResult;
/* `items` NULL: only whether there are any. Errors of evaluation are PATH_FAILED and, unless `silent`, in
 * err. */
PathResult jsonpath_run(const JsonPath *path, JsonNode *document, const JsonNode *variables, bool silent,
                        Arena *arena, JsonPathItems *items, Error *err);
/* One row of jsonb_path_query's arguments: document, path, variables, silent. */
Status jsonpath_run_row(const Vector *args, int arg_count, int row, bool zones, Arena *arena,
                        JsonPathItems *items, Error *err);
