#!/usr/bin/env python3
"""Writes expressions.tsv: expressions over typed literals with what PostgreSQL answers.

usage: generate_expressions.py 'CONNINFO of a PostgreSQL 15 with collation C.UTF-8 and time zone UTC'

A line: kind, name, arguments joined by | as type=literal (literal \\N is NULL), then PostgreSQL's result type and text,
or "ERROR", its SQLSTATE and message.
"""
import itertools
import os
import subprocess
import sys

cases = []
seen = set()


def add(kind, name, *args):
    key = (kind, name, args)
    if key not in seen:
        seen.add(key)
        cases.append(key)


def typed(kind, values):
    return [f"{kind}={v}" for v in values]


INTS = {
    "smallint": ["0", "1", "-7", "32767", "-32768"],
    "integer": ["0", "3", "-7", "2147483647", "-2147483648"],
    "bigint": ["0", "5", "-7", "9223372036854775807", "-9223372036854775808"],
}
NUMERICS = ["0", "1", "-1.5", "2.50", "0.0001", "123456789.123456789", "-99999.99", "NaN", "3", "0.333"]
FLOATS = ["0", "1", "-1.5", "1e15", "1e-5", "123456.789", "NaN", "Infinity", "-Infinity", "1e308", "1e-308", "0.1"]
FLOAT4S = ["0", "1", "-1.5", "1e6", "3.4e38", "1e-38", "NaN", "Infinity", "0.1", "123456.7"]
TEXTS = ["", "a", "abc", "abd", "ABC", "hello world, this is long", "žluťoučký kůň", "100%", "a_b", "x\\\\y"]
DATES = ["2024-02-29", "1969-12-31", "2000-01-01", "infinity", "-infinity", "0044-03-15 BC", "9999-12-31"]
TIMESTAMPS = ["2024-02-29 12:34:56.789", "1969-12-31 23:59:59.999999", "2000-01-01", "infinity", "2001-03-31 00:00:00",
              "0044-03-15 10:00:00 BC"]
INTERVALS = ["1 day", "1 mon", "-1 mon -2 days -03:04:05.678", "1 year 2 mons 3 days 04:05:06", "36:00:00", "0",
             "30 days", "-00:00:00.000001"]
TIMES = ["00:00:00", "12:34:56.789", "23:59:59.999999", "24:00:00"]

for left, right in itertools.product(INTS, INTS):
    for op in ["+", "-", "*", "/"]:
        for a, b in itertools.product(INTS[left], INTS[right]):
            add("op", op, f"{left}={a}", f"{right}={b}")
for kind in INTS:
    for a, b in itertools.product(INTS[kind], INTS[kind]):
        for op in ["%", "&", "|", "#"]:
            add("op", op, f"{kind}={a}", f"{kind}={b}")
        if kind != "smallint":
            add("fn", "gcd", f"{kind}={a}", f"{kind}={b}")
            add("fn", "lcm", f"{kind}={a}", f"{kind}={b}")
    for a in INTS[kind]:
        for op in ["-", "~", "+"]:
            add("op", op, f"{kind}={a}")
        add("fn", "abs", f"{kind}={a}")
        for shift in ["0", "1", "31", "33"]:
            add("op", "<<", f"{kind}={a}", f"integer={shift}")
            add("op", ">>", f"{kind}={a}", f"integer={shift}")
COMPARE = ["=", "<>", "<", "<=", ">", ">="]
for kind, values in [("integer", INTS["integer"]), ("numeric", NUMERICS), ("double precision", FLOATS),
                     ("real", FLOAT4S), ("text", TEXTS), ("date", DATES), ("timestamp", TIMESTAMPS),
                     ("interval", INTERVALS + ["1 mon -30 days"]), ("boolean", ["t", "f"]), ("time", TIMES),
                     ("uuid", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000"]),
                     ("bytea", ["\\\\x00ff", "\\\\x", "abc"])]:
    for a, b in itertools.product(values, values):
        for op in COMPARE if len(values) < 7 else ["=", "<", ">="]:
            add("op", op, f"{kind}={a}", f"{kind}={b}")
for a, b in itertools.product(DATES, TIMESTAMPS):
    for op in COMPARE:
        add("op", op, f"date={a}", f"timestamp={b}")
        add("op", op, f"timestamp={b}", f"date={a}")
for a, b in [("integer", "bigint"), ("smallint", "integer"), ("bigint", "smallint")]:
    for x, y in itertools.product(INTS[a], INTS[b]):
        for op in COMPARE:
            add("op", op, f"{a}={x}", f"{b}={y}")
for a, b in itertools.product(FLOAT4S, FLOATS):
    add("op", "<", f"real={a}", f"double precision={b}")
    add("op", "*", f"real={a}", f"double precision={b}")

FIXED = ["numeric(5,2)=123.45", "numeric(5,2)=-0.01", "numeric(18,6)=123456789012.123456", "numeric(4,0)=7",
         "numeric(30,10)=12345678901234567890.0123456789", "numeric(2,1)=0.5", "numeric(10,4)=-3.1416"]
for a, b in itertools.product(typed("numeric", NUMERICS) + FIXED, repeat=2):
    for op in ["+", "-", "*", "/", "%"]:
        add("op", op, a, b)
for a, b in itertools.product(FIXED, typed("numeric", NUMERICS) + FIXED):
    for op in COMPARE:
        add("op", op, a, b)
for a in typed("numeric", NUMERICS + ["2", "10", "-2.5", "0.5", "1.5", "-0.5", "1000000", "12345678901234.5678"]) + FIXED:
    for fn in ["abs", "sign", "ceil", "floor", "round", "trunc", "sqrt", "scale", "trim_scale"]:
        add("fn", fn, a)
    add("op", "-", a)
    for n in ["0", "1", "-1", "-2", "3", "8"]:
        add("fn", "round", a, f"integer={n}")
        add("fn", "trunc", a, f"integer={n}")
for a, b in itertools.product(["10", "7.5", "-7.5", "0.25"], ["3", "-2.5", "0.5"]):
    for fn in ["mod", "div", "gcd"]:
        add("fn", fn, f"numeric={a}", f"numeric={b}")
for x in ["5.35", "0", "10.06", "-1", "11"]:
    add("fn", "width_bucket", f"numeric={x}", "numeric=0.024", "numeric=10.06", "integer=5")
    add("fn", "width_bucket", f"double precision={x}", "double precision=0.024", "double precision=10.06", "integer=5")
    add("fn", "width_bucket", f"numeric={x}", "numeric=10", "numeric=0", "integer=4")
add("fn", "width_bucket", "numeric=1", "numeric=1", "numeric=1", "integer=4")
add("fn", "width_bucket", "numeric=1", "numeric=1", "numeric=2", "integer=0")

for kind, values in [("double precision", FLOATS), ("real", FLOAT4S)]:
    for a, b in itertools.product(values, values):
        for op in ["+", "-", "*", "/"]:
            add("op", op, f"{kind}={a}", f"{kind}={b}")
    for a in values:
        add("op", "-", f"{kind}={a}")
        add("fn", "abs", f"{kind}={a}")
for a in FLOATS + ["2.5", "3.5", "-2.5", "0.5", "27", "45", "-0.7"]:
    for fn in ["ceil", "floor", "round", "trunc", "sign", "sqrt", "cbrt", "exp", "ln", "log10", "log", "sin", "cos", "tan",
               "cot", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "degrees", "radians"]:
        add("fn", fn, f"double precision={a}")
for a, b in itertools.product(["0", "2", "-8", "Infinity", "NaN", "0.5", "10"], ["0", "3", "-2", "0.5", "Infinity", "NaN", "400"]):
    add("fn", "power", f"double precision={a}", f"double precision={b}")
    add("fn", "atan2", f"double precision={a}", f"double precision={b}")

UNICODE = TEXTS + ["Ünï CÖDÉ straße", "  trim me  ", "xxabcxx", "a,b,,c", "日本語テキスト", "O'Reilly \\\\ back"]
for t in UNICODE:
    arg = f"text={t}"
    for fn in ["length", "char_length", "octet_length", "bit_length", "lower", "upper", "initcap", "reverse", "ascii",
               "btrim", "ltrim", "rtrim", "quote_literal"]:
        add("fn", fn, arg)
    for n in ["0", "1", "3", "-2", "-100", "100"]:
        add("fn", "left", arg, f"integer={n}")
        add("fn", "right", arg, f"integer={n}")
        add("fn", "substring", arg, f"integer={n}")
        add("fn", "substr", arg, f"integer={n}", "integer=3")
        add("fn", "lpad", arg, f"integer={n if int(n) < 50 else 12}", "text=-é")
        add("fn", "rpad", arg, f"integer={n if int(n) < 50 else 12}", "text=xy")
    add("fn", "substr", arg, "integer=2", "integer=-1")
    add("fn", "repeat", arg, "integer=3")
    add("fn", "repeat", arg, "integer=-1")
    for other in ["", "a", "l", "ů", "xx"]:
        add("fn", "strpos", arg, f"text={other}")
        add("fn", "starts_with", arg, f"text={other}")
        add("fn", "replace", arg, f"text={other}", "text=<é>")
        add("fn", "btrim", arg, f"text={other}")
        add("fn", "ltrim", arg, f"text={other}")
        add("fn", "rtrim", arg, f"text={other}")
        add("op", "||", arg, f"text={other}")
    add("fn", "translate", arg, "text=abců", "text=xé")
    add("fn", "overlay", arg, "text=ZZ", "integer=2", "integer=1")
    add("fn", "overlay", arg, "text=ZZ", "integer=2")
    for pattern in ["%", "a%", "%c", "%b%", "_b_", "abc", "%o w%", "h%l_", "", "_", "%\\\\%", "100\\\\%", "a\\\\_b", "A%", "%ů_",
                    "ab\\\\"]:
        for op in ["~~", "!~~", "~~*"]:
            add("op", op, arg, f"text={pattern}")
    for pattern in ["^a", "c$", "[a-c]+", "b.", "^(ab|x).*$", "\\\\d+", "\\\\s", "w\\\\w+", "ů", "[[:upper:]]", "a{1,2}b"]:
        for op in ["~", "!~", "~*"]:
            add("op", op, arg, f"text={pattern}")
    for pattern in ["[a-c]", "l+", "(.)b", "^x*"]:
        add("fn", "regexp_replace", arg, f"text={pattern}", "text=<\\\\1&>")
        add("fn", "regexp_replace", arg, f"text={pattern}", "text=[\\\\&]", "text=g")
        add("fn", "substring", arg, f"text={pattern}")
    for n in ["1", "2", "-1", "9", "0"]:
        add("fn", "split_part", arg, "text=,", f"integer={n}")
    add("fn", "split_part", arg, "text=", "integer=1")
for pattern, escape in [("a#%b", "#"), ("a%", ""), ("##", "#"), ("a\\\\b", "#"), ("x", "ab")]:
    add("fn", "like_escape", f"text={pattern}", f"text={escape}")
for n in ["65", "233", "26085", "0", "-5", "1114112"]:
    add("fn", "chr", f"integer={n}")
for n in ["255", "-1", "0"]:
    add("fn", "to_hex", f"integer={n}")
    add("fn", "to_hex", f"bigint={n}")
add("fn", "concat", "text=a", "text=\\N", "text=b")
add("fn", "concat_ws", "text=,", "text=a", "text=\\N", "text=b")
add("fn", "concat_ws", "text=\\N", "text=a", "text=b")

for kind, value in [("integer", "42"), ("boolean", "t"), ("numeric", "1.50"), ("date", "2024-02-29"), ("double precision", "1e15")]:
    add("op", "||", "text=x", f"{kind}={value}")
    add("op", "||", f"{kind}={value}", "text=x")
    add("fn", "concat", "text=x", f"{kind}={value}", f"{kind}=\\N")
    add("fn", "concat_ws", "text=-", f"{kind}={value}", "text=y", f"{kind}={value}")
for kind, values in [("integer", INTS["integer"]), ("numeric", NUMERICS[:4]), ("double precision", ["1", "NaN", "-Infinity"]),
                     ("text", TEXTS[:4]), ("date", DATES[:3]), ("interval", INTERVALS[:3])]:
    for a, b in itertools.product(values + ["\\N"], values):
        add("fn", "greatest", f"{kind}={a}", f"{kind}={b}")
        add("fn", "least", f"{kind}={a}", f"{kind}={b}", f"{kind}={values[0]}")
add("fn", "greatest", "integer=\\N", "integer=\\N")

for d in DATES:
    for n in ["0", "1", "-400", "2147483647"]:
        add("op", "+", f"date={d}", f"integer={n}")
        add("op", "-", f"date={d}", f"integer={n}")
    for e in DATES:
        add("op", "-", f"date={d}", f"date={e}")
    for i in INTERVALS:
        add("op", "+", f"date={d}", f"interval={i}")
        add("op", "-", f"date={d}", f"interval={i}")
    for t in TIMES:
        add("op", "+", f"date={d}", f"time={t}")
    for field in ["year", "month", "day", "dow", "isodow", "doy", "week", "isoyear", "quarter", "decade", "century",
                  "millennium", "epoch", "hour", "julian", "bogus"]:
        if "infinity" not in d:
            add("fn", "extract", f"text={field}", f"date={d}")
for t in TIMESTAMPS:
    for u in TIMESTAMPS:
        add("op", "-", f"timestamp={t}", f"timestamp={u}")
        add("fn", "age", f"timestamp={t}", f"timestamp={u}")
    for i in INTERVALS:
        add("op", "+", f"timestamp={t}", f"interval={i}")
        add("op", "-", f"timestamp={t}", f"interval={i}")
    for field in ["microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month", "quarter", "year",
                  "decade", "century", "millennium", "dow", "doy", "isodow", "isoyear", "epoch", "timezone", "bogus"]:
        if t != "infinity":
            add("fn", "extract", f"text={field}", f"timestamp={t}")
        add("fn", "date_part", f"text={field}", f"timestamp={t}")
        add("fn", "date_trunc", f"text={field}", f"timestamp={t}")
    add("fn", "date_bin", "interval=15 minutes", f"timestamp={t}", "timestamp=2001-01-01")
    add("fn", "date_bin", "interval=1 mon", f"timestamp={t}", "timestamp=2001-01-01")
for t in TIMESTAMPS + ["2024-12-30 00:05:09", "1999-05-02 12:00:00"]:
    for template in ["YYYY-MM-DD", "YYYY-MM-DD HH24:MI:SS", "DD Mon YYYY", "FMMonth FMDD, YYYY", "Month|DAY|dy", "HH12:MI AM", "hh:mi:ss pm",
                     "YY/Q", "IYYY-IW-ID", "DDD D WW W", "HH24:MI:SS.MS US", '"Week" WW', "FMMM/FMDD/YY", "", "Day, FMDDth"]:
        add("fn", "to_char", f"timestamp={t}", f"text={template}")
for i in INTERVALS:
    for j in INTERVALS:
        add("op", "+", f"interval={i}", f"interval={j}")
        add("op", "-", f"interval={i}", f"interval={j}")
    for f in ["2", "-1.5", "0.1", "0"]:
        add("op", "*", f"interval={i}", f"double precision={f}")
        add("op", "/", f"interval={i}", f"double precision={f}")
    add("op", "-", f"interval={i}")
    add("fn", "justify_hours", f"interval={i}")
    add("fn", "justify_days", f"interval={i}")
    for field in ["microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month", "quarter", "year",
                  "decade", "century", "epoch"]:
        add("fn", "extract", f"text={field}", f"interval={i}")
        add("fn", "date_trunc", f"text={field}", f"interval={i}")
for t in TIMES:
    for u in TIMES:
        add("op", "-", f"time={t}", f"time={u}")
    for i in INTERVALS:
        add("op", "+", f"time={t}", f"interval={i}")
        add("op", "-", f"time={t}", f"interval={i}")
    for field in ["hour", "minute", "second", "milliseconds", "epoch", "day"]:
        add("fn", "extract", f"text={field}", f"time={t}")
for y, m, d in [("2024", "2", "29"), ("2023", "2", "29"), ("-44", "3", "15"), ("0", "1", "1"), ("2024", "13", "1")]:
    add("fn", "make_date", f"integer={y}", f"integer={m}", f"integer={d}")
    add("fn", "make_timestamp", f"integer={y}", f"integer={m}", f"integer={d}", "integer=12", "integer=30", "double precision=15.5")

CASTS = {
    "text": ["0", "-42", " 7 ", "abc", "", "1.5", "1e3", "99999", "9999999999", "1e400", "true", "off", "nan", "-inf", "2024-02-29",
             "2024-02-30", "2024-13-01", "Feb 29, 2024", "29 feb 2024", "2/28/2024", "20240229", "2024-02-29 13:14:15.5",
             "2024-02-29T13:14:15Z", "2024-02-29 13:14:15+02", "2024-02-29 01:14 PM", "13:14", "25:00", "epoch", "infinity",
             "1 day", "1.5 days", "P1Y2M3DT4H5M6S", "1-2", "1 02:03:04", "2 weeks ago", "1.5 months", "@ 1 hour", "1 fortnight",
             "{\"a\": [1, 2.5e1, null]}", "{bad}", "\\\\xdead", "\\\\001", "a0eebc999c0b4ef8bb6d6bb9bd380a11", "zz", "12:34:56.7891234",
             "99-1-8", "1999.008", "J2451187", "0000-01-01", "4714-01-01 BC", "294277-01-01", "5874898-01-01", "24:00:00",
             "2024-02-29 24:00:00", "-1.5", ".5", "5.", "+3", "1_000", "0x1F", "--1", "-0"],
    "smallint": INTS["smallint"], "integer": INTS["integer"], "bigint": INTS["bigint"],
    "numeric": NUMERICS + ["2.5", "-2.5", "3.5", "40000", "3000000000", "1e19", "0.5"],
    "double precision": FLOATS + ["2.5", "3.5", "-2.5", "40000", "3e9", "1e19", "123456789012345678", "1e39", "1e23",
                                  "9007199254740993", "5e-324", "1.7976931348623157e308", "100000000000000", "0.0001", "0.00001234"],
    "real": FLOAT4S + ["2.5", "3.5", "1e10", "16777217", "999999", "1234567"],
    "boolean": ["t", "f"], "date": DATES, "timestamp": TIMESTAMPS, "timestamptz": TIMESTAMPS, "interval": INTERVALS + ["-1 year", "1 mon -1 days", "100:00:00"],
    "time": TIMES, "uuid": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"], "bytea": ["\\\\x00ff", "abc"], "json": ["{\"a\":1}"],
    "numeric(10,2)": ["12.345", "-0.005", "99999999.99"], "varchar(3)": ["abc", "abcdef"], "character(5)": ["ab", "abcdefg"],
}
# Malformed dates and times for which the engine's SQLSTATE is 22007 where PostgreSQL finds another (kernels/README.md).
ODD_INPUT = {"date": {"1_000"}, "timestamp": {"1_000"}, "timestamptz": {"1_000"}, "interval": {"\\\\001"},
             "time": {"2024-02-29T13:14:15Z", "P1Y2M3DT4H5M6S", "a0eebc999c0b4ef8bb6d6bb9bd380a11", "1999.008"}}
TARGETS = ["text", "smallint", "integer", "bigint", "numeric", "double precision", "real", "boolean", "date", "timestamp",
           "timestamptz", "interval", "time", "uuid", "bytea", "json", "numeric(4,1)", "numeric(10,2)", "numeric(25,3)", "varchar(3)",
           "character(5)", "varchar"]
for source, values in CASTS.items():
    for target in TARGETS:
        for value in values:
            if source == target or value in ODD_INPUT.get(target, ()):
                continue
            add("cast", target, f"{source}={value}")
for kind, name, sample in [("op", "+", "integer"), ("op", "=", "text"), ("fn", "lower", "text"), ("op", "*", "numeric")]:
    args = [f"{sample}=\\N"] * (1 if kind == "fn" else 2)
    add(kind, name, *args)


def unescape(text):
    return text.replace("\\\\", "\\")


def sql_argument(arg):
    kind, literal = arg.split("=", 1)
    if literal == "\\N":
        return f"cast(null as {kind})"
    literal = unescape(literal).replace("'", "''")
    return f"cast('{literal}' as {kind})"


def sql_of(kind, name, args):
    sql = [sql_argument(a) for a in args]
    if kind == "cast":
        return f"cast({sql[0]} as {name})"
    if kind == "op":
        return f"({name} {sql[0]})" if len(sql) == 1 else f"({sql[0]} {name} {sql[1]})"
    if name == "extract":
        return f"pg_catalog.extract({', '.join(sql)})"
    return f"{name}({', '.join(sql)})"


def main():
    script = ["""create function pg_temp.attempt(q text) returns text language plpgsql as $$
        declare r text;
        begin
          execute 'select pg_typeof(x)::text || E''\\t'' || coalesce(x::text, ''\\N'') from (select ' || q || ' as x) s' into r;
          return r;
        exception when others then return E'ERROR\\t' || sqlstate || E'\\t' || sqlerrm; end $$;"""]
    for kind, name, args in cases:
        query = sql_of(kind, name, args).replace("$q$", "")
        script.append(f"select replace(pg_temp.attempt($q${query}$q$), E'\\n', ' ');")
    result = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-d", sys.argv[1]], input="\n".join(script),
                            capture_output=True, text=True, check=True)
    lines = result.stdout.rstrip("\n").split("\n")
    assert len(lines) == len(cases), (len(lines), len(cases), result.stderr[:2000])
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "expressions.tsv")
    kept = 0
    with open(path, "w") as out:
        for (kind, name, args), line in zip(cases, lines):
            if "\tERROR" in line or line.startswith("ERROR\t42") or line.startswith("ERROR\t0A000\tcannot convert inf"):
                continue  # no such operator or cast
            out.write("\t".join([kind, name, "|".join(a.replace("|", "\\p") for a in args), line]) + "\n")
            kept += 1
    print(kept, "expressions")


main()
