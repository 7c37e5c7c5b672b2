/* Functions of byte strings: parts, positions, single bytes and bits, LIKE. Parts of a string point into
 * it. */
#include "engines/columnar/kernels/kernel.h"

static StringView bytes_part(const StringView *bytes, int64_t start, int64_t end) {
    if (start < 0) start = 0;
    if (end > (int64_t)bytes->length) end = bytes->length;
    if (end <= start) return stringview_make("", 0);
    return stringview_make(stringview_data(bytes) + start, (uint32_t)(end - start));
}

static Status negative_length(Error *err) {
    return error_set(err, "22011", "negative substring length not allowed");
}

static Status bytes_substring(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int64_t start = KERNEL_ARG(call, 1, int32_t, row), end = INT64_MAX;
        if (call->arg_count > 2) {
            int64_t count = KERNEL_ARG(call, 2, int32_t, row);
            if (count < 0) return negative_length(err);
            end = start - 1 + count;
        }
        out[row] = bytes_part(kernel_text(call, 0, row), start - 1, end);
    }
    return STATUS_OK;
}

static Status bytes_overlay(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *bytes = kernel_text(call, 0, row), *new_bytes = kernel_text(call, 1, row);
        int64_t start = KERNEL_ARG(call, 2, int32_t, row);
        int64_t count = call->arg_count > 3 ? KERNEL_ARG(call, 3, int32_t, row) : (int64_t)new_bytes->length;
        if (start <= 0) return negative_length(err);
        if (start + count != (int32_t)(start + count))
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "integer out of range");
        StringView head = bytes_part(bytes, 0, start - 1),
                   tail = bytes_part(bytes, start + count - 1, INT64_MAX);
        size_t length = (size_t)head.length + new_bytes->length + tail.length;
        TRY(kernel_room(call->arena, length, err));
        char *data = arena_alloc(call->arena, length + 1);
        memcpy(data, stringview_data(&head), head.length);
        memcpy(data + head.length, stringview_data(new_bytes), new_bytes->length);
        memcpy(data + head.length + new_bytes->length, stringview_data(&tail), tail.length);
        out[row] = stringview_make(data, (uint32_t)length);
    }
    return STATUS_OK;
}

static Status bytes_position(const KernelCall *call, Error *err) {
    int32_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *bytes = kernel_text(call, 0, row), *wanted = kernel_text(call, 1, row);
        const char *data = stringview_data(bytes);
        const char *found =
            wanted->length == 0 ? data : memmem(data, bytes->length, stringview_data(wanted), wanted->length);
        out[row] = found ? (int32_t)(found - data) + 1 : 0;
    }
    return STATUS_OK;
}

KERNEL_INLINE Status trim_bytes(const KernelCall *call, bool left, bool right) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *bytes = kernel_text(call, 0, row), *set = kernel_text(call, 1, row);
        const char *data = stringview_data(bytes), *members = stringview_data(set);
        int64_t start = 0, end = bytes->length;
        while (left && start < end && memchr(members, data[start], set->length))
            start++;
        while (right && end > start && memchr(members, data[end - 1], set->length))
            end--;
        out[row] = bytes_part(bytes, start, end);
    }
    return STATUS_OK;
}
static Status bytes_btrim(const KernelCall *call, Error *err) {
    return trim_bytes(call, true, true);
}
static Status bytes_ltrim(const KernelCall *call, Error *err) {
    return trim_bytes(call, true, false);
}
static Status bytes_rtrim(const KernelCall *call, Error *err) {
    return trim_bytes(call, false, true);
}

/* ---- bytes and bits
 * ----------------------------------------------------------------------------------------------- */

static Status check_index(int64_t index, int64_t count, Error *err) {
    if (index >= 0 && index < count) return STATUS_OK;
    return error_set(err, "2202E", "index %lld out of valid range, 0..%lld", (long long)index,
                     (long long)count - 1);
}

static Status bytes_get_byte(const KernelCall *call, Error *err) {
    int32_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *bytes = kernel_text(call, 0, row);
        int32_t index = KERNEL_ARG(call, 1, int32_t, row);
        TRY(check_index(index, bytes->length, err));
        out[row] = (unsigned char)stringview_data(bytes)[index];
    }
    return STATUS_OK;
}
static Status bytes_get_bit(const KernelCall *call, Error *err) {
    int32_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *bytes = kernel_text(call, 0, row);
        int64_t index = KERNEL_ARG(call, 1, int64_t, row);
        TRY(check_index(index, (int64_t)bytes->length * 8, err));
        out[row] = (unsigned char)stringview_data(bytes)[index / 8] >> index % 8 & 1;
    }
    return STATUS_OK;
}
static Status bytes_set_byte(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *bytes = kernel_text(call, 0, row);
        int32_t index = KERNEL_ARG(call, 1, int32_t, row);
        TRY(check_index(index, bytes->length, err));
        char *data = arena_memdup(call->arena, stringview_data(bytes), bytes->length);
        data[index] = (char)KERNEL_ARG(call, 2, int32_t, row);
        out[row] = stringview_make(data, bytes->length);
    }
    return STATUS_OK;
}
static Status bytes_set_bit(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *bytes = kernel_text(call, 0, row);
        int64_t index = KERNEL_ARG(call, 1, int64_t, row);
        int32_t bit = KERNEL_ARG(call, 2, int32_t, row);
        TRY(check_index(index, (int64_t)bytes->length * 8, err));
        if (bit != 0 && bit != 1) return error_set(err, SQLSTATE_INVALID_PARAMETER, "new bit must be 0 or 1");
        char *data = arena_memdup(call->arena, stringview_data(bytes), bytes->length);
        data[index / 8] = (char)((data[index / 8] & ~(1 << index % 8)) | bit << index % 8);
        out[row] = stringview_make(data, bytes->length);
    }
    return STATUS_OK;
}
static Status bytes_bit_count(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *bytes = kernel_text(call, 0, row);
        int64_t count = 0;
        for (uint32_t i = 0; i < bytes->length; i++)
            count += __builtin_popcount((unsigned char)stringview_data(bytes)[i]);
        out[row] = count;
    }
    return STATUS_OK;
}

/* ---- LIKE
 * -------------------------------------------------------------------------------------------------------- */

/* Greedy from the left: after a match of what stands between two %, only the last % needs a second try. */
static Status bytes_match(const StringView *bytes, const StringView *pattern, bool *out, Error *err) {
    const char *data = stringview_data(bytes), *end = data + bytes->length;
    const char *at = stringview_data(pattern), *pattern_end = at + pattern->length;
    const char *retry_data = NULL, *retry_at = NULL;
    *out = false;
    while (data < end || at < pattern_end) {
        bool escaped = at < pattern_end && *at == '\\';
        if (escaped && at + 1 == pattern_end) {
            if (data < end) return error_set(err, "22025", "LIKE pattern must not end with escape character");
            return STATUS_OK;
        }
        if (!escaped && at < pattern_end && *at == '%') {
            retry_at = ++at;
            retry_data = data;
            continue;
        }
        if (at < pattern_end && data < end && ((!escaped && *at == '_') || at[escaped] == *data)) {
            at += 1 + escaped;
            data++;
            continue;
        }
        if (!retry_at || retry_data >= end) return STATUS_OK;
        data = ++retry_data;
        at = retry_at;
    }
    *out = true;
    return STATUS_OK;
}

KERNEL_INLINE Status like_rows(const KernelCall *call, bool negated, Error *err) {
    uint8_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        bool matched;
        TRY(bytes_match(kernel_text(call, 0, row), kernel_text(call, 1, row), &matched, err));
        out[row] = matched != negated;
    }
    return STATUS_OK;
}
static Status bytes_like(const KernelCall *call, Error *err) {
    return like_rows(call, false, err);
}
static Status bytes_not_like(const KernelCall *call, Error *err) {
    return like_rows(call, true, err);
}

#define Y  K_BYTEA
#define I  K_INT4
#define FN KERNEL_FN_RAISES

static const ScalarFunction rows[] = {
    FN("substring", bytes_substring, Y, Y, I),
    FN("substring", bytes_substring, Y, Y, I, I),
    FN("substr", bytes_substring, Y, Y, I),
    FN("substr", bytes_substring, Y, Y, I, I),
    FN("overlay", bytes_overlay, Y, Y, Y, I),
    FN("overlay", bytes_overlay, Y, Y, Y, I, I),
    KERNEL_FN("position", bytes_position, I, Y, Y),
    KERNEL_FN("btrim", bytes_btrim, Y, Y, Y),
    KERNEL_FN("ltrim", bytes_ltrim, Y, Y, Y),
    KERNEL_FN("rtrim", bytes_rtrim, Y, Y, Y),
    FN("get_byte", bytes_get_byte, I, Y, I),
    FN("get_bit", bytes_get_bit, I, Y, K_INT8),
    FN("set_byte", bytes_set_byte, Y, Y, I, I),
    FN("set_bit", bytes_set_bit, Y, Y, K_INT8, I),
    KERNEL_FN("bit_count", bytes_bit_count, K_INT8, Y),
    FN("~~", bytes_like, K_BOOL, Y, Y),
    FN("!~~", bytes_not_like, K_BOOL, Y, Y),
};

FunctionTable bytea_functions(void) {
    return KERNEL_TABLE(rows);
}
