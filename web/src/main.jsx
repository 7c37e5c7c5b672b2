import { render } from 'preact';
import { useEffect } from 'preact/hooks';
import { Editor, editorText, setEditorText } from './editor.jsx';
import { milliseconds } from './format.js';
import { Result } from './result.jsx';
import { Sidebar } from './sidebar.jsx';
import { announcement, cancel, chosenEngine, elapsed, engines, examples, maxRows, refreshCatalog, run, running } from './state.js';

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

function Toolbar() {
  return (
    <div class="toolbar">
      {running.value
        ? <button type="button" class="run" onClick={cancel}>Cancel <span class="quiet-on-colour">{milliseconds(elapsed.value)}</span></button>
        : <button type="button" class="run" onClick={() => run(editorText())}>Run <kbd>Ctrl ↵</kbd></button>}
      <span class="choice">
        <label for="engine">Engine</label>
        <select id="engine" value={chosenEngine.value} onChange={(event) => (chosenEngine.value = event.currentTarget.value)}>
          <option value="auto">auto</option>
          {engines.value.map((engine) => <option key={engine.name} value={engine.name}>{engine.name}</option>)}
        </select>
      </span>
      <span class="choice">
        <label for="rows">Rows</label>
        <select id="rows" value={maxRows.value} onChange={(event) => (maxRows.value = Number(event.currentTarget.value))}>
          {[100, 1000, 10000, 100000].map((rows) => <option key={rows} value={rows}>{rows.toLocaleString('en-US')}</option>)}
        </select>
      </span>
      <span class="choice">
        <label for="examples">Examples</label>
        <select id="examples" value="" onChange={(event) => {
          const example = examples[Number(event.currentTarget.value)];
          event.currentTarget.value = '';
          if (example) setEditorText(example.sql);
        }}>
          <option value="">choose…</option>
          {examples.map((example, index) => <option key={index} value={index}>{example.label}</option>)}
        </select>
      </span>
      <p id="editor-help" class="unseen">Control and Enter runs the statement. Tab leaves the editor.</p>
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
        <Sidebar />
        <main>
          <section class="statement" aria-label="Statement">
            <Editor />
            <Toolbar />
            <div class={running.value ? 'progress busy' : 'progress'} aria-hidden="true" />
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
