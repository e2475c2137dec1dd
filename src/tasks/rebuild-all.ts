import { resolve } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import type { TaskContext } from '../engine/define-task.js';
import { currentIndex, otherIndex } from '../store/fts-index.js';
import { type IdWindow, idWindows } from '../store/id-windows.js';
import {
  type BuildReport,
  abandonBuild,
  beginBuild,
  checkBuild,
  pendingChanges,
  replayChanges,
  reportOf,
  swapIndexes,
  targetIndex,
} from '../store/index-build.js';
import { PacedWriter } from '../store/paced-writer.js';
import { ShadowTables } from '../store/shadow-tables.js';
import { SideIndex, removeSideIndexes, sideIndexPath } from '../store/side-index.js';
import { type MemoryData, connectionOf } from './memory-data.js';

type Context = TaskContext<MemoryData>;

/** Rows to index, or one of so many equal shares of merging what was indexed. */
export type RebuildItem = IdWindow | { readonly mergeShareOf: number };

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
export async function beginRebuild(context: Context): Promise<RebuildItem[]> {
  context.stage('preparing');
  const db = connectionOf(context);
  const build = context.taskId;
  beginBuild(db, build);
  removeSideIndexes(pathOf(context));
  await orSuperseded(context, async () => {
    await withShadowTables(context, (tables) =>
      tables.wipe(targetIndex(db, build), (locked) => stillBuilds(locked, context)),
    );
    SideIndex.create(pathOf(context), build).close();
  });
  const windows = idWindows(db, WINDOW_ROWS, null);
  const shares = Math.ceil(windows.length * MERGE_SHARE);
  return [...windows, ...Array.from({ length: shares }, () => ({ mergeShareOf: shares }))];
}

/**
 * Indexes windows in the side file, and merges there. It may run again: what is indexed already stays, and a share of
 * merging too many or too early only leaves less or more of it to the end.
 */
export function runRebuild(items: readonly RebuildItem[], context: Context): Promise<number> {
  return orSuperseded(context, () => withSide(context, (side) => indexAndMerge(side, items, context)));
}

function indexAndMerge(side: SideIndex, items: readonly RebuildItem[], context: Context): number {
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
export async function finishRebuild(context: Context): Promise<BuildReport> {
  const db = connectionOf(context);
  const done = reportOf(db, context.taskId) ?? (await orSuperseded(context, () => swapIn(context)));
  // The new index answers: from here on nothing can be taken back, and cancelling has no effect.
  context.stage('removing the old index');
  await removeOld(context);
  return done;
}

/** Leaves nothing behind, whatever the outcome was. The index that answers stays as it is. */
export async function endRebuild(context: Context): Promise<void> {
  abandonBuild(connectionOf(context), context.taskId);
  await removeOld(context);
}

async function swapIn(context: Context): Promise<BuildReport> {
  const db = connectionOf(context);
  const build = context.taskId;
  const rows = mergeSide(context);
  context.stage('copying');
  const target = targetIndex(db, build);
  await withShadowTables(context, async (tables) => {
    await tables.wipe(target, (locked) => stillBuilds(locked, context));
    await tables.copy(sideIndexPath(pathOf(context), build), target, (locked) => stillBuilds(locked, context));
  });
  context.stage('catching up');
  let replayed = 0;
  const writer = new PacedWriter(db);
  for (let round = 0; round < MAX_REPLAYS && pendingChanges(db, LAST_ROWS + 1) > LAST_ROWS; round++) {
    context.throwIfCancelled();
    replayed += await writer.write(() => replayChanges(db, build, REPLAY_ROWS));
  }
  context.throwIfCancelled();
  context.stage('swapping');
  return swapIndexes(db, build, { rows, replayed });
}

/** Merges the segments of the side file, and returns how many rows it has. */
function mergeSide(context: Context): number {
  context.stage('merging');
  return withSide(context, (side) => {
    while (side.merge()) context.throwIfCancelled();
    return side.count();
  });
}

// Opened for each chunk: left open in a warm thread it would keep the space of a file that is long removed.
function withSide<T>(context: Context, work: (side: SideIndex) => T): T {
  checkBuild(connectionOf(context), context.taskId);
  const side = SideIndex.open(pathOf(context), context.taskId);
  try {
    return work(side);
  } finally {
    side.close();
  }
}

/** A later build removes the side file, whatever an earlier one is doing with it: that is why it failed then. */
async function orSuperseded<T>(context: Context, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Sqlite.SqliteError) checkBuild(connectionOf(context), context.taskId);
    throw error;
  }
}

/** Empties the index that does not answer, unless another build has begun on it, and removes the side file. */
async function removeOld(context: Context): Promise<void> {
  const old = otherIndex(currentIndex(connectionOf(context)));
  await withShadowTables(context, (tables) =>
    tables.wipe(old, (locked) => noBuild(locked) && currentIndex(locked) !== old),
  );
  removeSideIndexes(pathOf(context), context.taskId);
}

function stillBuilds(db: Database, context: Context): boolean {
  context.throwIfCancelled();
  checkBuild(db, context.taskId);
  return true;
}

function noBuild(db: Database): boolean {
  return db.prepare('SELECT build FROM fts_state').pluck().get() === null;
}

async function withShadowTables<T>(context: Context, work: (tables: ShadowTables) => Promise<T>): Promise<T> {
  const tables = new ShadowTables(pathOf(context));
  try {
    return await work(tables);
  } finally {
    tables.close();
  }
}

function pathOf(context: Context): string {
  return resolve(context.data.path);
}
