#include "fcgi/columnar_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/base/clock.h"

enum { BAR_CELLS = 30 };

static const EngineConfig *columnar_engine(const Config *config) {
    for (int i = 0; i < config->engine_count; i++)
        if (strcmp(config->engines[i].kind, "columnar") == 0 && config->engines[i].enabled)
            return &config->engines[i];
    return NULL;
}

static Status open_catalog(const EngineConfig *engine, TableCatalog **out, Error *err) {
    char path[4096];
    if (!engine) return error_set(err, SQLSTATE_CONFIG, "the configuration has no enabled columnar engine");
    if (!engine->directory || strlen(engine->directory) + sizeof "/catalog.db" > sizeof path)
        return error_set(err, SQLSTATE_CONFIG,
                         "the columnar engine has no usable directory in the configuration");
    snprintf(path, sizeof path, "%s/catalog.db", engine->directory);
    bool named = engine->catalog && engine->catalog[0];
    return table_catalog_open(named ? engine->catalog : path, engine->directory, out, err);
}

TableCatalog *columnar_target_open(const CommandLine *line) {
    Config config;
    Error err = {0};
    TableCatalog *catalog = NULL;
    Status status = runtime_load_config(&config, line->config_path, &err);
    if (status == STATUS_OK) status = open_catalog(columnar_engine(&config), &catalog, &err);
    if (status != STATUS_OK) command_failed(&err, NULL);
    config_deinit(&config);
    return catalog;
}

const char *text_with_commas(int64_t value, char text[32]) {
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)value), at = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-') text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = 0;
    return text;
}

bool parse_count(const char *text, int64_t *out) {
    char *end;
    long long value = strtoll(text, &end, 10);
    int64_t unit = 1;
    if (end == text) return false;
    switch (*end | 0x20) {
    case 'k': unit = 1000; break;
    case 'm': unit = 1000000; break;
    case 'g': unit = 1000000000; break;
    default: break;
    }
    *out = 0;
    if (*end && (unit == 1 || end[1])) return false;
    return !__builtin_mul_overflow(value, unit, out);
}

void progress_line_start(ProgressLine *progress) {
    *progress = (ProgressLine){.on_terminal = isatty(STDERR_FILENO), .started_ns = clock_now_ns()};
}

void progress_line_show(ProgressLine *progress, int64_t rows, int64_t done, int64_t total) {
    int64_t now = clock_now_ns();
    if (!progress->on_terminal || now < progress->next_ns) return;
    progress->next_ns = now + 100000000;
    double part = total > 0 ? (double)done / (double)total : 0, seconds;
    seconds = (double)(now - progress->started_ns) / 1e9;
    int filled = (int)((part > 1 ? 1 : part) * BAR_CELLS);
    char bar[BAR_CELLS + 1], count[32], megabytes[48] = "", left[48] = "";
    memset(bar, ' ', BAR_CELLS);
    memset(bar, '=', (size_t)filled);
    bar[BAR_CELLS] = 0;
    if (progress->in_bytes) snprintf(megabytes, sizeof megabytes, "  %.0f MB", (double)done / 1e6);
    if (part > 0.02 && part < 1) snprintf(left, sizeof left, "  %.0f s left", seconds * (1 - part) / part);
    fprintf(stderr, "\r\033[K[%s] %3.0f %%  %s rows%s  %.1f s%s ", bar, part * 100,
            text_with_commas(rows, count), megabytes, seconds, left);
}

void progress_line_clear(ProgressLine *progress) {
    if (progress->on_terminal) fprintf(stderr, "\r\033[K");
}
