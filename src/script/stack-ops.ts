/** Opcodes that push constants and move items, with what they need on the stack (Core: EvalScript). */
import { type Handler, type HandlerTable, type Machine, peek, peekNumber } from './machine.ts';
import { encodeNumber, isTruthy } from './number.ts';
import { OPCODES } from './opcodes.ts';

/** What OP_1NEGATE and OP_1 … OP_16 push, by opcode. */
const CONSTANTS: Readonly<Record<number, Uint8Array>> = constants();

export const STACK_HANDLERS: HandlerTable = {
  ...Object.fromEntries(Object.keys(CONSTANTS).map(opcode => [opcode, pushConstant])),

  [OPCODES.OP_TOALTSTACK]: needing(1, m => {
    m.altStack.push(m.stack.pop()!);
    return undefined;
  }),
  [OPCODES.OP_FROMALTSTACK]: m => {
    const item = m.altStack.pop();
    if (item === undefined) return 'INVALID_ALTSTACK_OPERATION';
    m.stack.push(item);
    return undefined;
  },

  [OPCODES.OP_DROP]: moving(1, s => s.pop()),
  [OPCODES.OP_2DROP]: moving(2, s => (s.length -= 2)),
  [OPCODES.OP_DUP]: moving(1, s => s.push(peek(s, 0))),
  [OPCODES.OP_2DUP]: moving(2, s => s.push(peek(s, 1), peek(s, 0))),
  [OPCODES.OP_3DUP]: moving(3, s => s.push(peek(s, 2), peek(s, 1), peek(s, 0))),
  [OPCODES.OP_OVER]: moving(2, s => s.push(peek(s, 1))),
  [OPCODES.OP_2OVER]: moving(4, s => s.push(peek(s, 3), peek(s, 2))),
  [OPCODES.OP_ROT]: moving(3, s => s.push(...s.splice(-3, 1))),
  [OPCODES.OP_2ROT]: moving(6, s => s.push(...s.splice(-6, 2))),
  [OPCODES.OP_SWAP]: moving(2, s => s.push(...s.splice(-2, 1))),
  [OPCODES.OP_2SWAP]: moving(4, s => s.push(...s.splice(-4, 2))),
  [OPCODES.OP_NIP]: moving(2, s => s.splice(-2, 1)),
  [OPCODES.OP_TUCK]: moving(2, s => s.splice(-2, 0, peek(s, 0))),
  [OPCODES.OP_IFDUP]: moving(1, s => isTruthy(peek(s, 0)) && s.push(peek(s, 0))),
  [OPCODES.OP_DEPTH]: moving(0, s => s.push(encodeNumber(s.length))),
  [OPCODES.OP_SIZE]: moving(1, s => s.push(encodeNumber(peek(s, 0).length))),
  [OPCODES.OP_PICK]: needing(2, pickOrRoll),
  [OPCODES.OP_ROLL]: needing(2, pickOrRoll),
};

function pushConstant(m: Machine, opcode: number): ReturnType<Handler> {
  m.stack.push(CONSTANTS[opcode]!);
  return undefined;
}

/** (xn … x0 n − xn … x0 xn); OP_ROLL takes xn away from where it was. */
function pickOrRoll(m: Machine, opcode: number): ReturnType<Handler> {
  const { stack } = m;
  const depth = peekNumber(m, 0);
  if (depth === undefined) return 'SCRIPTNUM';
  stack.pop();
  if (depth < 0 || depth >= stack.length) return 'INVALID_STACK_OPERATION';
  const item = peek(stack, depth);
  if (opcode === OPCODES.OP_ROLL) stack.splice(-1 - depth, 1);
  stack.push(item);
  return undefined;
}

function needing(items: number, handler: Handler): Handler {
  return (m, opcode) => (m.stack.length < items ? 'INVALID_STACK_OPERATION' : handler(m, opcode));
}

function moving(items: number, move: (stack: Uint8Array[]) => unknown): Handler {
  return m => {
    if (m.stack.length < items) return 'INVALID_STACK_OPERATION';
    move(m.stack);
    return undefined;
  };
}

function constants(): Record<number, Uint8Array> {
  const table: Record<number, Uint8Array> = { [OPCODES.OP_1NEGATE]: encodeNumber(-1) };
  for (let n = 1; n <= 16; n += 1) table[OPCODES.OP_1 + n - 1] = encodeNumber(n);
  return table;
}
