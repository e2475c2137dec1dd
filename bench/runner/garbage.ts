import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Collects all garbage, so that a measurement does not pay for what another has left behind. */
export function collectGarbage(): void {
  collect();
}
