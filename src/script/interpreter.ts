/**
 * Runs a script: reads instruction by instruction, holds the limits, and hands each opcode to its group. A script
 * fails with the first error; nothing throws, whatever the bytes (Core: EvalScript and ExecuteWitnessScript in
 * src/script/interpreter.cpp).
 */
import { CONTROL_HANDLERS } from './control-ops.ts';
import { CRYPTO_HANDLERS, OPS_MAX } from './crypto-ops.ts';
import type { ScriptError } from './errors.ts';
import { SCRIPT_FLAGS } from './flags.ts';
import {
  createMachine,
  type Handler,
  type HandlerTable,
  type Machine,
  NO_FALSE,
  type ScriptObserver,
  type ScriptRun,
} from './machine.ts';
import { isTruthy } from './number.ts';
import { NUMERIC_HANDLERS } from './numeric-ops.ts';
import { isMinimalPush, OPCODES, SCRIPT_BYTES_MAX } from './opcodes.ts';
import { STACK_HANDLERS } from './stack-ops.ts';
import { TAPSCRIPT_HANDLERS } from './tapscript.ts';

/** Bytes of one stack item (Core: MAX_SCRIPT_ELEMENT_SIZE). */
export const ELEMENT_BYTES_MAX = 520;
/** Items on both stacks together (Core: MAX_STACK_SIZE). */
export const STACK_ITEMS_MAX = 1_000;

const { OP_IF, OP_ENDIF, OP_16, OP_PUSHDATA4, OP_CODESEPARATOR } = OPCODES;

/** Opcodes that fail a script by being there, executed or not (CVE-2010-5137). */
const DISABLED: ReadonlySet<number> = new Set([
  OPCODES.OP_CAT,
  OPCODES.OP_SUBSTR,
  OPCODES.OP_LEFT,
  OPCODES.OP_RIGHT,
  OPCODES.OP_INVERT,
  OPCODES.OP_AND,
  OPCODES.OP_OR,
  OPCODES.OP_XOR,
  OPCODES.OP_2MUL,
  OPCODES.OP_2DIV,
  OPCODES.OP_MUL,
  OPCODES.OP_DIV,
  OPCODES.OP_MOD,
  OPCODES.OP_LSHIFT,
  OPCODES.OP_RSHIFT,
]);

const disabled: Handler = () => 'DISABLED_OPCODE';
const unknown: Handler = () => 'BAD_OPCODE';

/** By opcode, 256 of them: an array is what the loop below indexes fastest. */
const HANDLERS: readonly Handler[] = handlersByOpcode([
  STACK_HANDLERS,
  CONTROL_HANDLERS,
  NUMERIC_HANDLERS,
  CRYPTO_HANDLERS,
  TAPSCRIPT_HANDLERS,
]);

/** Runs the whole script; undefined when it did not fail. What is left on the stack is for the caller to judge. */
export function evalScript(run: ScriptRun): ScriptError | undefined {
  const m = createMachine(run);
  const error = execute(m, run.observer);
  run.observer?.onEnd(m, error);
  return error;
}

function execute(m: Machine, observer: ScriptObserver | undefined): ScriptError | undefined {
  const { stack, altStack, cursor, flags, sigVersion } = m;
  const { length } = cursor.script;
  const limited = sigVersion !== 'tapscript';
  if (limited && length > SCRIPT_BYTES_MAX) return 'SCRIPT_SIZE';
  for (; cursor.position < length; m.instruction += 1) {
    if (observer !== undefined) observer.onStep(m);
    if (!cursor.advance()) return 'BAD_OPCODE';
    const { opcode } = cursor;
    if (cursor.dataLength > ELEMENT_BYTES_MAX) return 'PUSH_SIZE';
    if (limited && opcode > OP_16) {
      m.opCount += 1;
      if (m.opCount > OPS_MAX) return 'OP_COUNT';
    }
    const handler = HANDLERS[opcode]!;
    if (handler === disabled) return 'DISABLED_OPCODE';
    if (opcode === OP_CODESEPARATOR && sigVersion === 'base' && flags & SCRIPT_FLAGS.CONST_SCRIPTCODE) {
      return 'OP_CODESEPARATOR';
    }
    const executing = m.firstFalse === NO_FALSE;
    if (opcode <= OP_PUSHDATA4) {
      if (executing) {
        const data = cursor.data();
        if (flags & SCRIPT_FLAGS.MINIMALDATA && !isMinimalPush(opcode, data)) return 'MINIMALDATA';
        stack.push(data);
      }
      // OP_VERIF and OP_VERNOTIF are in this range and fail even where nothing runs.
    } else if (executing || (opcode >= OP_IF && opcode <= OP_ENDIF)) {
      const error = handler(m, opcode);
      if (error !== undefined) return error;
    }
    if (stack.length + altStack.length > STACK_ITEMS_MAX) return 'STACK_SIZE';
  }
  return m.conditionDepth > 0 ? 'UNBALANCED_CONDITIONAL' : undefined;
}

/** Runs a script of a witness, which must end with exactly one item, true, whatever the flags. */
export function evalWitnessScript(run: ScriptRun): ScriptError | undefined {
  const { stack } = run;
  for (const item of stack) if (item.length > ELEMENT_BYTES_MAX) return 'PUSH_SIZE';
  const error = evalScript(run);
  if (error !== undefined) return error;
  if (stack.length !== 1) return 'CLEANSTACK';
  return isTruthy(stack[0]!) ? undefined : 'EVAL_FALSE';
}

function handlersByOpcode(tables: readonly HandlerTable[]): Handler[] {
  const all: HandlerTable = Object.assign({}, ...tables);
  return Array.from({ length: 256 }, (_, opcode) =>
    DISABLED.has(opcode) ? disabled : (all[opcode] ?? unknown),
  );
}
