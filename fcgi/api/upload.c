#include "fcgi/api/upload.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "fcgi/api/body_decode.h"
#include "fcgi/api/multipart.h"
#include "fcgi/server/body_spool.h"

typedef struct MediaType {
    const char *name;
    TableIntakeFormat format;
    char delimiter;
} MediaType;

static const MediaType media_types[] = {
    {"application/json", TABLE_INTAKE_JSON, 0},
    {"application/x-ndjson", TABLE_INTAKE_JSON, 0},
    {"application/ndjson", TABLE_INTAKE_JSON, 0},
    {"application/jsonl", TABLE_INTAKE_JSON, 0},
    {"application/json-lines", TABLE_INTAKE_JSON, 0},
    {"text/csv", TABLE_INTAKE_CSV, 0},
    {"application/csv", TABLE_INTAKE_CSV, 0},
    {"text/tab-separated-values", TABLE_INTAKE_CSV, '\t'},
    {"application/vnd.apache.parquet", TABLE_INTAKE_PARQUET, 0},
    {"application/x-parquet", TABLE_INTAKE_PARQUET, 0},
    {"application/parquet", TABLE_INTAKE_PARQUET, 0},
    {"application/octet-stream", TABLE_INTAKE_AUTO, 0},
};

static bool is_type(const char *header, const char *name) {
    size_t length = strlen(name);
    return !strncasecmp(header, name, length) && (header[length] == 0 || strchr("; \t", header[length]));
}

static const MediaType *find_type(const char *header) {
    for (size_t i = 0; i < sizeof media_types / sizeof *media_types; i++)
        if (is_type(header, media_types[i].name)) return &media_types[i];
    return NULL;
}

/* ---- multipart -------------------------------------------------------------------------------------------
 */

typedef struct Parts {
    Upload *upload;
    Exchange *exchange;
    const UploadLimits *limits;
    int fd;
    int64_t bytes;
} Parts;

static const char *shown_name(Exchange *exchange, const char *file_name) {
    const char *slash = strrchr(file_name, '/');
    return arena_strdup(&exchange->arena, slash ? slash + 1 : file_name);
}

static Status begin_file(void *context, const MultipartPart *part, Error *err) {
    Parts *parts = context;
    Upload *upload = parts->upload;
    if (!part->file_name)
        return error_set(err, SQLSTATE_INVALID_PARAMETER,
                         "the form field \"%.100s\" is no file; options are given in the address",
                         part->name);
    if (upload->source_count == UPLOAD_MAX_FILES)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "the body has more than %d files", UPLOAD_MAX_FILES);
    parts->fd = body_spool_open(parts->limits->spool_directory);
    if (parts->fd < 0) return error_set(err, SQLSTATE_DISK_FULL, "a file of the body could not be kept");
    upload->descriptors[upload->descriptor_count++] = parts->fd;
    upload->sources[upload->source_count++] =
        (TableIntakeSource){.name = shown_name(parts->exchange, part->file_name), .fd = parts->fd};
    /* A type that says nothing (curl's octet-stream) leaves the file to be looked at. */
    const MediaType *type = part->content_type ? find_type(part->content_type) : NULL;
    TableIntakeFormat format = type ? type->format : TABLE_INTAKE_AUTO;
    if (upload->source_count == 1) {
        upload->format = format;
        upload->delimiter = type ? type->delimiter : 0;
    } else if (upload->format != format) {
        upload->format = TABLE_INTAKE_AUTO;
    }
    return STATUS_OK;
}

static Status take_file(void *context, const char *bytes, size_t length, Error *err) {
    Parts *parts = context;
    parts->upload->sources[parts->upload->source_count - 1].bytes += length;
    if (body_spool_write(parts->fd, bytes, length)) return STATUS_OK;
    return error_set(err, SQLSTATE_DISK_FULL, "a file of the body could not be kept");
}

static Status feed(void *context, const char *bytes, size_t length, Error *err) {
    return multipart_feed(context, bytes, length, err);
}

static Status take_apart(Exchange *exchange, const UploadLimits *limits, const BodyBytes *body,
                         const char *content_type, Upload *out, Error *err) {
    char boundary[MULTIPART_MAX_BOUNDARY + 1];
    Parts parts = {.upload = out, .exchange = exchange, .limits = limits, .fd = -1};
    Multipart parser;
    if (!multipart_boundary(content_type, boundary))
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "multipart/form-data without a usable boundary");
    multipart_init(&parser, boundary,
                   (MultipartSink){.context = &parts, .begin = begin_file, .data = take_file});
    Status status = body_pieces(body, &exchange->cancel, feed, &parser, err);
    if (status == STATUS_OK) status = multipart_finish(&parser, err);
    multipart_deinit(&parser);
    TRY(status);
    if (out->source_count == 0) return error_set(err, SQLSTATE_INVALID_PARAMETER, "the body holds no file");
    return STATUS_OK;
}

/* ---- the body --------------------------------------------------------------------------------------------
 */

static Status take_off_encoding(Exchange *exchange, const UploadLimits *limits, Upload *out, BodyBytes *body,
                                int *http_status, Error *err) {
    const char *named = exchange_parameter(exchange, "HTTP_CONTENT_ENCODING");
    BodyEncoding encoding = body_encoding(named);
    *body = (BodyBytes){.fd = exchange->body_fd, .data = exchange->body, .bytes = exchange->body_bytes};
    if (encoding == BODY_IDENTITY) return STATUS_OK;
    if (encoding == BODY_UNKNOWN_ENCODING) {
        *http_status = 415;
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "Content-Encoding %.50s cannot be read; gzip and zstd can", named);
    }
    Status status = body_decode(body, encoding, limits->spool_directory, limits->max_bytes, &exchange->cancel,
                                &body->fd, &body->bytes, err);
    if (status == STATUS_OK)
        out->descriptors[out->descriptor_count++] = body->fd;
    else if (err && !strcmp(err->sqlstate, SQLSTATE_PROGRAM_LIMIT))
        *http_status = 413;
    return status;
}

Status upload_read(Exchange *exchange, const UploadLimits *limits, Upload *out, int *http_status,
                   Error *err) {
    const char *content_type = exchange_parameter(exchange, "CONTENT_TYPE");
    bool multipart = content_type && is_type(content_type, "multipart/form-data");
    const MediaType *type = content_type ? find_type(content_type) : NULL;
    BodyBytes body;
    *out =
        (Upload){.format = type ? type->format : TABLE_INTAKE_AUTO, .delimiter = type ? type->delimiter : 0};
    *http_status = 0;
    if (!multipart && !type) {
        *http_status = 415;
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "rows come as application/json, application/x-ndjson, text/csv, "
                         "application/vnd.apache.parquet or multipart/form-data: name one in Content-Type");
    }
    TRY(take_off_encoding(exchange, limits, out, &body, http_status, err));
    if (multipart) return take_apart(exchange, limits, &body, content_type, out, err);
    out->sources[out->source_count++] =
        (TableIntakeSource){.name = "body", .fd = body.fd, .data = body.data, .bytes = body.bytes};
    return STATUS_OK;
}

void upload_close(Upload *upload) {
    while (upload->descriptor_count > 0)
        close(upload->descriptors[--upload->descriptor_count]);
}
