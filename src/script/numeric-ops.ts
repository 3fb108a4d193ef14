/**
 * Opcodes that compare and calculate. Operands are numbers of at most 4 bytes, anything longer fails with SCRIPTNUM;
 * a result may be longer (Core: EvalScript).
 */
import { equalBytes } from '../base/bytes.ts';
import { fromBoolean, type Handler, type HandlerTable, type Machine, peek, peekNumber } from './machine.ts';
import { encodeNumber } from './number.ts';
import { OPCODES } from './opcodes.ts';

export const NUMERIC_HANDLERS: HandlerTable = {
  [OPCODES.OP_EQUAL]: equal,
  [OPCODES.OP_EQUALVERIFY]: equal,

  [OPCODES.OP_1ADD]: unary(a => a + 1),
  [OPCODES.OP_1SUB]: unary(a => a - 1),
  [OPCODES.OP_NEGATE]: unary(a => 0 - a),
  [OPCODES.OP_ABS]: unary(Math.abs),
  [OPCODES.OP_NOT]: unary(a => Number(a === 0)),
  [OPCODES.OP_0NOTEQUAL]: unary(a => Number(a !== 0)),

  [OPCODES.OP_ADD]: binary((a, b) => a + b),
  [OPCODES.OP_SUB]: binary((a, b) => a - b),
  [OPCODES.OP_BOOLAND]: binary((a, b) => Number(a !== 0 && b !== 0)),
  [OPCODES.OP_BOOLOR]: binary((a, b) => Number(a !== 0 || b !== 0)),
  [OPCODES.OP_NUMEQUAL]: binary((a, b) => Number(a === b)),
  [OPCODES.OP_NUMEQUALVERIFY]: numEqualVerify,
  [OPCODES.OP_NUMNOTEQUAL]: binary((a, b) => Number(a !== b)),
  [OPCODES.OP_LESSTHAN]: binary((a, b) => Number(a < b)),
  [OPCODES.OP_GREATERTHAN]: binary((a, b) => Number(a > b)),
  [OPCODES.OP_LESSTHANOREQUAL]: binary((a, b) => Number(a <= b)),
  [OPCODES.OP_GREATERTHANOREQUAL]: binary((a, b) => Number(a >= b)),
  [OPCODES.OP_MIN]: binary(Math.min),
  [OPCODES.OP_MAX]: binary(Math.max),

  [OPCODES.OP_WITHIN]: within,
};

/** Compares bytes, not numbers. */
function equal(m: Machine, opcode: number): ReturnType<Handler> {
  const { stack } = m;
  if (stack.length < 2) return 'INVALID_STACK_OPERATION';
  const same = equalBytes(peek(stack, 1), peek(stack, 0));
  stack.length -= 2;
  if (opcode === OPCODES.OP_EQUAL) stack.push(fromBoolean(same));
  else if (!same) return 'EQUALVERIFY';
  return undefined;
}

function unary(calculate: (a: number) => number): Handler {
  return m => {
    if (m.stack.length < 1) return 'INVALID_STACK_OPERATION';
    const a = peekNumber(m, 0);
    if (a === undefined) return 'SCRIPTNUM';
    m.stack.pop();
    m.stack.push(encodeNumber(calculate(a)));
    return undefined;
  };
}

function binary(calculate: (a: number, b: number) => number): Handler {
  return m => {
    if (m.stack.length < 2) return 'INVALID_STACK_OPERATION';
    const a = peekNumber(m, 1);
    const b = peekNumber(m, 0);
    if (a === undefined || b === undefined) return 'SCRIPTNUM';
    m.stack.length -= 2;
    m.stack.push(encodeNumber(calculate(a, b)));
    return undefined;
  };
}

function numEqualVerify(m: Machine): ReturnType<Handler> {
  if (m.stack.length < 2) return 'INVALID_STACK_OPERATION';
  const a = peekNumber(m, 1);
  const b = peekNumber(m, 0);
  if (a === undefined || b === undefined) return 'SCRIPTNUM';
  m.stack.length -= 2;
  return a === b ? undefined : 'NUMEQUALVERIFY';
}

/** (x min max − bool): min is inside, max is not. */
function within(m: Machine): ReturnType<Handler> {
  if (m.stack.length < 3) return 'INVALID_STACK_OPERATION';
  const x = peekNumber(m, 2);
  const min = peekNumber(m, 1);
  const max = peekNumber(m, 0);
  if (x === undefined || min === undefined || max === undefined) return 'SCRIPTNUM';
  m.stack.length -= 3;
  m.stack.push(fromBoolean(min <= x && x < max));
  return undefined;
}
