/**
 * Single changes of real blocks, each with what a node must say of the changed block once its merkle root and witness
 * commitment are right again. What is expected comes from the rules and from what signatures commit to, not from the
 * code that judges.
 */

import { concatBytes, equalBytes } from '../../src/base/bytes.ts';
import { type Random, randomBelow } from '../../src/base/random.ts';
import type { SpentCoin } from '../../src/consensus/lone-block.ts';
import { witnessCommitmentIndex } from '../../src/consensus/witness-commitment.ts';
import { isStrictDer } from '../../src/script/encoding.ts';
import { OPCODES, parseScript, pushData } from '../../src/script/opcodes.ts';
import {
  createTransaction,
  SEQUENCE_FINAL,
  type Transaction,
  type TxInput,
  type TxOutput,
  type TxParts,
} from '../../src/wire/transaction.ts';
import { COINBASE_MUTATORS } from './coinbase-mutations.ts';
import { type Expected, type Mutation, rebuilt, type Subject, total } from './mutation.ts';
import { commitsTo, type Field, signaturesOf } from './signed-fields.ts';

const SCRIPT_FAILS = 'block-script-verify-flag-failed';

interface Place {
  readonly subject: Subject;
  readonly random: Random;
  /** Number of the transaction in the block, not 0. */
  readonly at: number;
  readonly tx: Transaction;
  readonly spent: readonly SpentCoin[];
  readonly fee: number;
}

/** Undefined where this place has nothing of the kind. */
type Mutator = (place: Place) => Mutation | undefined;

const MONEY = 21e14;
const SEQUENCE_DISABLED = 0x8000_0000;
const LOCKTIME_THRESHOLD = 500_000_000;

const TX_MUTATORS: Readonly<Record<string, Mutator>> = {
  'a bit of a signature': flipSignatureBit,
  'an output one satoshi less': place => changeOutput(place, -1),
  'an output one satoshi more': place => changeOutput(place, 1),
  'an output above all money': place => outputOf(place, MONEY + 1, 'bad-txns-vout-toolarge'),
  'a negative output': place => outputOf(place, -1, 'bad-txns-vout-negative'),
  'a coin one satoshi larger': place => changeCoin(place, 1),
  'a coin one satoshi smaller': place => changeCoin(place, -1),
  'a missing coin': loseCoin,
  'two witness items exchanged': swapWitnessItems,
  'a witness item more': addWitnessItem,
  'a scriptSig that pushes more': pushMore,
  version: changeVersion,
  'lock time': changeLockTime,
  'a lock in the future': lockForever,
  sequence: changeSequence,
  'one input less': removeInput,
  'an input twice': repeatInput,
  'one output less': removeOutput,
  'an output more': addOutput,
  'a transaction twice': repeatTransaction,
  'a transaction first': moveFirst,
};

/** One random change; the same for the same state of `random`. */
export function mutateBlock(subject: Subject, random: Random): Mutation {
  const { block, spent } = subject.real;
  const count = block.transactions.length;
  for (;;) {
    // The coinbase is one of many, but has rules of its own.
    if (count === 1 || randomBelow(random, 10) === 0) {
      const [name, mutate] = pick(random, Object.entries(COINBASE_MUTATORS));
      const mutation = mutate(subject);
      if (mutation !== undefined) return { ...mutation, name };
      continue;
    }
    const at = 1 + randomBelow(random, count - 1);
    const tx = block.transactions[at]!;
    const coins = spent[at - 1]!;
    const fee = total(coins) - total(tx.outputs);
    const [name, mutate] = pick(random, Object.entries(TX_MUTATORS));
    const mutation = mutate({ subject, random, at, tx, spent: coins, fee });
    if (mutation !== undefined) {
      return { ...mutation, name: `${name}: transaction ${at}${mutation.name && `, ${mutation.name}`}` };
    }
  }
}

/** The last bytes of S: whatever they are, the signature stays well-formed. */
function flipSignatureBit(place: Place): Mutation | undefined {
  const { tx, random } = place;
  const index = randomBelow(random, tx.inputs.length);
  const input = tx.inputs[index]!;
  const flip = (signature: Uint8Array, from: number) => {
    const changed = signature.slice();
    changed[signature.length - from - randomBelow(random, 16)]! ^= 1 << randomBelow(random, 8);
    return changed;
  };
  const item = input.witness.findIndex(isEcdsaSignature);
  if (item >= 0) {
    const witness = input.witness.with(item, flip(input.witness[item]!, 2));
    return signatureChanged(place, index, { ...input, witness });
  }
  if (input.witness.length === 1 && input.witness[0]!.length === 64) {
    return signatureChanged(place, index, { ...input, witness: [flip(input.witness[0]!, 1)] });
  }
  let found = false;
  const parts = [...parseScript(input.scriptSig)].map(({ opcode, data }) => {
    if (data === undefined || data.length === 0) return Uint8Array.of(opcode);
    if (found || !isEcdsaSignature(data)) return pushData(data);
    found = true;
    return pushData(flip(data, 2));
  });
  return found ? signatureChanged(place, index, { ...input, scriptSig: concatBytes(...parts) }) : undefined;
}

function signatureChanged(place: Place, index: number, input: TxInput): Mutation | undefined {
  // Whether a signature is one that counts shows only in templates: that of another branch may be anything.
  if (!isTemplate(place.spent[index]!)) return undefined;
  const changed = changeTx(place, { inputs: place.tx.inputs.with(index, input) });
  return {
    ...changed,
    name: `input ${index}`,
    expected: changed.expected === 'accepted' ? SCRIPT_FAILS : changed.expected,
  };
}

/** Outputs whose spend needs each of its signatures. */
function isTemplate({ scriptPubKey: script }: SpentCoin): boolean {
  const { length } = script;
  if (length === 25) return script[0] === OPCODES.OP_DUP && script[24] === OPCODES.OP_CHECKSIG;
  if (length === 22) return script[0] === 0;
  if (length === 34) return script[0] === OPCODES.OP_1;
  return (length === 35 || length === 67) && script[length - 1] === OPCODES.OP_CHECKSIG;
}

function changeOutput(place: Place, by: 1 | -1): Mutation | undefined {
  const index = randomBelow(place.random, place.tx.outputs.length);
  const output = place.tx.outputs[index]!;
  if (output.value + by < 0) return undefined;
  const outputs = place.tx.outputs.with(index, { ...output, value: output.value + by });
  return changeTx(place, { outputs }, [{ field: 'output', index }]);
}

function outputOf(place: Place, value: number, expected: Expected): Mutation {
  const index = randomBelow(place.random, place.tx.outputs.length);
  const outputs = place.tx.outputs.with(index, { ...place.tx.outputs[index]!, value });
  return { ...changeTx(place, { outputs }), expected };
}

function changeCoin(place: Place, by: 1 | -1): Mutation | undefined {
  const { at, tx, spent, subject } = place;
  const index = foreignInput(place);
  const coin = index === undefined ? undefined : spent[index]!;
  if (index === undefined || coin === undefined || coin.value + by < 0) return undefined;
  const coins = subject.real.spent.with(at - 1, spent.with(index, { ...coin, value: coin.value + by }));
  const signed = isSigned(place, [{ field: 'spentAmount', index }]);
  const expected = amountsVerdict(place, by, 'same txid') ?? (signed ? SCRIPT_FAILS : 'accepted');
  return {
    name: `input ${index} of ${tx.inputs.length}`,
    block: subject.real.block,
    spent: coins,
    changed: at,
    expected,
  };
}

function loseCoin(place: Place): Mutation | undefined {
  const { at, tx, spent } = place;
  const index = foreignInput(place);
  if (index === undefined) return undefined;
  const { txid } = tx.inputs[index]!.prevout;
  const prevout = { txid, index: 0x00ff_ffff };
  const changed = changeTx(place, { inputs: tx.inputs.with(index, { ...tx.inputs[index]!, prevout }) });
  const coins = place.subject.real.spent.with(
    at - 1,
    spent.filter((_, i) => i < index),
  );
  return { ...changed, spent: coins, expected: 'bad-txns-inputs-missingorspent' };
}

function swapWitnessItems(place: Place): Mutation | undefined {
  const index = place.tx.inputs.findIndex(
    ({ witness }, i) =>
      witness.length === 2 && isTemplate(place.spent[i]!) && !equalBytes(witness[0]!, witness[1]!),
  );
  if (index < 0) return undefined;
  const input = place.tx.inputs[index]!;
  return signatureChanged(place, index, { ...input, witness: [input.witness[1]!, input.witness[0]!] });
}

function addWitnessItem(place: Place): Mutation | undefined {
  const { tx, random, subject } = place;
  const index = randomBelow(random, tx.inputs.length);
  const input = tx.inputs[index]!;
  // One that no program knows. In taproot it would be an annex if it began with 0x50, which the signature commits to.
  const witness = [...input.witness, Uint8Array.of(0x50, 1)];
  const { height, params, block } = subject.real;
  const changed = changeTx(place, { inputs: tx.inputs.with(index, { ...input, witness }) });
  const committed = height >= params.buried.segwit && witnessCommitmentIndex(block) !== undefined;
  return { ...changed, name: `input ${index}`, expected: committed ? SCRIPT_FAILS : 'unexpected-witness' };
}

/** No signature commits to a scriptSig; only policy minds what is left on the stack. */
function pushMore(place: Place): Mutation | undefined {
  const { tx, spent } = place;
  const index = tx.inputs.findIndex(({ scriptSig }, i) => {
    const { length, [0]: first } = spent[i]!.scriptPubKey;
    return scriptSig.length > 0 && length === 25 && first === OPCODES.OP_DUP;
  });
  if (index < 0) return undefined;
  const input = tx.inputs[index]!;
  const scriptSig = concatBytes(Uint8Array.of(OPCODES.OP_1), input.scriptSig);
  return changeTx(place, { inputs: tx.inputs.with(index, { ...input, scriptSig }) });
}

function changeVersion(place: Place): Mutation {
  const { version } = place.tx;
  // 1 and below have no relative locks, 2 and above do: stays on its side.
  const other = version === 1 ? 0 : version === 0 ? 1 : version === 0xffff_ffff ? 2 : version + 1;
  return changeTx(place, { version: other }, [{ field: 'version' }]);
}

function changeLockTime(place: Place): Mutation | undefined {
  const { lockTime, inputs } = place.tx;
  const isFinal = inputs.every(({ sequence }) => sequence === SEQUENCE_FINAL);
  if (!isFinal && lockTime === LOCKTIME_THRESHOLD) return undefined;
  const other = lockTime === 0 ? 1 : lockTime - 1;
  return changeTx(place, { lockTime: other }, [{ field: 'lockTime' }]);
}

function lockForever(place: Place): Mutation {
  const inputs = place.tx.inputs.map((input, i) => (i === 0 ? { ...input, sequence: 0xffff_fffe } : input));
  return { ...changeTx(place, { inputs, lockTime: LOCKTIME_THRESHOLD - 1 }), expected: 'bad-txns-nonfinal' };
}

function changeSequence(place: Place): Mutation | undefined {
  const { tx, random, subject } = place;
  const index = randomBelow(random, tx.inputs.length);
  const input = tx.inputs[index]!;
  // A relative lock would be another one; and a lock time that nothing obeys yet may be in the future.
  if (input.sequence < SEQUENCE_DISABLED) return undefined;
  if (tx.lockTime >= Math.min(subject.real.height, LOCKTIME_THRESHOLD)) return undefined;
  const sequence = input.sequence ^ 1;
  const inputs = tx.inputs.with(index, { ...input, sequence: sequence >>> 0 });
  return changeTx(place, { inputs }, [{ field: 'sequence', index }]);
}

function removeInput(place: Place): Mutation | undefined {
  const { at, tx, spent, subject } = place;
  const index = randomBelow(place.random, tx.inputs.length);
  const inputs = tx.inputs.toSpliced(index, 1);
  const coins = subject.real.spent.with(at - 1, spent.toSpliced(index, 1));
  const changed = changeTx(place, { inputs }, [{ field: 'inputs' }], -spent[index]!.value);
  // Without witnesses, a block that commits to some is as good as before.
  return {
    ...changed,
    spent: coins,
    expected: inputs.length === 0 ? 'bad-txns-vin-empty' : changed.expected,
  };
}

function repeatInput(place: Place): Mutation {
  const { at, tx, spent, subject } = place;
  const coins = subject.real.spent.with(at - 1, [...spent, spent[0]!]);
  const changed = changeTx(place, { inputs: [...tx.inputs, tx.inputs[0]!] });
  return { ...changed, spent: coins, expected: 'bad-txns-inputs-duplicate' };
}

function removeOutput(place: Place): Mutation | undefined {
  const { tx, random } = place;
  const index = randomBelow(random, tx.outputs.length);
  const outputs = tx.outputs.toSpliced(index, 1);
  if (outputs.length === 0) return { ...changeTx(place, { outputs }), expected: 'bad-txns-vout-empty' };
  // Outputs behind it move up.
  const fields = tx.outputs.slice(index).map((_, i): Field => ({ field: 'output', index: index + i }));
  return changeTx(place, { outputs }, fields);
}

function addOutput(place: Place): Mutation {
  const { outputs } = place.tx;
  const extra: TxOutput = { value: 0, scriptPubKey: Uint8Array.of(OPCODES.OP_RETURN) };
  return changeTx(place, { outputs: [...outputs, extra] }, [{ field: 'output', index: outputs.length }]);
}

function repeatTransaction({ subject: { real }, at, tx, spent }: Place): Mutation {
  const { block } = real;
  // Two of a pair that are equal look like the end of a shorter list.
  const expected = at % 2 === 0 ? 'bad-txns-duplicate' : 'bad-txns-inputs-missingorspent';
  return {
    name: '',
    block: rebuilt(block, block.transactions.toSpliced(at + 1, 0, tx)),
    spent: real.spent.toSpliced(at, 0, spent),
    changed: undefined,
    expected,
  };
}

/** Only a transaction that spends what the block makes has an order. */
function moveFirst({ subject: { real }, at, tx, spent }: Place): Mutation {
  const { block } = real;
  const makers = new Set(block.transactions.slice(1, at).map(({ txid }) => txid));
  const depends = tx.inputs.some(({ prevout }) => makers.has(prevout.txid));
  return {
    name: '',
    block: rebuilt(block, block.transactions.toSpliced(at, 1).toSpliced(1, 0, tx)),
    spent: real.spent.toSpliced(at - 1, 1).toSpliced(0, 0, spent),
    changed: undefined,
    expected: depends ? 'bad-txns-inputs-missingorspent' : 'accepted',
  };
}

/** Replaces the transaction; `fields` are what signatures are asked about, `inputDelta` what the inputs bring more. */
function changeTx(
  place: Place,
  parts: Partial<TxParts>,
  fields: readonly Field[] = [],
  inputDelta = 0,
): Mutation {
  const { subject, at, tx } = place;
  const { block, spent } = subject.real;
  const { version, inputs, outputs, lockTime } = tx;
  const changed = createTransaction({ version, inputs, outputs, lockTime, ...parts });
  const delta = inputDelta + total(outputs) - total(changed.outputs);
  const kept = changed.txid === tx.txid ? 'same txid' : 'other txid';
  const signed = fields.length > 0 && isSigned(place, fields);
  const expected = amountsVerdict(place, delta, kept) ?? (signed ? SCRIPT_FAILS : 'accepted');
  return {
    name: '',
    block: rebuilt(block, block.transactions.with(at, changed)),
    spent,
    changed: at,
    expected,
  };
}

/** What coins and amounts say when the fee changes by `delta`: they are looked at before any script. */
function amountsVerdict(
  { subject, at, tx, fee }: Place,
  delta: number,
  txid: 'same txid' | 'other txid',
): Expected | undefined {
  if (fee + delta < 0) return 'bad-txns-in-belowout';
  const { transactions } = subject.real.block;
  const hasChild = (): boolean =>
    transactions.slice(at + 1).some(({ inputs }) => inputs.some(({ prevout }) => prevout.txid === tx.txid));
  if (txid === 'other txid' && hasChild()) return 'bad-txns-inputs-missingorspent';
  // Each of these blocks takes all that it may.
  return delta < 0 ? 'bad-cb-amount' : undefined;
}

function isSigned({ subject: { flags, verifier }, tx, spent }: Place, fields: readonly Field[]): boolean {
  const signatures = signaturesOf({ tx, spent, flags }, verifier);
  return fields.some(field => signatures.some(each => commitsTo(each, field, tx.outputs.length)));
}

/** A random input whose coin the block did not make itself. */
function foreignInput({ subject, tx, random }: Place): number | undefined {
  const index = randomBelow(random, tx.inputs.length);
  const { txid } = tx.inputs[index]!.prevout;
  return subject.real.block.transactions.some(other => other.txid === txid) ? undefined : index;
}

function isEcdsaSignature(item: Uint8Array): boolean {
  return item.length >= 60 && isStrictDer(item);
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[randomBelow(random, from.length)]!;
}
