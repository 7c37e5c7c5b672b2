/* multipart/form-data (RFC 7578), pushed in pieces of any size: memory is bounded by one piece, a boundary
 * and one part's headers.
 *
 *   multipart_init → multipart_feed* → multipart_finish → multipart_deinit
 */
#pragma once

#include "engines/base/error.h"
#include "engines/base/strbuf.h"

enum { MULTIPART_MAX_BOUNDARY = 70, MULTIPART_MAX_HEADERS = 16 << 10, MULTIPART_MAX_PARTS = 256 };

typedef struct MultipartPart {
    const char *name;         /* "" when there is none */
    const char *file_name;    /* NULL = an ordinary form field */
    const char *content_type; /* NULL = not said */
} MultipartPart;

typedef struct MultipartSink {
    void *context;
    Status (*begin)(void *context, const MultipartPart *part, Error *err); /* texts are gone afterwards */
    Status (*data)(void *context, const char *bytes, size_t length, Error *err);
} MultipartSink;

typedef enum MultipartState {
    MULTIPART_BEFORE,   /* the first boundary */
    MULTIPART_BOUNDARY, /* just behind one */
    MULTIPART_HEADERS,
    MULTIPART_DATA,
    MULTIPART_END /* behind the last; what follows is ignored */
} MultipartState;

typedef struct Multipart {
    char delimiter[MULTIPART_MAX_BOUNDARY + 5]; /* CR LF "--" boundary */
    size_t delimiter_bytes;
    MultipartState state;
    MultipartSink sink;
    StrBuf pending; /* not yet understood */
    int parts;
} Multipart;

/* The boundary of a Content-Type header, into `out`. False: there is none, or no possible one. */
bool multipart_boundary(const char *content_type, char out[MULTIPART_MAX_BOUNDARY + 1]);
void multipart_init(Multipart *parser, const char *boundary, MultipartSink sink);
void multipart_deinit(Multipart *parser);
/* 22P02 where it is not what the RFC says, 54000 beyond the limits above. */
Status multipart_feed(Multipart *parser, const char *bytes, size_t length, Error *err);
/* Fails when the last boundary is missing: the body was cut. */
Status multipart_finish(Multipart *parser, Error *err);
