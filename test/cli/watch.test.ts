import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { KEYS, startApiServer } from '../http/live-server.js';
import { Gate } from '../tasks/gate.js';
import { TerminalCommand } from './command.js';
import { operatedServer } from './operated-server.js';

// Each test starts many processes.
vi.setConfig({ testTimeout: 120_000 });

function openedGate(): Gate {
  const gate = new Gate();
  onTestFinished(() => gate.open());
  return gate;
}

describe('--watch, where it is no terminal', () => {
  it('prints the picture again and again until Ctrl-C', async () => {
    const { tasks, start } = await operatedServer();
    const gate = openedGate();
    const ps = start('ps', '--watch');
    await ps.printed(/^0 running.*[^]*^No tasks to show;.*$/m);
    const task = await tasks.submit('items', { items: [1, { gate: gate.buffer }] });
    await ps.printed(new RegExp(`^1 running[^]*^${task.id} +items +running +█{6}░{6} +50 %`, 'm'));
    gate.open();
    await ps.printed(/^0 running, 0 cancelling, 0 pending; 1 completed/m);
    ps.kill('SIGINT');
    const { code, signal, out, errors } = await ps.ended;
    expect({ code, signal, errors }).toEqual({ code: 130, signal: null, errors: '' });
    // oxlint-disable-next-line no-control-regex -- these are what it is about
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });

  it('prints a document a line with --json', async () => {
    const { tasks, start } = await operatedServer();
    const gate = openedGate();
    const ps = start('ps', '--watch', '--json');
    const threads = start('threads', '--watch', '--json');
    await Promise.all([ps.printed(/\n/), threads.printed(/\n/)]);
    const { id } = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    await ps.printed(new RegExp(`"task_id":"${id}"[^\n]*"status":"running"[^\n]*\n`));
    await threads.printed(new RegExp(`"task_id":"${id}"[^\n]*\n`));
    for (const each of [ps, threads]) {
      each.kill('SIGINT');
      const { code, out } = await each.ended;
      expect(code).toBe(130);
      const documents = out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as object);
      expect(documents.length).toBeGreaterThan(1);
    }
  });

  it('goes on while the server is away, and says so', async () => {
    const server = await operatedServer();
    const ps = server.start('ps', '--watch');
    await ps.printed(/^No tasks to show;.*$/m);
    await server.close();
    await ps.printed(/^No answer from http\S+ for .*; this is how it was:\n\n0 running/m);
    await server.tasks.submit('fault', { input: { action: 'echo' } });
    await startApiServer({ tasks: server.tasks, port: server.port });
    await ps.printed(/^0 running, 0 cancelling, 0 pending; 1 completed/m);
    ps.kill('SIGINT');
    expect(await ps.ended).toMatchObject({ code: 130, errors: '' });
  });

  it('says so where the server takes long to answer', async () => {
    const { origin, start } = await operatedServer();
    let held: (() => void) | null = null;
    let holds = false;
    const slow = createServer((request, response) => {
      const answer = async (): Promise<void> => {
        const { authorization = '' } = request.headers;
        response.end(await (await fetch(origin + (request.url ?? ''), { headers: { authorization } })).text());
      };
      // The events stay away: this server is as good as stuck.
      if (request.url?.includes('events') === true) return;
      if (holds) held = () => void answer();
      else void answer();
    });
    slow.listen(0, '127.0.0.1');
    await once(slow, 'listening');
    onTestFinished(() => {
      slow.closeAllConnections();
      slow.close();
    });
    const threads = start('threads', '--watch', '--url', `http://127.0.0.1:${(slow.address() as AddressInfo).port}`);
    await threads.printed(/^THREAD/m);
    holds = true;
    await threads.printed(/^No answer from http\S+ for [\d.]+ s; this is how it was:\n\nTHREAD/m);
    holds = false;
    const { length } = threads.out;
    (held as (() => void) | null)?.();
    await threads.printed(new RegExp(`^[^]{${length}}[^]*\n\nTHREAD[^]*\n\nTHREAD`));
    threads.kill('SIGINT');
    expect((await threads.ended).code).toBe(130);
  });

  it('ends when nobody reads any more', async () => {
    const { start } = await operatedServer();
    for (const args of [
      ['ps', '--watch'],
      ['threads', '--watch', '--json'],
    ]) {
      const watch = start(...args);
      await watch.printed(/\n/);
      watch.stopReading();
      expect(await watch.ended, args.join(' ')).toMatchObject({ code: 0, signal: null, errors: '' });
    }
  });

  it('follows a task to its end, and exits with 1 where it did not complete', async () => {
    const { tasks, start, disconnect } = await operatedServer();
    const gates = [openedGate(), openedGate(), openedGate()] as const;
    const good = await tasks.submit('items', { items: [1, { gate: gates[0].buffer }] });
    await gates[0].arrived();
    const [show, json] = [start('show', good.id, '--watch'), start('show', good.id, '--watch', '--json')];
    await show.printed(new RegExp(`^${good.id}  running  50 %  1/2`, 'm'));
    await json.printed(/"items_done":1,/);
    disconnect();
    gates[0].open();
    expect(await show.ended).toMatchObject({
      code: 0,
      errors: '',
      out: expect.stringMatching(/^ {2}result +\[2,0\]$/m) as string,
    });
    const { code, out } = await json.ended;
    expect(code).toBe(0);
    const last = JSON.parse(out.trimEnd().split('\n').at(-1) ?? '') as object;
    expect(last).toMatchObject({ status: 'completed', result: [2, 0] });

    const cancelled = await tasks.submit('fault', { input: { action: 'gate', gate: gates[1].buffer } });
    await gates[1].arrived();
    const watch = start('show', cancelled.id, '--watch');
    await watch.printed(/running/);
    cancelled.cancel();
    await watch.printed(/cancelling/);
    gates[1].open();
    const { status } = await cancelled.settled();
    expect((await watch.ended).code).toBe(status === 'completed' ? 0 : 1);

    const failed = await tasks.submit('fault', { input: { action: 'throw' } });
    await failed.settled();
    expect(await start('show', failed.id, '--watch').ended).toMatchObject({ code: 1, errors: '' });
  });
});

describe('on a terminal', () => {
  it('draws the picture anew in its place, in colours, until Ctrl-C', async () => {
    const { tasks, origin } = await operatedServer();
    const gate = openedGate();
    const env = { TREADLE_URL: origin, TREADLE_API_KEY: KEYS.ops };
    const terminal = new TerminalCommand(['ps', '--watch'], { env, rows: 12, columns: 70 });
    await terminal.printed(/No tasks to show/);
    const task = await tasks.submit('items', {
      items: [1, { gate: gate.buffer }],
      resourceId: 'a resource whose name is far too long for a line of the terminal',
    });
    await terminal.printed(new RegExp(`${task.id}.*\u001b\\[36mrunning\u001b\\[39m`));
    // Many more than there are rows: what does not fit is cut off below, not above.
    tasks.pause();
    for (let at = 0; at < 30; at++) await tasks.submit('fault', { input: { action: 'echo' } });
    await terminal.printed(/1 running, 0 cancelling, 30 pending[^]*…\r?\n/);
    terminal.press('\u0003');
    const { code, out } = await terminal.ended;
    expect(code).toBe(130);
    // The cursor is there again, and went up to draw.
    // oxlint-disable-next-line no-control-regex -- these are what it is about
    expect(out).toMatch(/\u001b\[\d*A[^]*\u001b\[\?25h/);
    for (const line of stripVTControlCharacters(out).split(/\r?\n/)) {
      if (line.includes(task.id)) expect(line.length).toBeLessThanOrEqual(70);
    }
  });

  it('uses no colours where NO_COLOR is set', async () => {
    const { tasks, origin } = await operatedServer();
    await (await tasks.submit('fault', { input: { action: 'throw' } })).settled();
    const env = { TREADLE_URL: origin, TREADLE_API_KEY: KEYS.ops };
    // oxlint-disable-next-line no-control-regex -- these are what it is about
    const colours = /\u001b\[\d+m/;
    const plain = await new TerminalCommand(['ps', '--all'], { env: { ...env, NO_COLOR: '1' } }).ended;
    expect(plain.out).toContain('failed: TASK_FAILED');
    expect(plain.out).not.toMatch(colours);
    expect((await new TerminalCommand(['ps', '--all'], { env }).ended).out).toMatch(colours);
  });
});
