/**
 * How an RPC method is declared: once. Help text, number and types of arguments, named arguments, what the command-line
 * client converts, and the table of results all derive from this one object (help.ts, arguments.ts, cli/rpc-client.ts).
 *
 * Layout and rules follow Core's RPCMethod, RPCArg and RPCResult (rpc/util.h); the sentences are our own.
 */
import type { Arguments } from './arguments.ts';
import type { JsonOut } from './json.ts';
import type { Param } from './param.ts';

/** As `help` groups methods; hidden ones are left out of its list. */
type Category =
  | 'blockchain'
  | 'control'
  | 'hidden'
  | 'mining'
  | 'network'
  | 'rawtransactions'
  | 'util'
  | 'wallet';

export type ResultType =
  | 'null'
  | 'string'
  | 'hex'
  | 'number'
  | 'amount'
  | 'time'
  | 'boolean'
  | 'array'
  | 'fixedArray'
  | 'object'
  | 'userKeys'
  /** Anything: shown as nothing. */
  | 'any'
  /** Stands for members described elsewhere, by `doc`. */
  | 'elision';

export interface ResultDoc {
  /** The member's key; empty at the top and in arrays. */
  readonly name: string;
  readonly type: ResultType;
  readonly doc: string;
  readonly optional?: boolean;
  readonly fields?: readonly ResultDoc[];
  /** At the top: when the result has this form. */
  readonly condition?: string;
}

/** What came with the call besides its arguments. */
export interface Call {
  readonly method: string;
  readonly user: string;
  /** From `/wallet/<name>`, decoded; undefined when the path is `/`. */
  readonly walletName: string | undefined;
  /** Aborted when the server stops: whoever waits for something returns then. */
  readonly stopping: AbortSignal;
}

/** `Services` is what the method works on: NodeFacade, or what the wallet methods declare for themselves. */
export interface RpcMethod<Services> {
  readonly name: string;
  readonly category: Category;
  readonly description: string;
  readonly params: readonly Param[];
  /** Alternatives, told apart by `condition`. */
  readonly results: readonly ResultDoc[];
  /** Positional arguments of example calls. */
  readonly examples: readonly (readonly JsonOut[])[];
  /** Throws RpcError (or Reject, answered as −26) to answer with an error; `args` have passed the type check. */
  run(services: Services, args: Arguments, call: Call): JsonOut | Promise<JsonOut>;
}

/** A method with its services: what the server's table holds. */
export interface BoundMethod extends Omit<RpcMethod<never>, 'run'> {
  call(args: Arguments, call: Call): JsonOut | Promise<JsonOut>;
}

/** Ties declarations to what they work on. */
export function bindMethods<Services>(
  methods: readonly RpcMethod<Services>[],
  services: Services,
): BoundMethod[] {
  return methods.map(method => ({
    ...method,
    call: (args: Arguments, call: Call) => method.run(services, args, call),
  }));
}
