// The rows a job left.
import { useEffect, useState } from 'preact/hooks';
import { getRows } from '../api.js';
import { plural } from '../format.js';
import { Waiting } from '../lazy.jsx';
import { Grid } from '../query/grid.jsx';

export function JobResult({ id }) {
  const [state, setState] = useState({});
  useEffect(() => {
    const abort = new AbortController();
    getRows(`/api/v1/jobs/${encodeURIComponent(id)}/result?max_results=10000&format=compact`, abort.signal).then((answer) => setState({ answer }), (problem) => problem.cancelled || setState({ problem }));
    return () => abort.abort();
  }, [id]);
  const { answer, problem } = state;
  if (problem) return <p class="note">{problem.detail || problem.title}</p>;
  if (!answer) return <Waiting text="Reading its rows" />;
  if (!answer.columns) return null;
  return <><p class="facts">The first {plural(answer.rows.count, 'row')}</p><div class="card preview"><Grid columns={answer.columns} rows={answer.rows} label="Rows of the job" /></div></>;
}
