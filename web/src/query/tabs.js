// The editor's tabs: their texts and settings are kept in this browser and survive a reload; what ran in them lasts as long as the page.
import { computed, signal } from '@preact/signals';
import { stored, store } from '../storage.js';

export const examples = [
  { label: 'Delays by airport', sql: 'SELECT origin, count(*), avg(delay)\nFROM flights\nGROUP BY origin\nORDER BY 2 DESC\nLIMIT 10' },
  { label: 'One user', sql: 'SELECT * FROM users WHERE id = $1', params: ['42'] },
  { label: 'A zip code', sql: "SELECT * FROM zipcodes WHERE zip_code = '94103'" },
  { label: 'Across engines', sql: 'SELECT a.city, count(*) AS flights\nFROM flights f JOIN airports a ON a.iata = f.origin\nGROUP BY a.city\nORDER BY flights DESC\nLIMIT 10' },
  { label: 'Delay by month', sql: "SELECT date_trunc('month', date) AS month, avg(delay) AS delay, count(*) AS flights\nFROM flights\nGROUP BY 1\nORDER BY 1" },
];

const KEY = 'signalbox.tabs';
const MOST = 40;

// What a tab shows while the page lives.
const fresh = () => ({ running: signal(false), elapsed: signal(0), answer: signal(null), problem: signal(null), version: signal(0), abort: null, extras: signal({}) });
const live = new Map();
export function liveOf(id) {
  if (!live.has(id)) live.set(id, fresh());
  return live.get(id);
}

function read() {
  const kept = stored(KEY, null);
  const list = Array.isArray(kept?.list) ? kept.list.filter((tab) => typeof tab?.id === 'string' && typeof tab.sql === 'string').slice(0, MOST) : [];
  if (list.length === 0) list.push({ id: '1', sql: examples[0].sql });
  return { list: list.map((tab) => ({ engine: 'auto', maxRows: 1000, params: [], name: '', ...tab })), active: list.some((tab) => tab.id === kept?.active) ? kept.active : list[0].id };
}

const state = signal(read());
function keep(next) {
  state.value = next;
  store(KEY, next);
}

export const tabs = computed(() => state.value.list);
export const activeId = computed(() => state.value.active);
export const activeTab = computed(() => state.value.list.find((tab) => tab.id === state.value.active) ?? state.value.list[0]);

export function changeTab(id, change) {
  keep({ ...state.value, list: state.value.list.map((tab) => (tab.id === id ? { ...tab, ...change } : tab)) });
}

export function activate(id) {
  if (id !== state.value.active && state.value.list.some((tab) => tab.id === id)) keep({ ...state.value, active: id });
}

const nextId = () => String(1 + Math.max(0, ...state.value.list.map((tab) => Number(tab.id) || 0)));

export function openTab(fields = {}) {
  const tab = { id: nextId(), sql: '', engine: 'auto', maxRows: 1000, params: [], name: '', ...fields };
  keep({ list: [...state.value.list, tab].slice(-MOST), active: tab.id });
  return tab;
}

// Opens a statement: in the tab that holds it, in the active one when that is empty, else in one of its own.
export function openSql(sql, fields = {}) {
  const same = state.value.list.find((tab) => tab.sql === sql);
  if (same) activate(same.id);
  else if (!activeTab.value.sql.trim()) changeTab(activeTab.value.id, { sql, ...fields });
  else return openTab({ sql, ...fields });
  return activeTab.value;
}

export function closeTab(id) {
  const at = state.value.list.findIndex((tab) => tab.id === id);
  liveOf(id).abort?.abort();
  live.delete(id);
  let list = state.value.list.filter((tab) => tab.id !== id);
  if (list.length === 0) list = [{ id: nextId(), sql: '', engine: 'auto', maxRows: 1000, params: [], name: '' }];
  keep({ list, active: state.value.active === id ? list[Math.min(at, list.length - 1)].id : state.value.active });
}

// A tab is called after what it asks, unless it was given a name.
export function titleOf(tab) {
  if (tab.name) return tab.name;
  const text = tab.sql.replace(/--.*$/gm, ' ').replace(/\/\*.*?\*\//gs, ' ').trim();
  if (!text) return 'New query';
  const table = /\b(?:from|into|update|table)\s+([\w."$]+)/i.exec(text);
  return `${text.split(/\s/, 1)[0].toUpperCase()}${table ? ` ${table[1].replaceAll('"', '')}` : ''}`.slice(0, 28);
}
