// What a columnar table was: its snapshots, what changed between two of them; its files and partitions.
import { useEffect, useState } from 'preact/hooks';
import { fetchRows, runQuery } from '../api.js';
import { bytes, count, plural } from '../format.js';
import { Waiting } from '../lazy.jsx';
import { go, hrefOf } from '../place.js';
import { Grid } from '../query/grid.jsx';
import { openSql } from '../query/tabs.js';

const inSql = (table, rest = '') => [table.engine, table.schema, table.name].map((part) => `"${part.replaceAll('"', '""')}"`).join('.') + rest;
// Snapshot ids have more digits than a number of this language holds; the server's text is asked for them.
const idsOf = (table) => fetchRows(`SELECT snapshot_id::text, committed_at, operation FROM ${nameOfMetadata(table, 'snapshots')} ORDER BY committed_at`);
const nameOfMetadata = (table, kind) => {
  const schema = table.schema === 'default' ? '' : `"${table.schema.replaceAll('"', '""')}".`;
  return `${schema}"${table.name.replaceAll('"', '""')}$${kind}"`;
};

const MOST_DIFFERENT = 1000;
const exceptSql = (table, from, to, sign) => `SELECT '${sign}' AS change, d.* FROM (SELECT * FROM ${inSql(table)} FOR VERSION AS OF ${to} EXCEPT ALL SELECT * FROM ${inSql(table)} FOR VERSION AS OF ${from}) d`;

function Diff({ table, from, to }) {
  const [state, setState] = useState({});
  useEffect(() => {
    const abort = new AbortController();
    setState({});
    const sql = `${exceptSql(table, from, to, '+')}\nUNION ALL\n${exceptSql(table, to, from, '−')}`;
    runQuery({ sql, maxRows: MOST_DIFFERENT }, abort.signal).then((answer) => setState({ answer }), (problem) => problem.cancelled || setState({ problem }));
    return () => abort.abort();
  }, [from, to]);
  if (state.problem) return <p class="note bad">{state.problem.detail || state.problem.title}</p>;
  if (!state.answer) return <Waiting text="Comparing the snapshots" />;
  const { answer } = state;
  if (answer.rows.count === 0) return <p class="note good">The rows of both are the same.</p>;
  return (
    <>
      <p class="quiet">{plural(answer.rows.count, 'row')} differ{answer.truncated ? ', and more' : ''}: <strong>+</strong> only in the later, <strong>−</strong> only in the earlier.</p>
      <div class="card preview"><Grid columns={answer.columns} rows={answer.rows} label="Rows that differ" /></div>
    </>
  );
}

export function Snapshots({ table, wanted }) {
  const [ids, setIds] = useState(null);
  const [problem, setProblem] = useState(null);
  const [pair, setPair] = useState({ from: '', to: '' });
  const [shown, setShown] = useState(null);
  useEffect(() => {
    idsOf(table).then((answer) => {
      const list = answer.data.map((row) => row[0]);
      setIds(list);
      setPair({ from: list.at(-2) ?? list[0] ?? '', to: list.at(-1) ?? '' });
    }, setProblem);
  }, []);
  if (problem) return <p class="note bad">{problem.detail || problem.title}</p>;
  if (!ids) return <Waiting text="Reading the snapshots" />;
  if (ids.length === 0) return <p class="empty">Nothing was written to it yet.</p>;
  const known = new Map(table.snapshots.map((snapshot, index) => [ids[index] ?? String(snapshot.id), snapshot]));
  const timeOf = (id) => (known.get(id) ? new Date(known.get(id).timestamp).toLocaleString() : id);
  const choose = (which) => (
    <select aria-label={which === 'from' ? 'Earlier snapshot' : 'Later snapshot'} value={pair[which]} onChange={(event) => setPair({ ...pair, [which]: event.currentTarget.value })}>
      {ids.map((id) => <option key={id} value={id}>{timeOf(id)}</option>)}
    </select>
  );
  return (
    <div class="stack">
      {ids.length > 1 && (
        <p class="row-of">What changed from {choose('from')} to {choose('to')} <button type="button" class="small" disabled={pair.from === pair.to} onClick={() => setShown({ ...pair })}>Compare</button></p>
      )}
      {shown && <Diff table={table} from={shown.from} to={shown.to} />}
      <div class="card data-frame" tabIndex={0} role="region" aria-label="Snapshots">
        <table class="data">
          <thead><tr><th scope="col">Written</th><th scope="col">Snapshot</th><th scope="col">Operation</th><th scope="col" class="number">Added</th><th scope="col" class="number">Deleted</th><th scope="col" class="number">Rows then</th><th scope="col"><span class="unseen">What to do</span></th></tr></thead>
          <tbody>
            {[...ids].reverse().map((id, index) => {
              const snapshot = known.get(id);
              return (
                <tr key={id}>
                  <td>{timeOf(id)} {index === 0 && <span class="badge">current</span>}</td>
                  <td class="name">{id}</td>
                  <td>{snapshot?.operation}</td>
                  <td class="number">{snapshot?.added_rows == null ? '–' : `+${count(snapshot.added_rows)}`}</td>
                  <td class="number">{snapshot?.deleted_rows ? `−${count(snapshot.deleted_rows)}` : '–'}</td>
                  <td class="number">{count(snapshot?.total_rows)}</td>
                  <td><a href={hrefOf('tables', [wanted, 'preview'], { as_of: id })}>See it then</a>{' · '}
                    <button type="button" class="link" onClick={() => go(hrefOf('query', [openSql(`SELECT *\nFROM ${inSql(table).replaceAll(/"([a-z_][a-z0-9_]*)"/g, (all, name) => (name === 'default' ? all : name))} FOR VERSION AS OF ${id}\nLIMIT 100`).id]))}>Query</button></td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </div>
  );
}

export function Files({ table }) {
  const most = Math.max(1, ...table.files.map((file) => file.bytes));
  return (
    <div class="stack">
      <p class="quiet">Below <code>{table.location}</code>, Iceberg format {table.format_version}</p>
      {table.files.length === 0 && <p class="empty">It has no files: nothing was written to it yet.</p>}
      {table.files.length > 0 && (
        <div class="card data-frame" tabIndex={0} role="region" aria-label="Files">
          <table class="data">
            <thead><tr><th scope="col">File</th><th scope="col" class="number">Rows</th><th scope="col" class="number">Size</th><th scope="col">Bytes per row</th></tr></thead>
            <tbody>
              {table.files.map((file) => (
                <tr key={file.path}>
                  <td class="name">{file.path.startsWith(table.location) ? file.path.slice(table.location.length).replace(/^\/(data\/)?/, '') : file.path}</td>
                  <td class="number">{count(file.row_count)}</td><td class="number">{bytes(file.bytes)}</td>
                  <td><span class="share-bar wide-share" aria-hidden="true"><i style={{ width: `${(100 * file.bytes) / most}%` }} /></span>{(file.bytes / Math.max(1, file.row_count)).toFixed(1)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {table.file_count > table.files.length && <p class="quiet">and {count(table.file_count - table.files.length)} more</p>}
    </div>
  );
}

export function Partitions({ table }) {
  const [state, setState] = useState({});
  useEffect(() => {
    let gone = false;
    fetchRows(`SELECT * FROM ${nameOfMetadata(table, 'partitions')}`).then((answer) => gone || setState({ answer }), (problem) => gone || setState({ problem }));
    return () => (gone = true);
  }, []);
  if (!table.partitioning) return <p class="empty">It is not partitioned. <code>ALTER TABLE … SET (partitioning = 'month(ts)')</code> does it for files written from then on.</p>;
  if (state.problem) return <p class="note bad">{state.problem.detail || state.problem.title}</p>;
  if (!state.answer) return <Waiting text="Reading the partitions" />;
  return <div class="stack"><p class="quiet">By <code>{table.partitioning}</code></p><div class="card preview"><Grid columns={state.answer.columns} rows={state.answer.rows} label="Partitions" /></div></div>;
}
