/**
 * Script checks of all nodes. A transaction names what it spends and its wtxid names it whole, so whether its scripts hold
 * under given flags is one question however many nodes ask it: it is answered once, as Core's script execution cache does
 * for one node (Core: ValidationCache). Without the memo, each asks the interpreter.
 */
import type { ScriptCheck, ScriptFailure } from '../chain/effects.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import { scriptErrorText } from '../script/errors.ts';
import { type InputFailure, verifyInputs } from '../script/verify.ts';

const MEMO_ENTRIES_MAX = 100_000;

export class ScriptVerdicts {
  readonly #verifier: SignatureVerifier;
  readonly #usesMemo: boolean;
  readonly #known = new Map<string, InputFailure | undefined>();

  constructor(verifier: SignatureVerifier, options: { readonly memo: boolean }) {
    this.#verifier = verifier;
    this.#usesMemo = options.memo;
  }

  check(checks: readonly ScriptCheck[]): ScriptFailure | undefined {
    for (const [check, each] of checks.entries()) {
      const failure = this.#verify(each);
      if (failure !== undefined)
        return { check, input: failure.input, error: scriptErrorText(failure.error) };
    }
    return undefined;
  }

  #verify(check: ScriptCheck): InputFailure | undefined {
    if (!this.#usesMemo) return verifyInputs(check, this.#verifier);
    const key = `${check.flags}:${check.tx.wtxid}`;
    if (this.#known.has(key)) return this.#known.get(key);
    const verdict = verifyInputs(check, this.#verifier);
    if (this.#known.size >= MEMO_ENTRIES_MAX) this.#known.clear();
    this.#known.set(key, verdict);
    return verdict;
  }
}
