/* The pure codecs against naive loops and against each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engines/columnar/parquet/parquet_decode.h"
#include "engines/columnar/parquet/parquet_encode.h"
#include "engines/columnar/parquet/thrift_compact.h"

static const int64_t counts[] = {0, 1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 127, 128, 129, 257, 2048, 5000};
enum { COUNTS = sizeof counts / sizeof counts[0], MOST = 5000 };

static uint64_t state_word = 88172645463325252u;
static uint64_t next_random(void) {
    state_word ^= state_word << 13;
    state_word ^= state_word >> 7;
    return state_word ^= state_word << 17;
}

/* The encoded bytes in memory that ends exactly after the padding, so that sanitizers see overreads. */
static uint8_t *padded(const StrBuf *encoded, ParquetBytes *out) {
    uint8_t *copy = calloc(1, encoded->length + PARQUET_PADDING);
    memcpy(copy, strbuf_text(encoded), encoded->length);
    *out = (ParquetBytes){copy, copy + encoded->length};
    return copy;
}

static void test_unpack_every_width(void **state) {
    uint8_t in[32 * 8 + PARQUET_PADDING];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)next_random();
    for (int width = 0; width <= 64; width++) {
        uint64_t out[32];
        uint32_t narrow[32];
        parquet_unpack64(in, width, out);
        if (width <= 32) parquet_unpack32(in, width, narrow);
        for (int i = 0; i < 32; i++) {
            uint64_t expected = 0;
            for (int bit = 0; bit < width; bit++) {
                int at = i * width + bit;
                expected |= (uint64_t)(in[at / 8] >> (at % 8) & 1) << bit;
            }
            assert_true(out[i] == expected);
            if (width <= 32) assert_true(narrow[i] == expected);
        }
    }
}

static void test_hybrid_round_trip(void **state) {
    static uint32_t values[MOST], decoded[MOST + 64];
    for (int width = 1; width <= 32; width++) {
        for (int c = 0; c < COUNTS; c++) {
            uint32_t value = 0;
            for (int64_t i = 0; i < counts[c]; i++) {
                if (next_random() % 12 == 0 || c % 3 == 0)
                    value = (uint32_t)(next_random() & (width == 32 ? UINT32_MAX : (1u << width) - 1));
                values[i] = value;
            }
            StrBuf encoded;
            ParquetBytes in;
            strbuf_init(&encoded);
            parquet_encode_hybrid(values, counts[c], width, &encoded);
            uint8_t *copy = padded(&encoded, &in);
            assert_true(parquet_decode_hybrid(&in, width, counts[c], decoded));
            assert_memory_equal(decoded, values, (size_t)counts[c] * 4);
            if (counts[c] > 1) { /* cut off: an error, or at least no crash */
                in = (ParquetBytes){copy, copy + encoded.length - 1};
                (void)parquet_decode_hybrid(&in, width, counts[c], decoded);
                in.end = copy;
                in.next = copy;
                assert_false(parquet_decode_hybrid(&in, width, counts[c], decoded));
            }
            free(copy);
            strbuf_deinit(&encoded);
        }
    }
}

static void test_levels_round_trip(void **state) {
    uint64_t bits[MOST / 64 + 2], decoded[MOST / 64 + 3];
    for (int c = 0; c < COUNTS; c++) {
        for (int density = 0; density < 4; density++) {
            for (size_t i = 0; i < sizeof bits / 8; i++)
                bits[i] = density == 0   ? 0
                          : density == 1 ? UINT64_MAX
                          : density == 2 ? next_random()
                                         : 0xffff0000ffffffff;
            StrBuf encoded;
            ParquetBytes in;
            strbuf_init(&encoded);
            parquet_encode_levels(bits, 0, counts[c], &encoded);
            uint8_t *copy = padded(&encoded, &in);
            memset(decoded, 0, sizeof decoded);
            assert_true(parquet_decode_hybrid_bits(&in, counts[c], decoded));
            for (int64_t i = 0; i < counts[c]; i++)
                assert_int_equal(bitmap_get(decoded, (size_t)i), bitmap_get(bits, (size_t)i));
            free(copy);
            strbuf_deinit(&encoded);
        }
    }
}

static void fill_integers(int64_t *values, int64_t count, int kind) {
    int64_t value = 1000;
    for (int64_t i = 0; i < count; i++) {
        switch (kind) {
        case 0: value += 7; break;
        case 1: value = (int64_t)next_random(); break;
        case 2: value = i % 2 ? INT64_MAX : INT64_MIN; break;
        case 3: value += (int64_t)(next_random() % 100) - 50; break;
        default: value = 0; break;
        }
        values[i] = value;
    }
}

static void test_delta_round_trip(void **state) {
    static int64_t values[MOST], decoded[MOST];
    static int32_t narrow[MOST], narrow_decoded[MOST];
    for (int kind = 0; kind < 5; kind++) {
        for (int c = 0; c < COUNTS; c++) {
            int64_t count = counts[c];
            StrBuf encoded;
            ParquetBytes in;
            fill_integers(values, count, kind);
            strbuf_init(&encoded);
            parquet_encode_delta64(values, count, &encoded);
            uint8_t *copy = padded(&encoded, &in);
            assert_true(parquet_decode_delta64(&in, count, (uint64_t *)decoded));
            assert_memory_equal(decoded, values, (size_t)count * 8);
            in = (ParquetBytes){copy, copy + encoded.length};
            assert_false(parquet_decode_delta64(&in, count + 1, (uint64_t *)decoded));
            free(copy);
            strbuf_reset(&encoded);
            for (int64_t i = 0; i < count; i++)
                narrow[i] = kind == 2 ? (i % 2 ? INT32_MAX : INT32_MIN) : (int32_t)values[i];
            parquet_encode_delta32(narrow, count, &encoded);
            copy = padded(&encoded, &in);
            assert_true(parquet_decode_delta32(&in, count, (uint32_t *)narrow_decoded));
            assert_memory_equal(narrow_decoded, narrow, (size_t)count * 4);
            free(copy);
            strbuf_deinit(&encoded);
        }
    }
}

static void test_byte_stream_split_round_trip(void **state) {
    static const size_t widths[] = {2, 4, 8, 16, 5};
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
        for (int c = 0; c < COUNTS; c++) {
            size_t bytes = widths[w] * (size_t)counts[c];
            uint8_t *values = malloc(bytes + 1), *decoded = malloc(bytes + 1);
            for (size_t i = 0; i < bytes; i++)
                values[i] = (uint8_t)next_random();
            StrBuf encoded;
            strbuf_init(&encoded);
            parquet_encode_byte_stream_split(values, widths[w], counts[c], &encoded);
            assert_int_equal(encoded.length, bytes);
            parquet_decode_byte_stream_split((const uint8_t *)strbuf_text(&encoded), widths[w], counts[c],
                                             decoded);
            assert_memory_equal(decoded, values, bytes);
            strbuf_deinit(&encoded);
            free(values);
            free(decoded);
        }
    }
}

static void test_spread_nulls(void **state) {
    static const size_t widths[] = {1, 2, 4, 8, 16};
    uint64_t bits[MOST / 64 + 2];
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
        for (int density = 0; density < 4; density++) {
            for (int c = 0; c < COUNTS; c++) {
                size_t rows = (size_t)counts[c], width = widths[w];
                memset(bits, 0, sizeof bits);
                for (size_t i = 0; i < rows; i++)
                    bitmap_assign(bits, i,
                                  density == 1 || (density == 2 && next_random() % 3) ||
                                      (density == 3 && (i / 100) % 2));
                size_t dense = bitmap_count(bits, rows);
                uint8_t *values = malloc(rows * width + 1), *copy = malloc(rows * width + 1);
                for (size_t i = 0; i < rows * width; i++)
                    copy[i] = values[i] = (uint8_t)next_random();
                parquet_spread_nulls(values, width, bits, (int64_t)rows, (int64_t)dense);
                for (size_t i = 0, at = 0; i < rows; i++) {
                    if (bitmap_get(bits, i))
                        assert_memory_equal(values + i * width, copy + width * at++, width);
                }
                free(values);
                free(copy);
            }
        }
    }
}

static void test_thrift_round_trip(void **state) {
    StrBuf out;
    ThriftWriter writer;
    strbuf_init(&out);
    thrift_writer_init(&writer, &out);
    thrift_write_i32(&writer, 1, -5);
    thrift_write_bool(&writer, 2, true);
    thrift_write_i64(&writer, 100, INT64_MIN);
    thrift_write_struct_begin(&writer, 101);
    thrift_write_text(&writer, 1, "inner");
    thrift_write_struct_end(&writer);
    thrift_write_list_begin(&writer, 102, THRIFT_I32, 20);
    for (int i = 0; i < 20; i++)
        thrift_write_element_i32(&writer, i * 1000);
    thrift_write_stop(&writer);
    /* Whole, and cut at every byte: then it must say so. */
    for (size_t length = 0; length <= out.length; length++) {
        ThriftReader reader;
        ThriftField field = {0}, element;
        char *exact = malloc(length + 1);
        memcpy(exact, strbuf_text(&out), length);
        thrift_reader_init(&reader, exact, length);
        int seen = 0;
        while (thrift_next_field(&reader, &field)) {
            seen++;
            if (field.id == 1) {
                int32_t value = thrift_read_i32(&reader, &field);
                assert_int_equal(value, reader.failed ? 0 : -5);
            } else if (field.id == 2) {
                assert_true(thrift_read_bool(&reader, &field));
            } else if (field.id == 102) {
                uint32_t count = thrift_begin_list(&reader, &field, &element);
                for (uint32_t i = 0; i < count && !reader.failed; i++) {
                    int32_t value = thrift_read_i32(&reader, &element);
                    assert_true(reader.failed || value == (int32_t)i * 1000);
                }
            } else {
                thrift_skip(&reader, &field);
            }
        }
        assert_int_equal(reader.failed, length < out.length);
        if (length == out.length) assert_int_equal(seen, 5);
        free(exact);
    }
    strbuf_deinit(&out);
}

static void test_thrift_deep_nesting_is_refused(void **state) {
    char deep[4096];
    memset(deep, 0x1c, sizeof deep); /* field 1, struct, for ever */
    ThriftReader reader;
    ThriftField field = {0};
    thrift_reader_init(&reader, deep, sizeof deep);
    while (thrift_next_field(&reader, &field))
        thrift_skip(&reader, &field);
    assert_true(reader.failed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unpack_every_width),
        cmocka_unit_test(test_hybrid_round_trip),
        cmocka_unit_test(test_levels_round_trip),
        cmocka_unit_test(test_delta_round_trip),
        cmocka_unit_test(test_byte_stream_split_round_trip),
        cmocka_unit_test(test_spread_nulls),
        cmocka_unit_test(test_thrift_round_trip),
        cmocka_unit_test(test_thrift_deep_nesting_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
