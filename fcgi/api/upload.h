/* The body of POST /api/v1/tables/{t}/data as files of rows: its encoding taken off, a multipart body taken
 * apart, each in bounded memory. */
#pragma once

#include "engines/table_intake.h"
#include "fcgi/server/exchange.h"

enum { UPLOAD_MAX_FILES = 64 };

typedef struct Upload {
    TableIntakeFormat format;
    char delimiter; /* what the content type says, 0 = nothing */
    TableIntakeSource sources[UPLOAD_MAX_FILES];
    int source_count;
    int descriptors[UPLOAD_MAX_FILES + 1]; /* ours, to be closed */
    int descriptor_count;
} Upload;

typedef struct UploadLimits {
    const char *spool_directory;
    int64_t max_bytes; /* of the decoded body */
} UploadLimits;

/* On failure *http_status is 415, 413 or 0 (by the SQLSTATE). Close it either way. */
Status upload_read(Exchange *exchange, const UploadLimits *limits, Upload *out, int *http_status, Error *err);
void upload_close(Upload *upload);
