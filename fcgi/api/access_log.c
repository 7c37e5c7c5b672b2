#include "fcgi/api/access_log.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "fcgi/api/query_answer.h"
#include "router/fingerprint.h"

enum { MOST_SQL_BYTES = 8192, MOST_TEXT_BYTES = 2048 };

struct AccessLog {
    LineFile *requests, *audit; /* NULL = none */
    bool failed_only, text;
    int pid;
};

/* What a request's line says of its statement; in the exchange's arena. */
typedef struct AccessFacts {
    const char *engine, *rule, *class_name;
    char sqlstate[6];
    uint64_t fingerprint;
    int64_t rows, bytes_scanned;
    bool fast_lane;
} AccessFacts;

/* ---- life ------------------------------------------------------------------------------------------------
 */

Status access_log_open(const AccessLogOptions *options, AccessLog **out, Error *err) {
    *out = NULL;
    if (!options->file[0] && !options->audit_file[0]) return STATUS_OK;
    AccessLog *log = calloc(1, sizeof *log);
    if (!log) abort();
    log->failed_only = options->failed_only;
    log->text = options->text;
    log->pid = (int)getpid();
    Status status = STATUS_OK;
    if (options->file[0]) status = line_file_open(options->file, &log->requests, err);
    if (status == STATUS_OK && options->audit_file[0])
        status = line_file_open(options->audit_file, &log->audit, err);
    if (status != STATUS_OK) {
        access_log_close(log);
        return STATUS_ERROR;
    }
    *out = log;
    return STATUS_OK;
}

void access_log_close(AccessLog *log) {
    if (!log) return;
    line_file_close(log->requests);
    line_file_close(log->audit);
    free(log);
}

void access_log_flush(AccessLog *log) {
    if (log && log->requests) line_file_flush(log->requests);
}

void access_log_reopen(AccessLog *log) {
    if (log && log->requests) line_file_reopen(log->requests);
    if (log && log->audit) line_file_reopen(log->audit);
}

/* ---- lines -----------------------------------------------------------------------------------------------
 */

/* A line for every request: no printf here, which took longer than the rest of the line. */
static void append_digits(StrBuf *line, unsigned value, int digits) {
    char text[8];
    for (int i = digits; i-- > 0; value /= 10)
        text[i] = (char)('0' + value % 10);
    strbuf_append(line, text, (size_t)digits);
}

static void append_time(StrBuf *line, const AccessLog *log, int64_t wall_us) {
    static _Thread_local time_t shown = -1;
    static _Thread_local char text[40];
    time_t seconds = (time_t)(wall_us / 1000000);
    if (seconds != shown) {
        struct tm utc;
        gmtime_r(&seconds, &utc);
        strftime(text, sizeof text, "{\"time\":\"%Y-%m-%dT%H:%M:%S.", &utc);
        shown = seconds;
    }
    strbuf_append_text(line, text);
    append_digits(line, (unsigned)(wall_us % 1000000), 6);
    strbuf_append_text(line, "Z\",\"pid\":");
    strbuf_append_i64(line, log->pid);
}

static void append_name(StrBuf *line, const char *name) {
    strbuf_append_text(line, ",\"");
    strbuf_append_text(line, name);
    strbuf_append_text(line, "\":");
}

/* Bytes of a client's may be anything: what is no UTF-8 strbuf_append_json replaces. */
static void append_text(StrBuf *line, const char *name, const char *value, size_t most_bytes) {
    if (!value) return;
    size_t length = strlen(value), bytes = length < most_bytes ? length : most_bytes;
    while (bytes < length && bytes && ((unsigned char)value[bytes] & 0xC0) == 0x80)
        bytes--; /* no half of a character */
    append_name(line, name);
    strbuf_append_json(line, value, bytes);
}

static void append_i64(StrBuf *line, const char *name, int64_t value) {
    append_name(line, name);
    strbuf_append_i64(line, value);
}

static void append_fingerprint(StrBuf *line, uint64_t fingerprint) {
    if (!fingerprint) return;
    char text[] = ",\"fingerprint\":\"0123456789abcdef\"";
    for (char *at = text + sizeof text - 3; *at != '"'; fingerprint >>= 4)
        *at-- = "0123456789abcdef"[fingerprint & 15];
    strbuf_append(line, text, sizeof text - 1);
}

static void append_who(StrBuf *line, const Api *api, const Exchange *exchange) {
    append_text(line, "request_id", exchange->request_id, MOST_TEXT_BYTES);
    append_text(line, "traceparent", exchange->traceparent, MOST_TEXT_BYTES);
    if (api->user_parameter[0])
        append_text(line, "user", exchange_parameter(exchange, api->user_parameter), MOST_TEXT_BYTES);
    append_text(line, "client", exchange_parameter(exchange, "REMOTE_ADDR"), MOST_TEXT_BYTES);
    append_text(line, "method", exchange->method_name, MOST_TEXT_BYTES);
    append_text(line, "path", exchange->path, MOST_TEXT_BYTES);
}

void access_log_request(AccessLog *log, const Api *api, const Exchange *exchange, int64_t duration_ns) {
    if (!log || !log->requests) return;
    bool failed = exchange->status >= 400 || exchange->status == 0;
    if (log->failed_only && !failed) return;
    StrBuf line;
    strbuf_init(&line);
    append_time(&line, log, clock_wall_us() - duration_ns / 1000);
    append_who(&line, api, exchange);
    append_i64(&line, "status", exchange->status);
    append_i64(&line, "duration_ms", duration_ns / 1000000);
    strbuf_append_char(&line, '.');
    append_digits(&line, (unsigned)(duration_ns / 1000 % 1000), 3);
    append_i64(&line, "request_bytes", (int64_t)exchange->body_bytes);
    append_i64(&line, "response_bytes", exchange->response_bytes);
    const AccessFacts *facts = exchange->facts;
    if (facts) {
        append_text(&line, "engine", facts->engine, MOST_TEXT_BYTES);
        append_text(&line, "rule", facts->rule, MOST_TEXT_BYTES);
        append_text(&line, "class", facts->class_name, MOST_TEXT_BYTES);
        append_fingerprint(&line, facts->fingerprint);
        append_i64(&line, "rows", facts->rows);
        append_i64(&line, "bytes_scanned", facts->bytes_scanned);
        strbuf_append_text(&line, facts->fast_lane ? ",\"lane\":\"fast\"" : ",\"lane\":\"slow\"");
        if (facts->sqlstate[0]) append_text(&line, "sqlstate", facts->sqlstate, sizeof facts->sqlstate);
    }
    strbuf_append_text(&line, "}\n");
    line_file_add(log->requests, line.data, line.length);
    strbuf_deinit(&line);
}

/* CREATE ROLE ... PASSWORD '...' and its kin show their shape, whatever is configured. */
static void append_sql(StrBuf *line, const AccessLog *log, const char *sql) {
    if (!sql) return;
    if (log->text && !strcasestr(sql, "password")) {
        append_text(line, "sql", sql, MOST_SQL_BYTES);
        return;
    }
    StrBuf shape;
    strbuf_init(&shape);
    (void)fingerprint_text(sql, strlen(sql), MOST_SQL_BYTES, &shape);
    append_text(line, "sql", strbuf_text(&shape), MOST_SQL_BYTES);
    strbuf_deinit(&shape);
}

/* `line` holds when, which event and who. */
static void write_audit(AccessLog *log, StrBuf *line, const AuditEntry *entry) {
    append_i64(line, "status", entry->status);
    append_text(line, "sqlstate", entry->sqlstate, MOST_TEXT_BYTES);
    append_text(line, "engine", entry->engine, MOST_TEXT_BYTES);
    append_text(line, "rule", entry->rule, MOST_TEXT_BYTES);
    append_fingerprint(line, entry->fingerprint);
    append_text(line, "table", entry->table, MOST_TEXT_BYTES);
    if (entry->bytes > 0) append_i64(line, "bytes", entry->bytes);
    append_i64(line, "rows", entry->rows);
    append_sql(line, log, entry->sql);
    strbuf_append_text(line, "}\n");
    line_file_write(log->audit, line->data, line->length);
    strbuf_deinit(line);
}

static void begin_audit(const AccessLog *log, StrBuf *line, const char *event) {
    strbuf_init(line);
    append_time(line, log, clock_wall_us());
    append_text(line, "event", event, MOST_TEXT_BYTES);
}

void access_log_audit(AccessLog *log, const Api *api, const Exchange *exchange, const AuditEntry *entry) {
    if (!log || !log->audit) return;
    StrBuf line;
    begin_audit(log, &line, entry->event);
    append_who(&line, api, exchange);
    write_audit(log, &line, entry);
}

/* ---- statements ------------------------------------------------------------------------------------------
 */

static bool is_denied(const char *sqlstate) {
    return sqlstate && (!strcmp(sqlstate, SQLSTATE_DENIED) || !strcmp(sqlstate, "42501"));
}

/* NULL: one that only reads. */
static const char *event_of(const Decision *decision, const char *sqlstate) {
    if (is_denied(sqlstate)) return "denied";
    if (!decision) return NULL;
    switch (decision->statement->kind) {
    case STATEMENT_WRITE: return "write";
    case STATEMENT_DDL: return "ddl";
    case STATEMENT_SESSION: return "session";
    default: return decision->class == CLASS_SESSION ? "session" : NULL; /* volatile functions may write */
    }
}

void access_log_job(AccessLog *log, const char *id, const char *user, const char *sql,
                    const Decision *decision, int status, const char *sqlstate, int64_t rows) {
    const char *event = log && log->audit ? event_of(decision, sqlstate) : NULL;
    if (!event) return;
    StrBuf line;
    begin_audit(log, &line, event);
    append_text(&line, "job_id", id, MOST_TEXT_BYTES);
    append_text(&line, "user", user, MOST_TEXT_BYTES);
    AuditEntry entry = {.engine = decision ? decision->engine->name : NULL,
                        .rule = decision ? decision->rule : NULL,
                        .sql = sql,
                        .sqlstate = sqlstate,
                        .fingerprint = decision ? decision->fingerprint : 0,
                        .status = status,
                        .rows = rows};
    write_audit(log, &line, &entry);
}

void access_log_statement(AccessLog *log, QueryRun *run, int status, const char *sqlstate, int64_t rows) {
    if (!log) return;
    const Decision *decision = run->decision;
    uint64_t fingerprint =
        decision ? decision->fingerprint : fingerprint_hash(run->body.sql, run->body.sql_bytes);
    if (log->requests) {
        AccessFacts *facts = ARENA_NEW(&run->exchange->arena, AccessFacts);
        *facts = (AccessFacts){.fingerprint = fingerprint,
                               .rows = rows > 0 ? rows : 0,
                               .bytes_scanned =
                                   atomic_load_explicit(&run->stats.bytes_scanned, memory_order_relaxed),
                               .fast_lane = !run->on_worker};
        if (sqlstate) strncpy(facts->sqlstate, sqlstate, sizeof facts->sqlstate - 1);
        if (decision) {
            facts->engine = decision->engine->name;
            facts->rule = arena_strdup(&run->exchange->arena, decision->rule);
            facts->class_name = statement_class_name(decision->class);
        }
        run->exchange->facts = facts;
    }
    const char *event = log->audit ? event_of(decision, sqlstate) : NULL;
    if (!event) return;
    AuditEntry entry = {.event = event,
                        .engine = decision ? decision->engine->name : NULL,
                        .rule = decision ? decision->rule : NULL,
                        .sql = run->body.sql,
                        .sqlstate = sqlstate,
                        .fingerprint = fingerprint,
                        .status = status,
                        .rows = rows > 0 ? rows : 0};
    access_log_audit(log, run->api, run->exchange, &entry);
}
