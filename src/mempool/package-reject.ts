/**
 * Why a package of transactions was refused as a whole. `package`: a rule for packages; `transaction`: a rule that one of
 * its transactions breaks. Texts are Core's (src/policy/packages.h: PCKG_POLICY, PCKG_TX).
 */
import type { Wtxid } from '../base/bytes.ts';
import type { Reject } from '../consensus/reject.ts';

export class PackageReject extends Error {
  override readonly name = 'PackageReject';
  /** Whose rule it is. */
  readonly scope: 'package' | 'transaction';
  /** Which transaction breaks a rule, and which one. */
  readonly failure: { readonly wtxid: Wtxid; readonly reject: Reject } | undefined;

  constructor(message: string, failure?: PackageReject['failure']) {
    super(message);
    this.scope = failure === undefined ? 'package' : 'transaction';
    this.failure = failure;
  }
}
