/**
 * Big real blocks with their coins, by all rules and two threads: how much of the time is more than the signatures
 * themselves take. The yardstick is what two threads of this machine verify of the native library and nothing else,
 * measured in the same run. Short: one small block.
 */
import { equal } from 'node:assert/strict';
import type { ScriptCheck } from '../../src/chain/effects.ts';
import { checkLoneBlock } from '../../src/consensus/lone-block.ts';
import { loadVerifier, type SignatureVerifier } from '../../src/crypto/verifier.ts';
import { ScriptWorkers } from '../../src/node/script-workers.ts';
import { verifyInputs } from '../../src/script/verify.ts';
import { decodeBlock } from '../../src/wire/block.ts';
import { readRealBlock } from '../support/real-blocks.ts';
import type { Figure, Scenario } from './scenario.ts';

const BLOCKS = { short: ['main-757739'], full: ['main-866342', 'test3-928816', 'test3-928831'] } as const;
const ROUNDS = { short: 1, full: 9 };

interface Question {
  readonly kind: 'ecdsa' | 'schnorr';
  readonly hash: Uint8Array;
  readonly signature: Uint8Array;
  readonly key: Uint8Array;
}

export const realBlocksScenario: Scenario = {
  name: 'real blocks with their coins, two threads',
  async run({ short }) {
    const verifier = await loadVerifier('auto');
    // The main thread is the other one.
    const workers = new ScriptWorkers({ verifier }, { workers: 1 });
    await workers.start();
    const rounds = short ? ROUNDS.short : ROUNDS.full;
    const figures: Figure[] = [];
    try {
      for (const name of short ? BLOCKS.short : BLOCKS.full)
        figures.push(...(await validate(name, verifier, workers, rounds)));
    } finally {
      await workers.close();
    }
    return figures;
  },
};

async function validate(
  name: string,
  verifier: SignatureVerifier,
  workers: ScriptWorkers,
  rounds: number,
): Promise<Figure[]> {
  const real = readRealBlock(name);
  const questions = questionsOf(checkLoneBlock(real, real.params).connection!.scriptChecks, verifier);
  const times: number[] = [];
  const floors: number[] = [];
  let inputs = 0;
  for (let round = 0; round < rounds; round += 1) {
    // Decoded afresh: hashes are remembered by the block.
    const began = performance.now();
    const block = decodeBlock(real.block.raw);
    const { scriptChecks } = checkLoneBlock({ ...real, block }, real.params).connection!;
    equal(await workers.check(scriptChecks as readonly ScriptCheck[]), undefined);
    times.push(performance.now() - began);
    inputs = scriptChecks.reduce((sum, { spent }) => sum + spent.length, 0);
    floors.push(timeOf(questions, verifier) / 2);
  }
  const ms = median(times);
  return [
    { name: `${name}: ${inputs} inputs, ${questions.length} signatures`, value: inputs / (ms / 1000), unit: 'inputs/s' }, // biome-ignore format: one line each
    { name: `${name}: of the signatures' own speed`, value: (median(floors) / ms) * 100, unit: '%' },
  ];
}

/** Every signature that is looked at. */
function questionsOf(
  checks: readonly Parameters<typeof verifyInputs>[0][],
  verifier: SignatureVerifier,
): Question[] {
  const questions: Question[] = [];
  const ask = (kind: Question['kind']) => (hash: Uint8Array, signature: Uint8Array, key: Uint8Array) => {
    questions.push({ kind, hash: hash.slice(), signature: signature.slice(), key: key.slice() });
    return kind === 'ecdsa'
      ? verifier.verifyEcdsa(hash, signature, key)
      : verifier.verifySchnorr(hash, signature, key);
  };
  const listening: SignatureVerifier = {
    ...verifier,
    verifyEcdsa: ask('ecdsa'),
    verifySchnorr: ask('schnorr'),
  };
  for (const check of checks) equal(verifyInputs(check, listening), undefined);
  return questions;
}

/** One thread, in milliseconds. */
function timeOf(questions: readonly Question[], verifier: SignatureVerifier): number {
  const began = performance.now();
  for (const { kind, hash, signature, key } of questions) {
    if (kind === 'ecdsa') verifier.verifyEcdsa(hash, signature, key);
    else verifier.verifySchnorr(hash, signature, key);
  }
  return performance.now() - began;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
