// The engines and tables there are: read at the start, after statements that change them, and every 30 seconds.
import { signal } from '@preact/signals';
import { fetchEngines, fetchTables } from './api.js';
import { quoted } from './names.js';

export const tables = signal([]);
export const engines = signal([]);
export const catalogState = signal('loading'); // loading, ready, or a problem

export async function refreshCatalog() {
  const [newTables, newEngines] = await Promise.allSettled([fetchTables(), fetchEngines()]);
  if (newTables.status === 'fulfilled') tables.value = newTables.value;
  if (newEngines.status === 'fulfilled') engines.value = newEngines.value;
  catalogState.value = newTables.status === 'fulfilled' ? 'ready' : newTables.reason;
}

export const announcement = signal(''); // for screen readers

export const fullName = (table) => `${table.engine}.${table.schema}.${table.name}`;
export const findTable = (name) => tables.value.find((table) => fullName(table) === name)
  ?? tables.value.find((table) => `${table.schema}.${table.name}` === name) ?? tables.value.find((table) => table.name === name);

// The table's name as short as it can be in a statement.
export function nameInSql(table) {
  const same = tables.value.filter((other) => other.name === table.name);
  return same.length < 2 ? quoted(table.name) : [table.engine, table.schema, table.name].map(quoted).join('.');
}
