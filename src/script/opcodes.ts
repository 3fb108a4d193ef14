/**
 * Opcodes, and scripts as a row of them: names, parsing, pushing, and the text form that Core's RPC calls `asm`
 * (Core: src/script/script.h, script.cpp, core_io.cpp). Nothing here runs a script.
 */
import { bytesToHex, concatBytes, EMPTY_BYTES } from '../base/bytes.ts';
import { hasDefinedHashType, isStrictDer, SIGHASH_ANYONECANPAY } from './encoding.ts';
import { decodeNumber, encodeNumber } from './number.ts';

export const OPCODES = {
  // Push a value
  OP_0: 0x00,
  OP_PUSHDATA1: 0x4c,
  OP_PUSHDATA2: 0x4d,
  OP_PUSHDATA4: 0x4e,
  OP_1NEGATE: 0x4f,
  OP_RESERVED: 0x50,
  OP_1: 0x51,
  OP_2: 0x52,
  OP_3: 0x53,
  OP_4: 0x54,
  OP_5: 0x55,
  OP_6: 0x56,
  OP_7: 0x57,
  OP_8: 0x58,
  OP_9: 0x59,
  OP_10: 0x5a,
  OP_11: 0x5b,
  OP_12: 0x5c,
  OP_13: 0x5d,
  OP_14: 0x5e,
  OP_15: 0x5f,
  OP_16: 0x60,
  // Control
  OP_NOP: 0x61,
  OP_VER: 0x62,
  OP_IF: 0x63,
  OP_NOTIF: 0x64,
  OP_VERIF: 0x65,
  OP_VERNOTIF: 0x66,
  OP_ELSE: 0x67,
  OP_ENDIF: 0x68,
  OP_VERIFY: 0x69,
  OP_RETURN: 0x6a,
  // Stack
  OP_TOALTSTACK: 0x6b,
  OP_FROMALTSTACK: 0x6c,
  OP_2DROP: 0x6d,
  OP_2DUP: 0x6e,
  OP_3DUP: 0x6f,
  OP_2OVER: 0x70,
  OP_2ROT: 0x71,
  OP_2SWAP: 0x72,
  OP_IFDUP: 0x73,
  OP_DEPTH: 0x74,
  OP_DROP: 0x75,
  OP_DUP: 0x76,
  OP_NIP: 0x77,
  OP_OVER: 0x78,
  OP_PICK: 0x79,
  OP_ROLL: 0x7a,
  OP_ROT: 0x7b,
  OP_SWAP: 0x7c,
  OP_TUCK: 0x7d,
  // Splice: all but OP_SIZE disabled since 2010 (CVE-2010-5137)
  OP_CAT: 0x7e,
  OP_SUBSTR: 0x7f,
  OP_LEFT: 0x80,
  OP_RIGHT: 0x81,
  OP_SIZE: 0x82,
  // Bitwise logic
  OP_INVERT: 0x83,
  OP_AND: 0x84,
  OP_OR: 0x85,
  OP_XOR: 0x86,
  OP_EQUAL: 0x87,
  OP_EQUALVERIFY: 0x88,
  OP_RESERVED1: 0x89,
  OP_RESERVED2: 0x8a,
  // Numeric
  OP_1ADD: 0x8b,
  OP_1SUB: 0x8c,
  OP_2MUL: 0x8d,
  OP_2DIV: 0x8e,
  OP_NEGATE: 0x8f,
  OP_ABS: 0x90,
  OP_NOT: 0x91,
  OP_0NOTEQUAL: 0x92,
  OP_ADD: 0x93,
  OP_SUB: 0x94,
  OP_MUL: 0x95,
  OP_DIV: 0x96,
  OP_MOD: 0x97,
  OP_LSHIFT: 0x98,
  OP_RSHIFT: 0x99,
  OP_BOOLAND: 0x9a,
  OP_BOOLOR: 0x9b,
  OP_NUMEQUAL: 0x9c,
  OP_NUMEQUALVERIFY: 0x9d,
  OP_NUMNOTEQUAL: 0x9e,
  OP_LESSTHAN: 0x9f,
  OP_GREATERTHAN: 0xa0,
  OP_LESSTHANOREQUAL: 0xa1,
  OP_GREATERTHANOREQUAL: 0xa2,
  OP_MIN: 0xa3,
  OP_MAX: 0xa4,
  OP_WITHIN: 0xa5,
  // Crypto
  OP_RIPEMD160: 0xa6,
  OP_SHA1: 0xa7,
  OP_SHA256: 0xa8,
  OP_HASH160: 0xa9,
  OP_HASH256: 0xaa,
  OP_CODESEPARATOR: 0xab,
  OP_CHECKSIG: 0xac,
  OP_CHECKSIGVERIFY: 0xad,
  OP_CHECKMULTISIG: 0xae,
  OP_CHECKMULTISIGVERIFY: 0xaf,
  // Expansion
  OP_NOP1: 0xb0,
  OP_CHECKLOCKTIMEVERIFY: 0xb1,
  OP_CHECKSEQUENCEVERIFY: 0xb2,
  OP_NOP4: 0xb3,
  OP_NOP5: 0xb4,
  OP_NOP6: 0xb5,
  OP_NOP7: 0xb6,
  OP_NOP8: 0xb7,
  OP_NOP9: 0xb8,
  OP_NOP10: 0xb9,
  // BIP342
  OP_CHECKSIGADD: 0xba,
} as const;

/** Stands where a script ends inside an instruction: no byte has this value, so it equals no opcode. */
export const MALFORMED = -1;
/** Bytes of a script that runs, witness scripts of taproot apart (Core: MAX_SCRIPT_SIZE). */
export const SCRIPT_BYTES_MAX = 10_000;

const { OP_0, OP_1, OP_16, OP_1NEGATE, OP_PUSHDATA1, OP_PUSHDATA2, OP_PUSHDATA4, OP_RETURN } = OPCODES;

export interface Instruction {
  /** One byte, or MALFORMED: then it is the last instruction. */
  readonly opcode: number;
  /** A view of what is pushed, undefined unless the opcode is OP_0 … OP_PUSHDATA4. */
  readonly data: Uint8Array | undefined;
  /** Where the instruction starts and where the next one does. */
  readonly position: number;
  readonly next: number;
}

/** The instructions of `script`, in order. Never throws: see MALFORMED. */
export function* parseScript(script: Uint8Array): Generator<Instruction, void, undefined> {
  const cursor = new ScriptCursor(script);
  while (cursor.position < script.length) {
    const { position } = cursor;
    const complete = cursor.advance();
    const opcode = complete ? cursor.opcode : MALFORMED;
    const data = complete && opcode <= OP_PUSHDATA4 ? cursor.data() : undefined;
    yield { opcode, data, position, next: complete ? cursor.position : script.length };
    if (!complete) return;
  }
}

/** Steps over instructions without making an object of each: for loops that run a million times. */
export class ScriptCursor {
  readonly script: Uint8Array;
  /** Where the next instruction starts. */
  position: number;
  /** Of the instruction stepped over last. */
  opcode = MALFORMED;
  readonly #end: number;
  #dataStart = 0;

  /** From `position` up to `end`: the script may be a part of the bytes. */
  constructor(script: Uint8Array, position = 0, end = script.length) {
    this.script = script;
    this.position = position;
    this.#end = end;
  }

  /**
   * False when the rest is no complete instruction. The cursor then stands behind the opcode and its length prefix
   * as far as they are there, which is where Core's iterator stops: legacy signature hashes depend on it.
   */
  advance(): boolean {
    const { script } = this;
    if (this.position >= this.#end) return this.#stop(this.position);
    const opcode = script[this.position]!;
    let start = this.position + 1;
    let length = 0;
    if (opcode < OP_PUSHDATA1) length = opcode;
    else if (opcode <= OP_PUSHDATA4) {
      const prefix = opcode === OP_PUSHDATA1 ? 1 : opcode === OP_PUSHDATA2 ? 2 : 4;
      if (start + prefix > this.#end) return this.#stop(start);
      for (let i = prefix - 1; i >= 0; i -= 1) length = length * 256 + script[start + i]!;
      start += prefix;
    }
    if (start + length > this.#end) return this.#stop(start);
    this.opcode = opcode;
    this.#dataStart = start;
    this.position = start + length;
    return true;
  }

  /** Bytes that the last instruction pushes. */
  get dataLength(): number {
    return this.position - this.#dataStart;
  }

  /** What the last instruction pushes: a view, empty for all but pushes. */
  data(): Uint8Array {
    if (this.#dataStart === this.position) return EMPTY_BYTES;
    return this.script.subarray(this.#dataStart, this.position);
  }

  #stop(position: number): false {
    this.opcode = MALFORMED;
    this.position = position;
    this.#dataStart = position;
    return false;
  }
}

/** The instruction that pushes `data` with the shortest length prefix; never OP_1 … OP_16 or OP_1NEGATE. */
export function pushData(data: Uint8Array): Uint8Array {
  const { length } = data;
  if (length < OP_PUSHDATA1) return concatBytes(Uint8Array.of(length), data);
  if (length <= 0xff) return concatBytes(Uint8Array.of(OP_PUSHDATA1, length), data);
  if (length <= 0xffff) return concatBytes(Uint8Array.of(OP_PUSHDATA2, length & 0xff, length >>> 8), data);
  const prefix = Uint8Array.of(OP_PUSHDATA4, length & 0xff, length >>> 8, length >>> 16, length >>> 24);
  return concatBytes(prefix, data);
}

/** The shortest instruction that pushes the safe integer `value` (Core: CScript << int64). */
export function pushNumber(value: number): Uint8Array {
  if (value === 0) return Uint8Array.of(OP_0);
  if (value === -1 || (value >= 1 && value <= 16)) return Uint8Array.of(OP_1NEGATE + 1 + value);
  return pushData(encodeNumber(value));
}

/** 0 … 16 for OP_0 … OP_16, undefined for other opcodes. */
export function smallNumber(opcode: number): number | undefined {
  if (opcode === OP_0) return 0;
  return opcode >= OP_1 && opcode <= OP_16 ? opcode - OP_1 + 1 : undefined;
}

/** Whether `opcode` is the shortest way to push `data` (Core: CheckMinimalPush); of OP_0 … OP_PUSHDATA4. */
export function isMinimalPush(opcode: number, data: Uint8Array): boolean {
  const { length } = data;
  if (length === 1) {
    const byte = data[0]!;
    if ((byte >= 1 && byte <= 16) || byte === 0x81) return false;
  }
  if (length < OP_PUSHDATA1) return opcode === length;
  if (length <= 0xff) return opcode === OP_PUSHDATA1;
  if (length <= 0xffff) return opcode === OP_PUSHDATA2;
  return true;
}

/** Whether nothing but pushes is in `script`. OP_RESERVED counts as one, as in Core: it fails when it runs. */
export function isPushOnly(script: Uint8Array, start = 0): boolean {
  const cursor = new ScriptCursor(script, start);
  while (cursor.position < script.length) {
    if (!cursor.advance() || cursor.opcode > OP_16) return false;
  }
  return true;
}

/** Whether it makes a tapscript succeed by merely being in it (BIP342). */
export function isOpSuccess(opcode: number): boolean {
  return (
    opcode === 80 ||
    opcode === 98 ||
    (opcode >= 126 && opcode <= 129) ||
    (opcode >= 131 && opcode <= 134) ||
    (opcode >= 137 && opcode <= 138) ||
    (opcode >= 141 && opcode <= 142) ||
    (opcode >= 149 && opcode <= 153) ||
    (opcode >= 187 && opcode <= 254)
  );
}

/** Whether no input can ever spend an output with this script; such outputs are not stored. */
export function isUnspendable(script: Uint8Array): boolean {
  return isUnspendableBetween(script, 0, script.length);
}

/** The same of a script that is a part of `bytes`. */
export function isUnspendableBetween(bytes: Uint8Array, start: number, end: number): boolean {
  return (end > start && bytes[start] === OP_RETURN) || end - start > SCRIPT_BYTES_MAX;
}

const NAMES: readonly string[] = opcodeNames();

/** As Core prints it: '0', '-1', '1' … '16' for the constants, 'OP_UNKNOWN' for what has no name. */
export function opcodeName(opcode: number): string {
  return NAMES[opcode] ?? 'OP_UNKNOWN';
}

/**
 * The `asm` of Core's RPC. Pushes of at most 4 bytes are printed as numbers, longer ones in hex. In a 'scriptSig'
 * what looks like a signature is printed without its last byte, followed by the hash type: `3044…[ALL]`.
 */
export function scriptToAsm(script: Uint8Array, kind: 'scriptPubKey' | 'scriptSig' = 'scriptPubKey'): string {
  const words: string[] = [];
  // Data after OP_RETURN may look like a signature and is none.
  const decodeHashTypes = kind === 'scriptSig' && !isUnspendable(script);
  for (const { opcode, data } of parseScript(script)) {
    if (opcode === MALFORMED) words.push('[error]');
    else if (data === undefined) words.push(opcodeName(opcode));
    else if (data.length <= 4) words.push(String(decodeNumber(data)));
    else if (decodeHashTypes && isStrictDer(data) && hasDefinedHashType(data)) {
      words.push(`${bytesToHex(data.subarray(0, -1))}[${hashTypeName(data.at(-1)!)}]`);
    } else words.push(bytesToHex(data));
  }
  return words.join(' ');
}

/** 'ALL', 'NONE|ANYONECANPAY' …; of a defined ECDSA hash type. */
function hashTypeName(hashType: number): string {
  const base = ['', 'ALL', 'NONE', 'SINGLE'][hashType & ~SIGHASH_ANYONECANPAY]!;
  return hashType & SIGHASH_ANYONECANPAY ? `${base}|ANYONECANPAY` : base;
}

function opcodeNames(): string[] {
  const names: string[] = [];
  for (const [name, opcode] of Object.entries(OPCODES)) names[opcode] = name;
  names[OP_0] = '0';
  names[OP_1NEGATE] = '-1';
  for (let n = 1; n <= 16; n += 1) names[OP_1NEGATE + 1 + n] = String(n);
  names[0xff] = 'OP_INVALIDOPCODE';
  return names;
}
