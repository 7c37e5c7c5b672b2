// The rows a job left, and how the engine went about it.
import { useEffect, useState } from 'preact/hooks';
import { getJson } from '../api.js';
import { count, plural } from '../format.js';
import { Waiting } from '../lazy.jsx';
import { Tree } from '../plan/plan.jsx';
import { readText } from '../plan/read.js';
import { Grid } from '../query/grid.jsx';
import { PagedRows } from './paged_rows.js';

export function JobResult({ id, job }) {
  const [rows, setRows] = useState(null);
  const [version, setVersion] = useState(0);
  useEffect(() => {
    const made = new PagedRows(id, job.row_count ?? 0, () => setVersion((old) => old + 1));
    setRows(made);
    made.fetchTo(0);
  }, [id]);
  if (rows?.problem) return <p class="note bad">{rows.problem.detail || rows.problem.title}</p>;
  if (!rows?.columns) return <Waiting text="Reading its rows" />;
  const address = (format) => `/api/v1/jobs/${encodeURIComponent(id)}/result?format=${format}`;
  return (
    <section class="stack" aria-label="Rows">
      <p class="row-of">
        <strong>{plural(rows.count, 'row')}</strong>
        {!rows.isWhole && <span class="facts">{count(rows.fetched)} fetched, more as you scroll</span>}
        {[['csv', 'CSV'], ['ndjson', 'NDJSON'], ['parquet', 'Parquet'], ['arrow', 'Arrow']].map(([format, name]) => <a key={format} href={address(format)} download={`job.${format === 'arrow' ? 'arrows' : format}`}>{name}</a>)}
      </p>
      <div class="card preview"><Grid columns={rows.columns} rows={rows} version={version} sortable={rows.isWhole} label="Rows of the job" /></div>
    </section>
  );
}

export function JobPlan({ id }) {
  const [state, setState] = useState(null);
  useEffect(() => {
    let gone = false;
    getJson(`/api/v1/jobs/${encodeURIComponent(id)}/plan`).then((answer) => gone || setState(answer), () => gone || setState({}));
    return () => (gone = true);
  }, [id]);
  const lines = state?.plan ?? [];
  const profile = state?.profile;
  if (!state || (lines.length === 0 && !state.route)) return null;
  const tree = lines.length ? readText(lines) : null;
  return (
    <section class="stack" aria-label="Plan">
      <h2>Why and how</h2>
      {state.route?.reason && <p>{state.route.reason}</p>}
      {tree ? <div class="card"><Tree plan={tree} /></div> : lines.length > 0 && <pre class="card source" tabIndex={0}>{lines.join('\n')}</pre>}
      {profile && <pre class="card source" tabIndex={0}>{JSON.stringify(profile, null, 2)}</pre>}
    </section>
  );
}
