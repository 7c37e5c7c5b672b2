/* A regular expression inside: syntax (RegexNode), the tree that divides a match among its parts (RegexTree),
 * and automata over character classes. */
#pragma once

#include "engines/base/arena.h"
#include "engines/columnar/kernels/character.h"
#include "engines/columnar/kernels/regex.h"

enum { REGEX_INFINITE = 256, REGEX_MOST_REPEATS = 255, REGEX_MOST_STATES = 60000 };

typedef enum RegexNodeKind {
    REGEX_NODE_SET,
    REGEX_NODE_ASSERT,
    REGEX_NODE_LOOK,
    REGEX_NODE_BACKREF,
    REGEX_NODE_GROUP,    /* items[0] is its ALTERNATIVES */
    REGEX_NODE_REPEAT,   /* items[0] */
    REGEX_NODE_SEQUENCE, /* items: REPEAT, ASSERT, LOOK */
    REGEX_NODE_ALTERNATIVES
} RegexNodeKind;

typedef enum RegexAssertion {
    REGEX_TEXT_START,
    REGEX_LINE_START,
    REGEX_TEXT_END,
    REGEX_LINE_END,
    REGEX_WORD_START,
    REGEX_WORD_END,
    REGEX_WORD_EDGE,
    REGEX_NO_WORD_EDGE
} RegexAssertion;

/* Preferences and what lies below, as bits. */
enum {
    REGEX_LONGER = 1,
    REGEX_SHORTER = 2,
    REGEX_MIXED = 4,
    REGEX_CAPTURES = 8,
    REGEX_REFERS = 16,
};

typedef struct RegexNode {
    RegexNodeKind kind;
    int number; /* SET: which; ASSERT: RegexAssertion; LOOK: which; BACKREF, GROUP: group number, 0 = none */
    int min, max;
    int prefer;
    struct RegexNode **items;
    int count;
} RegexNode;

typedef struct RegexSet {
    CharacterRange *ranges;
    int count, capacity;
} RegexSet;

typedef struct RegexLook {
    RegexNode *node;
    bool ahead, negative;
    struct RegexAutomaton *automaton;
    int8_t *known; /* per position of the text: 0 not asked yet, 1 holds, -1 does not */
    bool all_known;
} RegexLook;

/* '=' a plain automaton, '.' concatenation, '|' alternatives, '*' iteration, 'b' back reference, '(' capture
 * only. */
typedef struct RegexTree {
    char op;
    uint8_t flags;
    int group, backref;
    int min, max;
    RegexNode *language;
    struct RegexTree *children[2]; /* '.', '*', '(' */
    struct RegexTree *sibling;     /* among the children of '|', which start at children[0] */
    struct RegexAutomaton *automaton;
} RegexTree;

typedef enum RegexStateKind {
    REGEX_STATE_CHARACTER,
    REGEX_STATE_SPLIT,
    REGEX_STATE_ASSERT,
    REGEX_STATE_LOOK,
    REGEX_STATE_ACCEPT
} RegexStateKind;

typedef struct RegexState {
    uint8_t kind;
    int number; /* set, assertion or look */
    int next, other;
} RegexState;

/* What precedes a place. */
enum { REGEX_AFTER_START, REGEX_AFTER_NEWLINE, REGEX_AFTER_WORD, REGEX_AFTER_OTHER, REGEX_CONTEXTS };

typedef struct RegexStateSet {
    int *members;
    int count;
    uint8_t context;
    bool fresh; /* unanchored: nothing begun is under way */
} RegexStateSet;

typedef struct RegexAutomaton {
    RegexState *states;
    int state_count, state_capacity;
    int start;
    bool unanchored, looks, asserts, overflown;
    /* The deterministic form, made as needed: row s, column class (the last one is the end of the text) =
     * target << 1 | accepted before that character. */
    uint32_t *transitions;
    RegexStateSet *sets;
    int set_count, set_capacity;
    int *slots;
    int slot_count;
    int starts[REGEX_CONTEXTS]; /* -1 = not made yet */
    int *stack, *list, *next_list;
    uint32_t *marks;
    uint32_t mark;
} RegexAutomaton;

struct Regex {
    char *pattern; /* the key, with flags */
    size_t pattern_length;
    unsigned given_flags;
    struct Regex *next_idle;
    Arena arena;
    unsigned flags; /* after embedded options */
    int group_count;
    RegexNode **groups; /* by number */
    int group_capacity;
    RegexNode *root;
    RegexTree *tree;
    bool has_backrefs, has_looks, too_large;
    RegexSet *sets;
    int set_count, set_capacity;
    RegexLook *looks;
    int look_count, look_capacity;
    /* Character classes: intervals in order, each with its class. */
    uint32_t *interval_starts;
    uint16_t *interval_classes;
    int interval_count;
    uint16_t ascii_classes[128];
    int class_count;
    uint8_t *class_contexts; /* REGEX_AFTER_... of each class */
    uint64_t *set_members;   /* per set, a bitmap of classes */
    int set_words;
    RegexAutomaton *search, *whole;
    /* The text. */
    const char *text;
    size_t text_length, text_capacity;
    int characters;
    bool ascii;
    uint16_t *classes;
    uint32_t *offsets;
    uint32_t *points;
    RegexSpan *spans;
    int64_t effort;     /* left until asking whether the statement was stopped */
    bool stopped;       /* it was: nothing matches any more */
    size_t table_bytes; /* of the deterministic forms */
};

/* Counts work done; true once the statement was stopped. */
bool regex_gives_up(Regex *regex, int64_t work);

/* regex_parse.c: fills flags, groups, sets, looks and root. */
Status regex_parse(Regex *regex, const uint32_t *pattern, int length, Error *err);
/* regex_tree.c */
RegexTree *regex_build_tree(Regex *regex, RegexNode *alternatives);
/* regex_set.c */
void regex_set_add(Regex *regex, RegexSet *set, uint32_t low, uint32_t high);
void regex_set_add_class(Regex *regex, RegexSet *set, CharacterClass wanted, bool complement);
void regex_set_normalise(RegexSet *set);
void regex_set_complement(Regex *regex, RegexSet *set);
void regex_make_classes(Regex *regex);
uint16_t regex_class_of(const Regex *regex, uint32_t point);
/* regex_automaton.c */
RegexAutomaton *regex_automaton_make(Regex *regex, RegexNode *node, bool unanchored);
void regex_automaton_free(RegexAutomaton *automaton);
/* The longest or shortest stretch from `begin` that ends within [least, limit]; -1: none. */
int regex_run(Regex *regex, RegexAutomaton *automaton, int begin, int least, int limit, bool shortest);
/* The unanchored automaton: where the first match to end ends (-1: none); *open = no match starts before. */
int regex_search(Regex *regex, RegexAutomaton *automaton, int from, int *open);
bool regex_search_text(Regex *regex, RegexAutomaton *automaton, const char *text, size_t length);
