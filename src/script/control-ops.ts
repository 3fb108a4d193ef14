/** Opcodes that steer: conditions, OP_VERIFY, OP_RETURN, the NOPs and the lock times (BIP65, BIP112). */
import { SCRIPT_FLAGS } from './flags.ts';
import { type Handler, type HandlerTable, type Machine, NO_FALSE, peek, peekNumber } from './machine.ts';
import { isTruthy, LOCK_NUMBER_BYTES_MAX } from './number.ts';
import { OPCODES } from './opcodes.ts';

/** An operand of OP_CHECKSEQUENCEVERIFY with this bit asks for nothing (BIP112). */
const SEQUENCE_DISABLE_BIT = 31;

export const CONTROL_HANDLERS: HandlerTable = {
  [OPCODES.OP_NOP]: () => undefined,
  [OPCODES.OP_NOP1]: discouragedNop,
  [OPCODES.OP_CHECKLOCKTIMEVERIFY]: checkLockTimeVerify,
  [OPCODES.OP_CHECKSEQUENCEVERIFY]: checkSequenceVerify,
  [OPCODES.OP_NOP4]: discouragedNop,
  [OPCODES.OP_NOP5]: discouragedNop,
  [OPCODES.OP_NOP6]: discouragedNop,
  [OPCODES.OP_NOP7]: discouragedNop,
  [OPCODES.OP_NOP8]: discouragedNop,
  [OPCODES.OP_NOP9]: discouragedNop,
  [OPCODES.OP_NOP10]: discouragedNop,
  [OPCODES.OP_IF]: openCondition,
  [OPCODES.OP_NOTIF]: openCondition,
  [OPCODES.OP_ELSE]: flipCondition,
  [OPCODES.OP_ENDIF]: closeCondition,
  [OPCODES.OP_VERIFY]: verify,
  [OPCODES.OP_RETURN]: () => 'OP_RETURN',
};

function discouragedNop(m: Machine): ReturnType<Handler> {
  return m.flags & SCRIPT_FLAGS.DISCOURAGE_UPGRADABLE_NOPS ? 'DISCOURAGE_UPGRADABLE_NOPS' : undefined;
}

// Both lock-time opcodes leave their operand: they were NOPs once, and old nodes must agree about the stack.
function checkLockTimeVerify(m: Machine): ReturnType<Handler> {
  if (!(m.flags & SCRIPT_FLAGS.CHECKLOCKTIMEVERIFY)) return undefined;
  if (m.stack.length < 1) return 'INVALID_STACK_OPERATION';
  const lockTime = peekNumber(m, 0, LOCK_NUMBER_BYTES_MAX);
  if (lockTime === undefined) return 'SCRIPTNUM';
  if (lockTime < 0) return 'NEGATIVE_LOCKTIME';
  return m.checker.checkLockTime(lockTime) ? undefined : 'UNSATISFIED_LOCKTIME';
}

function checkSequenceVerify(m: Machine): ReturnType<Handler> {
  if (!(m.flags & SCRIPT_FLAGS.CHECKSEQUENCEVERIFY)) return undefined;
  if (m.stack.length < 1) return 'INVALID_STACK_OPERATION';
  const sequence = peekNumber(m, 0, LOCK_NUMBER_BYTES_MAX);
  if (sequence === undefined) return 'SCRIPTNUM';
  if (sequence < 0) return 'NEGATIVE_LOCKTIME';
  if ((sequence >>> SEQUENCE_DISABLE_BIT) & 1) return undefined;
  return m.checker.checkSequence(sequence) ? undefined : 'UNSATISFIED_LOCKTIME';
}

function openCondition(m: Machine, opcode: number): ReturnType<Handler> {
  let value = false;
  // Inside a branch that does not run, nothing is taken from the stack.
  if (m.firstFalse === NO_FALSE) {
    if (m.stack.length < 1) return 'INVALID_STACK_OPERATION';
    const item = peek(m.stack, 0);
    const minimal = item.length === 0 || (item.length === 1 && item[0] === 1);
    if (!minimal && m.sigVersion === 'tapscript') return 'TAPSCRIPT_MINIMALIF';
    if (!minimal && m.sigVersion === 'witness-v0' && m.flags & SCRIPT_FLAGS.MINIMALIF) return 'MINIMALIF';
    value = isTruthy(item) === (opcode === OPCODES.OP_IF);
    m.stack.pop();
    if (!value) m.firstFalse = m.conditionDepth;
  }
  m.conditionDepth += 1;
  return undefined;
}

function flipCondition(m: Machine): ReturnType<Handler> {
  if (m.conditionDepth === 0) return 'UNBALANCED_CONDITIONAL';
  const innermost = m.conditionDepth - 1;
  if (m.firstFalse === NO_FALSE) m.firstFalse = innermost;
  else if (m.firstFalse === innermost) m.firstFalse = NO_FALSE;
  return undefined;
}

function closeCondition(m: Machine): ReturnType<Handler> {
  if (m.conditionDepth === 0) return 'UNBALANCED_CONDITIONAL';
  m.conditionDepth -= 1;
  if (m.firstFalse === m.conditionDepth) m.firstFalse = NO_FALSE;
  return undefined;
}

function verify(m: Machine): ReturnType<Handler> {
  if (m.stack.length < 1) return 'INVALID_STACK_OPERATION';
  if (!isTruthy(peek(m.stack, 0))) return 'VERIFY';
  m.stack.pop();
  return undefined;
}
