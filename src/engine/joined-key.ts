/** Names as one key: other names, or none in place of one, give another key. */
export function joinedKey(first: string, second: string | null, third: string | null = null): string {
  return `${first.length}:${second === null ? '' : second.length}:${first}${second ?? ''}${third ?? ''}`;
}
