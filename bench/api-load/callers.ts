/** Who has tasks. */
export const OWNERS = ['ann', 'ben', 'cleo', 'dan'] as const;
/** Who sees all of them. */
export const OPERATOR = 'ops';

export function keyOf(name: string): string {
  return `key-of-${name}-0123456789`;
}
