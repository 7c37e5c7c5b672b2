import { render } from 'preact';
import { useEffect } from 'preact/hooks';
import { announcement, engines, refreshCatalog } from './catalog.js';
import { Explorer } from './explorer.jsx';
import { milliseconds } from './format.js';
import { Icon } from './icons.jsx';
import { Lazy } from './lazy.jsx';
import { hrefOf, place } from './place.js';
import { palette, Palette, Shortcuts, shortcuts } from './palette.jsx';
import { QueryPage } from './query/query.jsx';
import { cycleTheme, theme } from './theme.js';

const PAGES = [
  { name: 'query', label: 'Query', part: () => <QueryPage /> },
  { name: 'tables', label: 'Tables', part: () => <Lazy load={() => import('./tables/tables.jsx')} pick="TablesPage" /> },
  { name: 'ingest', label: 'Ingest', part: () => <Lazy load={() => import('./ingest/ingest.jsx')} pick="IngestPage" /> },
  { name: 'live', label: 'Live', part: () => <Lazy load={() => import('./live/live.jsx')} pick="LivePage" /> },
  { name: 'jobs', label: 'Jobs', part: () => <Lazy load={() => import('./jobs/jobs.jsx')} pick="JobsPage" /> },
  { name: 'system', label: 'System', part: () => <Lazy load={() => import('./system/system.jsx')} pick="SystemPage" /> },
];

function Lights() {
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

const THEMES = { auto: ['auto', 'Light or dark, as the system has it'], light: ['sun', 'Light'], dark: ['moon', 'Dark'] };

function Header({ current }) {
  const [icon, words] = THEMES[theme.value];
  return (
    <header>
      <h1><a href={hrefOf('query')}><img src="icon.svg" alt="" width="26" height="26" /> Signalbox</a></h1>
      <nav class="pages" aria-label="Pages">
        {PAGES.map((page) => (
          <a key={page.name} href={hrefOf(page.name)} aria-current={current === page ? 'page' : undefined}><Icon name={page.name} /><span>{page.label}</span></a>
        ))}
      </nav>
      <button type="button" class="find" onClick={() => (palette.value = true)}><Icon name="search" size={15} /> Go to… <kbd>Ctrl K</kbd></button>
      <Lights />
      <span class="header-buttons">
        <a class="icon-button" href="docs/" aria-label="The API’s documentation" title="The API’s documentation"><Icon name="book" /></a>
        <button type="button" class="icon-button" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick={() => (shortcuts.value = true)}><Icon name="keys" /></button>
        <button type="button" class="icon-button" aria-label={`Colours: ${words}`} title={words} onClick={cycleTheme}><Icon name={icon} /></button>
      </span>
    </header>
  );
}

function Page() {
  useEffect(() => {
    refreshCatalog();
    const timer = setInterval(() => document.hidden || refreshCatalog(), 30000);
    return () => clearInterval(timer);
  }, []);
  const current = PAGES.find((page) => page.name === place.value.page) ?? PAGES[0];
  useEffect(() => {
    document.title = current.name === 'query' ? 'Signalbox' : `${current.label} · Signalbox`;
  }, [current]);
  const withExplorer = current.name === 'query' || current.name === 'tables';
  return (
    <>
      <Header current={current} />
      <div class={withExplorer ? 'body' : 'body alone'}>
        {withExplorer && <Explorer />}
        <main key={current.name} class={`page-${current.name}`}>{current.part()}</main>
      </div>
      <Palette pages={PAGES} />
      <Shortcuts />
      <p id="announcements" class="unseen" role="status" aria-live="polite">{announcement.value}</p>
    </>
  );
}

const host = document.getElementById('page');
host.textContent = '';
render(<Page />, host);
