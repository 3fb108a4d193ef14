/** Block templates for outside miners, with proposals and long polling (Core: rpc/mining.cpp; BIP22, BIP23, BIP9, BIP145). */
import { type BlockHash, bytesToHex, hashToHex, type Txid } from '../../../base/bytes.ts';
import { toUnixSeconds } from '../../../base/clock.ts';
import type { DeploymentState } from '../../../consensus/deployments.ts';
import { toHash } from '../../arguments.ts';
import { bitsText, targetText } from '../../chain-json.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { decodeHexBlock } from '../../decode.ts';
import { expectType, type JsonOut, type JsonValue, type ParsedObject } from '../../json.ts';
import type { Call, RpcMethod } from '../../method.ts';
import type { BlockTemplate, NodeFacade } from '../../node-facade.ts';
import { res, when } from '../../result-doc.ts';
import { waitForTip } from '../../wait.ts';

/** Consensus limits that a miner must keep (Core: consensus/consensus.h). */
const BLOCK_SIGOPS_COST_MAX = 80_000;
const BLOCK_BYTES_MAX = 4_000_000;
const BLOCK_WEIGHT_MAX = 4_000_000;
const WITNESS_SCALE_FACTOR = 4;
/** A template is made anew when the mempool has changed, but not more often than this. */
const TEMPLATE_AGE_MAX_S = 5;
/** A long poll looks at the mempool first after a minute, then every ten seconds. */
const LONG_POLL_FIRST_MS = 60_000;
const LONG_POLL_NEXT_MS = 10_000;
/** How a witness commitment's output script starts (BIP141). */
const COMMITMENT_SCRIPT_HEAD = '6a24aa21a9ed';

/** The template that was made last, for which chain and mempool, and when. */
interface Cached {
  readonly template: BlockTemplate;
  readonly tip: BlockHash;
  readonly sequence: number;
  readonly madeAtS: number;
}

export const getblocktemplate: RpcMethod<NodeFacade> = {
  name: 'getblocktemplate',
  category: 'mining',
  description:
    "Gives what a miner needs to make the next block, or, with mode 'proposal', checks a block without its proof of work.\n" +
    'Specified in BIPs 22, 23, 9 and 145.',
  params: [
    {
      name: 'template_request',
      type: 'object',
      doc: 'What is wanted',
      fields: [
        { name: 'mode', type: 'string', optional: true, doc: '"template", "proposal" (BIP23), or absent' },
        {
          name: 'capabilities',
          type: 'array',
          optional: true,
          doc: 'What the client supports',
          fields: [{ name: 'str', type: 'string', optional: true, doc: "such as 'longpoll' or 'proposal'" }],
        },
        {
          name: 'rules',
          type: 'array',
          doc: 'Soft forks that the client knows',
          fields: [
            { name: 'segwit', type: 'string', doc: '(literal) the client knows segwit' },
            { name: 'str', type: 'string', optional: true, doc: 'another one that it knows' },
          ],
        },
        {
          name: 'longpollid',
          type: 'string',
          optional: true,
          doc: 'answer only when there is something better than the template with this id',
        },
        {
          name: 'data',
          type: 'hex',
          optional: true,
          doc: 'the encoded block to check, with mode="proposal"',
        },
      ],
    },
  ],
  results: [
    when("if the proposal was accepted with mode=='proposal'", res.null('', '')),
    when("if the proposal was not accepted with mode=='proposal'", res.string('', 'the reason, by BIP22')),
    when(
      'otherwise',
      res.object('', '', [
        res.array('capabilities', '', [res.string('value', "what the server supports, such as 'proposal'")]),
        res.number('version', 'the version to use'),
        res.array('rules', 'soft forks whose rules hold', [
          res.string('', 'a name; with ! the client must know it'),
        ]),
        res.userKeys('vbavailable', 'soft forks that are voted on', [
          res.number('rulename', 'the bit that votes for it'),
        ]),
        res.number('vbrequired', 'bits of the version that must be set'),
        res.string('previousblockhash', 'the hash of the tip'),
        res.array('transactions', 'transactions after the coinbase', [
          res.object('', '', [
            res.hex('data', 'the encoded transaction'),
            res.hex('txid', 'its id'),
            res.hex('hash', 'its hash with witnesses'),
            res.array('depends', 'transactions before it (the first is 1) that must be in the block too', [
              res.number('', 'its place in the list'),
            ]),
            res.number('fee', 'its fee in satoshi'),
            res.number('sigops', 'its cost in signature operations'),
            res.number('weight', 'its weight'),
          ]),
        ]),
        res.userKeys('coinbaseaux', 'what belongs in the script of the coinbase', [
          res.hex('key', 'a value'),
        ]),
        res.number('coinbasevalue', 'satoshi that the coinbase may pay: subsidy and fees'),
        res.string('longpollid', 'for the next request with long polling'),
        res.string('target', 'the target'),
        res.time('mintime', 'the least time of the block in UNIX epoch time'),
        res.array('mutable', 'what the client may change', [res.string('value', "such as 'time'")]),
        res.hex('noncerange', 'the range of nonces'),
        res.number('sigoplimit', 'the cost of signature operations of a block at most'),
        res.number('sizelimit', 'the bytes of a block at most'),
        res.number('weightlimit?', 'the weight of a block at most'),
        res.time('curtime', 'the time now in UNIX epoch time'),
        res.string('bits', 'the target in compact form'),
        res.number('height', 'the height of the block'),
        res.hex('signet_challenge?', 'on a signet: the script that the block satisfies'),
        res.hex('default_witness_commitment?', 'the output script that commits to the witnesses as given'),
      ]),
    ),
  ],
  examples: [[{ rules: ['segwit'] }]],
  async run(node, args, call) {
    const request = args.object('template_request');
    const mode = request.get('mode') ?? null;
    if (mode !== null && typeof mode !== 'string') invalid('Invalid mode');
    if (mode === 'proposal') return await judgeProposal(node, request.get('data'));
    if (mode !== null && mode !== 'template') invalid('Invalid mode');
    const rules = rulesOf(request);
    const { chain, network, clock } = node;
    if (!chain.params.isTestChain) {
      if (network.peers().length === 0) {
        throw new RpcError(RpcCode.CLIENT_NOT_CONNECTED, 'Bitcoin Core is not connected!');
      }
      if (chain.isInitialBlockDownload(clock.now())) {
        throw new RpcError(
          RpcCode.CLIENT_IN_INITIAL_DOWNLOAD,
          'Bitcoin Core is in initial sync and waiting for blocks...',
        );
      }
    }
    const longPollId = request.get('longpollid') ?? null;
    if (longPollId !== null) await longPoll(node, longPollId, call);
    const isSignet = chain.params.signetChallenge !== null;
    if (isSignet && !rules.has('signet')) {
      invalid(
        'getblocktemplate must be called with the signet rule set (call with {"rules": ["segwit", "signet"]})',
      );
    }
    if (!rules.has('segwit')) {
      invalid('getblocktemplate must be called with the segwit rule set (call with {"rules": ["segwit"]})');
    }
    return templateToJson(node, await currentTemplate(node));
  },
};

async function judgeProposal({ chain, blocks }: NodeFacade, data: JsonValue | undefined): Promise<JsonOut> {
  if (typeof data !== 'string') {
    throw new RpcError(RpcCode.TYPE_ERROR, 'Missing data String key for proposal');
  }
  const block = decodeHexBlock(data);
  if (block === undefined) throw new RpcError(RpcCode.DESERIALIZATION_ERROR, 'Block decode failed');
  const known = chain.headers.find(block.header.hash);
  if (known !== undefined) {
    if (chain.headers.isInvalid(known)) return 'duplicate-invalid';
    return chain.headers.isFullyValid(known) ? 'duplicate' : 'duplicate-inconclusive';
  }
  if (block.header.prevHash !== chain.headers.hashOf(chain.tip())) return 'inconclusive-not-best-prevblk';
  return (await blocks.testBlock(block, { checkMerkleRoot: true }))?.text ?? null;
}

function rulesOf(request: ParsedObject): ReadonlySet<string> {
  const rules = request.get('rules');
  return new Set(Array.isArray(rules) ? rules.map((rule: JsonValue) => expectType(rule, 'string')) : []);
}

/** Waits until the tip, or later the mempool, is another than the one that the id names. */
async function longPoll(node: NodeFacade, id: JsonValue, call: Call): Promise<void> {
  const { headers } = node.chain;
  const cached = templates.get(node);
  const watched =
    typeof id === 'string'
      ? toHash<BlockHash>(id.slice(0, 64), 'longpollid')
      : headers.hashOf(node.chain.tip());
  const sequence = typeof id === 'string' ? Number.parseInt(id.slice(64), 10) || 0 : (cached?.sequence ?? 0);
  const isNew = (): boolean => headers.hashOf(node.chain.tip()) !== watched;
  let timeoutMs = LONG_POLL_FIRST_MS;
  while (!call.stopping.aborted) {
    await waitForTip(node, isNew, { timeoutMs, stopping: call.stopping });
    if (isNew() || node.mempool.sequence !== sequence) break;
    timeoutMs = LONG_POLL_NEXT_MS;
  }
  if (call.stopping.aborted) throw new RpcError(RpcCode.CLIENT_NOT_CONNECTED, 'Shutting down');
}

/** One a node; a template takes a walk over the mempool, and miners ask often. */
const templates = new WeakMap<NodeFacade, Cached>();

async function currentTemplate(node: NodeFacade): Promise<Cached> {
  const { chain, mempool, clock, mining } = node;
  const cached = templates.get(node);
  const tip = chain.headers.hashOf(chain.tip());
  const nowS = toUnixSeconds(clock.now());
  const isFresh =
    cached !== undefined &&
    cached.tip === tip &&
    (cached.sequence === mempool.sequence || nowS - cached.madeAtS <= TEMPLATE_AGE_MAX_S);
  if (isFresh) return cached;
  const { sequence } = mempool;
  const template = await mining.createTemplate();
  const made = { template, tip: template.block.header.prevHash, sequence, madeAtS: nowS };
  templates.set(node, made);
  return made;
}

function templateToJson(node: NodeFacade, cached: Cached): JsonOut {
  const { chain, clock, blocks } = node;
  const { template, tip, sequence } = cached;
  const { block } = template;
  const { header } = block;
  const parent = chain.headers.find(header.prevHash)!;
  const deployments = blocks.deploymentsAfter(parent);
  const hasSegwit = deployments.some(
    state => state.kind === 'buried' && state.name === 'segwit' && state.active,
  );
  const votes = votesOf(deployments, header.version);
  const { signetChallenge } = chain.params;
  const isSignet = signetChallenge !== null;
  const scale = hasSegwit ? 1 : WITNESS_SCALE_FACTOR;
  const coinbase = block.transactions[0]!;
  const commitment = coinbase.outputs
    .map(output => bytesToHex(output.scriptPubKey))
    .findLast(hex => hex.startsWith(COMMITMENT_SCRIPT_HEAD));
  return {
    capabilities: ['proposal'],
    version: votes.version,
    rules: [
      'csv',
      ...(hasSegwit ? ['!segwit', 'taproot'] : []),
      ...(isSignet ? ['!signet'] : []),
      ...votes.active,
    ],
    vbavailable: votes.available,
    vbrequired: 0,
    previousblockhash: hashToHex(header.prevHash),
    transactions: transactionsToJson(template, scale),
    coinbaseaux: {},
    coinbasevalue: coinbase.outputs[0]!.value,
    longpollid: `${hashToHex(tip)}${sequence}`,
    target: targetText(header.bits),
    mintime: template.minTime,
    mutable: ['time', 'transactions', 'prevblock'],
    noncerange: '00000000ffffffff',
    sigoplimit: BLOCK_SIGOPS_COST_MAX / scale,
    sizelimit: BLOCK_BYTES_MAX / scale,
    weightlimit: hasSegwit ? BLOCK_WEIGHT_MAX : undefined,
    curtime: Math.max(template.minTime, toUnixSeconds(clock.now())),
    bits: bitsText(header.bits),
    height: template.height,
    signet_challenge: signetChallenge ? bytesToHex(signetChallenge) : undefined,
    default_witness_commitment: commitment,
  };
}

function transactionsToJson(template: BlockTemplate, scale: number): JsonOut {
  const places = new Map<Txid, number>();
  return template.block.transactions.slice(1).map((tx, i) => {
    const depends = tx.inputs.flatMap(({ prevout }) => places.get(prevout.txid) ?? []);
    places.set(tx.txid, i + 1);
    return {
      data: bytesToHex(tx.raw),
      txid: hashToHex(tx.txid),
      hash: hashToHex(tx.wtxid),
      depends,
      fee: template.fees[i],
      sigops: template.sigopCosts[i]! / scale,
      weight: tx.weight,
    };
  });
}

/** The version with votes for what is locked in, and names of running and finished votes; a miner need know none of them. */
function votesOf(deployments: readonly DeploymentState[], version: number) {
  const available: Record<string, number> = {};
  const active: string[] = [];
  let voted = version;
  for (const state of deployments) {
    if (state.kind !== 'bip9') continue;
    if (state.statusNext === 'active') active.push(state.name);
    if (state.statusNext === 'locked_in') voted |= 1 << state.bit;
    if (state.statusNext === 'locked_in' || state.statusNext === 'started') available[state.name] = state.bit;
  }
  return { version: voted, available, active };
}

function invalid(message: string): never {
  throw new RpcError(RpcCode.INVALID_PARAMETER, message);
}
