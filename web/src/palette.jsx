// Control-K: to a page, a table or an open query by its name. "?": the keys that do something.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { signal } from '@preact/signals';
import { fullName, tables } from './catalog.js';
import { Icon } from './icons.jsx';
import { go, hrefOf } from './place.js';
import { tabs, titleOf } from './query/tabs.js';

export const palette = signal(false);
export const shortcuts = signal(false);

addEventListener('keydown', (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === 'k') palette.value = true;
  else if (event.key === '?' && !/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && !event.target.isContentEditable) shortcuts.value = true;
  else return;
  event.preventDefault();
});

function Choices({ pages }) {
  const dialog = useRef(null);
  const [words, setWords] = useState('');
  const [at, setAt] = useState(0);
  useLayoutEffect(() => dialog.current.showModal(), []);
  const all = [
    ...pages.map((page) => ({ kind: 'page', icon: page.name, label: page.label, href: hrefOf(page.name) })),
    ...tabs.value.map((tab) => ({ kind: 'open query', icon: 'query', label: titleOf(tab), href: hrefOf('query', [tab.id]) })),
    ...tables.value.map((table) => ({ kind: table.engine, icon: 'tables', label: table.name, href: hrefOf('tables', [fullName(table)]) })),
  ];
  const found = all.filter((choice) => words.toLowerCase().split(/\s+/).every((word) => `${choice.label} ${choice.kind}`.toLowerCase().includes(word))).slice(0, 12);
  const current = Math.min(at, found.length - 1);
  const take = (choice) => {
    dialog.current.close();
    go(choice.href);
  };
  const onKey = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) setAt((current + step + found.length) % Math.max(1, found.length));
    else if (event.key === 'Enter' && found[current]) take(found[current]);
    else return;
    event.preventDefault();
  };
  return (
    <dialog ref={dialog} class="palette" aria-label="Go to" onClose={() => (palette.value = false)} onClick={(event) => event.target === dialog.current && dialog.current.close()}>
      <input type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-activedescendant={found[current] ? `choice-${current}` : undefined} aria-label="Page, table or open query" placeholder="Page, table, open query…"
        value={words} onInput={(event) => { setWords(event.currentTarget.value); setAt(0); }} onKeyDown={onKey} autofocus />
      <ul id="palette-list" role="listbox" aria-label="Places">
        {found.map((choice, index) => (
          <li key={choice.href} id={`choice-${index}`} role="option" aria-selected={index === current} onPointerMove={() => setAt(index)} onClick={() => take(choice)}>
            <Icon name={choice.icon} size={16} /><span>{choice.label}</span><span class="facts">{choice.kind}</span>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p class="empty">Nothing is called that.</p>}
    </dialog>
  );
}

export const Palette = ({ pages }) => palette.value && <Choices pages={pages} />;

const KEYS = [
  ['Ctrl ↵', 'run the selection, or the whole text'], ['Ctrl ⇧ ↵', 'run the statement at the cursor'], ['Esc', 'cancel what runs (in the editor)'],
  ['Ctrl Space', 'complete'], ['⇧ Alt F', 'format'], ['Ctrl /', 'comment'], ['Ctrl S', 'save the query'], ['Alt N', 'new query'],
  ['F2, Delete', 'on a query’s tab: name it, close it'], ['Ctrl K', 'go to a page, a table, an open query'],
  ['Arrows, Home, End', 'in the grid: move; with ⇧ select'], ['↵', 'in the grid: the whole value'], ['S', 'in the grid: sort by the column'], ['Ctrl C', 'in the grid: copy'], ['?', 'this list'],
];

export function Shortcuts() {
  const dialog = useRef(null);
  useEffect(() => {
    if (shortcuts.value) dialog.current?.showModal();
  }, [shortcuts.value]);
  if (!shortcuts.value) return null;
  return (
    <dialog ref={dialog} class="whole-value" aria-labelledby="keys-title" onClose={() => (shortcuts.value = false)}>
      <form method="dialog">
        <h2 id="keys-title">Keys</h2>
        <dl class="keys">{KEYS.map(([keys, does]) => <><dt><kbd>{keys}</kbd></dt><dd>{does}</dd></>)}</dl>
        <p class="dialog-actions"><button class="small">Close</button></p>
      </form>
    </dialog>
  );
}
