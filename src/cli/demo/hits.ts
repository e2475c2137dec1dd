import type { ServedHit } from './search-server.js';

/** Asks the server as anyone would. */
export async function fetchHits(port: number, query: string, mode: 'text' | 'vector'): Promise<ServedHit[]> {
  const response = await fetch(`http://127.0.0.1:${port}/search?mode=${mode}&q=${encodeURIComponent(query)}`);
  const { hits } = (await response.json()) as { hits: ServedHit[] };
  return hits;
}

/** Where a hit is from, and the line of it that says most about the query. */
export function describeHit({ score, content }: ServedHit, query: string, columns: number): string[] {
  const [source = '', ...lines] = content.split('\n');
  const stems = (query.toLowerCase().match(/\w{4,}/g) ?? []).map((word) => word.slice(0, 5));
  const matches = (line: string): number => stems.filter((stem) => line.toLowerCase().includes(stem)).length;
  let best = '';
  for (const line of lines) if (line.trim() !== '' && (best === '' || matches(line) > matches(best))) best = line;
  const width = Math.max(20, Math.min(columns, 110) - 9);
  const text = best.replace(/^[\s*/]+/, '').trim();
  return [
    `  ${score.toFixed(2).padStart(5)}  ${source}`,
    `         ${text.length > width ? `${text.slice(0, width - 1)}…` : text}`,
  ];
}
