/** Methods that move the chain by hand or wait for it to move (Core: rpc/blockchain.cpp). */
import { hashToHex } from '../../../base/bytes.ts';
import type { HeaderId } from '../../../chain/chain-view.ts';
import type { Arguments } from '../../arguments.ts';
import { findHeader } from '../../chain-json.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import type { JsonOut } from '../../json.ts';
import type { Call, RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import type { Param } from '../../param.ts';
import { res } from '../../result-doc.ts';
import { waitForTip } from '../../wait.ts';

const EXAMPLE_HASH = '0000000000079f8ef3d2c688c244eb7a4570b24c9ed7b4a8c619eb02596f8862';

export const invalidateblock: RpcMethod<NodeFacade> = {
  name: 'invalidateblock',
  category: 'hidden',
  description: 'Marks a block as invalid for good, as if it broke a rule of consensus.',
  params: [{ name: 'blockhash', type: 'hex', doc: 'the hash of the block' }],
  results: [res.null('', '')],
  examples: [[EXAMPLE_HASH]],
  async run({ chain, blocks }, args) {
    const id = findHeader(chain, args.hash('blockhash'));
    const history = chain.history();
    const { headers } = chain;
    if (history !== undefined && headers.forkOf(history.end, id) === id) {
      throw new RpcError(
        RpcCode.MISC_ERROR,
        'A block below the snapshot cannot be taken back before the history has been validated (see getchainstates)',
      );
    }
    await blocks.invalidateBlock(id);
    return null;
  },
};

export const reconsiderblock: RpcMethod<NodeFacade> = {
  name: 'reconsiderblock',
  category: 'hidden',
  description:
    'Takes the mark of invalidity from a block, its ancestors and its descendants, and looks at them again.\n' +
    'Undoes what invalidateblock did.',
  params: [{ name: 'blockhash', type: 'hex', doc: 'the hash of the block' }],
  results: [res.null('', '')],
  examples: [[EXAMPLE_HASH]],
  async run({ chain, blocks }, args) {
    await blocks.reconsiderBlock(findHeader(chain, args.hash('blockhash')));
    return null;
  },
};

export const preciousblock: RpcMethod<NodeFacade> = {
  name: 'preciousblock',
  category: 'blockchain',
  description:
    'Treats a block as if it had come before all others with the same work.\n\n' +
    'A later call may override an earlier one. A restart forgets it.',
  params: [{ name: 'blockhash', type: 'hex', doc: 'the hash of the block' }],
  results: [res.null('', '')],
  examples: [[EXAMPLE_HASH]],
  async run({ chain, blocks }, args) {
    await blocks.preciousBlock(findHeader(chain, args.hash('blockhash')));
    return null;
  },
};

export const syncwithvalidationinterfacequeue: RpcMethod<NodeFacade> = {
  name: 'syncwithvalidationinterfacequeue',
  category: 'hidden',
  description: 'Waits until everything that was submitted before has been validated and told to all parts.',
  params: [],
  results: [res.null('', '')],
  examples: [[]],
  async run({ blocks }) {
    await blocks.settled();
    return null;
  },
};

const tipDoc = res.object('', '', [
  res.hex('hash', 'the hash of the tip'),
  res.number('height', 'the height of the tip'),
]);

const timeoutParam: Param = {
  name: 'timeout',
  type: 'number',
  default: 0,
  doc: 'Milliseconds to wait at most. 0 waits for ever.',
};
const WAIT_NOTE =
  '\n\nAnswers with the current tip at the time-out and when the node stops.\n' +
  'The client should wait without a time-out of its own.';

export const waitfornewblock: RpcMethod<NodeFacade> = {
  name: 'waitfornewblock',
  category: 'blockchain',
  description: `Waits until the tip is another one.${WAIT_NOTE}`,
  params: [
    timeoutParam,
    { name: 'current_tip', type: 'hex', optional: true, doc: 'Waits for a tip that differs from this.' },
  ],
  results: [tipDoc],
  examples: [[1000]],
  async run(node, args, call) {
    const timeoutMs = timeoutOf(args);
    const { headers } = node.chain;
    const from = args.has('current_tip') ? args.hash('current_tip') : headers.hashOf(node.chain.tip());
    return await tipAfter(node, call, timeoutMs, tip => headers.hashOf(tip) !== from);
  },
};

export const waitforblock: RpcMethod<NodeFacade> = {
  name: 'waitforblock',
  category: 'blockchain',
  description: `Waits until a given block is the tip.${WAIT_NOTE}`,
  params: [{ name: 'blockhash', type: 'hex', doc: 'The hash of the block.' }, timeoutParam],
  results: [tipDoc],
  examples: [[EXAMPLE_HASH, 1000]],
  async run(node, args, call) {
    const hash = args.hash('blockhash');
    return await tipAfter(node, call, timeoutOf(args), tip => node.chain.headers.hashOf(tip) === hash);
  },
};

export const waitforblockheight: RpcMethod<NodeFacade> = {
  name: 'waitforblockheight',
  category: 'blockchain',
  description: `Waits until the tip has a given height or a greater one.${WAIT_NOTE}`,
  params: [{ name: 'height', type: 'number', doc: 'The height.' }, timeoutParam],
  results: [tipDoc],
  examples: [[100, 1000]],
  async run(node, args, call) {
    const height = args.integer('height');
    return await tipAfter(node, call, timeoutOf(args), tip => node.chain.headers.heightOf(tip) >= height);
  },
};

function timeoutOf(args: Arguments): number {
  const timeoutMs = args.integer('timeout');
  if (timeoutMs < 0) throw new RpcError(RpcCode.MISC_ERROR, 'Negative timeout');
  return timeoutMs;
}

async function tipAfter(
  node: NodeFacade,
  call: Call,
  timeoutMs: number,
  isReached: (tip: HeaderId) => boolean,
): Promise<JsonOut> {
  await waitForTip(node, isReached, { timeoutMs, stopping: call.stopping });
  const { headers } = node.chain;
  const tip = node.chain.tip();
  return { hash: hashToHex(headers.hashOf(tip)), height: headers.heightOf(tip) };
}
