import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../dist/engine/clock.js';
import { KEYS } from '../http/live-server.js';
import { Gate } from '../tasks/gate.js';
import { treadle as command } from './command.js';
import { operatedServer } from './operated-server.js';
import { temporaryFolder } from './served-store.js';

// Each test starts many processes.
vi.setConfig({ testTimeout: 120_000 });

/** The words of each line, columns being apart by two blanks at least. */
function cells(out: string): string[][] {
  return out
    .trimEnd()
    .split('\n')
    .map((line) => line.trim().split(/ {2,}/));
}

/** A gate that is open when the test ends, so that its thread can end. */
function openedGate(): Gate {
  const gate = new Gate();
  onTestFinished(() => gate.open());
  return gate;
}

describe('treadle ps', () => {
  it('shows counts, types with their oldest and their failures, and what is in progress', async () => {
    const { tasks, treadle, json } = await operatedServer({ maxConcurrentTasks: 1 });
    await (await tasks.submit('fault', { input: { action: 'throw' }, owner: 'ann' })).settled();
    await (await tasks.submit('fault', { input: { action: 'exit', code: 3 }, owner: 'ann' })).settled();
    const gate = openedGate();
    const half = await tasks.submit('items', {
      items: [1, 2, { gate: gate.buffer }, { gate: gate.buffer }],
      resourceId: 'corpus-7',
    });
    await gate.arrived(2);
    const waiting = await tasks.submit('fault', { input: { action: 'echo' }, priority: 3 });

    const { code, out, errors } = await treadle('ps');
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    const lines = cells(out);
    expect(lines[0]).toEqual(['1 running, 0 cancelling, 1 pending; 0 completed, 2 failed, 0 cancelled']);
    expect(lines[1]).toEqual(['1 of 1 slots, 2 of 2 threads busy; 2 settled ones kept']);
    const head = lines.find(([first]) => first === 'TYPE');
    expect(head).toEqual(['TYPE', 'PENDING', 'OLDEST', 'RUNNING', 'COMPLETED', 'CANCELLED', 'FAILED', 'FAILURES']);
    const row = lines.find(([first]) => first === 'fault');
    expect(row).toEqual([
      'fault',
      '1',
      expect.stringMatching(/^\d.* (?:ms|s)$/),
      '0',
      '0',
      '0',
      '2',
      'TASK_FAILED 1, WORKER_EXITED 1',
    ]);
    const listed = lines.filter(([first]) => first === half.id || first === waiting.id);
    expect(listed).toEqual([
      [half.id, 'items', 'running', 'corpus-7', '██████░░░░░░', '50 %', '2/4', ...(listed[0]?.slice(7) ?? [])],
      [waiting.id, 'fault', 'pending', expect.stringMatching(/^\d.* (?:ms|s)$/)],
    ]);

    const { stats, tasks: records } = await json('ps');
    expect(stats).toMatchObject({ running: 1, pending: 1, failed: 2, types: { fault: { pending: 1 } } });
    expect(records).toMatchObject([
      { task_id: half.id, items_done: 2, items_total: 4 },
      { task_id: waiting.id, priority: 3 },
    ]);
  });

  it('shows what it is asked for', async () => {
    const { tasks, treadle, json } = await operatedServer();
    const done = await tasks.submit('items', { items: [1], group: 'nightly', owner: 'ann' });
    const failed = await tasks.submit('fault', { input: { action: 'throw' }, owner: 'ben' });
    await Promise.all([done.settled(), failed.settled()]);
    tasks.pause();
    const waiting = [];
    for (let at = 0; at < 3; at++)
      waiting.push(await tasks.submit('fault', { input: { action: 'echo' }, group: 'nightly' }));
    const newestFirst = waiting.map(({ id }) => id).reverse();
    const shown = async (...args: string[]): Promise<string[]> =>
      ((await json('ps', ...args)) as { tasks: { task_id: string }[] }).tasks.map(({ task_id: id }) => id);

    expect(await shown()).toEqual(newestFirst);
    expect(await shown('--all')).toEqual([...newestFirst, failed.id, done.id]);
    expect(await shown('--status', 'failed')).toEqual([failed.id]);
    expect(await shown('--type', 'items', '--all')).toEqual([done.id]);
    expect(await shown('--group', 'nightly', '--all')).toEqual([...newestFirst, done.id]);
    expect(await shown('--owner', 'ben', '--all')).toEqual([failed.id]);
    expect((await json('ps', '--owner', 'ben')).stats).toMatchObject({ total_tasks: 1, failed: 1 });
    expect(await shown('--limit', '2')).toEqual(newestFirst.slice(0, 2));
    expect((await treadle('ps', '--limit', '2')).out).toMatch(/^… and more/m);
    expect((await treadle('ps', '--limit', '3')).out).not.toMatch(/^… and more/m);
    expect((await treadle('ps', '--status', 'failed')).out).toMatch(
      new RegExp(`^${failed.id} +fault +failed: TASK_FAILED`, 'm'),
    );
    expect((await treadle('ps', '--type', 'steps')).out).toMatch(/^No tasks to show;.*$/m);
  });

  it('says that the server is paused, or what its end waits for', async () => {
    const { tasks, treadle, json } = await operatedServer();
    expect((await treadle('pause')).out).toBe('Paused: 0 in progress, 0 pending\n');
    const waits = await tasks.submit('fault', { input: { action: 'echo' } });
    expect((await treadle('ps')).out).toMatch(/^PAUSED: nothing further begins/m);
    expect((await treadle('resume')).out).toMatch(/^Resumed: /);
    await waits.settled();
    expect((await treadle('ps')).out).not.toMatch(/PAUSED/);
    expect(await json('pause')).toMatchObject({ paused: true });
    expect(await json('resume')).toMatchObject({ paused: false });

    const gate = openedGate();
    const { id } = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    await gate.arrived();
    const closing = tasks.close({ timeoutMs: 3_600_000 });
    expect((await treadle('ps')).out).toMatch(
      new RegExp(`^CLOSING for .*, at most (?:60 m|1 h) more: waits for ${id}$`, 'm'),
    );
    gate.open();
    await closing;
  });
});

describe('treadle threads', () => {
  it('shows what each thread works on, and which does not stop when it is told to', async () => {
    const { tasks, treadle, json } = await operatedServer();
    const [deaf, batch] = [openedGate(), openedGate()];
    const hangs = await tasks.submit('fault', { input: { action: 'hang', gate: deaf.buffer } });
    await deaf.arrived();
    const items = await tasks.submit('items', { items: [1, { gate: batch.buffer }] });
    await batch.arrived();
    hangs.cancel();

    const threads = (await json('threads')) as { task_id: string; overdue: boolean }[];
    expect(threads).toHaveLength(2);
    expect(threads).toContainEqual(
      expect.objectContaining({
        state: 'busy',
        task_id: items.id,
        task_type: 'items',
        phase: 'run',
        items_from: 1,
        items_to: 2,
      }),
    );
    expect(threads.find(({ task_id: id }) => id === hangs.id)).toMatchObject({ phase: 'run', overdue: true });
    const lines = cells((await treadle('threads')).out);
    expect(lines[0]).toEqual([
      'THREAD',
      'STATE',
      'TASK',
      'TYPE',
      'PHASE',
      'ITEMS',
      'FOR',
      'HEARTBEAT',
      ...(lines[0]?.slice(8) ?? []),
    ]);
    expect(lines).toContainEqual(expect.arrayContaining(['busy, OVERDUE', hangs.id, 'fault', 'run']));
    expect(lines).toContainEqual(expect.arrayContaining(['busy', items.id, 'items', 'run', '1–2']));
    expect((await treadle('ps')).out).toMatch(/2 of 2 threads busy, 1 OVERDUE;/);
  });

  it('shows of the work of others only that there is some', async () => {
    const { tasks, json } = await operatedServer();
    const gate = openedGate();
    await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer }, owner: 'ann' });
    await gate.arrived();
    const threads = (await json('threads', '--owner', 'ben')) as object[];
    expect(threads).toContainEqual(expect.objectContaining({ state: 'busy', task_id: null }));
  });
});

describe('treadle show', () => {
  it('shows all of a record', async () => {
    const { tasks, treadle, json } = await operatedServer();
    const skipped = await tasks.submit('items', {
      items: [1, { throw: 'no good' }, 3],
      group: 'nightly',
      resourceId: 'corpus-7',
      meta: { by: 'ann' },
      priority: 2,
    });
    await skipped.settled();
    const { code, out } = await treadle('show', skipped.id);
    expect(code).toBe(0);
    for (const line of [
      new RegExp(`^${skipped.id} {2}items {2}completed$`, 'm'),
      /^ {2}progress +█{20} 100 % {3}3\/3$/m,
      /^ {2}resource +corpus-7$/m,
      /^ {2}group +nightly$/m,
      /^ {2}priority +2$/m,
      /^ {2}submitted +\d{4}-\d\d-\d\dT\S+Z, .* ago$/m,
      /^ {2}started .* ago, after \d+/m,
      /^ {2}meta +\{"by":"ann"\}$/m,
      /^ {2}result +\[2,null,6\]$/m,
      /^ {2}1 failed item:\n {4}#1 {2}TASK_FAILED {2}no good$/m,
    ]) {
      expect(out).toMatch(line);
    }
    expect(await json('show', skipped.id)).toMatchObject({ task_id: skipped.id, failed_items: { count: 1 } });

    const chatty = await tasks.submit('fault', { input: { action: 'chatter', messages: 2 } });
    await chatty.settled();
    expect((await treadle('show', chatty.id)).out).toMatch(
      /^ {2}messages:\n {4}[\d:.]{12} {2}message 0\n {4}.* {2}message 1$/m,
    );
  });

  it('exits with 1 for a task that failed, and for one that is not there', async () => {
    const { tasks, treadle, request } = await operatedServer();
    const failed = await tasks.submit('fault', { input: { action: 'throw' }, owner: 'ann' });
    await failed.settled();
    const shown = await treadle('show', failed.id);
    expect(shown.code).toBe(1);
    expect(shown.out).toMatch(/^ {2}error +TASK_FAILED out of range$/m);
    const missing = { code: 1, out: '', errors: expect.stringMatching(/^treadle: NOT_FOUND: .*\n$/) as string };
    expect(await treadle('show', 'nothing-like-it')).toMatchObject(missing);
    expect(await treadle('show', failed.id, '--key', KEYS.ben)).toMatchObject(missing);
    expect((await request(`/tasks/${failed.id}`, { as: 'ann' })).status).toBe(200);
  });
});

describe('treadle cancel', () => {
  it('asks each task to stop, and says which refused', async () => {
    const { tasks, treadle, json } = await operatedServer();
    const done = await tasks.submit('fault', { input: { action: 'echo' } });
    await done.settled();
    tasks.pause();
    const [one, two, three] = await Promise.all(
      [1, 2, 3].map(() => tasks.submit('fault', { input: { action: 'echo' } })),
    );
    const ended = await treadle('cancel', one?.id ?? '', done.id, 'nothing-like-it', two?.id ?? '');
    expect(ended.code).toBe(1);
    expect(ended.out).toBe(`${one?.id}  cancelled\n${two?.id}  cancelled\n`);
    expect(ended.errors).toMatch(/^treadle: FAILED_PRECONDITION: .* completed .*\ntreadle: NOT_FOUND: .*\n$/);
    expect(ended.errors.split(done.id)).toHaveLength(2);
    expect(ended.errors).toContain('(nothing-like-it)\n');
    expect(await json('cancel', three?.id ?? '')).toMatchObject([{ task_id: three?.id, status: 'cancelled' }]);
    expect((await treadle('cancel', three?.id ?? '')).code).toBe(0);
  });
});

describe('an id that begins with a hyphen', () => {
  it('is no option', async () => {
    const ids = ['-aaaaaaaaaaaaaaaaaaaa', '--watch-aaaaaaaaaaaaa', '-bbbbbbbbbbbbbbbbbbbb'];
    const made = [...ids];
    const { tasks, treadle, json } = await operatedServer({ id: () => made.shift() as string });
    tasks.pause();
    for (const _ of ids) await tasks.submit('fault', { input: { action: 'echo' } });
    expect(await json('show', ids[0] as string)).toMatchObject({ task_id: ids[0] });
    const { out } = await treadle('cancel', ...ids.slice(0, 2), '--key', KEYS.ops, ids[2] as string);
    expect(out).toBe(ids.map((id) => `${id}  cancelled\n`).join(''));
  });
});

describe('treadle rerun', () => {
  it('runs a failed task again, all of it or what failed, and prints the id of the new one', async () => {
    const { tasks, treadle, json } = await operatedServer();
    const failed = await tasks.submit('items', { items: [1, { throw: 'no good' }] });
    await failed.settled();
    const { code, out } = await treadle('rerun', failed.id);
    expect(code).toBe(0);
    expect(tasks.get(out.trim())).toMatchObject({ rerunOf: failed.id, progress: { itemsTotal: 2 } });
    const { task_id: id } = (await json('rerun', failed.id, '--only-failed')) as { task_id: string };
    expect(tasks.get(id)).toMatchObject({ rerunOf: failed.id, progress: { itemsTotal: 1 } });
    const good = await tasks.submit('fault', { input: { action: 'echo' } });
    await good.settled();
    expect(await treadle('rerun', good.id)).toMatchObject({
      code: 1,
      out: '',
      errors: expect.stringMatching(/^treadle: FAILED_PRECONDITION: .*\n$/) as string,
    });
  });
});

describe('treadle submit', () => {
  it('takes its input from the command line, a file or standard input', async () => {
    const { tasks, origin, treadle, json } = await operatedServer();
    const echo = (value: string): string => JSON.stringify({ action: 'echo', value });
    const file = join(temporaryFolder(), 'input.json');
    writeFileSync(file, echo('of a file'));
    const options = { env: { TREADLE_URL: origin, TREADLE_API_KEY: KEYS.ops }, input: echo('of a pipe') };
    const given = [
      await treadle('submit', 'fault', '--input', echo('of an argument')),
      await treadle('submit', 'fault', '--input', `@${file}`),
      await command(['submit', 'fault', '--input', '-'], options),
    ];
    const results = [];
    for (const { out } of given) {
      expect(out).toMatch(/^[\w-]+\n$/);
      await treadle('show', out.trim(), '--watch');
      results.push((await json('show', out.trim())).result);
    }
    expect(results).toEqual(['of an argument', 'of a file', 'of a pipe']);

    const { task_id: id } = await json(
      'submit',
      'items',
      '--items',
      '[1,2]',
      '--resource-id',
      'r',
      '--group',
      'g',
      '--priority',
      '-2',
    );
    expect(tasks.get(id as string)).toMatchObject({
      resourceId: 'r',
      group: 'g',
      priority: -2,
      progress: { itemsTotal: 2 },
    });
  });

  it('waits with --wait, and exits with 1 where the task does not complete', async () => {
    const { treadle, json } = await operatedServer();
    const good = await treadle('submit', 'items', '--items', '[1,2]', '--wait');
    expect(good).toMatchObject({ code: 0, errors: '' });
    expect(good.out).toMatch(/^ {2}result +\[2,4\]$/m);
    const bad = await treadle('submit', 'fault', '--input', '{"action":"throw"}', '--wait');
    expect(bad.code).toBe(1);
    expect(bad.out).toMatch(/^ {2}error +TASK_FAILED out of range$/m);
    expect(await json('submit', 'items', '--items', '[4]', '--wait')).toMatchObject({
      status: 'completed',
      result: [8],
    });
  });

  it('says what the server refuses', async () => {
    const { tasks, treadle } = await operatedServer();
    tasks.pause();
    const { id } = await tasks.submit('items', { items: [1], resourceId: 'r', owner: 'ops' });
    const duplicate = await treadle('submit', 'items', '--items', '[1]', '--resource-id', 'r');
    expect(duplicate).toMatchObject({ code: 1, out: '' });
    expect(duplicate.errors).toMatch(new RegExp(`^treadle: CONFLICT: .*${id}.*\n$`));
    expect((await treadle('submit', 'guess')).errors).toMatch(/^treadle: INVALID_ARGUMENT: .*"guess".*\n$/);
  });

  it('takes no input that is no JSON', async () => {
    for (const args of [
      ['--input', '{'],
      ['--input', '-'],
      ['--input', '@/nowhere/input.json'],
      ['--items', '{}'],
      ['--input', '-', '--items', '-'],
      ['--priority', '9'],
    ]) {
      const ended = await command(['submit', 'fault', ...args]);
      expect(ended, args.join(' ')).toMatchObject({ code: 2, out: '' });
      expect(ended.errors).toMatch(/^(?:treadle: Expected|error: ).*\n/);
    }
  });
});

describe('every operating command', () => {
  it('says in a line why the server did not do it', async () => {
    const { origin, treadle } = await operatedServer();
    const proxy = createServer((_, response) => response.writeHead(502).end('<html>Bad\u001b[2J gateway</html>'));
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    onTestFinished(() => void proxy.close());
    const proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const freeUrl = `http://127.0.0.1:${(free.address() as AddressInfo).port}`;
    await new Promise((resolve) => free.close(resolve));
    const WRONG = 'a-key-that-is-not-known';
    const commands = [
      ['ps'],
      ['show', 'x', '--watch'],
      ['ps', '--watch'],
      ['cancel', 'x'],
      ['pause'],
      ['submit', 'fault'],
    ];
    for (const args of commands) {
      const wrong = await command([...args, '--url', origin, '--key', WRONG]);
      expect(wrong, args.join(' ')).toMatchObject({ code: 1 });
      expect(wrong.errors).toMatch(/^treadle: UNAUTHENTICATED: .* \(--key or TREADLE_API_KEY\).*\n$/);
      expect(wrong.errors).not.toContain(WRONG);
    }
    for (const args of [
      ['cancel', 'x'],
      ['ps', '--watch'],
      ['show', 'x', '--watch'],
    ]) {
      const nobody = await command([...args, '--url', freeUrl]);
      expect(nobody, args.join(' ')).toMatchObject({ code: 1 });
      expect(nobody.errors).toMatch(/^treadle: .*can't be reached.*ECONNREFUSED.*\n$/);
      const html = await command([...args, '--url', proxyUrl]);
      expect(html.code).toBe(1);
      expect(html.errors).toMatch(/^treadle: BAD_ANSWER: .*status 502: <html>Bad gateway<\/html>.*\n$/);
    }
    expect(await treadle('pause', '--key', KEYS.ann)).toMatchObject({
      code: 1,
      errors: 'treadle: PERMISSION_DENIED: Expected an operator\n',
    });
  });

  it('tells ages by the clock of the server', async () => {
    const HOUR_MS = 3_600_000;
    const { tasks, origin } = await operatedServer({
      clock: { ...systemClock, now: () => Date.now() - HOUR_MS },
    });
    const gate = openedGate();
    const { id } = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    await gate.arrived();
    const behind = createServer((request, response) => {
      const key = request.headers.authorization ?? '';
      void (async () => {
        const answer = await fetch(origin + (request.url ?? ''), { headers: { authorization: key } });
        response.setHeader('date', new Date(Date.now() - HOUR_MS).toUTCString());
        response.end(await answer.text());
      })();
    });
    behind.listen(0, '127.0.0.1');
    await once(behind, 'listening');
    onTestFinished(() => void behind.close());
    const url = `http://127.0.0.1:${(behind.address() as AddressInfo).port}`;
    const there = cells((await command(['ps', '--url', url, '--key', KEYS.ops])).out);
    expect(there.find(([first]) => first === id)?.at(-1)).toMatch(/^\d.* (?:ms|s)$/);
    const shown = await command(['show', id, '--url', url, '--key', KEYS.ops]);
    expect(shown.out).toMatch(/^ {2}submitted .*Z, [\d.]+ (?:ms|s) ago$/m);
    // It does not say what time it has: by this machine's it is long ago.
    expect((await command(['show', id, '--url', origin, '--key', KEYS.ops])).out).toMatch(/, 1 h ago$/m);
  });

  it('exits with 2 where it was called in a wrong way', async () => {
    for (const args of [
      [],
      ['guess'],
      ['ps', '--guess'],
      ['ps', '--status', 'guess'],
      ['ps', '--limit', '201'],
      ['show'],
      ['cancel'],
      ['ps', 'more'],
      ['ps', '--url', 'nowhere'],
      ['ps', '--url', 'http://ann:secret@127.0.0.1:1'],
      ['ps', '--key', 'two words'],
    ]) {
      const ended = await command(args);
      expect(ended, args.join(' ')).toMatchObject({ code: 2, out: '' });
      expect(ended.errors).not.toBe('');
      expect(ended.errors).not.toMatch(/secret|two words/);
    }
    for (const url of ['nowhere', 'localhost:3000']) {
      expect((await command(['ps', '--url', url])).errors).toContain('such as http://127.0.0.1:3000, got');
    }
    expect(await command(['--help'])).toMatchObject({ code: 0, errors: '' });
    expect(await command(['ps', '--help'])).toMatchObject({ code: 0, errors: '' });
  });

  it('prints nothing of others that a terminal would obey', async () => {
    const { tasks, treadle } = await operatedServer();
    const nasty = 'x\u001b[2J\u001b]0;owned\u0007\u009b31m\r\n\u202ey';
    tasks.pause();
    const { id } = await tasks.submit('fault', {
      input: { action: 'echo' },
      resourceId: nasty,
      group: nasty,
      meta: { nasty },
    });
    for (const args of [
      ['ps'],
      ['show', id],
      ['ps', '--json'],
      ['show', id, '--json'],
      ['show', nasty],
      ['cancel', nasty],
    ]) {
      const { out, errors } = await treadle(...args);
      // oxlint-disable-next-line no-control-regex -- these are what it is about
      expect(out + errors, args.join(' ')).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    }
    expect(JSON.parse((await treadle('show', id, '--json')).out)).toMatchObject({
      resource_id: nasty,
      meta: { nasty },
    });
  });
});
