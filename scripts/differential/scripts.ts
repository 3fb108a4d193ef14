/**
 * Scripts to be spent, each with what satisfies it: signatures in all shapes, locks, branches, programs whose results
 * are checked by the script itself, scripts at each limit, and plain noise. How a script is wrapped (bare, P2SH, P2WSH,
 * taproot leaf) is decided in locks.ts; here only by which rules it runs.
 */
import { concatBytes, EMPTY_BYTES } from '../../src/base/bytes.ts';
import { hash160, ripemd160, sha1 } from '../../src/crypto/hashes.ts';
import { sha256, sha256d } from '../../src/crypto/sha256.ts';
import { OPCODES, pushData, pushNumber } from '../../src/script/opcodes.ts';
import type { Dice } from './dice.ts';
import { limits } from './limits.ts';
import { programScript } from './programs.ts';
import {
  type InnerScript,
  mutateScript,
  oddPush,
  ops,
  plain,
  type SigVersion,
  type TxWishes,
} from './script-parts.ts';
import { ecdsaKey, KEYS, type Key, tapscriptKey } from './signatures.ts';

type Maker = (dice: Dice, sigVersion: SigVersion) => InnerScript;

const { OP_CHECKSIG, OP_CHECKSIGVERIFY, OP_CHECKMULTISIG, OP_CHECKSIGADD, OP_CODESEPARATOR } = OPCODES;
const { OP_DUP, OP_DROP, OP_IF, OP_NOTIF, OP_ELSE, OP_ENDIF, OP_EQUAL, OP_EQUALVERIFY, OP_NOP, OP_1 } =
  OPCODES;

/** `corpus`: scripts of others, perhaps none. */
export function innerScript(dice: Dice, sigVersion: SigVersion, corpus: readonly Uint8Array[]): InnerScript {
  const make = dice.weighted<Maker>([
    [10, checkSig],
    [4, keyHash],
    [10, multisig],
    [4, hashLock],
    [8, timeLock],
    [8, branch],
    [6, codeSeparators],
    [6, limits],
    [14, programScript],
    [6, noise],
    [2, embeddedSignature],
    [sigVersion === 'tapscript' ? 8 : 0, budget],
    [sigVersion === 'tapscript' ? 4 : 0, success],
    [2, disabled],
    [corpus.length > 0 ? 4 : 0, () => foreign(dice, corpus)],
  ]);
  const made = make(dice, sigVersion);
  if (!dice.chance(0.12)) return made;
  return { ...made, name: `${made.name}, script changed`, script: mutateScript(dice, made.script) };
}

function keyBytes(dice: Dice, key: Key, sigVersion: SigVersion): Uint8Array {
  if (sigVersion === 'tapscript') return tapscriptKey(dice, key);
  return sigVersion === 'witness-v0' && dice.chance(0.8) ? key.compressed : ecdsaKey(dice, key);
}

function checkSig(dice: Dice, sigVersion: SigVersion): InnerScript {
  const key = dice.pick(KEYS);
  const push = pushData(keyBytes(dice, key, sigVersion));
  const isNegated = dice.chance(0.1);
  return {
    name: 'checksig',
    script: isNegated ? ops(push, OP_CHECKSIG, OPCODES.OP_NOT) : ops(push, OP_CHECKSIG),
    items: signer => [isNegated && dice.chance(0.7) ? EMPTY_BYTES : signer.sign(key)],
  };
}

function keyHash(dice: Dice, sigVersion: SigVersion): InnerScript {
  const key = dice.pick(KEYS);
  const bytes = keyBytes(dice, key, sigVersion);
  return {
    name: 'key hash',
    script: ops(OP_DUP, OPCODES.OP_HASH160, pushData(hash160(bytes)), OP_EQUALVERIFY, OP_CHECKSIG),
    items: signer => [signer.sign(key), bytes],
  };
}

function multisig(dice: Dice, sigVersion: SigVersion): InnerScript {
  const count = dice.chance(0.1) ? dice.pick([16, 17, 20, 21]) : dice.between(0, 5);
  const needed = dice.chance(0.1) ? dice.between(0, count + 1) : dice.between(0, Math.min(count, 3));
  const keys = Array.from({ length: count }, () => dice.pick(KEYS));
  const pushes = keys.map(key => pushData(keyBytes(dice, key, sigVersion)));
  if (sigVersion === 'tapscript' && dice.chance(0.9)) return addingMultisig(dice, keys, pushes, needed);
  const signers = chooseInOrder(dice, keys, needed);
  return {
    name: 'multisig',
    script: ops(pushNumber(needed), ...pushes, pushNumber(count), OP_CHECKMULTISIG),
    items: signer => {
      const signatures = signers.map(key => (dice.chance(0.03) ? EMPTY_BYTES : signer.sign(key)));
      if (dice.chance(0.05)) signatures.reverse();
      return [dice.chance(0.05) ? Uint8Array.of(dice.below(3)) : EMPTY_BYTES, ...signatures];
    },
  };
}

function addingMultisig(dice: Dice, keys: Key[], pushes: Uint8Array[], needed: number): InnerScript {
  const signing = new Set(chooseInOrder(dice, [...keys.keys()], needed));
  return {
    name: 'checksigadd',
    script: ops(
      pushNumber(0),
      ...pushes.map(push => ops(push, OP_CHECKSIGADD)),
      pushNumber(needed),
      OPCODES.OP_NUMEQUAL,
    ),
    // The zero is pushed after them, so each signature is found below it: swap them in by order of use.
    items: signer => keys.map((key, i) => (signing.has(i) ? signer.sign(key) : EMPTY_BYTES)).reverse(),
  };
}

function chooseInOrder<T>(dice: Dice, items: readonly T[], count: number): T[] {
  const left = items.map((_, i) => i);
  while (left.length > Math.max(count, 0)) left.splice(dice.below(left.length), 1);
  return left.map(i => items[i]!);
}

function hashLock(dice: Dice): InnerScript {
  const preimage = dice.bytes(dice.pick([0, 1, 20, 32, 33, 64, 520]));
  const [opcode, hash] = dice.pick<[number, Uint8Array]>([
    [OPCODES.OP_RIPEMD160, ripemd160(preimage)],
    [OPCODES.OP_SHA1, sha1(preimage)],
    [OPCODES.OP_SHA256, sha256(preimage)],
    [OPCODES.OP_HASH160, hash160(preimage)],
    [OPCODES.OP_HASH256, Uint8Array.from(Buffer.from(sha256d(preimage), 'latin1'))],
  ]);
  return { name: 'hash lock', script: ops(opcode, pushData(hash), OP_EQUAL), items: () => [preimage] };
}

function timeLock(dice: Dice, sigVersion: SigVersion): InnerScript {
  const isRelative = dice.chance(0.5);
  const value = dice.weighted<() => number>([
    [5, () => dice.between(0, 3)],
    [3, () => dice.edge()],
    [2, () => (isRelative ? 0x400000 + dice.below(3) : 1_600_000_000 + dice.below(100))],
    [2, () => dice.between(90, 200)],
  ])();
  const near = value + dice.pick([-1, 0, 0, 0, 0, 1]);
  const inner = checkSig(dice, sigVersion);
  const opcode = isRelative ? OPCODES.OP_CHECKSEQUENCEVERIFY : OPCODES.OP_CHECKLOCKTIMEVERIFY;
  const wishes: TxWishes = isRelative
    ? { sequence: near >>> 0, version: dice.pick([2, 2, 2, 2, 1, 3, 0, 0xffffffff, 0x80000001]) }
    : { lockTime: near >>> 0, sequence: dice.pick([0, 0xfffffffe, 0xfffffffe, 0xffffffff]) };
  const push = dice.chance(0.05) ? oddPush(dice, dice.bytes(dice.between(1, 6))) : pushNumber(value);
  return {
    ...inner,
    name: isRelative ? 'checksequenceverify' : 'checklocktimeverify',
    script: ops(push, opcode, OP_DROP, inner.script),
    wishes,
  };
}

const BOOLEANS: readonly Uint8Array[] = [
  EMPTY_BYTES, Uint8Array.of(1), Uint8Array.of(1), Uint8Array.of(0), Uint8Array.of(2), Uint8Array.of(0x80),
  Uint8Array.of(0, 0x80), Uint8Array.of(1, 0), Uint8Array.of(0, 1), Uint8Array.of(0x81),
]; // biome-ignore format: a table

function branch(dice: Dice, sigVersion: SigVersion): InnerScript {
  const [first, second] = [checkSig(dice, sigVersion), hashLock(dice)];
  const isNegated = dice.chance(0.3);
  const value = dice.chance(0.7) ? dice.pick(BOOLEANS.slice(0, 3)) : dice.pick(BOOLEANS);
  const isTrue = value.some((byte, i) => byte !== 0 && !(i === value.length - 1 && byte === 0x80));
  const chosen = isTrue !== isNegated ? first : second;
  return {
    name: 'branch',
    script: ops(isNegated ? OP_NOTIF : OP_IF, first.script, OP_ELSE, second.script, OP_ENDIF),
    items: signer => [...chosen.items(signer, dice), value],
  };
}

function codeSeparators(dice: Dice, sigVersion: SigVersion): InnerScript {
  const keys = Array.from({ length: dice.between(1, 3) }, () => dice.pick(KEYS));
  const parts: Uint8Array[] = [];
  const positions: { byte: number; instruction: number }[] = [];
  let instruction = 0;
  let last = { byte: 0, instruction: 0xffffffff };
  const length = () => parts.reduce((sum, part) => sum + part.length, 0);
  const add = (...codes: Uint8Array[]) => {
    parts.push(...codes);
    instruction += codes.length;
  };
  keys.forEach((key, i) => {
    if (dice.chance(0.3)) add(Uint8Array.of(OP_NOP));
    if (dice.chance(0.7)) {
      add(Uint8Array.of(OP_CODESEPARATOR));
      last = { byte: length(), instruction: instruction - 1 };
    }
    // One that does not run changes nothing about where signatures start, and is still left out of what they sign.
    if (dice.chance(0.3)) {
      add(
        Uint8Array.of(OPCODES.OP_0),
        Uint8Array.of(OP_IF),
        Uint8Array.of(OP_CODESEPARATOR),
        Uint8Array.of(OP_ENDIF),
      );
    }
    positions.push(last);
    const isLast = i === keys.length - 1;
    add(
      pushData(sigVersion === 'tapscript' ? key.xOnly : key.compressed),
      Uint8Array.of(isLast ? OP_CHECKSIG : OP_CHECKSIGVERIFY),
    );
    if (isLast && dice.chance(0.3)) add(Uint8Array.of(OP_CODESEPARATOR));
  });
  return {
    name: 'codeseparators',
    script: concatBytes(...parts),
    items: signer => keys.map((key, i) => signer.sign(key, positions[i])).reverse(),
  };
}

/** A signature within the script it is a signature of: legacy rules remove it there. */
function embeddedSignature(dice: Dice, sigVersion: SigVersion): InnerScript {
  const key = dice.pick(KEYS);
  const junk = concatBytes(dice.bytes(dice.pick([0, 8, 70])), Uint8Array.of(1));
  const push = pushData(sigVersion === 'tapscript' ? key.xOnly : key.compressed);
  return {
    name: 'embedded signature',
    script: ops(pushData(junk), OP_DROP, push, OP_CHECKSIG, OPCODES.OP_NOT),
    items: () => [junk],
  };
}

function foreign(dice: Dice, corpus: readonly Uint8Array[]): InnerScript {
  const items = noise(dice).items;
  return { name: 'foreign', script: dice.pick(corpus), items };
}

/** Signature checks at the edge of what the witness pays for (BIP342). */
function budget(dice: Dice): InnerScript {
  const key = dice.pick(KEYS);
  const keyPush = pushData(dice.chance(0.15) ? key.compressed : key.xOnly);
  const count = dice.between(3, 16);
  const check = ops(OP_DUP, keyPush, OP_CHECKSIGVERIFY);
  return {
    name: 'signature budget',
    script: ops(...Array.from({ length: count }, () => check), keyPush, OP_CHECKSIG),
    items: signer => [signer.sign(key)],
  };
}

function success(dice: Dice): InnerScript {
  const inner = noise(dice).script;
  const opcode = dice.pick([
    80, 98, 126, 129, 131, 134, 137, 138, 141, 142, 149, 153, 187, 254, 255, 186, 143, 136,
  ]);
  return plain('success', dice.pick([
    ops(opcode, inner),
    ops(inner, opcode),
    ops(pushData(Uint8Array.of(opcode)), inner),
    ops(OPCODES.OP_0, OP_IF, opcode, OP_ENDIF, OP_1),
  ])); // biome-ignore format: a list
}

function disabled(dice: Dice): InnerScript {
  const opcode = dice.pick([0x7e, 0x7f, 0x80, 0x81, 0x83, 0x84, 0x85, 0x86, 0x8d, 0x8e, 0x95, 0x96, 0x97, 0x98, 0x99, 0x65, 0x66, 0x62, 0x50, 0x89, 0x8a, 0xba, 0xbb, 0xff, 0x6a]); // biome-ignore format: a list
  const not = dice.chance(0.7) ? ops(OPCODES.OP_0, OP_IF, opcode, OP_ENDIF, OP_1) : ops(OP_1, opcode);
  return plain('disabled', not);
}

/** Any bytes, opcodes more often than pushes. */
function noise(dice: Dice): InnerScript {
  const parts: Uint8Array[] = [];
  for (let count = dice.below(30); count > 0; count -= 1) {
    parts.push(
      dice.weighted<() => Uint8Array>([
        [5, () => Uint8Array.of(dice.between(0x4f, 0xba))],
        [3, () => Uint8Array.of(dice.between(0x51, 0x60))],
        [2, () => pushNumber(dice.edge())],
        [1, () => oddPush(dice, dice.bytes(dice.below(5)))],
        [1, () => Uint8Array.of(dice.below(256))],
      ])(),
    );
  }
  const items = Array.from({ length: dice.below(6) }, () =>
    dice.chance(0.6) ? pushNumber(dice.edge()).subarray(1) : dice.bytes(dice.below(6)),
  );
  return { name: 'noise', script: concatBytes(...parts), items: () => items };
}
