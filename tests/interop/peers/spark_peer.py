"""Spark with Iceberg's own runtime, through its JDBC catalog on the same SQLite file."""
import glob
import os

from pyspark.sql import SparkSession


class Spark:
    name = 'spark'

    def __init__(self, warehouse, cache):
        jars = ','.join(sorted(glob.glob(os.path.join(cache, 'spark', '*.jar'))))
        os.environ.setdefault('SPARK_LOCAL_IP', '127.0.0.1')
        settings = {
            'spark.jars': jars,
            'spark.ui.enabled': 'false',
            'spark.driver.memory': '1g',
            'spark.driver.bindAddress': '127.0.0.1',
            'spark.local.dir': os.path.join(warehouse.work, 'spark'),
            'spark.log.level': 'ERROR',
            'spark.sql.warehouse.dir': os.path.join(warehouse.work, 'spark-warehouse'),
            'spark.sql.session.timeZone': 'UTC',
            'spark.driver.extraJavaOptions': '-Duser.timezone=UTC',
            'spark.sql.shuffle.partitions': '2',
            'spark.sql.extensions': 'org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions',
            # The catalog's rows carry the name that it has here.
            'spark.sql.catalog.default': 'org.apache.iceberg.spark.SparkCatalog',
            'spark.sql.catalog.default.catalog-impl': 'org.apache.iceberg.jdbc.JdbcCatalog',
            'spark.sql.catalog.default.uri': 'jdbc:sqlite:%s?busy_timeout=10000' % warehouse.catalog,
            'spark.sql.catalog.default.warehouse': 'file://' + warehouse.path,
            'spark.sql.catalog.default.jdbc.schema-version': 'V1',
            'spark.sql.catalog.default.cache-enabled': 'false',
            'spark.sql.defaultCatalog': 'default',
        }
        builder = SparkSession.builder.master('local[2]').appName('interop')
        for key, value in settings.items():
            builder = builder.config(key, value)
        self.session = builder.getOrCreate()

    def execute(self, sql):
        # The JDBC catalog leaves a result of its first look at SQLite open, and with it that moment's view of the database:
        # a session of its own for each statement has a catalog that sees what others committed.
        return self.session.newSession().sql(sql)

    def query(self, sql):
        return [tuple(row) for row in self.execute(sql).collect()]

    def rows(self, table, columns):
        return self.query('SELECT %s FROM default.default.%s' % (', '.join('`%s`' % column for column in columns), table))

    def where(self, table, columns, condition):
        return self.query('SELECT %s FROM default.default.%s WHERE %s' %
                          (', '.join('`%s`' % column for column in columns), table, condition))

    def close(self):
        self.session.stop()
