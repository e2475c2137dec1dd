const WORD_CHARACTER = /[\p{L}\p{N}\p{M}\p{Cs}]/u;

let table: Uint8Array | null = null;

/**
 * For each UTF-16 code unit, 1 where it is part of a word (a letter, digit, mark, or half of a character beyond the
 * basic plane, so that emoji count as words), else 0.
 */
export function wordCharacters(): Uint8Array {
  table ??= Uint8Array.from({ length: 0x1_0000 }, (_, code) =>
    WORD_CHARACTER.test(String.fromCharCode(code)) ? 1 : 0,
  );
  return table;
}
