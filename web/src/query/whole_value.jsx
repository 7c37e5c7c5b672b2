// One value, whole: text as it is, JSON as a tree that opens.
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { count } from '../format.js';

const MOST_CHILDREN = 500;

// Numbers with the digits they came with, where the browser tells them.
const parse = (text) => {
  try {
    return JSON.parse(text, (key, value, context) => (typeof value === 'number' && context ? new Digits(context.source) : value));
  } catch {
    return undefined;
  }
};
class Digits {
  constructor(text) {
    this.text = text;
  }
}

function Leaf({ value }) {
  if (value === null) return <span class="json-null">null</span>;
  if (value instanceof Digits || typeof value === 'number') return <span class="json-number">{value.text ?? String(value)}</span>;
  if (typeof value === 'boolean') return <span class="json-number">{String(value)}</span>;
  return <span class="json-string">{JSON.stringify(value)}</span>;
}

const isLeaf = (value) => value === null || typeof value !== 'object' || value instanceof Digits;

function Branch({ name, value, open }) {
  const label = name !== undefined && <span class="json-key">{name}</span>;
  if (isLeaf(value)) return <li>{label}{label && ': '}<Leaf value={value} /></li>;
  const entries = Array.isArray(value) ? value.map((item, index) => [index, item]) : Object.entries(value);
  const size = Array.isArray(value) ? `[${count(entries.length)}]` : `{${count(entries.length)}}`;
  return (
    <li>
      <details open={open}>
        <summary>{label} <span class="quiet">{size}</span></summary>
        <ul class="json">
          {entries.slice(0, MOST_CHILDREN).map(([key, item]) => <Branch key={key} name={key} value={item} open={entries.length <= 20} />)}
          {entries.length > MOST_CHILDREN && <li class="quiet">and {count(entries.length - MOST_CHILDREN)} more</li>}
        </ul>
      </details>
    </li>
  );
}

export function WholeValue({ shown, onClose }) {
  const dialog = useRef(null);
  const [copied, setCopied] = useState(false);
  useLayoutEffect(() => dialog.current.showModal(), []);
  const { column, value } = shown;
  const text = value ?? 'NULL';
  const tree = value !== null && (/json|\[\]|^struct|^map/.test(column.type) || /^[[{].*[\]}]$/s.test(value)) ? parse(value) : undefined;
  const isTree = tree !== undefined && !isLeaf(tree);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
  };
  return (
    <dialog ref={dialog} class="whole-value" aria-labelledby="whole-value-title" onClose={onClose} onClick={(event) => event.target === dialog.current && dialog.current.close()}>
      <form method="dialog">
        <h2 id="whole-value-title">{column.name} <span class="type">{column.type}</span></h2>
        {isTree
          ? <div class="value-frame" tabIndex={0} role="group" aria-label="The value as a tree"><ul class="json"><Branch value={tree} open /></ul></div>
          : <pre class="value-frame" tabIndex={0}>{text}</pre>}
        <p class="dialog-actions">
          <span class="quiet">{value === null ? 'no value' : value === '' ? 'an empty string' : `${count(value.length)} characters`}</span>
          <button type="button" class="small" onClick={copy}>{copied ? 'Copied' : 'Copy'}</button>
          <button class="small">Close</button>
        </p>
      </form>
    </dialog>
  );
}
