/**
 * Scripts that compute something and then check the whole result, as our interpreter finds it: a wrong value, and not
 * only a wrong verdict, makes the other node disagree.
 */
import { concatBytes, EMPTY_BYTES } from '../../src/base/bytes.ts';
import { evalScript } from '../../src/script/interpreter.ts';
import type { SignatureChecker } from '../../src/script/machine.ts';
import { OPCODES, pushData, pushNumber } from '../../src/script/opcodes.ts';
import type { Dice } from './dice.ts';
import type { InnerScript, SigVersion } from './script-parts.ts';

const { OP_IF, OP_NOTIF, OP_ELSE, OP_ENDIF, OP_EQUAL, OP_EQUALVERIFY, OP_1 } = OPCODES;

/** What changes the stack and needs no transaction. */
const COMPUTING: readonly number[] = [
  0x61, 0x69, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x7b,
  0x7c, 0x7d, 0x82, 0x87, 0x88, 0x8b, 0x8c, 0x8f, 0x90, 0x91, 0x92, 0x93, 0x94, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f,
  0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa,
]; // biome-ignore format: a table

/** Nothing here asks it. */
const NO_CHECKER: SignatureChecker = {
  checkEcdsa: () => false,
  checkSchnorr: () => 'SCHNORR_SIG',
  checkTapTweak: () => false,
  checkLockTime: () => false,
  checkSequence: () => false,
};

export function programScript(dice: Dice, sigVersion: SigVersion): InnerScript {
  const items = Array.from({ length: dice.between(0, 5) }, () => value(dice));
  let script: Uint8Array = concatBytes(
    ...Array.from({ length: dice.between(1, 4) }, () => pushNumber(number(dice))),
  );
  for (let step = dice.between(3, 25); step > 0; step -= 1) {
    const longer = concatBytes(script, instruction(dice));
    if (run(longer, items, sigVersion) !== undefined) script = longer;
  }
  const result = run(script, items, sigVersion);
  if (result === undefined || result.some(item => item.length > 520)) {
    return { name: 'program', script, items: () => items };
  }
  const checks = result
    .reverse()
    .map((item, i, all) =>
      concatBytes(push(item), Uint8Array.of(i === all.length - 1 ? OP_EQUAL : OP_EQUALVERIFY)),
    );
  return {
    name: 'program',
    script: concatBytes(script, ...(checks.length > 0 ? checks : [Uint8Array.of(OP_1)])),
    items: () => items,
  };
}

function run(
  script: Uint8Array,
  items: readonly Uint8Array[],
  sigVersion: SigVersion,
): Uint8Array[] | undefined {
  const stack = items.slice();
  const spend =
    sigVersion === 'tapscript'
      ? {
          annexHash: undefined,
          leafHash: EMPTY_BYTES,
          codeSeparatorPosition: 0xffffffff,
          validationWeightLeft: 1e6,
        }
      : undefined;
  const error = evalScript({ stack, script, flags: 0, checker: NO_CHECKER, sigVersion, spend });
  return error === undefined ? stack : undefined;
}

function instruction(dice: Dice): Uint8Array {
  return dice.weighted<() => Uint8Array>([
    [14, () => Uint8Array.of(dice.pick(COMPUTING))],
    [5, () => pushNumber(number(dice))],
    [2, () => push(value(dice))],
    [
      2,
      () =>
        concatBytes(
          Uint8Array.of(dice.pick([OP_IF, OP_NOTIF])),
          Uint8Array.of(dice.pick(COMPUTING)),
          ...(dice.chance(0.7) ? [Uint8Array.of(OP_ELSE), Uint8Array.of(dice.pick(COMPUTING))] : []),
          ...(dice.chance(0.2) ? [Uint8Array.of(OP_ELSE), pushNumber(dice.edge())] : []),
          Uint8Array.of(OP_ENDIF),
        ),
    ],
  ])();
}

function number(dice: Dice): number {
  return dice.chance(0.6) ? dice.between(-3, 8) : dice.edge();
}

function value(dice: Dice): Uint8Array {
  return dice.weighted<() => Uint8Array>([
    [5, () => pushNumber(number(dice)).subarray(1)],
    [2, () => dice.bytes(dice.below(6))],
    [1, () => Uint8Array.of(0x80)],
    [1, () => Uint8Array.of(0, 0x80)],
    [1, () => dice.bytes(dice.pick([20, 32, 33, 519, 520]))],
    [1, () => EMPTY_BYTES],
  ])();
}

/** The shortest push, constants included. */
function push(item: Uint8Array): Uint8Array {
  const byte = item[0];
  if (item.length === 1 && byte! >= 1 && byte! <= 16) return Uint8Array.of(0x50 + byte!);
  return item.length === 1 && byte === 0x81 ? Uint8Array.of(0x4f) : pushData(item);
}
