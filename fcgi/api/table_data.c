/* POST /api/v1/tables/{t}/data: rows in, answered once they are durable and every process sees them. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "engines/base/hash.h"
#include "fcgi/api/access_log.h"
#include "fcgi/api/api_internal.h"
#include "fcgi/api/decision_json.h"
#include "fcgi/api/problem.h"
#include "fcgi/api/table_target.h"
#include "fcgi/api/upload.h"

enum { HASHED_PIECE_BYTES = 256 << 10 };

typedef struct DataPost {
    Api *api;
    Exchange *exchange;
    TableTarget target;
    Upload upload;
    TableIntake intake;
    TableIntakeResult result;
    const char *key; /* Idempotency-Key with the table's name; NULL = none */
    bool replayed;
} DataPost;

/* ---- what was asked --------------------------------------------------------------------------------------
 */

static Status read_flag(Exchange *exchange, const char *name, bool *out, Error *err) {
    const char *value = exchange_query_value(exchange, name);
    *out = false;
    if (!value || !strcmp(value, "false")) return STATUS_OK;
    *out = true;
    if (!strcmp(value, "true") || !value[0]) return STATUS_OK;
    return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"%s\" must be true or false", name);
}

static Status read_choice(Exchange *exchange, const char *name, const char *no, const char *yes, bool *out,
                          Error *err) {
    const char *value = exchange_query_value(exchange, name);
    *out = value && !strcmp(value, yes);
    if (!value || *out || !strcmp(value, no)) return STATUS_OK;
    return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"%s\" must be %s or %s", name, no, yes);
}

static Status read_character(Exchange *exchange, const char *name, char *out, Error *err) {
    const char *value = exchange_query_value(exchange, name);
    if (!value) return STATUS_OK;
    if (!strcmp(value, "\\t")) value = "\t";
    *out = value[0];
    if (value[0] && !value[1] && !strchr("\r\n", value[0])) return STATUS_OK;
    return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"%s\" must be one character", name);
}

static Status read_options(DataPost *post, Error *err) {
    static const struct {
        const char *name;
        TableIntakeFormat format;
        char delimiter;
    } formats[] = {{"json", TABLE_INTAKE_JSON, 0},
                   {"ndjson", TABLE_INTAKE_JSON, 0},
                   {"csv", TABLE_INTAKE_CSV, 0},
                   {"tsv", TABLE_INTAKE_CSV, '\t'},
                   {"parquet", TABLE_INTAKE_PARQUET, 0}};
    Exchange *exchange = post->exchange;
    TableIntake *intake = &post->intake;
    bool header = true;
    TRY(read_choice(exchange, "mode", "append", "replace", &intake->replace, err));
    TRY(read_choice(exchange, "on_error", "fail", "skip", &intake->skip_bad_rows, err));
    TRY(read_flag(exchange, "create", &intake->create, err));
    TRY(read_flag(exchange, "header", &header, err));
    intake->header = exchange_query_value(exchange, "header") ? header : -1;
    intake->delimiter = post->upload.delimiter;
    intake->format = post->upload.format;
    const char *named = exchange_query_value(exchange, "format");
    bool known = !named;
    for (size_t i = 0; named && i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(named, formats[i].name) != 0) continue;
        known = true;
        intake->format = formats[i].format;
        intake->delimiter = formats[i].delimiter;
    }
    if (!known)
        return error_set(err, SQLSTATE_INVALID_PARAMETER,
                         "\"format\" must be json, ndjson, csv, tsv or parquet");
    TRY(read_character(exchange, "delimiter", &intake->delimiter, err));
    TRY(read_character(exchange, "quote", &intake->quote, err));
    intake->null_text = exchange_query_value(exchange, "null");
    return STATUS_OK;
}

/* A page of another site may send a form with a file in it, unasked: browsers then name that site. */
static bool comes_from_elsewhere(const Exchange *exchange) {
    const char *origin = exchange_parameter(exchange, "HTTP_ORIGIN");
    const char *host = exchange_parameter(exchange, "HTTP_HOST");
    if (!origin || !origin[0]) return false;
    const char *authority = strstr(origin, "://");
    return !authority || !host || strcmp(authority + 3, host) != 0;
}

/* ---- once, and only once ---------------------------------------------------------------------------------
 */

/* Piece by piece, so that a body hashes to the same wherever it is kept. */
static Status hash_source(const TableIntakeSource *source, Arena *arena, uint64_t *hash, Error *err) {
    char *buffer = source->fd >= 0 ? arena_alloc(arena, HASHED_PIECE_BYTES) : NULL;
    *hash = hash64_combine(*hash, source->bytes);
    for (size_t at = 0; at < source->bytes;) {
        size_t left = source->bytes - at, length = left < HASHED_PIECE_BYTES ? left : HASHED_PIECE_BYTES;
        const char *piece = source->fd < 0 ? (const char *)source->data + at : buffer;
        for (size_t got = 0; source->fd >= 0 && got < length;) {
            ssize_t count = pread(source->fd, buffer + got, length - got, (off_t)(at + got));
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) return error_set_errno(err, errno, "cannot read the body again");
            got += (size_t)count;
        }
        *hash = hash64_bytes(piece, length, *hash);
        at += length;
    }
    return STATUS_OK;
}

static Status body_hash(DataPost *post, uint64_t *hash, Error *err) {
    const Upload *upload = &post->upload;
    *hash = (uint64_t)upload->source_count;
    for (int i = 0; i < upload->source_count; i++)
        TRY(hash_source(&upload->sources[i], &post->exchange->arena, hash, err));
    return STATUS_OK;
}

static Status begin_keyed(DataPost *post, Error *err) {
    const char *given = exchange_parameter(post->exchange, "HTTP_IDEMPOTENCY_KEY");
    if (!given || !given[0] || !post->api->intake_keys) return STATUS_OK;
    if (strlen(given) > 255)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "Idempotency-Key is longer than 255 characters");
    const TableTarget *target = &post->target;
    IntakeOutcome outcome = {0};
    uint64_t hash;
    TRY(body_hash(post, &hash, err));
    const char *key = arena_printf(&post->exchange->arena, "%s.%s.%s %s", target->engine->name,
                                   target->schema ? target->schema : "", target->name, given);
    switch (intake_keys_begin(post->api->intake_keys, key, hash, &outcome)) {
    case INTAKE_KEY_NEW: post->key = key; return STATUS_OK;
    case INTAKE_KEY_DONE:
        post->replayed = true;
        post->result = (TableIntakeResult){.row_count = outcome.row_count,
                                           .rejected_count = outcome.rejected_count,
                                           .snapshot_id = outcome.snapshot_id};
        return STATUS_OK;
    case INTAKE_KEY_BEGUN:
        return error_set(err, SQLSTATE_SERIALIZATION_FAILURE,
                         "a post with this Idempotency-Key is under way, or was lost with its process");
    default:
        return error_set(err, SQLSTATE_INVALID_PARAMETER,
                         "this Idempotency-Key was used with another body for this table");
    }
}

/* nginx tries another process when the first one died; its rows may be in the table. */
static Status begin_attempt(DataPost *post, Error *err) {
    const char *identifier = exchange_parameter(post->exchange, "SIGNALBOX_ATTEMPT_ID");
    if (!post->api->attempts || !identifier || !identifier[0] ||
        attempts_begin(post->api->attempts, identifier))
        return STATUS_OK;
    return error_set(err, "40003",
                     "the process that began to take these rows was lost, whether they are in the table is "
                     "unknown");
}

static void end_keyed(DataPost *post, Status status, const Error *err) {
    if (!post->key) return;
    IntakeOutcome outcome = {.row_count = post->result.row_count,
                             .rejected_count = post->result.rejected_count,
                             .snapshot_id = post->result.snapshot_id};
    bool unknown = !strcmp(err->sqlstate, "40003") || !strcmp(err->sqlstate, "08007");
    if (status == STATUS_OK)
        intake_keys_done(post->api->intake_keys, post->key, &outcome);
    else if (!unknown)
        intake_keys_forget(post->api->intake_keys, post->key);
}

/* ---- answer ----------------------------------------------------------------------------------------------
 */

static void append_text(StrBuf *out, const char *name, const char *value) {
    strbuf_printf(out, "\"%s\":", name);
    if (value)
        strbuf_append_json(out, value, strlen(value));
    else
        strbuf_append_text(out, "null");
}

static void append_rejects(StrBuf *out, const TableIntakeResult *result, bool several) {
    strbuf_append_text(out, ",\"rejected\":[");
    for (int i = 0; i < result->reject_count; i++) {
        const TableIntakeReject *reject = &result->rejects[i];
        strbuf_printf(out, "%s{\"row\":%lld,", i ? "," : "", (long long)reject->row);
        append_text(out, "column", reject->column);
        strbuf_append_char(out, ',');
        append_text(out, "reason", reject->reason);
        if (several) {
            strbuf_append_char(out, ',');
            append_text(out, "file", reject->source);
        }
        strbuf_append_char(out, '}');
    }
    strbuf_printf(out, "],\"rejected_count\":%lld", (long long)result->rejected_count);
}

static void append_changes(StrBuf *out, const TableIntakeResult *result) {
    char scratch[SQLTYPE_NAME_BYTES];
    strbuf_append_text(out, ",\"schema_changes\":[");
    for (int i = 0; i < result->change_count; i++) {
        const TableIntakeChange *change = &result->changes[i];
        strbuf_append_text(out, i ? ",{" : "{");
        append_text(out, "column", change->column);
        strbuf_printf(out, ",\"change\":\"%s\",", change->added ? "added" : "widened");
        append_text(out, "type", sqltype_short_name(change->type, scratch));
        strbuf_append_char(out, '}');
    }
    strbuf_append_char(out, ']');
}

static void reply_result(DataPost *post) {
    const TableIntakeResult *result = &post->result;
    StrBuf out;
    strbuf_init(&out);
    strbuf_printf(&out, "{\"rows\":%lld", (long long)result->row_count);
    append_rejects(&out, result, post->upload.source_count > 1);
    strbuf_append_text(&out, ",\"snapshot_id\":");
    if (result->snapshot_id >= 0)
        strbuf_append_i64(&out, result->snapshot_id);
    else
        strbuf_append_text(&out, "null");
    strbuf_append_text(&out, ",\"duration\":");
    json_append_fixed(&out, (double)(clock_now_ns() - post->exchange->received_ns) / 1e9, 6);
    append_changes(&out, result);
    strbuf_printf(&out, ",\"created\":%s}\n", result->created ? "true" : "false");
    if (post->replayed) exchange_add_header(post->exchange, "Idempotent-Replayed", "true");
    exchange_add_header(post->exchange, "X-Engine", post->target.engine->name);
    api_reply_json(post->exchange, result->created ? 201 : 200, &out);
}

static void reply_failure(Exchange *exchange, int http_status, const Error *err) {
    if (atomic_load(&exchange->cancel.reason) == CANCEL_BY_CLIENT_GONE)
        exchange_stream_cut(exchange);
    else
        problem_reply(exchange, http_status, err);
}

/* ---- the way
 * -----------------------------------------------------------------------------------------------
 */

static Status take_rows(DataPost *post, Error *err) {
    Engine *engine = post->target.engine;
    post->intake.schema = post->target.schema;
    post->intake.table = post->target.name;
    post->intake.sources = post->upload.sources;
    post->intake.source_count = post->upload.source_count;
    post->intake.cancel = &post->exchange->cancel;
    post->intake.arena = &post->exchange->arena;
    post->intake.reader = router_file_reader(post->api->router);
    TRY(begin_keyed(post, err));
    if (post->replayed) return STATUS_OK;
    Status status = begin_attempt(post, err);
    if (status == STATUS_OK) status = engine->ops->intake(engine, &post->intake, &post->result, err);
    end_keyed(post, status, err);
    if (status == STATUS_OK && (post->result.created || post->result.change_count > 0 ||
                                (post->intake.create && post->intake.replace)))
        api_note_ddl(post->api);
    return status;
}

static Status run(DataPost *post, const char *table, int *http_status, Error *err) {
    Exchange *exchange = post->exchange;
    UploadLimits limits = {.spool_directory = post->api->spool_directory,
                           .max_bytes = atomic_load(&post->api->max_upload_bytes)};
    if (comes_from_elsewhere(exchange)) {
        *http_status = 403;
        return error_set(err, "42501", "rows are not taken from pages of other sites");
    }
    TRY(table_target_find(post->api, exchange, table, exchange_query_value(exchange, "engine"), &post->target,
                          err));
    TRY(upload_read(exchange, &limits, &post->upload, http_status, err));
    TRY(read_options(post, err));
    if (!post->target.exists && !post->intake.create) {
        *http_status = 404;
        return error_set(err, SQLSTATE_UNDEFINED_TABLE,
                         "table \"%.200s\" does not exist; ?create=true makes it from the rows", table);
    }
    if (!post->target.engine->ops->intake)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "engine \"%s\", where table \"%.200s\" lives, takes no rows this way: use INSERT",
                         post->target.engine->name, table);
    return take_rows(post, err);
}

static void count(const DataPost *post, Status status) {
    Metrics *metrics = post->api->metrics;
    int index = post->target.engine ? api_engine_index(post->api, post->target.engine) : -1;
    if (index < 0 || post->replayed) return;
    if (status != STATUS_OK) {
        metrics_add(&metrics->intake_errors[index], 1);
        return;
    }
    metrics_add(&metrics->intake_rows[index], (uint64_t)post->result.row_count);
    metrics_add(&metrics->intake_rejected[index], (uint64_t)post->result.rejected_count);
    metrics_add(&metrics->intake_bytes[index], post->exchange->body_bytes);
    histogram_note(&metrics->intake_time[index], clock_now_ns() - post->exchange->received_ns);
}

static void audit(const DataPost *post, const char *table, Status status, int http_status, const Error *err) {
    int answered = status == STATUS_OK ? (post->result.created ? 201 : 200)
                   : http_status       ? http_status
                                       : problem_status(err);
    AuditEntry entry = {.event = answered == 403 ? "denied" : "ingest",
                        .engine = post->target.engine ? post->target.engine->name : NULL,
                        .table = table,
                        .sqlstate = status == STATUS_OK ? NULL : err->sqlstate,
                        .status = answered,
                        .rows = post->result.row_count,
                        .bytes = (int64_t)post->exchange->body_bytes};
    access_log_audit(post->api->access_log, post->api, post->exchange, &entry);
}

void table_data_handle(Api *api, Exchange *exchange, char *const *arguments) {
    DataPost *post = ARENA_NEW(&exchange->arena, DataPost);
    *post = (DataPost){.api = api, .exchange = exchange, .result = {.snapshot_id = -1}};
    Error err = {0};
    int http_status = 0;
    Status status = run(post, arguments[0], &http_status, &err);
    upload_close(&post->upload);
    count(post, status);
    audit(post, arguments[0], status, http_status, &err);
    if (status == STATUS_OK)
        reply_result(post);
    else
        reply_failure(exchange, http_status, &err);
}
