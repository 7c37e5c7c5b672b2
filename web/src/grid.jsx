// The rows of an answer. Only those in view are in the document; the whole is one table to a screen reader.
import { useEffect, useRef, useState } from 'preact/hooks';

const ROW_HEIGHT = 28;
const MARGIN = 12;
const NUMERIC = new Set(['int2', 'int4', 'int8', 'numeric', 'float4', 'float8', 'oid']);

function Cell({ value, numeric }) {
  if (value === null || value === undefined) return <td class="null">NULL</td>;
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return <td class={numeric ? 'number' : ''} title={text.length > 40 ? text : undefined}>{text}</td>;
}

export function Grid({ answer }) {
  const frame = useRef(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const rows = answer.data;
  useEffect(() => {
    const element = frame.current;
    element.scrollTop = 0;
    const measure = () => setView({ top: element.scrollTop, height: element.clientHeight });
    measure();
    element.addEventListener('scroll', measure, { passive: true });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => {
      element.removeEventListener('scroll', measure);
      observer.disconnect();
    };
  }, [answer]);

  const first = Math.max(0, Math.floor(view.top / ROW_HEIGHT) - MARGIN);
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / ROW_HEIGHT) + MARGIN);
  const numeric = answer.columns.map((column) => NUMERIC.has(column.type));
  return (
    <div class="grid" ref={frame} tabIndex={0} role="region" aria-label="Result rows">
      <table aria-rowcount={rows.length + 1}>
        <thead>
          <tr aria-rowindex={1}>
            {answer.columns.map((column, index) => (
              <th key={index} scope="col" class={numeric[index] ? 'number' : ''}>
                {column.name} <span class="type">{column.type}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {first > 0 && <tr aria-hidden="true" style={{ height: first * ROW_HEIGHT }} />}
          {rows.slice(first, last).map((row, offset) => (
            <tr key={first + offset} aria-rowindex={first + offset + 2} style={{ height: ROW_HEIGHT }}>
              {row.map((value, index) => <Cell key={index} value={value} numeric={numeric[index]} />)}
            </tr>
          ))}
          {last < rows.length && <tr aria-hidden="true" style={{ height: (rows.length - last) * ROW_HEIGHT }} />}
        </tbody>
      </table>
    </div>
  );
}
