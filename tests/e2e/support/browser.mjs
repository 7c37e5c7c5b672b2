// Chromium with a profile of its own, and what the page's tests watch for.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { base } from './stack.mjs';

const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export const WIDE = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

// One browser, one profile below the temporary directory; `close` ends both.
export async function openBrowser() {
  const profile = mkdtempSync(join(tmpdir(), 'signalbox-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.SIGNALBOX_CHROMIUM || '/usr/bin/chromium',
    args: ARGUMENTS,
    viewport: WIDE,
    acceptDownloads: true,
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const open = async ({ viewport = WIDE, dark = false, storage = {}, at = '' } = {}) => {
    const page = await context.newPage();
    const seen = { foreign: [], console: [] };
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (/^(https?|wss?):$/.test(url.protocol) && url.origin !== new URL(base).origin) seen.foreign.push(request.url());
    });
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') seen.console.push(message.text());
    });
    page.on('pageerror', (error) => seen.console.push(String(error)));
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce' });
    await page.goto(base, { waitUntil: 'networkidle' });
    await page.evaluate((items) => {
      localStorage.clear();
      for (const [key, value] of Object.entries(items)) localStorage.setItem(key, value);
    }, storage);
    await page.goto(`${base}/${at}`);
    await page.reload({ waitUntil: 'networkidle' });
    await page.locator('main').waitFor();
    return { page, seen };
  };
  const close = async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  };
  return { open, close };
}

// Replaces the editor's text as a user would.
export async function write(page, sql) {
  await page.locator('.cm-content').focus();
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(sql);
}

export const bodyRows = (page) => page.locator('.grid tbody tr[aria-rowindex]');
export const cellsOf = (page, row = 0) => bodyRows(page).nth(row).locator('td:not(.filler)').allTextContents();

// A refused statement is reported by the browser itself; the page shows it, it is no fault of the page.
export const ownFaults = (seen) => seen.console.filter((line) => !/Failed to load resource: the server responded with a status of 4\d\d/.test(line));

// Each run has an id, which its answer or its problem shows.
const shownId = (page) => page.evaluate(() => document.querySelector('.problem[data-id], .result[data-id]')?.dataset.id ?? '');
export async function afterRun(page, act) {
  const before = await shownId(page);
  await act();
  await page.waitForFunction((old) => {
    const shown = document.querySelector('.problem[data-id], .result[data-id]');
    return shown && shown.dataset.id !== old && !document.querySelector('.run.running') && shown.getAttribute('aria-busy') !== 'true';
  }, before, { timeout: 120_000 });
}
export async function runText(page, sql) {
  await write(page, sql);
  await afterRun(page, () => page.keyboard.press('Control+Enter'));
}
