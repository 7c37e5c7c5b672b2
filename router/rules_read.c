/* [[rule]] of the configuration to a RuleSet: every mistake is found, not only the first. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/toml.h"
#include "router/rules_internal.h"

typedef struct Reader {
    const Config *config;
    RuleSet *rules;
    Rule *rule; /* being read */
    const TomlEntry *entry;
    StrBuf *problems;
    Error *err; /* the first */
    int problem_count, before_rule;
} Reader;

static void complain_at(Reader *reader, int line, const char *format, const char *first, const char *second) {
    char sentence[400];
    snprintf(sentence, sizeof sentence, format, first, second);
    if (reader->problem_count++ == 0)
        (void)!error_set(reader->err, SQLSTATE_CONFIG, "%s:%d: %s", reader->config->path, line, sentence);
    if (reader->problems)
        strbuf_printf(reader->problems, "%s:%d: %s\n", reader->config->path, line, sentence);
}

static void complain(Reader *reader, const char *format, const char *first, const char *second) {
    complain_at(reader, reader->entry->line, format, first, second);
}

static const char *key_of(const TomlEntry *entry) {
    const char *close = strchr(entry->key, ']');
    return close && close[1] == '.' ? close + 2 : "";
}

/* ---- values
 * ---------------------------------------------------------------------------------------------- */

static const char *copy(Reader *reader, const char *text) {
    return arena_strdup(&reader->rules->arena, text);
}

/* One string or an array of strings, none of them empty. */
static bool read_texts(Reader *reader, RuleTexts *out) {
    const TomlValue *value = &reader->entry->value;
    bool one = value->kind == TOML_STRING;
    int count = one ? 1 : value->kind == TOML_ARRAY ? value->item_count : 0;
    out->items = ARENA_NEW_ARRAY(&reader->rules->arena, const char *, count + 1);
    for (int i = 0; i < count; i++) {
        const TomlValue *item = one ? value : &value->items[i];
        if (item->kind != TOML_STRING || !item->text[0]) {
            count = 0;
            break;
        }
        out->items[out->count++] = copy(reader, item->text);
    }
    if (count > 0) return true;
    out->count = 0;
    complain(reader, "%s must be a string or an array of strings, none of them empty%s",
             key_of(reader->entry), "");
    return false;
}

static bool is_engine(const Reader *reader, const char *name) {
    return config_engine(reader->config, name) != NULL;
}

static void read_engine(Reader *reader, const char **out) {
    const TomlValue *value = &reader->entry->value;
    if (value->kind != TOML_STRING)
        complain(reader, "%s must be an engine's name in quotes%s", key_of(reader->entry), "");
    else if (!is_engine(reader, value->text))
        complain(reader, "%s names no configured engine: \"%.100s\"", key_of(reader->entry), value->text);
    else
        *out = copy(reader, value->text);
}

static void read_bytes(Reader *reader, double *out) {
    double bytes;
    if (!toml_bytes(&reader->entry->value, &bytes) || !(bytes >= 0) || isinf(bytes))
        complain(reader, "%s must be a number of bytes or a size such as \"64MiB\"%s", key_of(reader->entry),
                 "");
    else
        *out = bytes;
}

/* ---- conditions
 * ------------------------------------------------------------------------------------------ */

static void read_name(Reader *reader) {
    const TomlValue *value = &reader->entry->value;
    bool good = value->kind == TOML_STRING && value->text[0] && strlen(value->text) <= 64;
    for (const char *at = good ? value->text : ""; *at; at++)
        good &= isalnum((unsigned char)*at) || *at == '-' || *at == '_' || *at == '.';
    if (!good) {
        complain(reader, "name must be a word of at most 64 letters, digits, '-', '_' and '.'%s%s", "", "");
        return;
    }
    for (int i = 0; i + 1 < reader->rules->count; i++)
        if (reader->rules->rules[i].name && !strcmp(reader->rules->rules[i].name, value->text))
            complain(reader, "another rule is called \"%s\"%s", value->text, "");
    reader->rule->name = copy(reader, value->text);
}

static void read_tables(Reader *reader) {
    read_texts(reader, &reader->rule->tables);
}
static void read_user(Reader *reader) {
    if (read_texts(reader, &reader->rule->users) && !reader->config->user_header[0])
        complain(reader, "%s needs identity.user_header, which is not set%s", "user", "");
}
static void read_role(Reader *reader) {
    if (read_texts(reader, &reader->rule->roles) && !reader->config->role_header[0])
        complain(reader, "%s needs identity.role_header, which is not set%s", "role", "");
}
static void read_tag(Reader *reader) {
    read_texts(reader, &reader->rule->tags);
}

static void read_class(Reader *reader) {
    RuleTexts names = {0};
    read_texts(reader, &names);
    for (int i = 0; i < names.count; i++) {
        int class = CLASS_POINT_LOOKUP;
        while (class <= CLASS_CONSTANT &&
               strcmp(statement_class_name((StatementClass) class), names.items[i]))
            class ++;
        if (class > CLASS_CONSTANT)
            complain(reader, "there is no class \"%.100s\"; see docs/routing.md%s", names.items[i], "");
        else
            reader->rule->classes |= 1u << class;
    }
}

static void read_fingerprint(Reader *reader) {
    RuleTexts texts = {0};
    read_texts(reader, &texts);
    Rule *rule = reader->rule;
    rule->fingerprints = ARENA_NEW_ARRAY(&reader->rules->arena, uint64_t, texts.count + 1);
    for (int i = 0; i < texts.count; i++)
        if (strlen(texts.items[i]) != 16 || strspn(texts.items[i], "0123456789abcdef") != 16)
            complain(reader, "a fingerprint has 16 hexadecimal digits, not \"%.100s\"%s", texts.items[i], "");
        else
            rule->fingerprints[rule->fingerprint_count++] = strtoull(texts.items[i], NULL, 16);
}

void rules_header_parameter(const char *header, char parameter[RULES_PARAMETER_BYTES]) {
    snprintf(parameter, RULES_PARAMETER_BYTES, header[0] ? "HTTP_%s" : "%s", header);
    for (char *at = parameter; *at; at++)
        *at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
}

static const char *parameter_of(Reader *reader, const char *name, size_t length) {
    char header[RULES_PARAMETER_BYTES], parameter[RULES_PARAMETER_BYTES];
    snprintf(header, sizeof header, "%.*s", (int)length, name);
    rules_header_parameter(header, parameter);
    return copy(reader, parameter);
}

static void read_header(Reader *reader) {
    RuleTexts texts = {0};
    read_texts(reader, &texts);
    Rule *rule = reader->rule;
    rule->headers = ARENA_NEW_ARRAY(&reader->rules->arena, RuleHeader, texts.count + 1);
    for (int i = 0; i < texts.count; i++) {
        const char *text = texts.items[i], *colon = strchr(text, ':');
        size_t length = colon ? (size_t)(colon - text) : 0;
        bool good = length > 0;
        for (size_t at = 0; at < length; at++)
            good &= isalnum((unsigned char)text[at]) || text[at] == '-';
        const char *glob = good ? colon + 1 + strspn(colon + 1, " ") : "";
        if (!good || !*glob) {
            complain(reader, "header must be \"NAME: VALUE\", not \"%.100s\"%s", text, "");
            continue;
        }
        rule->headers[rule->header_count++] =
            (RuleHeader){.name = text, .parameter = parameter_of(reader, text, length), .glob = glob};
    }
}

static bool read_clock(const char *text, int *minutes) {
    if (strlen(text) < 5 || !isdigit((unsigned char)text[0]) || !isdigit((unsigned char)text[1]) ||
        text[2] != ':' || !isdigit((unsigned char)text[3]) || !isdigit((unsigned char)text[4]))
        return false;
    int hour = (text[0] - '0') * 10 + text[1] - '0', minute = (text[3] - '0') * 10 + text[4] - '0';
    *minutes = hour * 60 + minute;
    return minute < 60 && *minutes <= 24 * 60;
}

static void read_hours(Reader *reader) {
    RuleTexts texts = {0};
    read_texts(reader, &texts);
    Rule *rule = reader->rule;
    rule->hours = ARENA_NEW_ARRAY(&reader->rules->arena, RuleHours, texts.count + 1);
    for (int i = 0; i < texts.count; i++) {
        RuleHours hours;
        const char *text = texts.items[i];
        bool good = strlen(text) == 11 && text[5] == '-' && read_clock(text, &hours.from) &&
                    read_clock(text + 6, &hours.to) && hours.from != hours.to && hours.from < 24 * 60;
        if (good)
            rule->hours[rule->hours_count++] = hours;
        else
            complain(reader, "hours must be \"HH:MM-HH:MM\", not \"%.100s\"%s", text, "");
    }
}

static void read_days(Reader *reader) {
    static const char *const names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
    RuleTexts texts = {0};
    read_texts(reader, &texts);
    for (int i = 0; i < texts.count; i++) {
        int day = 0;
        while (day < 7 && strcmp(names[day], texts.items[i]))
            day++;
        if (day == 7)
            complain(reader, "days are sun, mon, tue, wed, thu, fri and sat, not \"%.100s\"%s",
                     texts.items[i], "");
        else
            reader->rule->days |= 1u << day;
    }
}

static void read_min_bytes(Reader *reader) {
    read_bytes(reader, &reader->rule->min_bytes);
}
static void read_max_bytes(Reader *reader) {
    read_bytes(reader, &reader->rule->max_bytes);
}

/* ---- effects
 * --------------------------------------------------------------------------------------------- */

static void read_prefer(Reader *reader) {
    read_engine(reader, &reader->rule->prefer);
}
static void read_require(Reader *reader) {
    read_engine(reader, &reader->rule->require);
}

static void read_forbid(Reader *reader) {
    RuleTexts *forbid = &reader->rule->forbid;
    read_texts(reader, forbid);
    for (int i = 0; i < forbid->count; i++)
        if (!is_engine(reader, forbid->items[i]))
            complain(reader, "forbid names no configured engine: \"%.100s\"%s", forbid->items[i], "");
}

static void read_deny(Reader *reader) {
    const TomlValue *value = &reader->entry->value;
    bool text = value->kind == TOML_STRING && value->text[0];
    if (!text && !(value->kind == TOML_BOOL && value->integer))
        complain(reader, "deny must be true, or a sentence that says why%s%s", "", "");
    reader->rule->denies = true;
    if (text) reader->rule->deny_text = copy(reader, value->text);
}

static void read_max_runtime(Reader *reader) {
    const TomlValue *value = &reader->entry->value;
    bool number = value->kind == TOML_INTEGER || value->kind == TOML_FLOAT;
    if (!number || !(value->number > 0) || value->number > 86400)
        complain(reader, "max_runtime_seconds must be a number above 0, at most 86400%s%s", "", "");
    else
        reader->rule->limits.max_runtime_seconds = value->number;
}

static void read_max_rows(Reader *reader) {
    const TomlValue *value = &reader->entry->value;
    if (value->kind != TOML_INTEGER || value->integer < 1)
        complain(reader, "max_rows must be a whole number of at least 1%s%s", "", "");
    else
        reader->rule->limits.max_rows = value->integer;
}

static void read_max_bytes_scanned(Reader *reader) {
    read_bytes(reader, &reader->rule->limits.max_bytes_scanned);
}

/* ---- all of it
 * ------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*read)(Reader *reader);
} keys[] = {
    {"name", read_name},
    {"tables", read_tables},
    {"class", read_class},
    {"fingerprint", read_fingerprint},
    {"user", read_user},
    {"role", read_role},
    {"header", read_header},
    {"tag", read_tag},
    {"hours", read_hours},
    {"days", read_days},
    {"min_bytes", read_min_bytes},
    {"max_bytes", read_max_bytes},
    {"prefer", read_prefer},
    {"require", read_require},
    {"forbid", read_forbid},
    {"deny", read_deny},
    {"max_runtime_seconds", read_max_runtime},
    {"max_rows", read_max_rows},
    {"max_bytes_scanned", read_max_bytes_scanned},
};

static void read_key(Reader *reader) {
    const char *name = key_of(reader->entry);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (!strcmp(keys[i].name, name)) {
            keys[i].read(reader);
            return;
        }
    complain(reader, "a rule has no key %.100s%s", name, "");
}

static void begin_rule(Reader *reader) {
    if (reader->rules->count == RULES_MOST) {
        complain(reader, "at most 256 rules can be written%s%s", "", "");
        reader->rule = NULL;
        return;
    }
    reader->before_rule = reader->problem_count;
    reader->rule = &reader->rules->rules[reader->rules->count++];
    *reader->rule = (Rule){.line = reader->entry->line, .min_bytes = -1, .max_bytes = -1};
}

static void finish_rule(Reader *reader) {
    Rule *rule = reader->rule;
    if (!rule) return;
    const char *name = rule->name ? rule->name : "";
    bool chooses = rule->prefer || rule->require || rule->forbid.count;
    bool limits = rule->limits.max_runtime_seconds > 0 || rule->limits.max_rows > 0 ||
                  rule->limits.max_bytes_scanned > 0;
    bool well = reader->problem_count == reader->before_rule;
    if (!rule->name && well) complain_at(reader, rule->line, "a rule needs a name%s%s", "", "");
    if (!chooses && !limits && !rule->denies && well)
        complain_at(reader, rule->line,
                    "rule %s does nothing: prefer, require, forbid, deny or a limit is "
                    "missing%s",
                    name, "");
    if (rule->denies && (chooses || limits))
        complain_at(reader, rule->line, "rule %s denies, so what else it says has no effect%s", name, "");
    reader->rules->contextual |= rule_is_contextual(rule);
    reader->rules->timed |= rule->hours_count > 0 || rule->days;
}

static void read_identity(Reader *reader) {
    const char *user = reader->config->user_header, *role = reader->config->role_header;
    if (user[0]) reader->rules->user_parameter = parameter_of(reader, user, strlen(user));
    if (role[0]) reader->rules->role_parameter = parameter_of(reader, role, strlen(role));
}

Status rules_read(const Config *config, RuleSet **out, StrBuf *problems, Error *err) {
    RuleSet *rules = calloc(1, sizeof *rules);
    if (!rules) abort();
    atomic_init(&rules->references, 1);
    arena_init(&rules->arena);
    rules->rules = ARENA_NEW_ARRAY(&rules->arena, Rule, RULES_MOST);
    Error own;
    Reader reader = {.config = config, .rules = rules, .problems = problems, .err = err ? err : &own};
    read_identity(&reader);
    for (int i = 0; i < config->rule_entry_count; i++) {
        reader.entry = config->rule_entries[i];
        if (reader.entry->value.kind == TOML_TABLE) {
            finish_rule(&reader);
            begin_rule(&reader);
        } else if (reader.rule) {
            read_key(&reader);
        }
    }
    finish_rule(&reader);
    if (reader.problem_count) {
        if (reader.problem_count > 1)
            (void)!error_add_detail(reader.err, "%d mistakes in all; signalbox check lists them",
                                    reader.problem_count);
        rules_release(rules);
        return STATUS_ERROR;
    }
    *out = rules;
    return STATUS_OK;
}
