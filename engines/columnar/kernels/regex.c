/* Finding a match and dividing it among groups; the store of compiled expressions. */
#include "engines/columnar/kernels/regex.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/utf8.h"
#include "engines/columnar/kernels/regex_internal.h"

/* ---- dividing a match -----------------------------------------------------------------------------------
 */

static bool divide(Regex *regex, RegexTree *tree, int begin, int end);

static RegexAutomaton *automaton_of(Regex *regex, RegexTree *tree) {
    if (!tree->automaton) tree->automaton = regex_automaton_make(regex, tree->language, false);
    return tree->automaton;
}

static int run_tree(Regex *regex, RegexTree *tree, int begin, int least, int limit, bool shortest) {
    RegexAutomaton *automaton = automaton_of(regex, tree);
    return automaton ? regex_run(regex, automaton, begin, least, limit, shortest) : -1;
}

static bool fits(Regex *regex, RegexTree *tree, int begin, int end) {
    return run_tree(regex, tree, begin, end, end, false) == end;
}

static void forget_groups(Regex *regex, const RegexTree *tree) {
    if (!tree) return;
    if (tree->group) regex->spans[tree->group] = (RegexSpan){-1, -1};
    for (const RegexTree *child = tree->children[0]; child; child = tree->op == '|' ? child->sibling : NULL)
        forget_groups(regex, child);
    if (tree->op == '.') forget_groups(regex, tree->children[1]);
}

/* The left part takes as much, or as little, as lets the right part have the rest. */
static bool divide_pair(Regex *regex, RegexTree *tree, int begin, int end) {
    RegexTree *left = tree->children[0], *right = tree->children[1];
    bool lazy = (left->flags & REGEX_SHORTER) != 0;
    int middle = run_tree(regex, left, begin, begin, end, lazy);
    while (middle >= 0) {
        if (fits(regex, right, middle, end) && divide(regex, left, begin, middle) &&
            divide(regex, right, middle, end))
            return true;
        if (middle == (lazy ? end : begin)) return false;
        middle = lazy ? run_tree(regex, left, begin, middle + 1, end, true)
                      : run_tree(regex, left, begin, begin, middle - 1, false);
        forget_groups(regex, left);
        forget_groups(regex, right);
    }
    return false;
}

static bool divide_alternatives(Regex *regex, RegexTree *tree, int begin, int end) {
    for (RegexTree *child = tree->children[0]; child; child = child->sibling) {
        if (fits(regex, child, begin, end) && divide(regex, child, begin, end)) return true;
        forget_groups(regex, child);
    }
    return false;
}

/* One way of cutting [begin, end) into repetitions; the cuts stand in `cuts`. */
typedef struct Iteration {
    RegexTree *child;
    int end, least, most;
    bool lazy;
    int *cuts;
    int verified;
} Iteration;

static bool verify_cuts(Regex *regex, Iteration *it, int count) {
    for (int i = it->verified + 1; i <= count; i++) {
        forget_groups(regex, it->child);
        if (!divide(regex, it->child, it->cuts[i - 1], it->cuts[i])) return false;
        it->verified = i;
    }
    return true;
}

/* Steps back to a repetition that can still end elsewhere; 0 when there is none. */
static int step_back(const Iteration *it, int k, int *bound) {
    for (; k > 0; k--) {
        int start = it->cuts[k - 1];
        if (it->lazy) {
            if (it->cuts[k] < it->end) {
                *bound = it->cuts[k] + 1;
                return k;
            }
        } else if (it->cuts[k] > start) {
            *bound = it->cuts[k] - 1;
            if (*bound > start || (k < it->least && it->least - k >= it->end - start)) return k;
        }
    }
    return 0;
}

/* Where the k-th repetition must end at least (lazy) or at most. Repetitions of no length are taken only
 * where the least number asks for them; the last one allowed must reach the end. */
static int adjust_bound(const Iteration *it, int k, int bound) {
    if (!it->lazy) return bound;
    int start = it->cuts[k - 1];
    bool may_be_empty = k < it->least && it->least - k >= it->end - bound;
    if (bound == start && bound != it->end && !may_be_empty) bound++;
    return k >= it->most ? it->end : bound;
}

static bool cut(Regex *regex, Iteration *it) {
    int k = 1, bound = it->lazy ? it->cuts[0] : it->end;
    while (k > 0) {
        int start = it->cuts[k - 1], at;
        bound = adjust_bound(it, k, bound);
        at = it->lazy ? run_tree(regex, it->child, start, bound, it->end, true)
                      : run_tree(regex, it->child, start, start, bound, false);
        if (at < 0) {
            k = step_back(it, k - 1, &bound);
            continue;
        }
        it->cuts[k] = at;
        if (it->verified >= k) it->verified = k - 1;
        if (at != it->end) {
            bool empty = !it->lazy && at == start && (k >= it->least || it->least - k < it->end - at);
            if (k >= it->most || empty) {
                k = step_back(it, k >= it->most ? k - 1 : k, &bound);
                continue;
            }
            k++;
            bound = it->lazy ? at : it->end;
            continue;
        }
        if (k >= it->least && verify_cuts(regex, it, k)) return true;
        k = step_back(it, k, &bound);
    }
    return false;
}

static bool divide_iteration(Regex *regex, RegexTree *tree, int begin, int end) {
    Iteration it = {.child = tree->children[0], .end = end, .least = tree->min};
    it.lazy = (it.child->flags & REGEX_SHORTER) != 0;
    bool may_be_none = it.least <= 0 && begin == end;
    if (may_be_none && it.lazy) return true; /* a greedy one tries an empty repetition first */
    if (it.least <= 0) it.least = 1;
    it.most = end - begin;
    if (tree->max != REGEX_INFINITE && it.most > tree->max) it.most = tree->max;
    if (it.most < it.least) it.most = it.least;
    it.cuts = malloc(sizeof *it.cuts * (size_t)(it.most + 1));
    if (!it.cuts) abort();
    it.cuts[0] = begin;
    bool found = cut(regex, &it);
    free(it.cuts);
    if (!found && may_be_none) forget_groups(regex, it.child);
    return found || may_be_none;
}

static bool same_characters(const Regex *regex, int a, int b, int count) {
    for (int i = 0; i < count; i++) {
        uint32_t x = regex->points[a + i], y = regex->points[b + i];
        if (x == y) continue;
        if (!(regex->flags & REGEX_FOLD) || character_to_lower(x) != character_to_lower(y)) return false;
    }
    return true;
}

static bool divide_backref(Regex *regex, const RegexTree *tree, int begin, int end) {
    RegexSpan group = regex->spans[tree->backref];
    if (group.start < 0) return false;
    int length = group.end - group.start;
    if (length == 0) return begin == end;
    if (begin == end) return tree->min == 0;
    if ((end - begin) % length != 0) return false;
    int count = (end - begin) / length;
    if (count < tree->min || (tree->max != REGEX_INFINITE && count > tree->max)) return false;
    for (int at = begin; at < end; at += length)
        if (!same_characters(regex, group.start, at, length)) return false;
    return true;
}

static bool divide(Regex *regex, RegexTree *tree, int begin, int end) {
    bool found = true;
    switch (tree->op) {
    case '.': found = divide_pair(regex, tree, begin, end); break;
    case '|': found = divide_alternatives(regex, tree, begin, end); break;
    case '*': found = divide_iteration(regex, tree, begin, end); break;
    case 'b': found = divide_backref(regex, tree, begin, end); break;
    case '(': found = divide(regex, tree->children[0], begin, end); break;
    default: break;
    }
    if (found && tree->group) regex->spans[tree->group] = (RegexSpan){begin, end};
    return found;
}

/* ---- finding --------------------------------------------------------------------------------------------
 */

static void clear_spans(Regex *regex) {
    for (int i = 0; i <= regex->group_count; i++)
        regex->spans[i] = (RegexSpan){-1, -1};
}

/* With back references the automata only propose; what they propose must divide. */
static bool try_at(Regex *regex, int begin, bool want_groups) {
    bool lazy = (regex->tree->flags & REGEX_SHORTER) != 0;
    int least = begin, limit = regex->characters;
    for (;;) {
        int end = regex_run(regex, regex->whole, begin, least, limit, lazy);
        if (end < 0) return false;
        clear_spans(regex);
        regex->spans[0] = (RegexSpan){begin, end};
        if (!want_groups && !regex->has_backrefs) return true;
        if (divide(regex, regex->tree, begin, end) || !regex->has_backrefs) return true;
        if (end == (lazy ? limit : begin) || regex->stopped) return false;
        if (lazy)
            least = end + 1;
        else
            limit = end - 1;
    }
}

static bool find_between(Regex *regex, int open, int close, RegexSpan *spans, int count) {
    for (int begin = open; begin <= close && !regex->stopped; begin++) {
        if (!try_at(regex, begin, count > 1)) continue;
        for (int i = 0; i < count; i++)
            spans[i] = i <= regex->group_count ? regex->spans[i] : (RegexSpan){-1, -1};
        return true;
    }
    return false;
}

bool regex_find(Regex *regex, int from, RegexSpan *spans, int count) {
    int open = from, close;
    if (from > regex->characters) return false;
    if (regex->has_looks && !regex->has_backrefs)
        return find_between(regex, from, regex->characters, spans, count);
    /* A stretch that might hold a match, until one does. With back references the end of the text is only
     * looked at when a stretch reaches it, which is PostgreSQL's way too. */
    do {
        close = regex_search(regex, regex->search, from, &open);
        if (close < 0) return false;
        if (find_between(regex, open, close, spans, count)) return true;
        from = close + 1;
    } while (regex->has_backrefs && from < regex->characters);
    return false;
}

static void clear_looks(Regex *regex) {
    for (int i = 0; i < regex->look_count; i++) {
        free(regex->looks[i].known);
        regex->looks[i].known = NULL;
        regex->looks[i].all_known = false;
    }
}

static bool is_ascii(const char *text, size_t length) {
    unsigned char high = 0;
    for (size_t i = 0; i < length; i++)
        high |= (unsigned char)text[i];
    return high < 0x80;
}

static void grow_text(Regex *regex, size_t length) {
    if (length < regex->text_capacity && regex->classes) return;
    regex->text_capacity = length * 2 + 64;
    regex->classes = realloc(regex->classes, sizeof *regex->classes * regex->text_capacity);
    regex->offsets = realloc(regex->offsets, sizeof *regex->offsets * regex->text_capacity);
    regex->points = realloc(regex->points, sizeof *regex->points * regex->text_capacity);
    if (!regex->classes || !regex->offsets || !regex->points) abort();
}

static uint32_t point_at(const char *text, size_t width) {
    const unsigned char *at = (const unsigned char *)text;
    switch (width) {
    case 2: return (uint32_t)(at[0] & 31) << 6 | (at[1] & 63);
    case 3: return (uint32_t)(at[0] & 15) << 12 | (uint32_t)(at[1] & 63) << 6 | (at[2] & 63);
    case 4:
        return (uint32_t)(at[0] & 7) << 18 | (uint32_t)(at[1] & 63) << 12 | (uint32_t)(at[2] & 63) << 6 |
               (at[3] & 63);
    default: return at[0];
    }
}

void regex_set_text(Regex *regex, const char *text, size_t length) {
    clear_looks(regex);
    grow_text(regex, length + 1);
    regex->text = text;
    regex->text_length = length;
    regex->ascii = is_ascii(text, length);
    if (regex->ascii) {
        for (size_t i = 0; i < length; i++)
            regex->classes[i] = regex->ascii_classes[(unsigned char)text[i]];
        for (size_t i = 0; regex->has_backrefs && i < length; i++)
            regex->points[i] = (unsigned char)text[i];
        regex->characters = (int)length;
        return;
    }
    int count = 0;
    for (size_t at = 0; at < length; count++) {
        size_t width = utf8_sequence_length(text + at, length - at);
        width = width ? width : 1;
        regex->points[count] = point_at(text + at, width);
        regex->classes[count] = regex_class_of(regex, regex->points[count]);
        regex->offsets[count] = (uint32_t)at;
        at += width;
    }
    regex->offsets[count] = (uint32_t)length;
    regex->characters = count;
}

int regex_text_characters(const Regex *regex) {
    return regex->characters;
}

size_t regex_byte_of(const Regex *regex, int character) {
    return regex->ascii ? (size_t)character : regex->offsets[character];
}

int regex_group_count(const Regex *regex) {
    return regex->group_count;
}

bool regex_matches(Regex *regex, const char *text, size_t length) {
    if (!regex->has_looks && !regex->has_backrefs)
        return regex_search_text(regex, regex->search, text, length);
    regex_set_text(regex, text, length);
    RegexSpan span;
    return regex_find(regex, 0, &span, 1);
}

/* ---- the store ------------------------------------------------------------------------------------------
 */

enum { MOST_IDLE = 64, MOST_IDLE_BYTES = 128 << 20, MOST_IDLE_TEXT = 1 << 16 };

static Regex *idle; /* last given first */
static int idle_count;
static size_t idle_bytes;
static pthread_mutex_t idle_lock = PTHREAD_MUTEX_INITIALIZER;

static void free_tree(RegexTree *tree) {
    if (!tree) return;
    regex_automaton_free(tree->automaton);
    for (RegexTree *child = tree->children[0]; child;) {
        RegexTree *next = tree->op == '|' ? child->sibling : NULL;
        free_tree(child);
        child = next;
    }
    free_tree(tree->children[1]);
}

static void regex_destroy(Regex *regex) {
    clear_looks(regex);
    for (int i = 0; i < regex->look_count; i++)
        regex_automaton_free(regex->looks[i].automaton);
    regex_automaton_free(regex->search);
    regex_automaton_free(regex->whole);
    free_tree(regex->tree);
    free(regex->classes);
    free(regex->offsets);
    free(regex->points);
    free(regex->pattern);
    arena_deinit(&regex->arena);
    free(regex);
}

static Status compile(Regex *regex, Error *err) {
    size_t length = regex->pattern_length;
    uint32_t *points = arena_alloc(&regex->arena, sizeof *points * (length + 1));
    int count = 0;
    for (size_t at = 0; at < length; count++) {
        size_t width = utf8_sequence_length(regex->pattern + at, length - at);
        width = width ? width : 1;
        points[count] = point_at(regex->pattern + at, width);
        at += width;
    }
    if (regex->flags & REGEX_QUOTE && regex->flags & (REGEX_ADVANCED | REGEX_EXPANDED | REGEX_NEWLINE))
        return error_set(err, "2201B", "invalid regular expression: invalid argument to regex function");
    TRY(regex_parse(regex, points, count, err));
    regex->tree = regex_build_tree(regex, regex->root);
    regex->spans = arena_alloc(&regex->arena, sizeof *regex->spans * (size_t)(regex->group_count + 1));
    regex->search = regex_automaton_make(regex, regex->root, true);
    regex->whole = regex_automaton_make(regex, regex->root, false);
    for (int i = 0; i < regex->look_count; i++) {
        RegexLook *look = &regex->looks[i];
        look->automaton = regex_automaton_make(regex, look->node, !look->ahead);
        regex->too_large |= !look->automaton;
    }
    if (!regex->search || !regex->whole || regex->too_large)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "regular expressions this large");
    return STATUS_OK;
}

Status regex_take(const char *pattern, size_t length, unsigned flags, Regex **out, Error *err) {
    pthread_mutex_lock(&idle_lock);
    for (Regex **link = &idle; *link; link = &(*link)->next_idle) {
        Regex *regex = *link;
        if (regex->given_flags == flags && regex->pattern_length == length &&
            memcmp(regex->pattern, pattern, length) == 0) {
            *link = regex->next_idle;
            regex->stopped = false;
            idle_count--;
            idle_bytes -= regex->table_bytes;
            pthread_mutex_unlock(&idle_lock);
            *out = regex;
            return STATUS_OK;
        }
    }
    pthread_mutex_unlock(&idle_lock);
    Regex *regex = calloc(1, sizeof *regex);
    if (!regex) abort();
    arena_init(&regex->arena);
    regex->pattern = malloc(length + 1);
    if (!regex->pattern) abort();
    memcpy(regex->pattern, pattern, length);
    regex->pattern_length = length;
    regex->given_flags = regex->flags = flags;
    if (compile(regex, err) != STATUS_OK) {
        regex_destroy(regex);
        return STATUS_ERROR;
    }
    *out = regex;
    return STATUS_OK;
}

static void forget_text(Regex *regex) {
    regex->text = NULL;
    clear_looks(regex);
    if (regex->text_capacity <= MOST_IDLE_TEXT) return;
    free(regex->classes);
    free(regex->offsets);
    free(regex->points);
    regex->classes = NULL;
    regex->offsets = regex->points = NULL;
    regex->text_capacity = 0;
}

/* The one longest unused, out of the list. */
static Regex *drop_idle(void) {
    Regex **link = &idle;
    while ((*link)->next_idle)
        link = &(*link)->next_idle;
    Regex *dropped = *link;
    *link = NULL;
    idle_count--;
    idle_bytes -= dropped->table_bytes;
    return dropped;
}

void regex_give(Regex *regex) {
    if (!regex) return;
    forget_text(regex);
    Regex *dropped = NULL;
    pthread_mutex_lock(&idle_lock);
    regex->next_idle = idle;
    idle = regex;
    idle_count++;
    idle_bytes += regex->table_bytes;
    while (idle_count > MOST_IDLE || idle_bytes > MOST_IDLE_BYTES) {
        Regex *one = drop_idle();
        one->next_idle = dropped;
        dropped = one;
    }
    pthread_mutex_unlock(&idle_lock);
    while (dropped) {
        Regex *next = dropped->next_idle;
        regex_destroy(dropped);
        dropped = next;
    }
}
