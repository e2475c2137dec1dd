/** A name of a table or column, as SQL has it whatever is in it. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Whether SQLite takes two names for the same: it does not tell capitals from small letters, but in ASCII only. */
export function sameName(one: string, other: string): boolean {
  return foldName(one) === foldName(other);
}

/** A name as SQLite compares it. */
export function foldName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** A text, as SQL has it. For what can't be bound. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
