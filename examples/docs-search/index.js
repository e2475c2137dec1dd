// Indexes the documents of a folder: what is new is stored and embedded, what is gone is removed.
import { realpath } from 'node:fs/promises';
import { constants } from 'node:os';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { TaskManager } from 'treadle';
import { sqliteTasks } from 'treadle/tasks';
import { UsageError, runCommand } from './command.js';
import { EXTENSIONS, findDocuments, readDocument } from './documents.js';
import { PASSAGES, PassageTable } from './passage-table.js';
import { cutPassages } from './passages.js';
import { Progress } from './progress.js';

const USAGE = 'Usage: node index.js <folder> [--db docs-search.db]';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) {
  // Once: the second time, the process ends at once.
  process.once(signal, () => {
    console.error('Stopping');
    stop.abort(signal);
  });
}

await runCommand(USAGE, async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { db: { type: 'string', default: 'docs-search.db' } },
  });
  if (positionals.length !== 1) throw new UsageError(`Expected one folder, got ${positionals.length}`);
  const [folder] = positionals;
  try {
    const files = await findDocuments(folder, stop.signal, warn);
    const { added, removed } = await store(files, await realpath(folder), values.db);
    console.log(`${count(files.length, 'file')}: ${count(added, 'passage')} new, ${removed} gone`);
    const { embedded } = await embed(values.db);
    console.log(`${basename(values.db)} is up to date, ${count(embedded, 'passage')} embedded now`);
    if (files.length > 0) return 0;
    console.error(`No ${EXTENSIONS.join(', ')} file in ${folder}`);
    return 1;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    console.error('Interrupted. What is stored stays; run it again to go on.');
    return 128 + constants.signals[stop.signal.reason];
  }
});

/** Brings the table in line with the files, one after the other. Whatever is stored can be found by its words at once. */
async function store(files, folder, path) {
  const table = new PassageTable(path);
  const progress = new Progress('reading');
  const sum = { added: 0, removed: 0 };
  const sumUp = ({ added, removed }) => {
    sum.added += added;
    sum.removed += removed;
  };
  try {
    const gone = new Set(table.filesIn(folder));
    for (const [at, file] of files.entries()) {
      stop.signal.throwIfAborted();
      gone.delete(file);
      sumUp(table.replace(file, await passagesOf(file)));
      progress.update((at + 1) / files.length);
    }
    for (const file of gone) sumUp(table.replace(file, []));
    return sum;
  } finally {
    progress.end();
    table.close();
  }
}

/** None of a file that can't be read: what was stored of it before may be out of date. */
async function passagesOf(file) {
  try {
    return cutPassages(file, await readDocument(file));
  } catch (error) {
    warn(file, error.message);
    return [];
  }
}

/** Embeds the passages that have no vector yet, on all cores. */
async function embed(path) {
  const tasks = new TaskManager({ types: sqliteTasks({ path, ...PASSAGES }) });
  const progress = new Progress('embedding');
  try {
    const task = await tasks.submit('migrate_embeddings');
    const cancel = () => void task.cancel();
    if (stop.signal.aborted) cancel();
    stop.signal.addEventListener('abort', cancel);
    for await (const { progress: made } of task.watch()) {
      progress.update(made.fraction ?? 0, made.etaMs === null ? '' : `, ${Math.ceil(made.etaMs / 1_000)} s left`);
    }
    return await task.result();
  } finally {
    progress.end();
    await tasks.close();
  }
}

function warn(path, why) {
  console.error(`Skipped ${path}: ${why}`);
}

function count(number, noun) {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
