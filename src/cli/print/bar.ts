// Eighths of a cell, so that little progress shows too.
const PARTS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/**
 * A bar of `width` cells with the percentage behind it: `█████▌    55 %`. Only what is complete is shown as full. Without
 * any cell it is the percentage.
 *
 * @param fraction 0 to 1; of null, which is not known, there is no bar.
 */
export function bar(fraction: number | null, width: number): string {
  if (fraction === null) return '';
  const whole = Math.min(1, Math.max(0, fraction));
  const eighths = Math.floor(whole * width * 8);
  const full = '█'.repeat(Math.floor(eighths / 8)) + (PARTS[eighths % 8] ?? '');
  const percent = `${String(Math.floor(whole * 100)).padStart(3)} %`;
  return width === 0 ? percent : `${full.padEnd(width, '░')} ${percent}`;
}
