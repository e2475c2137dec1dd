import {
  DEFAULT_TOKENIZER,
  USUAL_MERGING,
  currentIndex,
  ftsCommand,
  mergeSegments,
  otherIndex,
} from '../sqlite/fts-index.js';
import {
  type BuildReport,
  abandonBuild,
  beginBuild,
  checkBuild,
  noteIndexed,
  pendingChanges,
  presentBuild,
  replayChanges,
  reportOf,
  setTokenizer,
  swapIndexes,
  targetIndex,
} from '../sqlite/index-build.js';
import type { IndexName } from '../sqlite/layout.js';
import type { OpenTable } from '../sqlite/open-table.js';
import { PacedWriter } from '../sqlite/paced-writer.js';
import { RowIndexer } from '../sqlite/row-indexer.js';
import { numberRows } from '../sqlite/row-numbers.js';
import { type RowWindow, rowWindows } from '../sqlite/row-windows.js';
import type { SegmentList } from '../sqlite/segment-list.js';
import { ShadowTables, type StepCheck, openShadows } from '../sqlite/shadow-tables.js';
import { type TableContext, openTableOf, pathOf, preparedTableOf } from './table-data.js';

const WINDOW_ROWS = { min: 100, max: 1_000 };
// Changes brought in at a time: some 10 ms. The transaction that swaps may be left a quarter as many.
const REPLAY_ROWS = 200;
const LAST_ROWS = 50;
// Others might write faster than changes are brought in, though it takes less time: then the swap takes the rest.
const MAX_REPLAYS = 1_000;
// As many segments as FTS5 can be told to wait for before it merges. Each entry is merged once where there are 16 × 16.
const MERGED_SEGMENTS = 16;
// Pages that one transaction merges (about 10 ms), and that are merged for each page that is new.
const MERGE_PAGES = 128;
const MERGED_PER_PAGE = 3;

/** Takes over: from now on changes are noted, and what earlier builds left behind is gone. Returns what to do. */
export async function beginRebuild(context: TableContext): Promise<RowWindow[]> {
  context.stage('preparing');
  const open = preparedTableOf(context);
  const build = context.taskId;
  await numberRows(open, () => context.throwIfCancelled());
  beginBuild(open, build);
  await wipe(context, targetIndex(open, build), (locked) => stillBuilds(locked, context));
  setTokenizer(open, build, tokenizerOf(context));
  return rowWindows(open, { rows: WINDOW_ROWS });
}

/** Indexes windows. It may run again: what is indexed already stays. */
export async function runRebuild(windows: readonly RowWindow[], context: TableContext): Promise<number> {
  context.stage('indexing');
  const open = openTableOf(context);
  const target = targetIndex(open, context.taskId);
  const indexer = new RowIndexer(shadowsOf(context), tokenizerOf(context));
  try {
    const rows = indexer.index(windows, target, (at) => {
      context.throwIfCancelled();
      context.progress(at);
    });
    if (rows === 0) return 0;
    const { list, pages } = await indexer.addTo(target, (locked) => void stillBuilds(locked, context));
    await mergeMany(context, target, list, pages);
    return rows;
  } finally {
    indexer.close();
  }
}

/** Brings in what changed meanwhile, and swaps. May run again from any point. */
export async function finishRebuild(context: TableContext): Promise<BuildReport> {
  const done = reportOf(openTableOf(context), context.taskId) ?? (await swapIn(context));
  // The new index answers: from here on nothing can be taken back, and cancelling has no effect.
  context.stage('removing the old index');
  await removeOld(context);
  return done;
}

/** Leaves nothing behind, whatever the outcome was. The index that answers stays as it is. */
export async function endRebuild(context: TableContext): Promise<void> {
  abandonBuild(openTableOf(context), context.taskId);
  await removeOld(context);
}

/**
 * Merges some segments where there are many, on another connection than the one that made them. Step by step as they
 * come, because FTS5 can't have more than 2,000 of them, nor should a search have to look at so many.
 */
async function mergeMany(context: TableContext, index: IndexName, list: SegmentList, newPages: number): Promise<void> {
  const isDue = list.levels.some(({ merging, segments }) => merging > 0 || segments.length >= MERGED_SEGMENTS);
  if (!isDue) return;
  const { db, layout } = openTableOf(context);
  const table = layout.fts(index);
  const writer = new PacedWriter(db);
  for (let pages = newPages * MERGED_PER_PAGE; pages > 0; pages -= MERGE_PAGES) {
    const merged = await writer.write(() => {
      stillBuilds({ db, layout }, context);
      ftsCommand(db, table, 'usermerge', MERGED_SEGMENTS);
      const hasMerged = mergeSegments(db, table, MERGE_PAGES);
      ftsCommand(db, table, 'usermerge', USUAL_MERGING.usermerge);
      return hasMerged;
    });
    if (!merged) break;
  }
}

async function swapIn(context: TableContext): Promise<BuildReport> {
  const open = openTableOf(context);
  const build = context.taskId;
  noteIndexed(open, build);
  context.stage('catching up');
  const writer = new PacedWriter(open.db);
  for (let round = 0; round < MAX_REPLAYS && pendingChanges(open, LAST_ROWS + 1) > LAST_ROWS; round++) {
    context.throwIfCancelled();
    await writer.write(() => replayChanges(open, build, REPLAY_ROWS));
  }
  context.throwIfCancelled();
  context.stage('swapping');
  return swapIndexes(open, build);
}

/** Empties the index that does not answer, unless another build has begun on it. */
async function removeOld(context: TableContext): Promise<void> {
  const old = otherIndex(currentIndex(openTableOf(context)));
  await wipe(context, old, (locked) => presentBuild(locked) === null && currentIndex(locked) !== old);
}

function wipe(context: TableContext, index: IndexName, mayGoOn: StepCheck): Promise<void> {
  return new ShadowTables(shadowsOf(context)).wipe(index, mayGoOn);
}

/** The thread's own connection to what is behind the indexes, kept warm. */
function shadowsOf(context: TableContext): OpenTable {
  const path = pathOf(context);
  const { db } = context.perThread(`shadows ${path}`, () => {
    const shadows = openShadows(path);
    return { db: shadows, close: () => void shadows.close() };
  });
  return { db, layout: openTableOf(context).layout };
}

function stillBuilds(locked: OpenTable, context: TableContext): boolean {
  context.throwIfCancelled();
  checkBuild(locked, context.taskId);
  return true;
}

function tokenizerOf(context: TableContext): string {
  return context.data.tokenizer ?? DEFAULT_TOKENIZER;
}
