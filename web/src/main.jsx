import { render } from 'preact';
import { useEffect } from 'preact/hooks';
import { Editor, editorText, insertText, setEditorText } from './editor.jsx';
import { bytes, count, milliseconds } from './format.js';
import { Grid } from './grid.jsx';
import { Route } from './route.jsx';
import { announcement, answer, cancel, chosenEngine, elapsed, engines, examples, maxRows, problem, refreshCatalog, run, running, tables } from './state.js';

function EngineLights() {
  return (
    <ul class="lights" aria-label="Engines">
      {engines.value.map((engine) => (
        <li key={engine.name} title={engine.up ? `${engine.version} · ${milliseconds(engine.latency_ms)}` : engine.message}>
          <span class={engine.up ? 'light up' : 'light down'} aria-hidden="true" />
          {engine.name}
          <span class="unseen">{engine.up ? ' is up' : ' is down'}</span>
        </li>
      ))}
    </ul>
  );
}

function TableEntry({ table }) {
  return (
    <details class="table-entry">
      <summary>
        <span class="table-name">{table.name}</span>
        <span class="table-facts">{table.engine} · {count(table.row_count)} rows</span>
      </summary>
      <ul>
        {table.columns.map((column) => (
          <li key={column.name}>
            <button type="button" onClick={() => insertText(/^[a-z_][a-z0-9_]*$/.test(column.name) ? column.name : `"${column.name}"`)}>
              <span>{column.name}</span> <span class="type">{column.type}</span>
            </button>
          </li>
        ))}
        {table.bytes > 0 && <li class="table-facts">{bytes(table.bytes)}</li>}
      </ul>
    </details>
  );
}

function Tables() {
  return (
    <nav class="tables" aria-labelledby="tables-title">
      <h2 id="tables-title">Tables</h2>
      {tables.value.map((table) => <TableEntry key={`${table.engine}.${table.schema}.${table.name}`} table={table} />)}
      {tables.value.length === 0 && <p class="quiet">No tables yet. Load one with <code>signalbox load</code>.</p>}
    </nav>
  );
}

function Toolbar() {
  return (
    <div class="toolbar">
      {running.value
        ? <button type="button" class="run" onClick={cancel}>Cancel <span class="quiet-on-colour">{milliseconds(elapsed.value)}</span></button>
        : <button type="button" class="run" onClick={() => run(editorText())}>Run <kbd>Ctrl ↵</kbd></button>}
      <label>
        Engine{' '}
        <select value={chosenEngine.value} onChange={(event) => (chosenEngine.value = event.currentTarget.value)}>
          <option value="auto">auto</option>
          {engines.value.map((engine) => <option key={engine.name} value={engine.name}>{engine.name}</option>)}
        </select>
      </label>
      <label>
        Rows{' '}
        <select value={maxRows.value} onChange={(event) => (maxRows.value = Number(event.currentTarget.value))}>
          {[100, 1000, 10000, 100000].map((rows) => <option key={rows} value={rows}>{rows.toLocaleString('en-US')}</option>)}
        </select>
      </label>
      <label>
        Examples{' '}
        <select value="" onChange={(event) => {
          const example = examples[Number(event.currentTarget.value)];
          event.currentTarget.value = '';
          if (example) setEditorText(example.sql);
        }}>
          <option value="">choose…</option>
          {examples.map((example, index) => <option key={index} value={index}>{example.label}</option>)}
        </select>
      </label>
      <p id="editor-help" class="unseen">Control and Enter runs the statement. Tab leaves the editor.</p>
    </div>
  );
}

function Problem({ error }) {
  return (
    <section class={error.cancelled ? 'problem cancelled' : 'problem'} role="alert">
      <h2>{error.title}</h2>
      <p>{error.detail}</p>
      {error.hint && <p><strong>Hint:</strong> {error.hint}</p>}
      <p class="quiet">
        {error.sqlstate && <>SQLSTATE <code>{error.sqlstate}</code> </>}
        {error.position > 0 && <>· at character {error.position} </>}
        {error.request_id && <>· request <code>{error.request_id}</code></>}
      </p>
    </section>
  );
}

function Summary({ result }) {
  const rows = `${count(result.row_count)} ${result.row_count === 1 ? 'row' : 'rows'}`;
  return (
    <p class="summary">
      <strong>{result.columns ? rows : `${result.command}: ${rows}`}</strong>
      {result.truncated && <span class="truncated"> · more rows exist, raise “Rows” to see them</span>}
      <span> · {result.engine} · {milliseconds(result.duration * 1000)}</span>
    </p>
  );
}

function Result() {
  if (problem.value) return <Problem error={problem.value} />;
  const result = answer.value;
  if (!result) return <p class="welcome">Write a statement and press <kbd>Ctrl</kbd> <kbd>↵</kbd>. Signalbox picks the engine that answers it fastest, and says why.</p>;
  return (
    <div class={running.value ? 'result stale' : 'result'}>
      <section class="rows" aria-label="Result">
        <Summary result={result} />
        {result.columns && result.columns.length > 0 && <Grid answer={result} />}
      </section>
      <Route answer={result} />
    </div>
  );
}

function Page() {
  useEffect(() => {
    refreshCatalog();
    const timer = setInterval(refreshCatalog, 30000);
    return () => clearInterval(timer);
  }, []);
  return (
    <>
      <header>
        <h1><img src="icon.svg" alt="" width="26" height="26" /> Signalbox</h1>
        <EngineLights />
      </header>
      <div class="body">
        <Tables />
        <main>
          <section class="statement" aria-label="Statement">
            <Editor />
            <Toolbar />
          </section>
          <Result />
        </main>
      </div>
      <p class="unseen" role="status" aria-live="polite">{announcement.value}</p>
    </>
  );
}

const host = document.getElementById('page');
host.textContent = '';
render(<Page />, host);
