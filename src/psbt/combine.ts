/** The combiner's role: PSBTs of one transaction, or of several, put together (BIP174; Core: CombinePSBTs, joinpsbts). */
import { inputMap, type PsbtInput } from './input-fields.ts';
import { outputMap } from './output-fields.ts';
import { outPointOf, type Psbt, PsbtError, uniqueIdOf } from './psbt.ts';

/** Bit of `txModifiable` that stays set once anybody set it. */
const HAS_SIGHASH_SINGLE = 4;

/** Undefined when they are not of one transaction and version. What the first has stays. */
export function combinePsbts(psbts: readonly [Psbt, ...Psbt[]]): Psbt | undefined {
  let [whole, ...others] = psbts;
  for (const other of others) {
    if (!isSameTransaction(whole, other)) return undefined;
    whole = {
      ...whole,
      fallbackLockTime: whole.fallbackLockTime ?? other.fallbackLockTime,
      txModifiable: combineModifiable(whole.txModifiable, other.txModifiable),
      xpubs: new Map([...other.xpubs, ...whole.xpubs]),
      proprietary: new Map([...other.proprietary, ...whole.proprietary]),
      unknown: new Map([...other.unknown, ...whole.unknown]),
      inputs: whole.inputs.map((input, i) => inputMap.merge(input, other.inputs[i]!)),
      outputs: whole.outputs.map((output, i) => outputMap.merge(output, other.outputs[i]!)),
    };
  }
  return whole;
}

/** Version 0 PSBTs of different transactions as one, without their signatures. Returns an input that two of them have. */
export function joinPsbts(psbts: readonly Psbt[]): Psbt | { readonly duplicate: PsbtInput } {
  const inputs = new Map<string, PsbtInput>();
  for (const input of psbts.flatMap(psbt => psbt.inputs)) {
    const { txid, index } = outPointOf(input);
    const name = `${txid}${index}`;
    if (inputs.has(name)) return { duplicate: input };
    inputs.set(name, {
      ...input,
      partialSignatures: new Map(),
      finalScriptSig: undefined,
      finalWitness: undefined,
    });
  }
  return {
    version: 0,
    txVersion: Math.max(1, ...psbts.map(psbt => psbt.txVersion)),
    fallbackLockTime: Math.min(...psbts.map(psbt => psbt.fallbackLockTime ?? 0)),
    txModifiable: undefined,
    // Core gathers extended keys and proprietary fields and then leaves them behind.
    xpubs: new Map(),
    proprietary: new Map(),
    unknown: new Map(psbts.flatMap(psbt => [...psbt.unknown]).reverse()),
    inputs: [...inputs.values()],
    outputs: psbts.flatMap(psbt => psbt.outputs),
  };
}

function isSameTransaction(a: Psbt, b: Psbt): boolean {
  try {
    return a.version === b.version && uniqueIdOf(a) === uniqueIdOf(b);
  } catch (error) {
    if (error instanceof PsbtError) return false;
    throw error;
  }
}

/** What one of them forbids is forbidden. */
function combineModifiable(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined && b === undefined) return undefined;
  const [x, y] = [a ?? 0, b ?? 0];
  return (x & y) | ((x | y) & HAS_SIGHASH_SINGLE);
}
