/** Asks both nodes, compares, counts, and stops at the first disagreement with the smallest case that shows it. */
import { bytesToHex } from '../../src/base/bytes.ts';
import type { Transaction } from '../../src/wire/transaction.ts';
import { compare, outcome } from './compare.ts';
import type { Answers, NodePair, Request } from './nodes.ts';
import { shrinkBytes, shrinkTx } from './shrink.ts';

/** Outcomes named in the report of each kind. */
const OUTCOMES_SHOWN = 60;

export class Disagreement extends Error {
  override readonly name = 'Disagreement';
}

interface Tally {
  cases: number;
  /** Differ as the lists of compare.ts allow. */
  excepted: number;
  readonly outcomes: Map<string, number>;
}

/** One question, with how to ask it about something smaller. */
export interface Case extends Request {
  readonly story: string;
  readonly subject?:
    | { readonly tx: Transaction; readonly ask: (tx: Transaction) => Request }
    | { readonly bytes: Uint8Array; readonly ask: (bytes: Uint8Array) => Request };
}

export class Session {
  readonly pair: NodePair;
  readonly seed: number;
  readonly #tallies = new Map<string, Tally>();
  /** Blocks given to both, to tell how they came to where they are. */
  readonly blocks: string[] = [];
  round = 0;

  constructor(pair: NodePair, seed: number) {
    this.pair = pair;
    this.seed = seed;
  }

  get cases(): number {
    let sum = 0;
    for (const tally of this.#tallies.values()) sum += tally.cases;
    return sum;
  }

  /** All agree, or this throws Disagreement (unless that is only `counted`). Returns what both said. */
  async check(
    kind: string,
    cases: readonly Case[],
    disagreements: 'stop' | 'counted' = 'stop',
  ): Promise<Answers[]> {
    const answers = await this.pair.ask(cases.map(({ method, params }) => ({ method, params })));
    const tally = this.#tally(kind);
    for (const [i, answer] of answers.entries()) {
      tally.cases += 1;
      const agreement = compare(answer);
      if (agreement === 'different' && disagreements === 'stop')
        throw await this.#explain(kind, cases[i]!, answer);
      if (agreement !== 'equal') tally.excepted += 1;
      const name = outcome(answer);
      tally.outcomes.set(name, (tally.outcomes.get(name) ?? 0) + 1);
    }
    return answers;
  }

  #tally(kind: string): Tally {
    let tally = this.#tallies.get(kind);
    if (tally === undefined) {
      tally = { cases: 0, excepted: 0, outcomes: new Map() };
      this.#tallies.set(kind, tally);
    }
    return tally;
  }

  async #explain(kind: string, found: Case, answers: Answers): Promise<Disagreement> {
    const { subject } = found;
    let smallest: Request = found;
    const disagrees = async (request: Request) => {
      const [answer] = await this.pair.ask([request]);
      return compare(answer!) === 'different';
    };
    if (subject !== undefined && (await disagrees(found))) {
      if ('tx' in subject) {
        smallest = subject.ask(await shrinkTx(subject.tx, tx => disagrees(subject.ask(tx))));
      } else {
        smallest = subject.ask(await shrinkBytes(subject.bytes, bytes => disagrees(subject.ask(bytes))));
      }
    }
    const [again] = smallest === found ? [answers] : await this.pair.ask([smallest]);
    const lines = [
      `DISAGREEMENT: ${kind}, seed ${this.seed}, round ${this.round}: ${found.story}`,
      `  request ${JSON.stringify({ method: smallest.method, params: smallest.params })}`,
      `  ours    ${JSON.stringify(again!.ours)}`,
      `  core    ${JSON.stringify(again!.core)}`,
      ...(smallest === found
        ? []
        : [
            `  as found ${subject && 'tx' in subject ? bytesToHex(subject.tx.raw) : ''}`,
            `  ours    ${JSON.stringify(answers.ours)}`,
            `  core    ${JSON.stringify(answers.core)}`,
          ]),
      `  blocks since the round began: ${JSON.stringify(this.blocks)}`,
    ];
    return new Disagreement(lines.join('\n'));
  }

  /** Markdown: cases by kind, then outcomes by kind. */
  report(seconds: number): string {
    const rate = (cases: number) => (cases / seconds).toFixed(0);
    const lines = [
      `seed ${this.seed}, ${this.round} rounds, ${seconds.toFixed(0)} s, ${this.cases} cases, ${rate(this.cases)} cases/s`,
      '',
    ];
    lines.push('| kind | cases | excepted | outcomes |', '| --- | ---: | ---: | ---: |');
    for (const [kind, { cases, excepted, outcomes }] of this.#tallies)
      lines.push(`| ${kind} | ${cases} | ${excepted} | ${outcomes.size} |`);
    for (const [kind, { outcomes }] of this.#tallies) {
      const sorted = [...outcomes].sort(([, a], [, b]) => b - a).slice(0, OUTCOMES_SHOWN);
      lines.push('', `${kind}: ${sorted.map(([name, count]) => `${name} ${count}`).join('; ')}`);
    }
    return lines.join('\n');
  }
}
