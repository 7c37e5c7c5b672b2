// Tabs of which one is chosen: arrow keys move between them, as everywhere.
export function TabList({ label, id, items, chosen, onChoose }) {
  const onKey = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = items.findIndex(([name]) => name === chosen);
    const [next] = items[(at + step + items.length) % items.length];
    onChoose(next);
    requestAnimationFrame(() => document.getElementById(`${id}-${next}`)?.focus());
    event.preventDefault();
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} onKeyDown={onKey}>
      {items.map(([name, text]) => (
        <button key={name} id={`${id}-${name}`} type="button" role="tab" aria-selected={chosen === name} aria-controls={chosen === name ? `${id}-panel` : undefined}
          tabIndex={chosen === name ? 0 : -1} onClick={() => onChoose(name)}>{text}</button>
      ))}
    </div>
  );
}
