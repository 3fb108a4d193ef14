/**
 * The rules of blocks as a table: how to break each, and what a node says then. A row is `[name, build, verdict]`, the
 * verdict being what `submitblock` answers ('accepted' for null). Rows run in order on one chain per group: a block that
 * is accepted becomes the tip of the next row. The cases follow what Core's feature_block.py, p2p_invalid_block.py,
 * feature_cltv.py, feature_dersig.py, feature_csv_activation.py, feature_nulldummy.py and p2p_segwit.py care about.
 */
import { concatBytes, hexToBytes, ZERO_HASH } from '../../src/base/bytes.ts';
import { networkParams } from '../../src/consensus/networks.ts';
import { overrideParams } from '../../src/consensus/overrides.ts';
import type { ChainParams } from '../../src/consensus/params.ts';
import type { RejectReason } from '../../src/consensus/reject.ts';
import { witnessCommitmentScript } from '../../src/consensus/witness-commitment.ts';
import { type ScriptError, scriptErrorText } from '../../src/script/errors.ts';
import { pushNumber } from '../../src/script/opcodes.ts';
import { payToTaproot, wrapInScriptHash, wrapInWitnessScriptHash } from '../../src/script/templates.ts';
import { type Block, blockWeight, createBlock, decodeBlock } from '../../src/wire/block.ts';
import { NULL_INDEX } from '../../src/wire/transaction.ts';
import {
  type BlockScene,
  type BlockShape,
  input,
  output,
  RESERVED,
  type SpendShape,
  spendCoin,
  transaction,
  UNKNOWN_BLOCK,
  UNKNOWN_TXID,
} from './block-scene.ts';
import { scriptFromText } from './script-text.ts';
import { NOW, OP_TRUE_SCRIPT, REGTEST } from './test-chain.ts';

export type BlockVerdict =
  | 'accepted'
  | RejectReason
  | `bad-version(${string})`
  | `block-script-verify-flag-failed (${string})`;

export type BlockRule = readonly [name: string, build: (scene: BlockScene) => Block, verdict: BlockVerdict];

/** Rows that need parameters and a base of their own. */
export interface BlockRules {
  readonly name: string;
  readonly params: ChainParams;
  /** The time, in milliseconds. */
  readonly now: number;
  /** What makes bitcoind run the same chain. */
  readonly coreArgs: readonly string[];
  prepare(scene: BlockScene): void;
  readonly rules: readonly BlockRule[];
}

const CHECKSIG = 0xac;
const MONEY = 21e14;
const SIGOPS_MAX = 20_000;
/** Of the base: enough that some coinbases are old enough to be spent. */
const BASE_BLOCKS = 110;
const TIME_LIMIT_SECONDS = 7_200;
const SEQUENCE_TIME = 0x0040_0000;
const SEQUENCE_DISABLED = 0x8000_0000;
const bytes = (length: number, fill = 0) => new Uint8Array(length).fill(fill);
const failing = (error: ScriptError): BlockVerdict =>
  `block-script-verify-flag-failed (${scriptErrorText(error)})`;

const KEY = '0x21 0x0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798';
/** DER with a superfluous zero before R: what BIP66 forbids. It is nobody's signature. */
const LAX_SIGNATURE = hexToBytes('0a300702020001020101' + '01');
const STRICT_SIGNATURE = hexToBytes('09300602010102010101');
const P2SH_FALSE = scriptFromText('0');
const WITNESS_TRUE = OP_TRUE_SCRIPT;
const TOO_LARGE_PUSH = concatBytes(hexToBytes('4d0902'), bytes(521));

/** What the coins of the base can be spent by, and why not. */
const SCRIPTS = {
  plain: OP_TRUE_SCRIPT,
  other: OP_TRUE_SCRIPT,
  third: OP_TRUE_SCRIPT,
  false: scriptFromText('0'),
  verify: scriptFromText('VERIFY 1'),
  disabled: scriptFromText('0 IF CAT ENDIF 1'),
  unknown: scriptFromText('0xba'),
  longPush: TOO_LARGE_PUSH,
  operations: bytes(202, 0x61),
  unbalanced: scriptFromText('1 IF 1'),
  return: scriptFromText('1 VERIFY'),
  notSigned: scriptFromText(`${KEY} CHECKSIG NOT`),
  dummy: scriptFromText('0 0 CHECKMULTISIG'),
  height: scriptFromText('100 CHECKLOCKTIMEVERIFY DROP 1'),
  age: scriptFromText('3 CHECKSEQUENCEVERIFY DROP 1'),
  negativeAge: scriptFromText('-1 CHECKSEQUENCEVERIFY DROP 1'),
  scriptHash: wrapInScriptHash(P2SH_FALSE),
  scriptHashTrue: wrapInScriptHash(OP_TRUE_SCRIPT),
  witness: wrapInWitnessScriptHash(WITNESS_TRUE),
  /** A program without rules yet. */
  heavy: Uint8Array.of(0x52, 2, 7, 7),
  witnessIf: wrapInWitnessScriptHash(scriptFromText('IF 1 ELSE 0 ENDIF')),
  witnessSigops: wrapInWitnessScriptHash(bytes(9_999, CHECKSIG)),
  keyHash: concatBytes(Uint8Array.of(0, 20), bytes(20, 7)),
  oddProgram: concatBytes(Uint8Array.of(0, 21), bytes(21, 7)),
  taproot: payToTaproot(hexToBytes('79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798')),
  future: concatBytes(Uint8Array.of(0x60, 2), bytes(2, 1)),
} as const;

/** A block with one transaction that spends one coin. */
const spending =
  (coin: keyof typeof SCRIPTS, shape: SpendShape = {}) =>
  (scene: BlockScene): Block =>
    scene.block({ transactions: [spendCoin(scene.coin(coin), shape)], commit: true });

/** A block whose only other transaction is not one at all. */
const withTx =
  (build: (scene: BlockScene) => Parameters<typeof transaction>[0]) =>
  (scene: BlockScene): Block =>
    scene.block({ transactions: [transaction(build(scene))] });

const again =
  (name: string) =>
  (scene: BlockScene): Block =>
    scene.built.get(name)!;

const HEADERS: readonly BlockRule[] = [
  ['nothing wrong', s => s.block(), 'accepted'],
  ['the hash misses the target', s => s.block({ unsolved: true }), 'high-hash'],
  ['bits beyond the limit', s => s.block({ header: { bits: 0x2100_ffff } }), 'high-hash'],
  ['other bits', s => s.block({ header: { bits: 0x207f_fffe } }), 'bad-diffbits'],
  ['the median time', s => s.block({ header: { time: s.medianTimePast } }), 'time-too-old'],
  ['one second later', s => s.block({ header: { time: s.medianTimePast + 1 } }), 'accepted'],
  ['too far ahead', s => s.block({ header: { time: NOW / 1000 + TIME_LIMIT_SECONDS + 1 } }), 'time-too-new'],
  ['version 3', s => s.block({ header: { version: 3 } }), 'bad-version(0x00000003)'],
  ['version 1', s => s.block({ header: { version: 1 } }), 'bad-version(0x00000001)'],
  ['a negative version', s => s.block({ header: { version: -1 } }), 'bad-version(0xffffffff)'],
  ['version 4', s => s.block({ header: { version: 4 } }), 'accepted'],
  ['an unknown parent', s => s.block({ header: { prevHash: UNKNOWN_BLOCK } }), 'prev-blk-not-found'],
]; // biome-ignore format: a table

const FORMS: readonly BlockRule[] = [
  ['another merkle root', s => s.block({ header: { merkleRoot: ZERO_HASH } }), 'bad-txnmrklroot'],
  ['a repeated end', repeatedEnd, 'bad-txns-duplicate'],
  ['no transactions', s => s.block({ coinbase: null }), 'bad-blk-length'],
  ['too large', s => s.block({ coinbase: { outputs: [output(0, bytes(1_000_000))] } }), 'bad-blk-length'],
  ['as large as can be', s => s.block({ coinbase: { outputs: [output(0, bytes(999_839 + 10))] } }), 'accepted'],
  ['one unit too heavy', s => weighing(s, 4_000_001), 'bad-blk-weight'],
  ['as heavy as can be', s => weighing(s, 4_000_000), 'accepted'],
  ['no coinbase', s => s.block({ coinbase: null, transactions: [spendCoin(s.coin('plain'))] }), 'bad-cb-missing'],
  ['two coinbases', s => s.block({ transactions: [s.coinbase({ lockTime: 1 })] }), 'bad-cb-multiple'],
  ['a short coinbase', s => s.block({ coinbase: { scriptSig: bytes(1) } }), 'bad-cb-length'],
  ['a long coinbase', s => s.block({ coinbase: { scriptSig: longCoinbase(s, 101) } }), 'bad-cb-length'],
  ['the longest coinbase', s => s.block({ coinbase: { scriptSig: longCoinbase(s, 100) } }), 'accepted'],
  ['another height', s => s.block({ coinbase: { scriptSig: pushNumber(s.height + 2) } }), 'bad-cb-height'],
  ['the height in five bytes', s => s.block({ coinbase: { scriptSig: Uint8Array.of(2, s.height + 1, 0, 0) } }), 'bad-cb-height'],
  ['too many signature checks', s => s.block({ coinbase: { outputs: [output(0, bytes(SIGOPS_MAX + 1, CHECKSIG))] } }), 'bad-blk-sigops'],
  ['all that are allowed', s => s.block({ coinbase: { outputs: [output(0, bytes(SIGOPS_MAX, CHECKSIG))] } }), 'accepted'],
  ['those of P2SH count too', tooManyScriptHashSigops, 'bad-blk-sigops'],
  ['those of witnesses count too', s => s.block({ coinbase: { outputs: [output(0, bytes(17_501, CHECKSIG))] }, commit: true, transactions: [spendCoin(s.coin('witnessSigops'), { witness: [bytes(9_999, CHECKSIG)] })] }), 'bad-blk-sigops'],
]; // biome-ignore format: a table

const TRANSACTIONS: readonly BlockRule[] = [
  // On the wire nothing else can be a transaction without inputs: with outputs it would read as one with witnesses.
  ['a transaction of nothing', withTx(() => ({})), 'bad-txns-vin-empty'],
  ['no outputs', withTx(s => ({ inputs: [input(s.coin('plain').prevout)] })), 'bad-txns-vout-empty'],
  ['a negative output', spending('plain', { outputs: [output(-1)] }), 'bad-txns-vout-negative'],
  ['an output of more than all money', spending('plain', { outputs: [output(MONEY + 1)] }), 'bad-txns-vout-toolarge'],
  ['outputs of more than all money', spending('plain', { outputs: [output(MONEY), output(1)] }), 'bad-txns-txouttotal-toolarge'],
  ['an input twice', withTx(s => ({ inputs: [input(s.coin('plain').prevout), input(s.coin('plain').prevout)], outputs: [output(1)] })), 'bad-txns-inputs-duplicate'],
  ['the input of a coinbase beside another', withTx(s => ({ inputs: [input(s.coin('plain').prevout), input({ txid: ZERO_HASH, index: NULL_INDEX })], outputs: [output(1)] })), 'bad-txns-prevout-null'],
  ['an unknown coin', withTx(() => ({ inputs: [input({ txid: UNKNOWN_TXID, index: 0 })], outputs: [output(1)] })), 'bad-txns-inputs-missingorspent'],
  ['an output that does not exist', withTx(s => ({ inputs: [input({ ...s.coin('plain').prevout, index: 999 })], outputs: [output(1)] })), 'bad-txns-inputs-missingorspent'],
  ['a coin twice', s => s.block({ transactions: [spendCoin(s.coin('plain')), spendCoin(s.coin('plain'), { lockTime: 1 })] }), 'bad-txns-inputs-missingorspent'],
  ['a child before its parent', s => s.block({ transactions: family(s).reverse() }), 'bad-txns-inputs-missingorspent'],
  ['a coinbase too early', s => s.block({ transactions: [spendCoin(s.coinbaseCoin(s.height + 1 - 99))] }), 'bad-txns-premature-spend-of-coinbase'],
  ['a coinbase after a hundred blocks', s => s.block({ transactions: [spendCoin(s.coinbaseCoin(s.height + 1 - 100))] }), 'accepted'],
  ['more out than in', s => spending('plain', { outputs: [output(s.coin('plain').value + 1)] })(s), 'bad-txns-in-belowout'],
  ['too much for the coinbase', s => s.block({ coinbase: { value: 50e8 + 1 } }), 'bad-cb-amount'],
  ['the fees of another block', s => s.block({ coinbase: { value: 50e8 + 101 }, transactions: [paying(s, 100)] }), 'bad-cb-amount'],
  ['the block again', again('too much for the coinbase'), 'duplicate-invalid'],
  ['a child of it', s => s.block({ header: { prevHash: again('too much for the coinbase')(s).header.hash } }), 'bad-prevblk'],
  ['less for the coinbase', s => s.block({ coinbase: { value: 1 } }), 'accepted'],
  ['all fees for the coinbase', s => s.block({ coinbase: { value: 50e8 + 100 }, transactions: [paying(s, 100)] }), 'accepted'],
  ['a coin that is gone', s => s.block({ transactions: [spendCoin(s.coin('plain'))] }), 'bad-txns-inputs-missingorspent'],
  ['a parent and its child', s => s.block({ transactions: family(s) }), 'accepted'],
]; // biome-ignore format: a table

const LOCKS: readonly BlockRule[] = [
  ['a lock by height', s => spending('third', { lockTime: s.height + 1, sequence: 0 })(s), 'bad-txns-nonfinal'],
  ['the same with final sequences', s => s.block({ transactions: [spendCoin(s.coinbaseCoin(2), { lockTime: s.height + 1 })] }), 'accepted'],
  ['a lock by time, up to the median', s => spending('third', { lockTime: s.medianTimePast, sequence: 0 })(s), 'bad-txns-nonfinal'],
  ['an open lock', s => s.block({ transactions: [spendCoin(s.coinbaseCoin(3), { lockTime: s.height, sequence: 0 })] }), 'accepted'],
  ['a lock on the coinbase', s => s.block({ coinbase: { lockTime: s.height + 1, sequence: 0 } }), 'bad-txns-nonfinal'],
  ['a relative lock', s => spending('third', { sequence: s.height + 1 })(s), 'bad-txns-nonfinal'],
  ['a relative lock by time', spending('third', { sequence: SEQUENCE_TIME | 0xffff }), 'bad-txns-nonfinal'],
  ['a relative lock that is switched off', s => s.block({ transactions: [spendCoin(s.coinbaseCoin(4), { sequence: SEQUENCE_DISABLED + 0xffff })] }), 'accepted'],
  ['a relative lock in version 1', s => s.block({ transactions: [spendCoin(s.coinbaseCoin(5), { sequence: 0xffff, version: 1 })] }), 'accepted'],
  ['a relative lock that is open', s => s.block({ transactions: [spendCoin(s.coinbaseCoin(6), { sequence: 5 })] }), 'accepted'],
  ['a version that is negative if signed has locks', s => spending('third', { sequence: s.height + 1, version: 0xffff_ffff })(s), 'bad-txns-nonfinal'],
]; // biome-ignore format: a table

const SCRIPT_RULES: readonly BlockRule[] = [
  ['false', spending('false'), failing('EVAL_FALSE')],
  ['nothing to verify', spending('verify'), failing('INVALID_STACK_OPERATION')],
  ['false to verify', spending('verify', { scriptSig: Uint8Array.of(0) }), failing('VERIFY')],
  ['a disabled opcode, even unexecuted', spending('disabled'), failing('DISABLED_OPCODE')],
  ['an unknown opcode', spending('unknown'), failing('BAD_OPCODE')],
  ['a push beyond the limit', spending('longPush'), failing('PUSH_SIZE')],
  ['too many operations', spending('operations', { scriptSig: Uint8Array.of(0x51) }), failing('OP_COUNT')],
  ['an open condition', spending('unbalanced'), failing('UNBALANCED_CONDITIONAL')],
  ['OP_RETURN in a scriptSig', spending('third', { scriptSig: Uint8Array.of(0x6a) }), failing('OP_RETURN')],
  ['a signature that is not strict DER', spending('notSigned', { scriptSig: LAX_SIGNATURE }), failing('SIG_DER')],
  ['one that is, and wrong', spending('notSigned', { scriptSig: STRICT_SIGNATURE }), 'accepted'],
  ['a dummy that is not empty', spending('dummy', { scriptSig: Uint8Array.of(0x51) }), failing('SIG_NULLDUMMY')],
  ['an empty dummy', spending('dummy', { scriptSig: Uint8Array.of(0) }), 'accepted'],
  ['CLTV without lock time', spending('height', { sequence: 0 }), failing('UNSATISFIED_LOCKTIME')],
  ['CLTV with a final sequence', spending('height', { lockTime: 100 }), failing('UNSATISFIED_LOCKTIME')],
  ['CLTV met', spending('height', { lockTime: 100, sequence: 0xffff_fffe }), 'accepted'],
  ['CSV with a short sequence', spending('age', { sequence: 2 }), failing('UNSATISFIED_LOCKTIME')],
  ['CSV in version 1', spending('age', { sequence: 3, version: 1 }), failing('UNSATISFIED_LOCKTIME')],
  ['a negative CSV', spending('negativeAge', { sequence: 3 }), failing('NEGATIVE_LOCKTIME')],
  ['CSV met', spending('age', { sequence: 3 }), 'accepted'],
  ['P2SH: another script', spending('scriptHash', { scriptSig: Uint8Array.of(1, 0x51) }), failing('EVAL_FALSE')],
  ['P2SH: a script that is false', spending('scriptHash', { scriptSig: Uint8Array.of(1, 0) }), failing('EVAL_FALSE')],
  ['P2SH: more than pushes', spending('scriptHashTrue', { scriptSig: Uint8Array.of(0x61, 1, 0x51) }), failing('SIG_PUSHONLY')],
  ['P2SH: met', spending('scriptHashTrue', { scriptSig: Uint8Array.of(1, 0x51) }), 'accepted'],
]; // biome-ignore format: a table

const SEGWIT: readonly BlockRule[] = [
  ['a witness without commitment', s => s.block({ transactions: [spendCoin(s.coin('witness'), { witness: [WITNESS_TRUE] })] }), 'unexpected-witness'],
  ['a short reserved value', s => s.block({ transactions: [spendCoin(s.coin('witness'), { witness: [WITNESS_TRUE] })], commit: true, coinbase: { witness: [bytes(31)] } }), 'bad-witness-nonce-size'],
  ['two reserved values', s => s.block({ commit: true, coinbase: { witness: [RESERVED, RESERVED] } }), 'bad-witness-nonce-size'],
  ['the commitment of another block', s => s.block({ transactions: [spendCoin(s.coin('witness'), { witness: [WITNESS_TRUE] })], commit: [] }), 'bad-witness-merkle-match'],
  ['no witness', spending('witness'), failing('WITNESS_PROGRAM_WITNESS_EMPTY')],
  ['another witness script', spending('witness', { witness: [P2SH_FALSE] }), failing('WITNESS_PROGRAM_MISMATCH')],
  ['a scriptSig beside a witness', spending('witness', { witness: [WITNESS_TRUE], scriptSig: Uint8Array.of(0x51) }), failing('WITNESS_MALLEATED')],
  ['an item too many', spending('witness', { witness: [bytes(1, 1), WITNESS_TRUE] }), failing('CLEANSTACK')],
  ['an item above 520 bytes', spending('witness', { witness: [bytes(521), WITNESS_TRUE] }), failing('PUSH_SIZE')],
  ['a witness for nobody', spending('third', { witness: [bytes(1)] }), failing('WITNESS_UNEXPECTED')],
  ['a key hash with one item', spending('keyHash', { witness: [bytes(33)] }), failing('WITNESS_PROGRAM_MISMATCH')],
  ['a program of 21 bytes', spending('oddProgram', { witness: [bytes(1)] }), failing('WITNESS_PROGRAM_WRONG_LENGTH')],
  // Refused by policy, not by consensus.
  ['OP_IF with more than one bit', spending('witnessIf', { witness: [bytes(1, 2), scriptFromText('IF 1 ELSE 0 ENDIF')] }), 'accepted'],
  ['taproot with an empty witness', spending('taproot'), failing('WITNESS_PROGRAM_WITNESS_EMPTY')],
  ['taproot with a short signature', spending('taproot', { witness: [bytes(63)] }), failing('SCHNORR_SIG_SIZE')],
  ['taproot with an undefined hash type', spending('taproot', { witness: [bytes(65, 4)] }), failing('SCHNORR_SIG_HASHTYPE')],
  ['taproot with a stated default hash type', spending('taproot', { witness: [bytes(65)] }), failing('SCHNORR_SIG_HASHTYPE')],
  ['taproot with a wrong signature', spending('taproot', { witness: [bytes(64, 1)] }), failing('SCHNORR_SIG')],
  ['taproot with a short control block', spending('taproot', { witness: [WITNESS_TRUE, bytes(32, 0xc0)] }), failing('TAPROOT_WRONG_CONTROL_SIZE')],
  ['taproot with a script of another tree', spending('taproot', { witness: [WITNESS_TRUE, bytes(33, 0xc0)] }), failing('WITNESS_PROGRAM_MISMATCH')],
  ['a program of a version to come', spending('future'), 'accepted'],
  ['a witness', spending('witness', { witness: [WITNESS_TRUE] }), 'accepted'],
  ['a commitment without witnesses', s => s.block({ commit: true, coinbase: { witness: [RESERVED] } }), 'accepted'],
]; // biome-ignore format: a table

/** Where somebody would look who wants two nodes to part. The coins are coinbases of the base. */
const EDGES: readonly BlockRule[] = [
  // The last output that looks like a commitment is the one.
  ['a right commitment before a wrong one', s => s.block(committing(s, [commitmentTo(s), wrongCommitment()])), 'bad-witness-merkle-match'],
  ['a wrong commitment before the right one', s => s.block(committing(s, [wrongCommitment(), commitmentTo(s)])), 'accepted'],
  ['a commitment with more behind it', s => s.block(committing(s, [concatBytes(commitmentTo(s), bytes(5, 0x6a))])), 'accepted'],
  ['a commitment one byte short', s => s.block(committing(s, [commitmentTo(s).subarray(0, 37)])), 'unexpected-witness'],
  ['a commitment pushed otherwise', s => s.block(committing(s, [concatBytes(Uint8Array.of(0x6a, 0x4c), commitmentTo(s).subarray(1))])), 'unexpected-witness'],
  ['a reserved value without commitment', s => s.block({ coinbase: { witness: [RESERVED] } }), 'unexpected-witness'],
  ['a reserved value that is not zero', s => s.block(committing(s, [witnessCommitmentScript({ transactions: [s.coinbase()] }, bytes(32, 9))], bytes(32, 9))), 'accepted'],
  ['multisignatures for free, as many as are allowed', s => s.block({ coinbase: { outputs: [output(0, multisigs(1_000))] } }), 'accepted'],
  ['one more', s => s.block({ coinbase: { outputs: [output(0, multisigs(1_001))] } }), 'bad-blk-sigops'],
  ['signature checks in a witness, one more than are allowed', s => witnessSigops(s, 19_011), 'bad-blk-sigops'],
  ['as many as are allowed', s => witnessSigops(s, 19_010), 'accepted'],
  ['a transaction of the size of a merkle node', s => s.block({ transactions: [spendCoin(s.coinbaseCoin(7), { outputs: [output(1, bytes(4, 0x51))] })] }), 'accepted'],
  ['a transaction twice, another between', s => s.block({ transactions: [8, 9, 8].map(height => spendCoin(s.coinbaseCoin(height))) }), 'bad-txns-inputs-missingorspent'],
  ['the coinbase of the block itself', s => { const coinbase = s.coinbase(); return s.block({ transactions: [spendCoin({ prevout: { txid: coinbase.txid, index: 0 }, value: 1 })] }); }, 'bad-txns-premature-spend-of-coinbase'],
  ['an output nobody can spend', s => s.block({ transactions: chained(s, 8, { made: { scriptPubKey: Uint8Array.of(0x6a) } }) }), 'bad-txns-inputs-missingorspent'],
  ['a script of more than 10,000 bytes', s => s.block({ transactions: chained(s, 8, { made: { scriptPubKey: bytes(10_001, 0x51) } }) }), 'bad-txns-inputs-missingorspent'],
  ['a script of 10,000 bytes that leaves too much on the stack', s => s.block({ transactions: chained(s, 8, { made: { scriptPubKey: bytes(10_000, 0x51) } }) }), failing('STACK_SIZE')],
  ['a relative lock on an output of the same block', s => s.block({ transactions: chained(s, 8, { spend: { sequence: 1 } }) }), 'bad-txns-nonfinal'],
  ['a relative lock of nothing on it', s => s.block({ transactions: chained(s, 8, { spend: { sequence: 0 } }) }), 'accepted'],
  ['a relative lock by time of nothing', s => s.block({ transactions: [spendCoin(s.coinbaseCoin(9), { sequence: SEQUENCE_TIME })] }), 'accepted'],
  ['an output of nothing, spent', s => s.block({ transactions: chained(s, 10, { made: { value: 0 }, spend: { outputs: [output(0)] } }) }), 'accepted'],
  ['a coinbase that pays more than all money', s => s.block({ coinbase: { value: MONEY + 1 } }), 'bad-txns-vout-toolarge'],
  ['a coinbase whose outputs are more than all money', s => s.block({ coinbase: { outputs: [output(MONEY), output(MONEY)] } }), 'bad-txns-txouttotal-toolarge'],
  ['the highest version', s => s.block({ header: { version: 0x7fff_ffff } }), 'accepted'],
  ['the lowest version', s => s.block({ header: { version: -0x8000_0000 } }), 'bad-version(0x80000000)'],
]; // biome-ignore format: a table

/** Before these the base ends at height 148. */
const HALVING_RULES: readonly BlockRule[] = [
  ['the last of the first reward, and one more', s => s.block({ coinbase: { value: 50e8 + 1 } }), 'bad-cb-amount'],
  ['the last of the first reward', s => s.block({ coinbase: { value: 50e8 } }), 'accepted'],
  ['the first reward after it was halved', s => s.block({ coinbase: { value: 50e8 } }), 'bad-cb-amount'],
  ['half of it, and one more', s => s.block({ coinbase: { value: 25e8 + 1 } }), 'bad-cb-amount'],
  ['half of it', s => s.block({ coinbase: { value: 25e8 } }), 'accepted'],
]; // biome-ignore format: a table

const CLOCK_RULES: readonly BlockRule[] = [
  ['one second too far ahead', s => s.block({ header: { time: NOW / 1000 + TIME_LIMIT_SECONDS + 1 } }), 'time-too-new'],
  ['as far ahead as can be', s => s.block({ header: { time: NOW / 1000 + TIME_LIMIT_SECONDS } }), 'accepted'],
  ['back to just after the median', s => s.block({ header: { time: s.medianTimePast + 1 } }), 'accepted'],
  ['back to the median', s => s.block({ header: { time: s.medianTimePast } }), 'time-too-old'],
]; // biome-ignore format: a table

const EARLY_HEIGHT = 1_000;
const EARLY = ['bip34', 'dersig', 'cltv', 'csv', 'segwit'].map(name => `${name}@${EARLY_HEIGHT}`);
/** The same coinbase in every block, since nothing asks for the height yet. */
const SAME_COINBASE = { scriptSig: Uint8Array.of(0x51, 0x51) } as const;

const EARLY_RULES: readonly BlockRule[] = [
  ['version 1', s => s.block({ header: { version: 1 } }), 'accepted'],
  ['a coinbase that overwrites an unspent one', s => s.block({ coinbase: SAME_COINBASE }), 'bad-txns-BIP30'],
  ['any height in the coinbase', s => s.block({ coinbase: { scriptSig: Uint8Array.of(0x52, 0x52) } }), 'accepted'],
  ['a lock by time that the block itself has reached', s => spending('third', { lockTime: s.tip.header.time, sequence: 0 })(s), 'unexpected-witness'],
  ['the same without commitment', s => s.block({ transactions: [spendCoin(s.coin('third'), { lockTime: s.tip.header.time, sequence: 0 })] }), 'accepted'],
  ['a relative lock', s => s.block({ transactions: [spendCoin(s.coin('other'), { sequence: 0xffff })] }), 'accepted'],
  ['a signature that is not strict DER', s => s.block({ transactions: [spendCoin(s.coin('notSigned'), { scriptSig: LAX_SIGNATURE })] }), 'accepted'],
  ['a dummy that is not empty', s => s.block({ transactions: [spendCoin(s.coin('dummy'), { scriptSig: Uint8Array.of(0x51) })] }), 'accepted'],
  ['CLTV', s => s.block({ transactions: [spendCoin(s.coin('height'))] }), 'accepted'],
  ['CSV', s => s.block({ transactions: [spendCoin(s.coin('age'))] }), 'accepted'],
  // These hold from genesis on.
  ['P2SH', s => s.block({ transactions: [spendCoin(s.coin('scriptHash'), { scriptSig: Uint8Array.of(1, 0) })] }), failing('EVAL_FALSE')],
  ['a witness program without witness', s => s.block({ transactions: [spendCoin(s.coin('witness'))] }), failing('WITNESS_PROGRAM_WITNESS_EMPTY')],
  ['taproot without witness', s => s.block({ transactions: [spendCoin(s.coin('taproot'))] }), failing('WITNESS_PROGRAM_WITNESS_EMPTY')],
]; // biome-ignore format: a table

const BIP94_PERIOD = 144;
const BIP94_RULES: readonly BlockRule[] = [
  ['a period that begins long before its parent', s => s.block({ header: { time: s.tip.header.time - 601 } }), 'time-timewarp-attack'],
  ['a period that begins ten minutes before its parent', s => s.block({ header: { time: s.tip.header.time - 600 } }), 'accepted'],
  ['any other block may go back further', s => s.block({ header: { time: s.medianTimePast + 1 } }), 'accepted'],
]; // biome-ignore format: a table

/** The first block of the public signet after genesis: a solution of its challenge, and of no other. */
const SIGNET_BLOCK_1 = `
00000020f61eee3b63a380a477a063af32b2bbc97c9ff9f01f2c4225e973988108000000f575c83235984e7dc4afc1f30944c170462e84437ab6
f2d52e16878a79e4678bd1914d5fae77031eccf40700010100000000010100000000000000000000000000000000000000000000000000000000
00000000ffffffff025151feffffff0200f2052a010000001600149243f727dd5343293eb83174324019ec16c2630f0000000000000000776a24
aa21a9ede2f61c3f71d1defd3fa999dfa36953755c690689799962b48bebd836974e8cf94c4fecc7daa2490047304402205e423a8754336ca99d
be16509b877ef1bf98d008836c725005b3c787c41ebe46022047246e4467ad7cc7f1ad98662afcaf14c115e0095a227c7b05c5182591c23e7e01
000120000000000000000000000000000000000000000000000000000000000000000000000000`;
const signetBlock = () => decodeBlock(hexToBytes(SIGNET_BLOCK_1.replaceAll('\n', '')));
const SIGNET_NOW = (signetBlock().header.time + 3_600) * 1_000;
const OTHER_CHALLENGE = '5121030b4b1d2ab03b6e5b0c5d0fd6f6f0a1e2a7c1a2c4e1b5e1c5d0d8d1e2f3a4b551ae';

const prepareScripts = (scene: BlockScene): void => {
  scene.grow(BASE_BLOCKS);
  scene.fund(SCRIPTS);
  // So that CSV of three blocks can be met.
  scene.grow(3);
};

export const BLOCK_RULES: readonly BlockRules[] = [
  {
    name: 'regtest',
    params: REGTEST,
    now: NOW,
    coreArgs: [],
    prepare: prepareScripts,
    rules: [...HEADERS, ...FORMS, ...TRANSACTIONS, ...LOCKS, ...SCRIPT_RULES, ...SEGWIT, ...EDGES],
  },
  {
    name: 'regtest where the reward halves',
    params: REGTEST,
    now: NOW,
    coreArgs: [],
    prepare: scene => scene.grow(148),
    rules: HALVING_RULES,
  },
  {
    name: 'regtest at the edges of time',
    params: REGTEST,
    now: NOW,
    coreArgs: [],
    prepare: scene => scene.grow(12),
    rules: CLOCK_RULES,
  },
  {
    name: 'regtest before its soft forks',
    params: overrideParams(REGTEST, { activationHeights: EARLY }),
    now: NOW,
    coreArgs: EARLY.map(value => `-testactivationheight=${value}`),
    prepare: scene => {
      prepareScripts(scene);
      scene.grow(1, { coinbase: SAME_COINBASE });
    },
    rules: EARLY_RULES,
  },
  {
    name: 'regtest with BIP94',
    params: overrideParams(REGTEST, { enforceBip94: true }),
    now: NOW,
    coreArgs: ['-test=bip94'],
    prepare: scene => scene.grow(BIP94_PERIOD - 1),
    rules: BIP94_RULES,
  },
  {
    name: 'signet with a challenge of its own',
    params: overrideParams(networkParams('signet'), { signetChallenge: [OTHER_CHALLENGE] }),
    now: SIGNET_NOW,
    coreArgs: [`-signetchallenge=${OTHER_CHALLENGE}`],
    prepare: () => {},
    rules: [['a block of the public signet', signetBlock, 'bad-signet-blksig']],
  },
  {
    name: 'signet',
    params: networkParams('signet'),
    now: SIGNET_NOW,
    coreArgs: [],
    prepare: () => {},
    rules: [['its first block', signetBlock, 'accepted']],
  },
];

/** The last two transactions once more, which leaves the merkle root as it was (CVE-2012-2459). */
function repeatedEnd(scene: BlockScene): Block {
  const transactions = ['plain', 'other', 'third'].map(name => spendCoin(scene.coin(name)));
  const { header, transactions: all } = scene.block({ transactions: transactions.slice(0, 2) });
  return createBlock(header, [...all, all[2]!]);
}

/** Small without its witness, which no rule but the weight bounds: so it fits a message. */
function weighing(scene: BlockScene, weight: number): Block {
  const withWitness = (length: number) =>
    scene.block({
      transactions: [spendCoin(scene.coin('heavy'), { witness: [bytes(length)] })],
      commit: true,
    });
  const draft = 3_900_000;
  return withWitness(draft + weight - blockWeight(withWitness(draft)));
}

function tooManyScriptHashSigops(scene: BlockScene): Block {
  // As many as a redeem script of 520 bytes can have: they count only where the coin is known.
  const redeem = bytes(520, CHECKSIG);
  const each = scene.coin('other').value;
  const made = spendCoin(scene.coin('other'), { outputs: [output(each, wrapInScriptHash(redeem))] });
  const spent = transaction({
    inputs: [
      input({ txid: made.txid, index: 0 }, { scriptSig: concatBytes(Uint8Array.of(0x4d, 8, 2), redeem) }),
    ],
    outputs: [output(each)],
  });
  const coinbase = { outputs: [output(0, bytes(SIGOPS_MAX - 519, CHECKSIG))] };
  return scene.block({ transactions: [made, spent], coinbase });
}

/** `count` times a multisignature of keys that nobody counts: twenty each, where a script is only looked at. */
function multisigs(count: number): Uint8Array {
  return concatBytes(...Array.from({ length: count }, () => Uint8Array.of(0x51, 0xae)));
}

/** 3,960 in a witness script that skips them, and four for each of `inCoinbase`. */
function witnessSigops(scene: BlockScene, inCoinbase: number): Block {
  const script = concatBytes(Uint8Array.of(0, 0x63), bytes(198, 0xae), Uint8Array.of(0x68, 0x51));
  const coin = scene.coinbaseCoin(11);
  const made = spendCoin(coin, { outputs: [output(coin.value, wrapInWitnessScriptHash(script))] });
  const spent = spendCoin(
    { prevout: { txid: made.txid, index: 0 }, value: coin.value },
    { witness: [script] },
  );
  const coinbase = { outputs: [output(0, bytes(inCoinbase, CHECKSIG))] };
  return scene.block({ transactions: [made, spent], coinbase, commit: true });
}

interface ChainedShape {
  /** Of the output between them. */
  readonly made?: { readonly value?: number; readonly scriptPubKey?: Uint8Array };
  readonly spend?: SpendShape;
}

/** A transaction that spends the coinbase of a block, and one that spends what it makes. */
function chained(scene: BlockScene, height: number, { made = {}, spend = {} }: ChainedShape) {
  const coin = scene.coinbaseCoin(height);
  const { value = coin.value, scriptPubKey } = made;
  const parent = spendCoin(coin, { outputs: [output(value, scriptPubKey)] });
  return [parent, spendCoin({ prevout: { txid: parent.txid, index: 0 }, value }, spend)];
}

/** A block of a coinbase alone that has these scripts as outputs, and a witness. */
function committing(_scene: BlockScene, scripts: readonly Uint8Array[], reserved = RESERVED): BlockShape {
  return { coinbase: { outputs: scripts.map(script => output(0, script)), witness: [reserved] } };
}

/** To the witnesses of a block that has none but its coinbase's, which do not count. */
function commitmentTo(scene: BlockScene): Uint8Array {
  return witnessCommitmentScript({ transactions: [scene.coinbase()] }, RESERVED);
}

function wrongCommitment(): Uint8Array {
  return concatBytes(Uint8Array.of(0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed), bytes(32, 5));
}

function longCoinbase(scene: BlockScene, length: number): Uint8Array {
  const height = pushNumber(scene.height + 1);
  return concatBytes(height, bytes(length - height.length));
}

function paying(scene: BlockScene, fee: number) {
  const coin = scene.coin('plain');
  return spendCoin(coin, { outputs: [output(coin.value - fee)] });
}

function family(scene: BlockScene) {
  const coin = scene.coin('other');
  const parent = spendCoin(coin);
  return [parent, spendCoin({ prevout: { txid: parent.txid, index: 0 }, value: coin.value })];
}
