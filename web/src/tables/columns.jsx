// The columns with what stands in them: nulls, distinct values, bounds, and how they are spread.
import { useEffect, useState } from 'preact/hooks';
import { getJson, tablePath } from '../api.js';
import { count, percent, short } from '../format.js';
import { Waiting } from '../lazy.jsx';

const WIDTH = 144, HEIGHT = 34;

function Histogram({ bins, name }) {
  const most = Math.max(1, ...bins.map((bin) => bin.count));
  const step = WIDTH / bins.length;
  return (
    <svg class="histogram" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`How ${name} is spread, from ${bins[0].low} to ${bins.at(-1).high}`}>
      {bins.map((bin, index) => {
        const height = bin.count ? Math.max(1.5, (bin.count / most) * (HEIGHT - 1)) : 0;
        return <rect key={index} x={index * step + 0.5} width={Math.max(1, step - 1)} y={HEIGHT - height} height={height}><title>{`${bin.low} to ${bin.high}: ${count(bin.count)}`}</title></rect>;
      })}
    </svg>
  );
}

function Top({ values, rows }) {
  const most = Math.max(1, ...values.map((value) => value.count));
  if (values.length === 0) return '';
  if (rows > 100 && most / rows < 0.001) return <span class="facts">hardly any value twice</span>;
  return (
    <ul class="top-values">
      {values.slice(0, 4).map((entry) => (
        <li key={entry.value} style={{ '--share': `${(100 * entry.count) / most}%` }} title={`${entry.value}: ${count(entry.count)}`}>
          <span>{entry.value === '' ? '(empty)' : String(entry.value)}</span><span class="share">{percent(entry.count / Math.max(1, rows))}</span>
        </li>
      ))}
    </ul>
  );
}

const bound = (value) => (value == null ? <span class="quiet">–</span> : String(value).length > 26 ? <span title={String(value)}>{String(value).slice(0, 25)}…</span> : String(value));

export function Columns({ table, wanted }) {
  const [state, setState] = useState({});
  useEffect(() => {
    const abort = new AbortController();
    getJson(tablePath(wanted, '/profile'), abort.signal).then((profile) => setState({ profile }), (problem) => problem.cancelled || setState({ problem }));
    return () => abort.abort();
  }, [wanted]);
  const { profile, problem } = state;
  const rows = profile?.row_count ?? profile?.rows ?? table.row_count;
  const byName = new Map((profile?.columns ?? []).map((column) => [column.name, column]));
  const keyed = new Map(table.keys.flatMap((key) => key.columns.map((name) => [name, key.primary ? 'primary key' : key.unique ? 'unique' : 'index'])).reverse());
  return (
    <>
      {!profile && !problem && <Waiting text="Profiling the columns" />}
      {problem && <p class="note bad">{problem.detail || problem.title}</p>}
      <div class="card data-frame" tabIndex={0} role="region" aria-label="Columns">
        <table class="data profile">
          <thead><tr><th scope="col">Column</th><th scope="col">Type</th><th scope="col">Nulls</th><th scope="col" class="number">Distinct</th><th scope="col">From</th><th scope="col">To</th><th scope="col">Values</th></tr></thead>
          <tbody>
            {table.columns.map((column) => {
              const found = byName.get(column.name);
              const nulls = found ? found.nulls / Math.max(1, rows) : 0;
              return (
                <tr key={column.name}>
                  <td class="name">{column.name} {keyed.has(column.name) && <span class="badge">{keyed.get(column.name)}</span>}</td>
                  <td><span class="type">{column.type}</span>{!column.nullable && <span class="facts"> not null</span>}</td>
                  <td>{found ? <><span class="share-bar" aria-hidden="true"><i style={{ width: `${nulls * 100}%` }} /></span><span title={count(found.nulls)}>{percent(nulls)}</span></> : ''}</td>
                  <td class="number">{found?.distinct == null ? '' : short(found.distinct)}</td>
                  <td>{found && bound(found.min)}</td><td>{found && bound(found.max)}</td>
                  <td>{found?.histogram ? <Histogram bins={found.histogram} name={column.name} /> : found?.top ? <Top values={found.top} rows={rows} /> : ''}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </>
  );
}
