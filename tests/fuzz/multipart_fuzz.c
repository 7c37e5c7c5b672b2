/* The first byte is the size of the pieces; the rest is a body with the boundary "XX". */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "fcgi/api/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Status begin(void *context, const MultipartPart *part, Error *err) {
    size_t *bytes = context;
    *bytes += strlen(part->name) + (part->file_name ? strlen(part->file_name) : 0) +
              (part->content_type ? strlen(part->content_type) : 0);
    return STATUS_OK;
}

static Status take(void *context, const char *bytes, size_t length, Error *err) {
    *(size_t *)context += length;
    return STATUS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    char boundary[MULTIPART_MAX_BOUNDARY + 1], *text = strndup((const char *)data + 1, size - 1);
    (void)multipart_boundary(text, boundary);
    free(text);
    size_t piece = data[0] ? data[0] : 256, given = 0;
    Error err = {0};
    Multipart parser;
    multipart_init(&parser, "XX", (MultipartSink){.context = &given, .begin = begin, .data = take});
    Status status = STATUS_OK;
    for (size_t at = 1; at < size && status == STATUS_OK; at += piece)
        status =
            multipart_feed(&parser, (const char *)data + at, size - at < piece ? size - at : piece, &err);
    if (status == STATUS_OK) status = multipart_finish(&parser, &err);
    if (given > size + 2) abort(); /* more than there was */
    multipart_deinit(&parser);
    return 0;
}
