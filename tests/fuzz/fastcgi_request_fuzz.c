/* Requests as a hostile peer would frame them: what the reader points at must lie within what was given. */
#include <assert.h>
#include <string.h>

#include "fcgi/server/fastcgi_records.h"
#include "fcgi/server/fastcgi_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    FastcgiRequest request;
    RecordScan scan = fastcgi_records_scan(data, size);
    if (!fastcgi_request_parse(data, size, &request)) return 0;
    assert(scan == RECORDS_COMPLETE && request.bytes <= size);
    assert(request.params + request.params_bytes <= data + size);
    assert(request.body + request.body_bytes <= data + size);
    Arena arena;
    arena_init(&arena);
    char **params = fastcgi_params_decode(request.params, request.params_bytes, &arena);
    size_t bytes = 0;
    for (char **at = params; at && *at; at++)
        bytes += strlen(*at) + 1;
    assert(bytes <= request.params_bytes);
    arena_deinit(&arena);
    return 0;
}
