/**
 * Script checks of all nodes. A transaction names what it spends and its wtxid names it whole, so whether its scripts hold
 * under given flags is one question however many nodes ask it: it is answered once, as Core's script execution cache does
 * for one node (Core: ValidationCache). Where nothing is shared, each node asks the interpreter and remembers the good
 * signatures, as the daemon does: the mempool asks under two sets of flags.
 */
import type { Wtxid } from '../base/bytes.ts';
import type { ScriptCheck } from '../chain/effects.ts';
import type { CheckScripts } from '../chain/script-effects.ts';
import {
  createSignatureCache,
  SALT_BYTES,
  type SignatureCacheUse,
  verifiersOf,
} from '../crypto/signature-cache.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import { scriptErrorText } from '../script/errors.ts';
import { type InputFailure, verifyInputs } from '../script/verify.ts';

/** Under the same flags. */
const MEMO_ENTRIES_MAX = 100_000;
/** Of one node, for some hundred signatures. */
const SIGNATURES_BYTES = 4_096;
/** Nobody in a simulated world tries to make two signatures share a place. */
const SALT = new Uint8Array(SALT_BYTES);

type Verify = (check: ScriptCheck, signatures: SignatureCacheUse) => InputFailure | undefined;

export class ScriptVerdicts {
  readonly #verifier: SignatureVerifier;
  readonly #isShared: boolean;
  /** By flags. */
  readonly #known = new Map<number, Map<Wtxid, InputFailure | 'good'>>();

  constructor(verifier: SignatureVerifier, options: { readonly shared: boolean }) {
    this.#verifier = verifier;
    this.#isShared = options.shared;
  }

  /** For one node. */
  checker(): CheckScripts {
    const verify: Verify = this.#isShared ? check => this.#shared(check) : this.#own();
    return (checks, signatures) => {
      for (let check = 0; check < checks.length; check += 1) {
        const failure = verify(checks[check]!, signatures);
        if (failure !== undefined)
          return { check, input: failure.input, error: scriptErrorText(failure.error) };
      }
      return undefined;
    };
  }

  #own(): Verify {
    const cache = createSignatureCache(SALT, SIGNATURES_BYTES);
    const verifiers = verifiersOf(this.#verifier, cache);
    return (check, signatures) => verifyInputs(check, verifiers[signatures]);
  }

  #shared(check: ScriptCheck): InputFailure | undefined {
    const { flags, tx } = check;
    let known = this.#known.get(flags);
    if (known === undefined || known.size >= MEMO_ENTRIES_MAX) {
      known = new Map();
      this.#known.set(flags, known);
    }
    let verdict = known.get(tx.wtxid);
    if (verdict === undefined) {
      verdict = verifyInputs(check, this.#verifier) ?? 'good';
      known.set(tx.wtxid, verdict);
    }
    return verdict === 'good' ? undefined : verdict;
  }
}
