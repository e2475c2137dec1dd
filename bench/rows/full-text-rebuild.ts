import { setTimeout as sleep } from 'node:timers/promises';
import { corpus } from '../runner/corpus.js';
import { medianFigure, quantileFigure, ratioFigure } from '../runner/figures.js';
import { interleave } from '../runner/interleave.js';
import type { Effort, Figure, Measured, Row } from '../runner/row.js';
import { FullTextStore } from '../scenarios/full-text-store.js';
import { type Seen, withClients } from '../scenarios/store-clients.js';

const TIME_GOAL = { atMost: 1.1 };
const WAIT_GOAL = { atMost: 50 };
const NO_FAILURES = { atMost: 0 };

/** Row 13. */
export const fullTextRebuild: Row = {
  number: 13,
  question: 'Rebuilding a full-text index while it is in use, against SQLite’s own `rebuild`',
  goal: 'at most 1.1 × its time; a writer waits at most 50 ms (p99); no read fails',
  about: `Passages of the corpus are stored with \`embed_batch\`, all of them for each of two users. \`rebuild_fts_index\` makes the store's index anew, from \`submit\` to its
result, the removal of the old index included. SQLite's one statement rebuilds an index of the same columns, rows and
tokenizer in the same file, which holds the write lock all the while. At the end both must have the same words, each in as many rows and as
often. Then, in rounds of their own, one thread adds a row every 10 ms and another searches every 10 ms while
the index is rebuilt; a search that throws or finds nothing counts as failed, and afterwards every row must have its entry.
The same clients run beside SQLite's statement and beside nothing. Both leave an index of several segments, each of which a search
looks at: how many, and how long searches of all rows take in them.`,
  shortfall: `indexing the rows takes nearly as long as SQLite's statement takes in all. What it merges more is saved here; what comes
on top is a transaction for each chunk, its way to the thread and back, and emptying the old index.`,
  run,
};

interface Beside {
  readonly name: string;
  readonly seen: Seen[];
  work(): Promise<unknown>;
}

async function run({ quick, rounds }: Effort): Promise<Measured> {
  const passages = corpus(quick ? 2_000 : 20_000);
  await using store = new FullTextStore(passages);
  const rows = await store.addTexts(passages);
  const { online, sqlite } = await interleave(
    { online: () => store.rebuildOnline(), sqlite: () => store.rebuildBySqlite() },
    rounds,
  );
  store.checkComplete();
  store.checkSame();
  const searches = await interleave(
    { online: () => store.searchIndex('store'), sqlite: () => store.searchIndex('own') },
    rounds,
  );
  const segments = { online: store.segments('store'), sqlite: store.segments('own') };

  const abstracts = await longerTexts(passages, rounds);

  const rebuild: Beside = { name: 'the online rebuild', seen: [], work: () => store.rebuildOnline() };
  const statement: Beside = { name: 'SQLite’s own', seen: [], work: () => store.rebuildBySqlite() };
  const nothing: Beside = { name: 'nothing', seen: [], work: () => sleep(quick ? 200 : 1_000) };
  for (let round = 0; round < rounds; round++) {
    for (const beside of [rebuild, statement, nothing]) beside.seen.push(await withClients(store, () => beside.work()));
    store.checkComplete();
  }
  return {
    config: { rows, 'threads on the rebuild': 1 },
    figures: [
      ratioFigure('online rebuild against SQLite’s own', online, sqlite, TIME_GOAL),
      ratioFigure('the same, texts of three passages', abstracts.online, abstracts.sqlite, TIME_GOAL),
      medianFigure('online rebuild', 'ms', online),
      medianFigure('SQLite’s own', 'ms', sqlite),
      medianFigure('online rebuild', 'segments', [segments.online]),
      medianFigure('SQLite’s own', 'segments', [segments.sqlite]),
      ratioFigure('searches in the one against the other', searches.online, searches.sqlite),
      ...waits(rebuild, true),
      ...waits(statement, false),
      ...waits(nothing, false),
    ],
  };
}

/** The same comparison where a row has about as much text as an abstract of a paper. */
async function longerTexts(
  passages: readonly string[],
  rounds: number,
): Promise<{ online: number[]; sqlite: number[] }> {
  const texts: string[] = [];
  for (let at = 0; at < passages.length; at += 3) texts.push(passages.slice(at, at + 3).join('\n'));
  await using store = new FullTextStore(texts);
  await store.addTexts(texts);
  const times = await interleave(
    { online: () => store.rebuildOnline(), sqlite: () => store.rebuildBySqlite() },
    rounds,
  );
  store.checkComplete();
  store.checkSame();
  return times;
}

function waits({ name, seen }: Beside, goal: boolean): Figure[] {
  const writes = seen.map(({ writer }) => writer.ms);
  const failed = (role: keyof Seen): Figure => {
    const failures = seen.map((each) => each[role].failures.length);
    const calls = seen.reduce((sum, each) => sum + each[role].ms.length, 0);
    const total = failures.reduce((sum, count) => sum + count, 0);
    const unit = role === 'reader' ? 'failed reads' : 'failed writes';
    return {
      name: `beside ${name}`,
      unit,
      value: total,
      spread: null,
      goal: goal ? NO_FAILURES : null,
      count: calls,
      samples: failures,
    };
  };
  return [
    quantileFigure(`write beside ${name}, p99`, 'ms', 0.99, writes, goal ? WAIT_GOAL : null),
    quantileFigure(`write beside ${name}, p50`, 'ms', 0.5, writes),
    quantileFigure(`write beside ${name}, longest`, 'ms', 1, writes),
    failed('reader'),
    failed('writer'),
  ];
}
