import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { type ApiServer, type ApiServerOptions, startApiServer } from '../http/live-server.js';
import { Gate } from '../tasks/gate.js';
import { BROKEN, clientIn, hasBrowser, serverOfPage, useBrowser } from './browser-page.js';

/** A task of Ann's that is over when the gate is open. */
function held({ tasks }: ApiServer, gate: Gate) {
  return tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer }, owner: 'ann' });
}

/** Resolves when the server gets the next request for an event stream. */
async function nextStream({ server }: ApiServer): Promise<ServerResponse> {
  for (;;) {
    const [{ url }, response] = (await once(server, 'request')) as [{ url: string }, ServerResponse];
    if (url.endsWith('/events')) return response;
  }
}

describe.skipIf(!hasBrowser())('event streams in a browser', () => {
  const open = useBrowser();

  /** A page, the API at the same origin, and a client with a key. */
  async function startWithPage(options: ApiServerOptions = {}, ...expected: RegExp[]) {
    const server = await startApiServer({ ...options, mount: serverOfPage });
    const page = await open(server.origin, ...expected);
    return { server, page, client: await clientIn(page) };
  }

  it('tell each event once over connections that break', async () => {
    const { server, page, client } = await startWithPage({}, BROKEN);
    const expected: string[] = [];
    for (const event of ['submitted', 'running', 'completed'] as const) {
      server.tasks.on(event, ({ id }) => expected.push(`${event} ${id}`));
    }
    let onReady = (): void => {};
    const ready = new Promise<void>((resolve) => (onReady = resolve));
    await page.exposeFunction('onReady', () => onReady());
    const reading = client.evaluate(async (ann) => {
      const host = globalThis as unknown as { onReady: () => Promise<void> };
      const seen: string[] = [];
      for await (const { event, data } of ann.events()) {
        if (event === 'ready') await host.onReady();
        if (event === 'progress' || !('task_id' in data)) continue;
        seen.push(`${event} ${data.task_id}`);
        if (seen.length === 60) break;
      }
      return seen;
    });
    await ready;
    for (let at = 0; at < 20; at++) {
      const handle = await server.tasks.submit('items', { items: [at], owner: 'ann' });
      // Now and then before the end of the task, or while the page has yet to read what came.
      if (at % 2 === 0) await handle.settled();
      if (at % 3 !== 0) continue;
      const again = nextStream(server);
      server.disconnect();
      await again;
    }
    expect(await reading).toEqual(expected);
  });

  it('lead to the end of a task over a restart of the server', async () => {
    const { server, page, client } = await startWithPage({}, BROKEN);
    const gate = new Gate();
    const { id } = await held(server, gate);
    const streaming = nextStream(server);
    const waiting = client.evaluate((ann, task) => ann.wait(task), id);
    await streaming;
    const refused = page.waitForEvent('requestfailed', (request) =>
      String(request.failure()?.errorText).includes('ERR_CONNECTION_REFUSED'),
    );
    await server.close();
    await refused;
    await startApiServer({ tasks: server.tasks, port: server.port });
    gate.open();
    expect(await waiting).toMatchObject({ task_id: id, status: 'completed', result: 1 });
  });

  it('end when their signal is aborted, and the server lets go of them', async () => {
    const { server, page, client } = await startWithPage();
    const gate = new Gate();
    const { id } = await held(server, gate);
    const controller = await page.evaluateHandle(() => new AbortController());
    const streams = [nextStream(server)];
    const waiting = page.evaluate(
      ({ ann, task, aborting: { signal } }) =>
        ann.wait(task, { signal }).catch((error: unknown) => (error as { code: string }).code),
      { ann: client, task: id, aborting: controller },
    );
    await streams[0];
    streams.push(nextStream(server));
    const reading = page.evaluate(
      async ({ ann, aborting: { signal } }) => {
        const names: string[] = [];
        for await (const { event } of ann.events({ signal })) names.push(event);
        return names;
      },
      { ann: client, aborting: controller },
    );
    const closed = (await Promise.all(streams)).map((response) => once(response, 'close'));
    await controller.evaluate((aborting) => aborting.abort());
    await Promise.all(closed);
    expect(await waiting).toBe('ABORTED');
    await reading;
    gate.open();
  });

  it.each(['is closed', 'goes elsewhere'] as const)('end when their page %s', async (how) => {
    const { server, page, client } = await startWithPage({ api: { maxHeldPerOwner: 2 } });
    const gate = new Gate();
    const { id } = await held(server, gate);
    const closed: Promise<unknown>[] = [];
    for (const watched of [id, null]) {
      const streaming = nextStream(server);
      await client.evaluate((ann, task) => {
        const stream: AsyncIterator<unknown> = task === null ? ann.events() : ann.watch(task);
        return stream.next();
      }, watched);
      closed.push(once(await streaming, 'close'));
    }
    const statusOfAnother = async (): Promise<number> => {
      const answer = await server.request('/events');
      await answer.body?.cancel();
      return answer.status;
    };
    expect(await statusOfAnother()).toBe(429);
    await (how === 'is closed' ? page.close() : page.goto('about:blank'));
    await Promise.all(closed);
    expect(await statusOfAnother()).toBe(200);
    gate.open();
  });

  it('may be more than the browser has connections', async () => {
    const { server, client } = await startWithPage();
    server.tasks.pause();
    let streams = 0;
    const six = new Promise<void>((resolve) => {
      server.server.on('request', ({ url = '' }: IncomingMessage) => {
        if (url.endsWith('/events') && ++streams === 6) resolve();
      });
    });
    const statuses = client.evaluate(async (ann) => {
      const tasks = await Promise.all(Array.from({ length: 12 }, (_, at) => ann.submit('items', { items: [at] })));
      const records = await Promise.all(tasks.map((task) => task.wait()));
      return records.map(({ status }) => status);
    });
    await six;
    server.tasks.resume();
    expect(await statuses).toEqual(Array.from({ length: 12 }, () => 'completed'));
  });

  it('go to an EventSource, which does not come back for ever after the end of its task', async () => {
    const server = await startApiServer({ keys: false, mount: serverOfPage });
    const page = await open(server.origin);
    const gate = new Gate();
    const { id } = await held(server, gate);
    await gate.arrived();
    await page.exposeFunction('openGate', () => gate.open());
    const responses: ServerResponse[] = [];
    server.server.on('request', (_, response: ServerResponse) => responses.push(response));
    const seen = await page.evaluate(async (task) => {
      const { openGate } = globalThis as unknown as { openGate: () => Promise<void> };
      const told: string[][] = [];
      const source = new EventSource(`/api/v1/tasks/${task}/events`);
      for (const name of ['snapshot', 'running', 'completed', 'failed', 'reset']) {
        source.addEventListener(name, (event) => {
          const { data } = event as unknown as { data: string };
          told.push([name, (JSON.parse(data) as { status: string }).status]);
          if (name === 'snapshot') void openGate();
        });
      }
      await new Promise<void>((resolve) => {
        source.addEventListener('error', () => {
          if (source.readyState === source.CLOSED) resolve();
        });
      });
      return told;
    }, id);
    expect(seen).toEqual([
      ['snapshot', 'running'],
      ['completed', 'completed'],
    ]);
    expect(responses.map(({ statusCode }) => statusCode)).toEqual([200, 204]);
  });
});
