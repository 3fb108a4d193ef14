/** Scripts at each limit of the interpreter: operations, sizes, stacks, keys, conditions. */
import { OPCODES, pushData, pushNumber } from '../../src/script/opcodes.ts';
import type { Dice } from './dice.ts';
import { type InnerScript, ops, plain, type SigVersion } from './script-parts.ts';
import { KEYS } from './signatures.ts';

const { OP_1, OP_NOP, OP_IF, OP_ENDIF, OP_DROP, OP_CHECKSIG, OP_CHECKMULTISIG } = OPCODES;

export function limits(dice: Dice, sigVersion: SigVersion): InnerScript {
  const repeat = (count: number, code: Uint8Array | number) => Array.from({ length: count }, () => code);
  const key = dice.pick(KEYS);
  return dice.pick<() => InnerScript>([
    () => plain('operations', ops(OP_1, ...repeat(dice.between(198, 204), OP_NOP))),
    () =>
      plain(
        'operations not run',
        ops(OP_1, OPCODES.OP_0, OP_IF, ...repeat(dice.between(196, 202), OP_NOP), OP_ENDIF),
      ),
    () => {
      const keys = dice.between(15, 21);
      const pushes = repeat(keys, pushData(key.compressed));
      const script = ops(
        ...repeat(dice.between(176, 184), OP_NOP),
        ...[OPCODES.OP_0, OPCODES.OP_0, ...pushes, pushNumber(keys), OP_CHECKMULTISIG],
      );
      return plain('operations of multisig', script);
    },
    () => {
      const target = sigVersion === 'tapscript' ? dice.between(9_990, 12_000) : dice.between(9_996, 10_004);
      const chunk = ops(pushData(new Uint8Array(500)), OP_DROP);
      const count = Math.floor((target - 600) / chunk.length);
      const rest = target - count * chunk.length - 1;
      const tail = ops(pushData(new Uint8Array(rest - 4 - (rest > 259 ? 0 : 1))), OP_DROP);
      return plain('script size', ops(...repeat(count, chunk), tail, OP_1));
    },
    () => plain('stack', ops(...repeat(dice.between(996, 1003), OP_1))),
    () =>
      plain('stack and drops', ops(...repeat(dice.between(996, 1003), OP_1), ...repeat(3, OPCODES.OP_2DROP))),
    () => {
      const other = dice.between(1, 100);
      return plain(
        'both stacks',
        ops(
          ...repeat(other, ops(OP_1, OPCODES.OP_TOALTSTACK)),
          ...repeat(dice.between(997, 1002) - other, OP_1),
        ),
      );
    },
    () => plain('push', ops(pushData(dice.bytes(dice.between(518, 522))), OP_DROP, OP_1)),
    () =>
      plain(
        'push not run',
        ops(OPCODES.OP_0, OP_IF, pushData(dice.bytes(dice.between(518, 522))), OP_ENDIF, OP_1),
      ),
    () => ({
      ...plain('item', ops(OPCODES.OP_SIZE, OPCODES.OP_NIP)),
      items: () => [new Uint8Array(dice.between(518, 522)).fill(1)],
    }),
    () => ({
      ...plain('items', ops(...repeat(dice.between(90, 110), OP_DROP))),
      items: () => repeat(dice.between(99, 111), Uint8Array.of(1)) as Uint8Array[],
    }),
    () =>
      plain(
        'nesting',
        ops(
          ...repeat(dice.between(60, 102), ops(OP_1, OP_IF)),
          OP_1,
          ...repeat(dice.between(60, 102), OP_ENDIF),
        ),
      ),
    () =>
      plain(
        'checksigs',
        ops(
          ...repeat(
            dice.between(1, 60),
            ops(
              OPCODES.OP_0,
              pushData(sigVersion === 'tapscript' ? key.xOnly : key.compressed),
              OP_CHECKSIG,
              OP_DROP,
            ),
          ),
          OP_1,
        ),
      ),
  ])();
}
