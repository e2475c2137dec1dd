/** Returns its input, for Piscina. */
export default function noOp(input: number): number {
  return input;
}
