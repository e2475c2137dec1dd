// Searches what index.js has indexed. Exit codes as grep's: 0 something was found, 1 nothing, 2 an error.
import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { hashingEmbedder } from 'treadle/embedders';
import { openSearch } from 'treadle/store';
import { UsageError, runCommand } from './command.js';
import { PASSAGES } from './passage-table.js';

const USAGE = 'Usage: node search.js "query" [--db docs-search.db] [--mode text|vector|hybrid] [--limit 5]';

const [BOLD, PLAIN] = process.stdout.isTTY ? ['\u001B[1m', '\u001B[22m'] : ['«', '»'];

await runCommand(USAGE, async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      db: { type: 'string', default: 'docs-search.db' },
      mode: { type: 'string', default: 'hybrid' },
      limit: { type: 'string', default: '5' },
    },
  });
  const query = positionals.join(' ');
  if (query.trim() === '') throw new UsageError('Expected a query');
  if (!existsSync(values.db)) throw new Error(`There is no ${values.db}. Make it: node index.js <folder>`);
  const search = openSearch({ path: values.db, ...PASSAGES, embedder: hashingEmbedder() });
  try {
    const { mode, limit } = values;
    const hits = await search.search(query, { mode, limit: Number(limit), snippet: true });
    for (const hit of hits) console.log(shown(hit));
    if (hits.length > 0) return 0;
    console.error('Nothing found');
    return 1;
  } finally {
    search.close();
  }
});

/** A hit: where it is, how it was found, and the part that fits best. */
function shown({ row, score, lists, snippet }) {
  const places = Object.entries(lists).map(([list, { rank }]) => `${list} ${rank}`);
  // The best part may be the heading, which stands above it anyway.
  const isHeading = snippet.text === row.heading;
  const heading = isHeading ? highlighted(snippet) : printable(row.heading);
  const part = isHeading ? printable(row.body.slice(0, 150)) : highlighted(snippet);
  const name = relative('', row.file);
  return `${heading === '' ? name : `${name}  ${heading}`}\n  ${score.toFixed(3)} (${places.join(', ')})\n  ${part}\n`;
}

function highlighted({ text, highlights }) {
  let shownText = '';
  let at = 0;
  for (const [start, end] of highlights) {
    shownText += printable(text.slice(at, start)) + BOLD + printable(text.slice(start, end)) + PLAIN;
    at = end;
  }
  return shownText + printable(text.slice(at));
}

/** On one line, and without anything that a terminal would obey. */
function printable(text) {
  return text.replace(/[\p{Cc}\s]+/gu, ' ');
}
