#include "fcgi/api/problem.h"

#include <stdio.h>
#include <string.h>

/* The longest prefix wins. What PostgREST's users expect where the contract is silent (constraint violations:
 * 409). */
static const struct {
    const char *prefix;
    int status;
    const char *title;
} sqlstates[] = {
    {"03", 500, "SQL statement not yet complete"},
    {"08", 503, "Engine not reachable"},
    {"08007", 502, "Outcome unknown"},
    {"08P01", 400, "Parameters do not fit the statement"},
    {"0A", 422, "Feature not supported"},
    {"22", 400, "Invalid data"},
    {"23", 400, "Constraint violation"},
    {"23503", 409, "Foreign key violation"},
    {"23505", 409, "Unique violation"},
    {"23P01", 409, "Exclusion violation"},
    {"25", 400, "Invalid transaction state"},
    {"25006", 403, "Read-only transaction"},
    {"28", 503, "Engine refused our credentials"},
    {"40", 409, "Transaction rolled back"},
    {"40001", 409, "Conflicting commit"},
    {"40003", 502, "Outcome unknown"},
    {"40P01", 409, "Deadlock detected"},
    {"42", 400, "Invalid SQL"},
    {"42501", 403, "Not permitted"},
    {"42601", 400, "Syntax error"},
    {"42P01", 400, "Unknown table"},
    {"42703", 400, "Unknown column"},
    {"42883", 400, "Unknown function"},
    {"53", 503, "Resources exhausted"},
    {"53100", 503, "Disk full"},
    {"53200", 503, "Out of memory"},
    {"53300", 503, "Too many connections"},
    {"54", 400, "Statement too large or too complex"},
    {"55", 409, "Object in use"},
    {"57", 503, "Engine intervened"},
    {"57014", 408, "Statement cancelled"},
    {"58P01", 400, "No such file"},
    {"58", 502, "Engine failed"},
    {"F0", 500, "Configuration error"},
    {"HV", 502, "Engine failed"},
    {"P0", 400, "Raised by a function"},
    {"SB001", 422, "No engine can run this statement"},
    {"SB002", 422, "Unknown engine"},
    {"SB003", 422, "The forced engine cannot run this statement"},
    {"SB004", 503, "Engine down"},
    {"SB005", 403, "Denied by a rule"},
    {"SB006", 405, "Only reads by GET"},
    {"SB007", 429, "Queue full"},
    {"SB008", 422, "To be run as a job"},
    {"XX", 502, "Engine failed"},
    {"XX000", 500, "Internal error"},
};

static int find(const char *sqlstate) {
    int found = -1;
    size_t longest = 0;
    for (size_t i = 0; i < sizeof sqlstates / sizeof sqlstates[0]; i++) {
        size_t length = strlen(sqlstates[i].prefix);
        if (length > longest && !strncmp(sqlstate, sqlstates[i].prefix, length)) {
            longest = length;
            found = (int)i;
        }
    }
    return found;
}

int problem_status(const Error *err) {
    int found = find(err->sqlstate);
    return found >= 0 ? sqlstates[found].status : 400;
}

static void member(StrBuf *out, const char *name, const char *value) {
    if (!value[0]) return;
    strbuf_printf(out, ",\"%s\":", name);
    strbuf_append_json(out, value, strlen(value));
}

static const char *type_of(const Error *err, char text[64]) {
    if (!error_is_set(err)) return "about:blank";
    memcpy(text, "urn:signalbox:sqlstate:", 23);
    memcpy(text + 23, err->sqlstate, sizeof err->sqlstate);
    return text;
}

void problem_reply(Exchange *exchange, int status, const Error *err) {
    static const Error none;
    if (!err) err = &none;
    int found = error_is_set(err) ? find(err->sqlstate) : -1;
    bool from_state = status == 0 || (found >= 0 && sqlstates[found].status == status);
    if (status == 0) status = problem_status(err);
    char type[64];
    StrBuf out;
    strbuf_init(&out);
    strbuf_append_text(&out, "{\"type\":\"");
    strbuf_append_text(&out, type_of(err, type));
    strbuf_append_char(&out, '"');
    member(&out, "title", from_state && found >= 0 ? sqlstates[found].title : http_reason(status));
    strbuf_printf(&out, ",\"status\":%d", status);
    member(&out, "detail", err->message);
    member(&out, "sqlstate", err->sqlstate);
    if (err->position > 0) strbuf_printf(&out, ",\"position\":%d", err->position);
    member(&out, "more", err->detail);
    member(&out, "hint", err->hint);
    member(&out, "request_id", exchange->request_id ? exchange->request_id : "");
    strbuf_append_text(&out, "}\n");
    exchange_reply(exchange, status, "application/problem+json", out.data, out.length);
    strbuf_deinit(&out);
}

void problem_reply_text(Exchange *exchange, int status, const char *detail) {
    Error err = {0};
    strncpy(err.message, detail, sizeof err.message - 1);
    problem_reply(exchange, status, &err);
}

void problem_reply_method(Exchange *exchange, unsigned allowed_methods) {
    char allow[64];
    exchange_add_header(exchange, "Allow", http_method_names(allowed_methods, allow));
    Error err = {0};
    snprintf(err.message, sizeof err.message, "%.20s is not possible here, %s is", exchange->method_name,
             allow);
    problem_reply(exchange, 405, &err);
}
