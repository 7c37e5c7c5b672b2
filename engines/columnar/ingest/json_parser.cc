// simdjson behind json_parser.h: the only C++ in the house.
#include "engines/columnar/ingest/json_parser.h"

#include <simdjson.h>

#include <cstring>
#include <string_view>

using namespace simdjson;

struct JsonParser {
    ondemand::parser parser;
    dom::parser checker; // nested values are kept as text, so somebody must have read them through
};

static_assert(SIMDJSON_PADDING <= JSON_PARSER_PADDING, "byte sources pad too little for simdjson");

namespace {

struct Visit {
    JsonParser *parser;
    JsonFieldFunction field;
    void *context;
    const char *problem;
};

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && std::strchr(" \t\r\n", text.back()))
        text.remove_suffix(1);
    return text;
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// RFC 8259: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
bool is_number(std::string_view text) {
    size_t i = 0, n = text.size();
    auto digits = [&] {
        size_t first = i;
        while (i < n && is_digit(text[i]))
            i++;
        return i > first;
    };
    if (i < n && text[i] == '-') i++;
    if (i < n && text[i] == '0')
        i++;
    else if (!digits())
        return false;
    if (i < n && text[i] == '.') {
        i++;
        if (!digits()) return false;
    }
    if (i < n && (text[i] == 'e' || text[i] == 'E')) {
        i++;
        if (i < n && (text[i] == '+' || text[i] == '-')) i++;
        if (!digits()) return false;
    }
    return i == n;
}

int fail(Visit &visit, const char *problem) {
    visit.problem = problem;
    return 1;
}

int emit(Visit &visit, const std::string_view *key, CellKind kind, std::string_view text) {
    // PostgreSQL's text has no NUL byte, so JSON's \u0000 cannot come in.
    if (kind == CELL_STRING && text.find('\0') != std::string_view::npos)
        return fail(visit, "a string contains \\u0000, which text columns cannot hold");
    Cell cell = {kind, text.data(), text.size()};
    return visit.field(visit.context, key ? key->data() : nullptr, key ? key->size() : 0, &cell) ? 2 : 0;
}

int emit_scalar(Visit &visit, const std::string_view *key, std::string_view raw) {
    raw = trimmed(raw);
    if (raw == "null") return emit(visit, key, CELL_NULL, raw);
    if (raw == "true" || raw == "false") return emit(visit, key, CELL_BOOL, raw);
    if (is_number(raw)) return emit(visit, key, CELL_NUMBER, raw);
    return fail(visit, "it holds a value that is not JSON");
}

int emit_nested(Visit &visit, const std::string_view *key, std::string_view raw) {
    raw = trimmed(raw);
    if (visit.parser->checker.parse(raw.data(), raw.size(), false).error())
        return fail(visit, "a nested value is not well-formed JSON");
    return emit(visit, key, CELL_NESTED, raw);
}

template <typename Value> int visit_value(Visit &visit, const std::string_view *key, Value &value) {
    ondemand::json_type type;
    if (value.type().get(type)) return fail(visit, "it is not well-formed JSON");
    std::string_view text;
    switch (type) {
    case ondemand::json_type::array: {
        ondemand::array array;
        if (value.get_array().get(array) || array.raw_json().get(text))
            return fail(visit, "an array is not well-formed JSON");
        return emit_nested(visit, key, text);
    }
    case ondemand::json_type::object: {
        ondemand::object object;
        if (value.get_object().get(object) || object.raw_json().get(text))
            return fail(visit, "an object is not well-formed JSON");
        return emit_nested(visit, key, text);
    }
    case ondemand::json_type::string:
        if (value.get_string().get(text)) return fail(visit, "a string is not well-formed JSON");
        return emit(visit, key, CELL_STRING, text);
    default: return fail(visit, "it holds a value that is not JSON");
    }
}

int visit_object(Visit &visit, ondemand::document &document) {
    ondemand::object object;
    if (document.get_object().get(object)) return fail(visit, "the object is not well-formed JSON");
    for (auto member : object) {
        ondemand::field field;
        std::string_view key;
        if (std::move(member).get(field) || field.unescaped_key().get(key))
            return fail(visit, "the object is not well-formed JSON");
        if (key.find('\0') != std::string_view::npos) return fail(visit, "a key contains \\u0000");
        ondemand::value value = field.value();
        ondemand::json_type type;
        if (value.type().get(type)) return fail(visit, "it holds a value that is not JSON");
        bool scalar = type == ondemand::json_type::number || type == ondemand::json_type::boolean ||
                      type == ondemand::json_type::null;
        int result = 0;
        if (scalar) {
            // Taking the token consumes nothing that a later key could miss: the value is still skipped over.
            result = emit_scalar(visit, &key, value.raw_json_token());
        } else {
            result = visit_value(visit, &key, value);
        }
        if (result) return result;
    }
    return 0; // the splitter ended the text at the closing brace
}

} // namespace

extern "C" JsonParser *json_parser_create(void) {
    return new JsonParser;
}

extern "C" void json_parser_destroy(JsonParser *parser) {
    delete parser;
}

extern "C" int json_parser_run(JsonParser *parser, const char *text, size_t length, JsonFieldFunction field,
                               void *context, const char **problem) {
    Visit visit = {parser, field, context, ""};
    int result;
    if (text[0] == '{') {
        ondemand::document document;
        error_code error = parser->parser.iterate(text, length, length + SIMDJSON_PADDING).get(document);
        if (error)
            result = fail(visit, error_message(error));
        else
            result = visit_object(visit, document);
    } else if (text[0] == '"') {
        // A lone string: the DOM parser unescapes it.
        std::string_view plain;
        if (parser->checker.parse(text, length, false).get_string().get(plain))
            result = fail(visit, "a string is not well-formed JSON");
        else
            result = emit(visit, nullptr, CELL_STRING, plain);
    } else if (text[0] == '[') {
        result = emit_nested(visit, nullptr, std::string_view(text, length));
    } else {
        result = emit_scalar(visit, nullptr, std::string_view(text, length));
    }
    *problem = visit.problem;
    return result;
}

extern "C" bool json_parser_accepts(JsonParser *parser, const char *text, size_t length) {
    return !parser->checker.parse(text, length, true).error();
}
