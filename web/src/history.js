// Statements that were run, kept in this browser only.
import { signal } from '@preact/signals';

const KEY = 'signalbox.history';
const MOST = 100;

function load() {
  try {
    const entries = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(entries) ? entries.filter((entry) => typeof entry?.sql === 'string') : [];
  } catch {
    return [];
  }
}

export const entries = signal(load());

function keep(list) {
  entries.value = list;
  try {
    localStorage.setItem(KEY, JSON.stringify(list));
  } catch {
    /* private windows have no storage: the list lasts as long as the page */
  }
}

// The same statement run again moves up, it does not come twice.
export function remember(entry) {
  const sql = entry.sql.trim();
  if (sql.length > 20_000) return;
  keep([{ ...entry, sql }, ...entries.value.filter((old) => old.sql !== sql)].slice(0, MOST));
}

export const forgetAll = () => keep([]);
