"""Rows to exchange: one generator per table, the same rows at every run."""
import datetime
import decimal
import io
import json
import random
import uuid

# column, SQL type, kind (rows.py)
TYPES = [
    ('b', 'boolean', 'bool'), ('i2', 'int2', 'int'), ('i4', 'int4', 'int'), ('i8', 'int8', 'int'),
    ('f4', 'float4', 'float4'), ('f8', 'float8', 'float8'), ('n9', 'numeric(9,2)', 'numeric'),
    ('n18', 'numeric(18,4)', 'numeric'), ('n38', 'numeric(38,10)', 'numeric'), ('t', 'text', 'text'),
    ('v', 'varchar(20)', 'text'), ('d', 'date', 'date'), ('ts', 'timestamp', 'timestamp'),
    ('tz', 'timestamptz', 'timestamptz'), ('u', 'uuid', 'uuid'), ('x', 'bytea', 'bytea'), ('j', 'jsonb', 'json'),
]
TIMES = [('id', 'int4', 'int'), ('at', 'time', 'time')]
EVENTS = [('id', 'int8', 'int'), ('made', 'timestamp', 'timestamp'), ('day', 'date', 'date'), ('name', 'text', 'text'),
          ('amount', 'numeric(12,2)', 'numeric'), ('score', 'float8', 'float8'), ('flag', 'boolean', 'bool')]

TEXTS = ['', 'a', 'Zürich', '日本語のとても長い文字列は十六文字より長い', 'x' * 300, 'line\nbreak', '"quoted", comma', "it's",
         '\U0001F600' * 20, 'null', ' spaces ', '\\backslash', 'tab\there', '\u07ff\uffff', 'zzzzzzzzzzzzzzzzzzzz']


def _decimal(random_, digits, scale):
    return decimal.Decimal(random_.randrange(-10**digits + 1, 10**digits)).scaleb(-scale)


def _moment(random_):
    return datetime.datetime(1901, 1, 1) + datetime.timedelta(microseconds=random_.randrange(150 * 365 * 86400 * 10**6))


def _value(kind, name, random_):
    number = random_.random()
    if kind == 'bool':
        return number < 0.5
    if name == 'i2':
        return random_.randrange(-2**15, 2**15)
    if name == 'i4':
        return random_.randrange(-2**31, 2**31)
    if kind == 'int':
        return random_.randrange(-2**63, 2**63)
    if kind == 'float4':
        return float('%.6g' % random_.uniform(-1e30, 1e30))
    if kind == 'float8':
        return random_.uniform(-1e300, 1e300)
    if kind == 'numeric':
        return _decimal(random_, *{'n9': (9, 2), 'n18': (18, 4), 'n38': (38, 10)}[name])
    if kind == 'text':
        return random_.choice(TEXTS)[:20 if name == 'v' else None]
    if kind == 'date':
        return _moment(random_).date()
    if kind in ('timestamp', 'timestamptz'):
        return _moment(random_)
    if kind == 'uuid':
        return uuid.UUID(int=random_.getrandbits(128))
    if kind == 'bytea':
        return random_.randbytes(random_.randrange(40))
    return {'k': random_.randrange(5), 'list': [1, None, 'ü'], 'deep': {'x': True}}


EDGES = {
    'b': [True, False], 'i2': [-2**15, 2**15 - 1, 0], 'i4': [-2**31, 2**31 - 1, 0], 'i8': [-2**63, 2**63 - 1, 0],
    'f4': [float('nan'), float('inf'), -float('inf'), 1.1754943508222875e-38, 0.0],
    'f8': [float('nan'), float('inf'), -float('inf'), 5e-324, 0.1],
    'n9': ['9999999.99', '-9999999.99', '0.00', '-0.01'], 'n18': ['99999999999999.9999', '-99999999999999.9999', '0.0001'],
    'n38': ['9' * 28 + '.' + '9' * 10, '-' + '9' * 28 + '.' + '9' * 10, '0.0000000001'],
    'd': [datetime.date(1, 1, 1), datetime.date(9999, 12, 31), datetime.date(1969, 12, 31), datetime.date(1582, 10, 10)],
    'ts': [datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31, 23, 59, 59, 999999),
           datetime.datetime(1969, 12, 31, 23, 59, 59, 999999), datetime.datetime(1970, 1, 1)],
    'tz': [datetime.datetime(1969, 12, 31, 23, 59, 59, 999999), datetime.datetime(1900, 1, 1), datetime.datetime(2400, 2, 29)],
    'x': [b'', b'\x00', b'\xff' * 40],
}


def types_rows(count, seed=1):
    random_ = random.Random(seed)
    rows = []
    for i in range(count):
        row = []
        for name, _, kind in TYPES:
            edges = EDGES.get(name, TEXTS if name == 't' else [])
            if i < len(edges):
                row.append(edges[i])
            else:
                row.append(None if random_.random() < 0.2 else _value(kind, name, random_))
        rows.append(tuple(row))
    rows.append((None,) * len(TYPES))
    return rows


def times_rows():
    day = datetime.datetime(2000, 1, 1)
    return [(i, None if i % 7 == 0 else (day + datetime.timedelta(microseconds=i * 863999999)).time()) for i in range(100)]


def events_rows(start, count):
    """Rows whose columns rise with the id, so that bounds of files and row groups tell them apart."""
    rows = []
    for i in range(start, start + count):
        at = datetime.datetime(2023, 1, 1) + datetime.timedelta(seconds=977 * i, microseconds=i)
        rows.append((i, at, at.date(), None if i % 11 == 0 else 'name-%06d-%s' % (i // 50, 'ü' * (i % 3)),
                     decimal.Decimal(i * 7 - 1000).scaleb(-2), None if i % 13 == 0 else i / 7, i % 3 == 0))
    return rows


def _csv_text(value, kind):
    if value is None:
        return None
    if kind == 'bool':
        return 'true' if value else 'false'
    if kind == 'bytea':
        return '\\x' + value.hex()
    if kind == 'json':
        return json.dumps(value)
    if kind == 'timestamptz':
        return value.isoformat(' ') + '+00'
    if kind == 'timestamp':
        return value.isoformat(' ')
    if kind.startswith('float'):
        return {'nan': 'NaN', 'inf': 'Infinity', '-inf': '-Infinity'}.get(str(value), repr(value))
    return str(value)


def csv_of(columns, rows):
    """CSV in which NULL is the empty field and every text is quoted."""
    out = io.StringIO()
    out.write(','.join(name for name, _, _ in columns) + '\n')
    for row in rows:
        fields = []
        for value, (_, _, kind) in zip(row, columns):
            text = _csv_text(value, kind)
            fields.append('' if text is None else '"%s"' % text.replace('"', '""'))
        out.write(','.join(fields) + '\n')
    return out.getvalue()


def schema_of(columns):
    return ', '.join('%s %s' % (name, type_) for name, type_, _ in columns)
