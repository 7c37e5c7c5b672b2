#include "router/fingerprint.h"

#include <string.h>

#include "engines/base/hash.h"
#include "router/sqlscan.h"

enum { FOLDED_BYTES = 64 };

typedef enum PieceKind {
    PIECE_SIGN, /* operators, punctuation, quoted names: as written */
    PIECE_WORD, /* letter case does not matter */
    PIECE_VALUE /* any literal or parameter: "?" */
} PieceKind;

typedef struct Piece {
    PieceKind kind;
    const char *text;
    size_t length;
} Piece;

/* Pieces go through three steps, each of which may hold back what could be a repetition: a number's sign goes
 * with the number, ", ?" after "?" is dropped (values), ", (?)" after "(?)" is dropped (rows). */
typedef struct Shape {
    uint64_t hash;
    StrBuf *out; /* NULL: only the hash */
    size_t most_bytes;
    Piece written[3]; /* the newest first */
    Piece row[3];     /* held: the beginning of ", (?)" */
    int row_count;
    Piece comma; /* held after a value */
    bool has_comma, value_before;
    Piece sign; /* held: + or - where a value begins */
    bool has_sign, value_may_begin;
} Shape;

static bool is(const Piece *piece, char c) {
    return c == '?' ? piece->kind == PIECE_VALUE
                    : piece->kind == PIECE_SIGN && piece->length == 1 && piece->text[0] == c;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* ---- writing --------------------------------------------------------------------------------------------
 */

static bool is_one_of(const Piece *piece, const char *signs) {
    for (; *signs; signs++)
        if (is(piece, *signs)) return true;
    return false;
}

static void append_text(Shape *shape, const Piece *piece) {
    StrBuf *out = shape->out;
    if (out->length + piece->length > shape->most_bytes) {
        shape->out = NULL; /* the hash goes on */
        return;
    }
    bool joined = out->length == 0 || is_one_of(&shape->written[0], "(.[") || is_one_of(piece, "),.;[]");
    if (!joined) strbuf_append_char(out, ' ');
    for (size_t i = 0; i < piece->length; i++)
        strbuf_append_char(out, piece->kind == PIECE_WORD ? lower(piece->text[i]) : piece->text[i]);
}

static void write_piece(Shape *shape, const Piece *piece) {
    char folded[FOLDED_BYTES];
    uint64_t hash = shape->hash;
    if (shape->out) append_text(shape, piece);
    for (size_t at = 0; piece->kind == PIECE_WORD && at < piece->length; at += FOLDED_BYTES) {
        size_t length = piece->length - at < FOLDED_BYTES ? piece->length - at : FOLDED_BYTES;
        for (size_t i = 0; i < length; i++)
            folded[i] = lower(piece->text[at + i]);
        hash = hash64_bytes(folded, length, hash);
    }
    if (piece->kind != PIECE_WORD) hash = hash64_bytes(piece->text, piece->length, hash);
    shape->hash = hash64_combine(hash, piece->length); /* "a b" is not "ab" */
    shape->written[2] = shape->written[1];
    shape->written[1] = shape->written[0];
    shape->written[0] = *piece;
}

/* ---- repetitions ----------------------------------------------------------------------------------------
 */

static void let_row_go(Shape *shape) {
    for (int i = 0; i < shape->row_count; i++)
        write_piece(shape, &shape->row[i]);
    shape->row_count = 0;
}

static void add_to_rows(Shape *shape, const Piece *piece) {
    static const char repetition[] = ",(?)";
    bool after_row =
        is(&shape->written[0], ')') && is(&shape->written[1], '?') && is(&shape->written[2], '(');
    if (!after_row || !is(piece, repetition[shape->row_count])) {
        let_row_go(shape);
        write_piece(shape, piece);
    } else if (shape->row_count == 3) {
        shape->row_count = 0;
    } else {
        shape->row[shape->row_count++] = *piece;
    }
}

static void let_comma_go(Shape *shape) {
    if (shape->has_comma) add_to_rows(shape, &shape->comma);
    shape->has_comma = false;
}

static void add_to_values(Shape *shape, const Piece *piece) {
    if (shape->has_comma && piece->kind == PIECE_VALUE) {
        shape->has_comma = false;
        return;
    }
    let_comma_go(shape);
    if (shape->value_before && is(piece, ',')) {
        shape->comma = *piece;
        shape->has_comma = true;
        return; /* value_before stays: it is what the comma follows */
    }
    shape->value_before = piece->kind == PIECE_VALUE;
    add_to_rows(shape, piece);
}

static void add_piece(Shape *shape, const Piece *piece) {
    if (shape->has_sign && piece->kind != PIECE_VALUE) add_to_values(shape, &shape->sign);
    shape->has_sign = shape->value_may_begin && is_one_of(piece, "+-");
    shape->value_may_begin =
        piece->kind == PIECE_SIGN && strchr("(,=<>", piece->text[piece->length - 1]) != NULL;
    if (shape->has_sign)
        shape->sign = *piece;
    else
        add_to_values(shape, piece);
}

/* ---- the statement --------------------------------------------------------------------------------------
 */

static uint64_t read_shape(const char *sql, size_t sql_length, Shape *shape) {
    SqlScan scan;
    SqlToken token;
    sqlscan_init(&scan, sql, sql_length);
    for (sqlscan_next(&scan, &token); token.kind != SQLTOKEN_END; sqlscan_next(&scan, &token)) {
        Piece piece = {.kind = PIECE_SIGN, .text = sql + token.start, .length = token.length};
        if (token.kind == SQLTOKEN_STRING || token.kind == SQLTOKEN_NUMBER || token.kind == SQLTOKEN_PARAM)
            piece = (Piece){.kind = PIECE_VALUE, .text = "?", .length = 1};
        else if (token.kind == SQLTOKEN_WORD)
            piece.kind = PIECE_WORD;
        bool last_semicolon = is(&piece, ';') && token.start + 1 == sql_length;
        if (!last_semicolon) add_piece(shape, &piece);
    }
    if (shape->has_sign) add_to_values(shape, &shape->sign);
    let_comma_go(shape);
    let_row_go(shape);
    return hash64_u64(shape->hash);
}

uint64_t fingerprint_hash(const char *sql, size_t sql_length) {
    Shape shape = {0};
    return read_shape(sql, sql_length, &shape);
}

uint64_t fingerprint_text(const char *sql, size_t sql_length, size_t most_bytes, StrBuf *out) {
    Shape shape = {.out = out, .most_bytes = out->length + most_bytes};
    return read_shape(sql, sql_length, &shape);
}
