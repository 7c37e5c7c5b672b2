// What the page asks of the server, and nothing else. Every function throws a problem object: {title, detail, sqlstate, position ...}.
import { RowStore } from './rows.js';

export const cancelled = { title: 'Cancelled', detail: 'You cancelled the statement.', cancelled: true };
const cutOff = { title: 'The answer was cut off', detail: 'The statement failed after its first rows had been sent.' };
const unreachable = { title: 'No connection', detail: 'The server could not be reached. Is it running?', unreachable: true };

export async function problemOf(response) {
  const type = response.headers.get('content-type') || '';
  if (type.includes('json')) {
    const body = await response.json().catch(() => null);
    if (body && (body.detail || body.title)) return { ...body, status: response.status };
  }
  return { title: 'The server did not answer as expected', detail: `HTTP status ${response.status}`, status: response.status };
}

// A fetch whose failures are problems; `wanted` is what the caller reads of it.
async function ask(path, options, wanted) {
  let response;
  try {
    response = await fetch(path, options);
    if (response.ok) return await wanted(response);
  } catch (error) {
    if (error.name === 'AbortError') throw cancelled;
    if (error instanceof TypeError && !response) throw unreachable;
    if (error instanceof Error) throw cutOff;
    throw error;
  }
  throw await problemOf(response);
}

export const getJson = (path, signal) => ask(path, { signal }, (response) => response.json());
export const getText = (path) => ask(path, {}, (response) => response.text());
export const sendJson = (method, path, body, signal) =>
  ask(path, { method, headers: { 'Content-Type': 'application/json' }, body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body), signal },
    async (response) => (response.status === 204 ? null : response.json()));

export const fetchTables = async () => (await getJson('/api/v1/tables')).tables;
export const fetchEngines = async () => (await getJson('/api/v1/engines')).engines;
export const tablePath = (name, rest = '') => `/api/v1/tables/${encodeURIComponent(name)}${rest}`;

// A parameter as it is typed: what reads as JSON is that, all else is text. Numbers go as they are written, with every digit.
export function paramToken(text) {
  const typed = text.trim();
  if (/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(typed)) return typed;
  if (/^(null|true|false)$|^[[{"]/.test(typed)) {
    try {
      JSON.parse(typed);
      return typed;
    } catch {
      /* then it is text */
    }
  }
  return JSON.stringify(text);
}

function queryBody({ sql, engine, maxRows, params = [], more = {} }) {
  const fields = { sql, ...more };
  if (engine && engine !== 'auto') fields.engine = engine;
  if (maxRows) fields.max_rows = maxRows;
  const text = JSON.stringify(fields);
  return params.length ? `${text.slice(0, -1)},"params":[${params.map(paramToken).join(',')}]}` : text;
}

const post = (statement, path, accept, signal, wanted) =>
  ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json', Accept: accept }, body: queryBody(statement), signal }, wanted);

const COMPACT = 'application/vnd.signalbox.compact+json';

// Resolves to the answer; its rows are a RowStore. `onProgress(store)` is called as rows arrive.
export const runQuery = (statement, signal, onProgress) => post(statement, '/query', COMPACT, signal, (response) => readRows(response, onProgress));

async function readRows(response, onProgress) {
  const store = new RowStore();
  const reader = response.body.getReader();
  let told = performance.now();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    store.add(value);
    if (store.columns && performance.now() - told > 120) {
      told = performance.now();
      onProgress?.(store);
    }
  }
  return store.finish();
}

// Rows that are had by GET: of a table, of a job.
export const getRows = (path, signal) => ask(path, { headers: { Accept: COMPACT }, signal }, readRows);

export const dryRun = (statement, signal) => post({ ...statement, more: { dry_run: true } }, '/query', 'application/json', signal, (response) => response.json());

// All rows are kept, whatever the tab shows of an answer.
export const submitJob = (statement, priority) => sendJson('POST', '/api/v1/queries', queryBody({ ...statement, maxRows: undefined, more: { priority } }));

// The same statement's rows in another format, as a Blob.
export const fetchFormat = (statement, format, signal) =>
  post(statement, `/query?format=${format}`, '*/*', signal, async (response) => ({ blob: await response.blob(), type: response.headers.get('content-type') }));

// All rows of a small answer, as arrays of text (NULL is null).
export async function fetchRows(sql, more = {}) {
  const answer = await runQuery({ sql, maxRows: more.maxRows ?? 10000, engine: more.engine, params: more.params, more: more.fields });
  return { ...answer, data: Array.from({ length: answer.rows.count }, (_, row) => answer.rows.at(row)) };
}

export const compareEngines = (statement, runs, signal) => {
  const body = queryBody(statement);
  return sendJson('POST', '/api/v1/compare', `${body.slice(0, -1)},"runs":${runs}}`, signal);
};
export const fetchRoute = (statement, signal) => sendJson('POST', '/api/v1/route', queryBody(statement), signal);
