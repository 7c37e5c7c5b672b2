// Light, dark, or as the system has it.
import { effect, signal } from '@preact/signals';
import { stored, store } from './storage.js';

const ORDER = ['auto', 'light', 'dark'];
export const theme = signal(ORDER.includes(stored('signalbox.theme', 'auto')) ? stored('signalbox.theme', 'auto') : 'auto');

effect(() => {
  if (theme.value === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
});

export function cycleTheme() {
  theme.value = ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length];
  store('signalbox.theme', theme.value);
}
