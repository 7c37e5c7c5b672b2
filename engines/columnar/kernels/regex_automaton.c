/* Automata over character classes.
 *
 * The nondeterministic one is Thompson's, built from the end backwards. Its deterministic form is made state
 * by state while texts are read: a state is the set of places reached, with conditions not yet decided, and
 * what the character before was; the next character's class decides them. So a transition also says whether
 * the expression had matched before that character. When there are too many states, or with lookaround, sets
 * are carried along instead. */
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/kernels/kernel_limits.h"
#include "engines/columnar/kernels/regex_internal.h"

enum {
    MOST_SETS = 3000,
    MOST_STEPS = 10 * REGEX_MOST_STATES,
    MOST_TABLE_BYTES = 32 << 20,
    UNKNOWN_TARGET = 0xFFFFFFFF
};

/* ---- construction ---------------------------------------------------------------------------------------
 */

typedef struct Builder {
    Regex *regex;
    RegexAutomaton *automaton;
    bool overflow;
    int steps;
} Builder;

static int add_state(Builder *builder, RegexStateKind kind, int number, int next, int other) {
    RegexAutomaton *automaton = builder->automaton;
    if (automaton->state_count >= REGEX_MOST_STATES) {
        builder->overflow = true;
        return 0;
    }
    if (automaton->state_count == automaton->state_capacity) {
        automaton->state_capacity = automaton->state_capacity ? automaton->state_capacity * 2 : 32;
        automaton->states =
            realloc(automaton->states, sizeof *automaton->states * (size_t)automaton->state_capacity);
        if (!automaton->states) abort();
    }
    automaton->states[automaton->state_count] = (RegexState){(uint8_t)kind, number, next, other};
    return automaton->state_count++;
}

/* `free_of_conditions`: for back references, whose text stands elsewhere. */
static int build(Builder *builder, const RegexNode *node, int next, bool free_of_conditions);

static int build_repeat(Builder *builder, const RegexNode *node, int next, bool free_of_conditions) {
    const RegexNode *atom = node->items[0];
    int entry = next;
    if (node->max == REGEX_INFINITE) {
        entry = add_state(builder, REGEX_STATE_SPLIT, 0, 0, next);
        int inner = build(builder, atom, entry, free_of_conditions);
        if (!builder->overflow) builder->automaton->states[entry].next = inner;
    }
    for (int i = node->min; node->max != REGEX_INFINITE && i < node->max && !builder->overflow; i++) {
        int inner = build(builder, atom, entry, free_of_conditions);
        entry = add_state(builder, REGEX_STATE_SPLIT, 0, inner, next);
    }
    for (int i = 0; i < node->min && !builder->overflow; i++)
        entry = build(builder, atom, entry, free_of_conditions);
    return entry;
}

static int build(Builder *builder, const RegexNode *node, int next, bool free_of_conditions) {
    /* What matches nothing adds no state, however often it is repeated. */
    if (++builder->steps > MOST_STEPS) builder->overflow = true;
    if (builder->overflow) return 0;
    int entry = next;
    switch (node->kind) {
    case REGEX_NODE_SET: return add_state(builder, REGEX_STATE_CHARACTER, node->number, next, 0);
    case REGEX_NODE_ASSERT:
        if (free_of_conditions) return next;
        builder->automaton->asserts = true;
        return add_state(builder, REGEX_STATE_ASSERT, node->number, next, 0);
    case REGEX_NODE_LOOK:
        if (free_of_conditions) return next;
        builder->automaton->looks = true;
        return add_state(builder, REGEX_STATE_LOOK, node->number, next, 0);
    case REGEX_NODE_BACKREF: return build(builder, builder->regex->groups[node->number], next, true);
    case REGEX_NODE_GROUP: return build(builder, node->items[0], next, free_of_conditions);
    case REGEX_NODE_REPEAT: return build_repeat(builder, node, next, free_of_conditions);
    case REGEX_NODE_SEQUENCE:
        for (int i = node->count - 1; i >= 0; i--)
            entry = build(builder, node->items[i], entry, free_of_conditions);
        return entry;
    default:
        entry = build(builder, node->items[node->count - 1], next, free_of_conditions);
        for (int i = node->count - 2; i >= 0; i--) {
            int branch = build(builder, node->items[i], next, free_of_conditions);
            entry = add_state(builder, REGEX_STATE_SPLIT, 0, branch, entry);
        }
        return entry;
    }
}

RegexAutomaton *regex_automaton_make(Regex *regex, RegexNode *node, bool unanchored) {
    RegexAutomaton *automaton = calloc(1, sizeof *automaton);
    if (!automaton) abort();
    Builder builder = {.regex = regex, .automaton = automaton};
    automaton->unanchored = unanchored;
    int accept = add_state(&builder, REGEX_STATE_ACCEPT, 0, 0, 0);
    automaton->start = build(&builder, node, accept, false);
    if (builder.overflow) {
        regex_automaton_free(automaton);
        return NULL;
    }
    size_t states = (size_t)automaton->state_count;
    automaton->stack = malloc(sizeof(int) * (states * 2 + 2));
    automaton->list = malloc(sizeof(int) * (states + 1));
    automaton->next_list = malloc(sizeof(int) * (states + 1));
    automaton->marks = calloc(states, sizeof(uint32_t));
    automaton->slot_count = 64;
    automaton->slots = calloc((size_t)automaton->slot_count, sizeof(int));
    if (!automaton->stack || !automaton->list || !automaton->next_list || !automaton->marks ||
        !automaton->slots)
        abort();
    for (int i = 0; i < REGEX_CONTEXTS; i++)
        automaton->starts[i] = -1;
    return automaton;
}

void regex_automaton_free(RegexAutomaton *automaton) {
    if (!automaton) return;
    for (int i = 0; i < automaton->set_count; i++)
        free(automaton->sets[i].members);
    free(automaton->sets);
    free(automaton->slots);
    free(automaton->transitions);
    free(automaton->states);
    free(automaton->stack);
    free(automaton->list);
    free(automaton->next_list);
    free(automaton->marks);
    free(automaton);
}

/* ---- one step -------------------------------------------------------------------------------------------
 */

static void new_marks(RegexAutomaton *automaton) {
    if (++automaton->mark == 0) {
        memset(automaton->marks, 0, sizeof(uint32_t) * (size_t)automaton->state_count);
        automaton->mark = 1;
    }
}

/* Adds `state` and what it leads to without reading or deciding anything. */
static int close_over(RegexAutomaton *automaton, int state, int *list, int count) {
    int depth = 0;
    automaton->stack[depth++] = state;
    while (depth > 0) {
        state = automaton->stack[--depth];
        if (automaton->marks[state] == automaton->mark) continue;
        automaton->marks[state] = automaton->mark;
        const RegexState *at = &automaton->states[state];
        if (at->kind == REGEX_STATE_SPLIT) {
            automaton->stack[depth++] = at->other;
            automaton->stack[depth++] = at->next;
        } else {
            list[count++] = state;
        }
    }
    return count;
}

static bool assertion_holds(int assertion, int before, int after, bool at_end) {
    bool word_before = before == REGEX_AFTER_WORD, word_after = !at_end && after == REGEX_AFTER_WORD;
    switch (assertion) {
    case REGEX_TEXT_START: return before == REGEX_AFTER_START;
    case REGEX_LINE_START: return before == REGEX_AFTER_START || before == REGEX_AFTER_NEWLINE;
    case REGEX_TEXT_END: return at_end;
    case REGEX_LINE_END: return at_end || after == REGEX_AFTER_NEWLINE;
    case REGEX_WORD_START: return !word_before && word_after;
    case REGEX_WORD_END: return word_before && !word_after;
    case REGEX_WORD_EDGE: return word_before != word_after;
    default: return word_before == word_after;
    }
}

static bool look_holds(Regex *regex, int number, int position);

/* Decides the conditions among `list` (marked), appending what they lead to; says whether it accepts. */
static bool decide(Regex *regex, RegexAutomaton *automaton, int *list, int *count, int before, int class,
                   int position) {
    bool at_end = class == regex->class_count, accepted = false;
    int after = at_end ? REGEX_AFTER_OTHER : regex->class_contexts[class];
    for (int i = 0; i < *count; i++) {
        const RegexState *state = &automaton->states[list[i]];
        if (state->kind == REGEX_STATE_ACCEPT) accepted = true;
        bool holds = state->kind == REGEX_STATE_ASSERT
                         ? assertion_holds(state->number, before, after, at_end)
                         : state->kind == REGEX_STATE_LOOK && look_holds(regex, state->number, position);
        if (holds) *count = close_over(automaton, state->next, list, *count);
    }
    return accepted;
}

static bool in_set(const Regex *regex, int set, int class) {
    return regex->set_members[(size_t)set * (size_t)regex->set_words + (size_t)(class / 64)] >> (class % 64) &
           1;
}

static int step(Regex *regex, RegexAutomaton *automaton, const int *list, int count, int class, int *next) {
    int reached = 0;
    new_marks(automaton);
    for (int i = 0; i < count; i++) {
        const RegexState *state = &automaton->states[list[i]];
        if (state->kind == REGEX_STATE_CHARACTER && in_set(regex, state->number, class))
            reached = close_over(automaton, state->next, next, reached);
    }
    return reached;
}

/* ---- the deterministic form -----------------------------------------------------------------------------
 */

static int by_number(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

static uint32_t hash_members(const int *members, int count, int context) {
    uint64_t hash = (uint64_t)context + 1;
    for (int i = 0; i < count; i++)
        hash = (hash ^ (uint64_t)members[i]) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(hash >> 32);
}

static void place_set(RegexAutomaton *automaton, int set) {
    const RegexStateSet *at = &automaton->sets[set];
    uint32_t slot = hash_members(at->members, at->count, at->context) & (uint32_t)(automaton->slot_count - 1);
    while (automaton->slots[slot])
        slot = (slot + 1) & (uint32_t)(automaton->slot_count - 1);
    automaton->slots[slot] = set + 1;
}

static void grow_sets(Regex *regex, RegexAutomaton *automaton) {
    int capacity = automaton->set_capacity ? automaton->set_capacity * 2 : 16;
    size_t row = (size_t)regex->class_count + 1;
    automaton->sets = realloc(automaton->sets, sizeof *automaton->sets * (size_t)capacity);
    automaton->transitions =
        realloc(automaton->transitions, sizeof *automaton->transitions * row * (size_t)capacity);
    if (!automaton->sets || !automaton->transitions) abort();
    automaton->set_capacity = capacity;
    if (capacity * 2 <= automaton->slot_count) return;
    automaton->slot_count = capacity * 4;
    free(automaton->slots);
    automaton->slots = calloc((size_t)automaton->slot_count, sizeof(int));
    if (!automaton->slots) abort();
    for (int i = 0; i < automaton->set_count; i++)
        place_set(automaton, i);
}

bool regex_gives_up(Regex *regex, int64_t work) {
    enum { WORK_BETWEEN_LOOKS = 1 << 20 };
    regex->effort -= work;
    if (regex->effort > 0) return regex->stopped;
    regex->effort = WORK_BETWEEN_LOOKS;
    regex->stopped = kernel_is_stopped();
    return regex->stopped;
}

/* The number of the set with these members; -1 when there would be too many. */
static int intern(Regex *regex, RegexAutomaton *automaton, int *members, int count, int context, bool fresh) {
    qsort(members, (size_t)count, sizeof *members, by_number);
    uint32_t slot = hash_members(members, count, context) & (uint32_t)(automaton->slot_count - 1);
    for (; automaton->slots[slot]; slot = (slot + 1) & (uint32_t)(automaton->slot_count - 1)) {
        const RegexStateSet *at = &automaton->sets[automaton->slots[slot] - 1];
        if (at->count == count && at->context == context && at->fresh == fresh &&
            memcmp(at->members, members, sizeof *members * (size_t)count) == 0)
            return automaton->slots[slot] - 1;
    }
    if (automaton->set_count >= MOST_SETS ||
        (size_t)automaton->set_count * (size_t)regex->class_count > 1000000 ||
        regex->table_bytes > MOST_TABLE_BYTES)
        return -1;
    if (automaton->set_count == automaton->set_capacity) grow_sets(regex, automaton);
    int set = automaton->set_count++;
    RegexStateSet *at = &automaton->sets[set];
    *at = (RegexStateSet){.count = count, .context = (uint8_t)context, .fresh = fresh};
    at->members = malloc(sizeof *members * (size_t)(count + 1));
    if (!at->members) abort();
    memcpy(at->members, members, sizeof *members * (size_t)count);
    size_t row = (size_t)regex->class_count + 1;
    memset(automaton->transitions + row * (size_t)set, 0xFF, sizeof *automaton->transitions * row);
    regex->table_bytes += sizeof *members * (size_t)count + sizeof *automaton->transitions * row;
    place_set(automaton, set);
    return set;
}

/* Without conditions what stood before is of no matter. */
static int context_of(const RegexAutomaton *automaton, int context) {
    return automaton->asserts ? context : REGEX_AFTER_OTHER;
}

static int start_set(Regex *regex, RegexAutomaton *automaton, int context) {
    context = context_of(automaton, context);
    if (automaton->starts[context] < 0) {
        new_marks(automaton);
        int count = close_over(automaton, automaton->start, automaton->list, 0);
        automaton->starts[context] =
            intern(regex, automaton, automaton->list, count, context, automaton->unanchored);
    }
    return automaton->starts[context];
}

static uint32_t make_transition(Regex *regex, RegexAutomaton *automaton, int set, int class) {
    int *list = automaton->list, *next = automaton->next_list, count = automaton->sets[set].count;
    int before = automaton->sets[set].context;
    memcpy(list, automaton->sets[set].members, sizeof *list * (size_t)count);
    new_marks(automaton);
    for (int i = 0; i < count; i++)
        automaton->marks[list[i]] = automaton->mark;
    uint32_t accepted = decide(regex, automaton, list, &count, before, class, 0), target = 0;
    if (class < regex->class_count) {
        int reached = step(regex, automaton, list, count, class, next);
        bool fresh = automaton->unanchored && reached == 0;
        if (automaton->unanchored) reached = close_over(automaton, automaton->start, next, reached);
        int context = context_of(automaton, regex->class_contexts[class]);
        int made = intern(regex, automaton, next, reached, context, fresh);
        if (made < 0) return UNKNOWN_TARGET;
        target = (uint32_t)made;
    }
    uint32_t entry = target << 1 | accepted;
    automaton->transitions[(size_t)set * ((size_t)regex->class_count + 1) + (size_t) class] = entry;
    return entry;
}

static inline uint32_t transition(Regex *regex, RegexAutomaton *automaton, int set, int class) {
    uint32_t entry = automaton->transitions[(size_t)set * ((size_t)regex->class_count + 1) + (size_t) class];
    return entry != UNKNOWN_TARGET ? entry : make_transition(regex, automaton, set, class);
}

/* ---- runs -----------------------------------------------------------------------------------------------
 */

static int context_before(const Regex *regex, int position) {
    return position == 0 ? REGEX_AFTER_START : regex->class_contexts[regex->classes[position - 1]];
}
static int class_at(const Regex *regex, int position) {
    return position < regex->characters ? regex->classes[position] : regex->class_count;
}

/* Carrying sets along. `accepts`, when given, is told of every place a match ends. */
static int run_sets(Regex *regex, RegexAutomaton *automaton, int begin, int least, int limit, bool shortest,
                    int8_t *accepts) {
    /* Of their own: lookaround runs other automata, and this one again where expressions nest. */
    int *list = malloc(sizeof *list * (size_t)(automaton->state_count + 1) * 2), best = -1;
    if (!list) abort();
    int *next = list + automaton->state_count + 1;
    new_marks(automaton);
    int count = close_over(automaton, automaton->start, list, 0);
    for (int at = begin;; at++) {
        int class = class_at(regex, at);
        if (regex_gives_up(regex, count + 1)) {
            best = -1;
            break;
        }
        if (decide(regex, automaton, list, &count, context_before(regex, at), class, at)) {
            if (at >= least) best = at;
            if (accepts) accepts[at] = 1;
            if (shortest && best >= 0) break;
        }
        if (at >= limit || class == regex->class_count) break;
        int reached = step(regex, automaton, list, count, class, next);
        if (automaton->unanchored) reached = close_over(automaton, automaton->start, next, reached);
        if (reached == 0) break;
        memcpy(list, next, sizeof *list * (size_t)reached);
        count = reached;
    }
    free(list);
    return best;
}

static bool look_holds(Regex *regex, int number, int position) {
    RegexLook *look = &regex->looks[number];
    if (!look->automaton) look->automaton = regex_automaton_make(regex, look->node, !look->ahead);
    if (!look->automaton) return false; /* larger than regex_take allowed */
    if (!look->known) {
        look->known = calloc((size_t)regex->characters + 1, 1);
        if (!look->known) abort();
    }
    if (!look->ahead && !look->all_known) {
        run_sets(regex, look->automaton, 0, 0, regex->characters, false, look->known);
        look->all_known = true;
    }
    if (look->ahead && !look->known[position])
        look->known[position] =
            run_sets(regex, look->automaton, position, position, regex->characters, true, NULL) >= 0 ? 1 : -1;
    return (look->known[position] == 1) != look->negative;
}

int regex_run(Regex *regex, RegexAutomaton *automaton, int begin, int least, int limit, bool shortest) {
    if (limit < begin || regex_gives_up(regex, 16)) return -1;
    if (automaton->looks || automaton->overflown)
        return run_sets(regex, automaton, begin, least, limit, shortest, NULL);
    int set = start_set(regex, automaton, context_before(regex, begin)), best = -1;
    for (int at = begin; set >= 0; at++) {
        int class = class_at(regex, at);
        uint32_t entry = transition(regex, automaton, set, class);
        if (entry == UNKNOWN_TARGET) {
            set = -1;
            break;
        }
        if (entry & 1 && at >= least) {
            best = at;
            if (shortest) return best;
        }
        if (at >= limit || class == regex->class_count) return best;
        if (!(at & 0xFFFF) && regex_gives_up(regex, 0xFFFF)) return -1;
        set = (int)(entry >> 1);
        if (automaton->sets[set].count == 0) return best;
    }
    automaton->overflown = true;
    return run_sets(regex, automaton, begin, least, limit, shortest, NULL);
}

int regex_search(Regex *regex, RegexAutomaton *automaton, int from, int *open) {
    *open = from;
    if (automaton->looks || automaton->overflown)
        return run_sets(regex, automaton, from, from, regex->characters, true, NULL);
    int set = start_set(regex, automaton, context_before(regex, from));
    for (int at = from; set >= 0; at++) {
        if (automaton->sets[set].fresh) *open = at;
        int class = class_at(regex, at);
        uint32_t entry = transition(regex, automaton, set, class);
        if (entry == UNKNOWN_TARGET) break;
        if (entry & 1) return at;
        if (class == regex->class_count) return -1;
        if (!(at & 0xFFFF) && regex_gives_up(regex, 0xFFFF)) return -1;
        set = (int)(entry >> 1);
    }
    automaton->overflown = true;
    *open = from;
    return run_sets(regex, automaton, from, from, regex->characters, true, NULL);
}

static uint32_t decode(const char **at, const char *end) {
    const unsigned char *text = (const unsigned char *)*at;
    size_t left = (size_t)(end - *at);
    if (text[0] >= 0xF0 && left >= 4) {
        *at += 4;
        return (uint32_t)(text[0] & 7) << 18 | (uint32_t)(text[1] & 63) << 12 |
               (uint32_t)(text[2] & 63) << 6 | (text[3] & 63);
    }
    if (text[0] >= 0xE0 && left >= 3) {
        *at += 3;
        return (uint32_t)(text[0] & 15) << 12 | (uint32_t)(text[1] & 63) << 6 | (text[2] & 63);
    }
    if (text[0] >= 0xC0 && left >= 2) {
        *at += 2;
        return (uint32_t)(text[0] & 31) << 6 | (text[1] & 63);
    }
    *at += 1;
    return text[0];
}

/* Straight from the bytes, without laying out classes first. Needs an automaton without lookaround. */
bool regex_search_text(Regex *regex, RegexAutomaton *automaton, const char *text, size_t length) {
    const char *at = text, *end = text + length;
    size_t row = (size_t)regex->class_count + 1;
    int set = automaton->overflown ? -1 : start_set(regex, automaton, REGEX_AFTER_START);
    if (regex_gives_up(regex, (int64_t)length)) return false;
    while (set >= 0 && at < end) {
        unsigned char c = (unsigned char)*at;
        int class;
        if (c < 128) {
            class = regex->ascii_classes[c];
            at++;
        } else {
            class = regex_class_of(regex, decode(&at, end));
        }
        uint32_t entry = automaton->transitions[(size_t)set * row + (size_t) class];
        if (entry == UNKNOWN_TARGET) entry = make_transition(regex, automaton, set, class);
        if (entry == UNKNOWN_TARGET) {
            set = -1;
            break;
        }
        if (entry & 1) return true;
        set = (int)(entry >> 1);
    }
    if (set >= 0) {
        uint32_t entry = transition(regex, automaton, set, regex->class_count);
        if (entry != UNKNOWN_TARGET) return entry & 1;
    }
    automaton->overflown = true;
    regex_set_text(regex, text, length);
    return run_sets(regex, automaton, 0, 0, regex->characters, true, NULL) >= 0;
}
