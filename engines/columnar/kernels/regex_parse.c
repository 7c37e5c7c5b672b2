/* From tokens to syntax. Branches are sequences of quantified atoms and conditions; a condition takes no
 * quantifier. */
#include <string.h>

#include "engines/columnar/kernels/regex_lexer.h"

enum { DEEPEST_GROUPS = 1000 };

typedef struct Parser {
    RegexLexer lexer;
    Regex *regex;
    int depth;
    bool has_words; /* a condition on words, which needs to know their characters */
} Parser;

typedef struct NodeList {
    RegexNode **items;
    int count, capacity;
} NodeList;

static RegexNode *new_node(Parser *parser, RegexNodeKind kind, int number) {
    RegexNode *node = ARENA_NEW(&parser->regex->arena, RegexNode);
    node->kind = kind;
    node->number = number;
    return node;
}

static void list_add(Parser *parser, NodeList *list, RegexNode *node) {
    if (list->count == list->capacity) {
        int capacity = list->capacity ? list->capacity * 2 : 4;
        RegexNode **items = arena_alloc(&parser->regex->arena, sizeof *items * (size_t)capacity);
        if (list->count) memcpy(items, list->items, sizeof *items * (size_t)list->count);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = node;
}

static bool sees(const Parser *parser, RegexToken token) {
    return !parser->lexer.failure && parser->lexer.token == token;
}
static void next(Parser *parser) {
    (void)regex_lexer_next(&parser->lexer);
}
static void fail(Parser *parser, const char *failure) {
    (void)regex_lexer_fail(&parser->lexer, failure);
}

/* ---- sets -----------------------------------------------------------------------------------------------
 */

static int add_set(Regex *regex, RegexSet set) {
    if (regex->set_count == regex->set_capacity) {
        int capacity = regex->set_capacity ? regex->set_capacity * 2 : 16;
        RegexSet *sets = arena_alloc(&regex->arena, sizeof *sets * (size_t)capacity);
        if (regex->set_count) memcpy(sets, regex->sets, sizeof *sets * (size_t)regex->set_count);
        regex->sets = sets;
        regex->set_capacity = capacity;
    }
    regex->sets[regex->set_count] = set;
    return regex->set_count++;
}

static void add_character(Regex *regex, RegexSet *set, uint32_t point) {
    if (!(regex->flags & REGEX_FOLD)) {
        regex_set_add(regex, set, point, point);
        return;
    }
    uint32_t lower = character_to_lower(point), upper = character_to_upper(point);
    regex_set_add(regex, set, lower, lower);
    if (upper != lower) regex_set_add(regex, set, upper, upper);
}

static void add_range(Parser *parser, RegexSet *set, uint32_t low, uint32_t high) {
    Regex *regex = parser->regex;
    if (low > high) {
        fail(parser, REGEX_BAD_RANGE);
        return;
    }
    regex_set_add(regex, set, low, high);
    if (!(regex->flags & REGEX_FOLD)) return;
    for (uint32_t c = low; c <= high && c - low < 100000; c++) {
        uint32_t lower = character_to_lower(c), upper = character_to_upper(c);
        if (lower < low || lower > high) regex_set_add(regex, set, lower, lower);
        if (upper < low || upper > high) regex_set_add(regex, set, upper, upper);
    }
}

static void add_class(Regex *regex, RegexSet *set, CharacterClass wanted, bool complement) {
    if (regex->flags & REGEX_FOLD && (wanted == CHARACTER_LOWER || wanted == CHARACTER_UPPER))
        wanted = CHARACTER_ALPHA;
    regex_set_add_class(regex, set, wanted, complement);
}

static const struct {
    const char *name;
    char value;
} ELEMENTS[] = {
    {"NUL", 0},
    {"SOH", 1},
    {"STX", 2},
    {"ETX", 3},
    {"EOT", 4},
    {"ENQ", 5},
    {"ACK", 6},
    {"BEL", 7},
    {"alert", 7},
    {"BS", 8},
    {"backspace", 8},
    {"HT", 9},
    {"tab", 9},
    {"LF", 10},
    {"newline", 10},
    {"VT", 11},
    {"vertical-tab", 11},
    {"FF", 12},
    {"form-feed", 12},
    {"CR", 13},
    {"carriage-return", 13},
    {"SO", 14},
    {"SI", 15},
    {"DLE", 16},
    {"DC1", 17},
    {"DC2", 18},
    {"DC3", 19},
    {"DC4", 20},
    {"NAK", 21},
    {"SYN", 22},
    {"ETB", 23},
    {"CAN", 24},
    {"EM", 25},
    {"SUB", 26},
    {"ESC", 27},
    {"IS4", 28},
    {"FS", 28},
    {"IS3", 29},
    {"GS", 29},
    {"IS2", 30},
    {"RS", 30},
    {"IS1", 31},
    {"US", 31},
    {"space", ' '},
    {"exclamation-mark", '!'},
    {"quotation-mark", '"'},
    {"number-sign", '#'},
    {"dollar-sign", '$'},
    {"percent-sign", '%'},
    {"ampersand", '&'},
    {"apostrophe", '\''},
    {"left-parenthesis", '('},
    {"right-parenthesis", ')'},
    {"asterisk", '*'},
    {"plus-sign", '+'},
    {"comma", ','},
    {"hyphen", '-'},
    {"hyphen-minus", '-'},
    {"period", '.'},
    {"full-stop", '.'},
    {"slash", '/'},
    {"solidus", '/'},
    {"zero", '0'},
    {"one", '1'},
    {"two", '2'},
    {"three", '3'},
    {"four", '4'},
    {"five", '5'},
    {"six", '6'},
    {"seven", '7'},
    {"eight", '8'},
    {"nine", '9'},
    {"colon", ':'},
    {"semicolon", ';'},
    {"less-than-sign", '<'},
    {"equals-sign", '='},
    {"greater-than-sign", '>'},
    {"question-mark", '?'},
    {"commercial-at", '@'},
    {"left-square-bracket", '['},
    {"backslash", '\\'},
    {"reverse-solidus", '\\'},
    {"right-square-bracket", ']'},
    {"circumflex", '^'},
    {"circumflex-accent", '^'},
    {"underscore", '_'},
    {"low-line", '_'},
    {"grave-accent", '`'},
    {"left-brace", '{'},
    {"left-curly-bracket", '{'},
    {"vertical-line", '|'},
    {"right-brace", '}'},
    {"right-curly-bracket", '}'},
    {"tilde", '~'},
    {"DEL", 127},
};

static uint32_t element_named(Parser *parser, const uint32_t *name, int length) {
    if (length == 1) return name[0];
    for (size_t i = 0; i < sizeof ELEMENTS / sizeof ELEMENTS[0]; i++) {
        int at = 0;
        while (at < length && ELEMENTS[i].name[at] &&
               name[at] == (uint32_t)(unsigned char)ELEMENTS[i].name[at])
            at++;
        if (at == length && !ELEMENTS[i].name[at]) return (uint32_t)ELEMENTS[i].value;
    }
    fail(parser, REGEX_BAD_COLLATION);
    return 0;
}

/* The plain characters up to the end of [. .], [= =] or [: :]. */
static int read_name(Parser *parser, uint32_t name[64]) {
    int length = 0;
    for (next(parser); sees(parser, TOKEN_PLAIN); next(parser)) {
        if (length < 64) name[length] = parser->lexer.value;
        length++;
    }
    next(parser);
    return length > 64 ? 64 : length;
}

static uint32_t read_element(Parser *parser) {
    if (sees(parser, TOKEN_PLAIN) || sees(parser, TOKEN_RANGE)) {
        uint32_t value = parser->lexer.value;
        next(parser);
        return value;
    }
    uint32_t name[64];
    int length = read_name(parser, name);
    if (length == 0) fail(parser, REGEX_BAD_COLLATION);
    return length ? element_named(parser, name, length) : 0;
}

static void read_bracket_part(Parser *parser, RegexSet *set) {
    Regex *regex = parser->regex;
    uint32_t name[64];
    int length;
    switch (parser->lexer.token) {
    case TOKEN_RANGE: fail(parser, REGEX_BAD_RANGE); return;
    case TOKEN_CLASS_ESCAPE:
    case TOKEN_CLASS_COMPLEMENT:
        add_class(regex, set, (CharacterClass)parser->lexer.value, sees(parser, TOKEN_CLASS_COMPLEMENT));
        next(parser);
        return;
    case TOKEN_EQUIVALENCE:
        length = read_name(parser, name);
        if (length == 0) fail(parser, REGEX_BAD_COLLATION);
        if (!parser->lexer.failure) add_character(regex, set, element_named(parser, name, length));
        return;
    case TOKEN_CLASS: {
        length = read_name(parser, name);
        int wanted = character_class_named(name, length);
        if (wanted < 0) fail(parser, REGEX_BAD_CLASS);
        if (!parser->lexer.failure) add_class(regex, set, (CharacterClass)wanted, false);
        return;
    }
    default: break;
    }
    bool plain = sees(parser, TOKEN_PLAIN);
    uint32_t low = read_element(parser), high = low;
    if (plain && !sees(parser, TOKEN_RANGE)) {
        add_character(regex, set, low);
        return;
    }
    if (sees(parser, TOKEN_RANGE)) {
        next(parser);
        if (!sees(parser, TOKEN_PLAIN) && !sees(parser, TOKEN_RANGE) && !sees(parser, TOKEN_COLLATING)) {
            fail(parser, REGEX_BAD_RANGE);
            return;
        }
        high = read_element(parser);
    }
    if (!parser->lexer.failure) add_range(parser, set, low, high);
}

static RegexNode *read_bracket(Parser *parser) {
    Regex *regex = parser->regex;
    bool complement = parser->lexer.value == 0;
    RegexSet set = {0};
    for (next(parser);
         !sees(parser, TOKEN_BRACKET_END) && !parser->lexer.failure && !sees(parser, TOKEN_END);)
        read_bracket_part(parser, &set);
    next(parser);
    if (complement) {
        if (regex->flags & REGEX_NEWLINE_STOPS) regex_set_add(regex, &set, '\n', '\n');
        regex_set_complement(regex, &set);
    }
    return new_node(parser, REGEX_NODE_SET, add_set(regex, set));
}

static RegexNode *read_any(Parser *parser) {
    Regex *regex = parser->regex;
    RegexSet set = {0};
    if (regex->flags & REGEX_NEWLINE_STOPS) regex_set_add(regex, &set, '\n', '\n');
    regex_set_complement(regex, &set);
    next(parser);
    return new_node(parser, REGEX_NODE_SET, add_set(regex, set));
}

static RegexNode *read_class(Parser *parser) {
    RegexSet set = {0};
    add_class(parser->regex, &set, (CharacterClass)parser->lexer.value, sees(parser, TOKEN_CLASS_COMPLEMENT));
    next(parser);
    return new_node(parser, REGEX_NODE_SET, add_set(parser->regex, set));
}

static RegexNode *read_character(Parser *parser) {
    RegexSet set = {0};
    add_character(parser->regex, &set, parser->lexer.value);
    next(parser);
    return new_node(parser, REGEX_NODE_SET, add_set(parser->regex, set));
}

/* ---- structure ------------------------------------------------------------------------------------------
 */

static RegexNode *read_alternatives(Parser *parser, RegexToken stopper, bool in_look);

static RegexNode *read_look(Parser *parser) {
    Regex *regex = parser->regex;
    RegexLook look = {.ahead = !(parser->lexer.value & LOOK_BEHIND),
                      .negative = (parser->lexer.value & LOOK_NEGATIVE) != 0};
    next(parser);
    look.node = read_alternatives(parser, TOKEN_CLOSE, true);
    next(parser);
    if (regex->look_count == regex->look_capacity) {
        int capacity = regex->look_capacity ? regex->look_capacity * 2 : 4;
        RegexLook *looks = arena_alloc(&regex->arena, sizeof *looks * (size_t)capacity);
        if (regex->look_count) memcpy(looks, regex->looks, sizeof *looks * (size_t)regex->look_count);
        regex->looks = looks;
        regex->look_capacity = capacity;
    }
    regex->looks[regex->look_count] = look;
    regex->has_looks = true;
    return new_node(parser, REGEX_NODE_LOOK, regex->look_count++);
}

static RegexNode *read_group(Parser *parser, bool in_look) {
    Regex *regex = parser->regex;
    int number = !in_look && parser->lexer.value ? ++regex->group_count : 0;
    next(parser);
    RegexNode *group = new_node(parser, REGEX_NODE_GROUP, number);
    group->items = arena_alloc(&regex->arena, sizeof *group->items);
    group->items[0] = read_alternatives(parser, TOKEN_CLOSE, in_look);
    group->count = 1;
    next(parser);
    if (number >= regex->group_capacity) {
        int capacity = number * 2 + 8;
        RegexNode **groups = arena_zalloc(&regex->arena, sizeof *groups * (size_t)capacity);
        if (regex->group_capacity)
            memcpy(groups, regex->groups, sizeof *groups * (size_t)regex->group_capacity);
        regex->groups = groups;
        regex->group_capacity = capacity;
    }
    if (number) regex->groups[number] = group;
    return group;
}

static RegexNode *read_backref(Parser *parser, bool in_look) {
    Regex *regex = parser->regex;
    uint32_t number = parser->lexer.value;
    if (in_look || number == 0 || number >= (uint32_t)regex->group_capacity || !regex->groups[number]) {
        fail(parser, REGEX_BAD_BACKREF);
        return NULL;
    }
    regex->has_backrefs = true;
    next(parser);
    return new_node(parser, REGEX_NODE_BACKREF, (int)number);
}

static RegexNode *read_atom(Parser *parser, bool in_look) {
    switch (parser->lexer.token) {
    case TOKEN_CLOSE: /* unbalanced: an ordinary character in extended expressions only */
        if ((parser->regex->flags & REGEX_ADVANCED) != REGEX_EXTENDED) {
            fail(parser, REGEX_BAD_PAREN);
            return NULL;
        }
        return read_character(parser);
    case TOKEN_PLAIN: return read_character(parser);
    case TOKEN_BRACKET: return read_bracket(parser);
    case TOKEN_CLASS_ESCAPE:
    case TOKEN_CLASS_COMPLEMENT: return read_class(parser);
    case TOKEN_ANY: return read_any(parser);
    case TOKEN_OPEN: return read_group(parser, in_look);
    case TOKEN_BACKREF: return read_backref(parser, in_look);
    default: fail(parser, REGEX_BAD_REPEAT); return NULL;
    }
}

static int read_count(Parser *parser) {
    int count = 0;
    while (sees(parser, TOKEN_DIGIT) && count < REGEX_MOST_REPEATS) {
        count = count * 10 + (int)parser->lexer.value;
        next(parser);
    }
    if (sees(parser, TOKEN_DIGIT) || count > REGEX_MOST_REPEATS) fail(parser, REGEX_BAD_BOUND);
    return count;
}

static void read_bound(Parser *parser, RegexNode *repeat) {
    next(parser);
    repeat->min = repeat->max = read_count(parser);
    bool open = sees(parser, TOKEN_COMMA);
    if (open) {
        next(parser);
        repeat->max = sees(parser, TOKEN_DIGIT) ? read_count(parser) : REGEX_INFINITE;
        if (repeat->min > repeat->max) fail(parser, REGEX_BAD_BOUND);
    }
    if (!sees(parser, TOKEN_BOUND_END)) {
        fail(parser, REGEX_BAD_BOUND);
        return;
    }
    if (open) repeat->prefer = parser->lexer.value ? REGEX_LONGER : REGEX_SHORTER;
    next(parser);
}

static void read_quantifier(Parser *parser, RegexNode *repeat) {
    repeat->min = repeat->max = 1;
    switch (parser->lexer.token) {
    case TOKEN_STAR:
        repeat->min = 0;
        repeat->max = REGEX_INFINITE;
        break;
    case TOKEN_PLUS: repeat->max = REGEX_INFINITE; break;
    case TOKEN_QUESTION: repeat->min = 0; break;
    case TOKEN_BOUND: read_bound(parser, repeat); return;
    default: return;
    }
    repeat->prefer = parser->lexer.value ? REGEX_LONGER : REGEX_SHORTER;
    next(parser);
}

static RegexNode *read_branch(Parser *parser, RegexToken stopper, bool in_look) {
    NodeList list = {0};
    while (!parser->lexer.failure && !sees(parser, TOKEN_BAR) && !sees(parser, stopper) &&
           !sees(parser, TOKEN_END)) {
        if (sees(parser, TOKEN_ASSERT)) {
            parser->has_words |= parser->lexer.value >= REGEX_WORD_START;
            list_add(parser, &list, new_node(parser, REGEX_NODE_ASSERT, (int)parser->lexer.value));
            next(parser);
            continue;
        }
        if (sees(parser, TOKEN_LOOK)) {
            list_add(parser, &list, read_look(parser));
            continue;
        }
        RegexNode *repeat = new_node(parser, REGEX_NODE_REPEAT, 0);
        RegexNode *atom = read_atom(parser, in_look);
        if (!atom || parser->lexer.failure) break;
        repeat->items = arena_alloc(&parser->regex->arena, sizeof *repeat->items);
        repeat->items[0] = atom;
        repeat->count = 1;
        read_quantifier(parser, repeat);
        list_add(parser, &list, repeat);
    }
    RegexNode *branch = new_node(parser, REGEX_NODE_SEQUENCE, 0);
    branch->items = list.items;
    branch->count = list.count;
    return branch;
}

static RegexNode *read_alternatives(Parser *parser, RegexToken stopper, bool in_look) {
    NodeList list = {0};
    if (++parser->depth > DEEPEST_GROUPS) parser->regex->too_large = true;
    if (!parser->regex->too_large) {
        list_add(parser, &list, read_branch(parser, stopper, in_look));
        while (sees(parser, TOKEN_BAR)) {
            next(parser);
            list_add(parser, &list, read_branch(parser, stopper, in_look));
        }
    }
    parser->depth--;
    if (!sees(parser, stopper)) fail(parser, REGEX_BAD_PAREN);
    RegexNode *node = new_node(parser, REGEX_NODE_ALTERNATIVES, 0);
    node->items = list.items;
    node->count = list.count;
    return node;
}

Status regex_parse(Regex *regex, const uint32_t *pattern, int length, Error *err) {
    Parser parser = {.regex = regex};
    if (regex_lexer_start(&parser.lexer, regex, pattern, length))
        regex->root = read_alternatives(&parser, TOKEN_END, false);
    if (regex->too_large)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "regular expressions nested this deeply");
    if (parser.lexer.failure)
        return error_set(err, "2201B", "invalid regular expression: %s", parser.lexer.failure);
    RegexSet newline = {0}, words = {0};
    regex_set_add(regex, &newline, '\n', '\n');
    if (parser.has_words) regex_set_add_class(regex, &words, CHARACTER_WORD, false);
    add_set(regex, newline);
    add_set(regex, words);
    regex_make_classes(regex);
    return STATUS_OK;
}
