import { lookup } from 'node:dns/promises';
import { type Authenticate, apiKeys } from '../../http/index.js';
import { MIN_KEY_LENGTH } from '../../http/caller.js';
import { isLoopbackAddress } from '../../http/loopback.js';
import { CommandError, EXIT } from '../command-error.js';

/** Who may use the server. */
export type Access = { readonly authenticate: Authenticate } | { readonly allowUnauthenticated: boolean };

/**
 * What was said about who may use a server that listens on `host`. With a key its bearer is an operator; without one the
 * API serves programs on this machine only, unless it is told otherwise.
 *
 * @throws CommandError where everybody who can reach the host could use it, and nobody said that they may.
 */
export async function accessOf(
  host: string,
  apiKey: string | undefined,
  allowUnauthenticated: boolean,
): Promise<Access> {
  if (apiKey !== undefined) {
    if (allowUnauthenticated) {
      throw new CommandError('Expected either an API key or --allow-unauthenticated, got both', EXIT.usage);
    }
    // As a header can carry it.
    const isPlain = /^[\x21-\x7e]+$/.test(apiKey);
    if (apiKey.length < MIN_KEY_LENGTH || !isPlain) {
      throw new CommandError(
        `Expected an API key of at least ${MIN_KEY_LENGTH} characters, all of them printable ASCII and no blank, ` +
          `got one of ${apiKey.length}${isPlain ? '' : ' with others'}`,
        EXIT.usage,
      );
    }
    return { authenticate: apiKeys({ [apiKey]: { owner: 'operator', operator: true } }) };
  }
  if (!allowUnauthenticated && !(await isLoopback(host))) {
    throw new CommandError(
      `Others can reach ${host === '' ? 'all addresses of this machine' : host}: give a key (TREADLE_API_KEY or --api-key), or --allow-unauthenticated if something in front keeps them out`,
      EXIT.usage,
    );
  }
  return { allowUnauthenticated };
}

async function isLoopback(host: string): Promise<boolean> {
  try {
    const addresses = await lookup(host, { all: true });
    // An empty name has no address, and a server that is given one listens on all of this machine.
    return addresses.length > 0 && addresses.every(({ address }) => isLoopbackAddress(address));
  } catch (error) {
    throw new CommandError(`There is no host ${host}: ${(error as Error).message}`);
  }
}
