/** Clocks, log and test aids (Core: rpc/node.cpp). */
import { FORMER_LOG_CATEGORY, LOG_CATEGORIES } from '../../../base/log.ts';
import type { Arguments } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { expectType, JsonObject, type JsonOut } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import type { Param } from '../../param.ts';
import { res, when } from '../../result-doc.ts';

/** Block times have 32 bits, so a later clock would mean nothing. */
const MOCK_TIME_MAX = 0xffff_ffff;
const SCHEDULER_STEP_MAX_S = 3600;

export const setmocktime: RpcMethod<NodeFacade> = {
  name: 'setmocktime',
  category: 'hidden',
  description: 'Sets the clock of the node (-regtest only).',
  params: [
    {
      name: 'timestamp',
      type: 'number',
      doc: 'UNIX epoch time.\n0 gives the node the time of the system again.',
    },
  ],
  results: [res.null('', '')],
  examples: [],
  run({ chain, clock }, args) {
    if (!chain.params.isTestChain) {
      throw new RpcError(RpcCode.MISC_ERROR, 'setmocktime is for regression testing (-regtest mode) only');
    }
    const time = args.bigInteger('timestamp', 'i64');
    if (time < 0n || time > BigInt(MOCK_TIME_MAX)) {
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        `Mocktime must be in the range [0, ${MOCK_TIME_MAX}], not ${time}.`,
      );
    }
    clock.setMockTime(time === 0n ? undefined : Number(time));
    return null;
  },
};

export const mockscheduler: RpcMethod<NodeFacade> = {
  name: 'mockscheduler',
  category: 'hidden',
  description: 'Moves the scheduler into the future (-regtest only).',
  params: [{ name: 'delta_time', type: 'number', doc: 'Seconds to move it by.' }],
  results: [res.null('', '')],
  examples: [],
  async run({ chain, clock, blocks }, args) {
    if (!chain.params.isTestChain) {
      throw new RpcError(RpcCode.MISC_ERROR, 'mockscheduler is for regression testing (-regtest mode) only');
    }
    const seconds = args.integer('delta_time', 'i64');
    if (seconds <= 0 || seconds > SCHEDULER_STEP_MAX_S) {
      throw new RpcError(RpcCode.MISC_ERROR, 'delta_time must be between 1 and 3600 seconds (1 hr)');
    }
    clock.advanceScheduler(seconds);
    await blocks.settled();
    return null;
  },
};

function categoriesParam(name: string, doc: string): Param {
  return {
    name,
    type: 'array',
    optional: true,
    doc,
    fields: [{ name: `${name}_category`, type: 'string', optional: true, doc: 'a category' }],
  };
}

export const logging: RpcMethod<NodeFacade> = {
  name: 'logging',
  category: 'control',
  description:
    'Tells which categories are logged in detail, and switches them: first those to include, then those to exclude.\n' +
    `"all" and "1" stand for all of them; valid logging categories are: ${LOG_CATEGORIES.join(', ')}`,
  params: [
    categoriesParam('include', 'The categories to log in detail'),
    categoriesParam('exclude', 'The categories not to log in detail'),
  ],
  results: [res.userKeys('', 'by category', [res.boolean('category', 'whether it is logged in detail')])],
  examples: [[['all'], ['http']]],
  run({ process }, args) {
    switchCategories(process, args, 'include');
    switchCategories(process, args, 'exclude');
    return new JsonObject([...process.logCategories()]);
  },
};

function switchCategories(
  process: NodeFacade['process'],
  args: Arguments,
  which: 'include' | 'exclude',
): void {
  if (!args.has(which)) return;
  const known = process.logCategories();
  for (const value of args.array(which)) {
    const category = expectType(value, 'string');
    const isAll = category === 'all' || category === '1' || category === '';
    if (!isAll && !known.has(category) && category !== FORMER_LOG_CATEGORY) {
      throw new RpcError(RpcCode.INVALID_PARAMETER, `unknown logging category ${category}`);
    }
    for (const name of isAll ? known.keys() : [category]) {
      process.setLogCategory(name, which === 'include');
    }
  }
}

export const getmemoryinfo: RpcMethod<NodeFacade> = {
  name: 'getmemoryinfo',
  category: 'control',
  description: 'Tells about the use of memory.',
  params: [
    {
      name: 'mode',
      type: 'string',
      default: 'stats',
      doc: '"stats" for figures; "mallocinfo" is not available in this node.',
    },
  ],
  results: [
    when(
      'mode "stats"',
      res.object('', '', [
        res.object('locked', 'where keys lie: the JavaScript heap, which may be written to swap', [
          res.number('used', 'bytes in use'),
          res.number('free', 'bytes free'),
          res.number('total', 'bytes altogether'),
          res.number('locked', 'bytes that are never written to swap: none'),
          res.number('chunks_used', 'spaces of the heap that hold something'),
          res.number('chunks_free', 'spaces that are empty'),
        ]),
      ]),
    ),
  ],
  examples: [[]],
  run(node, args) {
    const mode = args.string('mode');
    if (mode === 'mallocinfo') {
      throw new RpcError(RpcCode.INVALID_PARAMETER, 'mallocinfo mode not available');
    }
    if (mode !== 'stats') throw new RpcError(RpcCode.INVALID_PARAMETER, `unknown mode ${mode}`);
    const { used, free, spacesUsed, spacesFree } = node.process.heap();
    const total = used + free;
    return { locked: { used, free, total, locked: 0, chunks_used: spacesUsed, chunks_free: spacesFree } };
  },
};

const ECHO_COUNT = 10;
/** As Core words a broken promise of its code; tests ask for it. */
const INTERNAL_BUG = 'Internal bug detected: request.params[9].get_str() != "trigger_internal_bug"';
const echoParams: readonly Param[] = Array.from({ length: ECHO_COUNT }, (_, i) => ({
  name: `arg${i}`,
  type: 'string',
  optional: true,
  skipTypeCheck: true,
}));

function echoMethod(name: string, params: readonly Param[]): RpcMethod<NodeFacade> {
  return {
    name,
    category: 'hidden',
    description:
      'Gives its arguments back. For tests.\n\n' +
      "With arg9='trigger_internal_bug' it fails as by a bug.\n\n" +
      'echo and echojson differ only for clients: those read the arguments of echojson as JSON.',
    params,
    results: [res.any('', 'what was given')],
    examples: [],
    run(_node, args): JsonOut {
      if (args.get('arg9') === 'trigger_internal_bug') {
        throw new RpcError(RpcCode.MISC_ERROR, INTERNAL_BUG);
      }
      return Array.from({ length: args.count }, (_, i) => args.get(`arg${i}`) ?? null);
    },
  };
}

export const echo = echoMethod('echo', echoParams);
export const echojson = echoMethod(
  'echojson',
  echoParams.map(param => ({ ...param, clientReads: 'json' })),
);

export const echoipc: RpcMethod<NodeFacade> = {
  name: 'echoipc',
  category: 'hidden',
  description:
    'Gives its argument back. Core built for several processes asks another one; this node is one.',
  params: [{ name: 'arg', type: 'string', doc: 'The text to give back' }],
  results: [res.string('', 'the same text')],
  examples: [],
  run: (_node, args) => args.string('arg'),
};
