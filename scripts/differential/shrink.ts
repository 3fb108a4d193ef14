/** Makes a case smaller while the nodes still disagree: transactions by their parts, bytes by cutting. */
import {
  createTransaction,
  type Transaction,
  type TxInput,
  type TxParts,
} from '../../src/wire/transaction.ts';

/** Attempts at most: each is a question to both nodes. */
const ATTEMPTS_MAX = 400;

/** The smallest transaction found for which `disagrees` still holds. */
export async function shrinkTx(
  tx: Transaction,
  disagrees: (tx: Transaction) => Promise<boolean>,
): Promise<Transaction> {
  let best = tx;
  let attempts = 0;
  for (let improved = true; improved; ) {
    improved = false;
    for (const parts of smallerParts(best)) {
      attempts += 1;
      if (attempts > ATTEMPTS_MAX) return best;
      const candidate = createTransaction(parts);
      if (!(await disagrees(candidate))) continue;
      best = candidate;
      improved = true;
      break;
    }
  }
  return best;
}

function* smallerParts(tx: Transaction): Generator<TxParts> {
  const { version, inputs, outputs, lockTime } = tx;
  const parts = { version, inputs, outputs, lockTime };
  for (const i of inputs.keys()) if (inputs.length > 1) yield { ...parts, inputs: without(inputs, i) };
  for (const i of outputs.keys()) if (outputs.length > 1) yield { ...parts, outputs: without(outputs, i) };
  if (lockTime !== 0) yield { ...parts, lockTime: 0 };
  if (version !== 2) yield { ...parts, version: 2 };
  for (const [i, input] of inputs.entries()) {
    for (const smaller of smallerInputs(input)) yield { ...parts, inputs: inputs.with(i, smaller) };
  }
  for (const [i, { value }] of outputs.entries()) {
    if (outputs[i]!.scriptPubKey.length > 1) {
      yield { ...parts, outputs: outputs.with(i, { value, scriptPubKey: Uint8Array.of(0x51) }) };
    }
  }
}

function* smallerInputs(input: TxInput): Generator<TxInput> {
  if (input.scriptSig.length > 0) yield { ...input, scriptSig: new Uint8Array(0) };
  if (input.sequence !== 0xffffffff) yield { ...input, sequence: 0xffffffff };
  for (const [i, item] of input.witness.entries()) {
    yield { ...input, witness: without(input.witness, i) };
    if (item.length > 0) yield { ...input, witness: input.witness.with(i, new Uint8Array(0)) };
    if (item.length > 1)
      yield { ...input, witness: input.witness.with(i, item.subarray(0, item.length >> 1)) };
  }
}

/** The shortest bytes found for which `disagrees` still holds. */
export async function shrinkBytes(
  bytes: Uint8Array,
  disagrees: (bytes: Uint8Array) => Promise<boolean>,
): Promise<Uint8Array> {
  let best = bytes;
  let attempts = 0;
  for (let step = Math.max(1, best.length >> 1); step >= 1; step >>= 1) {
    for (let at = 0; at < best.length && attempts < ATTEMPTS_MAX; ) {
      const candidate = Uint8Array.from([...best.subarray(0, at), ...best.subarray(at + step)]);
      attempts += 1;
      if (await disagrees(candidate)) best = candidate;
      else at += step;
    }
  }
  return best;
}

function without<T>(items: readonly T[], at: number): T[] {
  return items.filter((_, i) => i !== at);
}
