/** The RPC server about itself (Core: rpc/server.cpp). */
import { setTimeout as delay } from 'node:timers/promises';
import type { ServerView } from '../../dispatcher.ts';
import { helpList, methodHelp } from '../../help.ts';
import type { JsonOut } from '../../json.ts';
import type { BoundMethod, RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { paramNames } from '../../param.ts';
import { res } from '../../result-doc.ts';

export interface ControlServices {
  readonly node: NodeFacade;
  readonly server: ServerView;
}

const STOP_TEXT = 'Bitcoin Core stopping';
const MICROSECONDS_PER_MS = 1000;

export const help: RpcMethod<ControlServices> = {
  name: 'help',
  category: 'control',
  description: 'Lists all methods, or explains one of them.',
  params: [{ name: 'command', type: 'string', defaultHint: 'all commands', doc: 'The method to explain' }],
  results: [res.string('', 'the text'), res.any('', '')],
  examples: [],
  run({ server }, args) {
    const command = args.optionalString('command') ?? '';
    if (command === '') return helpList(server.methods());
    if (command === 'dump_all_command_conversions') return conversionsOf(server.methods());
    const method = server.method(command);
    return method === undefined ? `help: unknown command: ${command}` : methodHelp(method);
  },
};

/** [method, position, name, whether it is text] of each argument, for tests of command-line clients. */
function conversionsOf(methods: Iterable<BoundMethod>): JsonOut {
  const isText = (type: string): boolean => type === 'string' || type === 'hex';
  return [...methods].flatMap(method =>
    method.params.flatMap((param, position) =>
      paramNames(param).flatMap(name => [
        [method.name, position, name, isText(param.type)],
        ...(param.type === 'namedOptions' ? (param.fields ?? []) : []).flatMap(field =>
          paramNames(field).map(inner => [method.name, position, inner, isText(field.type)]),
        ),
      ]),
    ),
  );
}

export const stop: RpcMethod<ControlServices> = {
  name: 'stop',
  category: 'control',
  description: 'Stops the node.',
  params: [
    {
      name: 'wait',
      type: 'number',
      optional: true,
      hidden: true,
      doc: 'milliseconds to wait before the answer',
    },
  ],
  results: [res.string('', `the text '${STOP_TEXT}'`)],
  examples: [],
  async run({ node }, args) {
    node.process.shutdown();
    const waitMs = args.optionalInteger('wait') ?? 0;
    if (waitMs > 0) await delay(waitMs);
    return STOP_TEXT;
  },
};

export const uptime: RpcMethod<ControlServices> = {
  name: 'uptime',
  category: 'control',
  description: 'Tells how long the node has been running.',
  params: [],
  results: [res.number('', 'seconds since it was started')],
  examples: [[]],
  run: ({ node }) => node.process.uptimeS(),
};

export const getrpcinfo: RpcMethod<ControlServices> = {
  name: 'getrpcinfo',
  category: 'control',
  description: 'Tells about the RPC server.',
  params: [],
  results: [
    res.object('', '', [
      res.array('active_commands', 'the calls that are running', [
        res.object('', '', [
          res.string('method', 'the name of the method'),
          res.number('duration', 'microseconds it has been running'),
        ]),
      ]),
      res.string('logpath', 'the path of the log file'),
    ]),
  ],
  examples: [[]],
  run: ({ node, server }) => ({
    active_commands: Array.from(server.activeCommands(), ({ method, startedAt }) => ({
      method,
      duration: Math.trunc((performance.now() - startedAt) * MICROSECONDS_PER_MS),
    })),
    logpath: node.process.logPath,
  }),
};
