/* The tree that says how a match is divided. What a part prefers is what its first quantifier prefers;
 * alternatives prefer the longest. A stretch of one preference without groups or back references needs no
 * inner structure, so it is one leaf; a part that captures, refers back, or prefers otherwise than what
 * stands before it is a node of its own. */
#include "engines/columnar/kernels/regex_internal.h"

static int preference(int flags) {
    return flags & (REGEX_LONGER | REGEX_SHORTER);
}
/* What a part's flags tell its parent: both preferences together are a mixture. */
static int upward(int flags) {
    int up = flags & (REGEX_MIXED | REGEX_CAPTURES | REGEX_REFERS);
    return preference(flags) == (REGEX_LONGER | REGEX_SHORTER) ? up | REGEX_MIXED : up;
}
static int combined(int first, int second) {
    return upward(first | second) | (preference(first) ? preference(first) : preference(second));
}
static bool is_messy(int flags) {
    return (flags & (REGEX_MIXED | REGEX_CAPTURES | REGEX_REFERS)) != 0;
}

static RegexTree *new_tree(Regex *regex, char op, int flags, RegexNode *language) {
    RegexTree *tree = ARENA_NEW(&regex->arena, RegexTree);
    tree->op = op;
    tree->flags = (uint8_t)flags;
    tree->language = language;
    return tree;
}

static RegexNode *sequence_of(Regex *regex, RegexNode **items, int count) {
    RegexNode *node = ARENA_NEW(&regex->arena, RegexNode);
    node->kind = REGEX_NODE_SEQUENCE;
    node->items = items;
    node->count = count;
    return node;
}

static RegexNode *repeat_of(Regex *regex, RegexNode *atom, int min, int max) {
    RegexNode *node = ARENA_NEW(&regex->arena, RegexNode);
    node->kind = REGEX_NODE_REPEAT;
    node->min = min;
    node->max = max;
    node->items = arena_alloc(&regex->arena, sizeof *node->items);
    node->items[0] = atom;
    node->count = 1;
    return node;
}

static RegexNode *pair_of(Regex *regex, RegexNode *first, RegexNode *second) {
    RegexNode **items = arena_alloc(&regex->arena, sizeof *items * 2);
    items[0] = first;
    items[1] = second;
    return sequence_of(regex, items, 2);
}

static RegexTree *join(Regex *regex, RegexTree *left, RegexTree *right, int flags, RegexNode *language) {
    RegexTree *tree = new_tree(regex, '.', flags, language);
    tree->children[0] = left;
    tree->children[1] = right;
    return tree;
}

/* The tree inside an atom, NULL for one character. */
static RegexTree *atom_tree(Regex *regex, RegexNode *atom) {
    if (atom->kind == REGEX_NODE_BACKREF) {
        RegexTree *tree = new_tree(regex, 'b', REGEX_REFERS, atom);
        tree->backref = atom->number;
        return tree;
    }
    if (atom->kind != REGEX_NODE_GROUP) return NULL;
    RegexTree *tree = regex_build_tree(regex, atom->items[0]);
    if (atom->number == 0) return tree;
    if (tree->group != 0) {
        RegexTree *wrapper = new_tree(regex, '(', tree->flags, atom);
        wrapper->children[0] = tree;
        tree = wrapper;
    }
    tree->group = atom->number;
    tree->flags |= REGEX_CAPTURES;
    return tree;
}

/* An atom that needs a node of its own, with its quantifier around it. */
static RegexTree *quantified(Regex *regex, RegexNode *repeat, RegexTree *atom) {
    int min = repeat->min, max = repeat->max, prefer = repeat->prefer;
    int flags = combined(prefer, atom->flags),
        own = atom->flags & (REGEX_LONGER | REGEX_SHORTER | REGEX_MIXED);
    if (atom->op == 'b' && atom->group == 0 && repeat->items[0]->kind == REGEX_NODE_BACKREF) {
        atom->min = min;
        atom->max = max;
        atom->flags |= (uint8_t)flags;
        atom->language = repeat;
        return atom;
    }
    if (min == 1 && max == 1 && (prefer == 0 || own == 0 || own == prefer)) return atom;
    if (!(atom->flags & (REGEX_CAPTURES | REGEX_REFERS))) return new_tree(regex, '=', flags, repeat);
    RegexNode *inner = repeat->items[0];
    if (min > 0 && !(atom->flags & REGEX_REFERS)) {
        /* Only the last repetition's groups count: the ones before it are a plain leaf. */
        RegexNode *before = repeat_of(regex, inner, min - 1, max == REGEX_INFINITE ? max : max - 1);
        return join(regex, new_tree(regex, '=', preference(flags), before), atom, flags,
                    pair_of(regex, before, inner));
    }
    RegexTree *tree = new_tree(regex, '*', flags, repeat);
    tree->min = min;
    tree->max = max;
    tree->children[0] = atom;
    return tree;
}

static RegexTree *branch_tree(Regex *regex, RegexNode **items, int count);

/* Items from `at`, the first of which is messy after a prefix of `prefix_flags`. */
static RegexTree *messy_tree(Regex *regex, RegexNode **items, int count, int at, int prefix_flags,
                             RegexTree *atom) {
    RegexNode *repeat = items[at];
    if (!atom) atom = new_tree(regex, '=', 0, repeat->items[0]);
    int flags = combined(repeat->prefer, atom->flags);
    RegexTree *tree = quantified(regex, repeat, atom);
    RegexTree *prefix = at > 0 ? new_tree(regex, '=', prefix_flags, sequence_of(regex, items, at)) : NULL;
    RegexNode *all = sequence_of(regex, items, count);
    if (at + 1 == count) {
        if (!prefix) return tree;
        return join(regex, prefix, tree, prefix_flags | combined(prefix_flags, tree->flags), all);
    }
    RegexTree *rest = branch_tree(regex, items + at + 1, count - at - 1);
    flags |= combined(flags, rest->flags);
    if (!prefix) return join(regex, tree, rest, combined(0, flags), all);
    RegexTree *tail = join(regex, tree, rest, flags, sequence_of(regex, items + at, count - at));
    if (tree->op == '=' && rest->op == '=' && !is_messy(upward(tree->flags | rest->flags))) {
        flags = combined(tree->flags, rest->flags);
        tail = new_tree(regex, '=', flags, tail->language);
    }
    /* The whole takes the flags the tail had before it became one leaf. */
    return join(regex, prefix, tail, prefix_flags | combined(prefix_flags, flags), all);
}

static RegexTree *branch_tree(Regex *regex, RegexNode **items, int count) {
    int flags = 0;
    for (int i = 0; i < count; i++) {
        RegexNode *item = items[i];
        if (item->kind != REGEX_NODE_REPEAT || item->max == 0) continue;
        RegexTree *atom = atom_tree(regex, item->items[0]);
        int together = flags | item->prefer | (atom ? atom->flags : 0);
        if (is_messy(upward(together))) return messy_tree(regex, items, count, i, flags, atom);
        flags = together;
    }
    return new_tree(regex, '=', flags, sequence_of(regex, items, count));
}

RegexTree *regex_build_tree(Regex *regex, RegexNode *alternatives) {
    RegexTree *first = NULL, *last = NULL;
    int flags = REGEX_LONGER;
    for (int i = 0; i < alternatives->count; i++) {
        RegexNode *branch = alternatives->items[i];
        RegexTree *tree = branch_tree(regex, branch->items, branch->count);
        if (last)
            last->sibling = tree;
        else
            first = tree;
        last = tree;
        flags |= upward(flags | tree->flags);
    }
    if (alternatives->count == 1) return first;
    RegexTree *tree = new_tree(regex, is_messy(flags) ? '|' : '=', flags, alternatives);
    if (tree->op == '|') tree->children[0] = first;
    return tree;
}
