// The first rows, now or as they were; and the statement that would make the table.
import { useEffect, useState } from 'preact/hooks';
import { fetchRows } from '../api.js';
import { nameInSql } from '../catalog.js';
import { Waiting } from '../lazy.jsx';
import { hrefOf } from '../place.js';
import { Grid } from '../query/grid.jsx';
import { ddlOf } from './ddl.js';

export function Preview({ table, asOf }) {
  const [state, setState] = useState({});
  useEffect(() => {
    let gone = false;
    const name = [table.engine, table.schema, table.name].map((part) => `"${part.replaceAll('"', '""')}"`).join('.');
    fetchRows(`SELECT * FROM ${name} LIMIT 200`, { maxRows: 200, fields: asOf ? { as_of: asOf } : {} })
      .then((answer) => gone || setState({ answer }), (problem) => gone || setState({ problem }));
    return () => (gone = true);
  }, [asOf]);
  const { answer, problem } = state;
  return (
    <div class="stack">
      {asOf && <p class="note">As of snapshot {asOf}. <a href={hrefOf('tables', [`${table.engine}.${table.schema}.${table.name}`, 'preview'])}>See it now</a></p>}
      {!answer && !problem && <Waiting text="Reading rows" />}
      {problem && <p class="note bad">{problem.detail || problem.title}</p>}
      {answer && <div class="card preview"><Grid columns={answer.columns} rows={answer.rows} label={`First rows of ${nameInSql(table)}`} /></div>}
    </div>
  );
}

export function Source({ table }) {
  const [copied, setCopied] = useState(false);
  const text = table.ddl ?? ddlOf(table);
  return (
    <div class="card">
      <pre class="source" tabIndex={0}>{text}</pre>
      <p style={{ padding: '0 1rem 1rem' }}><button type="button" class="small" onClick={async () => { await navigator.clipboard.writeText(text); setCopied(true); }}>{copied ? 'Copied' : 'Copy'}</button></p>
    </div>
  );
}
