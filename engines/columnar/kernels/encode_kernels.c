/* encode, decode, digests, conversions between encodings. */
#include <stdio.h>
#include <strings.h>

#include "engines/base/utf8.h"
#include "engines/columnar/kernels/digest.h"
#include "engines/columnar/kernels/text_kernels.h"

static const char HEX[] = "0123456789abcdef";
static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void append_hex(StrBuf *out, const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        strbuf_append_char(out, HEX[bytes[i] >> 4]);
        strbuf_append_char(out, HEX[bytes[i] & 15]);
    }
}

/* ---- encode ---------------------------------------------------------------------------------------------
 */

/* Lines of 76 characters. */
static void append_base64(StrBuf *out, const uint8_t *bytes, size_t length) {
    int column = 0;
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        uint32_t value = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? bytes[i + 2] : 0);
        char four[4] = {BASE64[value >> 18], BASE64[value >> 12 & 63],
                        left > 1 ? BASE64[value >> 6 & 63] : '=', left > 2 ? BASE64[value & 63] : '='};
        strbuf_append(out, four, 4);
        if ((column += 4) == 76) {
            strbuf_append_char(out, '\n');
            column = 0;
        }
    }
}

static void append_escaped(StrBuf *out, const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == 0 || bytes[i] >= 0x80)
            strbuf_printf(out, "\\%03o", bytes[i]);
        else if (bytes[i] == '\\')
            strbuf_append_text(out, "\\\\");
        else
            strbuf_append_char(out, (char)bytes[i]);
    }
}

/* ---- decode ---------------------------------------------------------------------------------------------
 */

static bool is_blank(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static Status bad_symbol(const char *format, const char *at, size_t left, Error *err) {
    size_t width = utf8_sequence_length(at, left);
    return error_set(err, SQLSTATE_INVALID_PARAMETER, format, (int)(width ? width : 1), at);
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static Status decode_hex(const char *text, size_t length, StrBuf *out, Error *err) {
    for (size_t i = 0; i < length;) {
        if (is_blank(text[i])) {
            i++;
            continue;
        }
        int high = hex_digit(text[i]);
        if (high < 0) return bad_symbol("invalid hexadecimal digit: \"%.*s\"", text + i, length - i, err);
        if (++i >= length)
            return error_set(err, SQLSTATE_INVALID_PARAMETER,
                             "invalid hexadecimal data: odd number of digits");
        int low = hex_digit(text[i]);
        if (low < 0) return bad_symbol("invalid hexadecimal digit: \"%.*s\"", text + i, length - i, err);
        strbuf_append_char(out, (char)(high << 4 | low));
        i++;
    }
    return STATUS_OK;
}

static Status decode_base64(const char *text, size_t length, StrBuf *out, Error *err) {
    uint32_t value = 0;
    int count = 0, end = 0;
    for (size_t i = 0; i < length; i++) {
        if (is_blank(text[i])) continue;
        uint32_t bits = 0;
        if (text[i] == '=') {
            if (!end && count != 2 && count != 3)
                return error_set(err, SQLSTATE_INVALID_PARAMETER,
                                 "unexpected \"=\" while decoding base64 sequence");
            if (!end) end = count - 1;
        } else {
            const char *found = text[i] ? strchr(BASE64, text[i]) : NULL;
            if (!found)
                return bad_symbol("invalid symbol \"%.*s\" found while decoding base64 sequence", text + i,
                                  length - i, err);
            bits = (uint32_t)(found - BASE64);
        }
        value = value << 6 | bits;
        if (++count < 4) continue;
        strbuf_append_char(out, (char)(value >> 16));
        if (end == 0 || end > 1) strbuf_append_char(out, (char)(value >> 8));
        if (end == 0) strbuf_append_char(out, (char)value);
        value = 0;
        count = 0;
    }
    if (count == 0) return STATUS_OK;
    (void)error_set(err, SQLSTATE_INVALID_PARAMETER, "invalid base64 end sequence");
    return error_add_hint(err, "Input data is missing padding, is truncated, or is otherwise corrupted.");
}

static Status decode_escaped(const char *text, size_t length, StrBuf *out, Error *err) {
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '\\') {
            strbuf_append_char(out, text[i]);
        } else if (i + 3 < length && text[i + 1] >= '0' && text[i + 1] <= '3' && text[i + 2] >= '0' &&
                   text[i + 2] <= '7' && text[i + 3] >= '0' && text[i + 3] <= '7') {
            strbuf_append_char(
                out, (char)((text[i + 1] - '0') << 6 | (text[i + 2] - '0') << 3 | (text[i + 3] - '0')));
            i += 3;
        } else if (i + 1 < length && text[i + 1] == '\\') {
            strbuf_append_char(out, text[++i]);
        } else {
            return error_set(err, SQLSTATE_INVALID_TEXT, "invalid input syntax for type %s", "bytea");
        }
    }
    return STATUS_OK;
}

static bool is_named(const StringView *name, const char *wanted) {
    return name->length == strlen(wanted) && strncasecmp(stringview_data(name), wanted, name->length) == 0;
}

static Status recode(const StringView *data, const StringView *name, bool decode, StrBuf *out, Error *err) {
    const char *text = stringview_data(data);
    const uint8_t *bytes = (const uint8_t *)text;
    if (is_named(name, "hex")) {
        if (decode) return decode_hex(text, data->length, out, err);
        append_hex(out, bytes, data->length);
    } else if (is_named(name, "base64")) {
        if (decode) return decode_base64(text, data->length, out, err);
        append_base64(out, bytes, data->length);
    } else if (is_named(name, "escape")) {
        if (decode) return decode_escaped(text, data->length, out, err);
        append_escaped(out, bytes, data->length);
    } else {
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "unrecognized encoding: \"%.*s\"",
                         (int)name->length, stringview_data(name));
    }
    return STATUS_OK;
}

static Status recode_rows(const KernelCall *call, bool decode, Error *err) {
    StringView *out = call->out->values;
    Status status = STATUS_OK;
    StrBuf buffer;
    strbuf_init(&buffer);
    for (int k = 0, n = kernel_selected(call); k < n && status == STATUS_OK; k++) {
        int row = kernel_row(call, k);
        if (!kernel_valid(call, row)) continue;
        strbuf_reset(&buffer);
        status = recode(kernel_text(call, 0, row), kernel_text(call, 1, row), decode, &buffer, err);
        out[row] = kernel_string(call, strbuf_text(&buffer), buffer.length);
    }
    strbuf_deinit(&buffer);
    return status;
}
static Status bytes_encode(const KernelCall *call, Error *err) {
    return recode_rows(call, false, err);
}
static Status bytes_decode(const KernelCall *call, Error *err) {
    return recode_rows(call, true, err);
}

/* ---- digests --------------------------------------------------------------------------------------------
 */

static Status bytes_md5(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *data = kernel_text(call, 0, row);
        uint8_t digest[16];
        char text[32];
        digest_md5(stringview_data(data), data->length, digest);
        for (int i = 0; i < 16; i++) {
            text[2 * i] = HEX[digest[i] >> 4];
            text[2 * i + 1] = HEX[digest[i] & 15];
        }
        out[row] = kernel_string(call, text, sizeof text);
    }
    return STATUS_OK;
}

#define SHA_KERNEL(name, bytes)                                                                              \
    static Status bytes_##name(const KernelCall *call, Error *err) {                                         \
        StringView *out = call->out->values;                                                                 \
        KERNEL_ROWS(call, row) {                                                                             \
            const StringView *data = kernel_text(call, 0, row);                                              \
            uint8_t digest[bytes];                                                                           \
            digest_##name(stringview_data(data), data->length, digest);                                      \
            out[row] = kernel_string(call, (const char *)digest, sizeof digest);                             \
        }                                                                                                    \
        return STATUS_OK;                                                                                    \
    }
SHA_KERNEL(sha224, 28)
SHA_KERNEL(sha256, 32)
SHA_KERNEL(sha384, 48)
SHA_KERNEL(sha512, 64)

/* ---- convert_from, convert_to ---------------------------------------------------------------------------
 */

typedef enum Encoding { ENCODING_UTF8, ENCODING_LATIN1, ENCODING_OTHER } Encoding;

/* Names are compared by their letters and digits. */
static Encoding encoding_named(const StringView *name) {
    char plain[32];
    size_t length = 0;
    for (uint32_t i = 0; i < name->length && length + 1 < sizeof plain; i++) {
        char c = stringview_data(name)[i];
        if (c >= 'A' && c <= 'Z') c = (char)(c + 32);
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) plain[length++] = c;
    }
    plain[length] = 0;
    if (strcmp(plain, "utf8") == 0 || strcmp(plain, "unicode") == 0) return ENCODING_UTF8;
    if (strcmp(plain, "latin1") == 0 || strcmp(plain, "iso88591") == 0) return ENCODING_LATIN1;
    return ENCODING_OTHER;
}

static Status encoding_bind(const Vector *const *args, int arg_count, Arena *arena, const void **bind_data,
                            Error *err) {
    if (args[1] && (vector_is_null(args[1], 0) || encoding_named(args[1]->values) != ENCODING_OTHER))
        return STATUS_OK;
    return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                     "conversion of encodings other than UTF8 and LATIN1");
}

static Status check_utf8(const StringView *bytes, Error *err) {
    const char *data = stringview_data(bytes);
    for (uint32_t i = 0; i < bytes->length;) {
        size_t width = data[i] ? utf8_sequence_length(data + i, bytes->length - i) : 0;
        if (width) {
            i += (uint32_t)width;
            continue;
        }
        unsigned char first = (unsigned char)data[i];
        uint32_t wanted = first >= 0xF0 && first < 0xF8 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
        if (first >= 0xF8) wanted = 1;
        char text[40];
        size_t at = 0;
        for (uint32_t b = 0; b < wanted && i + b < bytes->length; b++)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s0x%02x", b ? " " : "",
                                   (unsigned char)data[i + b]);
        return error_set(err, "22021", "invalid byte sequence for encoding \"UTF8\": %s", text);
    }
    return STATUS_OK;
}

static Status bytes_convert_from(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *bytes = kernel_text(call, 0, row);
        if (encoding_named(kernel_text(call, 1, row)) == ENCODING_UTF8) {
            TRY(check_utf8(bytes, err));
            out[row] = *bytes;
            continue;
        }
        TRY(kernel_room(call->arena, (size_t)bytes->length * 2, err));
        char *room = arena_alloc(call->arena, (size_t)bytes->length * 2 + 1), *next = room;
        for (uint32_t i = 0; i < bytes->length; i++) {
            unsigned char c = (unsigned char)stringview_data(bytes)[i];
            if (c >= 0x80) *next++ = (char)(0xC0 | c >> 6);
            *next++ = (char)(c < 0x80 ? c : 0x80 | (c & 63));
        }
        out[row] = stringview_make(room, (uint32_t)(next - room));
    }
    return STATUS_OK;
}

static Status text_convert_to(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *text = kernel_text(call, 0, row);
        if (encoding_named(kernel_text(call, 1, row)) == ENCODING_UTF8) {
            out[row] = *text;
            continue;
        }
        const unsigned char *data = (const unsigned char *)stringview_data(text);
        char *room = arena_alloc(call->arena, text->length + 1), *next = room;
        for (uint32_t i = 0; i < text->length; i++) {
            if (data[i] < 0x80) {
                *next++ = (char)data[i];
                continue;
            }
            size_t width = utf8_sequence_length((const char *)data + i, text->length - i);
            if (data[i] > 0xC3 || width != 2) {
                char shown[40];
                size_t at = 0;
                for (size_t b = 0; b < width; b++)
                    at += (size_t)snprintf(shown + at, sizeof shown - at, "%s0x%02x", b ? " " : "",
                                           data[i + b]);
                return error_set(err, "22P05",
                                 "character with byte sequence %s in encoding \"UTF8\" has no equivalent in "
                                 "encoding \"LATIN1\"",
                                 shown);
            }
            *next++ = (char)((data[i] & 3) << 6 | (data[i + 1] & 63));
            i++;
        }
        out[row] = stringview_make(room, (uint32_t)(next - room));
    }
    return STATUS_OK;
}

#define T K_TEXT
#define Y K_BYTEA

static const ScalarFunction rows[] = {
    KERNEL_FN_RAISES("encode", bytes_encode, T, Y, T),
    KERNEL_FN_RAISES("decode", bytes_decode, Y, T, T),
    KERNEL_FN("md5", bytes_md5, T, T),
    KERNEL_FN("md5", bytes_md5, T, Y),
    KERNEL_FN("sha224", bytes_sha224, Y, Y),
    KERNEL_FN("sha256", bytes_sha256, Y, Y),
    KERNEL_FN("sha384", bytes_sha384, Y, Y),
    KERNEL_FN("sha512", bytes_sha512, Y, Y),
    KERNEL_FN_BIND("convert_from", bytes_convert_from, encoding_bind, T, Y, K_NAME),
    KERNEL_FN_BIND("convert_to", text_convert_to, encoding_bind, Y, T, K_NAME),
};

FunctionTable encode_functions(void) {
    return KERNEL_TABLE(rows);
}
