// A part of the page that is fetched when it is first looked at.
import { useEffect, useState } from 'preact/hooks';

const loaded = new Map();

export function Lazy({ load, pick, ...props }) {
  const [state, setState] = useState(() => loaded.get(pick) ?? null);
  useEffect(() => {
    let gone = false;
    if (!state)
      load().then((module) => {
        loaded.set(pick, module[pick]);
        if (!gone) setState(() => module[pick]);
      }, () => !gone && setState('failed'));
    return () => (gone = true);
  }, []);
  if (state === 'failed') return <p class="empty">This part of the page could not be fetched. Is the server running? <button type="button" class="link" onClick={() => location.reload()}>Load the page again</button></p>;
  if (!state) return <Waiting />;
  const Part = state;
  return <Part {...props} />;
}

export const Waiting = ({ text = 'Loading' }) => <p class="waiting" role="status"><span class="spinner" aria-hidden="true" />{text}…</p>;
