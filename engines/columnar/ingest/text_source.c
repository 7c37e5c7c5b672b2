#include "engines/columnar/ingest/text_source.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { RAW_CHUNK = 256 << 10, DECODE_CHUNK = 64 << 10 };

typedef enum Compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD } Compression;

struct TextSource {
    LoadInput input;
    int64_t offset;
    Compression compression;
    z_stream gzip;
    bool gzip_open, inside_frame; /* a member or frame that has begun and not ended */
    ZSTD_DStream *zstd;
    char *raw; /* compressed bytes not used yet: raw[raw_at, raw_end) */
    size_t raw_at, raw_end;
    iconv_t decoder; /* (iconv_t)-1 = UTF-8 */
    char *encoded;   /* decompressed bytes not decoded yet */
    size_t encoded_at, encoded_end;
    bool encoded_ended;
};

static Status damaged(const TextSource *source, const char *what, Error *err) {
    return error_set(err, SQLSTATE_DATA_CORRUPTED, "\"%s\": %s", source->input.name, what);
}

static Status read_raw(TextSource *source, char *buffer, size_t size, size_t *got, Error *err) {
    TRY(load_input_read(&source->input, source->offset, buffer, size, got, err));
    source->offset += (int64_t)*got;
    return STATUS_OK;
}

static Status refill_raw(TextSource *source, Error *err) {
    if (source->raw_at < source->raw_end) return STATUS_OK;
    source->raw_at = 0;
    return read_raw(source, source->raw, RAW_CHUNK, &source->raw_end, err);
}

static Status read_gzip(TextSource *source, char *buffer, size_t size, size_t *got, Error *err) {
    z_stream *stream = &source->gzip;
    *got = 0;
    while (*got == 0) {
        TRY(refill_raw(source, err));
        if (source->raw_at == source->raw_end)
            return source->inside_frame ? damaged(source, "the gzip data ends too early", err) : STATUS_OK;
        stream->next_in = (unsigned char *)source->raw + source->raw_at;
        stream->avail_in = (unsigned)(source->raw_end - source->raw_at);
        stream->next_out = (unsigned char *)buffer;
        stream->avail_out = (unsigned)(size < (1u << 30) ? size : 1u << 30);
        unsigned room = stream->avail_out;
        source->inside_frame = true;
        int result = inflate(stream, Z_NO_FLUSH);
        source->raw_at = source->raw_end - stream->avail_in;
        *got = room - stream->avail_out;
        if (result == Z_STREAM_END) { /* members follow one another */
            source->inside_frame = false;
            inflateReset(stream);
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            return damaged(source, "the gzip data is damaged", err);
        }
    }
    return STATUS_OK;
}

static Status read_zstd(TextSource *source, char *buffer, size_t size, size_t *got, Error *err) {
    *got = 0;
    while (*got == 0) {
        TRY(refill_raw(source, err));
        if (source->raw_at == source->raw_end && !source->inside_frame) return STATUS_OK;
        bool at_end = source->raw_at == source->raw_end;
        ZSTD_inBuffer in = {source->raw, source->raw_end, source->raw_at};
        ZSTD_outBuffer out = {buffer, size, 0};
        size_t result = ZSTD_decompressStream(source->zstd, &out, &in);
        if (ZSTD_isError(result)) return damaged(source, "the zstd data is damaged", err);
        source->raw_at = in.pos;
        source->inside_frame = result != 0;
        *got = out.pos;
        if (at_end && *got == 0) return damaged(source, "the zstd data ends too early", err);
    }
    return STATUS_OK;
}

static Status read_decompressed(TextSource *source, char *buffer, size_t size, size_t *got, Error *err) {
    if (source->compression == COMPRESSION_GZIP) return read_gzip(source, buffer, size, got, err);
    if (source->compression == COMPRESSION_ZSTD) return read_zstd(source, buffer, size, got, err);
    if (source->raw_at < source->raw_end) { /* looked at when the source was opened */
        *got = source->raw_end - source->raw_at < size ? source->raw_end - source->raw_at : size;
        memcpy(buffer, source->raw + source->raw_at, *got);
        source->raw_at += *got;
        return STATUS_OK;
    }
    return read_raw(source, buffer, size, got, err);
}

static Status refill_encoded(TextSource *source, Error *err) {
    size_t left = source->encoded_end - source->encoded_at, got;
    memmove(source->encoded, source->encoded + source->encoded_at, left);
    source->encoded_at = 0;
    source->encoded_end = left;
    TRY(read_decompressed(source, source->encoded + left, DECODE_CHUNK - left, &got, err));
    source->encoded_end += got;
    source->encoded_ended = got == 0;
    return STATUS_OK;
}

static Status read_decoded(TextSource *source, char *buffer, size_t size, size_t *got, Error *err) {
    *got = 0;
    for (;;) {
        char *in = source->encoded + source->encoded_at, *out = buffer;
        size_t in_left = source->encoded_end - source->encoded_at, out_left = size;
        size_t result = iconv(source->decoder, &in, &in_left, &out, &out_left);
        int failed = result == (size_t)-1 ? errno : 0;
        source->encoded_at = source->encoded_end - in_left;
        *got = size - out_left;
        if (*got > 0) return STATUS_OK;
        if (failed == EILSEQ || (source->encoded_ended && in_left > 0))
            return error_set(err, "22021", "\"%s\" holds bytes that are no text in its encoding",
                             source->input.name);
        if (source->encoded_ended) return STATUS_OK;
        TRY(refill_encoded(source, err));
    }
}

Status text_source_read(TextSource *source, char *buffer, size_t size, size_t *got, Error *err) {
    if (source->decoder != (iconv_t)-1) return read_decoded(source, buffer, size, got, err);
    if (source->encoded_at < source->encoded_end) {
        size_t left = source->encoded_end - source->encoded_at;
        *got = left < size ? left : size;
        memcpy(buffer, source->encoded + source->encoded_at, *got);
        source->encoded_at += *got;
        return STATUS_OK;
    }
    return read_decompressed(source, buffer, size, got, err);
}

static Status open_compression(TextSource *source, Error *err) {
    const unsigned char *head = (const unsigned char *)source->raw;
    TRY(refill_raw(source, err));
    if (source->raw_end >= 2 && head[0] == 0x1F && head[1] == 0x8B) {
        source->compression = COMPRESSION_GZIP;
        source->gzip_open = inflateInit2(&source->gzip, 15 + 16) == Z_OK;
        if (!source->gzip_open) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    } else if (source->raw_end >= 4 && memcmp(head, "\x28\xB5\x2F\xFD", 4) == 0) {
        source->compression = COMPRESSION_ZSTD;
        source->zstd = ZSTD_createDStream();
        if (!source->zstd) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
        /* A frame may ask for a window of gigabytes. */
        ZSTD_DCtx_setParameter(source->zstd, ZSTD_d_windowLogMax, 27);
    }
    return STATUS_OK;
}

/* UTF-16 without a byte order mark is told by the zeros of its ASCII characters. */
static const char *sniff_encoding(const char *head, size_t length, size_t *mark) {
    *mark = 0;
    if (length >= 3 && memcmp(head, "\xEF\xBB\xBF", 3) == 0) *mark = 3;
    if (length >= 2 && memcmp(head, "\xFF\xFE", 2) == 0) {
        *mark = 2;
        return "UTF-16LE";
    }
    if (length >= 2 && memcmp(head, "\xFE\xFF", 2) == 0) {
        *mark = 2;
        return "UTF-16BE";
    }
    if (length < 8) return NULL;
    int zeros[2] = {0, 0};
    for (size_t i = 0; i < 8; i++)
        zeros[i % 2] += head[i] == 0;
    return zeros[0] == 4 && zeros[1] == 0 ? "UTF-16BE" : zeros[1] == 4 && zeros[0] == 0 ? "UTF-16LE" : NULL;
}

static Status open_decoder(TextSource *source, const char *encoding, Error *err) {
    size_t mark;
    while (source->encoded_end < TEXT_SOURCE_ROOM && !source->encoded_ended)
        TRY(refill_encoded(source, err));
    const char *found = sniff_encoding(source->encoded, source->encoded_end, &mark);
    if (!encoding || found || mark) encoding = found; /* a byte order mark is certain */
    source->encoded_at = mark;
    if (!encoding || strcasecmp(encoding, "utf-8") == 0 || strcasecmp(encoding, "utf8") == 0)
        return STATUS_OK;
    if (strcasecmp(encoding, "latin-1") == 0) encoding = "latin1";
    source->decoder = iconv_open("UTF-8", encoding);
    if (source->decoder == (iconv_t)-1)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "there is no encoding \"%s\"", encoding);
    return STATUS_OK;
}

Status text_source_open(const LoadInput *input, const char *encoding, TextSource **out, Error *err) {
    TextSource *source = calloc(1, sizeof *source);
    if (!source) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    source->input = *input;
    source->decoder = (iconv_t)-1;
    source->raw = malloc(RAW_CHUNK);
    source->encoded = malloc(DECODE_CHUNK);
    Status status = STATUS_OK;
    if (!source->raw || !source->encoded) status = error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    if (status == STATUS_OK) status = open_compression(source, err);
    if (status == STATUS_OK) status = open_decoder(source, encoding, err);
    if (status != STATUS_OK) {
        text_source_close(source);
        return STATUS_ERROR;
    }
    *out = source;
    return STATUS_OK;
}

void text_source_close(TextSource *source) {
    if (!source) return;
    if (source->decoder != (iconv_t)-1) iconv_close(source->decoder);
    if (source->gzip_open) inflateEnd(&source->gzip);
    ZSTD_freeDStream(source->zstd);
    free(source->raw);
    free(source->encoded);
    free(source);
}

int64_t text_source_bytes_read(const TextSource *source) {
    return source->offset;
}
