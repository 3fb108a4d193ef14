/**
 * What a benchmark is. A scenario checks that its work was done right before it tells a figure, and runs small with
 * `short` so that the test run can keep it alive.
 */

export interface Figure {
  readonly name: string;
  readonly value: number;
  /** Something a reader can compare: 'verifications/s', 'inputs/s', 'MB'. */
  readonly unit: string;
}

export interface Scenario {
  readonly name: string;
  run(options: { readonly short: boolean }): Promise<Figure[]>;
}

/** How often a second `work` runs on this thread: repeated for `milliseconds` after a first, unmeasured time. */
export function ratePerSecond(work: (round: number) => void, milliseconds: number): number {
  work(0);
  const start = performance.now();
  let rounds = 0;
  let elapsed = 0;
  while (elapsed < milliseconds) {
    // Looked at seldom, so that the clock does not cost more than the work.
    for (let i = 0; i < 16; i += 1) work(rounds + i);
    rounds += 16;
    elapsed = performance.now() - start;
  }
  return (rounds / elapsed) * 1_000;
}
