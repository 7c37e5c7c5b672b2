/* String functions. Positions and lengths count characters (code points); results that are a part of their
 * argument point into it instead of copying. Case is mapped code point by code point, as the
 * locale C.UTF-8 has it. */
#include "engines/columnar/kernels/text_kernels.h"

#include <utf8proc.h>

#include "engines/base/utf8.h"
#include "engines/columnar/kernels/character.h"

static bool all_ascii(const char *data, size_t length) {
    unsigned char high = 0;
    for (size_t i = 0; i < length; i++)
        high |= (unsigned char)data[i];
    return high < 0x80;
}

StringView text_slice(const StringView *text, int64_t start, int64_t count) {
    const char *data = stringview_data(text);
    size_t length = text->length;
    if (count <= 0) return stringview_make("", 0);
    if (all_ascii(data, length)) {
        size_t from = (uint64_t)start < length ? (size_t)start : length;
        size_t bytes = (uint64_t)count < length - from ? (size_t)count : length - from;
        return stringview_make(data + from, (uint32_t)bytes);
    }
    size_t from = utf8_offset_of(data, length, (size_t)start);
    size_t bytes = utf8_offset_of(data + from, length - from, (size_t)count);
    return stringview_make(data + from, (uint32_t)bytes);
}

static int64_t text_characters(const StringView *text) {
    return (int64_t)utf8_count(stringview_data(text), text->length);
}

/* ---- lengths and codes
 * ------------------------------------------------------------------------------------------------- */

static Status text_length(const KernelCall *call, Error *err) {
    int32_t *out = call->out->values;
    KERNEL_ROWS(call, row) out[row] = (int32_t)text_characters(kernel_text(call, 0, row));
    return STATUS_OK;
}
static Status bpchar_length(const KernelCall *call, Error *err) {
    int32_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *text = kernel_text(call, 0, row);
        size_t length = text->length;
        while (length > 0 && stringview_data(text)[length - 1] == ' ')
            length--;
        out[row] = (int32_t)utf8_count(stringview_data(text), length);
    }
    return STATUS_OK;
}
static Status text_octets(const KernelCall *call, Error *err) {
    int32_t *out = call->out->values;
    KERNEL_ROWS(call, row) out[row] = (int32_t)kernel_text(call, 0, row)->length;
    return STATUS_OK;
}
static Status text_bits(const KernelCall *call, Error *err) {
    int32_t *out = call->out->values;
    KERNEL_ROWS(call, row) out[row] = (int32_t)kernel_text(call, 0, row)->length * 8;
    return STATUS_OK;
}
static Status text_ascii(const KernelCall *call, Error *err) {
    int32_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *text = kernel_text(call, 0, row);
        utf8proc_int32_t point = 0;
        if (text->length > 0)
            utf8proc_iterate((const utf8proc_uint8_t *)stringview_data(text), text->length, &point);
        out[row] = point;
    }
    return STATUS_OK;
}
static Status text_chr(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int32_t point = KERNEL_ARG(call, 0, int32_t, row);
        utf8proc_uint8_t bytes[4];
        if (point == 0) return error_set(err, SQLSTATE_PROGRAM_LIMIT, "null character not permitted");
        if (point < 0) return error_set(err, SQLSTATE_INVALID_PARAMETER, "character number must be positive");
        if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000))
            return error_set(err, SQLSTATE_PROGRAM_LIMIT, "requested character %s for encoding: %d",
                             point > 0x10FFFF ? "too large" : "not valid", point);
        out[row] = stringview_make((const char *)bytes, (uint32_t)utf8proc_encode_char(point, bytes));
    }
    return STATUS_OK;
}

/* ---- case
 * ----------------------------------------------------------------------------------------------------------------
 */

typedef enum CaseMapping { CASE_LOWER, CASE_UPPER, CASE_INITIAL } CaseMapping;

/* Letters of one case to the other; the loop has no branches, so it runs on whole registers. */
static void map_ascii(const char *restrict from, char *restrict to, size_t length, char first_letter) {
    for (size_t i = 0; i < length; i++)
        to[i] = (char)(from[i] ^ ((unsigned char)(from[i] - first_letter) < 26 ? 0x20 : 0));
}

static void map_ascii_words(const char *restrict from, char *restrict to, size_t length) {
    bool in_word = false;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)from[i], folded = c | 0x20;
        bool letter = (unsigned char)(folded - 'a') < 26;
        to[i] = (char)(letter ? (in_word ? folded : folded ^ 0x20) : c);
        in_word = letter || (unsigned char)(c - '0') < 10;
    }
}

static uint32_t map_case(uint32_t point, CaseMapping mapping, bool *in_word) {
    bool upper = mapping == CASE_UPPER || (mapping == CASE_INITIAL && !*in_word);
    *in_word = mapping == CASE_INITIAL && character_is(CHARACTER_ALNUM, point);
    return upper ? character_to_upper(point) : character_to_lower(point);
}

static StringView map_text(const StringView *text, CaseMapping mapping, Arena *arena) {
    const utf8proc_uint8_t *data = (const utf8proc_uint8_t *)stringview_data(text);
    if (all_ascii((const char *)data, text->length)) {
        char inlined[12], *room = text->length > 12 ? arena_alloc(arena, text->length) : inlined;
        if (mapping == CASE_INITIAL)
            map_ascii_words((const char *)data, room, text->length);
        else
            map_ascii((const char *)data, room, text->length, mapping == CASE_LOWER ? 'A' : 'a');
        return stringview_make(room, text->length);
    }
    utf8proc_uint8_t *room = arena_alloc(arena, (size_t)text->length * 3 + 4), *next = room;
    bool in_word = false;
    for (utf8proc_ssize_t at = 0, length = text->length; at < length;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t used = utf8proc_iterate(data + at, length - at, &point);
        if (used <= 0) {
            *next++ = data[at++];
            continue;
        }
        at += used;
        point = (utf8proc_int32_t)map_case((uint32_t)point, mapping, &in_word);
        next += utf8proc_encode_char(point, next);
    }
    return stringview_make((const char *)room, (uint32_t)(next - room));
}

KERNEL_INLINE Status map_rows(const KernelCall *call, CaseMapping mapping) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) out[row] = map_text(kernel_text(call, 0, row), mapping, call->arena);
    return STATUS_OK;
}
static Status text_lower(const KernelCall *call, Error *err) {
    return map_rows(call, CASE_LOWER);
}
static Status text_upper(const KernelCall *call, Error *err) {
    return map_rows(call, CASE_UPPER);
}
static Status text_initcap(const KernelCall *call, Error *err) {
    return map_rows(call, CASE_INITIAL);
}

/* ---- parts
 * ---------------------------------------------------------------------------------------------------------------
 */

static Status text_substring(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int64_t start = (int64_t)KERNEL_ARG(call, 1, int32_t, row) - 1, end = INT64_MAX / 2;
        if (call->arg_count == 3) {
            int64_t count = KERNEL_ARG(call, 2, int32_t, row);
            if (count < 0) return error_set(err, "22011", "negative substring length not allowed");
            end = start + count;
        }
        int64_t from = start < 0 ? 0 : start;
        out[row] = text_slice(kernel_text(call, 0, row), from, end - from);
    }
    return STATUS_OK;
}
static Status text_left(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *text = kernel_text(call, 0, row);
        int64_t count = KERNEL_ARG(call, 1, int32_t, row);
        out[row] = text_slice(text, 0, count < 0 ? text_characters(text) + count : count);
    }
    return STATUS_OK;
}
static Status text_right(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *text = kernel_text(call, 0, row);
        int64_t count = KERNEL_ARG(call, 1, int32_t, row), characters = text_characters(text);
        int64_t start = count < 0 ? -count : characters - count;
        out[row] = text_slice(text, start < 0 ? 0 : start, characters);
    }
    return STATUS_OK;
}

/* Is the character of `bytes` bytes at `at` one of those in `set`? */
static bool in_set(const char *at, size_t bytes, const StringView *set) {
    const char *data = stringview_data(set);
    for (size_t i = 0; i < set->length;) {
        size_t width = utf8_sequence_length(data + i, set->length - i);
        width = width ? width : 1;
        if (width == bytes && memcmp(data + i, at, bytes) == 0) return true;
        i += width;
    }
    return false;
}

KERNEL_INLINE Status trim_rows(const KernelCall *call, bool left, bool right) {
    StringView *out = call->out->values, blank = stringview_make(" ", 1);
    KERNEL_ROWS(call, row) {
        const StringView *text = kernel_text(call, 0, row);
        const StringView *set = call->arg_count == 2 ? kernel_text(call, 1, row) : &blank;
        const char *start = stringview_data(text), *end = start + text->length;
        while (left && start < end) {
            size_t width = utf8_sequence_length(start, (size_t)(end - start));
            width = width ? width : 1;
            if (!in_set(start, width, set)) break;
            start += width;
        }
        while (right && start < end) {
            const char *last = end - 1;
            while (last > start && ((unsigned char)*last & 0xC0) == 0x80)
                last--;
            if (!in_set(last, (size_t)(end - last), set)) break;
            end = last;
        }
        out[row] = stringview_make(start, (uint32_t)(end - start));
    }
    return STATUS_OK;
}
static Status text_btrim(const KernelCall *call, Error *err) {
    return trim_rows(call, true, true);
}
static Status text_ltrim(const KernelCall *call, Error *err) {
    return trim_rows(call, true, false);
}
static Status text_rtrim(const KernelCall *call, Error *err) {
    return trim_rows(call, false, true);
}

/* Byte offset of `needle` in `data` from `from`, or -1. */
static int64_t find_bytes(const char *data, size_t length, size_t from, const StringView *needle) {
    if (from > length || needle->length > length - from) return -1;
    const char *found = memmem(data + from, length - from, stringview_data(needle), needle->length);
    return found ? found - data : -1;
}

static Status text_position(const KernelCall *call, Error *err) {
    int32_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *text = kernel_text(call, 0, row);
        int64_t at = find_bytes(stringview_data(text), text->length, 0, kernel_text(call, 1, row));
        out[row] = at < 0 ? 0 : (int32_t)utf8_count(stringview_data(text), (size_t)at) + 1;
    }
    return STATUS_OK;
}
static Status text_starts_with(const KernelCall *call, Error *err) {
    uint8_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *text = kernel_text(call, 0, row), *prefix = kernel_text(call, 1, row);
        out[row] = prefix->length <= text->length &&
                   memcmp(stringview_data(text), stringview_data(prefix), prefix->length) == 0;
    }
    return STATUS_OK;
}

static StringView part_of(const StringView *text, const StringView *separator, int64_t wanted) {
    const char *data = stringview_data(text);
    if (separator->length == 0) return wanted == 1 || wanted == -1 ? *text : stringview_make("", 0);
    int64_t parts = 1;
    for (int64_t at = 0; wanted < 0 && (at = find_bytes(data, text->length, (size_t)at, separator)) >= 0;) {
        parts++;
        at += separator->length;
    }
    wanted = wanted < 0 ? parts + wanted + 1 : wanted;
    int64_t start = 0;
    for (int64_t part = 1; wanted > 0; part++) {
        int64_t end = find_bytes(data, text->length, (size_t)start, separator);
        if (part == wanted)
            return stringview_make(data + start, (uint32_t)((end < 0 ? (int64_t)text->length : end) - start));
        if (end < 0) break;
        start = end + separator->length;
    }
    return stringview_make("", 0);
}
static Status text_split_part(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int32_t wanted = KERNEL_ARG(call, 2, int32_t, row);
        if (wanted == 0) return error_set(err, SQLSTATE_INVALID_PARAMETER, "field position must not be zero");
        out[row] = part_of(kernel_text(call, 0, row), kernel_text(call, 1, row), wanted);
    }
    return STATUS_OK;
}

/* ---- new strings
 * ------------------------------------------------------------------------------------------------------ */

/* PostgreSQL's limit on one value. */
static Status check_size(int64_t bytes, Error *err) {
    return bytes <= KERNEL_MOST_VALUE_BYTES
               ? STATUS_OK
               : error_set(err, SQLSTATE_PROGRAM_LIMIT, "requested length too large");
}

static Status text_concatenate(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *a = kernel_text(call, 0, row), *b = kernel_text(call, 1, row);
        char inlined[12], *room = inlined;
        if ((uint64_t)a->length + b->length > 12) {
            TRY(check_size((int64_t)a->length + b->length, err));
            TRY(kernel_room(call->arena, (size_t)a->length + b->length, err));
            room = arena_alloc(call->arena, (size_t)a->length + b->length);
        }
        memcpy(room, stringview_data(a), a->length);
        memcpy(room + a->length, stringview_data(b), b->length);
        out[row] = stringview_make(room, a->length + b->length);
    }
    return STATUS_OK;
}

static Status text_repeat(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *text = kernel_text(call, 0, row);
        int64_t count = KERNEL_ARG(call, 1, int32_t, row);
        count = count < 0 ? 0 : count;
        TRY(check_size(count * text->length, err));
        TRY(kernel_room(call->arena, (size_t)count * text->length, err));
        char *room = arena_alloc(call->arena, (size_t)count * text->length + 1);
        for (int64_t i = 0; i < count; i++)
            memcpy(room + (size_t)i * text->length, stringview_data(text), text->length);
        out[row] = stringview_make(room, (uint32_t)count * text->length);
    }
    return STATUS_OK;
}

static Status text_replace(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    StrBuf buffer;
    strbuf_init(&buffer);
    KERNEL_ROWS(call, row) {
        const StringView *text = kernel_text(call, 0, row), *from = kernel_text(call, 1, row);
        const StringView *to = kernel_text(call, 2, row);
        const char *data = stringview_data(text);
        int64_t at = 0, found = from->length ? find_bytes(data, text->length, 0, from) : -1;
        if (found < 0) {
            out[row] = *text;
            continue;
        }
        strbuf_reset(&buffer);
        for (; found >= 0 && buffer.length <= KERNEL_MOST_VALUE_BYTES;
             found = find_bytes(data, text->length, (size_t)at, from)) {
            strbuf_append(&buffer, data + at, (size_t)(found - at));
            strbuf_append(&buffer, stringview_data(to), to->length);
            at = found + from->length;
        }
        strbuf_append(&buffer, data + at, text->length - (size_t)at);
        out[row] = kernel_string(call, strbuf_text(&buffer), buffer.length);
    }
    strbuf_deinit(&buffer);
    return STATUS_OK;
}

/* Fills `count` characters by cycling through `fill`. */
static void append_fill(StrBuf *buffer, const StringView *fill, int64_t count) {
    const char *data = stringview_data(fill);
    if (fill->length == 1) {
        strbuf_grow(buffer, (size_t)count);
        memset(buffer->data + buffer->length, *data, (size_t)count);
        buffer->length += (size_t)count;
        buffer->data[buffer->length] = 0;
        return;
    }
    for (size_t at = 0; count > 0; count--) {
        size_t width = utf8_sequence_length(data + at, fill->length - at);
        width = width ? width : 1;
        strbuf_append(buffer, data + at, width);
        at = at + width >= fill->length ? 0 : at + width;
    }
}
KERNEL_INLINE Status pad_rows(const KernelCall *call, bool left, Error *err) {
    StringView *out = call->out->values, blank = stringview_make(" ", 1);
    StrBuf buffer;
    strbuf_init(&buffer);
    Status status = STATUS_OK;
    for (int k = 0, n = kernel_selected(call); k < n && status == STATUS_OK; k++) {
        int row = kernel_row(call, k);
        if (!kernel_valid(call, row)) continue;
        const StringView *text = kernel_text(call, 0, row);
        const StringView *fill = call->arg_count == 3 ? kernel_text(call, 2, row) : &blank;
        int64_t wanted = KERNEL_ARG(call, 1, int32_t, row), missing = wanted - text_characters(text);
        if (missing <= 0 || fill->length == 0) {
            out[row] = text_slice(text, 0, wanted);
            continue;
        }
        status = check_size(missing * 4 + text->length, err);
        if (status == STATUS_OK) status = kernel_room(call->arena, (size_t)missing + text->length, err);
        if (status != STATUS_OK) break;
        strbuf_reset(&buffer);
        if (!left) strbuf_append(&buffer, stringview_data(text), text->length);
        append_fill(&buffer, fill, missing);
        if (left) strbuf_append(&buffer, stringview_data(text), text->length);
        out[row] = kernel_string(call, strbuf_text(&buffer), buffer.length);
    }
    strbuf_deinit(&buffer);
    return status;
}
static Status text_lpad(const KernelCall *call, Error *err) {
    return pad_rows(call, true, err);
}
static Status text_rpad(const KernelCall *call, Error *err) {
    return pad_rows(call, false, err);
}

static Status text_reverse(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *text = kernel_text(call, 0, row);
        const char *data = stringview_data(text);
        TRY(kernel_room(call->arena, text->length, err));
        char *room = arena_alloc(call->arena, (size_t)text->length + 1), *next = room + text->length;
        for (size_t at = 0; at < text->length;) {
            size_t width = utf8_sequence_length(data + at, text->length - at);
            width = width ? width : 1;
            next -= width;
            memcpy(next, data + at, width);
            at += width;
        }
        out[row] = stringview_make(room, text->length);
    }
    return STATUS_OK;
}

/* Each character of `from` becomes the one at its place in `to`, or vanishes where `to` is shorter. */
static Status text_translate(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    StrBuf buffer;
    strbuf_init(&buffer);
    KERNEL_ROWS(call, row) {
        const StringView *text = kernel_text(call, 0, row), *from = kernel_text(call, 1, row);
        const StringView *to = kernel_text(call, 2, row);
        strbuf_reset(&buffer);
        for (size_t at = 0; at < text->length;) {
            const char *data = stringview_data(text) + at, *set = stringview_data(from);
            size_t width = utf8_sequence_length(data, text->length - at), index = 0, i = 0;
            width = width ? width : 1;
            at += width;
            for (; i < from->length; index++) {
                size_t bytes = utf8_sequence_length(set + i, from->length - i);
                bytes = bytes ? bytes : 1;
                if (bytes == width && memcmp(set + i, data, width) == 0) break;
                i += bytes;
            }
            if (i >= from->length) {
                strbuf_append(&buffer, data, width);
            } else {
                StringView target = text_slice(to, (int64_t)index, 1);
                strbuf_append(&buffer, stringview_data(&target), target.length);
            }
        }
        out[row] = kernel_string(call, strbuf_text(&buffer), buffer.length);
    }
    strbuf_deinit(&buffer);
    return STATUS_OK;
}

static Status text_overlay(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *text = kernel_text(call, 0, row), *with = kernel_text(call, 1, row);
        int64_t start = KERNEL_ARG(call, 2, int32_t, row);
        int64_t count = call->arg_count == 4 ? KERNEL_ARG(call, 3, int32_t, row) : text_characters(with);
        if (start <= 0) return error_set(err, "22011", "negative substring length not allowed");
        if (start + count != (int32_t)(start + count))
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "integer out of range");
        StringView before = text_slice(text, 0, start - 1);
        int64_t resume = start - 1 + count;
        StringView after = text_slice(text, resume < 0 ? 0 : resume, INT32_MAX);
        size_t bytes = (size_t)before.length + with->length + after.length;
        TRY(kernel_room(call->arena, bytes, err));
        char *room = arena_alloc(call->arena, bytes + 1);
        memcpy(room, stringview_data(&before), before.length);
        memcpy(room + before.length, stringview_data(with), with->length);
        memcpy(room + before.length + with->length, stringview_data(&after), after.length);
        out[row] = stringview_make(room, (uint32_t)bytes);
    }
    return STATUS_OK;
}

static Status hex_rows(const KernelCall *call, bool wide) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) {
        uint64_t value =
            wide ? (uint64_t)KERNEL_ARG(call, 0, int64_t, row) : (uint32_t)KERNEL_ARG(call, 0, int32_t, row);
        char text[16], *next = text + sizeof text;
        do
            *--next = "0123456789abcdef"[value & 15];
        while (value >>= 4);
        out[row] = kernel_string(call, next, (size_t)(text + sizeof text - next));
    }
    return STATUS_OK;
}
static Status text_hex_i32(const KernelCall *call, Error *err) {
    return hex_rows(call, false);
}
static Status text_hex_i64(const KernelCall *call, Error *err) {
    return hex_rows(call, true);
}

static Status text_quote_literal(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *text = kernel_text(call, 0, row);
        const char *data = stringview_data(text);
        TRY(kernel_room(call->arena, (size_t)text->length, err));
        char *room = arena_alloc(call->arena, (size_t)text->length * 2 + 3), *next = room;
        if (memchr(data, '\\', text->length)) *next++ = 'E';
        *next++ = '\'';
        for (uint32_t i = 0; i < text->length; i++) {
            if (data[i] == '\'' || data[i] == '\\') *next++ = data[i];
            *next++ = data[i];
        }
        *next++ = '\'';
        out[row] = stringview_make(room, (uint32_t)(next - room));
    }
    return STATUS_OK;
}

/* ---- concat, concat_ws: NULLs are left out, other types come in their output form
 * ------------------------------------------ */

Status text_of_argument(const KernelCall *call, int index, bool output_form, Vector *out, Error *err) {
    const Vector *from = &call->args[index];
    *out = *from;
    if (physical_type_of(from->type) == PHYS_STRING && from->type.id != SQL_BYTEA &&
        from->type.id != SQL_UUID)
        return STATUS_OK;
    const ScalarFunction *cast = cast_function(from->type, sqltype_of(SQL_TEXT), CAST_EXPLICIT);
    if (!cast) return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "text of this type in concat");
    KernelCall inner = *call;
    bool constant = kernel_is_constant(from);
    inner.args = from;
    inner.arg_count = 1;
    inner.row_count = constant ? 1 : call->row_count;
    inner.selection = constant ? NULL : call->selection;
    inner.selected = constant ? 1 : kernel_selected(call);
    inner.out = out;
    vector_init_flat(out, sqltype_of(SQL_TEXT), inner.row_count > 0 ? inner.row_count : 1, call->arena);
    out->validity = from->validity;
    TRY(cast->eval(&inner, err));
    out->encoding = from->encoding;
    for (int row = 0; output_form && from->type.id == SQL_BOOL && row < inner.row_count; row++)
        ((StringView *)out->values)[row] =
            stringview_make(((const uint8_t *)from->values)[row] ? "t" : "f", 1);
    return STATUS_OK;
}

static void join_row(const Vector *parts, int first, int count, int row, bool separated, StrBuf *buffer) {
    bool any = false;
    for (int i = first; i < count; i++) {
        if (vector_is_null(&parts[i], row)) continue;
        const StringView *part = &((const StringView *)parts[i].values)[kernel_index(&parts[i], row)];
        const StringView *between = &((const StringView *)parts[0].values)[kernel_index(&parts[0], row)];
        if (separated && any) strbuf_append(buffer, stringview_data(between), between->length);
        strbuf_append(buffer, stringview_data(part), part->length);
        any = true;
    }
}

KERNEL_INLINE Status join_rows(const KernelCall *call, bool separated, Error *err) {
    StringView *out = call->out->values;
    Vector *parts = arena_alloc(call->arena, sizeof *parts * (size_t)call->arg_count);
    for (int i = 0; i < call->arg_count; i++)
        TRY(text_of_argument(call, i, true, &parts[i], err));
    StrBuf buffer;
    strbuf_init(&buffer);
    for (int k = 0, n = kernel_selected(call); k < n; k++) {
        int row = kernel_row(call, k);
        out[row] = stringview_make("", 0);
        if (separated && vector_is_null(&parts[0], row)) {
            kernel_set_null(call, row);
            continue;
        }
        strbuf_reset(&buffer);
        join_row(parts, separated, call->arg_count, row, separated, &buffer);
        out[row] = kernel_string(call, strbuf_text(&buffer), buffer.length);
    }
    strbuf_deinit(&buffer);
    return STATUS_OK;
}
static Status text_concat(const KernelCall *call, Error *err) {
    return join_rows(call, false, err);
}
static Status text_concat_ws(const KernelCall *call, Error *err) {
    return join_rows(call, true, err);
}

/* text || anything and anything || text */
static Status text_concatenate_any(const KernelCall *call, Error *err) {
    Vector parts[2];
    TRY(text_of_argument(call, 0, false, &parts[0], err));
    TRY(text_of_argument(call, 1, false, &parts[1], err));
    KernelCall inner = *call;
    inner.args = parts;
    return text_concatenate(&inner, err);
}

#define T K_TEXT
#define I K_INT4

static const ScalarFunction rows[] = {
    KERNEL_FN_RAISES("||", text_concatenate, T, T, T),
    KERNEL_FN_RAISES("||", text_concatenate_any, T, T, K_ANY),
    KERNEL_FN_RAISES("||", text_concatenate_any, T, K_ANY, T),
    KERNEL_FN_RAISES("||", text_concatenate, K_BYTEA, K_BYTEA, K_BYTEA),
    KERNEL_FN("length", text_length, I, T),
    KERNEL_FN("char_length", text_length, I, T),
    KERNEL_FN("character_length", text_length, I, T),
    KERNEL_FN("length", bpchar_length, I, K_BPCHAR),
    KERNEL_FN("char_length", bpchar_length, I, K_BPCHAR),
    KERNEL_FN("character_length", bpchar_length, I, K_BPCHAR),
    KERNEL_FN("length", text_octets, I, K_BYTEA),
    KERNEL_FN("octet_length", text_octets, I, T),
    KERNEL_FN("octet_length", text_octets, I, K_BPCHAR),
    KERNEL_FN("octet_length", text_octets, I, K_BYTEA),
    KERNEL_FN("bit_length", text_bits, I, T),
    KERNEL_FN("bit_length", text_bits, I, K_BYTEA),
    KERNEL_FN("ascii", text_ascii, I, T),
    KERNEL_FN_RAISES("chr", text_chr, T, I),
    KERNEL_FN("lower", text_lower, T, T),
    KERNEL_FN("upper", text_upper, T, T),
    KERNEL_FN("initcap", text_initcap, T, T),
    KERNEL_FN_RAISES("substring", text_substring, T, T, I, I),
    KERNEL_FN_RAISES("substring", text_substring, T, T, I),
    KERNEL_FN_RAISES("substr", text_substring, T, T, I, I),
    KERNEL_FN_RAISES("substr", text_substring, T, T, I),
    KERNEL_FN("left", text_left, T, T, I),
    KERNEL_FN("right", text_right, T, T, I),
    KERNEL_FN("btrim", text_btrim, T, T, T),
    KERNEL_FN("btrim", text_btrim, T, T),
    KERNEL_FN("ltrim", text_ltrim, T, T, T),
    KERNEL_FN("ltrim", text_ltrim, T, T),
    KERNEL_FN("rtrim", text_rtrim, T, T, T),
    KERNEL_FN("rtrim", text_rtrim, T, T),
    KERNEL_FN_RAISES("lpad", text_lpad, T, T, I, T),
    KERNEL_FN_RAISES("lpad", text_lpad, T, T, I),
    KERNEL_FN_RAISES("rpad", text_rpad, T, T, I, T),
    KERNEL_FN_RAISES("rpad", text_rpad, T, T, I),
    KERNEL_FN("replace", text_replace, T, T, T, T),
    KERNEL_FN("position", text_position, I, T, T),
    KERNEL_FN("strpos", text_position, I, T, T),
    KERNEL_FN_RAISES("split_part", text_split_part, T, T, T, I),
    KERNEL_FN("reverse", text_reverse, T, T),
    KERNEL_FN_RAISES("repeat", text_repeat, T, T, I),
    KERNEL_FN("starts_with", text_starts_with, K_BOOL, T, T),
    KERNEL_FN("^@", text_starts_with, K_BOOL, T, T),
    KERNEL_FN("translate", text_translate, T, T, T, T),
    KERNEL_FN_RAISES("overlay", text_overlay, T, T, T, I, I),
    KERNEL_FN_RAISES("overlay", text_overlay, T, T, T, I),
    KERNEL_FN("to_hex", text_hex_i32, T, I),
    KERNEL_FN("to_hex", text_hex_i64, T, K_INT8),
    KERNEL_FN("quote_literal", text_quote_literal, T, T),
    {.name = "concat",
     .arg_count = 1,
     .variadic = true,
     .args = {K_ANY},
     .result = T,
     .null_on_error = true,
     .eval = text_concat},
    {.name = "concat_ws",
     .arg_count = 2,
     .variadic = true,
     .args = {T, K_ANY},
     .result = T,
     .null_on_error = true,
     .eval = text_concat_ws},
};

FunctionTable text_functions(void) {
    return KERNEL_TABLE(rows);
}
