import { fingerprintsOf } from './fingerprints.js';

/** Heavy work with small results, for Piscina. */
export default function fingerprint(texts: readonly string[]): number[] {
  return fingerprintsOf(texts);
}
