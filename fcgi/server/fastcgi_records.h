/* Just enough of the FastCGI record layout to know, before libfcgi reads a byte, that it will not have to
 * wait.
 *
 * libfcgi reads with blocking calls, so the event loop peeks at what has arrived and hands a connection to
 * libfcgi only when the whole request is there (fastcgi_records_scan). Responses are framed here too:
 * libfcgi's writer is fixed at 8 KiB a write. Record layout: FastCGI specification 1.0, section 3.3.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
    FASTCGI_HEADER_BYTES = 8,
    FASTCGI_MAX_CONTENT = 65528, /* largest multiple of 8 that fits the 16-bit length: no padding needed */
    FASTCGI_END_BYTES = 24,
    FASTCGI_BEGIN_REQUEST = 1,
    FASTCGI_ABORT_REQUEST = 2,
    FASTCGI_END_REQUEST = 3,
    FASTCGI_PARAMS = 4,
    FASTCGI_STDIN = 5,
    FASTCGI_STDOUT = 6
};

typedef enum RecordScan {
    RECORDS_PARTIAL,  /* a request that is still arriving */
    RECORDS_COMPLETE, /* BEGIN_REQUEST to the empty STDIN record: reading it cannot block */
    RECORDS_INVALID   /* not FastCGI 1 */
} RecordScan;

RecordScan fastcgi_records_scan(const uint8_t *bytes, size_t length);
/* The header of one record of at most 65,535 content bytes, without padding. */
void fastcgi_record_header(uint8_t header[FASTCGI_HEADER_BYTES], int type, int request_id,
                           size_t content_bytes);
/* What ends a response: the empty STDOUT record and END_REQUEST, complete, status 0. */
void fastcgi_end_records(uint8_t end[FASTCGI_END_BYTES], int request_id);
