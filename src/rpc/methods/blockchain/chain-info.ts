/** The chain as a whole: state, tips, deployments (Core: rpc/blockchain.cpp). */
import { bytesToHex, hashToHex } from '../../../base/bytes.ts';
import type { ChainView, HeaderId } from '../../../chain/chain-view.ts';
import type { DeploymentState } from '../../../consensus/deployments.ts';
import { bitsText, difficultyOf, findHeader, targetText, uint256Text } from '../../chain-json.ts';
import type { JsonOut } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';

export const warningsDoc = res.array('warnings', 'warnings about network and chain', [
  res.string('', 'a warning'),
]);

export const getblockchaininfo: RpcMethod<NodeFacade> = {
  name: 'getblockchaininfo',
  category: 'blockchain',
  description: 'Tells the state of the chain and of its validation.',
  params: [],
  results: [
    res.object('', '', [
      res.string('chain', 'the name of the network (main, test, testnet4, signet, regtest)'),
      res.number('blocks', 'the height of the validated chain with the most work'),
      res.number('headers', 'the height of the best header'),
      res.string('bestblockhash', 'the hash of the tip'),
      res.hex('bits', 'the target of the tip in compact form'),
      res.hex('target', 'the target of the tip'),
      res.number('difficulty', 'the difficulty of the tip'),
      res.time('time', 'the time of the tip in UNIX epoch time'),
      res.time('mediantime', 'the median time past of the tip in UNIX epoch time'),
      res.number('verificationprogress', 'how much is validated, by estimate (0..1)'),
      res.boolean('initialblockdownload', 'whether the node is still catching up'),
      res.object('backgroundvalidation?', 'how far the history below a snapshot is validated', [
        res.number('snapshotheight', 'the height of the snapshot, where that ends'),
        res.number('blocks', 'the height of the last block that was validated'),
        res.string('bestblockhash', 'the hash of that block'),
        res.time('mediantime', 'its median time past in UNIX epoch time'),
        res.number('verificationprogress', 'how much is validated (0..1)'),
        res.hex('chainwork', 'expected number of hashes to make the chain up to it'),
      ]),
      res.hex('chainwork', 'expected number of hashes to make the chain'),
      res.number('size_on_disk', 'bytes of block and undo files'),
      res.boolean('pruned', 'whether old blocks are deleted'),
      res.number(
        'pruneheight?',
        'the first block from which on none is missing (only when old blocks are deleted)',
      ),
      res.boolean('automatic_pruning?', 'whether they go by themselves (only when old blocks are deleted)'),
      res.number('prune_target_size?', 'bytes that block files may take (only when they go by themselves)'),
      res.hex('signet_challenge?', 'the script that blocks of a signet satisfy'),
      warningsDoc,
    ]),
  ],
  examples: [[]],
  run({ chain, blocks, clock, process }) {
    const { headers, params } = chain;
    const tip = chain.tip();
    const bits = headers.bitsOf(tip);
    return {
      chain: params.name,
      blocks: headers.heightOf(tip),
      headers: headers.heightOf(chain.bestHeader()),
      bestblockhash: hashToHex(headers.hashOf(tip)),
      bits: bitsText(bits),
      target: targetText(bits),
      difficulty: difficultyOf(bits),
      time: headers.timeOf(tip),
      mediantime: headers.medianTimePastOf(tip),
      verificationprogress: blocks.verificationProgress(),
      initialblockdownload: chain.isInitialBlockDownload(clock.now()),
      backgroundvalidation: backgroundValidation(chain),
      chainwork: uint256Text(headers.chainWorkOf(tip)),
      size_on_disk: blocks.sizeOnDisk(),
      pruned: blocks.pruning !== undefined,
      ...(blocks.pruning !== undefined && {
        pruneheight: (blocks.pruneHeight() ?? -1) + 1,
        automatic_pruning: blocks.pruning.targetBytes !== undefined,
        prune_target_size: blocks.pruning.targetBytes,
      }),
      signet_challenge: params.signetChallenge ? bytesToHex(params.signetChallenge) : undefined,
      warnings: process.warnings,
    };
  },
};

function backgroundValidation(chain: ChainView): JsonOut {
  const { headers } = chain;
  const history = chain.history();
  if (history === undefined) return undefined;
  const { tip, end } = history;
  return {
    snapshotheight: headers.heightOf(end),
    blocks: headers.heightOf(tip),
    bestblockhash: hashToHex(headers.hashOf(tip)),
    mediantime: headers.medianTimePastOf(tip),
    chainwork: uint256Text(headers.chainWorkOf(tip)),
    verificationprogress: headers.chainTxCountOf(tip) / headers.chainTxCountOf(end),
  };
}

export const getchaintips: RpcMethod<NodeFacade> = {
  name: 'getchaintips',
  category: 'blockchain',
  description: 'Lists all known tips of the block tree, of the main chain and of branches.',
  params: [],
  results: [
    res.array('', '', [
      res.object('', '', [
        res.number('height', 'the height of the tip'),
        res.hex('hash', 'the hash of the tip'),
        res.number('branchlen', 'blocks from the main chain to the tip, 0 for the main chain'),
        res.string(
          'status',
          '"active" for the tip of the main chain, "valid-fork" for a branch that was fully validated,\n' +
            '"valid-headers" for one whose blocks are there but not validated, "headers-only" for one of which\n' +
            'blocks are missing, "invalid" for one with an invalid block',
        ),
      ]),
    ]),
  ],
  examples: [[]],
  run({ chain }) {
    const { headers } = chain;
    const tip = chain.tip();
    const branches = headers.tips().filter(id => !chain.isActive(id));
    const tips = [tip, ...branches].sort((a, b) => headers.heightOf(b) - headers.heightOf(a) || a - b);
    return tips.map(id => ({
      height: headers.heightOf(id),
      hash: hashToHex(headers.hashOf(id)),
      branchlen: headers.heightOf(id) - headers.heightOf(headers.forkOf(id, tip)),
      status: tipStatus(chain, id),
    }));
  },
};

function tipStatus(chain: ChainView, id: HeaderId): string {
  const { headers } = chain;
  if (chain.isActive(id)) return 'active';
  if (headers.isInvalid(id)) return 'invalid';
  if (!headers.hasChainData(id)) return 'headers-only';
  return headers.isFullyValid(id) ? 'valid-fork' : 'valid-headers';
}

/** As Core lists them, which is the order of their history. */
const DEPLOYMENT_ORDER: readonly string[] = ['bip34', 'bip66', 'bip65', 'csv', 'segwit', 'testdummy'];

export const getdeploymentinfo: RpcMethod<NodeFacade> = {
  name: 'getdeploymentinfo',
  category: 'blockchain',
  description:
    'Tells the state of soft forks for the block after the given one.\n' +
    'Those that hold from genesis on are not in "deployments".',
  params: [
    {
      name: 'blockhash',
      type: 'hex',
      defaultHint: '"hash of current chain tip"',
      doc: 'The block to look from',
    },
  ],
  results: [
    res.object('', '', [
      res.string('hash', 'the hash of the block'),
      res.number('height', 'the height of the block'),
      res.array('script_flags', 'the rules for scripts of the block', [res.string('flag', 'name of a rule')]),
      res.userKeys('deployments', '', [
        res.object('xxxx', 'name of the deployment', [
          res.string('type', '"buried" or "bip9"'),
          res.number('height?', 'the first height at which its rules hold'),
          res.boolean('active', 'whether its rules hold for the mempool and the next block'),
          res.object('bip9?', 'the state of a vote (BIP9)', [
            res.number('bit?', 'the bit of the version that signals it'),
            res.time('start_time', 'the median time past from which the bit counts'),
            res.time('timeout', 'the median time past at which it fails'),
            res.number('min_activation_height', 'the least height at which it may be active'),
            res.string('status', '"defined", "started", "locked_in", "active" or "failed"'),
            res.number('since', 'the first height with this status'),
            res.string('status_next', 'the status of the next block'),
            res.object('statistics?', 'the count of the running period', [
              res.number('period', 'blocks of a period'),
              res.number('elapsed', 'blocks of this period so far'),
              res.number('count', 'how many of them signal'),
              res.number('threshold?', 'how many are needed'),
              res.boolean('possible?', 'whether enough can still come'),
            ]),
            res.string('signalling?', '# for each block of the period that signals, - for the others'),
          ]),
        ]),
      ]),
    ]),
  ],
  examples: [[]],
  run({ chain, blocks }, args) {
    const id = args.has('blockhash') ? findHeader(chain, args.hash('blockhash')) : chain.tip();
    const place = ({ name }: DeploymentState): number => DEPLOYMENT_ORDER.indexOf(name);
    const deployments = [...blocks.deploymentsAfter(id)].sort((a, b) => place(a) - place(b));
    return {
      hash: hashToHex(chain.headers.hashOf(id)),
      height: chain.headers.heightOf(id),
      script_flags: blocks.scriptFlagNames(id),
      deployments: Object.fromEntries(deployments.map(state => [state.name, deploymentToJson(state)])),
    };
  },
};

/** How a vote that never ends is shown: the greatest time of 64 bits. */
const NO_TIMEOUT = 0x7fff_ffff_ffff_ffffn;

function deploymentToJson(state: DeploymentState): JsonOut {
  if (state.kind === 'buried') return { type: 'buried', active: state.active, height: state.height };
  const { statistics } = state;
  return {
    type: 'bip9',
    height: state.activationHeight,
    active: state.statusNext === 'active',
    bip9: {
      bit: statistics && state.bit,
      start_time: state.startTime,
      timeout: state.timeout === Number.MAX_SAFE_INTEGER ? NO_TIMEOUT : state.timeout,
      min_activation_height: state.minActivationHeight,
      status: state.status,
      since: state.since,
      status_next: state.statusNext,
      statistics: statistics && {
        period: statistics.period,
        elapsed: statistics.elapsed,
        count: statistics.count,
        threshold: statistics.threshold,
        possible: statistics.possible,
      },
      signalling: statistics?.signalling.map(signals => (signals ? '#' : '-')).join(''),
    },
  };
}
