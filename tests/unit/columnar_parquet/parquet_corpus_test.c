/* Files that nobody here wrote: every column of every file is read or refused with a clear error;
 * hyparquet's rows are compared with its JSON. Found through SIGNALBOX_CORPORA or ../shared/data; skipped
 * when there is neither. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "engines/columnar/parquet/parquet_reader.h"

static char corpora[1024];

static bool find_corpora(void) {
    const char *told = getenv("SIGNALBOX_CORPORA");
    snprintf(corpora, sizeof corpora, "%s", told ? told : "../shared/data");
    return access(corpora, R_OK) == 0;
}

static bool ends_with(const char *name, const char *suffix) {
    size_t length = strlen(name), wanted = strlen(suffix);
    return length >= wanted && strcmp(name + length - wanted, suffix) == 0;
}

/* ---- every file ---- */

typedef struct Tally {
    int files, columns, nested, refused;
    int64_t rows;
} Tally;

/* Damaged on purpose, or encrypted: an error is the right answer for at least one column. */
static bool may_fail(const char *name) {
    return strstr(name, "corrupt") || strstr(name, "encrypt") || strstr(name, "int96_from_spark") ||
           strstr(name, "large_string_map");
}

static void read_column(ParquetFile *file, const char *name, int column, Tally *tally) {
    Error err;
    for (int g = 0; g < parquet_file_row_group_count(file); g++) {
        ParquetColumnReader *reader;
        int64_t left = parquet_row_group_row_count(file, g);
        Status status = parquet_column_open(file, g, column, 0, &reader, &err);
        while (status == STATUS_OK && left > 0) {
            Vector vector;
            int count = left < BATCH_ROWS ? (int)left : BATCH_ROWS;
            status = parquet_column_read(reader, count, &vector, &err);
            tally->rows += count;
            left -= count;
        }
        if (status != STATUS_OK) {
            if (!may_fail(name)) fail_msg("%s: %s", name, err.message);
            assert_int_equal(strlen(err.sqlstate), 5);
            tally->refused++;
        }
        if (status == STATUS_OK || left < parquet_row_group_row_count(file, g)) parquet_column_close(reader);
    }
    tally->columns++;
}

static void read_file(const char *directory, const char *name, Tally *tally) {
    char path[2048];
    Error err;
    ParquetFile *file;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    tally->files++;
    if (parquet_file_open(path, &file, &err) != STATUS_OK) {
        if (!may_fail(name)) fail_msg("%s: %s", name, err.message);
        assert_non_null(strstr(err.message, "encrypted"));
        tally->refused++;
        return;
    }
    for (int column = 0; column < parquet_file_column_count(file); column++) {
        if (parquet_file_column(file, column)->unsupported)
            tally->nested++;
        else
            read_column(file, name, column, tally);
    }
    char *description = parquet_file_describe(file);
    assert_int_equal(description[0], '{');
    free(description);
    parquet_file_release(file);
}

static void read_directory(const char *below, Tally *tally) {
    char directory[1200];
    snprintf(directory, sizeof directory, "%s/%s", corpora, below);
    DIR *dir = opendir(directory);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (ends_with(entry->d_name, ".parquet") || ends_with(entry->d_name, ".parquet.encrypted"))
            read_file(directory, entry->d_name, tally);
    closedir(dir);
}

static void test_every_file_is_read_or_refused(void **state) {
    Tally tally = {0};
    if (!find_corpora()) skip();
    read_directory("parquet-testing/data", &tally);
    read_directory("parquet-testing/data/geospatial", &tally);
    read_directory("hyparquet", &tally);
    printf("corpora: %d files, %d columns and %lld values read, %d columns refused by name, %d refusals "
           "as expected\n",
           tally.files, tally.columns, (long long)tally.rows, tally.nested, tally.refused);
    assert_true(tally.files > 100);
}

/* ---- hyparquet's rows as JSON ---- */

typedef struct Json {
    const char *next;
} Json;

static void skip_space(Json *json) {
    json->next += strspn(json->next, " \t\r\n");
}

static bool take(Json *json, char wanted) {
    skip_space(json);
    if (*json->next != wanted) return false;
    json->next++;
    return true;
}

static void skip_string(Json *json) {
    for (json->next++; *json->next && *json->next != '"'; json->next++)
        if (*json->next == '\\' && json->next[1]) json->next++;
    if (*json->next) json->next++;
}

/* The slice of one value. */
static const char *skip_value(Json *json) {
    skip_space(json);
    const char *start = json->next;
    int depth = 0;
    do {
        skip_space(json);
        char c = *json->next;
        if (c == '"') {
            skip_string(json);
        } else if (c == '[' || c == '{') {
            depth++;
            json->next++;
        } else if (c == ']' || c == '}') {
            depth--;
            json->next++;
        } else if (c == ',' || c == ':') {
            json->next++;
        } else if (c) {
            json->next += strcspn(json->next, ",:]} \t\r\n");
        }
    } while (depth > 0 && *json->next);
    return start;
}

/* A JSON string's bytes; \u escapes as UTF-8 (surrogate pairs are not in the corpus). Returns its length. */
static size_t unescape(const char *text, char *out, size_t room) {
    size_t length = 0;
    for (text++; *text && *text != '"' && length + 4 < room; text++) {
        if (*text != '\\') {
            out[length++] = *text;
            continue;
        }
        text++;
        unsigned point = 0;
        switch (*text) {
        case 'n': out[length++] = '\n'; break;
        case 't': out[length++] = '\t'; break;
        case 'r': out[length++] = '\r'; break;
        case 'b': out[length++] = '\b'; break;
        case 'f': out[length++] = '\f'; break;
        case 'u':
            sscanf(text + 1, "%4x", &point);
            text += 4;
            if (point < 0x80) {
                out[length++] = (char)point;
            } else if (point < 0x800) {
                out[length++] = (char)(0xc0 | point >> 6);
                out[length++] = (char)(0x80 | (point & 63));
            } else {
                out[length++] = (char)(0xe0 | point >> 12);
                out[length++] = (char)(0x80 | (point >> 6 & 63));
                out[length++] = (char)(0x80 | (point & 63));
            }
            break;
        default: out[length++] = *text; break;
        }
    }
    return length;
}

/* Microseconds since 1970 of "2024-01-31T12:00:00.123Z"; LLONG_MIN when it is none. */
static int64_t parse_instant(const char *text) {
    struct tm parts = {0};
    int millis = 0;
    if (sscanf(text, "\"%d-%d-%dT%d:%d:%d.%3dZ", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
               &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &millis) < 6)
        return INT64_MIN;
    parts.tm_year -= 1900;
    parts.tm_mon--;
    return (int64_t)timegm(&parts) * 1000000 + (int64_t)millis * 1000;
}

static double number_of(const Vector *vector, size_t at) {
    double power = vector->type.id == SQL_NUMERIC ? pow(10, vector->type.scale) : 1;
    switch (vector->physical) {
    case PHYS_I16: return ((int16_t *)vector->values)[at];
    case PHYS_I32: return ((int32_t *)vector->values)[at];
    case PHYS_I64: return (double)((int64_t *)vector->values)[at] / power;
    case PHYS_I128: return (double)((__int128 *)vector->values)[at] / power;
    case PHYS_F32: return (double)((float *)vector->values)[at];
    default: return ((double *)vector->values)[at];
    }
}

/* 1 equal, 0 different, -1 not comparable (raw bytes, times of day: the JSON's shape is the reader's own
 * choice). */
static int compare_value(const Vector *vector, int row, const char *json) {
    /* Nested ones are parquet_expected_test.c's: this JSON has null for an empty list. */
    if (vector->type.is_array || vector->type.id == SQL_JSONB) return -1;
    if (strncmp(json, "null", 4) == 0) /* NaN and infinities are null in JSON too */
        return vector_is_null(vector, row) ||
               (vector->physical == PHYS_F64 && !isfinite(number_of(vector, (size_t)row))) ||
               (vector->physical == PHYS_F32 && !isfinite(number_of(vector, (size_t)row)));
    if (vector_is_null(vector, row)) return 0;
    const Vector *values = vector->encoding == VECTOR_DICTIONARY ? vector->dictionary : vector;
    size_t at = vector->encoding == VECTOR_DICTIONARY ? vector->codes[row] : (size_t)row;
    if (vector->physical == PHYS_BOOL)
        return ((uint8_t *)values->values)[at] ? strncmp(json, "true", 4) == 0
                                               : strncmp(json, "false", 5) == 0;
    if (vector->physical == PHYS_STRING) {
        static char text[1 << 16];
        StringView *view = (StringView *)values->values + at;
        if (*json != '"' || vector->type.id == SQL_UUID) return -1;
        size_t length = unescape(json, text, sizeof text);
        if (length == view->length && memcmp(text, stringview_data(view), length) == 0) return 1;
        return vector->type.id == SQL_BYTEA ? -1 : 0;
    }
    if (vector->physical == PHYS_INTERVAL || vector->type.id == SQL_TIME) return -1;
    if (vector->type.id == SQL_TIMESTAMP || vector->type.id == SQL_TIMESTAMPTZ ||
        vector->type.id == SQL_DATE) {
        int64_t instant = parse_instant(json);
        int64_t mine = vector->type.id == SQL_DATE ? ((int32_t *)values->values)[at] * INT64_C(86400000000)
                                                   : ((int64_t *)values->values)[at];
        return instant == INT64_MIN ? -1 : llabs(mine - instant) < 1000;
    }
    double expected = strtod(json, NULL), actual = number_of(values, at);
    if (*json == '"' || *json == '[' || *json == '{') return -1;
    return expected == actual || fabs(expected - actual) <= fabs(expected) * 1e-6;
}

static char *read_text(const char *path) {
    FILE *in = fopen(path, "rb");
    if (!in) return NULL;
    fseek(in, 0, SEEK_END);
    long size = ftell(in);
    rewind(in);
    char *text = calloc(1, (size_t)size + 1);
    size_t got = fread(text, 1, (size_t)size, in);
    fclose(in);
    assert_int_equal(got, size);
    return text;
}

/* Value of `column` in the row at `json`: by position in an array, by name in an object. */
static const char *row_value(Json *json, const char *name, int column) {
    const char *found = NULL;
    bool named = take(json, '{');
    if (!named && !take(json, '[')) return NULL;
    for (int i = 0; !take(json, named ? '}' : ']') && *json->next; i++) {
        char key[256];
        size_t length = 0;
        if (named) {
            skip_space(json);
            length = unescape(json->next, key, sizeof key);
            skip_string(json);
            take(json, ':');
        }
        const char *value = skip_value(json);
        if (named ? strlen(name) == length && memcmp(name, key, length) == 0 : i == column) found = value;
        take(json, ',');
    }
    return found;
}

typedef struct Compared {
    int files;
    int64_t values, unlike;
} Compared;

static void compare_column(ParquetFile *file, const char *name, int column, const char *text,
                           Compared *tally) {
    Json json = {text};
    Error err;
    const char *column_name = parquet_file_column(file, column)->name;
    assert_true(take(&json, '['));
    for (int g = 0; g < parquet_file_row_group_count(file); g++) {
        ParquetColumnReader *reader;
        int64_t left = parquet_row_group_row_count(file, g);
        if (parquet_column_open(file, g, column, 0, &reader, &err) != STATUS_OK)
            fail_msg("%s: %s", name, err.message);
        for (int64_t row = 0; left > 0;) {
            Vector vector;
            int count = left < BATCH_ROWS ? (int)left : BATCH_ROWS;
            if (parquet_column_read(reader, count, &vector, &err) != STATUS_OK)
                fail_msg("%s: %s", name, err.message);
            for (int i = 0; i < count; i++, row++) {
                const char *expected = row_value(&json, column_name, column);
                take(&json, ',');
                if (!expected) continue;
                int result = compare_value(&vector, i, expected);
                if (result == 0)
                    fail_msg("%s, column %s, row group %d, row %lld: not %.60s", name, column_name, g,
                             (long long)row, expected);
                *(result < 0 ? &tally->unlike : &tally->values) += 1;
            }
            left -= count;
        }
        parquet_column_close(reader);
    }
}

static void test_hyparquet_rows(void **state) {
    Compared tally = {0};
    char directory[1200], path[2048];
    if (!find_corpora()) skip();
    snprintf(directory, sizeof directory, "%s/hyparquet", corpora);
    DIR *dir = opendir(directory);
    if (!dir) skip();
    for (struct dirent *entry; (entry = readdir(dir));) {
        Error err;
        ParquetFile *file;
        if (!ends_with(entry->d_name, ".parquet")) continue;
        int stem = (int)strlen(entry->d_name) - 8;
        snprintf(path, sizeof path, "%s/%.*s.json", directory, stem, entry->d_name);
        char *text = read_text(path);
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (text && parquet_file_open(path, &file, &err) == STATUS_OK) {
            int64_t before = tally.values;
            for (int column = 0; column < parquet_file_column_count(file); column++)
                if (!parquet_file_column(file, column)->unsupported)
                    compare_column(file, entry->d_name, column, text, &tally);
            tally.files += tally.values > before;
            parquet_file_release(file);
        }
        free(text);
    }
    closedir(dir);
    printf("hyparquet: %d files, %lld values equal to the JSON, %lld in a form of its own\n", tally.files,
           (long long)tally.values, (long long)tally.unlike);
    assert_true(tally.files > 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_file_is_read_or_refused),
        cmocka_unit_test(test_hyparquet_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
