#include "engines/columnar/parquet/distinct_sketch.h"

#include <math.h>
#include <string.h>

enum {
    LARGEST_RANK = 64 - DISTINCT_SKETCH_BITS + 1,
    SPARSE_MOST = 1024, /* registers in use; beyond, listing all of them is shorter */
    DENSE_TEXT = DISTINCT_SKETCH_REGISTERS
};

static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void distinct_sketch_merge(DistinctSketch *into, const DistinctSketch *from) {
    for (int i = 0; i < DISTINCT_SKETCH_REGISTERS; i++)
        if (from->registers[i] > into->registers[i]) into->registers[i] = from->registers[i];
}

/* Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", algorithm 6: sigma and tau stand
 * for the registers that are 0 and those that are full. */
static double sigma(double x) {
    double y = 1, z = x, previous;
    if (x == 1) return INFINITY;
    do {
        x *= x;
        previous = z;
        z += x * y;
        y += y;
    } while (z != previous);
    return z;
}

static double tau(double x) {
    double y = 1, z = 1 - x, previous;
    if (x == 0 || x == 1) return 0;
    do {
        x = sqrt(x);
        previous = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (z != previous);
    return z / 3;
}

double distinct_sketch_estimate(const DistinctSketch *sketch) {
    int counts[LARGEST_RANK + 1] = {0};
    const double registers = DISTINCT_SKETCH_REGISTERS;
    for (int i = 0; i < DISTINCT_SKETCH_REGISTERS; i++)
        counts[sketch->registers[i]]++;
    double z = registers * tau(1 - counts[LARGEST_RANK] / registers);
    for (int rank = LARGEST_RANK - 1; rank >= 1; rank--)
        z = 0.5 * (z + counts[rank]);
    z += registers * sigma(counts[0] / registers);
    return registers * registers / (2 * log(2)) / z;
}

/* "S" and for each register in use two digits of its number and one of its rank; or "D" and a digit per
 * register. */
void distinct_sketch_encode(const DistinctSketch *sketch, StrBuf *out) {
    int used = 0;
    for (int i = 0; i < DISTINCT_SKETCH_REGISTERS; i++)
        used += sketch->registers[i] != 0;
    bool sparse = used <= SPARSE_MOST;
    strbuf_append_char(out, sparse ? 'S' : 'D');
    for (int i = 0; i < DISTINCT_SKETCH_REGISTERS; i++) {
        if (sparse && sketch->registers[i] == 0) continue;
        if (sparse) {
            strbuf_append_char(out, DIGITS[i >> 6]);
            strbuf_append_char(out, DIGITS[i & 63]);
        }
        strbuf_append_char(out, DIGITS[sketch->registers[i]]);
    }
}

static int digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool distinct_sketch_decode(const char *text, DistinctSketch *out) {
    size_t length = strlen(text);
    memset(out, 0, sizeof *out);
    if (text[0] == 'D') {
        if (length != 1 + (size_t)DENSE_TEXT) return false;
        for (int i = 0; i < DISTINCT_SKETCH_REGISTERS; i++) {
            int rank = digit(text[1 + i]);
            if (rank < 0 || rank > LARGEST_RANK) return false;
            out->registers[i] = (uint8_t)rank;
        }
        return true;
    }
    if (text[0] != 'S' || length % 3 != 1 || length > 1 + 3 * (size_t)SPARSE_MOST) return false;
    for (size_t at = 1; at < length; at += 3) {
        int high = digit(text[at]), low = digit(text[at + 1]), rank = digit(text[at + 2]);
        if (high < 0 || low < 0 || rank < 1 || rank > LARGEST_RANK) return false;
        out->registers[high << 6 | low] = (uint8_t)rank;
    }
    return true;
}
