import { BlockList, isIPv6 } from 'node:net';

/** The connection of a request. */
export interface NodeSocket {
  readonly remoteAddress?: string | undefined;
  readonly destroyed?: boolean;
  once?(event: 'close', listener: () => void): unknown;
}

/** What an adapter of `@hono/node-server` tells of a request, and what it answers on. */
export interface NodeBindings {
  readonly incoming?: { readonly socket?: NodeSocket | undefined } | undefined;
  readonly outgoing?: { destroy(): unknown } | undefined;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

const LOCAL_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);
const FORWARDED = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-forwarded-server',
  'x-real-ip',
  'x-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
];

/** Whether an address is of this machine alone. */
export function isLoopbackAddress(address: string | undefined): boolean {
  return address !== undefined && LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/**
 * Why a request is taken for one from elsewhere; null where it surely comes from a program on this machine. Besides the
 * address the name counts that was asked for, since a page in a browser here can give its own name this machine's address, and
 * what a proxy adds.
 */
export function whyRemote(request: Request, bindings: NodeBindings | undefined): string | null {
  const address = bindings?.incoming?.socket?.remoteAddress;
  if (address === undefined) return 'where it comes from is not known';
  if (!isLoopbackAddress(address)) return 'it does not come from this machine';
  const through = FORWARDED.find((header) => request.headers.has(header));
  if (through !== undefined) return `it came through a proxy (header ${through})`;
  const { hostname } = new URL(request.url);
  if (!LOCAL_NAMES.has(hostname)) return 'the host it asks for is not this machine';
  if (isOfPageElsewhere(request.headers)) return 'a page from elsewhere made it';
  return null;
}

function isOfPageElsewhere(headers: Headers): boolean {
  const origin = headers.get('origin');
  if (origin !== null) return !isLocalOrigin(origin);
  // Images, links and the like of a page are asked for without its origin. It can't read them, but they would be done.
  return headers.get('sec-fetch-site') === 'cross-site';
}

function isLocalOrigin(origin: string): boolean {
  return URL.canParse(origin) && LOCAL_NAMES.has(new URL(origin).hostname);
}
