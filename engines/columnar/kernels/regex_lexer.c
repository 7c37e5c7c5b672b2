#include "engines/columnar/kernels/regex_lexer.h"

static bool is_digit(uint32_t c) {
    return c >= '0' && c <= '9';
}
static bool is_letter(uint32_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool regex_lexer_fail(RegexLexer *lexer, const char *failure) {
    if (!lexer->failure) lexer->failure = failure;
    lexer->token = TOKEN_END;
    lexer->now = lexer->end;
    return false;
}

static bool give(RegexLexer *lexer, RegexToken token, uint32_t value) {
    lexer->token = token;
    lexer->value = value;
    return true;
}

static bool at(const RegexLexer *lexer, int ahead, uint32_t c) {
    return lexer->end - lexer->now > ahead && lexer->now[ahead] == c;
}
static bool eat(RegexLexer *lexer, uint32_t c) {
    if (!at(lexer, 0, c)) return false;
    lexer->now++;
    return true;
}

static bool is_advanced(const RegexLexer *lexer) {
    return (lexer->regex->flags & REGEX_ADVANCED_ONLY) != 0;
}

/* ---- director and options -------------------------------------------------------------------------------
 */

bool regex_set_option(unsigned *flags, uint32_t option) {
    switch (option) {
    case 'b': *flags &= ~(unsigned)(REGEX_ADVANCED | REGEX_QUOTE); return true;
    case 'c': *flags &= ~(unsigned)REGEX_FOLD; return true;
    case 'e':
        *flags = (*flags | REGEX_EXTENDED) & ~(unsigned)(REGEX_ADVANCED_ONLY | REGEX_QUOTE);
        return true;
    case 'i': *flags |= REGEX_FOLD; return true;
    case 'm':
    case 'n': *flags |= REGEX_NEWLINE; return true;
    case 'p': *flags = (*flags | REGEX_NEWLINE_STOPS) & ~(unsigned)REGEX_NEWLINE_ANCHORS; return true;
    case 'q': *flags = (*flags | REGEX_QUOTE) & ~(unsigned)REGEX_ADVANCED; return true;
    case 's': *flags &= ~(unsigned)REGEX_NEWLINE; return true;
    case 't': *flags &= ~(unsigned)REGEX_EXPANDED; return true;
    case 'w': *flags = (*flags | REGEX_NEWLINE_ANCHORS) & ~(unsigned)REGEX_NEWLINE_STOPS; return true;
    case 'x': *flags |= REGEX_EXPANDED; return true;
    default: return false;
    }
}

static bool read_prefixes(RegexLexer *lexer) {
    unsigned *flags = &lexer->regex->flags;
    if (*flags & REGEX_QUOTE) return true;
    if (lexer->end - lexer->now >= 4 && at(lexer, 0, '*') && at(lexer, 1, '*') && at(lexer, 2, '*')) {
        if (at(lexer, 3, '?')) return regex_lexer_fail(lexer, REGEX_BAD_PATTERN);
        if (at(lexer, 3, '=')) {
            *flags = (*flags | REGEX_QUOTE) & ~(unsigned)(REGEX_ADVANCED | REGEX_EXPANDED | REGEX_NEWLINE);
            lexer->now += 4;
            return true;
        }
        if (!at(lexer, 3, ':')) return regex_lexer_fail(lexer, REGEX_BAD_REPEAT);
        *flags |= REGEX_ADVANCED;
        lexer->now += 4;
    }
    if ((*flags & REGEX_ADVANCED) != REGEX_ADVANCED) return true;
    if (lexer->end - lexer->now >= 3 && at(lexer, 0, '(') && at(lexer, 1, '?') && is_letter(lexer->now[2])) {
        for (lexer->now += 2; lexer->now < lexer->end && is_letter(*lexer->now); lexer->now++)
            if (!regex_set_option(flags, *lexer->now)) return regex_lexer_fail(lexer, REGEX_BAD_OPTION);
        if (!eat(lexer, ')')) return regex_lexer_fail(lexer, REGEX_BAD_OPTION);
        if (*flags & REGEX_QUOTE) *flags &= ~(unsigned)(REGEX_EXPANDED | REGEX_NEWLINE);
    }
    return true;
}

bool regex_lexer_start(RegexLexer *lexer, Regex *regex, const uint32_t *pattern, int length) {
    *lexer = (RegexLexer){.regex = regex, .start = pattern, .now = pattern, .end = pattern + length};
    return read_prefixes(lexer) && regex_lexer_next(lexer);
}

/* ---- escapes --------------------------------------------------------------------------------------------
 */

static int digit_value(uint32_t c) {
    if (is_digit(c)) return (int)(c - '0');
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (int)(c - 'a') + 10 : 99;
}

static uint32_t read_digits(RegexLexer *lexer, int base, int least, int most) {
    uint32_t value = 0;
    int length = 0;
    for (; length < most && lexer->now < lexer->end && digit_value(*lexer->now) < base; length++)
        value = value * (uint32_t)base + (uint32_t)digit_value(*lexer->now++);
    if (length < least) regex_lexer_fail(lexer, REGEX_BAD_ESCAPE);
    return value;
}

static bool give_code(RegexLexer *lexer, int least, int most) {
    uint32_t value = read_digits(lexer, 16, least, most);
    if (lexer->failure || value > 0x7FFFFFFE) return regex_lexer_fail(lexer, REGEX_BAD_ESCAPE);
    return give(lexer, TOKEN_PLAIN, value);
}

/* A back reference when it is one digit or a group of that number was opened; else an octal number. */
static bool give_number(RegexLexer *lexer, uint32_t first) {
    const uint32_t *after_first = lexer->now--;
    if (first != '0') {
        uint32_t number = read_digits(lexer, 10, 1, 255);
        if (lexer->now == after_first || ((int)number > 0 && (int)number <= lexer->regex->group_count))
            return give(lexer, TOKEN_BACKREF, number);
        lexer->now = after_first - 1;
    }
    uint32_t value = read_digits(lexer, 8, 1, 3);
    if (lexer->failure) return false;
    if (value > 0xFF) {
        lexer->now--;
        value >>= 3;
    }
    return give(lexer, TOKEN_PLAIN, value);
}

static bool read_escape(RegexLexer *lexer) {
    uint32_t c = *lexer->now++;
    if (!is_letter(c) && !is_digit(c)) return give(lexer, TOKEN_PLAIN, c);
    switch (c) {
    case 'a': return give(lexer, TOKEN_PLAIN, '\a');
    case 'A': return give(lexer, TOKEN_ASSERT, REGEX_TEXT_START);
    case 'b': return give(lexer, TOKEN_PLAIN, '\b');
    case 'B': return give(lexer, TOKEN_PLAIN, '\\');
    case 'c':
        if (lexer->now >= lexer->end) return regex_lexer_fail(lexer, REGEX_BAD_ESCAPE);
        return give(lexer, TOKEN_PLAIN, *lexer->now++ & 31);
    case 'd': return give(lexer, TOKEN_CLASS_ESCAPE, CHARACTER_DIGIT);
    case 'D': return give(lexer, TOKEN_CLASS_COMPLEMENT, CHARACTER_DIGIT);
    case 'e': return give(lexer, TOKEN_PLAIN, 033);
    case 'f': return give(lexer, TOKEN_PLAIN, '\f');
    case 'm': return give(lexer, TOKEN_ASSERT, REGEX_WORD_START);
    case 'M': return give(lexer, TOKEN_ASSERT, REGEX_WORD_END);
    case 'n': return give(lexer, TOKEN_PLAIN, '\n');
    case 'r': return give(lexer, TOKEN_PLAIN, '\r');
    case 's': return give(lexer, TOKEN_CLASS_ESCAPE, CHARACTER_SPACE);
    case 'S': return give(lexer, TOKEN_CLASS_COMPLEMENT, CHARACTER_SPACE);
    case 't': return give(lexer, TOKEN_PLAIN, '\t');
    case 'u': return give_code(lexer, 4, 4);
    case 'U': return give_code(lexer, 8, 8);
    case 'v': return give(lexer, TOKEN_PLAIN, '\v');
    case 'w': return give(lexer, TOKEN_CLASS_ESCAPE, CHARACTER_WORD);
    case 'W': return give(lexer, TOKEN_CLASS_COMPLEMENT, CHARACTER_WORD);
    case 'x': return give_code(lexer, 1, 255);
    case 'y': return give(lexer, TOKEN_ASSERT, REGEX_WORD_EDGE);
    case 'Y': return give(lexer, TOKEN_ASSERT, REGEX_NO_WORD_EDGE);
    case 'Z': return give(lexer, TOKEN_ASSERT, REGEX_TEXT_END);
    default: return is_digit(c) ? give_number(lexer, c) : regex_lexer_fail(lexer, REGEX_BAD_ESCAPE);
    }
}

/* ---- brackets and bounds --------------------------------------------------------------------------------
 */

static bool next_in_bracket(RegexLexer *lexer, uint32_t c) {
    switch (c) {
    case '\\':
        if (!is_advanced(lexer)) return give(lexer, TOKEN_PLAIN, c);
        if (lexer->now >= lexer->end) return regex_lexer_fail(lexer, REGEX_BAD_ESCAPE);
        if (!read_escape(lexer)) return false;
        if (lexer->token == TOKEN_PLAIN || lexer->token == TOKEN_CLASS_ESCAPE ||
            lexer->token == TOKEN_CLASS_COMPLEMENT)
            return true;
        return regex_lexer_fail(lexer, REGEX_BAD_ESCAPE);
    case '-':
        if (lexer->last == TOKEN_BRACKET || at(lexer, 0, ']')) return give(lexer, TOKEN_PLAIN, c);
        return give(lexer, TOKEN_RANGE, c);
    case ']':
        if (lexer->last == TOKEN_BRACKET) return give(lexer, TOKEN_PLAIN, c);
        lexer->place = PLACE_OUTSIDE;
        return give(lexer, TOKEN_BRACKET_END, 0);
    case '[':
        if (lexer->now >= lexer->end) return regex_lexer_fail(lexer, REGEX_BAD_BRACKET);
        if (eat(lexer, '.')) {
            lexer->place = PLACE_COLLATING;
            return give(lexer, TOKEN_COLLATING, 0);
        }
        if (eat(lexer, '=')) {
            lexer->place = PLACE_EQUIVALENCE;
            return give(lexer, TOKEN_EQUIVALENCE, 0);
        }
        if (eat(lexer, ':')) {
            lexer->place = PLACE_CLASS;
            return give(lexer, TOKEN_CLASS, 0);
        }
        return give(lexer, TOKEN_PLAIN, c);
    default: return give(lexer, TOKEN_PLAIN, c);
    }
}

static bool next_in_item(RegexLexer *lexer, uint32_t c, uint32_t closer) {
    if (c != closer || !at(lexer, 0, ']')) return give(lexer, TOKEN_PLAIN, c);
    lexer->now++;
    lexer->place = PLACE_BRACKET;
    return give(lexer, TOKEN_ITEM_END, closer);
}

static bool next_in_bound(RegexLexer *lexer, uint32_t c) {
    bool extended = (lexer->regex->flags & REGEX_EXTENDED) != 0;
    if (is_digit(c)) return give(lexer, TOKEN_DIGIT, c - '0');
    if (c == ',') return give(lexer, TOKEN_COMMA, 0);
    if (c == '}' && extended) {
        lexer->place = PLACE_OUTSIDE;
        bool lazy = is_advanced(lexer) && eat(lexer, '?');
        return give(lexer, TOKEN_BOUND_END, !lazy);
    }
    if (c == '\\' && !extended && eat(lexer, '}')) {
        lexer->place = PLACE_OUTSIDE;
        return give(lexer, TOKEN_BOUND_END, 1);
    }
    return regex_lexer_fail(lexer, REGEX_BAD_BOUND);
}

/* ---- outside --------------------------------------------------------------------------------------------
 */

/* White space and comments of the expanded syntax. */
static void skip_blank(RegexLexer *lexer) {
    while (lexer->now < lexer->end) {
        uint32_t c = *lexer->now;
        if (c == ' ' || (c >= '\t' && c <= '\r')) {
            lexer->now++;
        } else if (c == '#') {
            while (lexer->now < lexer->end && *lexer->now != '\n')
                lexer->now++;
        } else {
            break;
        }
    }
}

/* [[:<:]] and [[:>:]] */
static bool open_bracket(RegexLexer *lexer) {
    if (lexer->end - lexer->now >= 6 && at(lexer, 0, '[') && at(lexer, 1, ':') &&
        (at(lexer, 2, '<') || at(lexer, 2, '>')) && at(lexer, 3, ':') && at(lexer, 4, ']') &&
        at(lexer, 5, ']')) {
        bool start = at(lexer, 2, '<');
        lexer->now += 6;
        return give(lexer, TOKEN_ASSERT, start ? REGEX_WORD_START : REGEX_WORD_END);
    }
    lexer->place = PLACE_BRACKET;
    return give(lexer, TOKEN_BRACKET, !eat(lexer, '^'));
}

static bool give_anchor(RegexLexer *lexer, bool start) {
    bool lines = (lexer->regex->flags & REGEX_NEWLINE_ANCHORS) != 0;
    if (start) return give(lexer, TOKEN_ASSERT, lines ? REGEX_LINE_START : REGEX_TEXT_START);
    return give(lexer, TOKEN_ASSERT, lines ? REGEX_LINE_END : REGEX_TEXT_END);
}

static bool next_basic(RegexLexer *lexer, uint32_t c) {
    bool after_open = lexer->last == TOKEN_OPEN;
    switch (c) {
    case '*':
        if (lexer->last == TOKEN_NONE || after_open || lexer->last == TOKEN_BAR)
            return give(lexer, TOKEN_PLAIN, c);
        return give(lexer, TOKEN_STAR, 1);
    case '[': return open_bracket(lexer);
    case '.': return give(lexer, TOKEN_ANY, 0);
    case '^':
        return lexer->last == TOKEN_NONE || after_open ? give_anchor(lexer, true)
                                                       : give(lexer, TOKEN_PLAIN, c);
    case '$':
        if (lexer->regex->flags & REGEX_EXPANDED) skip_blank(lexer);
        if (lexer->now >= lexer->end || (at(lexer, 0, '\\') && at(lexer, 1, ')')))
            return give_anchor(lexer, false);
        return give(lexer, TOKEN_PLAIN, c);
    case '\\': break;
    default: return give(lexer, TOKEN_PLAIN, c);
    }
    if (lexer->now >= lexer->end) return regex_lexer_fail(lexer, REGEX_BAD_ESCAPE);
    c = *lexer->now++;
    switch (c) {
    case '{': lexer->place = PLACE_BOUND; return give(lexer, TOKEN_BOUND, 0);
    case '(': return give(lexer, TOKEN_OPEN, 1);
    case ')': return give(lexer, TOKEN_CLOSE, c);
    case '<': return give(lexer, TOKEN_ASSERT, REGEX_WORD_START);
    case '>': return give(lexer, TOKEN_ASSERT, REGEX_WORD_END);
    default:
        if (c >= '1' && c <= '9') return give(lexer, TOKEN_BACKREF, c - '0');
        return give(lexer, TOKEN_PLAIN, c);
    }
}

static bool open_group(RegexLexer *lexer) {
    if (!is_advanced(lexer) || !eat(lexer, '?')) return give(lexer, TOKEN_OPEN, 1);
    if (eat(lexer, ':')) return give(lexer, TOKEN_OPEN, 0);
    if (eat(lexer, '#')) {
        while (lexer->now < lexer->end && *lexer->now != ')')
            lexer->now++;
        eat(lexer, ')');
        lexer->token = lexer->last;
        return regex_lexer_next(lexer);
    }
    bool behind = eat(lexer, '<');
    if (eat(lexer, '=')) return give(lexer, TOKEN_LOOK, behind ? LOOK_BEHIND : 0);
    if (eat(lexer, '!')) return give(lexer, TOKEN_LOOK, (behind ? LOOK_BEHIND : 0) | LOOK_NEGATIVE);
    return regex_lexer_fail(lexer, REGEX_BAD_REPEAT);
}

static bool next_extended(RegexLexer *lexer, uint32_t c) {
    switch (c) {
    case '|': return give(lexer, TOKEN_BAR, 0);
    case '*': return give(lexer, TOKEN_STAR, !(is_advanced(lexer) && eat(lexer, '?')));
    case '+': return give(lexer, TOKEN_PLUS, !(is_advanced(lexer) && eat(lexer, '?')));
    case '?': return give(lexer, TOKEN_QUESTION, !(is_advanced(lexer) && eat(lexer, '?')));
    case '{':
        if (lexer->regex->flags & REGEX_EXPANDED) skip_blank(lexer);
        if (lexer->now >= lexer->end || !is_digit(*lexer->now)) return give(lexer, TOKEN_PLAIN, c);
        lexer->place = PLACE_BOUND;
        return give(lexer, TOKEN_BOUND, 0);
    case '(': return open_group(lexer);
    case ')': return give(lexer, TOKEN_CLOSE, c);
    case '[': return open_bracket(lexer);
    case '.': return give(lexer, TOKEN_ANY, 0);
    case '^': return give_anchor(lexer, true);
    case '$': return give_anchor(lexer, false);
    case '\\': break;
    default: return give(lexer, TOKEN_PLAIN, c);
    }
    if (lexer->now >= lexer->end) return regex_lexer_fail(lexer, REGEX_BAD_ESCAPE);
    if (!is_advanced(lexer)) return give(lexer, TOKEN_PLAIN, *lexer->now++);
    return read_escape(lexer);
}

bool regex_lexer_next(RegexLexer *lexer) {
    unsigned flags = lexer->regex->flags;
    if (lexer->failure) return false;
    lexer->last = lexer->token;
    bool outside = lexer->place == PLACE_OUTSIDE;
    if (flags & REGEX_EXPANDED && (outside || lexer->place == PLACE_BOUND)) skip_blank(lexer);
    if (lexer->now >= lexer->end) {
        if (outside) return give(lexer, TOKEN_END, 0);
        return regex_lexer_fail(lexer, lexer->place == PLACE_BOUND ? REGEX_BAD_BRACE : REGEX_BAD_BRACKET);
    }
    uint32_t c = *lexer->now++;
    switch (lexer->place) {
    case PLACE_BOUND: return next_in_bound(lexer, c);
    case PLACE_BRACKET: return next_in_bracket(lexer, c);
    case PLACE_COLLATING: return next_in_item(lexer, c, '.');
    case PLACE_EQUIVALENCE: return next_in_item(lexer, c, '=');
    case PLACE_CLASS: return next_in_item(lexer, c, ':');
    default: break;
    }
    if (flags & REGEX_QUOTE) return give(lexer, TOKEN_PLAIN, c);
    return flags & REGEX_EXTENDED ? next_extended(lexer, c) : next_basic(lexer, c);
}
