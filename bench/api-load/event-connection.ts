import { type ClientRequest, type IncomingMessage, get } from 'node:http';
import { StringDecoder } from 'node:string_decoder';
import { createParser } from 'eventsource-parser';
import { BASE_PATH } from './call.js';
import { keyOf } from './callers.js';

/** An event as it came. */
export interface Frame {
  readonly name: string;
  readonly data: string;
  /** By the clock of this process, when what it stood in was read. */
  readonly atMs: number;
}

export interface ConnectionOptions {
  readonly port: number;
  /** Without the base path. */
  readonly path: string;
  readonly as: string;
  readonly lastEventId: string | null;
  readonly onFrame: (frame: Frame) => void;
  /** It ended in order, or the other side broke it, or it had nothing to say. Not called after `leave()`. */
  readonly onOver: (how: 'ended' | 'broken' | 'no content' | `status ${number}`) => void;
  /** How long to wait before what comes next is read. Milliseconds. */
  readonly pauseMs: () => number;
}

/** One connection to a stream of events. */
export class EventConnection {
  /** The last id that came, or that it began with. */
  lastEventId: string | null;
  bytes = 0;
  frames = 0;
  /** Reads on at once. */
  goOn: () => void = () => {};
  readonly #request: ClientRequest;
  #over = false;

  constructor(nowMs: () => number, options: ConnectionOptions) {
    const { port, path, as, lastEventId, onFrame } = options;
    this.lastEventId = lastEventId;
    const headers: Record<string, string> = { authorization: `Bearer ${keyOf(as)}` };
    if (lastEventId !== null) headers['last-event-id'] = lastEventId;
    const end = (how: Parameters<ConnectionOptions['onOver']>[0]): void => {
      if (this.#over) return;
      this.#over = true;
      options.onOver(how);
    };
    const read = (response: IncomingMessage): void => {
      const { statusCode: status = 0 } = response;
      if (status !== 200) {
        response.resume();
        return end(status === 204 ? 'no content' : `status ${status}`);
      }
      const decoder = new StringDecoder('utf8');
      let atMs = 0;
      const parser = createParser({
        onEvent: ({ event: name = '', id, data }) => {
          if (this.#over) return;
          this.lastEventId = id ?? this.lastEventId;
          this.frames++;
          onFrame({ name, data, atMs });
        },
      });
      response.on('data', (piece: Buffer) => {
        this.bytes += piece.byteLength;
        atMs = nowMs();
        parser.feed(decoder.write(piece));
        const ms = options.pauseMs();
        if (ms === 0) return;
        response.pause();
        const paused = setTimeout(() => this.goOn(), ms);
        this.goOn = () => {
          clearTimeout(paused);
          response.resume();
        };
      });
      response.on('end', () => end('ended'));
      response.on('error', () => end('broken'));
    };
    this.#request = get({ host: '127.0.0.1', port, path: BASE_PATH + path, agent: false, headers }, read);
    this.#request.on('error', () => end('broken'));
  }

  /** Breaks it, as a network does. */
  leave(): void {
    this.#over = true;
    this.#request.destroy();
  }
}
