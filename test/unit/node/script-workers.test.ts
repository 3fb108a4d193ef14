import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AssertionError } from '../../../src/base/assert.ts';
import { EMPTY_BYTES, type Txid, ZERO_HASH } from '../../../src/base/bytes.ts';
import type { ScriptCheck } from '../../../src/chain/effects.ts';
import { cachingVerifier, createSignatureCache } from '../../../src/crypto/signature-cache.ts';
import { loadVerifierSync, type SignatureVerifier } from '../../../src/crypto/verifier.ts';
import { ScriptWorkers, workerCount } from '../../../src/node/script-workers.ts';
import { STANDARD_SCRIPT_FLAGS } from '../../../src/script/flags.ts';
import { verifyInputs } from '../../../src/script/verify.ts';
import { createTransaction } from '../../../src/wire/transaction.ts';
import { signedKeyHashSpend, spoilSignature } from '../../support/signed-spends.ts';

const verifier = loadVerifierSync('auto');
const NULLFAIL = 'Signature must be zero for failed CHECK(MULTI)SIG operation';

function checksOf(...inputs: readonly number[]): ScriptCheck[] {
  return inputs.map((count, i) => ({ ...signedKeyHashSpend(i, count), flags: STANDARD_SCRIPT_FLAGS }));
}

/** Of one input and 20 KB: the main thread leaves it to workers. */
function longCheck(scriptPubKey: Uint8Array): ScriptCheck {
  const tx = createTransaction({
    version: 2,
    inputs: [
      { prevout: { txid: ZERO_HASH as Txid, index: 0 }, scriptSig: EMPTY_BYTES, sequence: 0, witness: [] },
    ],
    outputs: [{ value: 1, scriptPubKey: new Uint8Array(20_000) }],
    lockTime: 0,
  });
  return { tx, spent: [{ value: 1, scriptPubKey }], flags: STANDARD_SCRIPT_FLAGS };
}

function spoil(checks: readonly ScriptCheck[], check: number, input: number): ScriptCheck[] {
  return checks.map((old, i) => (i === check ? { ...old, ...spoilSignature(old, input) } : old));
}

test.each([
  [0, 1, 1],
  [0, 2, 1],
  [0, 8, 7],
  [0, 64, 15],
  [1, 8, 0],
  [4, 2, 3],
  [-1, 4, 2],
  [-8, 4, 0],
  [99, 4, 15],
])('-par=%i on %i cores starts %i workers', (par, cores, expected) => {
  expect(workerCount(par, cores)).toBe(expected);
});

describe.each([0, 1, 2])('%i workers', workers => {
  const pool = new ScriptWorkers({ verifier }, { workers });
  beforeAll(() => pool.start());
  afterAll(() => pool.close());
  const few = checksOf(1, 3);
  const many = checksOf(1, 40, 2, 2, 17, 1);

  test('small jobs are answered at once', () => {
    expect(pool.check([])).toBe(undefined);
    expect(pool.check(few)).toBe(undefined);
    expect(pool.check(spoil(few, 1, 2))).toEqual({ check: 1, input: 2, error: NULLFAIL });
  });

  test('large jobs pass', async () => {
    const answer = pool.check(many);
    expect(answer).toBeInstanceOf(Promise);
    expect(await answer).toBe(undefined);
  });

  test('the first failure of several is told, whoever met it', async () => {
    const spoilt = spoil(spoil(spoil(many, 5, 0), 1, 39), 4, 16);
    for (let run = 0; run < 5; run += 1) {
      expect(await pool.check(spoilt)).toEqual({ check: 1, input: 39, error: NULLFAIL });
    }
  });

  test('long transactions are judged beside the others, and the first failure of all is told', async () => {
    const passing = longCheck(Uint8Array.of(0x51));
    const failing = longCheck(Uint8Array.of(0x6a));
    const error = 'OP_RETURN was encountered';
    expect(await pool.check([passing])).toBe(undefined);
    expect(await pool.check([passing, ...many, passing])).toBe(undefined);
    expect(await pool.check([...few, failing])).toEqual({ check: 2, input: 0, error });
    expect(await pool.check([passing, ...spoil(many, 1, 39), failing])).toEqual({ check: 2, input: 39, error: NULLFAIL }); // biome-ignore format: one case
    expect(await pool.check([many[0]!, failing, ...spoil(many, 1, 39)])).toEqual({
      check: 1,
      input: 0,
      error,
    });
  });

  test('jobs may overlap', async () => {
    const spoilt = spoil(many, 4, 3);
    const answers = await Promise.all([pool.check(many), pool.check(spoilt), pool.check(many)]);
    expect(answers).toEqual([undefined, { check: 4, input: 3, error: NULLFAIL }, undefined]);
  });
});

describe('before the workers are there', () => {
  const many = checksOf(1, 40, 2, 300, 17, 1);

  test('the main thread goes on without them', async () => {
    const pool = new ScriptWorkers({ verifier }, { workers: 2 });
    const answers = [pool.check(many), pool.check(spoil(many, 3, 250)), pool.check(many)];
    expect(await Promise.all(answers)).toEqual([
      undefined,
      { check: 3, input: 250, error: NULLFAIL },
      undefined,
    ]);
    await pool.start();
    expect(await pool.check(spoil(many, 4, 16))).toEqual({ check: 4, input: 16, error: NULLFAIL });
    await pool.close();
  });

  test('what only they may do waits for them', async () => {
    const pool = new ScriptWorkers({ verifier }, { workers: 2 });
    const failing = longCheck(Uint8Array.of(0x6a));
    expect(await pool.check([...many, failing])).toEqual({
      check: 6,
      input: 0,
      error: 'OP_RETURN was encountered',
    });
    await pool.close();
  });
});

test('a closed pool rejects what it was asked and what it is asked', async () => {
  const pool = new ScriptWorkers({ verifier }, { workers: 1 });
  const many = checksOf(200);
  const open = expect(pool.check(many)).rejects.toThrow('closed');
  await pool.close();
  await open;
  await expect(pool.check(many)).rejects.toThrow('closed');
});

test.each([0, 1, 3])(
  'an exception rejects the job, on whichever of %i + 1 threads it is met',
  async workers => {
    const pool = new ScriptWorkers({ verifier }, { workers });
    await pool.start();
    const checks = checksOf(200, 40);
    // One spent output too few: a bug of whoever asks.
    const broken = { ...checks[1]!, spent: checks[1]!.spent.slice(1) };
    const verdict = pool.check([checks[0]!, broken]) as Promise<unknown>;
    await expect(verdict).rejects.toThrow('End of data');
    // A block whose verdict never comes would hold up the chain for good: it must stop the node.
    await expect(verdict).rejects.toThrow(AssertionError);
    await expect(pool.check(checks)).rejects.toThrow(AssertionError);
    await pool.close();
  },
);

test('an idle pool lets the process end, a working one does not', () => {
  const script = `
    import { ScriptWorkers } from './dist/src/node/script-workers.js';
    import { loadVerifierSync } from './dist/src/crypto/verifier.js';
    import { signedKeyHashSpend } from './dist/test/support/signed-spends.js';
    const pool = new ScriptWorkers({ verifier: loadVerifierSync('auto') }, { workers: 2 });
    await pool.start();
    const failure = await pool.check([{ ...signedKeyHashSpend(1, 64), flags: 0 }]);
    console.log('checked', failure);`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: new URL('../../..', import.meta.url),
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect(run.stderr).toBe('');
  expect(run.stdout).toBe('checked undefined\n');
  expect(run.status).toBe(0);
});

test('workers that are closed while they begin end by themselves', async () => {
  // Ended from outside, one in some hundreds took the process with it, while it was loading the engine.
  for (let i = 0; i < 5; i += 1) {
    const pool = new ScriptWorkers({ verifier }, { workers: 2 });
    const start = expect(pool.start()).rejects.toThrow('closed');
    await pool.close();
    await start;
    await expect(pool.start()).rejects.toThrow('closed');
  }
  const broken = new ScriptWorkers({ verifier }, { workers: 1 });
  await broken.close();
  await broken.close();
});

describe('the cache of signatures', () => {
  // It is filled by an engine that finds everything good: so that every use of it shows.
  const lying: SignatureVerifier = {
    name: verifier.name,
    verifyEcdsa: () => true,
    verifySchnorr: () => true,
    checkTapTweak: () => true,
  };

  test.each([0, 2])('is read on all of %i + 1 threads, and not for other signatures', async workers => {
    const signatures = createSignatureCache(new Uint8Array(32).fill(1), 1 << 16);
    const pool = new ScriptWorkers({ verifier, signatures }, { workers });
    await pool.start();
    const spoilt = spoil(checksOf(1, 40, 60), 1, 39);
    const failure = { check: 1, input: 39, error: NULLFAIL };
    expect(await pool.check(spoilt)).toEqual(failure);
    const keeps = cachingVerifier(lying, signatures, 'keeps');
    for (const check of spoilt) expect(verifyInputs(check, keeps)).toBe(undefined);
    expect(await pool.check(spoilt)).toBe(undefined);
    expect(await pool.check(spoilt, 'keeps')).toBe(undefined);
    const other = spoil(spoilt, 1, 38);
    expect(await pool.check(other)).toEqual({ ...failure, input: 38 });
    await pool.close();
  });

  test('is filled by workers too, with what is good', async () => {
    const signatures = createSignatureCache(new Uint8Array(32).fill(2), 1 << 16);
    const pool = new ScriptWorkers({ verifier, signatures }, { workers: 2 });
    await pool.start();
    const checks = checksOf(1, 300);
    await pool.check(checks, 'keeps');
    await pool.close();
    const refusing: SignatureVerifier = { ...lying, verifyEcdsa: () => false };
    const reads = cachingVerifier(refusing, signatures, 'reads');
    for (const check of checks) expect(verifyInputs(check, reads)).toBe(undefined);
  });
});
