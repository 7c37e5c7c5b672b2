// Line icons on a 24 unit grid, drawn for this page.
const PATHS = {
  query: 'M4 6h16M4 12h9M4 18h6m5-4 5 3.5-5 3.5z',
  tables: 'M4 5h16v14H4zM4 10h16M10 10v9',
  ingest: 'M12 4v11m0 0-4-4m4 4 4-4M4 19h16',
  live: 'M3 12h4l3-7 4 14 3-7h4',
  jobs: 'M5 6h14M5 12h14M5 18h9M3 6h.01M3 12h.01M3 18h.01',
  system: 'M4 18a8 8 0 1 1 16 0M12 18l4-6',
  history: 'M12 8v4l3 2M4 12a8 8 0 1 0 2.5-5.8L4 8.5M4 4v4.5h4.5',
  plus: 'M12 5v14M5 12h14',
  play: 'M8 5l11 7-11 7z',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2m0 16v2M2 12h2m16 0h2M5 5l1.4 1.4m11.2 11.2L19 19M5 19l1.4-1.4M17.6 6.4 19 5',
  moon: 'M20 14.5A8 8 0 1 1 9.5 4a6.5 6.5 0 0 0 10.5 10.5z',
  auto: 'M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5',
  keys: 'M3 7h18v10H3zM7 11h.01M11 11h.01M15 11h.01M8 14h8',
  book: 'M5 4h11a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3zM5 17a3 3 0 0 1 3-3h11',
  pause: 'M8 5v14M16 5v14',
};

export const Icon = ({ name, size = 18 }) => (
  <svg class={`icon icon-${name}`} width={size} height={size} viewBox="0 0 24 24" fill={name === 'play' ? 'currentColor' : 'none'} stroke="currentColor" stroke-width="1.9" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
    <path d={PATHS[name]} />
  </svg>
);
