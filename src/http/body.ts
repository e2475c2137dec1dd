import type { HonoRequest } from 'hono';
import { Refusal, invalid } from './refusal.js';

/** Of other methods no route reads a body, and of some `Request` refuses to have one made. */
const HAVE_BODIES: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/**
 * Reads the body of a request, so that what comes after finds it whole.
 * @param maxBytes how much of it is read at most
 * @throws Refusal for a larger one, and where its sender went away in the middle of it
 */
export async function readBody(request: HonoRequest, maxBytes: number): Promise<void> {
  const { raw, method } = request;
  if (!HAVE_BODIES.has(method)) return;
  const length = raw.headers.get('content-length');
  // One that contradicts itself does not count.
  const declared = length === null || raw.headers.has('transfer-encoding') ? null : Number(length);
  if (declared !== null && declared > maxBytes) throw tooLarge(maxBytes);
  const { signal } = raw;
  try {
    // Kept by the request, for those who read it again.
    if (declared !== null) {
      await request.text();
      return;
    }
    const body = await read(raw.body, maxBytes);
    request.raw = new Request(request.url, { method, headers: raw.headers, body, signal });
  } catch (error) {
    // Nobody is there to hear it; but it is no fault of the server either.
    if (signal.aborted) throw invalid('Expected a whole body');
    throw error;
  }
}

async function read(body: Request['body'], maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  if (body === null) return new Uint8Array();
  // One piece of memory: chunks may have a byte each, and take a hundred times as much.
  let taken = new Uint8Array();
  let bytes = 0;
  // Without cancelling the stream where it is too long: that would end the connection before the answer.
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return taken.subarray(0, bytes);
    const end = bytes + value.byteLength;
    if (end > maxBytes) throw tooLarge(maxBytes);
    if (end > taken.byteLength) taken = grown(taken, Math.min(2 * end, maxBytes));
    taken.set(value, bytes);
    bytes = end;
  }
}

function grown(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(length);
  larger.set(bytes);
  return larger;
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal('INVALID_ARGUMENT', `Expected a body of at most ${maxBytes} bytes`, {
    status: 413,
    details: { max_bytes: maxBytes },
  });
}
