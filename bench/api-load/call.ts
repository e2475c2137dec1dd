import { Agent, request } from 'node:http';
import { keyOf } from './callers.js';

/** A request to the task API. */
export interface Call {
  readonly method: 'GET' | 'POST';
  /** Without the base path. */
  readonly path: string;
  /** Who asks. */
  readonly as: string;
  readonly json?: unknown;
}

/** What came back, and when it was there as a whole. */
export interface Answer {
  readonly status: number;
  readonly text: string;
}

export const BASE_PATH = '/api/v1';

/**
 * As a pool of clients has them. What waits for one counts as waiting; a new one for each request would wait longer where
 * the server is late, because Node accepts one in a turn of its loop (libuv 1.45).
 */
export const CONNECTIONS = 64;

const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

/** Rejects when there is no whole answer. */
export function call(port: number, { method, path, as, json }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const body = json === undefined ? null : Buffer.from(JSON.stringify(json));
    const headers: Record<string, string | number> = { authorization: `Bearer ${keyOf(as)}` };
    if (body !== null) {
      headers['content-type'] = 'application/json';
      headers['content-length'] = body.byteLength;
    }
    const asked = request({ host: '127.0.0.1', port, method, path: BASE_PATH + path, agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(body ?? undefined);
  });
}
