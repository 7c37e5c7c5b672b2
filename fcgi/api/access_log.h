/* The access log (a line for every request) and the audit log (a line for everything that changes data or
 * definitions, or was refused to). JSON, one object a line; docs/operations.md lists the members.
 *
 *   access_log_open → access_log_statement, access_log_audit (before the answer), access_log_request (after)
 *   → access_log_close
 */
#pragma once

#include "fcgi/api/api_internal.h"
#include "fcgi/api/line_file.h"

typedef struct AccessLog AccessLog;

typedef struct AccessLogOptions {
    const char *file, *audit_file; /* "" = none */
    bool failed_only;              /* of the requests */
    bool text;                     /* statements as they are, else their shapes */
} AccessLogOptions;

Status access_log_open(const AccessLogOptions *options, AccessLog **out, Error *err);
void access_log_close(AccessLog *log);  /* may be NULL, as in all that follow */
void access_log_flush(AccessLog *log);  /* about once a second */
void access_log_reopen(AccessLog *log); /* after rotation */

/* What a statement became, for the line of its request and, if it is one for it, for the audit. Once per run,
 * before the answer and before the decision is let go. `sqlstate` NULL = it went well. */
struct QueryRun;
void access_log_statement(AccessLog *log, struct QueryRun *run, int status, const char *sqlstate,
                          int64_t rows);

/* Texts may be NULL. */
typedef struct AuditEntry {
    const char *event; /* write, ddl, session, denied, ingest */
    const char *engine, *rule, *sql, *table, *sqlstate;
    uint64_t fingerprint; /* 0 = none */
    int status;
    int64_t rows, bytes;
} AuditEntry;
void access_log_audit(AccessLog *log, const Api *api, const Exchange *exchange, const AuditEntry *entry);
/* A job's statement: its id stands for the request's. `decision` may be NULL. */
void access_log_job(AccessLog *log, const char *id, const char *user, const char *sql,
                    const Decision *decision, int status, const char *sqlstate, int64_t rows);

/* On the loop, once the answer has been written. */
void access_log_request(AccessLog *log, const Api *api, const Exchange *exchange, int64_t duration_ns);
