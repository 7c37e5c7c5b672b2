/* Content-Encoding of request bodies: gzip (also several members) and zstd, decoded into a spool file in
 * bounded memory, up to a limit. */
#pragma once

#include "engines/base/cancel.h"
#include "engines/base/error.h"

typedef enum BodyEncoding { BODY_IDENTITY, BODY_GZIP, BODY_ZSTD, BODY_UNKNOWN_ENCODING } BodyEncoding;

/* Of the header's value, which may be NULL. */
BodyEncoding body_encoding(const char *content_encoding);

/* Where encoded bytes come from: a file from its beginning (`fd` ≥ 0), else memory. */
typedef struct BodyBytes {
    int fd;
    const void *data;
    size_t bytes;
} BodyBytes;

/* Calls `take` with pieces of at most BODY_PIECE_BYTES, in order. */
enum { BODY_PIECE_BYTES = 256 << 10 };
typedef Status (*BodyPiece)(void *context, const char *bytes, size_t length, Error *err);
Status body_pieces(const BodyBytes *body, CancelToken *cancel, BodyPiece take, void *context, Error *err);

/* A new spool file with the decoded bytes; `*out_bytes` of them. 22P02 when they are not what the encoding
 * says or are cut off; 54000 beyond `limit_bytes`; 53100 when the file cannot be written. */
Status body_decode(const BodyBytes *body, BodyEncoding encoding, const char *spool_directory,
                   int64_t limit_bytes, CancelToken *cancel, int *out_fd, size_t *out_bytes, Error *err);
