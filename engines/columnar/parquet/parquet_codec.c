#include "engines/columnar/parquet/parquet_codec.h"

#include <brotli/decode.h>
#include <libdeflate.h>
#include <lz4.h>
#include <pthread.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

typedef struct ThreadCodecs {
    ZSTD_DCtx *zstd;
    struct libdeflate_decompressor *deflate;
} ThreadCodecs;

static pthread_key_t codecs_key;
static pthread_once_t codecs_once = PTHREAD_ONCE_INIT;

static void destroy_codecs(void *value) {
    ThreadCodecs *codecs = value;
    ZSTD_freeDCtx(codecs->zstd);
    libdeflate_free_decompressor(codecs->deflate);
    free(codecs);
}

/* The main thread's destructor never runs: free its contexts when the process ends. */
static void destroy_last(void) {
    ThreadCodecs *codecs = pthread_getspecific(codecs_key);
    if (codecs) {
        pthread_setspecific(codecs_key, NULL);
        destroy_codecs(codecs);
    }
}

static void make_key(void) {
    pthread_key_create(&codecs_key, destroy_codecs);
    atexit(destroy_last);
}

static ThreadCodecs *thread_codecs(void) {
    pthread_once(&codecs_once, make_key);
    ThreadCodecs *codecs = pthread_getspecific(codecs_key);
    if (!codecs) {
        codecs = calloc(1, sizeof *codecs);
        pthread_setspecific(codecs_key, codecs);
    }
    return codecs;
}

static const char *decompress_zstd(const uint8_t *in, size_t in_bytes, uint8_t *out, size_t out_bytes) {
    ThreadCodecs *codecs = thread_codecs();
    if (!codecs || (!codecs->zstd && !(codecs->zstd = ZSTD_createDCtx()))) return "out of memory";
    size_t written = ZSTD_decompressDCtx(codecs->zstd, out, out_bytes, in, in_bytes);
    if (ZSTD_isError(written)) return ZSTD_getErrorName(written);
    return written == out_bytes ? NULL : "other length than the page header says";
}

/* Members may be concatenated. */
static const char *decompress_gzip(const uint8_t *in, size_t in_bytes, uint8_t *out, size_t out_bytes) {
    ThreadCodecs *codecs = thread_codecs();
    if (!codecs || (!codecs->deflate && !(codecs->deflate = libdeflate_alloc_decompressor())))
        return "out of memory";
    size_t in_done = 0, out_done = 0;
    while (in_done < in_bytes) {
        size_t taken = 0, given = 0;
        enum libdeflate_result result =
            libdeflate_gzip_decompress_ex(codecs->deflate, in + in_done, in_bytes - in_done, out + out_done,
                                          out_bytes - out_done, &taken, &given);
        if (result == LIBDEFLATE_BAD_DATA &&
            in_done == 0) /* some writers leave the gzip wrapper for zlib's */
            result =
                libdeflate_zlib_decompress_ex(codecs->deflate, in, in_bytes, out, out_bytes, &taken, &given);
        if (result != LIBDEFLATE_SUCCESS || taken == 0) return "invalid gzip data";
        in_done += taken;
        out_done += given;
    }
    return out_done == out_bytes ? NULL : "other length than the page header says";
}

static const char *decompress_lz4_raw(const uint8_t *in, size_t in_bytes, uint8_t *out, size_t out_bytes) {
    if (in_bytes > INT32_MAX || out_bytes > INT32_MAX) return "too long";
    int written = LZ4_decompress_safe((const char *)in, (char *)out, (int)in_bytes, (int)out_bytes);
    return written >= 0 && (size_t)written == out_bytes ? NULL : "invalid LZ4 data";
}

static uint32_t load_big_endian(const uint8_t *from) {
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

/* Hadoop's frame: (decompressed length, compressed length, block)*, lengths big-endian. Others wrote bare
 * blocks under the same codec number, so what is no valid frame is tried as one. */
static const char *decompress_lz4_hadoop(const uint8_t *in, size_t in_bytes, uint8_t *out, size_t out_bytes) {
    size_t in_done = 0, out_done = 0;
    while (in_bytes - in_done >= 8) {
        uint32_t plain = load_big_endian(in + in_done), packed = load_big_endian(in + in_done + 4);
        if (packed > in_bytes - in_done - 8 || plain > out_bytes - out_done ||
            decompress_lz4_raw(in + in_done + 8, packed, out + out_done, plain))
            break;
        in_done += 8 + (size_t)packed;
        out_done += plain;
    }
    if (in_done == in_bytes && out_done == out_bytes) return NULL;
    return decompress_lz4_raw(in, in_bytes, out, out_bytes);
}

static const char *decompress_snappy(const uint8_t *in, size_t in_bytes, uint8_t *out, size_t out_bytes) {
    size_t length = out_bytes;
    if (snappy_uncompress((const char *)in, in_bytes, (char *)out, &length) != SNAPPY_OK)
        return "invalid Snappy data";
    return length == out_bytes ? NULL : "other length than the page header says";
}

static const char *decompress_brotli(const uint8_t *in, size_t in_bytes, uint8_t *out, size_t out_bytes) {
    size_t length = out_bytes;
    if (BrotliDecoderDecompress(in_bytes, in, &length, out) != BROTLI_DECODER_RESULT_SUCCESS)
        return "invalid Brotli data";
    return length == out_bytes ? NULL : "other length than the page header says";
}

Status parquet_decompress(const char *path, int codec, const uint8_t *in, size_t in_bytes, uint8_t *out,
                          size_t out_bytes, Error *err) {
    const char *why = NULL;
    switch (codec) {
    case CODEC_NONE:
        if (in_bytes != out_bytes) return parquet_corrupt(err, path, "an uncompressed page has two lengths");
        memcpy(out, in, in_bytes);
        return STATUS_OK;
    case CODEC_SNAPPY: why = decompress_snappy(in, in_bytes, out, out_bytes); break;
    case CODEC_GZIP: why = decompress_gzip(in, in_bytes, out, out_bytes); break;
    case CODEC_BROTLI: why = decompress_brotli(in, in_bytes, out, out_bytes); break;
    case CODEC_LZ4_HADOOP: why = decompress_lz4_hadoop(in, in_bytes, out, out_bytes); break;
    case CODEC_ZSTD: why = decompress_zstd(in, in_bytes, out, out_bytes); break;
    case CODEC_LZ4_RAW: why = decompress_lz4_raw(in, in_bytes, out, out_bytes); break;
    case CODEC_LZO: return parquet_unsupported(err, path, "LZO compression is not supported");
    default: return parquet_unsupported(err, path, "compression codec %d is not known", codec);
    }
    if (why)
        return parquet_corrupt(err, path, "a %s page cannot be decompressed: %s", parquet_codec_name(codec),
                               why);
    return STATUS_OK;
}

bool parquet_decompress_plausible(int codec, const uint8_t *in, size_t in_bytes, size_t out_bytes) {
    size_t length;
    switch (codec) {
    case CODEC_NONE: return in_bytes == out_bytes;
    case CODEC_SNAPPY:
        return snappy_uncompressed_length((const char *)in, in_bytes, &length) == SNAPPY_OK &&
               length == out_bytes && out_bytes / 64 <= in_bytes;
    case CODEC_GZIP: return out_bytes / 1032 <= in_bytes;
    case CODEC_LZ4_HADOOP:
    case CODEC_LZ4_RAW: return out_bytes / 255 <= in_bytes;
    case CODEC_ZSTD:
        return out_bytes / ((128 << 10) / 4) <= in_bytes; /* a run block: 4 bytes for at most 128 KiB */
    default: return true;
    }
}
