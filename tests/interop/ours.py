"""Tables that Signalbox writes, read by every peer."""
import os

import samples


def names_of(columns):
    return [name for name, _, _ in columns]


def kinds_of(columns):
    return [kind for _, _, kind in columns]


def load(peers, table, columns, rows, mode='--replace'):
    path = os.path.join(peers.warehouse.work, table + '.csv')
    with open(path, 'w', newline='') as file:
        file.write(samples.csv_of(columns, rows))
    schema = [] if mode == '--append' else ['--schema', samples.schema_of(columns)]
    peers.signalbox.run('load', table, path, mode, *schema, '--format', 'csv')


def check(peers, report, table, columns, rows, readers=None, files=True):
    """All readers, and ourselves, must give the rows."""
    names, kinds = names_of(columns), kinds_of(columns)
    for reader in [peers.signalbox, *(readers or peers.readers())]:
        report.equal('signalbox', reader.name, table, kinds, rows, lambda reader=reader: reader.rows(table, names))
    if files:
        report.equal('signalbox', 'parquet', table, kinds, rows, lambda: peers.duckdb.file_rows(table, names))


def types(peers, report):
    rows = samples.types_rows(1500)
    if report.succeeds('signalbox', 'signalbox', 'types', 'load', lambda: load(peers, 'types', samples.TYPES, rows)):
        check(peers, report, 'types', samples.TYPES, rows)
    rows = samples.times_rows()
    load(peers, 'times', samples.TIMES, rows)
    # Spark has no type for a time of day and says so for the whole table.
    check(peers, report, 'times', samples.TIMES, rows, [peer for peer in peers.readers() if peer.name != 'spark'])


def empty(peers, report):
    load(peers, 'empty', samples.EVENTS, [])
    check(peers, report, 'empty', samples.EVENTS, [])


def wide(peers, report):
    columns = [('c%d' % i, 'int4' if i % 2 else 'text', 'int' if i % 2 else 'text') for i in range(1000)]
    rows = [tuple(None if (i + j) % 17 == 0 else i * j for j in range(1000)) for i in range(30)]
    load(peers, 'wide', columns, rows)
    check(peers, report, 'wide', columns, rows)


# SQL for the servers, then PyIceberg's expression; both must be answered from the bounds that we wrote.
CONDITIONS = [
    ('id BETWEEN 20990 AND 21010', 'id >= 20990 and id <= 21010', lambda row: 20990 <= row[0] <= 21010),
    ("name = 'name-000420-'", "name = 'name-000420-'", lambda row: row[3] == 'name-000420-'),
    ("name > 'name-000790-ü'", "name > 'name-000790-ü'", lambda row: row[3] is not None and row[3] > 'name-000790-ü'),
    ("made >= TIMESTAMP '2024-03-01 00:00:00'", "made >= '2024-03-01T00:00:00'", lambda row: str(row[1]) >= '2024-03-01'),
    ("day = DATE '2023-06-01'", "day = '2023-06-01'", lambda row: str(row[2]) == '2023-06-01'),
    ('amount < 0', 'amount < 0', lambda row: row[4] < 0),
    ('score IS NULL AND id < 500', 'score is null and id < 500', lambda row: row[5] is None and row[0] < 500),
    ('score > 5000', 'score > 5000.0', lambda row: row[5] is not None and row[5] > 5000),
]


def appends(peers, report):
    """Four snapshots of rising values: what the bounds in manifests and footers let a reader skip."""
    rows = []
    for i in range(4):
        more = samples.events_rows(i * 10000, 10000)
        load(peers, 'events', samples.EVENTS, more, '--append' if i else '--replace')
        rows += more
    check(peers, report, 'events', samples.EVENTS, rows)
    names, kinds = names_of(samples.EVENTS), kinds_of(samples.EVENTS)
    for sql, expression, test in CONDITIONS:
        wanted = [row for row in rows if test(row)]
        for reader in peers.readers():
            condition = expression if reader is peers.pyiceberg else sql
            report.equal('signalbox', reader.name, 'events', kinds, wanted,
                         lambda reader=reader, condition=condition: reader.where('events', names, condition))


def replaced(peers, report):
    """A table replaced twice keeps only the last rows, and its earlier snapshots in the metadata."""
    for i in range(3):
        load(peers, 'replaced', samples.EVENTS, samples.events_rows(i * 100, 50))
    check(peers, report, 'replaced', samples.EVENTS, samples.events_rows(200, 50))


def run(peers, report):
    for part in (types, empty, wide, appends, replaced):
        part(peers, report)
