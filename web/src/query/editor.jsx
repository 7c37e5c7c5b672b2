// The SQL editor: CodeMirror with PostgreSQL's words, the schema's names, and errors shown where they are. One view; each tab has a state
// of its own (text, selection, what can be undone).
import { useEffect, useRef } from 'preact/hooks';
import { effect } from '@preact/signals';
import { EditorState, Compartment, Prec } from '@codemirror/state';
import { EditorView, keymap, lineNumbers, drawSelection, placeholder, highlightActiveLine } from '@codemirror/view';
import { defaultKeymap, history, historyKeymap, isolateHistory, toggleComment } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { tags } from '@lezer/highlight';
import { autocompletion, closeBrackets, closeBracketsKeymap, closeCompletion, completionKeymap } from '@codemirror/autocomplete';
import { sql } from '@codemirror/lang-sql';
import { lintGutter, setDiagnostics } from '@codemirror/lint';
import { announcement, tables } from '../catalog.js';
import { dialect, functionCompletion } from './dialect.js';
import { cancel, run } from './run.js';
import { statementAt } from './sql_text.js';
import { activeId, activeTab, changeTab, liveOf, tabs } from './tabs.js';

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--syntax-keyword)', fontWeight: '600' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--syntax-string)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--syntax-number)' },
  { tag: [tags.lineComment, tags.blockComment], color: 'var(--text-quiet)', fontStyle: 'italic' },
  { tag: [tags.typeName, tags.standard(tags.name)], color: 'var(--syntax-type)' },
]);

const schemaOf = (list) => {
  const schema = {};
  for (const table of list) {
    const columns = table.columns.map((column) => ({ label: column.name, type: 'property', detail: column.type }));
    schema[table.name] ??= columns;
    schema[`${table.engine}.${table.schema}.${table.name}`] = columns;
  }
  return schema;
};

// Columns of the tables that the statement names, without their table in front.
const columnCompletion = (list) => (context) => {
  const word = context.matchBefore(/[\w"]+/);
  if (!word || (word.from === word.to && !context.explicit)) return null;
  if (context.state.sliceDoc(word.from - 1, word.from) === '.') return null;
  const text = context.state.doc.toString().toLowerCase();
  const seen = new Map();
  for (const table of list)
    if (new RegExp(`\\b${table.name.toLowerCase().replace(/[^\w]/g, '\\$&')}\\b`).test(text))
      for (const column of table.columns)
        if (!seen.has(column.name)) seen.set(column.name, { label: column.name, type: 'property', detail: `${column.type} · ${table.name}`, boost: 2 });
  return seen.size ? { from: word.from, options: [...seen.values()], validFor: /^\w*$/ } : null;
};

const language = new Compartment();
const languageFor = (list) => {
  const support = sql({ dialect, schema: schemaOf(list), upperCaseKeywords: true });
  return [support, support.language.data.of({ autocomplete: columnCompletion(list) }), support.language.data.of({ autocomplete: functionCompletion })];
};

// PostgreSQL counts code points from 1; the editor UTF-16 units from 0.
function offsetOf(text, position) {
  let units = 0;
  for (let points = 1; points < position && units < text.length; points++) units += text.codePointAt(units) > 0xffff ? 2 : 1;
  return units;
}
const placeOf = (state, error) => Math.min(error.offset + offsetOf(error.sql, error.position), state.doc.length);

function diagnosticsFor(state, error) {
  if (!error?.position) return [];
  const from = placeOf(state, error);
  const word = state.wordAt(from);
  const to = Math.min(Math.max(word?.to ?? from + 1, from + 1), state.doc.length);
  return [{ from, to, severity: error.soft ? 'warning' : 'error', message: error.detail || error.title }];
}

let view = null;
const states = new Map();

export const focusEditor = () => view?.focus();

export function setEditorText(text) {
  if (!view) return;
  view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: text.length }, annotations: isolateHistory.of('full') }); // undone by itself
  view.focus();
}

export function insertText(text) {
  if (!view) return;
  view.dispatch(view.state.replaceSelection(text));
  view.focus();
}

// The selection if there is one, else the whole text; `one` is the statement that the cursor is in.
export function runEditor(one = false) {
  const tab = activeTab.value;
  const { main } = view.state.selection;
  const text = view.state.doc.toString();
  closeCompletion(view);
  if (!main.empty) {
    const selected = text.slice(main.from, main.to);
    run(tab, selected.trim(), main.from + selected.length - selected.trimStart().length);
  } else if (one) {
    const statement = statementAt(text, main.head);
    if (statement) run(tab, text.slice(statement.from, statement.to), statement.from);
  } else {
    run(tab, text);
  }
  return true;
}

export async function formatEditor() {
  const before = view.state.doc.toString();
  const { formatSql } = await import('./sql_format.js');
  try {
    const after = formatSql(before);
    if (after !== before) setEditorText(after);
    announcement.value = 'Formatted';
  } catch {
    announcement.value = 'This statement cannot be formatted';
    return 'This cannot be formatted: it does not read as SQL.';
  }
  return '';
}

// Shows what is wrong at its place, without saying that it was run (the dry run's finding).
export function markProblem(error) {
  if (view) view.dispatch(setDiagnostics(view.state, diagnosticsFor(view.state, error)));
}

function extensions() {
  return [
    lineNumbers(),
    history(),
    drawSelection(),
    highlightActiveLine(),
    bracketMatching(),
    closeBrackets(),
    autocompletion({ maxRenderedOptions: 60 }),
    lintGutter(),
    syntaxHighlighting(colours),
    placeholder('SELECT …'),
    language.of(languageFor(tables.value)),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ 'aria-label': 'SQL statement', 'aria-describedby': 'editor-help', spellcheck: 'false' }),
    EditorView.updateListener.of((update) => {
      if (!update.docChanged) return;
      changeTab(activeId.value, { sql: update.state.doc.toString() });
      update.view.dispatch(setDiagnostics(update.state, []));
    }),
    // Tab is left to the browser, so that the keyboard can leave the editor.
    Prec.highest(keymap.of([
      { key: 'Mod-Enter', run: () => runEditor() },
      { key: 'Mod-Shift-Enter', run: () => runEditor(true) },
      { key: 'Shift-Alt-f', run: () => (formatEditor(), true) },
      { key: 'Mod-/', run: toggleComment },
    ])),
    keymap.of([...closeBracketsKeymap, ...completionKeymap, ...defaultKeymap, ...historyKeymap]),
  ];
}

const stateFor = (tab) => EditorState.create({ doc: tab.sql, extensions: extensions() });

export function Editor() {
  const host = useRef(null);
  useEffect(() => {
    let shown = activeId.value;
    view = new EditorView({ parent: host.current, state: states.get(shown) ?? stateFor(activeTab.value) });
    const stops = [
      // Another tab, or another text in this one.
      effect(() => {
        const tab = activeTab.value;
        const known = new Set(tabs.value.map((other) => other.id));
        for (const id of states.keys()) if (!known.has(id)) states.delete(id);
        if (tab.id !== shown) {
          if (known.has(shown)) states.set(shown, view.state);
          shown = tab.id;
          view.setState(states.get(shown) ?? stateFor(tab));
          view.dispatch({ effects: language.reconfigure(languageFor(tables.peek())) });
        }
        if (view.state.doc.toString() !== tab.sql) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: tab.sql } });
      }),
      effect(() => view.dispatch({ effects: language.reconfigure(languageFor(tables.value)) })),
      effect(() => {
        const error = liveOf(activeId.value).problem.value;
        if (!error) return;
        view.dispatch(setDiagnostics(view.state, diagnosticsFor(view.state, error)));
        if (error.position) view.dispatch({ selection: { anchor: placeOf(view.state, error) }, scrollIntoView: true });
      }),
    ];
    if (innerWidth >= 768) view.focus();
    return () => {
      stops.forEach((stop) => stop());
      states.set(shown, view.state);
      view.destroy();
      view = null;
    };
  }, []);
  return <div class="editor" ref={host} onKeyDown={(event) => event.key === 'Escape' && liveOf(activeId.value).running.value && cancel(activeId.value)} />;
}
