#include "engines/columnar/kernels/word_search.h"

#include <gnu/libc-version.h>
#include <string.h>

#include "engines/base/utf8.h"
#include "engines/columnar/kernels/character.h"
#include "engines/columnar/kernels/kernel.h"

enum { LONGEST_WORD = WORD_SEARCH_LONGEST, FOLDED_BYTES = 4 };

/* The next character in lower case; 0 = part of no word. `*length` bytes are behind it. */
static uint32_t next_letter(const char *text, size_t left, size_t *length) {
    unsigned char first = (unsigned char)*text;
    *length = 1;
    if (first < 0x80) {
        if ((first >= 'a' && first <= 'z') || (first >= '0' && first <= '9')) return first;
        return first >= 'A' && first <= 'Z' ? first | 0x20u : 0;
    }
    size_t bytes = utf8_sequence_length(text, left);
    if (bytes < 2) return 0;
    *length = bytes;
    uint32_t point = first & (0x7Fu >> bytes);
    for (size_t i = 1; i < bytes; i++)
        point = point << 6 | ((unsigned char)text[i] & 0x3Fu);
    return character_is(CHARACTER_ALNUM, point) ? character_to_lower(point) : 0;
}

/* The next word, folded into `word`; *length counts on where it does not fit: such a word equals none that
 * does. False at the end. */
static bool next_word(const char *text, size_t bytes, size_t *at, char word[LONGEST_WORD + FOLDED_BYTES],
                      uint32_t *length) {
    size_t taken;
    uint32_t letter = 0;
    *length = 0;
    while (*at < bytes && !(letter = next_letter(text + *at, bytes - *at, &taken)))
        *at += taken;
    while (letter) {
        uint32_t room = *length < LONGEST_WORD ? *length : LONGEST_WORD;
        *length = room + (uint32_t)utf8_encode(letter, word + room);
        *at += taken;
        letter = *at < bytes ? next_letter(text + *at, bytes - *at, &taken) : 0;
    }
    return *length > 0;
}

void word_search_compile(const StringView *query, Arena *arena, WordSearch *out) {
    char word[LONGEST_WORD + FOLDED_BYTES];
    const char *text = stringview_data(query);
    uint32_t length;
    *out = (WordSearch){.count = 0};
    for (size_t at = 0;
         out->count < WORD_SEARCH_MOST && next_word(text, query->length, &at, word, &length);) {
        bool known = false;
        for (int i = 0; i < out->count && !known; i++)
            known = out->words[i].length == length && !memcmp(out->words[i].data, word, length);
        if (known) continue;
        out->words[out->count++] = (SearchWord){.data = arena_memdup(arena, word, length), .length = length};
        if (length > out->longest) out->longest = length;
    }
}

/* 0 = part of no word of ASCII alone; letters in lower case. */
static const uint8_t folded[256] = {
    ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4', ['5'] = '5', ['6'] = '6', ['7'] = '7',
    ['8'] = '8', ['9'] = '9', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd', ['e'] = 'e', ['f'] = 'f',
    ['g'] = 'g', ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k', ['l'] = 'l', ['m'] = 'm', ['n'] = 'n',
    ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r', ['s'] = 's', ['t'] = 't', ['u'] = 'u', ['v'] = 'v',
    ['w'] = 'w', ['x'] = 'x', ['y'] = 'y', ['z'] = 'z', ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd',
    ['E'] = 'e', ['F'] = 'f', ['G'] = 'g', ['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k', ['L'] = 'l',
    ['M'] = 'm', ['N'] = 'n', ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r', ['S'] = 's', ['T'] = 't',
    ['U'] = 'u', ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y', ['Z'] = 'z'};

static bool is_ascii(const char *text, size_t bytes) {
    unsigned char high = 0;
    for (size_t i = 0; i < bytes; i++)
        high |= (unsigned char)text[i];
    return high < 0x80;
}

static bool equals_folded(const char *text, const SearchWord *word) {
    for (uint32_t i = 0; i < word->length; i++)
        if (folded[(unsigned char)text[i]] != (unsigned char)word->data[i]) return false;
    return true;
}

/* Without decoding, which is most of the time there is. */
static bool matches_ascii(const WordSearch *search, const char *text, size_t bytes, uint32_t missing) {
    for (size_t at = 0; missing && at < bytes;) {
        while (at < bytes && !folded[(unsigned char)text[at]])
            at++;
        size_t start = at;
        while (at < bytes && folded[(unsigned char)text[at]])
            at++;
        if (at - start > search->longest) continue;
        for (int i = 0; i < search->count; i++)
            if (search->words[i].length == at - start && equals_folded(text + start, &search->words[i]))
                missing &= ~(UINT32_C(1) << i);
    }
    return !missing;
}

bool word_search_matches(const WordSearch *search, const StringView *view) {
    char word[LONGEST_WORD + FOLDED_BYTES];
    const char *text = stringview_data(view);
    uint32_t length, missing = search->count < 32 ? (UINT32_C(1) << search->count) - 1 : UINT32_MAX;
    if (!search->count) return false;
    if (is_ascii(text, view->length)) return matches_ascii(search, text, view->length, missing);
    for (size_t at = 0; missing && next_word(text, view->length, &at, word, &length);) {
        if (length > search->longest) continue;
        for (int i = 0; i < search->count; i++)
            if (search->words[i].length == length && !memcmp(search->words[i].data, word, length))
                missing &= ~(UINT32_C(1) << i);
    }
    return !missing;
}

/* The highest bit of each byte that is an ASCII letter or digit. */
static inline uint64_t letters_of(uint64_t bytes) {
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones * 0x80;
    uint64_t low = bytes & ~high, small = low | ones * 0x20;
    uint64_t digits = (low + ones * (0x80 - '0')) & ~(low + ones * (0x7F - '9'));
    uint64_t letters = (small + ones * (0x80 - 'a')) & ~(small + ones * (0x7F - 'z'));
    return (digits | letters) & ~bytes & high;
}

static inline uint64_t eight_bytes(const char *text, size_t left) {
    uint64_t bytes = 0;
    memcpy(&bytes, text, left < sizeof bytes ? left : sizeof bytes);
    return bytes;
}

/* The words of ASCII letters and digits, where others are no letters. Eight bytes at a time: a branch per
 * byte would be foreseen wrongly at the end of every word. */
static void each_ascii(const char *text, size_t bytes, WordNote *note, void *context) {
    char word[LONGEST_WORD + sizeof(uint64_t)];
    for (size_t at = 0, length = 0, taken; at < bytes; at += taken) {
        uint64_t eight = bytes - at >= sizeof eight ? eight_bytes(text + at, sizeof eight)
                                                    : eight_bytes(text + at, bytes - at);
        uint64_t others = ~letters_of(eight) & UINT64_C(0x8080808080808080);
        taken = others ? (size_t)__builtin_ctzll(others) / 8 : sizeof eight;
        uint64_t small = eight | UINT64_C(0x2020202020202020);
        if (length < LONGEST_WORD) memcpy(word + length, &small, sizeof small);
        length += taken;
        if (taken == sizeof eight && at + taken < bytes) continue;
        if (length && length <= LONGEST_WORD) note(context, word, (uint32_t)length);
        length = 0;
        taken += others ? 1 : 0;
    }
}

void word_search_each(const StringView *view, WordNote *note, void *context) {
    char word[LONGEST_WORD + FOLDED_BYTES];
    const char *text = stringview_data(view);
    uint32_t length;
    if (!view->length) return;
    each_ascii(text, view->length, note, context);
    if (is_ascii(text, view->length)) return;
    for (size_t at = 0; next_word(text, view->length, &at, word, &length);)
        if (length <= LONGEST_WORD) note(context, word, length);
}

const char *word_search_version(void) {
    return gnu_get_libc_version();
}

/* ---- search(text, words) ---------------------------------------------------------------------------------
 */

static Status search_bind(const Vector *const *constant_args, int arg_count, Arena *arena,
                          const void **bind_data, Error *err) {
    const Vector *query = constant_args[1];
    if (!query || vector_is_null(query, 0)) return STATUS_OK;
    WordSearch *search = ARENA_NEW(arena, WordSearch);
    word_search_compile(query->values, arena, search);
    *bind_data = search;
    return STATUS_OK;
}

static Status search_rows(const KernelCall *call, Error *err) {
    uint8_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        WordSearch own;
        const WordSearch *search = call->bind_data;
        if (!search) {
            word_search_compile(kernel_text(call, 1, row), call->arena, &own);
            search = &own;
        }
        out[row] = word_search_matches(search, kernel_text(call, 0, row));
    }
    return STATUS_OK;
}

static const ScalarFunction rows[] = {
    {.name = "search",
     .arg_count = 2,
     .args = {K_TEXT, K_TEXT},
     .result = K_BOOL,
     .strict = true,
     .null_on_error = true,
     .eval = search_rows,
     .bind = search_bind},
};

FunctionTable word_search_functions(void) {
    return KERNEL_TABLE(rows);
}
