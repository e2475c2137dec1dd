/** A name of a table or column, as SQL has it whatever is in it. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text, as SQL has it. For what can't be bound. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
