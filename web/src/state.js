// The page's state: signals that the components read.
import { signal } from '@preact/signals';
import { fetchEngines, fetchTables, runQuery } from './api.js';
import { remember } from './history.js';

export const tables = signal([]);
export const engines = signal([]);
export const chosenEngine = signal('auto');
export const maxRows = signal(1000);
export const running = signal(false);
export const answer = signal(null);
export const problem = signal(null);
export const elapsed = signal(0);
export const announcement = signal(''); // for screen readers

export const examples = [
  { label: 'Delays by airport', sql: 'SELECT origin, count(*), avg(delay)\nFROM flights\nGROUP BY origin\nORDER BY 2 DESC\nLIMIT 10' },
  { label: 'One user', sql: 'SELECT * FROM users WHERE id = 42' },
  { label: 'A zip code', sql: "SELECT * FROM zipcodes WHERE zip_code = '94103'" },
  { label: 'Across engines', sql: 'SELECT a.city, count(*) AS flights\nFROM flights f JOIN airports a ON a.iata = f.origin\nGROUP BY a.city\nORDER BY flights DESC\nLIMIT 10' },
];

const SAVED = 'signalbox.sql';
export const startingText = () => {
  try {
    return localStorage.getItem(SAVED) || examples[0].sql;
  } catch {
    return examples[0].sql;
  }
};
export const rememberText = (text) => {
  try {
    localStorage.setItem(SAVED, text);
  } catch {
    /* private windows have no storage; the text is only not remembered */
  }
};

let abort = null;

export async function refreshCatalog() {
  const [newTables, newEngines] = await Promise.allSettled([fetchTables(), fetchEngines()]);
  if (newTables.status === 'fulfilled') tables.value = newTables.value;
  if (newEngines.status === 'fulfilled') engines.value = newEngines.value;
}

export function cancel() {
  if (abort) abort.abort();
}

export async function run(sql) {
  if (running.value || !sql.trim()) return;
  running.value = true;
  problem.value = null;
  abort = new AbortController();
  const started = performance.now();
  const ticker = setInterval(() => (elapsed.value = performance.now() - started), 100);
  elapsed.value = 0;
  try {
    const asked = chosenEngine.value;
    const result = await runQuery(sql, asked, maxRows.value, abort.signal);
    Object.assign(result, { sql, asked, roundTrip: performance.now() - started });
    remember({ sql, at: Date.now(), engine: result.engine, ms: result.duration * 1000 });
    answer.value = result;
    const rows = result.row_count ?? 0;
    announcement.value = result.columns ? `${rows} rows from ${result.engine}` : `${result.command}: ${rows} rows changed by ${result.engine}`;
    if (!result.columns) refreshCatalog();
  } catch (error) {
    problem.value = { ...error, sql };
    remember({ sql, at: Date.now(), error: error.title });
    answer.value = null;
    announcement.value = `Error: ${error.detail || error.title}`;
  } finally {
    clearInterval(ticker);
    abort = null;
    running.value = false;
  }
}
