/** Inputs verified a second, scripts and signature hashes included: on one thread, and on all by the script workers. */
import { equal } from 'node:assert/strict';
import { loadVerifier } from '../../src/crypto/verifier.ts';
import { ScriptWorkers, workerCount } from '../../src/node/script-workers.ts';
import { STANDARD_SCRIPT_FLAGS } from '../../src/script/flags.ts';
import { verifyInputs } from '../../src/script/verify.ts';
import {
  type SignedSpend,
  signedKeyHashSpend,
  signedTaprootSpend,
  spoilSignature,
} from '../support/signed-spends.ts';
import { type Figure, ratePerSecond, type Scenario } from './scenario.ts';

/** As most transactions have. */
const INPUTS_PER_TX = 2;
const FULL_MS = 1_000;
const SHORT_MS = 5;
const FULL_TXS = 2_000;
const SHORT_TXS = 20;

export const scriptScenario: Scenario = {
  name: 'script',
  async run({ short }) {
    const verifier = await loadVerifier('auto');
    const count = short ? SHORT_TXS : FULL_TXS;
    const make = (spend: (seed: number, inputs: number) => SignedSpend) =>
      Array.from({ length: count }, (_, i) => ({ ...spend(i, INPUTS_PER_TX), flags: STANDARD_SCRIPT_FLAGS }));
    const figures: Figure[] = [];
    const keyHash = make(signedKeyHashSpend);
    const taproot = make(signedTaprootSpend);
    for (const [name, checks] of [
      ['P2WPKH', keyHash],
      ['taproot by key', taproot],
    ] as const) {
      equal(verifyInputs(checks[0]!, verifier), undefined);
      const txsPerSecond = ratePerSecond(
        round => void verifyInputs(checks[round % count]!, verifier),
        short ? SHORT_MS : FULL_MS,
      );
      figures.push({ name: `${name}, one thread`, value: txsPerSecond * INPUTS_PER_TX, unit: 'inputs/s' });
    }
    const workers = workerCount(0);
    const pool = new ScriptWorkers({ verifier }, { workers });
    await pool.start();
    const spoilt = [...keyHash.slice(1), { ...keyHash[0]!, ...spoilSignature(keyHash[0]!, 1) }];
    equal((await pool.check(spoilt))?.check, count - 1);
    const start = performance.now();
    equal(await pool.check(keyHash), undefined);
    const seconds = (performance.now() - start) / 1_000;
    await pool.close();
    figures.push({
      name: `P2WPKH, ${workers} workers and the main thread`,
      value: (count * INPUTS_PER_TX) / seconds,
      unit: 'inputs/s',
    });
    return figures;
  },
};
