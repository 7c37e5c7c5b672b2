"""Rows of any program in one form, so that equal values are equal texts.

A kind says how a column's values are read: bool, int, float4, float8, numeric, text, date, time, timestamp,
timestamptz, uuid, bytea, json or "list KIND". Values come as the reader's own (datetime, Decimal, bytes ...) or as text."""
import datetime
import decimal
import json
import struct
import uuid

decimal.getcontext().prec = 90


def _float(value, single):
    number = float(value)
    if number != number:
        return 'NaN'
    if single and abs(number) != float('inf'):
        number = struct.unpack('f', struct.pack('f', number))[0]
    return repr(number)


def _seconds(text):
    """A time of day with its fraction written out to microseconds."""
    whole, _, fraction = text.partition('.')
    return '%s.%s' % (whole, (fraction + '000000')[:6])


def _timestamp(value, zoned):
    if isinstance(value, str):
        for zone in (' UTC', '+00:00', '+00', 'Z'):
            value = value.removesuffix(zone)
        day, _, time = value.replace('T', ' ').partition(' ')
        return '%s %s' % (day, _seconds(time))
    if zoned and value.tzinfo:
        value = value.astimezone(datetime.timezone.utc)
    return value.replace(tzinfo=None).isoformat(' ', 'microseconds')


def _bytes(value):
    if isinstance(value, str):
        assert value.startswith('\\x'), value
        return value[2:]
    return bytes(value).hex()


def canonical(value, kind):
    if value is None:
        return None
    if kind.startswith('list '):
        return json.dumps([canonical(item, kind[5:]) for item in value])
    if kind == 'bool':
        return str(value in (True, 't', 'true'))
    if kind == 'int':
        return str(int(value))
    if kind in ('float4', 'float8'):
        return _float(value, kind == 'float4')
    if kind == 'numeric':
        return format(decimal.Decimal(str(value)).normalize(), 'f')
    if kind == 'date':
        return value if isinstance(value, str) else value.isoformat()
    if kind == 'time':
        return _seconds(value if isinstance(value, str) else value.isoformat())
    if kind in ('timestamp', 'timestamptz'):
        return _timestamp(value, kind == 'timestamptz')
    if kind == 'uuid':
        return str(uuid.UUID(bytes=bytes(value)) if isinstance(value, (bytes, bytearray)) else value).lower()
    if kind == 'bytea':
        return _bytes(value)
    if kind == 'json':
        text = value if isinstance(value, str) else json.dumps(value)
        return json.dumps(json.loads(text, parse_int=str, parse_float=str), sort_keys=True)
    return str(value)


def sorted_rows(rows, kinds):
    """Every row as a tuple of texts, in one order; None (NULL) sorts before every text."""
    made = []
    for row in rows:
        if len(row) != len(kinds):
            raise ValueError('a row of %d values where %d columns are' % (len(row), len(kinds)))
        made.append(tuple(canonical(value, kind) for value, kind in zip(row, kinds)))
    return sorted(made, key=lambda row: tuple((value is not None, value or '') for value in row))


def _pointed(row, others):
    """The row; where one of the other side is nearly the same, what is unlike alone."""
    def alike(other):
        return sum(a == b for a, b in zip(row, other))
    near = max(others, key=alike, default=())
    if len(row) > 2 and near and alike(near) * 2 > len(row):
        return '; '.join('column %d: %r, not %r' % (i + 1, a, b) for i, (a, b) in enumerate(zip(row, near)) if a != b)[:600]
    return str(row)[:600]


def difference(expected, actual):
    """'' when equal, else what differs: counts, then the first rows that only one side has."""
    if expected == actual:
        return ''
    lines = ['%d rows expected, %d read' % (len(expected), len(actual))]
    for sign, these, those in (('-', expected, actual), ('+', actual, expected)):
        left = {}
        for row in those:
            left[row] = left.get(row, 0) + 1
        shown = 0
        for row in these:
            if left.get(row, 0) > 0:
                left[row] -= 1
            elif shown < 3:
                shown += 1
                lines.append('%s %s' % (sign, _pointed(row, those)))
    return '\n'.join(lines)
