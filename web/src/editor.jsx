// The SQL editor: CodeMirror with PostgreSQL's words, the schema's names, and errors shown where they are.
import { useEffect, useRef } from 'preact/hooks';
import { effect } from '@preact/signals';
import { EditorState, Compartment } from '@codemirror/state';
import { EditorView, keymap, lineNumbers, drawSelection, placeholder } from '@codemirror/view';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { tags } from '@lezer/highlight';
import { autocompletion, closeBrackets, closeCompletion, completionKeymap } from '@codemirror/autocomplete';
import { sql } from '@codemirror/lang-sql';
import { lintGutter, setDiagnostics } from '@codemirror/lint';
import { dialect } from './dialect.js';
import { problem, rememberText, run, startingText, tables } from './state.js';

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

const language = new Compartment();
const languageFor = (list) => sql({ dialect, schema: schemaOf(list), upperCaseKeywords: true });

// PostgreSQL counts code points from 1; the editor UTF-16 units from 0.
function offsetOf(text, position) {
  let units = 0;
  for (let points = 1; points < position && units < text.length; points++) units += text.codePointAt(units) > 0xffff ? 2 : 1;
  return units;
}

function diagnosticsFor(view, error) {
  if (!error?.position) return [];
  const from = Math.min(offsetOf(error.sql, error.position), view.state.doc.length);
  const word = view.state.wordAt(from);
  const to = Math.max(word?.to ?? from + 1, from + 1);
  return [{ from: Math.min(from, view.state.doc.length), to: Math.min(to, view.state.doc.length), severity: 'error', message: error.detail || error.title }];
}

let current = null;
export const editorText = () => current?.state.doc.toString() ?? '';
export function setEditorText(text) {
  if (!current) return;
  current.dispatch({ changes: { from: 0, to: current.state.doc.length, insert: text }, selection: { anchor: text.length } });
  current.focus();
}
export const insertText = (text) => {
  current?.dispatch(current.state.replaceSelection(text));
  current?.focus();
};

export function Editor() {
  const host = useRef(null);
  useEffect(() => {
    const runIt = () => {
      closeCompletion(current);
      run(current.state.doc.toString());
      return true;
    };
    const view = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: startingText(),
        extensions: [
          lineNumbers(),
          history(),
          drawSelection(),
          bracketMatching(),
          closeBrackets(),
          autocompletion(),
          lintGutter(),
          syntaxHighlighting(colours),
          placeholder('SELECT …'),
          language.of(languageFor(tables.value)),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ 'aria-label': 'SQL statement', 'aria-describedby': 'editor-help', spellcheck: 'false' }),
          EditorView.updateListener.of((update) => {
            if (!update.docChanged) return;
            rememberText(update.state.doc.toString());
            if (problem.value?.position) update.view.dispatch(setDiagnostics(update.state, []));
          }),
          // Tab is left to the browser, so that the keyboard can leave the editor.
          keymap.of([{ key: 'Mod-Enter', run: runIt }, ...completionKeymap, ...defaultKeymap, ...historyKeymap]),
        ],
      }),
    });
    current = view;
    const stops = [
      effect(() => view.dispatch({ effects: language.reconfigure(languageFor(tables.value)) })),
      effect(() => {
        const error = problem.value;
        view.dispatch(setDiagnostics(view.state, diagnosticsFor(view, error)));
        if (error?.position) view.dispatch({ selection: { anchor: Math.min(offsetOf(error.sql, error.position), view.state.doc.length) }, scrollIntoView: true });
      }),
    ];
    view.focus();
    return () => {
      stops.forEach((stop) => stop());
      view.destroy();
    };
  }, []);
  return <div class="editor" ref={host} />;
}
