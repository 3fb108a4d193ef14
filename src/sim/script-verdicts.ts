/**
 * Script checks of all nodes. A transaction names what it spends and its wtxid names it whole, so whether its scripts hold
 * under given flags is one question however many nodes ask it: it is answered once, as Core's script execution cache does
 * for one node (Core: ValidationCache). Where nothing is shared, each node asks the interpreter and remembers the good
 * signatures, as the daemon does: the mempool asks under two sets of flags.
 */
import type { ScriptCheck, ScriptFailure } from '../chain/effects.ts';
import type { CheckScripts } from '../chain/script-effects.ts';
import { createSignatureCache, SALT_BYTES, verifiersOf } from '../crypto/signature-cache.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import { scriptErrorText } from '../script/errors.ts';
import { type InputFailure, verifyInputs } from '../script/verify.ts';

const MEMO_ENTRIES_MAX = 100_000;
/** Of one node, for some hundred signatures. */
const SIGNATURES_BYTES = 4_096;
/** Nobody in a simulated world tries to make two signatures share a place. */
const SALT = new Uint8Array(SALT_BYTES);

type Verify = (check: ScriptCheck, signatures: 'keeps' | 'reads') => InputFailure | undefined;

export class ScriptVerdicts {
  readonly #verifier: SignatureVerifier;
  readonly #isShared: boolean;
  readonly #known = new Map<string, InputFailure | undefined>();

  constructor(verifier: SignatureVerifier, options: { readonly shared: boolean }) {
    this.#verifier = verifier;
    this.#isShared = options.shared;
  }

  /** For one node. */
  checker(): CheckScripts {
    const verify = this.#isShared ? (check: ScriptCheck) => this.#shared(check) : this.#own();
    return (checks, signatures) => firstFailure(checks, check => verify(check, signatures));
  }

  #own(): Verify {
    const cache = createSignatureCache(SALT, SIGNATURES_BYTES);
    const verifiers = verifiersOf(this.#verifier, cache);
    return (check, signatures) => verifyInputs(check, verifiers[signatures]);
  }

  #shared(check: ScriptCheck): InputFailure | undefined {
    const key = `${check.flags}:${check.tx.wtxid}`;
    const known = this.#known.get(key);
    if (known !== undefined || this.#known.has(key)) return known;
    const verdict = verifyInputs(check, this.#verifier);
    if (this.#known.size >= MEMO_ENTRIES_MAX) this.#known.clear();
    this.#known.set(key, verdict);
    return verdict;
  }
}

function firstFailure(
  checks: readonly ScriptCheck[],
  verify: (check: ScriptCheck) => InputFailure | undefined,
): ScriptFailure | undefined {
  for (const [check, each] of checks.entries()) {
    const failure = verify(each);
    if (failure !== undefined) return { check, input: failure.input, error: scriptErrorText(failure.error) };
  }
  return undefined;
}
