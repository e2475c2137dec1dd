import Sqlite from 'better-sqlite3';
import { DEFAULT_TOKENIZER, currentIndex, otherIndex } from '../sqlite/fts-index.js';
import {
  type BuildReport,
  abandonBuild,
  beginBuild,
  checkBuild,
  isCopied,
  noteCopied,
  pendingChanges,
  presentBuild,
  replayChanges,
  reportOf,
  setTokenizer,
  swapIndexes,
  targetIndex,
} from '../sqlite/index-build.js';
import type { OpenTable } from '../sqlite/open-table.js';
import { PacedWriter } from '../sqlite/paced-writer.js';
import { numberRows } from '../sqlite/row-numbers.js';
import { type RowWindow, rowWindows } from '../sqlite/row-windows.js';
import { ShadowTables } from '../sqlite/shadow-tables.js';
import { SideIndex, type SideIndexPlace, removeSideIndexes, sideIndexPath } from '../sqlite/side-index.js';
import { type TableContext, openTableOf, pathOf, preparedTableOf } from './table-data.js';

/** Rows to index, or one of so many equal shares of merging what was indexed. */
export type RebuildItem = RowWindow | { readonly mergeShareOf: number };

// A window is indexed by one statement, which can't be stopped and writes out what it has: longer ones are cheaper.
const WINDOW_ROWS = { min: 100, max: 1_000 };
// Merging takes about so much of the time of indexing.
const MERGE_SHARE = 0.3;
// Changes brought in at a time: some 10 ms. The transaction that swaps may be left a quarter as many.
const REPLAY_ROWS = 200;
const LAST_ROWS = 50;
// Others might write faster than changes are brought in, though it takes less time: then the swap takes the rest.
const MAX_REPLAYS = 1_000;

/** Takes over: from now on changes are noted, and what earlier builds left behind is gone. Returns what to do. */
export async function beginRebuild(context: TableContext): Promise<RebuildItem[]> {
  context.stage('preparing');
  const open = preparedTableOf(context);
  const build = context.taskId;
  await numberRows(open, () => context.throwIfCancelled());
  beginBuild(open, build);
  removeSideIndexes(pathOf(context), open.layout);
  await orSuperseded(context, async () => {
    await withShadowTables(context, (tables) =>
      tables.wipe(targetIndex(open, build), (locked) => stillBuilds(locked, context)),
    );
    const { tokenizer = DEFAULT_TOKENIZER } = context.data;
    setTokenizer(open, build, tokenizer);
    SideIndex.create(placeOf(context), tokenizer).close();
  });
  const windows = rowWindows(open, { rows: WINDOW_ROWS });
  const shares = Math.ceil(windows.length * MERGE_SHARE);
  return [...windows, ...Array.from({ length: shares }, () => ({ mergeShareOf: shares }))];
}

/**
 * Indexes windows in the side file, and merges there. It may run again: what is indexed already stays, and a share of
 * merging too many or too early only leaves less or more of it to the end.
 */
export function runRebuild(items: readonly RebuildItem[], context: TableContext): Promise<number> {
  return orSuperseded(context, () => withSide(context, (side) => indexAndMerge(side, items, context)));
}

function indexAndMerge(side: SideIndex, items: readonly RebuildItem[], context: TableContext): number {
  return side.transaction(() => {
    let rows = 0;
    for (const [at, item] of items.entries()) {
      context.stage('mergeShareOf' in item ? 'merging' : 'indexing');
      context.throwIfCancelled();
      if ('mergeShareOf' in item) side.mergeShare(item.mergeShareOf);
      else rows += side.fill(item);
      context.progress(at + 1);
    }
    return rows;
  });
}

/** Brings the new index into the store, then what changed meanwhile, and swaps. May run again from any point. */
export async function finishRebuild(context: TableContext): Promise<BuildReport> {
  const done = reportOf(openTableOf(context), context.taskId) ?? (await orSuperseded(context, () => swapIn(context)));
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

async function swapIn(context: TableContext): Promise<BuildReport> {
  const open = openTableOf(context);
  const build = context.taskId;
  checkBuild(open, build);
  // What was brought in since is on no list any more: another copy would lose it.
  if (!isCopied(open)) await copyIn(context);
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

async function copyIn(context: TableContext): Promise<void> {
  const build = context.taskId;
  const rows = mergeSide(context);
  context.stage('copying');
  const target = targetIndex(openTableOf(context), build);
  const mayGoOn = (locked: OpenTable): boolean => stillBuilds(locked, context);
  await withShadowTables(context, async (tables) => {
    await tables.wipe(target, mayGoOn);
    await tables.copy(sideIndexPath(placeOf(context)), target, mayGoOn, (locked) => noteCopied(locked, build, rows));
  });
}

/** Merges the segments of the side file, and returns how many rows it has. */
function mergeSide(context: TableContext): number {
  context.stage('merging');
  return withSide(context, (side) => {
    while (side.merge()) context.throwIfCancelled();
    return side.count();
  });
}

// Opened for each chunk: left open in a warm thread it would keep the space of a file that is long removed.
function withSide<T>(context: TableContext, work: (side: SideIndex) => T): T {
  checkBuild(openTableOf(context), context.taskId);
  const side = SideIndex.open(placeOf(context));
  try {
    return work(side);
  } finally {
    side.close();
  }
}

/** A later build removes the side file, whatever an earlier one is doing with it: that is why it failed then. */
async function orSuperseded<T>(context: TableContext, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Sqlite.SqliteError) checkBuild(openTableOf(context), context.taskId);
    throw error;
  }
}

/** Empties the index that does not answer, unless another build has begun on it, and removes the side file. */
async function removeOld(context: TableContext): Promise<void> {
  const open = openTableOf(context);
  const old = otherIndex(currentIndex(open));
  await withShadowTables(context, (tables) =>
    tables.wipe(old, (locked) => presentBuild(locked) === null && currentIndex(locked) !== old),
  );
  removeSideIndexes(pathOf(context), open.layout, context.taskId);
}

function stillBuilds(locked: OpenTable, context: TableContext): boolean {
  context.throwIfCancelled();
  checkBuild(locked, context.taskId);
  return true;
}

async function withShadowTables<T>(context: TableContext, work: (tables: ShadowTables) => Promise<T>): Promise<T> {
  const tables = new ShadowTables(pathOf(context), openTableOf(context).layout);
  try {
    return await work(tables);
  } finally {
    tables.close();
  }
}

function placeOf(context: TableContext): SideIndexPlace {
  return { path: pathOf(context), layout: openTableOf(context).layout, build: context.taskId };
}
