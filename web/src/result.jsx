// What came back: rows, a write's count, or an error.
import { useState } from 'preact/hooks';
import { saveCsv, copyCsv } from './csv.js';
import { count, milliseconds } from './format.js';
import { Grid } from './grid.jsx';
import { Route } from './route.jsx';
import { announcement, answer, maxRows, problem, running } from './state.js';

function Problem({ error }) {
  return (
    <section class={error.cancelled ? 'problem cancelled' : 'problem'} role="alert">
      <h2>{error.title}</h2>
      <p>{error.detail}</p>
      {error.more && <p>{error.more}</p>}
      {error.hint && <p><strong>Hint:</strong> {error.hint}</p>}
      <p class="quiet">
        {[
          error.sqlstate && <>SQLSTATE <code>{error.sqlstate}</code></>,
          error.position > 0 && <>at character {error.position}</>,
          error.request_id && <>request <code>{error.request_id}</code></>,
        ].filter(Boolean).map((part, index) => <>{index > 0 && ' · '}{part}</>)}
      </p>
    </section>
  );
}

// Asks the server again, in CSV: only for what may be asked twice.
const mayAskAgain = (result) => result.columns?.length > 0 && !result.command && !['write', 'ddl', 'session'].includes(result.route?.class);

function CsvButtons({ result }) {
  const [state, setState] = useState('');
  const act = async (action, done) => {
    setState('…');
    try {
      const rows = await action(result);
      setState('');
      announcement.value = `${done}: ${count(rows)} rows`;
      setState(done);
    } catch (error) {
      setState(error.detail || error.message || 'That did not work');
    }
  };
  return (
    <span class="csv">
      <span class="facts">{state}</span>
      <button type="button" class="small" onClick={() => act(copyCsv, 'Copied')}>Copy CSV</button>
      <button type="button" class="small" onClick={() => act(saveCsv, 'Downloaded')}>Download CSV</button>
    </span>
  );
}

function Summary({ result }) {
  const rows = `${count(result.row_count)} ${result.row_count === 1 ? 'row' : 'rows'}`;
  return (
    <div class="summary">
      <p>
        <strong>{result.columns ? rows : `${result.command}: ${rows}`}</strong>
        <span> · {result.engine} · {milliseconds(result.duration * 1000)}</span>
        {result.truncated && <span class="truncated"> · there are more{maxRows.value < 100000 ? ': raise “Rows”' : ''}</span>}
      </p>
      {mayAskAgain(result) && <CsvButtons key={result} result={result} />}
    </div>
  );
}

export function Result() {
  const result = answer.value;
  if (problem.value) return <Problem error={problem.value} />;
  if (!result)
    return running.value ? null : (
      <p class="welcome">Write a statement and press <kbd>Ctrl</kbd> <kbd>↵</kbd>. Signalbox picks the engine that answers it fastest, and says why.</p>
    );
  return (
    <div class={running.value ? 'result stale' : 'result'} aria-busy={running.value}>
      <section class="rows" aria-label="Result">
        <Summary result={result} />
        {result.columns?.length > 0 && <Grid answer={result} />}
      </section>
      <Route answer={result} />
    </div>
  );
}
