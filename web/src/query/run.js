// Running a statement in a tab, and what may be done with its answer.
import { signal } from '@preact/signals';
import { cancelled, runQuery, submitJob } from '../api.js';
import { announcement, refreshCatalog } from '../catalog.js';
import { count } from '../format.js';
import { parameterCount } from './sql_text.js';
import { liveOf } from './tabs.js';

export const ranCount = signal(0); // the history looks at it

// What is sent for a text in a tab.
export const statementOf = (tab, sql = tab.sql) => ({ sql, engine: tab.engine, maxRows: tab.maxRows, params: paramsOf(tab, sql) });
const paramsOf = (tab, sql) => Array.from({ length: parameterCount(sql) }, (_, index) => tab.params[index] ?? 'null');

export function cancel(id) {
  liveOf(id).abort?.abort();
}

const wording = (answer) => {
  const rows = answer.rows.columns ? answer.rows.count : (answer.row_count ?? 0);
  return answer.columns ? `${count(rows)} rows from ${answer.engine}` : `${answer.command}: ${count(rows)} rows changed by ${answer.engine}`;
};

// `offset` is where `sql` begins in the tab's text: errors are shown there.
export async function run(tab, sql = tab.sql, offset = 0) {
  const live = liveOf(tab.id);
  if (live.running.value || !sql.trim()) return;
  const statement = statementOf(tab, sql);
  const abort = new AbortController();
  const started = performance.now();
  live.abort = abort;
  live.running.value = true;
  live.problem.value = null;
  live.elapsed.value = 0;
  const ticker = setInterval(() => (live.elapsed.value = performance.now() - started), 100);
  const base = { ...statement, offset, id: `${tab.id}-${started}` };
  try {
    const result = await runQuery(statement, abort.signal, (store) => {
      // Rows are shown as they come; the rest of the answer follows its last row.
      if (live.answer.value?.id !== base.id) live.extras.value = {};
      live.answer.value = { ...base, columns: store.columns, rows: store, partial: true };
      live.version.value++;
    });
    if (live.answer.value?.id !== base.id) live.extras.value = {};
    live.answer.value = { ...base, ...result, roundTrip: performance.now() - started };
    announcement.value = wording(live.answer.value);
    if (!result.columns) refreshCatalog();
  } catch (error) {
    live.problem.value = { ...(abort.signal.aborted ? cancelled : error), sql, offset, id: base.id };
    live.answer.value = null;
    announcement.value = `Error: ${live.problem.value.detail || live.problem.value.title}`;
  } finally {
    clearInterval(ticker);
    live.abort = null;
    live.running.value = false;
    ranCount.value++;
  }
}

// Only what may be asked twice is asked again, for other formats or plans.
export const mayAskAgain = (answer) => answer.columns?.length > 0 && !answer.partial && !answer.command && !['write', 'ddl', 'session'].includes(answer.route?.class);

// Asks for a job in place of an answer: it runs on when the page is closed. Resolves to its id.
export async function runAsJob(tab, priority) {
  const { job_id: id } = await submitJob(statementOf(tab), priority);
  announcement.value = 'The statement runs as a job';
  return id;
}
