/** What scripts of the fuzzer are made of, and how they are changed. */
import { concatBytes, EMPTY_BYTES } from '../../src/base/bytes.ts';
import { OPCODES, parseScript, pushData, pushNumber } from '../../src/script/opcodes.ts';
import type { Dice } from './dice.ts';
import type { Key } from './signatures.ts';

export type SigVersion = 'base' | 'witness-v0' | 'tapscript';

/** Makes signatures for the script that is being satisfied, perhaps odd ones. */
export interface ScriptSigner {
  /** `from`: behind the last OP_CODESEPARATOR that has run. */
  sign(key: Key, from?: { readonly byte: number; readonly instruction: number }): Uint8Array;
}

/** What fields of the transaction a script asks for. */
export interface TxWishes {
  readonly version?: number;
  readonly lockTime?: number;
  readonly sequence?: number;
}

export interface InnerScript {
  readonly name: string;
  readonly script: Uint8Array;
  /** What the script takes from the stack, bottom first. */
  items(signer: ScriptSigner, dice: Dice): Uint8Array[];
  readonly wishes?: TxWishes;
}

/** Opcodes and bytes as one script. */
export function ops(...parts: readonly (number | Uint8Array)[]): Uint8Array {
  return concatBytes(...parts.map(part => (typeof part === 'number' ? Uint8Array.of(part) : part)));
}

/** Takes nothing from the stack. */
export function plain(name: string, script: Uint8Array): InnerScript {
  return { name, script, items: () => [] };
}

/** A push in any of its forms, often not the shortest. */
export function oddPush(dice: Dice, data: Uint8Array): Uint8Array {
  const { length } = data;
  return dice.pick<() => Uint8Array>([
    () => pushData(data),
    () => concatBytes(Uint8Array.of(0x4c, length), data),
    () => concatBytes(Uint8Array.of(0x4d, length & 255, length >> 8), data),
    () => concatBytes(Uint8Array.of(0x4e, length & 255, length >> 8, 0, 0), data),
  ])();
}

/** `script` with one to three instructions removed, repeated, exchanged or replaced. */
export function mutateScript(dice: Dice, script: Uint8Array): Uint8Array {
  const parts = Array.from(parseScript(script), ({ position, next }) => script.subarray(position, next));
  for (let count = dice.count(3); count > 0; count -= 1) {
    const at = dice.below(parts.length + 1);
    dice.pick<() => void>([
      () => parts.splice(at, 1),
      () => parts.splice(at, 0, Uint8Array.of(dice.between(0x4f, 0xbb))),
      () => parts.splice(at, 1, Uint8Array.of(dice.between(0x4c, 0xff))),
      () => parts.splice(at, 0, parts.length > 0 ? dice.pick(parts) : EMPTY_BYTES),
      () => parts.splice(at, 0, pushNumber(dice.edge())),
      () => parts.splice(at, 1, oddPush(dice, dice.bytes(dice.below(8)))),
      () => parts.splice(at, 0, Uint8Array.of(OPCODES.OP_NOP)),
    ])();
  }
  return concatBytes(...parts);
}
