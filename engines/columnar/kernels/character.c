#include "engines/columnar/kernels/character.h"

#include <locale.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

static locale_t locale;
static pthread_once_t locale_once = PTHREAD_ONCE_INIT;

static void open_locale(void) {
    locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!locale) locale = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
    if (!locale) abort();
}

uint32_t character_to_lower(uint32_t point) {
    if (point < 0x80) return point >= 'A' && point <= 'Z' ? point + 32 : point;
    pthread_once(&locale_once, open_locale);
    return (uint32_t)towlower_l((wint_t)point, locale);
}

uint32_t character_to_upper(uint32_t point) {
    if (point < 0x80) return point >= 'a' && point <= 'z' ? point - 32 : point;
    pthread_once(&locale_once, open_locale);
    return (uint32_t)towupper_l((wint_t)point, locale);
}

bool character_is(CharacterClass wanted, uint32_t point) {
    pthread_once(&locale_once, open_locale);
    wint_t c = (wint_t)point;
    switch (wanted) {
    case CHARACTER_ALNUM: return iswalnum_l(c, locale) != 0;
    case CHARACTER_ALPHA: return iswalpha_l(c, locale) != 0;
    case CHARACTER_ASCII: return point < 0x80;
    case CHARACTER_BLANK: return point == ' ' || point == '\t';
    case CHARACTER_CNTRL: return point < 0x20 || (point >= 0x7F && point < 0xA0);
    case CHARACTER_DIGIT: return iswdigit_l(c, locale) != 0;
    case CHARACTER_GRAPH: return iswgraph_l(c, locale) != 0;
    case CHARACTER_LOWER: return iswlower_l(c, locale) != 0;
    case CHARACTER_PRINT: return iswprint_l(c, locale) != 0;
    case CHARACTER_PUNCT: return iswpunct_l(c, locale) != 0;
    case CHARACTER_SPACE: return iswspace_l(c, locale) != 0;
    case CHARACTER_UPPER: return iswupper_l(c, locale) != 0;
    case CHARACTER_XDIGIT:
        return (point >= '0' && point <= '9') || ((point | 32) >= 'a' && (point | 32) <= 'f' && point < 0x80);
    default: return point == '_' || iswalnum_l(c, locale) != 0;
    }
}

static struct {
    CharacterRange *ranges;
    int count;
} classes[CHARACTER_CLASS_COUNT];
static pthread_mutex_t classes_lock = PTHREAD_MUTEX_INITIALIZER;

static void collect_ranges(CharacterClass wanted) {
    int capacity = 64, count = 0;
    CharacterRange *ranges = malloc(sizeof *ranges * (size_t)capacity);
    for (uint32_t point = 0; ranges && point <= CHARACTER_LAST; point++) {
        if (!character_is(wanted, point)) continue;
        if (count > 0 && ranges[count - 1].high + 1 == point) {
            ranges[count - 1].high = point;
            continue;
        }
        if (count == capacity) ranges = realloc(ranges, sizeof *ranges * (size_t)(capacity *= 2));
        if (ranges) ranges[count++] = (CharacterRange){point, point};
    }
    if (!ranges) abort();
    classes[wanted].ranges = ranges;
    classes[wanted].count = count;
}

const CharacterRange *character_ranges(CharacterClass wanted, int *count) {
    pthread_mutex_lock(&classes_lock);
    if (!classes[wanted].ranges) collect_ranges(wanted);
    pthread_mutex_unlock(&classes_lock);
    *count = classes[wanted].count;
    return classes[wanted].ranges;
}

int character_class_named(const uint32_t *name, int length) {
    static const char *const NAMES[CHARACTER_CLASS_COUNT] = {"alnum", "alpha", "ascii",  "blank", "cntrl",
                                                             "digit", "graph", "lower",  "print", "punct",
                                                             "space", "upper", "xdigit", "word"};
    for (int i = 0; i < CHARACTER_CLASS_COUNT; i++) {
        int at = 0;
        while (at < length && NAMES[i][at] && name[at] == (uint32_t)(unsigned char)NAMES[i][at])
            at++;
        if (at == length && !NAMES[i][at]) return i;
    }
    return -1;
}
