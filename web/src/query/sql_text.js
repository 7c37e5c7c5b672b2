// What the page must know of a statement's text: where statements end, which parameters it has, whether it only reads.

// Calls visit(kind, from, to) for each piece: 'code', 'quoted' (strings, names, dollar quotes) or 'comment'.
function pieces(sql, visit) {
  const pattern = /--[^\n]*|\/\*|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|\$([A-Za-z_]\w*)?\$/g;
  let at = 0;
  for (let found; (found = pattern.exec(sql)); ) {
    let end = pattern.lastIndex;
    if (found[0] === '/*') {
      let depth = 1;
      const marks = /\/\*|\*\//g;
      marks.lastIndex = end;
      for (let mark; depth > 0 && (mark = marks.exec(sql)); end = marks.lastIndex) depth += mark[0] === '/*' ? 1 : -1;
      if (depth > 0) end = sql.length;
    } else if (found[0].startsWith('$')) {
      const close = sql.indexOf(found[0], end);
      end = close < 0 ? sql.length : close + found[0].length;
    } else if (found[0][0] === "'" && /\be$/i.test(sql.slice(Math.max(0, found.index - 2), found.index))) {
      const escaped = /(?:[^'\\]|\\.|'')*(?:'|$)/sy; // E'...': a backslash escapes
      escaped.lastIndex = found.index + 1;
      escaped.exec(sql);
      end = escaped.lastIndex || sql.length;
    }
    if (found.index > at) visit('code', at, found.index);
    visit(found[0].startsWith('--') || found[0] === '/*' ? 'comment' : 'quoted', found.index, end);
    pattern.lastIndex = at = end;
  }
  if (at < sql.length) visit('code', at, sql.length);
}

// The statements: [{from, to}], without the semicolons and the space around them.
export function statementsOf(sql) {
  const ends = [];
  pieces(sql, (kind, from, to) => {
    if (kind === 'code') for (let i = from; i < to; i++) if (sql[i] === ';') ends.push(i);
  });
  const found = [];
  let from = 0;
  for (const to of [...ends, sql.length]) {
    const text = sql.slice(from, to);
    const trimmed = text.trim();
    if (trimmed) {
      const start = from + text.indexOf(trimmed);
      found.push({ from: start, to: start + trimmed.length });
    }
    from = to + 1;
  }
  return found;
}

export const statementAt = (sql, position) => {
  const all = statementsOf(sql);
  return all.find((statement) => position <= statement.to + 1) ?? all.at(-1);
};

// How many parameters: the highest $n outside of strings and comments.
export function parameterCount(sql) {
  let most = 0;
  pieces(sql, (kind, from, to) => {
    if (kind === 'code') for (const [, digits] of sql.slice(from, to).matchAll(/\$(\d{1,4})\b/g)) most = Math.max(most, Number(digits));
  });
  return Math.min(most, 100);
}

function firstWord(sql) {
  let text = '';
  pieces(sql, (kind, from, to) => {
    if (kind !== 'comment') text += sql.slice(from, to);
  });
  return (/^[\s(]*(\w+)/.exec(text)?.[1] ?? '').toLowerCase();
}

// By its first word only: what the page may offer to run a second time, the server's class of it decides.
export const startsAsRead = (sql) => ['select', 'with', 'values', 'table'].includes(firstWord(sql));
export const isExplain = (sql) => firstWord(sql) === 'explain';
