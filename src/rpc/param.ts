/** One argument of a method, as it is declared (Core: RPCArg in rpc/util.h). */

export type ParamType =
  | 'string'
  | 'hex'
  | 'number'
  /** Number or string with at most eight decimals; checked by `Arguments.amount`. */
  | 'amount'
  /** An end, or [begin, end]; checked by `toRange`. */
  | 'range'
  | 'boolean'
  | 'array'
  | 'object'
  /** An object whose members may also be given as named arguments of the call. */
  | 'namedOptions'
  /** An object whose keys the caller chooses, addresses for instance. */
  | 'userKeys';

/** An argument, or a member of one. Required unless `optional`, `default` or `defaultHint` is given. */
export interface Param {
  /** Aliases follow after a bar: `verbosity|verbose`. Empty for the elements of an array. */
  readonly name: string;
  readonly type: ParamType;
  readonly doc?: string;
  readonly optional?: true;
  /** Taken when the argument is absent or null. */
  readonly default?: string | number | boolean;
  /** Tells how the value is found when the argument is absent. */
  readonly defaultHint?: string;
  /** Members of an object, kinds of elements of an array. */
  readonly fields?: readonly Param[];
  /** Any type passes the check before the call; the method looks itself. */
  readonly skipTypeCheck?: true;
  /** Neither this nor a later argument is shown. */
  readonly hidden?: true;
  /** Replaces what the first line of the help shows. */
  readonly oneLine?: string;
  /** Replaces placeholder and type name in the help. */
  readonly typeText?: readonly [placeholder: string, type: string];
  /** Command-line clients read it as JSON, whatever its type. */
  readonly clientReads?: 'json';
  /** A member of `namedOptions` that has the name of a positional argument too. */
  readonly alsoPositional?: true;
}

/** Names by which the argument may be given; the first is the one shown. */
export function paramNames(param: Param): readonly string[] {
  return param.name.split('|');
}

export function isOptional(param: Param): boolean {
  return param.optional === true || param.default !== undefined || param.defaultHint !== undefined;
}
