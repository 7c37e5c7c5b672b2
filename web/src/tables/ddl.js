// The statement that makes a table like this one: its columns, keys, partitions and order.
import { quoted } from '../names.js';

const literal = (text) => `'${text.replaceAll("'", "''")}'`;

export function ddlOf(table) {
  const columnar = table.snapshots !== undefined;
  const widest = Math.max(...table.columns.map((column) => quoted(column.name).length));
  const lines = table.columns.map((column) => `  ${quoted(column.name).padEnd(widest)} ${column.type}${column.nullable ? '' : ' NOT NULL'}`);
  const keys = table.keys.filter((key) => !key.columns.includes('(expression)'));
  for (const key of keys) {
    if (key.primary) lines.push(`  PRIMARY KEY (${key.columns.map(quoted).join(', ')})`);
    else if (key.unique) lines.push(`  UNIQUE (${key.columns.map(quoted).join(', ')})`);
  }
  const options = [table.partitioning && `partitioning = ${literal(table.partitioning)}`, table.sort_order && `sort_order = ${literal(table.sort_order)}`].filter(Boolean);
  const name = columnar ? [table.engine, ...(table.schema === 'default' ? [] : [table.schema]), table.name].map(quoted).join('.') : [table.schema, table.name].map(quoted).join('.');
  const indexes = keys.filter((key) => !key.primary && !key.unique).map((key) => `CREATE INDEX ${key.name ? `${quoted(key.name)} ` : ''}ON ${name} (${key.columns.map(quoted).join(', ')});`);
  return [`CREATE TABLE ${name} (\n${lines.join(',\n')}\n)${options.length ? ` WITH (${options.join(', ')})` : ''};`, ...indexes].join('\n');
}
