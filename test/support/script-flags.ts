/** Combinations of script flags for tests: those that Core allows, and random ones. */
import { SeededRandom } from '../../src/base/random.ts';
import { SCRIPT_FLAGS } from '../../src/script/flags.ts';

export const ALL_SCRIPT_FLAGS = Object.values(SCRIPT_FLAGS).reduce((all, flag) => all | flag, 0);

/** Takes away what lacks its condition: WITNESS without P2SH, CLEANSTACK without WITNESS. */
export function trimFlags(flags: number): number {
  if (!(flags & SCRIPT_FLAGS.P2SH)) flags &= ~SCRIPT_FLAGS.WITNESS;
  if (!(flags & SCRIPT_FLAGS.WITNESS)) flags &= ~SCRIPT_FLAGS.CLEANSTACK;
  return flags;
}

/** Adds the conditions of what is there. */
export function fillFlags(flags: number): number {
  if (flags & SCRIPT_FLAGS.CLEANSTACK) flags |= SCRIPT_FLAGS.WITNESS;
  if (flags & SCRIPT_FLAGS.WITNESS) flags |= SCRIPT_FLAGS.P2SH;
  return flags;
}

/** `count` random sets of flags, the same for the same seed. */
export function randomFlags(seed: number, count: number): number[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, () => random.u32() & ALL_SCRIPT_FLAGS);
}
