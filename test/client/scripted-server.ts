import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AnyTaskClient, type TaskClientOptions, createTaskClient } from 'treadle/client';
import { onTestFinished } from 'vitest';

/** A request that came, and what it is to be answered with. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Resolves when the connection is closed, from whichever side. */
  readonly closed: Promise<unknown>;
}

export interface ScriptedServer {
  readonly origin: string;
  /** The next request that comes, or came. */
  readonly next: () => Promise<Exchange>;
  /** How many requests came. */
  readonly count: () => number;
  readonly client: AnyTaskClient;
  readonly close: () => Promise<void>;
}

/** A server that answers as the test says, for what no task API would say: proxies, broken streams. It is closed when the test ends. */
export async function startScriptedServer(options: Omit<TaskClientOptions, 'url'> = {}): Promise<ScriptedServer> {
  const came: Exchange[] = [];
  const waiting: ((exchange: Exchange) => void)[] = [];
  let count = 0;
  const server = createServer((request, response) => {
    count++;
    const exchange = { request, response, closed: once(response, 'close') };
    const first = waiting.shift();
    if (first === undefined) came.push(exchange);
    else first(exchange);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  onTestFinished(close);
  return {
    origin,
    next: () => {
      const first = came.shift();
      return first === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(first);
    },
    count: () => count,
    client: createTaskClient({ url: origin, ...options }),
    close,
  };
}

/** Begins an event stream, with these pieces of it. */
export function beginStream({ response }: Exchange, ...pieces: string[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
  for (const piece of pieces) response.write(piece);
}

/** An event as it stands in a stream. */
export function frame(event: string, data: unknown, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
