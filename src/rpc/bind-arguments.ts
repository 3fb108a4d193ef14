/**
 * From what the caller sent to `Arguments`: named arguments become positional, number and types are checked against the
 * declaration (Core: rpc/server.cpp transformNamedArguments, rpc/util.cpp HandleRequest).
 */
import { Arguments } from './arguments.ts';
import { RpcCode, RpcError } from './codes.ts';
import { methodHelp } from './help.ts';
import { type JsonOut, type JsonType, type JsonValue, jsonType, ParsedObject } from './json.ts';
import { prettyJson } from './json-write.ts';
import type { BoundMethod } from './method.ts';
import { isOptional, type Param, paramNames } from './param.ts';

type Declaration = Pick<BoundMethod, 'name' | 'description' | 'params' | 'results' | 'examples'>;

/** Checks `given` against the declaration; throws RpcError −1 with the help text, −3 with the list of wrong types, −8. */
export function bindArguments(method: Declaration, given: readonly JsonValue[] | ParsedObject): Arguments {
  const values = given instanceof ParsedObject ? positional(method.params, given) : given;
  const required = method.params.findLastIndex(param => !isOptional(param)) + 1;
  if (values.length < required || values.length > method.params.length) {
    throw new RpcError(RpcCode.MISC_ERROR, methodHelp(method));
  }
  const wrong: Record<string, JsonOut> = {};
  method.params.forEach((param, i) => {
    const mismatch = typeMismatch(param, values[i] ?? null);
    if (mismatch !== undefined) wrong[`Position ${i + 1} (${param.name})`] = mismatch;
  });
  if (Object.keys(wrong).length > 0) {
    throw new RpcError(RpcCode.TYPE_ERROR, `Wrong type passed:\n${prettyJson(wrong, 4)}`);
  }
  return new Arguments(method.params, values);
}

/** Which JSON type an argument must have; undefined where the method itself looks. */
const JSON_TYPE_OF: Readonly<Record<Param['type'], JsonType | undefined>> = {
  string: 'string',
  hex: 'string',
  number: 'number',
  amount: undefined,
  range: undefined,
  boolean: 'bool',
  array: 'array',
  object: 'object',
  namedOptions: 'object',
  userKeys: 'object',
};

function typeMismatch(param: Param, value: JsonValue): string | undefined {
  const expected = JSON_TYPE_OF[param.type];
  if (param.skipTypeCheck || expected === undefined || (isOptional(param) && value === null))
    return undefined;
  if (jsonType(value) === expected) return undefined;
  return `JSON value of type ${jsonType(value)} is not of expected type ${expected}`;
}

/** Holes between given arguments become null, holes at the end nothing. */
function positional(params: readonly Param[], given: ParsedObject): readonly JsonValue[] {
  const left = new Map<string, JsonValue>();
  for (const [name, value] of given.members) {
    if (left.has(name)) invalid(`Parameter ${name} specified multiple times`);
    left.set(name, value);
  }
  const values: JsonValue[] = [];
  let hole = 0;
  /** Positions before the first named argument: as many may come from `args`. */
  let initialHole = 0;
  let firstNamed: string | undefined;
  for (const param of params) {
    const options = takeOptions(param, left);
    const name = paramNames(param).find(alias => left.has(alias));
    if (name === undefined && options.length === 0) {
      hole += 1;
      if (values.length === 0) initialHole = hole;
      continue;
    }
    for (; hole > 0; hole -= 1) values.push(null);
    firstNamed ??= param.name;
    if (name !== undefined) {
      if (options.length > 0) invalid(`Parameter ${name} conflicts with parameter ${options[0]![0]}`);
      values.push(left.get(name)!);
      left.delete(name);
    } else values.push(new ParsedObject(options));
  }
  const args = left.get('args');
  let result: readonly JsonValue[] = values;
  if (args !== undefined) {
    left.delete('args');
    if (Array.isArray(args)) {
      const leading = args as readonly JsonValue[];
      if (initialHole < leading.length && firstNamed !== undefined) {
        invalid(`Parameter ${firstNamed} specified twice both as positional and named argument`);
      }
      result = [...leading, ...values.slice(leading.length)];
    }
  }
  for (const unknown of left.keys()) invalid(`Unknown named parameter ${unknown}`);
  return result;
}

/** Members of an options object that were given as arguments of the call. */
function takeOptions(param: Param, left: Map<string, JsonValue>): [string, JsonValue][] {
  if (param.type !== 'namedOptions') return [];
  const options: [string, JsonValue][] = [];
  for (const field of param.fields ?? []) {
    const name = paramNames(field).find(alias => left.has(alias));
    if (name === undefined) continue;
    options.push([name, left.get(name)!]);
    left.delete(name);
  }
  return options;
}

function invalid(message: string): never {
  throw new RpcError(RpcCode.INVALID_PARAMETER, message);
}
