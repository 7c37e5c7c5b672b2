"""Tables that Signalbox writes by SQL: partitions of every transform, evolution, row changes; read by every peer."""
import datetime
import decimal

import ours
import samples

PARTITIONS = {
    'identity': 'flag, day', 'bucket_id': 'bucket(4, id)', 'bucket_name': 'bucket(5, name)', 'bucket_more': 'bucket(3, day), bucket(2, amount)',
    'truncate': 'truncate(1000, id)', 'truncate_text': 'truncate(9, name)', 'truncate_amount': 'truncate(5000, amount)',
    'year': 'year(made)', 'month': 'month(day)', 'day': 'day(made)', 'hour': 'hour(made)', 'several': 'month(made), bucket(2, id), flag',
}
NAMES, KINDS = ours.names_of(samples.EVENTS), ours.kinds_of(samples.EVENTS)


def create(peers, table, columns, options=''):
    peers.signalbox.execute('CREATE TABLE columnar.%s (%s) %s' % (
        table, samples.schema_of(columns), 'WITH (%s)' % options if options else ''))


def partitions(peers, report):
    """Every transform over rows with NULLs, from two appends; and conditions that must find their partitions."""
    for name, partitioning in PARTITIONS.items():
        table, count = 'pt_' + name, 300 if name in ('identity', 'day', 'hour') else 2000
        rows = samples.events_rows(0, count)
        rows += [(None,) * 7, (-5, datetime.datetime(1960, 2, 29, 1), datetime.date(1960, 2, 29), 'ü' * 12, decimal.Decimal('-70.01'),
                               -0.5, None)]
        create(peers, table, samples.EVENTS, "partitioning = '%s'" % partitioning)
        ours.load(peers, table, samples.EVENTS, rows[:count // 2], '--append')
        ours.load(peers, table, samples.EVENTS, rows[count // 2:], '--append')
        ours.check(peers, report, table, samples.EVENTS, rows, files=False)
        conditions = [('id < 20', 'id < 20', [row for row in rows if row[0] is not None and row[0] < 20]),
                      ("made >= TIMESTAMP '2023-01-02 00:00:00' AND made < TIMESTAMP '2023-01-03 00:00:00'",
                       "made >= '2023-01-02T00:00:00' and made < '2023-01-03T00:00:00'",
                       [row for row in rows if str(row[1]).startswith('2023-01-02')])]
        for sql, expression, wanted in conditions:
            for reader in peers.readers():
                condition = expression if reader is peers.pyiceberg else sql
                report.equal('signalbox', reader.name, table, KINDS, wanted,
                             lambda reader=reader, condition=condition: reader.where(table, NAMES, condition))


def changes(peers, report):
    """UPDATE, DELETE and MERGE over files large enough that few changed rows become position deletes."""
    for table, options in (('ch_plain', ''), ('ch_parted', "partitioning = 'bucket(2, id)'"),
                           ('ch_sorted', "sort_order = 'name desc nulls last, id'")):
        execute = peers.signalbox.execute
        create(peers, table, samples.EVENTS, options)
        ours.load(peers, table, samples.EVENTS, samples.events_rows(0, 30000), '--append')
        execute('DELETE FROM %s WHERE id %% 7 = 3' % table)
        execute("UPDATE %s SET name = 'updated', amount = amount + 1 WHERE id %% 10 = 5" % table)
        execute('MERGE INTO %s t USING (SELECT g AS i FROM generate_series(-5, 19) g WHERE g <> 0) s ON t.id = s.i '
                'WHEN MATCHED THEN UPDATE SET score = -1 '
                "WHEN NOT MATCHED AND s.i < 0 THEN INSERT (id, name, score) VALUES (s.i, 'merged', -1)" % table)
        execute('UPDATE %s SET score = -1 WHERE id = 0' % table)
        ours.check(peers, report, table, samples.EVENTS, changed_rows(30000), files=False)


def changed_rows(count):
    """What these statements make of the first events; Spark's in theirs.py are the same."""
    rows = []
    for row in samples.events_rows(0, count):
        id_, made, day, name, amount, score, flag = row
        if id_ % 7 == 3:
            continue
        if id_ % 10 == 5:
            name, amount = 'updated', amount + 1
        rows.append((id_, made, day, name, amount, -1.0 if id_ < 20 else score, flag))
    return rows + [(-i, None, None, 'merged', None, -1.0, None) for i in range(1, 6)]


def evolution(peers, report):
    """Columns added, dropped, renamed, widened, a name used again; rows of each schema, partitions changed."""
    execute = peers.signalbox.execute
    for table, options in (('ev_plain', ''), ('ev_parted', "WITH (partitioning = 'bucket(2, id)')")):
        execute('CREATE TABLE columnar.%s (id int4, gone text, f float4, n numeric(8,2)) %s' % (table, options))
        execute("INSERT INTO %s SELECT g, 'x' || g, g / 4.0, g FROM generate_series(0, 49) g" % table)
        execute('ALTER TABLE %s ADD COLUMN added text, DROP COLUMN gone, ALTER COLUMN id TYPE int8' % table)
        execute('ALTER TABLE %s ALTER COLUMN f TYPE float8, ALTER COLUMN n TYPE numeric(18,2)' % table)
        execute('ALTER TABLE %s RENAME COLUMN f TO real_' % table)
        execute('ALTER TABLE %s ADD COLUMN gone int4' % table)
        if options:
            execute("ALTER TABLE %s SET (partitioning = 'truncate(10, id)')" % table)
        execute("INSERT INTO %s (added, id, real_, n, gone) SELECT 'new' || g, g + 1099511627776, g / 8.0, g * 10000000000, g "
                'FROM generate_series(0, 49) g' % table)
        columns = [('id', '', 'int'), ('real_', '', 'float8'), ('n', '', 'numeric'), ('added', '', 'text'), ('gone', '', 'int')]
        rows = [(i, i / 4, decimal.Decimal(i), None, None) for i in range(50)]
        rows += [(i + 2**40, i / 8, decimal.Decimal(i) * 10**10, 'new%d' % i, i) for i in range(50)]
        ours.check(peers, report, table, columns, rows, files=False)


def arrays(peers, report):
    peers.signalbox.execute('CREATE TABLE columnar.arrays (id int4, numbers int4[], texts text[], days date[])')
    peers.signalbox.execute("INSERT INTO arrays VALUES (1, '{1,NULL,3}', '{a,NULL,\"\"}', '{2020-02-29}'), (2, NULL, '{}', NULL), "
                            "(3, '{}', '{ü}', '{NULL}'), (4, NULL, NULL, NULL)")
    columns = [('id', '', 'int'), ('numbers', '', 'list int'), ('texts', '', 'list text'), ('days', '', 'list date')]
    day = datetime.date(2020, 2, 29)
    rows = [(1, [1, None, 3], ['a', None, ''], [day]), (2, None, [], None), (3, [], ['ü'], [None]), (4, None, None, None)]
    ours.check(peers, report, 'arrays', columns, rows)


def versions(peers, report):
    """Branches, tags and a rollback, as the peers see them."""
    execute = peers.signalbox.execute
    create(peers, 'vs', samples.EVENTS)
    ours.load(peers, 'vs', samples.EVENTS, samples.events_rows(0, 100), '--append')
    execute("CALL signalbox.create_tag('vs', 'first')")
    [[first]] = peers.signalbox.query('SELECT snapshot_id FROM vs$snapshots')
    execute('DELETE FROM vs WHERE id < 50')
    ours.check(peers, report, 'vs', samples.EVENTS, samples.events_rows(50, 50), files=False)
    names = ', '.join(NAMES)
    tagged = samples.events_rows(0, 100)
    report.equal('signalbox', 'spark', 'vs at tag', KINDS, tagged,
                 lambda: peers.spark.query("SELECT %s FROM default.default.vs VERSION AS OF 'first'" % names))
    report.equal('signalbox', 'trino', 'vs at snapshot', KINDS, tagged,
                 lambda: peers.trino.query('SELECT %s FROM vs FOR VERSION AS OF %s' % (names, first)))
    report.equal('signalbox', 'pyiceberg', 'vs at snapshot', KINDS, tagged,
                 lambda: [tuple(row[name] for name in NAMES)
                          for row in peers.pyiceberg.load('vs').scan(snapshot_id=int(first)).to_arrow().to_pylist()])
    execute("CALL signalbox.rollback_to_snapshot('vs', %s)" % first)
    ours.check(peers, report, 'vs', samples.EVENTS, tagged, files=False)


def run(peers, report):
    for part in (arrays, evolution, changes, versions, partitions):
        report.succeeds('signalbox', 'signalbox', part.__name__, 'the part', lambda part=part: part(peers, report))
