#!/usr/bin/env python3
"""Writes aggregate_cases.inc.c: aggregates over a few rows and PostgreSQL's answers.

usage: generate_aggregates.py 'CONNINFO of a PostgreSQL 15'
"""
import os
import subprocess
import sys

ROWS = {
    "smallint": [["1", "2", "4"], ["7"], [], ["\\N"], ["-32768", "32767", "\\N", "3"]],
    "integer": [["1", "2", "4"], ["7"], [], ["\\N"], ["2147483647", "2147483647", "-5"]],
    "bigint": [["1", "2", "4"], ["9223372036854775807", "9223372036854775807", "3"], []],
    "numeric": [["1.5", "2.25", "-0.125"], ["0.1", "0.2", "0.3", "0.70"], ["NaN", "1"], [], ["12345678.9", "0.0000001"], ["5", "5"]],
    "numeric(10,2)": [["1.50", "2.25", "99999999.99"], ["0.01", "0.02"], []],
    "double precision": [["0.1", "0.2", "0.3"], ["1e100", "1e-100"], ["NaN", "1"], ["Infinity", "1"], [], ["5"]],
    "real": [["0.1", "0.2", "0.3"], ["16777216", "1", "1"], []],
    "text": [["b", "abc", "a longer text than twelve"], ["z"], [], ["\\N", "é"]],
    "date": [["2024-02-29", "1999-01-01"], []],
    "timestamp": [["2024-02-29 10:00:00", "infinity"], []],
    "interval": [["1 mon", "29 days", "31 days"], []],
    "boolean": [["t", "f"], ["t", "t"], [], ["\\N", "f"]],
}
NUMBERS = ["sum", "avg", "min", "max", "count", "var_pop", "var_samp", "variance", "stddev_pop", "stddev_samp", "stddev"]
FUNCTIONS = {kind: NUMBERS for kind in ["smallint", "integer", "bigint", "numeric", "numeric(10,2)", "double precision", "real"]}
for kind in ["smallint", "integer", "bigint"]:
    FUNCTIONS[kind] = NUMBERS + ["bit_and", "bit_or", "bit_xor"]
FUNCTIONS["double precision"] = NUMBERS + ["corr", "covar_pop", "covar_samp", "regr_slope", "regr_intercept", "regr_r2", "regr_count",
                                           "regr_sxx", "regr_syy", "regr_sxy", "regr_avgx", "regr_avgy"]
FUNCTIONS["text"] = ["min", "max", "count", "string_agg"]
FUNCTIONS["boolean"] = ["bool_and", "bool_or", "every", "count"]
for kind in ["date", "timestamp", "interval"]:
    FUNCTIONS[kind] = ["min", "max", "count"] + (["sum", "avg"] if kind == "interval" else [])


def literal(kind, text):
    return f"cast(null as {kind})" if text == "\\N" else f"cast('{text}' as {kind})"


def main():
    cases, script = [], []
    for kind, sets in ROWS.items():
        for function in FUNCTIONS[kind]:
            for rows in sets:
                two = function.startswith(("corr", "covar", "regr"))
                args = "x, x" if two else "x, '; '" if function == "string_agg" else "x"
                source = ("select x from unnest(array[" + ",".join(literal(kind, r) for r in rows) + f"]::{kind}[]) x")
                script.append(f"select coalesce({function}({args})::text, '\\N') from ({source}) s;")
                cases.append((function, kind, rows))
    result = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", sys.argv[1]], input="\n".join(script),
                            capture_output=True, text=True, check=True)
    lines = result.stdout.rstrip("\n").split("\n")
    assert len(lines) == len(cases), (len(lines), len(cases), result.stderr)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "aggregate_cases.inc.c")
    with open(path, "w") as out:
        for (function, kind, rows), line in zip(cases, lines):
            quoted = ", ".join('"' + r.replace("\\", "\\\\") + '"' for r in rows) or "NULL"
            out.write(f'{{"{function}", "{kind}", {{{quoted}}}, "{line}"}},\n'.replace('"\\N"', '"\\\\N"'))


main()
