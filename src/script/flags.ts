/**
 * Script verification flags, bit by bit as Core 31 numbers them (src/script/interpreter.h). Each is a soft fork or a
 * policy: whatever passes with more flags passes with fewer.
 */
export const SCRIPT_FLAGS = {
  /** BIP16: the last push of the scriptSig is a script. */
  P2SH: 1 << 0,
  /** Policy: strict DER, defined hash types, no hybrid keys. */
  STRICTENC: 1 << 1,
  /** BIP66: strict DER. */
  DERSIG: 1 << 2,
  /** Policy: strict DER with S at most half the order. */
  LOW_S: 1 << 3,
  /** BIP147: the superfluous argument of OP_CHECKMULTISIG is empty. */
  NULLDUMMY: 1 << 4,
  /** The scriptSig only pushes. */
  SIGPUSHONLY: 1 << 5,
  /** Policy: pushes and numbers in their shortest form. */
  MINIMALDATA: 1 << 6,
  /** Policy: NOPs without a meaning are not executed. */
  DISCOURAGE_UPGRADABLE_NOPS: 1 << 7,
  /** Policy: nothing but true is left. Only together with P2SH and WITNESS. */
  CLEANSTACK: 1 << 8,
  /** BIP65. */
  CHECKLOCKTIMEVERIFY: 1 << 9,
  /** BIP112. */
  CHECKSEQUENCEVERIFY: 1 << 10,
  /** BIP141, BIP143. Only together with P2SH. */
  WITNESS: 1 << 11,
  /** Policy: no witness programs without a meaning. */
  DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM: 1 << 12,
  /** Policy in version 0 witness scripts: OP_IF takes nothing or the byte 1. */
  MINIMALIF: 1 << 13,
  /** Policy: a signature that fails is empty. */
  NULLFAIL: 1 << 14,
  /** Policy: keys in version 0 witness scripts are compressed. */
  WITNESS_PUBKEYTYPE: 1 << 15,
  /** Policy: neither OP_CODESEPARATOR nor FindAndDelete in legacy scripts. */
  CONST_SCRIPTCODE: 1 << 16,
  /** BIP341, BIP342. */
  TAPROOT: 1 << 17,
  /** Policy: no leaf versions without a meaning. */
  DISCOURAGE_UPGRADABLE_TAPROOT_VERSION: 1 << 18,
  /** Policy: no OP_SUCCESSx. */
  DISCOURAGE_OP_SUCCESS: 1 << 19,
  /** Policy: no key types without a meaning in tapscript. */
  DISCOURAGE_UPGRADABLE_PUBKEYTYPE: 1 << 20,
} as const;

export type ScriptFlag = keyof typeof SCRIPT_FLAGS;

/** What new transactions must satisfy as if they were in the next block (Core: src/policy/policy.h). */
export const MANDATORY_SCRIPT_FLAGS =
  SCRIPT_FLAGS.P2SH |
  SCRIPT_FLAGS.DERSIG |
  SCRIPT_FLAGS.NULLDUMMY |
  SCRIPT_FLAGS.CHECKLOCKTIMEVERIFY |
  SCRIPT_FLAGS.CHECKSEQUENCEVERIFY |
  SCRIPT_FLAGS.WITNESS |
  SCRIPT_FLAGS.TAPROOT;

/** What this node relays (Core: src/policy/policy.h). SIGPUSHONLY is checked as a rule of its own there. */
export const STANDARD_SCRIPT_FLAGS =
  MANDATORY_SCRIPT_FLAGS |
  SCRIPT_FLAGS.STRICTENC |
  SCRIPT_FLAGS.MINIMALDATA |
  SCRIPT_FLAGS.DISCOURAGE_UPGRADABLE_NOPS |
  SCRIPT_FLAGS.CLEANSTACK |
  SCRIPT_FLAGS.MINIMALIF |
  SCRIPT_FLAGS.NULLFAIL |
  SCRIPT_FLAGS.LOW_S |
  SCRIPT_FLAGS.DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM |
  SCRIPT_FLAGS.WITNESS_PUBKEYTYPE |
  SCRIPT_FLAGS.CONST_SCRIPTCODE |
  SCRIPT_FLAGS.DISCOURAGE_UPGRADABLE_TAPROOT_VERSION |
  SCRIPT_FLAGS.DISCOURAGE_OP_SUCCESS |
  SCRIPT_FLAGS.DISCOURAGE_UPGRADABLE_PUBKEYTYPE;

/** Reads 'P2SH,WITNESS'; '' and 'NONE' are no flags. Throws RangeError for a name that does not exist. */
export function parseFlags(text: string): number {
  let flags = 0;
  if (text === '' || text === 'NONE') return flags;
  for (const name of text.split(',')) {
    if (!isScriptFlag(name)) throw new RangeError(`Unknown script flag "${name}"`);
    flags |= SCRIPT_FLAGS[name];
  }
  return flags;
}

/** The names of all bits set, in alphabetical order as Core lists them. */
export function flagNames(flags: number): ScriptFlag[] {
  const names = Object.keys(SCRIPT_FLAGS) as ScriptFlag[];
  return names.filter(name => (flags & SCRIPT_FLAGS[name]) !== 0).sort();
}

function isScriptFlag(name: string): name is ScriptFlag {
  return Object.hasOwn(SCRIPT_FLAGS, name);
}
