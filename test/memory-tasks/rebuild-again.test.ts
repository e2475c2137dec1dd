import type Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { contentHash } from '../../dist/store/memory.js';
import rebuild, { type RebuildResult } from '../../dist/tasks/rebuild-fts-index.js';
import { type ContextHooks, handContext } from '../support/memory-task.js';
import {
  beginBuild,
  connection,
  expectIndexMatchesRows,
  expectNoDebris,
  fill,
  temporaryPath,
} from '../support/memories.js';

const { steps } = rebuild;
const ROWS = 1_500;
const STOPPED = new Error('stopped');

function filled(): { path: string; db: Database.Database } {
  const path = temporaryPath();
  fill(path, ROWS);
  return { path, db: connection(path) };
}

/** 900 changes: 300 rows are changed, 150 deleted, 450 added. */
function change(db: Database.Database, round = 0): void {
  const edit = db.prepare('UPDATE memories SET content = ?, content_hash = ? WHERE id = ?');
  const add = db.prepare(
    `INSERT INTO memories (user_id, importance, created_at, content_hash, content) VALUES ('user0', 0.5, 0, ?, ?)`,
  );
  db.transaction(() => {
    for (let id = 1; id <= 300; id++) {
      const content = `changed${id} in round${round}`;
      edit.run(content, contentHash(content), id);
    }
    db.prepare('DELETE FROM memories WHERE id > ? AND id <= ?').run(300 + 150 * round, 450 + 150 * round);
    for (let n = 0; n < 450; n++) {
      const content = `added${n} in round${round}`;
      add.run(contentHash(content), content);
    }
  }).immediate();
}

/** All of a rebuild up to `finish`. */
async function indexed(path: string, taskId: string): Promise<void> {
  const context = handContext({ path }, { taskId });
  await steps.run?.([...((await steps.plan?.({}, context)) ?? [])], context, {});
}

/** On a thread of its own, as it is tried again. */
async function finish(path: string, hooks: ContextHooks): Promise<RebuildResult> {
  return (await steps.finish?.([], handContext({ path }, hooks), {})) as RebuildResult;
}

/** Stops a rebuild when it looks for the `time`th time in a stage whether it was cancelled. */
function stopAt(stage: string, time: number): NonNullable<ContextHooks['onCheck']> {
  let checks = 0;
  return (present) => {
    if (present === stage && ++checks === time) throw STOPPED;
  };
}

async function expectDone(path: string, taskId: string): Promise<void> {
  expectIndexMatchesRows(path);
  await steps.cleanup?.(handContext({ path }, { taskId }), {});
  expectNoDebris(path);
  expect(connection(path).prepare('SELECT count(*) FROM treadle_tallies').pluck().get()).toBe(0);
}

describe('rebuild_fts_index whose finish runs again', () => {
  it.each([
    ['catching up', 1],
    ['catching up', 2],
    ['catching up', 4],
    ['catching up', 6],
  ])('after it stopped while %s (look %i) loses no entry and counts each once', async (stage, time) => {
    const { path, db } = filled();
    const taskId = 'stopped';
    await indexed(path, taskId);
    change(db);
    await expect(finish(path, { taskId, onCheck: stopAt(stage, time) })).rejects.toBe(STOPPED);
    expect(await finish(path, { taskId })).toEqual({ rows: ROWS, replayed: 900, removed: 0 });
    await expectDone(path, taskId);
  });

  it('after it stopped when it was about to swap, loses no entry and counts each once', async () => {
    const { path, db } = filled();
    const taskId = 'stopped';
    await indexed(path, taskId);
    change(db);
    const onStage = (stage: string): void => {
      if (stage === 'swapping') throw STOPPED;
    };
    await expect(finish(path, { taskId, onStage })).rejects.toBe(STOPPED);
    expect(await finish(path, { taskId })).toEqual({ rows: ROWS, replayed: 900, removed: 0 });
    await expectDone(path, taskId);
  });

  it('again and again, goes on where it was, with what others changed in between', async () => {
    const { path, db } = filled();
    const taskId = 'stopped';
    await indexed(path, taskId);
    for (let round = 0; round < 4; round++) {
      change(db, round);
      const hooks = { taskId, onCheck: stopAt('catching up', 3) };
      await expect(finish(path, hooks)).rejects.toBe(STOPPED);
    }
    const { rows, replayed } = await finish(path, { taskId });
    expect(rows).toBe(ROWS);
    // What is changed once more before it was brought in is brought in once.
    expect(replayed).toBeGreaterThanOrEqual(300 + 4 * 600);
    expect(replayed).toBeLessThanOrEqual(4 * 900);
    await expectDone(path, taskId);
  });

  it('indexes anew what a later build of the same index began on', async () => {
    const { path, db } = filled();
    await indexed(path, 'early');
    await expect(finish(path, { taskId: 'early', onCheck: stopAt('catching up', 1) })).rejects.toBe(STOPPED);
    await indexed(path, 'late');
    change(db);
    await expect(finish(path, { taskId: 'early' })).rejects.toMatchObject({ code: 'BUILD_SUPERSEDED' });
    expect(await finish(path, { taskId: 'late' })).toEqual({ rows: ROWS, replayed: 900, removed: 0 });
    await steps.cleanup?.(handContext({ path }, { taskId: 'early' }), {});
    await expectDone(path, 'late');
  });
});

describe('rebuild_fts_index whose plan runs again', () => {
  it('begins anew when its thread died', async () => {
    const { path, db } = filled();
    await indexed(path, 'again');
    change(db);
    await indexed(path, 'again');
    expect(await finish(path, { taskId: 'again' })).toMatchObject({ rows: ROWS + 300, replayed: 0 });
    await expectDone(path, 'again');
  });

  it('does not take over from the later one that superseded it', async () => {
    const { path } = filled();
    await indexed(path, 'early');
    await indexed(path, 'late');
    await expect(indexed(path, 'early')).rejects.toMatchObject({
      code: 'BUILD_SUPERSEDED',
      message: expect.stringContaining('the later one late took over'),
    });
    await steps.cleanup?.(handContext({ path }, { taskId: 'early' }), {});
    expect(await finish(path, { taskId: 'late' })).toMatchObject({ rows: ROWS });
    await expectDone(path, 'late');
  });

  it('takes over from one that began before it', async () => {
    const { path, db } = filled();
    beginBuild(db, 'dead');
    await indexed(path, 'late');
    expect(await finish(path, { taskId: 'late' })).toMatchObject({ rows: ROWS });
    await steps.cleanup?.(handContext({ path }, { taskId: 'dead' }), {});
    await expectDone(path, 'late');
  });
});
