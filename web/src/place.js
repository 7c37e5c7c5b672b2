// Where one is: the part of the address after "#". Every page, tab and view has one, so that it can be linked to, and Back works.
import { computed, signal } from '@preact/signals';

const hash = signal(location.hash);
addEventListener('hashchange', () => (hash.value = location.hash));

// {page: 'table', parts: ['postgres.public.users', 'columns'], query: URLSearchParams}
export const place = computed(() => {
  const [path, search = ''] = hash.value.replace(/^#\/?/, '').split(/\?(.*)/s);
  const [page, ...parts] = path.split('/').map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return { page: page || 'query', parts, query: new URLSearchParams(search) };
});

export const hrefOf = (page, parts = [], query) => {
  const path = [page, ...parts].map((part) => encodeURIComponent(part)).join('/');
  const search = query ? `?${new URLSearchParams(query)}` : '';
  return `#/${path}${search}`;
};

export function go(href, { replace = false } = {}) {
  if (replace) history.replaceState(null, '', href);
  else location.hash = href;
  hash.value = href;
}
