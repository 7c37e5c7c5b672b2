/* The table catalog that load and generate write to: the columnar engine's of the configuration. */
#pragma once

#include "engines/columnar/iceberg/table_catalog.h"
#include "fcgi/command.h"

/* Opens the configuration's (first) columnar engine's catalog. Prints what is wrong; then returns NULL. */
TableCatalog *columnar_target_open(const CommandLine *line);

/* A progress line on the terminal, nothing when standard error is none. */
typedef struct ProgressLine {
    bool on_terminal;
    bool in_bytes; /* the unit of `done`, shown then */
    int64_t started_ns, next_ns;
} ProgressLine;
void progress_line_start(ProgressLine *progress);
/* `done` and `total` in any one unit; drawn ten times a second at most. */
void progress_line_show(ProgressLine *progress, int64_t rows, int64_t done, int64_t total);
void progress_line_clear(ProgressLine *progress);
/* "1,234,567" */
const char *text_with_commas(int64_t value, char text[32]);
/* `[-]digits` with an optional k, m or g (thousands). False when it is no such number. */
bool parse_count(const char *text, int64_t *out);
