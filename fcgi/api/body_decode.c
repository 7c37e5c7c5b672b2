#include "fcgi/api/body_decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "fcgi/server/body_spool.h"

/* zstd's window may be as large as a frame says: 128 MiB is what its own command line takes unasked. */
enum { ZSTD_WINDOW_LOG = 27 };

typedef struct Decoder {
    BodyEncoding encoding;
    z_stream gzip;
    ZSTD_DCtx *zstd;
    bool in_frame; /* one has begun and not ended */
    bool any;
    char *piece;
    int fd;
    int64_t written, limit_bytes;
    CancelToken *cancel;
} Decoder;

BodyEncoding body_encoding(const char *name) {
    if (!name || !name[0] || !strcasecmp(name, "identity")) return BODY_IDENTITY;
    if (!strcasecmp(name, "gzip") || !strcasecmp(name, "x-gzip")) return BODY_GZIP;
    return !strcasecmp(name, "zstd") ? BODY_ZSTD : BODY_UNKNOWN_ENCODING;
}

Status body_pieces(const BodyBytes *body, CancelToken *cancel, BodyPiece take, void *context, Error *err) {
    if (body->fd < 0) {
        for (size_t at = 0; at < body->bytes; at += BODY_PIECE_BYTES) {
            size_t left = body->bytes - at;
            TRY(take(context, (const char *)body->data + at,
                     left < BODY_PIECE_BYTES ? left : BODY_PIECE_BYTES, err));
        }
        return STATUS_OK;
    }
    char *piece = malloc(BODY_PIECE_BYTES);
    if (!piece) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    Status status = STATUS_OK;
    for (off_t at = 0; status == STATUS_OK;) {
        ssize_t count = pread(body->fd, piece, BODY_PIECE_BYTES, at);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) status = error_set_errno(err, errno, "cannot read the body's spool file");
        if (count <= 0) break;
        status = take(context, piece, (size_t)count, err);
        if (status == STATUS_OK) status = cancel_check(cancel, err);
        at += count;
    }
    free(piece);
    return status;
}

static Status give(Decoder *decoder, size_t length, Error *err) {
    if (decoder->written > decoder->limit_bytes - (int64_t)length)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT,
                         "the decoded body is larger than the %lld bytes that this server accepts",
                         (long long)decoder->limit_bytes);
    decoder->written += (int64_t)length;
    if (!body_spool_write(decoder->fd, decoder->piece, length))
        return error_set(err, SQLSTATE_DISK_FULL, "the decoded body could not be kept");
    return cancel_check(decoder->cancel, err);
}

static Status decode_gzip(Decoder *decoder, const char *bytes, size_t length, Error *err) {
    z_stream *stream = &decoder->gzip;
    stream->next_in = (Bytef *)(uintptr_t)bytes;
    stream->avail_in = (uInt)length;
    do {
        stream->next_out = (Bytef *)decoder->piece;
        stream->avail_out = BODY_PIECE_BYTES;
        if (!decoder->in_frame && stream->avail_in == 0) return STATUS_OK;
        if (!decoder->in_frame && decoder->any) inflateReset(stream);
        decoder->in_frame = decoder->any = true;
        int code = inflate(stream, Z_NO_FLUSH);
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
            return error_set(err, SQLSTATE_INVALID_TEXT, "the body is not valid gzip%s%s",
                             stream->msg ? ": " : "", stream->msg ? stream->msg : "");
        decoder->in_frame = code != Z_STREAM_END;
        TRY(give(decoder, BODY_PIECE_BYTES - stream->avail_out, err));
    } while (stream->avail_in > 0 || stream->avail_out == 0);
    return STATUS_OK;
}

static Status decode_zstd(Decoder *decoder, const char *bytes, size_t length, Error *err) {
    ZSTD_inBuffer in = {.src = bytes, .size = length};
    ZSTD_outBuffer out;
    do {
        out = (ZSTD_outBuffer){.dst = decoder->piece, .size = BODY_PIECE_BYTES};
        size_t code = ZSTD_decompressStream(decoder->zstd, &out, &in);
        if (ZSTD_isError(code))
            return error_set(err, SQLSTATE_INVALID_TEXT, "the body is not valid zstd: %s",
                             ZSTD_getErrorName(code));
        decoder->any = true;
        decoder->in_frame = code != 0;
        TRY(give(decoder, out.pos, err));
    } while (in.pos < in.size || out.pos == out.size);
    return STATUS_OK;
}

static Status decode_piece(void *context, const char *bytes, size_t length, Error *err) {
    Decoder *decoder = context;
    return decoder->encoding == BODY_GZIP ? decode_gzip(decoder, bytes, length, err)
                                          : decode_zstd(decoder, bytes, length, err);
}

static Status open_decoder(Decoder *decoder, const char *spool_directory, Error *err) {
    decoder->fd = body_spool_open(spool_directory);
    if (decoder->fd < 0)
        return error_set(err, SQLSTATE_DISK_FULL, "the decoded body could not be kept: no spool file");
    decoder->piece = malloc(BODY_PIECE_BYTES);
    bool ready = decoder->piece != NULL;
    if (decoder->encoding == BODY_GZIP) {
        ready = inflateInit2(&decoder->gzip, 16 + MAX_WBITS) == Z_OK && ready;
    } else {
        decoder->zstd = ZSTD_createDCtx();
        ready = ready && decoder->zstd &&
                !ZSTD_isError(ZSTD_DCtx_setParameter(decoder->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG));
    }
    return ready ? STATUS_OK : error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
}

Status body_decode(const BodyBytes *body, BodyEncoding encoding, const char *spool_directory,
                   int64_t limit_bytes, CancelToken *cancel, int *out_fd, size_t *out_bytes, Error *err) {
    Decoder decoder = {.encoding = encoding, .limit_bytes = limit_bytes, .cancel = cancel};
    Status status = open_decoder(&decoder, spool_directory, err);
    if (status == STATUS_OK) status = body_pieces(body, cancel, decode_piece, &decoder, err);
    if (status == STATUS_OK && (decoder.in_frame || !decoder.any))
        status = error_set(err, SQLSTATE_INVALID_TEXT, "the body ends in the middle of its %s data",
                           encoding == BODY_GZIP ? "gzip" : "zstd");
    if (encoding == BODY_GZIP)
        inflateEnd(&decoder.gzip);
    else
        ZSTD_freeDCtx(decoder.zstd);
    free(decoder.piece);
    if (status != STATUS_OK && decoder.fd >= 0) close(decoder.fd);
    *out_fd = status == STATUS_OK ? decoder.fd : -1;
    *out_bytes = (size_t)decoder.written;
    return status;
}
