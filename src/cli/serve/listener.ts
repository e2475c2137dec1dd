import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { TaskApi } from '../../http/index.js';
import { CommandError } from '../command-error.js';

const REASONS: { readonly [code: string]: string } = {
  EADDRINUSE: 'something listens there already',
  EACCES: 'this user may not listen there',
  EADDRNOTAVAIL: 'it is no address of this machine',
};

// How long answers that were begun may take to be sent.
const LAST_ANSWERS_MS = 2_000;
const IDLE_LOOK_MS = 50;

/** An HTTP server for an API. */
export class Listener {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws CommandError where it can't listen there. */
  static async start(api: TaskApi, host: string, port: number): Promise<Listener> {
    const server = createAdaptorServer({ fetch: api.fetch, overrideGlobalObjects: false }) as Server;
    server.listen(port, host);
    try {
      await once(server, 'listening');
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException;
      throw new CommandError(`Can't listen on ${host}, port ${port}: ${REASONS[code] ?? message}`);
    }
    return new Listener(server);
  }

  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `http://${isIPv6(address) ? `[${address}]` : address}:${port}`;
  }

  /** Takes no more requests, and resolves when those that are being answered have been, or after 2 seconds. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    // Connections that clients keep, once nothing is answered on them any more.
    const idle = setInterval(() => this.#server.closeIdleConnections(), IDLE_LOOK_MS);
    const late = setTimeout(() => this.#server.closeAllConnections(), LAST_ANSWERS_MS);
    await closed;
    clearInterval(idle);
    clearTimeout(late);
  }
}
