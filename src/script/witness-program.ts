/**
 * Outputs that are spent by other rules than running what their script says: witness programs (BIP141), hashes of
 * scripts (BIP16) and the anchor that anybody may spend (Core: src/script/script.cpp).
 */
import { OPCODES, smallNumber } from './opcodes.ts';

export interface WitnessProgram {
  /** 0 … 16. */
  readonly version: number;
  /** 2 to 40 bytes. */
  readonly program: Uint8Array;
}

const SCRIPT_BYTES_MIN = 4;
const SCRIPT_BYTES_MAX = 42;

/** OP_0 … OP_16 and one direct push of the rest, 2 to 40 bytes; undefined for every other script. */
export function witnessProgram(script: Uint8Array): WitnessProgram | undefined {
  if (script.length < SCRIPT_BYTES_MIN || script.length > SCRIPT_BYTES_MAX) return undefined;
  if (script[1]! + 2 !== script.length) return undefined;
  const version = smallNumber(script[0]!);
  return version === undefined ? undefined : { version, program: script.subarray(2) };
}

/** OP_HASH160, 20 bytes, OP_EQUAL, and nothing else. */
export function isPayToScriptHash(script: Uint8Array): boolean {
  return (
    script.length === 23 &&
    script[0] === OPCODES.OP_HASH160 &&
    script[1] === 20 &&
    script[22] === OPCODES.OP_EQUAL
  );
}

/** The program of version 1 with the bytes 4e73 (P2A). */
export function isPayToAnchor({ version, program }: WitnessProgram): boolean {
  return version === 1 && program.length === 2 && program[0] === 0x4e && program[1] === 0x73;
}
