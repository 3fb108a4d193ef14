/**
 * Every way to break a rule: the closed table *reason → kind*. Reasons are Bitcoin Core's strings byte for byte, so
 * that vectors, functional tests and users' tools agree. What a kind earns is decided elsewhere, in tables keyed by
 * `RejectKind`: the peer that sent it in p2p/penalty.ts, the RPC caller in rpc/codes.ts.
 *
 * Sources: Core src/consensus/validation.h, tx_check.cpp, tx_verify.cpp, validation.cpp, policy/policy.cpp.
 */

/** Core's BlockValidationResult and TxValidationResult, without the members that only Core's own code tells apart. */
export type RejectKind =
  /** A rule of consensus is broken (BLOCK_CONSENSUS, TX_CONSENSUS). */
  | 'consensus'
  /** The header breaks a rule (BLOCK_INVALID_HEADER). */
  | 'header'
  /** The data does not match what the header commits to; another copy may (BLOCK_MUTATED). */
  | 'mutated'
  /** The block's parent is unknown (BLOCK_MISSING_PREV). */
  | 'missing-parent'
  /** The parent, or the block itself, is known to be invalid (BLOCK_INVALID_PREV, BLOCK_CACHED_INVALID). */
  | 'invalid-parent'
  /** More than two hours ahead of our clock: may become valid (BLOCK_TIME_FUTURE). */
  | 'future'
  /** Too little work to be worth storing (BLOCK_HEADER_LOW_WORK). */
  | 'low-work'
  /** Valid, but not what this node relays (TX_NOT_STANDARD, TX_INPUTS_NOT_STANDARD, TX_MEMPOOL_POLICY …). */
  | 'policy'
  /** Pays too little alone, and may do with a child that pays for both (TX_RECONSIDERABLE). */
  | 'reconsiderable'
  /** Spends an output that is unknown (TX_MISSING_INPUTS). */
  | 'missing-inputs'
  /** Not yet: a lock or a young coinbase (TX_PREMATURE_SPEND). */
  | 'premature'
  /** Already here, or against something that is (TX_CONFLICT). */
  | 'conflict'
  /** A witness that may have been exchanged on the way (TX_WITNESS_MUTATED, TX_WITNESS_STRIPPED). */
  | 'witness';

export const REJECT_REASONS = {
  // Headers (validation.cpp: CheckBlockHeader, ContextualCheckBlockHeader, AcceptBlockHeader)
  'high-hash': 'header',
  'bad-diffbits': 'header',
  'time-too-old': 'header',
  'time-timewarp-attack': 'header',
  'time-too-new': 'future',
  'bad-version': 'header',
  'prev-blk-not-found': 'missing-parent',
  'bad-prevblk': 'invalid-parent',
  'duplicate-invalid': 'invalid-parent',
  'too-little-chainwork': 'low-work',
  // Blocks (CheckBlock, ContextualCheckBlock, ConnectBlock)
  'bad-txnmrklroot': 'mutated',
  'bad-txns-duplicate': 'mutated',
  'bad-witness-nonce-size': 'mutated',
  'bad-witness-merkle-match': 'mutated',
  'unexpected-witness': 'mutated',
  'bad-blk-length': 'consensus',
  'bad-blk-weight': 'consensus',
  'bad-blk-sigops': 'consensus',
  'bad-cb-missing': 'consensus',
  'bad-cb-multiple': 'consensus',
  'bad-cb-height': 'consensus',
  'bad-cb-amount': 'consensus',
  'bad-cb-length': 'consensus',
  'bad-signet-blksig': 'consensus',
  'bad-txns-BIP30': 'consensus',
  'bad-txns-nonfinal': 'consensus',
  'bad-txns-accumulated-fee-outofrange': 'consensus',
  'block-script-verify-flag-failed': 'consensus',
  // Transactions, in blocks and alone (tx_check.cpp, tx_verify.cpp)
  'bad-txns-vin-empty': 'consensus',
  'bad-txns-vout-empty': 'consensus',
  'bad-txns-oversize': 'consensus',
  'bad-txns-vout-negative': 'consensus',
  'bad-txns-vout-toolarge': 'consensus',
  'bad-txns-txouttotal-toolarge': 'consensus',
  'bad-txns-inputs-duplicate': 'consensus',
  'bad-txns-prevout-null': 'consensus',
  'bad-txns-inputs-missingorspent': 'missing-inputs',
  'bad-txns-premature-spend-of-coinbase': 'premature',
  'bad-txns-inputvalues-outofrange': 'consensus',
  'bad-txns-in-belowout': 'consensus',
  // Transactions alone: consensus in the next block (validation.cpp: MemPoolAccept)
  coinbase: 'consensus',
  'mempool-script-verify-flag-failed': 'policy',
  'non-final': 'premature',
  'non-BIP68-final': 'premature',
  'txn-already-in-mempool': 'conflict',
  'txn-same-nonwitness-data-in-mempool': 'conflict',
  'txn-already-known': 'conflict',
  'bad-txns-spends-conflicting-tx': 'consensus',
  // Policy (policy.cpp, rbf.cpp, truc_policy.cpp, ephemeral_policy.cpp)
  version: 'policy',
  'tx-size': 'policy',
  'tx-size-small': 'policy',
  'scriptsig-size': 'policy',
  'scriptsig-not-pushonly': 'policy',
  scriptpubkey: 'policy',
  'bare-multisig': 'policy',
  datacarrier: 'policy',
  dust: 'policy',
  'bad-txns-nonstandard-inputs': 'policy',
  'bad-witness-nonstandard': 'policy',
  'bad-txns-too-many-sigops': 'policy',
  'min relay fee not met': 'reconsiderable',
  'mempool min fee not met': 'reconsiderable',
  'mempool full': 'reconsiderable',
  'insufficient fee': 'reconsiderable',
  'bip125-replacement-disallowed': 'policy',
  'too many potential replacements': 'policy',
  'replacement-failed': 'reconsiderable',
  'too-large-cluster': 'policy',
  'TRUC-violation': 'policy',
  'missing-ephemeral-spends': 'policy',
  'max-fee-exceeded': 'policy',
  'max feerate exceeded': 'policy',
} as const satisfies Record<string, RejectKind>; // biome-ignore format: a table

export type RejectReason = keyof typeof REJECT_REASONS;

export interface RejectOptions {
  readonly detail?: string;
  readonly scriptError?: string;
  /** Follows the reason at once: the version in 'bad-version(0x00000001)'. */
  readonly suffix?: string;
  /** Other than the table's: what spoils a transaction spoils a block by consensus. */
  readonly kind?: RejectKind;
}

/** Somebody else's mistake: `reason` as Core names it, `detail` for people. */
export class Reject extends Error {
  override readonly name = 'Reject';
  readonly reason: RejectReason;
  readonly kind: RejectKind;
  /** Core's debug message: shown after the reason, separated by a comma. */
  readonly detail: string;
  /** The reason with what belongs to it, without the detail: what `submitblock` and `testmempoolaccept` answer. */
  readonly text: string;
  /** Set when a script failed: Core's text, shown in parentheses after the reason. */
  readonly scriptError: string | undefined;

  constructor(reason: RejectReason, options: RejectOptions = {}) {
    const { detail = '', scriptError, suffix = '' } = options;
    const text = scriptError === undefined ? `${reason}${suffix}` : `${reason} (${scriptError})`;
    super(detail === '' ? text : `${text}, ${detail}`);
    this.reason = reason;
    this.kind = options.kind ?? REJECT_REASONS[reason];
    this.detail = detail;
    this.text = text;
    this.scriptError = scriptError;
  }
}
