/* The common spellings of values, fast. Each takes a subset of what value_parse.h takes, and only spellings
 * that value_shape takes for the same type; false means "look closer". Texts are padded (TEXT_PADDING). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "engines/base/calendar.h"
#include "engines/base/power_of_ten.h"

static inline uint64_t fast_load8(const char *text) {
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return word;
}

/* 1 to 8 digits, the first being the lowest byte. */
static inline bool fast_digits8(const char *text, size_t length, uint64_t *out) {
    /* Zeros go in front: shifted in as the lowest bytes. */
    uint64_t word = fast_load8(text) << (8 - length) * 8;
    uint64_t zeros = length == 8 ? 0 : UINT64_C(0x3030303030303030) >> length * 8;
    word |= zeros;
    uint64_t high = (word + UINT64_C(0x4646464646464646)) | (word - UINT64_C(0x3030303030303030));
    if (high & UINT64_C(0x8080808080808080)) return false;
    word -= UINT64_C(0x3030303030303030);
    word = word * 10 + (word >> 8);
    word = ((word & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x000F424000000064) +
            ((word >> 16) & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x0000271000000001)) >>
           32;
    *out = word & UINT32_MAX;
    return true;
}

/* 1 to 18 digits. */
static inline bool fast_digits(const char *text, size_t length, uint64_t *out) {
    if (length <= 8) return length > 0 && fast_digits8(text, length, out);
    if (length > 18) return false;
    uint64_t value = 0;
    size_t head = length % 8;
    if (head && !fast_digits8(text, head, &value)) return false;
    for (size_t at = head; at < length; at += 8) {
        uint64_t part;
        if (!fast_digits8(text + at, 8, &part)) return false;
        value = value * 100000000 + part;
    }
    *out = value;
    return true;
}

static inline bool fast_integer(const char *text, size_t length, int64_t *out) {
    bool negative = *text == '-';
    uint64_t value;
    text += negative;
    length -= negative;
    if ((*text == '0' && length > 1) || !fast_digits(text, length, &value)) return false;
    *out = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

/* Digits with at most `scale` of them behind the point, 18 in all. */
static inline bool fast_decimal(const char *text, size_t length, int scale, int64_t *out) {
    bool negative = *text == '-';
    text += negative;
    length -= negative;
    uint64_t whole, fraction = 0;
    /* Most have as many places as the column has. */
    size_t point = scale > 0 && length > (size_t)scale + 1 && text[length - (size_t)scale - 1] == '.'
                       ? length - (size_t)scale - 1
                       : length;
    if (point == length) {
        const char *found = memchr(text, '.', length);
        if (found) point = (size_t)(found - text);
    }
    size_t places = point < length ? length - point - 1 : 0;
    if (point == 0 || point + (size_t)scale > 18 || places > (size_t)scale || (point < length && places == 0))
        return false;
    if ((*text == '0' && point > 1) || !fast_digits(text, point, &whole)) return false;
    if (places && !fast_digits(text + point + 1, places, &fraction)) return false;
    int64_t value = (int64_t)whole * (int64_t)power_of_ten[scale] +
                    (int64_t)fraction * (int64_t)power_of_ten[(size_t)scale - places];
    *out = negative ? -value : value;
    return true;
}

/* YYYY-MM-DD at the beginning. */
static inline bool fast_date(const char *text, int64_t *days) {
    static const uint8_t LENGTHS[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint64_t year, month, day;
    if (text[4] != '-' || text[7] != '-' || !fast_digits8(text, 4, &year) ||
        !fast_digits8(text + 5, 2, &month) || !fast_digits8(text + 8, 2, &day))
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > LENGTHS[month])
        return false; /* not 29 Feb. */
    *days = calendar_days_of((int64_t)year, (int)month, (int)day);
    return true;
}

/* YYYY-MM-DD[T ]HH:MM:SS[.1 to 6 digits], then Z or nothing. */
static inline bool fast_timestamp(const char *text, size_t length, int64_t *microseconds, bool *utc) {
    uint64_t hour, minute, second, fraction = 0;
    int64_t days;
    *utc = length > 0 && text[length - 1] == 'Z';
    length -= *utc;
    if (length < 19 || length == 20 || length > 26 || (text[10] != 'T' && text[10] != ' ') ||
        text[13] != ':' || text[16] != ':' || !fast_date(text, &days) || !fast_digits8(text + 11, 2, &hour) ||
        !fast_digits8(text + 14, 2, &minute) || !fast_digits8(text + 17, 2, &second) || hour > 23 ||
        minute > 59 || second > 59)
        return false;
    if (length > 19) {
        if (text[19] != '.' || !fast_digits8(text + 20, length - 20, &fraction)) return false;
        for (size_t digits = length - 20; digits < 6; digits++)
            fraction *= 10;
    }
    *microseconds = days * INT64_C(86400000000) + ((int64_t)(hour * 3600 + minute * 60 + second)) * 1000000 +
                    (int64_t)fraction;
    return true;
}

/* A number of up to 15 digits whose power of ten is exact: one division or multiplication rounds right. */
static inline bool fast_double(const char *text, size_t length, double *out) {
    static const double POWERS[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    bool negative = *text == '-';
    text += negative;
    length -= negative;
    const char *found = memchr(text, '.', length);
    size_t point = found ? (size_t)(found - text) : length, places = found ? length - point - 1 : 0;
    uint64_t whole, fraction = 0;
    if (point == 0 || (found && places == 0) || point + places > 15 || (*text == '0' && point > 1) ||
        !fast_digits(text, point, &whole) || (places && !fast_digits(text + point + 1, places, &fraction)))
        return false;
    double value = (double)(whole * (uint64_t)POWERS[places] + fraction) / POWERS[places];
    *out = negative ? -value : value;
    return true;
}
