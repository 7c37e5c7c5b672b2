// Rows into tables: a file that is dropped, JSON that is pasted, rows that are made up.
import { useEffect, useRef, useState } from 'preact/hooks';
import { sendJson, tablePath } from '../api.js';
import { announcement, engines, findTable, fullName, refreshCatalog, tables } from '../catalog.js';
import { bytes, count, milliseconds, plural } from '../format.js';
import { go, hrefOf, place } from '../place.js';
import { openSql } from '../query/tabs.js';
import { TabList } from '../tablist.jsx';
import { detect, nameOfFile, TYPES } from './detect.js';
import { generate, KINDS } from './generate.js';
import { upload } from './upload.js';

const SAMPLE_BYTES = 256 * 1024;
const CONTENT = { csv: 'text/csv', json: 'application/json', ndjson: 'application/x-ndjson', parquet: 'application/vnd.apache.parquet' };

function Outcome({ outcome, table }) {
  const { answer, problem } = outcome;
  if (problem)
    return (
      <div class="note bad" role="alert"><strong>{problem.title}</strong><p>{problem.detail}</p>{problem.hint && <p>{problem.hint}</p>}<p class="facts">The table is as it was.</p></div>
    );
  const changed = answer.schema_changes?.length ? ` The table got: ${answer.schema_changes.map((change) => (typeof change === 'string' ? change : (change.column ?? JSON.stringify(change)))).join(', ')}.` : '';
  const listed = findTable(table);
  return (
    <div class="note good" role="status">
      <strong>{plural(answer.rows, 'row')} loaded into {table}</strong> in {milliseconds(answer.duration * 1000)}{answer.created ? ', a new table' : ''}.{changed}
      {answer.rejected_count > 0 && (
        <><p>{plural(answer.rejected_count, 'row')} left out:</p><ul>{answer.rejected.slice(0, 10).map((row) => <li key={row.row}>row {row.row}{row.column ? `, ${row.column}` : ''}: {row.reason}</li>)}</ul></>
      )}
      <p class="row-of"><a href={hrefOf('tables', [listed ? fullName(listed) : table])}>See the table</a> <button type="button" class="link" onClick={() => go(hrefOf('query', [openSql(`SELECT *\nFROM ${table}\nLIMIT 100`).id]))}>Query it</button></p>
    </div>
  );
}

function Schema({ columns, onChange, locked }) {
  const set = (index, change) => onChange(columns.map((column, at) => (at === index ? { ...column, ...change } : column)));
  return (
    <table class="data schema-edit">
      <thead><tr><th scope="col">Column</th><th scope="col">Type</th><th scope="col">First values</th></tr></thead>
      <tbody>
        {columns.map((column, index) => (
          <tr key={index}>
            <td><code>{column.name}</code></td>
            <td>{locked
              ? <span class="type">{column.type}</span>
              : <input list="known-types" aria-label={`Type of ${column.name}`} value={column.type} onChange={(event) => set(index, { type: event.currentTarget.value })} />}</td>
            <td class="clip quiet">{column.examples.map((value) => (value === null ? 'NULL' : typeof value === 'object' ? JSON.stringify(value) : String(value))).join(' · ')}</td>
          </tr>
        ))}
      </tbody>
      <datalist id="known-types">{TYPES.map((type) => <option key={type} value={type} />)}</datalist>
    </table>
  );
}

const withExamples = (found) => found.columns.map((column, index) => ({ ...column, found: column.type, examples: found.rows.slice(0, 3).map((row) => row[index] ?? null) }));

// Where to, how, and the load itself. `source` is {blob, name}.
function Load({ source, onDone }) {
  const [found, setFound] = useState(null);
  const [columns, setColumns] = useState([]);
  const [given, setGiven] = useState({});
  const [table, setTable] = useState(nameOfFile(source.name));
  const [engine, setEngine] = useState('columnar');
  const [mode, setMode] = useState('append');
  const [skip, setSkip] = useState(false);
  const [progress, setProgress] = useState(null);
  const [outcome, setOutcome] = useState(null);
  const abort = useRef(null);
  useEffect(() => {
    let gone = false;
    source.blob.slice(0, SAMPLE_BYTES).arrayBuffer().then((buffer) => {
      if (gone) return;
      let made;
      try {
        made = detect(new Uint8Array(buffer), source.blob.size <= SAMPLE_BYTES, given);
      } catch {
        made = { format: 'unknown', columns: [], rows: [] };
      }
      setFound(made);
      setColumns(withExamples(made));
    });
    return () => (gone = true);
  }, [source, given]);
  const existing = tables.value.find((one) => one.name === table && one.engine === engine);
  const corrected = columns.some((column) => column.type !== column.found);
  const load = async () => {
    abort.current = new AbortController();
    setOutcome(null);
    setProgress({ sent: 0, total: source.blob.size });
    try {
      // Types that were corrected make the table before its rows; it goes again when they do not fit.
      const makes = !existing && corrected;
      if (makes) await sendJson('POST', '/api/v1/tables', { name: table, engine, columns: columns.map(({ name, type }) => ({ name, type })) });
      const options = new URLSearchParams({ mode });
      if (!existing && !makes) options.set('create', 'true');
      if (!existing && engine !== 'columnar') options.set('engine', engine);
      if (skip) options.set('on_error', 'skip');
      if (found.format === 'csv') {
        options.set('format', 'csv');
        options.set('delimiter', found.delimiter);
        options.set('header', String(found.header));
      }
      const headers = found.encoding ? { 'Content-Encoding': found.encoding, 'Content-Type': 'application/octet-stream' } : { 'Content-Type': CONTENT[found.format] ?? 'application/octet-stream' };
      const target = existing || makes ? `${engine}.${existing?.schema ?? (engine === 'columnar' ? 'default' : 'public')}.${table}` : table;
      try {
        const answer = await upload(`${tablePath(makes && engine !== 'columnar' ? table : target, '/data')}?${options}`, source.blob, headers, setProgress, abort.current.signal);
        setOutcome({ answer: { ...answer, created: answer.created || makes } });
        announcement.value = `${answer.rows} rows loaded into ${table}`;
      } catch (problem) {
        if (makes) await sendJson('DELETE', tablePath(target)).catch(() => {});
        throw problem;
      }
      await refreshCatalog();
    } catch (problem) {
      setOutcome({ problem });
    }
    setProgress(null);
    onDone?.();
  };
  if (!found) return null;
  const share = progress && progress.total ? progress.sent / progress.total : 0;
  return (
    <div class="stack card" style={{ padding: '1rem 1.1rem' }}>
      <p class="row-of"><strong>{source.name}</strong><span class="facts">{bytes(source.blob.size)}</span>
        <span class="state busy">{found.format === 'csv' && found.delimiter === '\t' ? 'TSV' : found.format.toUpperCase()}</span>
        {found.format === 'csv' && (
          <>
            <label class="row-of">Separator <select value={found.delimiter} onChange={(event) => setGiven({ ...given, format: 'csv', delimiter: event.currentTarget.value })}>{[[',', 'comma'], ['\t', 'tab'], [';', 'semicolon'], ['|', 'bar']].map(([value, name]) => <option key={name} value={value}>{name}</option>)}</select></label>
            <label><input type="checkbox" checked={found.header} onChange={(event) => setGiven({ ...given, format: 'csv', header: event.currentTarget.checked })} /> first line names the columns</label>
          </>
        )}
      </p>
      {columns.length > 0
        ? <div class="data-frame" tabIndex={0} role="region" aria-label="Schema found"><Schema columns={columns} onChange={setColumns} locked={Boolean(existing)} /></div>
        : <p class="quiet">{found.format === 'unknown' ? 'It does not look like CSV, JSON or Parquet; the server will say what it makes of it.' : 'Its schema is read by the server.'}</p>}
      <p class="row-of">
        <label class="field"><span>Table</span><input type="text" value={table} onInput={(event) => setTable(event.currentTarget.value.trim())} /></label>
        <label class="field"><span>Engine</span><select value={engine} onChange={(event) => setEngine(event.currentTarget.value)}>{(engines.value.length ? engines.value : [{ name: 'columnar' }]).map((one) => <option key={one.name} value={one.name}>{one.name}</option>)}</select></label>
        {existing && <label class="field"><span>Rows that are there</span><select value={mode} onChange={(event) => setMode(event.currentTarget.value)}><option value="append">stay: append</option><option value="replace">go: replace</option></select></label>}
        <label><input type="checkbox" checked={skip} onChange={(event) => setSkip(event.currentTarget.checked)} /> leave bad rows out</label>
      </p>
      {progress && (
        <div role="status">
          <div class="progress-bar" role="progressbar" aria-label="Upload" aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(share * 100)}><i style={{ width: `${share * 100}%` }} /></div>
          <p class="facts">{share < 1 ? `${bytes(progress.sent)} of ${bytes(progress.total)} sent` : 'Sent; the server reads, writes and makes it durable…'}</p>
        </div>
      )}
      <p class="row-of">
        {progress
          ? <button type="button" class="small" onClick={() => abort.current.abort()}>Cancel</button>
          : <button type="button" class={outcome?.answer ? 'small' : 'primary'} disabled={!table} onClick={load}>{outcome?.answer ? 'Load it once more' : existing ? (mode === 'replace' ? 'Replace its rows' : 'Append') : 'Create and load'}</button>}
        {!existing && !outcome?.answer && <span class="facts">a new table{corrected ? ', with your types' : ''}</span>}
      </p>
      {outcome && <Outcome outcome={outcome} table={table} />}
    </div>
  );
}

function Files() {
  const [sources, setSources] = useState([]);
  const [over, setOver] = useState(false);
  const input = useRef(null);
  const take = (files) => setSources((old) => [...[...files].map((file) => ({ blob: file, name: file.name, key: `${file.name}.${file.size}.${performance.now()}` })), ...old].slice(0, 10));
  return (
    <div class="stack">
      <div class={over ? 'drop over' : 'drop'} onDragOver={(event) => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)}
        onDrop={(event) => { event.preventDefault(); setOver(false); take(event.dataTransfer.files); }}>
        <strong>Drop files here</strong>
        <p class="quiet">CSV, TSV, JSON, NDJSON, Parquet; plain, gzip or zstd</p>
        <button type="button" class="small" onClick={() => input.current.click()}>Choose files</button>
        <input ref={input} type="file" multiple hidden aria-label="Files" onChange={(event) => take(event.currentTarget.files)} />
      </div>
      {sources.map((source) => <Load key={source.key} source={source} />)}
    </div>
  );
}

function Paste() {
  const [text, setText] = useState('');
  const [source, setSource] = useState(null);
  return (
    <div class="stack">
      <label class="field"><span>JSON (an array of objects, or an object per line), or CSV with its header</span>
        <textarea class="paste" spellcheck={false} value={text} placeholder={'[{"id": 1, "name": "Ada"}, {"id": 2, "name": "Grace"}]'} onInput={(event) => setText(event.currentTarget.value)} /></label>
      <p><button type="button" class="primary" disabled={!text.trim()} onClick={() => setSource({ blob: new Blob([text.trim(), '\n']), name: 'pasted', key: performance.now() })}>Look at it</button></p>
      {source && <Load key={source.key} source={source} />}
    </div>
  );
}

function Generate() {
  const [kind, setKind] = useState('events');
  const [rows, setRows] = useState(10000);
  const [seed, setSeed] = useState(1);
  const [share, setShare] = useState(null);
  const [source, setSource] = useState(null);
  const make = async () => {
    setSource(null);
    setShare(0);
    const blob = await generate(kind, rows, seed, setShare);
    setShare(null);
    setSource({ blob, name: `${kind}_sample`, key: performance.now() });
  };
  return (
    <div class="stack">
      <p class="row-of">
        <label class="field"><span>What</span><select value={kind} onChange={(event) => setKind(event.currentTarget.value)}>{Object.entries(KINDS).map(([name, [words]]) => <option key={name} value={name}>{`${name}: ${words}`}</option>)}</select></label>
        <label class="field"><span>Rows</span><select value={rows} onChange={(event) => setRows(Number(event.currentTarget.value))}>{[100, 1000, 10000, 100000, 1000000].map((many) => <option key={many} value={many}>{count(many)}</option>)}</select></label>
        <label class="field"><span>Seed</span><input type="number" min="1" value={seed} onInput={(event) => setSeed(Number(event.currentTarget.value) || 1)} style={{ width: '7rem' }} /></label>
      </p>
      <p class="row-of"><button type="button" class="primary" disabled={share !== null} onClick={make}>{share === null ? 'Make rows' : `Making rows… ${Math.round(share * 100)} %`}</button><span class="facts">The same seed makes the same rows.</span></p>
      {source && <Load key={source.key} source={source} />}
    </div>
  );
}

const WAYS = [['file', 'Files'], ['paste', 'Paste'], ['generate', 'Generate']];

export function IngestPage() {
  const chosen = WAYS.some(([way]) => way === place.value.parts[0]) ? place.value.parts[0] : 'file';
  return (
    <div class="page">
      <div class="head"><h2>Load rows</h2></div>
      <p class="lead">All of a file or nothing of it. It is answered once the rows are durable and every query sees them.</p>
      <TabList label="Where the rows come from" id="way" items={WAYS} chosen={chosen} onChoose={(way) => go(hrefOf('ingest', way === 'file' ? [] : [way]))} />
      <div role="tabpanel" id="way-panel" aria-labelledby={`way-${chosen}`}>
        {chosen === 'file' ? <Files /> : chosen === 'paste' ? <Paste /> : <Generate />}
      </div>
    </div>
  );
}
