/**
 * `bin/node verify-block FILE [--prevouts FILE]`: judges one block from a file by every rule that what is known allows,
 * and says which were judged, how fast, and why the block is refused if it is.
 */
import { readFileSync } from 'node:fs';
import { hashToHex } from '../base/bytes.ts';
import { SECOND_MS } from '../base/clock.ts';
import type { Connection } from '../consensus/connect.ts';
import { checkLoneBlock, type LoneBlock } from '../consensus/lone-block.ts';
import { customNetwork, networkParams } from '../consensus/networks.ts';
import type { ChainParams } from '../consensus/params.ts';
import { Reject } from '../consensus/reject.ts';
import { loadVerifier } from '../crypto/verifier.ts';
import { networkOf, readBlockContext, readMaybeGzip } from '../node/block-file.ts';
import { ScriptWorkers, workerCount } from '../node/script-workers.ts';
import type { Block } from '../wire/block.ts';
import { decodeBlock } from '../wire/block.ts';

export interface VerifyBlockArguments {
  readonly file: string;
  readonly prevouts?: string | undefined;
  readonly network?: string | undefined;
  readonly genesis?: string | undefined;
  readonly height?: number | undefined;
}

interface Outcome {
  readonly headerInContext: boolean;
  readonly connection: Connection | undefined;
  readonly seconds: number;
}

/** Exit code 0 when the block keeps every rule that could be judged. Throws DecodeError and the system's errors. */
export async function verifyBlockFile(args: VerifyBlockArguments): Promise<number> {
  const block = decodeBlock(readMaybeGzip(args.file));
  const prevouts =
    args.prevouts === undefined
      ? undefined
      : JSON.parse(Buffer.from(readMaybeGzip(args.prevouts)).toString());
  const lone = readBlockContext(block, prevouts, args.height);
  const params = chooseParams(args, prevouts);
  print(`block ${hashToHex(block.header.hash)} · height ${lone.height} · ${params.name}`);
  try {
    tell(lone, await judge(lone, params));
    return 0;
  } catch (error) {
    if (!(error instanceof Reject)) throw error;
    print(`invalid: ${error.message}`);
    return 1;
  }
}

/** Throws Reject. */
async function judge(lone: LoneBlock, params: ChainParams): Promise<Outcome> {
  const verifier = await loadVerifier('auto');
  const workers = new ScriptWorkers({ verifier }, { workers: workerCount(0) });
  try {
    const start = performance.now();
    const { headerInContext, connection } = checkLoneBlock(lone, params);
    if (connection !== undefined) await runScripts(lone.block, connection, workers);
    return { headerInContext, connection, seconds: (performance.now() - start) / SECOND_MS };
  } finally {
    await workers.close();
  }
}

async function runScripts(
  { transactions }: Block,
  { spent, flags }: Connection,
  workers: ScriptWorkers,
): Promise<void> {
  const checks = spent.map((coins, i) => ({ tx: transactions[i + 1]!, spent: coins, flags }));
  const failure = await workers.check(checks);
  if (failure === undefined) return;
  const { check, input, error } = failure;
  const detail = `input ${input} of ${hashToHex(transactions[check + 1]!.txid)}`;
  throw new Reject('block-script-verify-flag-failed', { detail, scriptError: error });
}

function tell({ block, spent }: LoneBlock, { headerInContext, connection, seconds }: Outcome): void {
  const inputs = block.transactions.slice(1).reduce((sum, tx) => sum + tx.inputs.length, 0);
  const count = (value: number) => value.toLocaleString('en');
  const parts = [
    connection === undefined ? 'valid as far as it goes' : 'valid',
    `${count(block.transactions.length)} transactions`,
    `${count(inputs)} inputs`,
    `${seconds.toFixed(3)} s`,
  ];
  if (connection !== undefined) parts.push(`${count(Math.round(inputs / seconds))} inputs/s`);
  print(parts.join(' · '));
  if (connection !== undefined) {
    print(`fees ${count(connection.fees)} sat · signature checks cost ${count(connection.sigOpCost)}`);
  }
  const missing: string[] = [];
  if (spent === undefined) missing.push('coins, amounts and scripts (give --prevouts)');
  if (!headerInContext) missing.push('bits, time and version of the header after its ancestors');
  if (missing.length > 0) print(`not judged: ${missing.join('; ')}`);
}

function chooseParams({ network, genesis }: VerifyBlockArguments, prevouts: unknown): ChainParams {
  if (genesis !== undefined) return customNetwork(JSON.parse(readFileSync(genesis, 'utf8')));
  return networkParams(network ?? networkOf(prevouts) ?? 'main');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
