"""Tables that the peers write, read by Signalbox; what the peer itself reads back is what must come out."""
import datetime
import decimal
import os

import pyarrow as pa
import pyarrow.parquet
import samples
from changed import changed_rows
from pyiceberg import transforms
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import SortField, SortOrder
from pyiceberg.types import (BinaryType, BooleanType, DateType, DecimalType, DoubleType, FloatType, IntegerType, ListType,
                             LongType, NestedField, StringType, TimestampType, TimestamptzType, TimeType, UUIDType)

EVENT_NAMES = [name for name, _, _ in samples.EVENTS]
EVENT_KINDS = [kind for _, _, kind in samples.EVENTS]
EVENT_SCHEMA = Schema(
    NestedField(1, 'id', LongType()), NestedField(2, 'made', TimestampType()), NestedField(3, 'day', DateType()),
    NestedField(4, 'name', StringType()), NestedField(5, 'amount', DecimalType(12, 2)), NestedField(6, 'score', DoubleType()),
    NestedField(7, 'flag', BooleanType()))

PYICEBERG_TYPES = {
    'b': BooleanType(), 'i2': IntegerType(), 'i4': IntegerType(), 'i8': LongType(), 'f4': FloatType(), 'f8': DoubleType(),
    'n9': DecimalType(9, 2), 'n18': DecimalType(18, 4), 'n38': DecimalType(38, 10), 't': StringType(), 'v': StringType(),
    'd': DateType(), 'ts': TimestampType(), 'tz': TimestamptzType(), 'u': UUIDType(), 'x': BinaryType()}

TRANSFORMS = {
    'identity_text': ('name', transforms.IdentityTransform()), 'identity_bool': ('flag', transforms.IdentityTransform()),
    'identity_date': ('day', transforms.IdentityTransform()), 'bucket_long': ('id', transforms.BucketTransform(8)),
    'bucket_text': ('name', transforms.BucketTransform(5)), 'truncate_long': ('id', transforms.TruncateTransform(500)),
    'truncate_text': ('name', transforms.TruncateTransform(9)), 'truncate_decimal': ('amount', transforms.TruncateTransform(1000)),
    'year': ('made', transforms.YearTransform()), 'month': ('made', transforms.MonthTransform()),
    'day': ('day', transforms.DayTransform()), 'hour': ('made', transforms.HourTransform()),
}


def check(peers, report, writer, table, names, kinds, rows=None):
    """Signalbox reads what was meant to be written, or what the writer itself reads."""
    expected = rows if rows is not None else writer.rows(table, names)
    report.equal(writer.name, 'signalbox', table, kinds, expected, lambda: peers.signalbox.rows(table, names))


def arrow_of(schema, rows):
    arrow = schema.as_arrow()
    columns = [pa.array([row[i] for row in rows], type=field.type) for i, field in enumerate(arrow)]
    return pa.Table.from_arrays(columns, schema=arrow)


def write(peers, table, schema, rows, **more):
    """A new table of PyIceberg's, its rows in two snapshots."""
    made = peers.pyiceberg.catalog.create_table('default.' + table, schema, **more)
    half = len(rows) // 2
    for part in (rows[:half], rows[half:]):
        made.append(arrow_of(schema, part))
    return made


def pyiceberg_types(peers, report):
    columns = [column for column in samples.TYPES if column[2] != 'json']
    schema = Schema(*[NestedField(i + 1, name, PYICEBERG_TYPES[name]) for i, (name, _, _) in enumerate(columns)])
    zoned, rows = [name for name, _, _ in columns].index('tz'), []
    for row in samples.types_rows(800, seed=2):
        row = list(row[:len(columns)])
        row = [decimal.Decimal(value) if kind == 'numeric' and value is not None else value
               for value, (_, _, kind) in zip(row, columns)]
        row[zoned] = row[zoned] and row[zoned].replace(tzinfo=datetime.timezone.utc)
        rows.append(tuple(value.bytes if kind == 'uuid' and value is not None else value
                          for value, (_, _, kind) in zip(row, columns)))
    write(peers, 'py_types', schema, rows)
    check(peers, report, peers.pyiceberg, 'py_types', [column[0] for column in columns], [column[2] for column in columns], rows)
    schema = Schema(NestedField(1, 'id', IntegerType()), NestedField(2, 'at', TimeType()),
                    NestedField(3, 'list', ListType(4, LongType(), element_required=False)))
    rows = [(i, at, None if i % 5 == 0 else [i, None, -i][:i % 4]) for i, at in samples.times_rows()]
    write(peers, 'py_times', schema, rows)
    check(peers, report, peers.pyiceberg, 'py_times', ['id', 'at', 'list'], ['int', 'time', 'list int'], rows)


def pyiceberg_partitions(peers, report):
    rows = samples.events_rows(0, 3000)
    for name, (column, transform) in TRANSFORMS.items():
        few = rows if not name.startswith('identity_text') else rows[:600]
        source = EVENT_SCHEMA.find_field(column).field_id
        spec = PartitionSpec(PartitionField(source_id=source, field_id=1000, transform=transform, name='p'))
        write(peers, 'py_' + name, EVENT_SCHEMA, few, partition_spec=spec)
        check(peers, report, peers.pyiceberg, 'py_' + name, EVENT_NAMES, EVENT_KINDS, few)


def pyiceberg_versions(peers, report):
    rows = samples.events_rows(0, 500)
    for table, properties in (('py_v1', {'format-version': '1'}), ('py_v2_gzip', {'write.parquet.compression-codec': 'gzip'}),
                              ('py_v2_snappy', {'write.parquet.compression-codec': 'snappy'}),
                              ('py_v2_deflate', {'write.avro.compression-codec': 'gzip'}),
                              ('py_v2_zstd', {'write.avro.compression-codec': 'zstd'})):
        write(peers, table, EVENT_SCHEMA, rows, properties=properties)
        check(peers, report, peers.pyiceberg, table, EVENT_NAMES, EVENT_KINDS, rows)
    table = write(peers, 'py_deleted', EVENT_SCHEMA, rows, sort_order=SortOrder(SortField(1, transform=transforms.IdentityTransform())))
    table.delete('id < 100')
    table.overwrite(arrow_of(EVENT_SCHEMA, rows[:10]), overwrite_filter='id >= 490')
    check(peers, report, peers.pyiceberg, 'py_deleted', EVENT_NAMES, EVENT_KINDS, rows[100:490] + rows[:10])


def pyiceberg_evolution(peers, report):
    """Columns added, renamed, moved, widened and dropped; rows of each schema."""
    schema = Schema(NestedField(1, 'id', IntegerType()), NestedField(2, 'gone', StringType()), NestedField(3, 'f', FloatType()),
                    NestedField(4, 'n', DecimalType(8, 2)))
    table = write(peers, 'py_evolved', schema, [(i, 'x%d' % i, i / 4, decimal.Decimal(i)) for i in range(50)])
    with table.update_schema() as update:
        update.add_column('added', StringType())
        update.update_column('id', LongType())
        update.update_column('f', DoubleType())
        update.update_column('n', DecimalType(18, 2))
        update.rename_column('f', 'real')
        update.delete_column('gone')
        update.move_first('added')
    with table.update_schema() as update:
        update.add_column('gone', IntegerType())  # the name again, a column of its own
    new = table.schema()
    values = {'added': lambda i: 'new%d' % i, 'id': lambda i: i + 2**40, 'real': lambda i: i / 3,
              'n': lambda i: decimal.Decimal(i) * 10**10, 'gone': lambda i: i}
    table.append(arrow_of(new, [tuple(values[field.name](i) for field in new.fields) for i in range(50)]))
    rows = [(None, i, i / 4, decimal.Decimal(i), None) for i in range(50)]
    rows += [('new%d' % i, i + 2**40, i / 3, decimal.Decimal(i) * 10**10, i) for i in range(50)]
    check(peers, report, peers.pyiceberg, 'py_evolved', ['added', 'id', 'real', 'n', 'gone'],
          ['text', 'int', 'float8', 'numeric', 'int'], rows)


# Partitioning of Spark's tables; each holds the events, written by INSERT from a view.
SPARK_PARTITIONS = {'sp_none': '', 'sp_bucket': 'bucket(4, id)', 'sp_truncate': 'truncate(8, name)', 'sp_days': 'days(made)',
                    'sp_hours': 'hours(made), flag', 'sp_months': 'months(day), bucket(3, name)', 'sp_years': 'years(made)'}


def spark_rows(peers, count):
    path = os.path.join(peers.warehouse.work, 'spark-source-%d.parquet' % count)
    if not os.path.exists(path):
        pa.parquet.write_table(arrow_of(EVENT_SCHEMA, samples.events_rows(0, count)), path)
    return 'parquet.`%s`' % path


def spark_create(peers, table, count, partition='', properties=()):
    settings = ', '.join("'%s' = '%s'" % pair for pair in properties)
    peers.spark.execute('CREATE TABLE default.default.%s (id bigint, made timestamp_ntz, day date, name string, amount decimal(12, 2), '
                        'score double, flag boolean) USING iceberg %s %s' %
                        (table, 'PARTITIONED BY (%s)' % partition if partition else '',
                         'TBLPROPERTIES (%s)' % settings if settings else ''))
    peers.spark.execute('INSERT INTO default.default.%s SELECT * FROM %s' % (table, spark_rows(peers, count)))


def spark_partitions(peers, report):
    for table, partition in SPARK_PARTITIONS.items():
        count = 300 if 'hours' in table or 'days' in table else 2000
        spark_create(peers, table, count, partition)
        check(peers, report, peers.spark, table, EVENT_NAMES, EVENT_KINDS, samples.events_rows(0, count))


def spark_codecs(peers, report):
    rows = samples.events_rows(0, 2000)
    for table, properties in (
            ('sp_v1', [('format-version', '1')]), ('sp_snappy', [('write.avro.compression-codec', 'snappy')]),
            ('sp_avro_zstd', [('write.avro.compression-codec', 'zstd'), ('write.parquet.compression-codec', 'gzip')]),
            ('sp_avro_none', [('write.avro.compression-codec', 'uncompressed'), ('write.parquet.compression-codec', 'lz4')])):
        spark_create(peers, table, 2000, '', properties)
        check(peers, report, peers.spark, table, EVENT_NAMES, EVENT_KINDS, rows)
    for form in ('orc', 'avro'):
        spark_create(peers, 'sp_' + form, 100, '', [('write.format.default', form)])
        report.refused('spark', 'signalbox', 'sp_' + form, lambda form=form: peers.signalbox.rows('sp_' + form, EVENT_NAMES),
                       'is in the format %s, not Parquet' % form.upper())


MERGE_ON_READ = [('write.delete.mode', 'merge-on-read'), ('write.update.mode', 'merge-on-read'), ('write.merge.mode', 'merge-on-read')]


def spark_changes(peers, report):
    """DELETE, UPDATE and MERGE as position deletes (v2), deletion vectors (v3) and rewritten files."""
    for table, partition, properties in (
            ('sp_mor', '', MERGE_ON_READ), ('sp_mor_parted', 'bucket(3, id)', MERGE_ON_READ), ('sp_cow', 'years(made)', []),
            ('sp_v3', '', [('format-version', '3'), *MERGE_ON_READ]),
            ('sp_v3_parted', 'truncate(100, id)', [('format-version', '3'), *MERGE_ON_READ])):
        if not report.succeeds('spark', 'spark', table, 'create', lambda: spark_create(peers, table, 1000, partition, properties)):
            continue
        name = 'default.default.' + table
        peers.spark.execute('DELETE FROM %s WHERE id %% 7 = 3' % name)
        peers.spark.execute("UPDATE %s SET name = 'updated', amount = amount + 1 WHERE id %% 10 = 5" % name)
        peers.spark.execute('MERGE INTO %s t USING (SELECT id FROM range(-5, 20) WHERE id <> 0) s ON t.id = s.id '
                            'WHEN MATCHED THEN UPDATE SET score = -1 '
                            "WHEN NOT MATCHED AND s.id < 0 THEN INSERT (id, made, day, name, amount, score, flag) "
                            "VALUES (s.id, NULL, NULL, 'merged', NULL, -1, NULL)" % name)
        peers.spark.execute('UPDATE %s SET score = -1 WHERE id = 0' % name)
        check(peers, report, peers.spark, table, EVENT_NAMES, EVENT_KINDS, changed_rows(1000))


def spark_evolution(peers, report):
    execute = peers.spark.execute
    name = 'default.default.sp_evolved'
    spark_create(peers, 'sp_evolved', 100, 'bucket(2, id)')
    execute('ALTER TABLE %s ADD COLUMN extra array<int>' % name)
    execute('ALTER TABLE %s RENAME COLUMN name TO title' % name)
    execute('ALTER TABLE %s DROP COLUMN flag' % name)
    execute('ALTER TABLE %s ALTER COLUMN amount TYPE decimal(20, 2)' % name)
    execute('ALTER TABLE %s DROP PARTITION FIELD bucket(2, id)' % name)
    execute('ALTER TABLE %s ADD PARTITION FIELD months(made)' % name)
    execute("INSERT INTO %s VALUES (-1, timestamp_ntz '2024-02-03 04:05:06', NULL, 'späť', NULL, NULL, array(1, null))" % name)
    names = ['id', 'made', 'day', 'title', 'amount', 'score', 'extra']
    rows = [(*row[:6], None) for row in samples.events_rows(0, 100)]
    rows.append((-1, datetime.datetime(2024, 2, 3, 4, 5, 6), None, 'späť', None, None, [1, None]))
    check(peers, report, peers.spark, 'sp_evolved', names, EVENT_KINDS[:6] + ['list int'], rows)


def trino_values(rows):
    return ', '.join("(%d, TIMESTAMP '%s', DATE '%s', %s, DECIMAL '%s', %s, %s)" % (
        row[0], row[1].isoformat(' ', 'microseconds'), row[2], 'NULL' if row[3] is None else "'%s'" % row[3], row[4],
        'NULL' if row[5] is None else "DOUBLE '%r'" % row[5], row[6]) for row in rows)


def trino_tables(peers, report):
    """Trino's own writer, and its row-level deletes (position deletes)."""
    execute = peers.trino.execute
    values = trino_values(samples.events_rows(0, 400))
    for table, partition in (('tr_none', ''), ('tr_parted', "partitioning = ARRAY['bucket(name, 3)', 'month(made)'],")):
        execute("CREATE TABLE %s (id bigint, made timestamp(6), day date, name varchar, amount decimal(12, 2), score double, "
                "flag boolean) WITH (%s format = 'PARQUET')" % (table, partition))
        execute('INSERT INTO %s VALUES %s' % (table, values))
        execute('DELETE FROM %s WHERE id %% 3 = 1' % table)
        execute("UPDATE %s SET name = 'updated' WHERE id %% 5 = 0" % table)
        rows = [(*row[:3], 'updated' if row[0] % 5 == 0 else row[3], *row[4:])
                for row in samples.events_rows(0, 400) if row[0] % 3 != 1]
        check(peers, report, peers.trino, table, EVENT_NAMES, EVENT_KINDS, rows)


def run(peers, report):
    for part in (pyiceberg_types, pyiceberg_partitions, pyiceberg_versions, pyiceberg_evolution, spark_partitions, spark_codecs,
                 spark_changes, spark_evolution, trino_tables):
        report.succeeds('peers', 'peers', part.__name__, 'the part', lambda part=part: part(peers, report))
