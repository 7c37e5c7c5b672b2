/* The tree: parsing, changing, printing. */
#include <ctype.h>
#include <stdlib.h>

#include "engines/columnar/kernels/array_kernels.h"
#include "engines/columnar/kernels/json_value.h"

typedef struct JsonParser {
    const char *at, *end;
    Arena *arena;
    StrBuf scratch;
    bool unique;
    Error *err;
} JsonParser;

JsonNode *json_new(Arena *arena, JsonKind kind) {
    JsonNode *node = ARENA_NEW(arena, JsonNode);
    node->kind = (uint8_t)kind;
    return node;
}

JsonNode *json_new_string(Arena *arena, const char *data, size_t length) {
    JsonNode *node = json_new(arena, JSON_IS_STRING);
    node->text = (JsonText){arena_memdup(arena, data, length + !length), length};
    return node;
}

static void make_room(Arena *arena, JsonNode *node, bool keyed) {
    if (node->count < node->capacity) return;
    int capacity = node->capacity ? node->capacity * 2 : 4;
    JsonNode **items = arena_alloc(arena, sizeof *items * (size_t)capacity);
    if (node->count) memcpy(items, node->items, sizeof *items * (size_t)node->count);
    node->items = items;
    if (keyed) {
        JsonText *keys = arena_alloc(arena, sizeof *keys * (size_t)capacity);
        if (node->count) memcpy(keys, node->keys, sizeof *keys * (size_t)node->count);
        node->keys = keys;
    }
    node->capacity = capacity;
}

void json_add_item(Arena *arena, JsonNode *array, JsonNode *item) {
    make_room(arena, array, false);
    array->items[array->count++] = item;
}

static void add_member(Arena *arena, JsonNode *object, JsonText key, JsonNode *value) {
    make_room(arena, object, true);
    object->keys[object->count] = key;
    object->items[object->count++] = value;
}

int json_key_order(JsonText a, JsonText b) {
    if (a.length != b.length) return a.length < b.length ? -1 : 1;
    return a.length ? memcmp(a.data, b.data, a.length) : 0;
}

static int find_key(const JsonNode *object, JsonText key, bool *found) {
    int low = 0, high = object->count;
    *found = false;
    while (low < high) {
        int middle = (low + high) / 2, order = json_key_order(object->keys[middle], key);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

JsonNode *json_get(const JsonNode *object, JsonText key) {
    bool found;
    int at = find_key(object, key, &found);
    return found ? object->items[at] : NULL;
}

void json_put(Arena *arena, JsonNode *object, JsonText key, JsonNode *value) {
    bool found;
    int at = find_key(object, key, &found);
    if (found) {
        object->items[at] = value;
        return;
    }
    make_room(arena, object, true);
    memmove(object->items + at + 1, object->items + at, sizeof *object->items * (size_t)(object->count - at));
    memmove(object->keys + at + 1, object->keys + at, sizeof *object->keys * (size_t)(object->count - at));
    object->items[at] = value;
    object->keys[at] = key;
    object->count++;
}

typedef struct Member {
    JsonText key;
    JsonNode *value;
    int place;
} Member;

static int member_order(const void *left, const void *right) {
    const Member *a = left, *b = right;
    int order = json_key_order(a->key, b->key);
    return order ? order : (a->place > b->place) - (a->place < b->place);
}

void json_sort_keys(JsonNode *object) {
    bool sorted = true;
    for (int i = 1; sorted && i < object->count; i++)
        sorted = json_key_order(object->keys[i - 1], object->keys[i]) < 0;
    if (sorted) return;
    Member *members = malloc(sizeof *members * (size_t)object->count);
    if (!members) abort();
    for (int i = 0; i < object->count; i++)
        members[i] = (Member){object->keys[i], object->items[i], i};
    qsort(members, (size_t)object->count, sizeof *members, member_order);
    int kept = 0;
    for (int i = 0; i < object->count; i++) {
        bool last = i + 1 == object->count || json_key_order(members[i].key, members[i + 1].key) != 0;
        if (!last) continue;
        object->keys[kept] = members[i].key;
        object->items[kept++] = members[i].value;
    }
    object->count = kept;
    free(members);
}

/* ---- parsing --------------------------------------------------------------------------------------------
 */

static Status bad_input(JsonParser *parser) {
    (void)error_set(parser->err, SQLSTATE_INVALID_TEXT, "invalid input syntax for type json");
    if (parser->at >= parser->end)
        return error_add_detail(parser->err, "The input string ended unexpectedly.");
    const char *stop = parser->at;
    while (stop < parser->end && (isalnum((unsigned char)*stop) || *stop == '_' || (*stop & 0x80)))
        stop++;
    if (stop == parser->at) stop++;
    return error_add_detail(parser->err, "Token \"%.*s\" is invalid.", (int)(stop - parser->at), parser->at);
}

static void skip(JsonParser *parser) {
    while (parser->at < parser->end &&
           (*parser->at == ' ' || *parser->at == '\n' || *parser->at == '\t' || *parser->at == '\r'))
        parser->at++;
}

static Status parse_string(JsonParser *parser, JsonText *out) {
    const char *start = parser->at;
    if (start >= parser->end || *start != '"') return bad_input(parser);
    bool escaped = false;
    for (parser->at++; parser->at < parser->end && *parser->at != '"'; parser->at++) {
        if ((unsigned char)*parser->at < 0x20) {
            (void)error_set(parser->err, SQLSTATE_INVALID_TEXT, "invalid input syntax for type json");
            return error_add_detail(parser->err, "Character with value 0x%02x must be escaped.",
                                    (unsigned char)*parser->at);
        }
        if (*parser->at != '\\') continue;
        escaped = true;
        if (++parser->at == parser->end || !*parser->at || !strchr("\"\\/bfnrtu", *parser->at))
            return bad_input(parser);
    }
    if (parser->at == parser->end) return bad_input(parser);
    parser->at++;
    JsonText raw = {start, (size_t)(parser->at - start)};
    if (!escaped) {
        *out = (JsonText){start + 1, raw.length - 2};
        return STATUS_OK;
    }
    strbuf_reset(&parser->scratch);
    TRY(json_unescape(raw, &parser->scratch, parser->err));
    *out = (JsonText){arena_memdup(parser->arena, strbuf_text(&parser->scratch), parser->scratch.length + 1),
                      parser->scratch.length};
    return STATUS_OK;
}

static bool take_digits(JsonParser *parser) {
    const char *start = parser->at;
    while (parser->at < parser->end && *parser->at >= '0' && *parser->at <= '9')
        parser->at++;
    return parser->at > start;
}

static Status parse_number(JsonParser *parser, JsonNode **out) {
    const char *start = parser->at;
    bool valid = true;
    if (*parser->at == '-') parser->at++;
    if (parser->at < parser->end && *parser->at == '0')
        parser->at++;
    else
        valid = take_digits(parser);
    if (valid && parser->at < parser->end && *parser->at == '.') {
        parser->at++;
        valid = take_digits(parser);
    }
    if (valid && parser->at < parser->end && (*parser->at | 0x20) == 'e') {
        parser->at++;
        if (parser->at < parser->end && (*parser->at == '+' || *parser->at == '-')) parser->at++;
        valid = take_digits(parser);
    }
    if (valid && parser->at < parser->end && (isalnum((unsigned char)*parser->at) || *parser->at == '_'))
        valid = false;
    if (!valid) {
        parser->at = start;
        return bad_input(parser);
    }
    *out = json_new(parser->arena, JSON_IS_NUMBER);
    return json_number_text((JsonText){start, (size_t)(parser->at - start)}, parser->arena, &(*out)->text,
                            parser->err);
}

static Status parse_word(JsonParser *parser, const char *word, JsonKind kind, JsonNode **out) {
    size_t length = strlen(word);
    if ((size_t)(parser->end - parser->at) < length || memcmp(parser->at, word, length) != 0)
        return bad_input(parser);
    const char *next = parser->at + length;
    if (next < parser->end && (isalnum((unsigned char)*next) || *next == '_')) return bad_input(parser);
    parser->at = next;
    *out = json_new(parser->arena, kind);
    (*out)->boolean = word[0] == 't';
    return STATUS_OK;
}

static Status parse_value(JsonParser *parser, int depth, JsonNode **out);

static Status parse_members(JsonParser *parser, bool object, int depth, JsonNode **out) {
    char close = object ? '}' : ']';
    *out = json_new(parser->arena, object ? JSON_IS_OBJECT : JSON_IS_ARRAY);
    parser->at++;
    skip(parser);
    if (parser->at < parser->end && *parser->at == close) {
        parser->at++;
        return STATUS_OK;
    }
    for (;;) {
        JsonText key = {NULL, 0};
        JsonNode *value = NULL;
        skip(parser);
        if (object) {
            TRY(parse_string(parser, &key));
            skip(parser);
            if (parser->at == parser->end || *parser->at != ':') return bad_input(parser);
            parser->at++;
        }
        TRY(parse_value(parser, depth + 1, &value));
        if (object)
            add_member(parser->arena, *out, key, value);
        else
            json_add_item(parser->arena, *out, value);
        skip(parser);
        if (parser->at == parser->end || (*parser->at != ',' && *parser->at != close))
            return bad_input(parser);
        if (*parser->at++ == close) break;
    }
    if (object && parser->unique) json_sort_keys(*out);
    return STATUS_OK;
}

static Status parse_value(JsonParser *parser, int depth, JsonNode **out) {
    skip(parser);
    if (parser->at == parser->end) return bad_input(parser);
    if (depth > JSON_DEEPEST)
        return error_set(parser->err, SQLSTATE_TOO_COMPLEX, "stack depth limit exceeded");
    switch (*parser->at) {
    case '{': return parse_members(parser, true, depth, out);
    case '[': return parse_members(parser, false, depth, out);
    case '"': *out = json_new(parser->arena, JSON_IS_STRING); return parse_string(parser, &(*out)->text);
    case 't': return parse_word(parser, "true", JSON_IS_BOOL, out);
    case 'f': return parse_word(parser, "false", JSON_IS_BOOL, out);
    case 'n': return parse_word(parser, "null", JSON_IS_NULL, out);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': return parse_number(parser, out);
    default: return bad_input(parser);
    }
}

Status json_parse(JsonText text, bool unique, Arena *arena, JsonNode **out, Error *err) {
    JsonParser parser = {
        .at = text.data, .end = text.data + text.length, .arena = arena, .unique = unique, .err = err};
    strbuf_init(&parser.scratch);
    Status status = parse_value(&parser, 0, out);
    if (status == STATUS_OK) {
        skip(&parser);
        if (parser.at != parser.end) status = bad_input(&parser);
    }
    strbuf_deinit(&parser.scratch);
    return status;
}

/* ---- printing -------------------------------------------------------------------------------------------
 */

static void new_line(StrBuf *out, int indent) {
    strbuf_append_char(out, '\n');
    for (int i = 0; i < indent; i++)
        strbuf_append(out, "    ", 4);
}

static void print_members(const JsonNode *node, int indent, StrBuf *out) {
    bool object = node->kind == JSON_IS_OBJECT, pretty = indent >= 0;
    strbuf_append_char(out, object ? '{' : '[');
    for (int i = 0; i < node->count; i++) {
        if (i) strbuf_append(out, ", ", pretty ? 1 : 2);
        if (pretty) new_line(out, indent + 1);
        if (object) {
            json_print_string(out, node->keys[i].data, node->keys[i].length);
            strbuf_append(out, ": ", 2);
        }
        json_print(node->items[i], pretty ? indent + 1 : -1, out);
    }
    if (pretty) new_line(out, indent);
    strbuf_append_char(out, object ? '}' : ']');
}

void json_print(const JsonNode *node, int indent, StrBuf *out) {
    switch ((JsonKind)node->kind) {
    case JSON_IS_NULL: strbuf_append_text(out, "null"); break;
    case JSON_IS_BOOL: strbuf_append_text(out, node->boolean ? "true" : "false"); break;
    case JSON_IS_NUMBER: strbuf_append(out, node->text.data, node->text.length); break;
    case JSON_IS_STRING: json_print_string(out, node->text.data, node->text.length); break;
    default: print_members(node, indent, out);
    }
}

/* ---- containment ----------------------------------------------------------------------------------------
 */

static bool same_scalar(const JsonNode *a, const JsonNode *b) {
    if (a->kind != b->kind) return false;
    switch ((JsonKind)a->kind) {
    case JSON_IS_NULL: return true;
    case JSON_IS_BOOL: return a->boolean == b->boolean;
    case JSON_IS_STRING:
        return a->text.length == b->text.length && memcmp(a->text.data, b->text.data, a->text.length) == 0;
    case JSON_IS_NUMBER: return json_compare_nodes(a, b) == 0;
    default: return false;
    }
}

int json_compare_nodes(const JsonNode *a, const JsonNode *b) {
    StrBuf left, right;
    strbuf_init(&left);
    strbuf_init(&right);
    json_print(a, -1, &left);
    json_print(b, -1, &right);
    StringView x = stringview_make(strbuf_text(&left), (uint32_t)left.length),
               y = stringview_make(strbuf_text(&right), (uint32_t)right.length);
    int order = jsonb_compare(&x, &y);
    strbuf_deinit(&left);
    strbuf_deinit(&right);
    return order;
}

static bool is_container(const JsonNode *node) {
    return node->kind == JSON_IS_ARRAY || node->kind == JSON_IS_OBJECT;
}

static bool array_has(const JsonNode *array, const JsonNode *item) {
    for (int i = 0; i < array->count; i++)
        if (is_container(item) ? array->items[i]->kind == item->kind && json_contains(array->items[i], item)
                               : same_scalar(array->items[i], item))
            return true;
    return false;
}

/* An array at the top may contain a bare scalar. */
bool json_contains(const JsonNode *whole, const JsonNode *part) {
    if (whole->kind == JSON_IS_ARRAY && !is_container(part)) return array_has(whole, part);
    if (!is_container(whole) || !is_container(part)) return same_scalar(whole, part);
    if (whole->kind != part->kind) return false;
    for (int i = 0; i < part->count; i++) {
        const JsonNode *item = part->items[i];
        if (whole->kind == JSON_IS_ARRAY) {
            if (!array_has(whole, item)) return false;
            continue;
        }
        const JsonNode *other = json_get(whole, part->keys[i]);
        if (!other || other->kind != item->kind) return false;
        if (is_container(item) ? !json_contains(other, item) : !same_scalar(other, item)) return false;
    }
    return true;
}
