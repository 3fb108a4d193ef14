/** What the script says while it works: one line a step, a check mark a check, a table at the end. */

const isTerminal = process.stdout.isTTY === true;
const paint = (code: number, text: string) => (isTerminal ? `\x1b[${code}m${text}\x1b[0m` : text);

export class Report {
  readonly #startedAt = performance.now();
  #failures = 0;

  get failures(): number {
    return this.#failures;
  }

  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  step(text: string): void {
    process.stdout.write(`\n${paint(1, text)}\n`);
  }

  line(text: string): void {
    process.stdout.write(`${paint(2, `${this.seconds.toFixed(1).padStart(6)} s`)}  ${text}\n`);
  }

  /** A claim that must hold; the script goes on, and fails at its end. */
  check(holds: boolean, claim: string): void {
    if (!holds) this.#failures += 1;
    this.line(`${holds ? paint(32, '✓') : paint(31, '✗')} ${claim}`);
  }

  table(head: readonly string[], rows: readonly (readonly string[])[]): void {
    const widths = head.map((title, i) => Math.max(title.length, ...rows.map(row => row[i]!.length)));
    const format = (row: readonly string[]) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd();
    const lines = [format(head), widths.map(width => '─'.repeat(width)).join('  '), ...rows.map(format)];
    process.stdout.write(`\n${lines.join('\n')}\n\n`);
  }
}
