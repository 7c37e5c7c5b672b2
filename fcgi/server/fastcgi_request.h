/* The whole request in one piece of memory: what nginx sends for every small one.
 *
 * libfcgi allocates for each parameter and three buffers for each request, which took longer than the rest of
 * a point lookup's way in. So a request that has arrived whole and in the plain shape (BEGIN_REQUEST, one
 * PARAMS, its end, at most one STDIN, its end) is taken apart here; any other is libfcgi's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engines/base/arena.h"

typedef struct FastcgiRequest {
    int id;
    bool keep; /* the connection */
    const uint8_t *params, *body;
    size_t params_bytes, body_bytes;
    size_t bytes; /* of the request with its record headers: another one may follow */
} FastcgiRequest;

/* False: not whole, or of another shape. `out` points into `bytes`. */
bool fastcgi_request_parse(const uint8_t *bytes, size_t length, FastcgiRequest *out);
/* "NAME=value" strings and a NULL, in the arena; NULL when the lengths do not add up. Name-value pairs:
 * FastCGI specification 1.0, section 3.4. */
char **fastcgi_params_decode(const uint8_t *params, size_t bytes, Arena *arena);
