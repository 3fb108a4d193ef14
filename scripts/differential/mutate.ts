/** Changes of transactions after they were signed, by their structure: what is left to be decided is whether it matters. */
import { concatBytes, EMPTY_BYTES, ZERO_HASH } from '../../src/base/bytes.ts';
import { parseScript, pushData } from '../../src/script/opcodes.ts';
import { createTransaction, type TxInput, type TxOutput, type TxParts } from '../../src/wire/transaction.ts';
import type { Dice } from './dice.ts';
import type { Coin, Spend } from './generate.ts';
import { mutateScript } from './script-parts.ts';

interface Draft {
  version: number;
  inputs: TxInput[];
  outputs: TxOutput[];
  lockTime: number;
}

type Change = (dice: Dice, draft: Draft, coins: readonly Coin[]) => void;

const MONEY_MAX = 2_100_000_000_000_000;

type WeightedChange = readonly [weight: number, named: readonly [name: string, change: Change]];

/** They leave the txid as it is. */
const WITNESS_CHANGES: readonly WeightedChange[] = [
  [12, ['bit of the witness', (dice, draft) => changeWitness(dice, draft, item => flipBit(dice, item))]],
  [4, ['item replaced', (dice, draft) => changeWitness(dice, draft, () => anyItem(dice))]],
  [4, ['script or control changed', changeLast]],
  [3, ['item removed', (dice, draft) => changeItems(dice, draft, items => items.splice(dice.below(items.length + 1), 1))]],
  [3, ['item added', (dice, draft) => changeItems(dice, draft, items => items.splice(dice.below(items.length + 1), 0, anyItem(dice)))]],
  [2, ['items exchanged', (dice, draft) => changeItems(dice, draft, items => items.reverse())]],
  [2, ['annex', (dice, draft) => changeItems(dice, draft, items => items.push(concatBytes(Uint8Array.of(0x50), dice.bytes(dice.below(40)))))]],
  [1, ['no witness', (dice, draft) => changeItems(dice, draft, items => items.splice(0))]],
  [3, ['hash type', (dice, draft) => changeWitness(dice, draft, item => withLast(item, dice.pick([0, 1, 2, 3, 4, 0x80, 0x81, 0x82, 0x83, 0xff])))]],
  [2, ['witnesses exchanged', exchangeWitnesses]],
]; // biome-ignore format: a table

const CHANGES: readonly WeightedChange[] = [
  ...WITNESS_CHANGES,
  [6, ['bit of the scriptSig', (dice, draft) => changeInput(dice, draft, input => ({ ...input, scriptSig: flipBit(dice, input.scriptSig) }))]],
  [4, ['scriptSig instructions', (dice, draft) => changeInput(dice, draft, input => ({ ...input, scriptSig: mutateScript(dice, input.scriptSig) }))]],
  [2, ['scriptSig data', changePush]],
  [2, ['scriptSig longer', (dice, draft) => changeInput(dice, draft, input => ({ ...input, scriptSig: concatBytes(dice.pick([Uint8Array.of(0x51), Uint8Array.of(0), Uint8Array.of(0x61), dice.bytes(3)]), input.scriptSig) }))]],
  [5, ['sequence', (dice, draft) => changeInput(dice, draft, input => ({ ...input, sequence: dice.edge() >>> 0 }))]],
  [4, ['lock time', (dice, draft) => { draft.lockTime = dice.edge() >>> 0; }]],
  [3, ['version', (dice, draft) => { draft.version = dice.edge() >>> 0; }]],
  [3, ['value', (dice, draft) => changeOutput(dice, draft, output => otherValue(output, dice))]],
  [2, ['output script', (dice, draft) => changeOutput(dice, draft, output => ({ ...output, scriptPubKey: mutateScript(dice, output.scriptPubKey) }))]],
  [2, ['output added', (dice, draft) => draft.outputs.push({ value: dice.below(3), scriptPubKey: Uint8Array.of(0x51) })]],
  [2, ['output removed', (dice, draft) => draft.outputs.splice(dice.below(draft.outputs.length + 1), 1)]],
  [2, ['inputs exchanged', (_dice, draft) => draft.inputs.reverse()]],
  [1, ['input twice', (dice, draft) => draft.inputs.push(dice.pick(draft.inputs))]],
  [1, ['input removed', (dice, draft) => draft.inputs.splice(dice.below(draft.inputs.length + 1), 1)]],
  [2, ['other coin', otherCoin]],
  [1, ['null prevout', (dice, draft) => changeInput(dice, draft, input => ({ ...input, prevout: { txid: ZERO_HASH, index: dice.pick([0, 0xffffffff]) } }))]],
  [1, ['outpoint index', (dice, draft) => changeInput(dice, draft, input => ({ ...input, prevout: { ...input.prevout, index: dice.edge() >>> 0 } }))]],
]; // biome-ignore format: a table

/** One to three changes. `others` are coins that an input may be pointed to. */
export function mutateSpend(dice: Dice, spend: Spend, others: readonly Coin[]): Spend {
  return changed(dice, spend, CHANGES, others);
}

/** The same transaction by its txid, with another witness or, where there was none to change, the same one. */
export function withOtherWitness(dice: Dice, spend: Spend): Spend {
  return changed(dice, spend, WITNESS_CHANGES, []);
}

function changed(
  dice: Dice,
  spend: Spend,
  changes: readonly WeightedChange[],
  others: readonly Coin[],
): Spend {
  const { version, inputs, outputs, lockTime } = spend.tx;
  const draft: Draft = { version, inputs: [...inputs], outputs: [...outputs], lockTime };
  const story = [...spend.story];
  for (let count = dice.count(3); count > 0; count -= 1) {
    const [name, change] = dice.weighted(changes);
    if (draft.inputs.length === 0) break;
    change(dice, draft, others);
    story.push(name);
  }
  return { tx: createTransaction(draft satisfies TxParts), coins: spend.coins, story };
}

/** Of encoded bytes: flips, cuts, repeats and replaces. */
export function mutateBytes(dice: Dice, bytes: Uint8Array): Uint8Array {
  let changed = bytes;
  for (let count = dice.count(4); count > 0; count -= 1) {
    const at = dice.below(changed.length + 1);
    changed = dice.pick<() => Uint8Array>([
      () => flipBit(dice, changed),
      () => flipBit(dice, changed),
      () => changed.subarray(0, at),
      () => concatBytes(changed.subarray(0, at), dice.bytes(dice.between(1, 4)), changed.subarray(at)),
      () => concatBytes(changed.subarray(0, at), changed.subarray(at + dice.between(1, 4))),
      () =>
        concatBytes(
          changed.subarray(0, at),
          Uint8Array.of(dice.pick([0, 1, 0xfc, 0xfd, 0xfe, 0xff])),
          changed.subarray(at + 1),
        ),
      () => concatBytes(changed, changed.subarray(at)),
    ])();
  }
  return changed;
}

function changeInput(dice: Dice, draft: Draft, change: (input: TxInput) => TxInput): void {
  const at = dice.below(draft.inputs.length);
  draft.inputs[at] = change(draft.inputs[at]!);
}

function changeOutput(dice: Dice, draft: Draft, change: (output: TxOutput) => TxOutput): void {
  if (draft.outputs.length === 0) return;
  const at = dice.below(draft.outputs.length);
  draft.outputs[at] = change(draft.outputs[at]!);
}

function changeItems(dice: Dice, draft: Draft, change: (items: Uint8Array[]) => unknown): void {
  changeInput(dice, draft, input => {
    const witness = [...input.witness];
    change(witness);
    return { ...input, witness };
  });
}

function changeWitness(dice: Dice, draft: Draft, change: (item: Uint8Array) => Uint8Array): void {
  changeItems(dice, draft, items => {
    if (items.length === 0) return;
    // What comes first are signatures and other items, what comes last is scripts.
    const at = dice.below(items.length);
    items[at] = change(items[at]!);
  });
}

function changeLast(dice: Dice, draft: Draft): void {
  changeItems(dice, draft, items => {
    const at = items.length - dice.between(1, 2);
    if (at < 0) return;
    items[at] = dice.chance(0.5) ? mutateScript(dice, items[at]!) : mutateBytes(dice, items[at]!);
  });
}

/** A push of the scriptSig gets other data, with a prefix that fits. */
function changePush(dice: Dice, draft: Draft): void {
  changeInput(dice, draft, input => {
    const parts = Array.from(parseScript(input.scriptSig), ({ data, position, next }) => ({
      data,
      bytes: input.scriptSig.subarray(position, next),
    }));
    const at = dice.below(parts.length + 1);
    const changed = parts.map(({ data, bytes }, i) =>
      i === at && data !== undefined ? pushData(mutateBytes(dice, data)) : bytes,
    );
    return { ...input, scriptSig: concatBytes(...changed) };
  });
}

function otherCoin(dice: Dice, draft: Draft, coins: readonly Coin[]): void {
  if (coins.length > 0) changeInput(dice, draft, input => ({ ...input, prevout: dice.pick(coins).outPoint }));
}

function exchangeWitnesses(_dice: Dice, draft: Draft): void {
  const [first, second] = draft.inputs;
  if (first === undefined || second === undefined) return;
  draft.inputs[0] = { ...first, witness: second.witness, scriptSig: second.scriptSig };
  draft.inputs[1] = { ...second, witness: first.witness, scriptSig: first.scriptSig };
}

function otherValue(output: TxOutput, dice: Dice): TxOutput {
  const value = dice.pick([
    0,
    1,
    -1,
    output.value + 1,
    output.value * 4,
    MONEY_MAX,
    MONEY_MAX + 1,
    MONEY_MAX - output.value,
  ]);
  if (dice.chance(0.1))
    return {
      ...output,
      value: 2 ** 63,
      exactValue: dice.pick([2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n]),
    };
  return { value, scriptPubKey: output.scriptPubKey };
}

function anyItem(dice: Dice): Uint8Array {
  return dice.pick([
    EMPTY_BYTES,
    Uint8Array.of(0),
    Uint8Array.of(1),
    Uint8Array.of(0x80),
    dice.bytes(dice.below(80)),
    dice.bytes(dice.pick([519, 520, 521])),
  ]);
}

function flipBit(dice: Dice, bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  if (copy.length > 0) copy[dice.below(copy.length)]! ^= 1 << dice.below(8);
  return copy;
}

function withLast(bytes: Uint8Array, value: number): Uint8Array {
  const copy = bytes.slice();
  if (copy.length > 0) copy[copy.length - 1] = value;
  return copy;
}
