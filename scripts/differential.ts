/**
 * Differential fuzzing against Bitcoin Core: from a seed, makes transactions, scripts, blocks and encodings, right and
 * wrong in all their parts, asks our node and a bitcoind over RPC, and stops at the first disagreement with the smallest
 * case that shows it. Exit code 0: all agreed; 1: a disagreement; 2: it could not run.
 *
 *   npm run differential -- --seed N --minutes M [--bitcoind PATH] [--corpus FOLDER] [--late-forks] [--standard]
 *     [--verify-engine system|native|wasm|noble]
 *
 * Without --bitcoind the environment's BITCOIND counts. The corpus is a folder of *.jsonl.gz with a member `hex` a line.
 * With --late-forks the soft forks activate one after the other while it runs; with
 * --standard both nodes also refuse what is not standard, and policy is compared as well.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { NodePair } from './differential/nodes.ts';
import { Fuzzer } from './differential/rounds.ts';
import { Disagreement, Session } from './differential/session.ts';
import { killAll } from './regtest/process.ts';

/** Larger inputs are for parsers of other things. */
const CORPUS_BYTES_MAX = 20_000;
const PROGRESS_MS = 60_000;
/** Activation heights under --late-forks: the chain has 116 blocks when the fuzzer begins, and grows a few each round. */
const LATE_FORKS = { bip34: 150, dersig: 190, cltv: 230, csv: 270, segwit: 320 } as const;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '5' },
    bitcoind: { type: 'string', default: process.env['BITCOIND'] ?? '' },
    corpus: { type: 'string', default: '../shared/vectors/fuzz' },
    'late-forks': { type: 'boolean', default: false },
    standard: { type: 'boolean', default: false },
    'verify-engine': { type: 'string', default: 'native' },
  },
});

process.exitCode = await main(Number(values.seed), Number(values.minutes), values.bitcoind);

async function main(seed: number, minutes: number, bitcoind: string): Promise<number> {
  if (!Number.isInteger(seed) || !(minutes > 0) || bitcoind === '') {
    process.stderr.write(
      'Error: --seed takes a whole number, --minutes a positive one, and --bitcoind (or BITCOIND) a program\n',
    );
    return 2;
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(2));
  const lateForks = Object.entries(LATE_FORKS).map(
    ([name, height]) => `testactivationheight=${name}@${height}`,
  );
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'hearsay-differential-'));
  process.once('exit', () => {
    killAll();
    fs.rmSync(root, { recursive: true, force: true });
  });
  const pair = await NodePair.start(root, bitcoind, {
    common: [`acceptnonstdtxn=${values.standard ? 0 : 1}`, ...(values['late-forks'] ? lateForks : [])],
    ours: [`verify-engine=${values['verify-engine']}`],
  });
  const session = new Session(pair, seed);
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  try {
    await fuzz(session, () => seconds() > minutes * 60);
    process.stdout.write(`${session.report(seconds())}\n\nNo disagreement.\n`);
    return 0;
  } catch (error) {
    process.stdout.write(`${session.report(seconds())}\n\n`);
    process.stdout.write(`${error instanceof Disagreement ? error.message : (error as Error).stack}\n`);
    return error instanceof Disagreement ? 1 : 2;
  } finally {
    await pair.stop();
  }
}

async function fuzz(session: Session, isOver: () => boolean): Promise<void> {
  const segwitHeight = values['late-forks'] ? LATE_FORKS.segwit : 0;
  const fuzzer = new Fuzzer(session, { corpus: readCorpus(values.corpus), segwitHeight });
  await fuzzer.prepare();
  let told = performance.now();
  for (let round = 1; !isOver() && fuzzer.canGoOn; round += 1) {
    await fuzzer.run(round);
    if (performance.now() - told < PROGRESS_MS) continue;
    told = performance.now();
    process.stdout.write(`round ${round}, ${session.cases} cases\n`);
  }
}

/** All inputs of a folder; none when there is no such folder. */
function readCorpus(folder: string): Uint8Array[] {
  if (!fs.existsSync(folder)) return [];
  const files = fs.readdirSync(folder).filter(name => name.endsWith('.jsonl.gz'));
  return files.flatMap(name =>
    gunzipSync(fs.readFileSync(path.join(folder, name)))
      .toString()
      .split('\n')
      .filter(line => line !== '')
      .map(line => new Uint8Array(Buffer.from((JSON.parse(line) as { hex: string }).hex, 'hex')))
      .filter(bytes => bytes.length <= CORPUS_BYTES_MAX),
  );
}
