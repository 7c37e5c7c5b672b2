/* Shortest decimal of a float: the standard library's algorithm gives the digits, PostgreSQL's layout is made
 * here: plain from 1e-5 up to 1e15 (1e6 for float4), else scientific with at least two exponent digits. */
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "engines/base/float_text.h"

namespace {

struct Digits {
    char text[24];
    int count;
    int exponent; /* of the first digit */
};

size_t put(char *text, const char *word) {
    size_t length = strlen(word);
    memcpy(text, word, length);
    return length;
}

Digits split(const char *begin, const char *end) {
    Digits digits = {};
    const char *at = begin;
    for (; at < end && *at != 'e'; at++)
        if (*at != '.') digits.text[digits.count++] = *at;
    digits.exponent = at < end ? atoi(at + 1) : 0;
    return digits;
}

size_t lay_out(const Digits &digits, bool negative, int plain_limit, char *text) {
    char *next = text;
    if (negative) *next++ = '-';
    if (digits.exponent < -4 || digits.exponent >= plain_limit) {
        *next++ = digits.text[0];
        if (digits.count > 1) {
            *next++ = '.';
            memcpy(next, digits.text + 1, (size_t)digits.count - 1);
            next += digits.count - 1;
        }
        int exponent = digits.exponent < 0 ? -digits.exponent : digits.exponent;
        *next++ = 'e';
        *next++ = digits.exponent < 0 ? '-' : '+';
        if (exponent >= 100) *next++ = (char)('0' + exponent / 100);
        *next++ = (char)('0' + exponent / 10 % 10);
        *next++ = (char)('0' + exponent % 10);
        return (size_t)(next - text);
    }
    if (digits.exponent < 0) {
        *next++ = '0';
        *next++ = '.';
        for (int i = -1; i > digits.exponent; i--)
            *next++ = '0';
    }
    for (int i = 0; i < digits.count; i++) {
        if (i > 0 && i == digits.exponent + 1) *next++ = '.';
        *next++ = digits.text[i];
    }
    for (int i = digits.count; i <= digits.exponent; i++)
        *next++ = '0';
    return (size_t)(next - text);
}

/* PostgreSQL does not take a decimal that lies exactly half-way to the neighbouring float, although it would
 * be read back right; whole numbers beyond the mantissa are the only ones with such short half-way points.
 * Then more digits are taken. */
template <typename Float> bool is_half_way(const char *text, Float value) {
    long double read = strtold(text, nullptr);
    Float neighbour = std::nextafter(value, read > value ? INFINITY : Float(0));
    return read != value && (read - value) == (neighbour - read);
}

template <typename Float> size_t format(Float value, int plain_limit, char *text) {
    if (std::isnan(value)) return put(text, "NaN");
    if (std::isinf(value)) return put(text, value > 0 ? "Infinity" : "-Infinity");
    if (value == 0) return put(text, std::signbit(value) ? "-0" : "0");
    char scratch[48];
    Float positive = std::fabs(value);
    std::to_chars_result end =
        std::to_chars(scratch, scratch + sizeof scratch - 1, positive, std::chars_format::scientific);
    *end.ptr = 0; /* the exponent is read by atoi */
    const Float whole_limit = sizeof(Float) == 8 ? Float(9007199254740992) : Float(16777216);
    if (positive > whole_limit) {
        for (int digits = split(scratch, end.ptr).count; is_half_way(scratch, positive) && digits < 17;
             digits++) {
            end.ptr = scratch + snprintf(scratch, sizeof scratch, "%.*e", digits, (double)positive);
        }
    }
    return lay_out(split(scratch, end.ptr), value < 0, plain_limit, text);
}

} // namespace

size_t float8_format(double value, char *text) {
    return format(value, 15, text);
}
size_t float4_format(float value, char *text) {
    return format(value, 6, text);
}
