#include "fcgi/server/fastcgi_records.h"

#include <stdbool.h>
#include <string.h>

RecordScan fastcgi_records_scan(const uint8_t *bytes, size_t length) {
    size_t at = 0;
    bool begun = false;
    while (length - at >= FASTCGI_HEADER_BYTES) {
        const uint8_t *header = bytes + at;
        if (header[0] != 1) return RECORDS_INVALID;
        int type = header[1];
        size_t content = (size_t)header[4] << 8 | header[5];
        size_t record = FASTCGI_HEADER_BYTES + content + header[6];
        if (record > length - at) return RECORDS_PARTIAL;
        begun |= type == FASTCGI_BEGIN_REQUEST;
        if (begun && type == FASTCGI_STDIN && content == 0) return RECORDS_COMPLETE;
        at += record;
    }
    return length - at > 0 && bytes[at] != 1 ? RECORDS_INVALID : RECORDS_PARTIAL;
}

void fastcgi_record_header(uint8_t header[FASTCGI_HEADER_BYTES], int type, int request_id,
                           size_t content_bytes) {
    header[0] = 1;
    header[1] = (uint8_t)type;
    header[2] = (uint8_t)(request_id >> 8);
    header[3] = (uint8_t)request_id;
    header[4] = (uint8_t)(content_bytes >> 8);
    header[5] = (uint8_t)content_bytes;
    header[6] = 0;
    header[7] = 0;
}

void fastcgi_end_records(uint8_t end[FASTCGI_END_BYTES], int request_id) {
    fastcgi_record_header(end, FASTCGI_STDOUT, request_id, 0);
    fastcgi_record_header(end + FASTCGI_HEADER_BYTES, FASTCGI_END_REQUEST, request_id, 8);
    memset(end + 2 * FASTCGI_HEADER_BYTES, 0, 8);
}
