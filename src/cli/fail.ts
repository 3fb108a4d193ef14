/** How a command says that it could not be done. */

/** One line, whatever it was; bugs come with their trace, because somebody has to mend them. */
export function fail(error: unknown, prefix = 'Error: '): number {
  const { name, message, stack } = error as Error;
  const isBug =
    name === 'AssertionError' || name === 'TypeError' || name === 'ReferenceError' || name === 'RangeError';
  process.stderr.write(`${prefix}${isBug ? (stack ?? message) : message}\n`);
  return 1;
}
