"""What pyarrow reads from the files of a directory, as column_digest.h writes it.

    make.py ../shared/data/parquet-testing/data overrides.tsv > parquet-testing.tsv
    make.py ../shared/data/hyparquet overrides.tsv > hyparquet.tsv

Needs pyarrow. What Signalbox refuses, or pyarrow does not read or reads in another way, is copied from overrides.tsv;
the reason is in the comment (#) above."""

import datetime
import decimal
import json
import os
import struct
import sys

import pyarrow as pa
import pyarrow.parquet as pq

SQL = {
    pa.bool_(): "boolean", pa.int8(): "smallint", pa.int16(): "smallint", pa.int32(): "integer",
    pa.int64(): "bigint", pa.uint8(): "smallint", pa.uint16(): "integer", pa.uint32(): "bigint",
    pa.uint64(): "numeric(20,0)", pa.float16(): "real", pa.float32(): "real", pa.float64(): "double precision",
    pa.string(): "text", pa.large_string(): "text", pa.binary(): "bytea", pa.large_binary(): "bytea",
    pa.date32(): "date", pa.null(): "integer",  # the physical type of the one file that has such a column
}


def sql_type(t):
    if t in SQL:
        return SQL[t]
    if pa.types.is_decimal(t):
        return f"numeric({t.precision},{t.scale})"
    if pa.types.is_fixed_size_binary(t):
        return "bytea"
    if pa.types.is_time(t):
        return "time without time zone"
    if pa.types.is_timestamp(t):
        return f"timestamp {'with' if t.tz else 'without'} time zone"
    if isinstance(t, pa.UuidType):
        return "uuid"
    if isinstance(t, pa.BaseExtensionType):
        return sql_type(t.storage_type)
    if pa.types.is_list(t) and not is_nested(t.value_type):
        return sql_type(t.value_type) + "[]"
    return "jsonb"


def is_nested(t):
    return pa.types.is_list(t) or pa.types.is_struct(t) or pa.types.is_map(t)


UNITS = {"s": 1000000, "ms": 1000, "us": 1}


def micros(value, unit):
    return value // 1000 if unit == "ns" else value * UNITS[unit]


def scalar(t, scalar_value):
    """The text of one value that is not NULL, from the pyarrow scalar."""
    if isinstance(t, pa.BaseExtensionType):
        return scalar(t.storage_type, scalar_value.value)
    if pa.types.is_boolean(t):
        return b"true" if scalar_value.as_py() else b"false"
    if pa.types.is_decimal(t):
        return b"%d" % int(scalar_value.as_py().scaleb(t.scale, decimal.Context(prec=80)))
    if pa.types.is_float16(t) or pa.types.is_float32(t):
        value = float(scalar_value.as_py())
        return b"7fc00000" if value != value else struct.pack(">f", value).hex().encode()
    if pa.types.is_float64(t):
        value = scalar_value.as_py()
        return b"7ff8000000000000" if value != value else struct.pack(">d", value).hex().encode()
    if pa.types.is_date(t) or pa.types.is_integer(t):
        return b"%d" % (scalar_value.value if pa.types.is_date(t) else scalar_value.as_py())
    if pa.types.is_time(t) or pa.types.is_timestamp(t):
        return b"%d" % micros(scalar_value.value, t.unit)
    value = scalar_value.as_py()
    return value.encode() if isinstance(value, str) else value.hex().encode()


def number(value):
    if value != value:
        return '"NaN"'
    if value in (float("inf"), float("-inf")):
        return '"Infinity"' if value > 0 else '"-Infinity"'
    if value == 0:
        return "0"
    text = format(decimal.Decimal(repr(value)), "f")
    return text[:-2] if text.endswith(".0") else text


def key_order(key):
    return (len(key.encode()), key.encode())


def jsonb(t, value):
    if not value.is_valid:
        return "null"
    if pa.types.is_struct(t):
        fields = {f.name: jsonb(f.type, value[i]) for i, f in enumerate(t)}
    elif pa.types.is_map(t):
        fields = {}
        for entry in value.values:
            key = jsonb(t.key_type, entry[0])
            fields[json.loads(key) if key.startswith('"') else key] = jsonb(t.item_type, entry[1])
    elif pa.types.is_list(t):
        return "[" + ", ".join(jsonb(t.value_type, v) for v in value.values) + "]"
    elif pa.types.is_boolean(t):
        return "true" if value.as_py() else "false"
    elif pa.types.is_float32(t):
        import numpy
        return number(value.as_py()) if value.as_py() != value.as_py() else number(
            float(str(numpy.float32(value.as_py()))))
    elif pa.types.is_floating(t):
        return number(value.as_py())
    elif pa.types.is_integer(t) or pa.types.is_decimal(t):
        return str(value.as_py())
    elif pa.types.is_date(t):
        return json.dumps(value.as_py().isoformat())
    elif pa.types.is_timestamp(t):
        at = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=micros(value.value, t.unit))
        text = at.isoformat()
        return json.dumps((text.rstrip("0") if "." in text else text) + ("+00:00" if t.tz else ""))
    elif pa.types.is_binary(t) or pa.types.is_fixed_size_binary(t):
        return json.dumps("\\x" + value.as_py().hex())
    else:
        return json.dumps(value.as_py(), ensure_ascii=False)
    return "{" + ", ".join(f"{json.dumps(k, ensure_ascii=False)}: {fields[k]}"
                           for k in sorted(fields, key=key_order)) + "}"


def text_of(t, value):
    if not value.is_valid:
        return b"\\N"
    if sql_type(t) == "jsonb":
        return jsonb(t, value).encode()
    if pa.types.is_list(t):
        return b"{" + b",".join(scalar(t.value_type, v) if v.is_valid else b"\\N" for v in value.values) + b"}"
    return scalar(t, value)


def describe(path, name, overrides, show):
    table = pq.ParquetFile(path, page_checksum_verification=True).read()
    if any(pa.types.is_timestamp(f.type) and f.type.unit == "ns" for f in table.schema):
        table = pq.read_table(path, coerce_int96_timestamp_unit="us", partitioning=None)
    for i, field in enumerate(table.schema):
        if field.name in overrides:
            print(overrides[field.name])
            continue
        digest, rows = 0xCBF29CE484222325, 0
        for chunk in table.column(i).chunks:
            for value in chunk:
                text = text_of(field.type, value)
                if show:
                    sys.stderr.write(f"{field.name}\t{text.decode()}\n")
                for byte in text + b"\n":
                    digest = (digest ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
                rows += 1
        print(f"{name}\t{field.name}\t{sql_type(field.type)}\t{rows}\t{digest:016x}")


def main():
    data, overrides = sys.argv[1], {}
    for line in open(sys.argv[2], encoding="utf-8"):
        line = line.rstrip("\n")
        if line and not line.startswith("#"):
            name, column = line.split("\t")[:2]
            overrides.setdefault(name, {})[column] = line
    shown = sys.argv[3] if len(sys.argv) > 3 else None
    for directory in (data, os.path.join(data, "geospatial")):
        if not os.path.isdir(directory):
            continue
        for name in sorted(os.listdir(directory), key=lambda n: n.encode()):
            if ".parquet" not in name or ".json" in name:
                continue
            if shown and shown != name:
                continue
            own = overrides.get(name, {})
            try:
                describe(os.path.join(directory, name), name, own, shown)
            except Exception as error:  # noqa: BLE001
                sys.stderr.write(f"{name}: {error}: {len(own)} lines of overrides.tsv\n")
                print("\n".join(own.values()))


main()
