// Bundles src/ into dist/: static files that nginx serves; nothing is asked of any other host. What is not needed for the first
// query (charts, plans, the other pages, the formatter) is in files of its own, fetched when it is looked at.
import { build } from 'esbuild';
import { cp, mkdir, rm } from 'node:fs/promises';

await rm('dist', { recursive: true, force: true });
await mkdir('dist', { recursive: true });
await build({
  entryPoints: ['src/main.jsx', 'src/page.css'],
  bundle: true,
  splitting: true,
  chunkNames: 'part-[name]-[hash]',
  minify: true,
  format: 'esm',
  target: 'es2022',
  outdir: 'dist',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'linked',
  logLevel: 'info',
});
await build({
  entryPoints: ['src/docs/docs.js', 'src/docs/docs.css'], // /docs: the API's document, rendered
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  outdir: 'dist/docs',
  logLevel: 'info',
});
await cp('src/docs/index.html', 'dist/docs/index.html');
await cp('src/icon.svg', 'dist/icon.svg');
await cp('src/index.html', 'dist/index.html'); // last: its time says that the build is whole
