/** Script checks on the spot, by the fastest engine here. */
import type { ScriptCheck, ScriptFailure } from '../../src/chain/effects.ts';
import { loadVerifierSync } from '../../src/crypto/verifier.ts';
import { scriptErrorText } from '../../src/script/errors.ts';
import { verifyInputs } from '../../src/script/verify.ts';

const VERIFIER = loadVerifierSync('auto');

export function verifyHere(checks: readonly ScriptCheck[]): ScriptFailure | undefined {
  for (const [check, each] of checks.entries()) {
    const failure = verifyInputs(each, VERIFIER);
    if (failure !== undefined) return { check, input: failure.input, error: scriptErrorText(failure.error) };
  }
  return undefined;
}
