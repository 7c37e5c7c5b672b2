#include "engines/columnar/parquet/parquet_words.h"

#include <stdlib.h>
#include <string.h>

#include "engines/base/hash.h"
#include "engines/columnar/parquet/parquet_bloom.h"
#include "engines/columnar/parquet/parquet_file.h"

enum {
    MOST_STRETCHES = PARQUET_MOST_STRETCHES,
    SMALLEST_FILTER_BYTES = 1 << 10,
    LARGEST_FILTER_BYTES = 1 << 18,
    MOST_BLOCKS = 1 << 24
};

/* Of 256 bits of a block so many set: one false answer in 60, in 10. */
static const double WANTED_FILL = 0.6, HIGHEST_FILL = 0.75;

/* ---- writing ---------------------------------------------------------------------------------------------
 */

typedef struct WordsBuilder {
    uint8_t *bits; /* stretch after stretch */
    size_t filter_bytes;
    int stretches;
    uint8_t *filter; /* of the stretch that is being filled */
} WordsBuilder;

static void note_word(void *context, const char *word, uint32_t length) {
    WordsBuilder *builder = context;
    parquet_bloom_insert(builder->filter, builder->filter_bytes, hash64_bytes(word, length, 0));
}

/* The share of the bits that are set. */
static double fill_of(const WordsBuilder *builder) {
    size_t bytes = builder->filter_bytes * (size_t)builder->stretches;
    uint64_t set = 0, word;
    for (size_t at = 0; at < bytes; at += sizeof word) {
        memcpy(&word, builder->bits + at, sizeof word);
        set += (uint64_t)__builtin_popcountll(word);
    }
    return (double)set / ((double)bytes * 8);
}

/* To half the size: a block's number is the hash's first bits, so that neighbours become one. */
static void fold(WordsBuilder *builder) {
    size_t blocks = builder->filter_bytes / BLOOM_BLOCK_BYTES / 2 * (size_t)builder->stretches;
    for (size_t block = 0; block < blocks; block++) {
        uint64_t left[BLOOM_BLOCK_BYTES / 8], right[BLOOM_BLOCK_BYTES / 8];
        memcpy(left, builder->bits + 2 * block * BLOOM_BLOCK_BYTES, sizeof left);
        memcpy(right, builder->bits + (2 * block + 1) * BLOOM_BLOCK_BYTES, sizeof right);
        for (size_t i = 0; i < BLOOM_BLOCK_BYTES / 8; i++)
            left[i] |= right[i];
        memcpy(builder->bits + block * BLOOM_BLOCK_BYTES, left, sizeof left);
    }
    builder->filter_bytes /= 2;
}

static size_t run_bytes(int stretches) {
    return (size_t)stretches * BLOOM_BLOCK_BYTES + WORDS_HASH_BYTES;
}

/* Smaller while as good as wanted, then while it has to be and is any good. False: too large or too full. */
static bool fit(WordsBuilder *builder, int64_t most_bytes) {
    double fill = fill_of(builder);
    for (; builder->filter_bytes > BLOOM_BLOCK_BYTES; fill = fill_of(builder)) {
        double folded = 1 - (1 - fill) * (1 - fill);
        size_t all = builder->filter_bytes / BLOOM_BLOCK_BYTES * run_bytes(builder->stretches);
        if (folded > ((int64_t)all > most_bytes ? HIGHEST_FILL : WANTED_FILL)) break;
        fold(builder);
    }
    size_t all = builder->filter_bytes / BLOOM_BLOCK_BYTES * run_bytes(builder->stretches);
    return fill <= HIGHEST_FILL && (int64_t)all <= most_bytes;
}

static void lay_out(const WordsBuilder *builder, WrittenWords *out) {
    size_t run = run_bytes(builder->stretches);
    out->blocks = (uint32_t)(builder->filter_bytes / BLOOM_BLOCK_BYTES);
    out->data = malloc(out->blocks * run);
    if (!out->data) return;
    out->bytes = out->blocks * run;
    for (uint32_t block = 0; block < out->blocks; block++)
        for (int stretch = 0; stretch < builder->stretches; stretch++)
            memcpy(out->data + block * run + (size_t)stretch * BLOOM_BLOCK_BYTES,
                   builder->bits + (size_t)stretch * builder->filter_bytes + block * BLOOM_BLOCK_BYTES,
                   BLOOM_BLOCK_BYTES);
}

/* A word takes two bytes of text at least, most are longer or come again. */
static size_t first_filter_bytes(const WordsInput *input, int stretches) {
    uint64_t text = 0;
    size_t bytes = SMALLEST_FILTER_BYTES;
    for (int64_t row = 0; row < input->row_count; row++)
        text += input->values[row].length;
    while (bytes < LARGEST_FILTER_BYTES && bytes * 4 < text / (uint64_t)stretches)
        bytes *= 2;
    return bytes;
}

void parquet_words_build(const WordsInput *input, WrittenWords *out) {
    int64_t stretch_rows = input->page_rows;
    *out = (WrittenWords){0};
    if (input->row_count < 1 || stretch_rows < 1) return;
    while ((input->row_count - 1) / stretch_rows >= MOST_STRETCHES)
        stretch_rows *= 2;
    WordsBuilder builder = {.stretches = (int)((input->row_count - 1) / stretch_rows) + 1};
    builder.filter_bytes = first_filter_bytes(input, builder.stretches);
    builder.bits = calloc((size_t)builder.stretches, builder.filter_bytes);
    if (!builder.bits) return;
    for (int64_t row = 0; row < input->row_count; row++) {
        builder.filter = builder.bits + (size_t)(row / stretch_rows) * builder.filter_bytes;
        input->words->each(&input->values[row], note_word, &builder);
    }
    out->stretch_rows = stretch_rows;
    if (fit(&builder, input->most_bytes)) lay_out(&builder, out);
    free(builder.bits);
}

static uint64_t seal_of(const uint8_t *run, size_t bytes, int64_t row_count, int64_t offset) {
    return hash64_xxh64(run, bytes) ^ hash64_combine((uint64_t)row_count, (uint64_t)offset);
}

void parquet_words_seal(WrittenWords *words, int64_t row_count, int64_t offset) {
    size_t run = words->bytes / words->blocks;
    for (size_t at = 0; at < words->bytes; at += run) {
        uint64_t hash = seal_of(words->data + at, run - WORDS_HASH_BYTES, row_count, offset + (int64_t)at);
        memcpy(words->data + at + run - WORDS_HASH_BYTES, &hash, sizeof hash);
    }
    words->offset = offset;
}

void parquet_words_start_text(const char *version, StrBuf *out) {
    strbuf_printf(out, "1:%s:", version);
}

void parquet_words_add_text(const WrittenWords *words, StrBuf *out) {
    bool any = words->offset > 0;
    strbuf_printf(out, "%016llx%08x%08x", any ? (unsigned long long)words->offset : 0,
                  any ? words->blocks : 0, any ? (unsigned)words->stretch_rows : 0);
}

/* ---- reading ---------------------------------------------------------------------------------------------
 */

typedef struct WordFilters {
    int64_t offset;
    uint32_t blocks;
    int stretches;
    int64_t stretch_rows;
    bool same_version;
} WordFilters;

static bool hexadecimal(const char *digits, int count, uint64_t *out) {
    *out = 0;
    for (int i = 0; i < count; i++) {
        char c = digits[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return false;
        *out = *out << 4 | (uint64_t)digit;
    }
    return true;
}

/* The column's text, and the row group's entry in it. */
static const char *find_entry(const ParquetFile *file, int row_group, const char *name, const char *version,
                              bool *same_version) {
    size_t prefix = strlen(WORDS_KEY);
    for (int i = 0; i < file->metadata.key_value_count; i++) {
        const ParquetKeyValue *pair = &file->metadata.key_values[i];
        if (!pair->key || !pair->value || strncmp(pair->key, WORDS_KEY, prefix) != 0 ||
            strcmp(pair->key + prefix, name) != 0 || strncmp(pair->value, "1:", 2) != 0)
            continue;
        const char *written = pair->value + 2, *end = strchr(written, ':');
        if (!end) return NULL;
        *same_version = strlen(version) == (size_t)(end - written) &&
                        strncmp(version, written, (size_t)(end - written)) == 0;
        bool whole = strlen(end + 1) == (size_t)file->metadata.row_group_count * (size_t)WORDS_ENTRY_DIGITS;
        return whole ? end + 1 + (size_t)row_group * WORDS_ENTRY_DIGITS : NULL;
    }
    return NULL;
}

static bool find_filters(const ParquetFile *file, int row_group, int column, const char *version,
                         WordFilters *out) {
    const ParquetMetadata *metadata = &file->metadata;
    uint64_t offset, blocks, rows;
    int64_t row_count = metadata->row_groups[row_group].row_count;
    if (metadata->columns[column].unsupported || metadata->column_trees[column]) return false;
    const char *entry =
        find_entry(file, row_group, metadata->columns[column].name, version, &out->same_version);
    if (!entry || !hexadecimal(entry, 16, &offset) || !hexadecimal(entry + 16, 8, &blocks) ||
        !hexadecimal(entry + 24, 8, &rows))
        return false;
    if (offset < 4 || offset > (uint64_t)file->data_end || blocks < 1 || blocks > MOST_BLOCKS || rows < 1 ||
        row_count < 1 || (row_count - 1) / (int64_t)rows >= MOST_STRETCHES)
        return false;
    out->offset = (int64_t)offset;
    out->blocks = (uint32_t)blocks;
    out->stretch_rows = (int64_t)rows;
    out->stretches = (int)((row_count - 1) / (int64_t)rows) + 1;
    return (int64_t)(blocks * run_bytes(out->stretches)) <= file->data_end - out->offset;
}

static bool is_ascii(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] >= 0x80) return false;
    return true;
}

/* Takes out of `may_hold` the stretches without the word; false when the filter is damaged. */
static bool look_up(const ParquetFile *file, const WordFilters *filters, int64_t row_count,
                    const StringView *word, uint64_t *may_hold) {
    uint8_t run[MOST_STRETCHES * BLOOM_BLOCK_BYTES + WORDS_HASH_BYTES];
    size_t bytes = run_bytes(filters->stretches), bits = bytes - WORDS_HASH_BYTES;
    uint64_t hash = hash64_bytes(stringview_data(word), word->length, 0), seal;
    size_t block = parquet_bloom_block(hash, (size_t)filters->blocks * BLOOM_BLOCK_BYTES);
    int64_t at = filters->offset + (int64_t)(block * bytes);
    Error ignored;
    if (parquet_file_read(file, at, run, bytes, &ignored) != STATUS_OK) return false;
    memcpy(&seal, run + bits, sizeof seal);
    if (seal != seal_of(run, bits, row_count, at)) return false;
    for (int i = 0; i < filters->stretches; i++)
        if (!parquet_bloom_block_holds(run + (size_t)i * BLOOM_BLOCK_BYTES, hash))
            *may_hold &= ~(UINT64_C(1) << i);
    return true;
}

bool parquet_chunk_words(const ParquetFile *file, int row_group, int column, const char *version,
                         const StringView *words, int count, ParquetStretches *out) {
    WordFilters filters;
    if (!find_filters(file, row_group, column, version, &filters)) return false;
    out->rows = filters.stretch_rows;
    out->count = filters.stretches;
    out->may_hold = filters.stretches < 64 ? (UINT64_C(1) << filters.stretches) - 1 : UINT64_MAX;
    for (int i = 0; i < count; i++) {
        if (!filters.same_version && !is_ascii(stringview_data(&words[i]), words[i].length)) continue;
        if (!look_up(file, &filters, file->metadata.row_groups[row_group].row_count, &words[i],
                     &out->may_hold))
            return false;
    }
    return true;
}
