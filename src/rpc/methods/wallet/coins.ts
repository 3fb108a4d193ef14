/** Balances and unspent coins (Core: wallet/rpc/coins.cpp). */
import { bytesToHex, hashToHex, type Txid } from '../../../base/bytes.ts';
import { type OutPointKey, outPointKey } from '../../../chain/coin.ts';
import { inferDescriptor } from '../../../script/descriptor-infer.ts';
import { type AvailableCoin, availableCoins, type CoinFilter } from '../../../wallet/available.ts';
import { balanceOf } from '../../../wallet/balance.ts';
import type { Wallet } from '../../../wallet/wallet.ts';
import { checkFields, toAmount, toHash } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { requireScriptOfAddress } from '../../destinations.ts';
import { amount, expectType, type JsonOut, type JsonValue, ParsedObject, toInteger } from '../../json.ts';
import { res } from '../../result-doc.ts';
import type { WalletHost } from '../../wallet-host.ts';
import { knowledgeOf } from './address-info.ts';
import {
  addressOf,
  lastProcessedBlock,
  lastProcessedBlockDoc,
  parentDescriptors,
  unusedWatchOnly,
  walletMethod,
} from './common.ts';

const DEPTH_MAX = 9_999_999;

export const getbalance = walletMethod({
  name: 'getbalance',
  description: 'Tells how much the wallet can spend now.',
  params: [
    { name: 'dummy', type: 'string', optional: true, doc: 'Left out or "*", for old clients.' },
    { name: 'minconf', type: 'number', default: 0, doc: 'Only what has this many confirmations.' },
    unusedWatchOnly,
    {
      name: 'avoid_reuse',
      type: 'boolean',
      defaultHint: 'true',
      doc: 'Without coins to addresses that were spent from before; only in a wallet with that flag.',
    },
  ],
  results: [res.amount('amount', 'the balance in BTC')],
  examples: [[], ['*', 6]],
  runs: 'freely',
  run(wallet, args) {
    if ((args.optionalString('dummy') ?? '*') !== '*') {
      throw new RpcError(RpcCode.METHOD_DEPRECATED, 'dummy first argument must be excluded or set to "*".');
    }
    const minDepth = args.integer('minconf');
    const avoidReuse = toAvoidReuse(wallet, args.get('avoid_reuse'));
    return amount(balanceOf(wallet, { minDepth, avoidReuse, includeNonmempool: false }).trusted);
  },
});

/** Left out: as the wallet's flag says. Throws RpcError −4 when it is asked of a wallet without the flag. */
export function toAvoidReuse(wallet: Wallet, value: JsonValue | undefined): boolean {
  const avoidReuse = value === undefined ? wallet.avoidsReuse : expectType(value, 'bool');
  if (avoidReuse && !wallet.avoidsReuse) {
    throw new RpcError(RpcCode.WALLET_ERROR, 'wallet does not have the "avoid reuse" feature enabled');
  }
  return avoidReuse;
}

export const getbalances = walletMethod({
  name: 'getbalances',
  description: 'Tells all balances, in BTC.',
  params: [],
  results: [
    res.object('', '', [
      res.object('mine', 'of coins that the wallet can sign for', [
        res.amount('trusted', 'confirmed, or made by the wallet itself'),
        res.amount('untrusted_pending', 'made by others and not confirmed yet'),
        res.amount('immature', 'of coinbases that cannot be spent yet'),
        res.amount('nonmempool', 'spent by transactions that are not in the mempool'),
        res.amount('used?', 'at addresses that were spent from before; only with the flag avoid_reuse'),
      ]),
      lastProcessedBlockDoc,
    ]),
  ],
  examples: [[]],
  runs: 'freely',
  run(wallet) {
    const balance = balanceOf(wallet, { minDepth: 0, avoidReuse: true, includeNonmempool: true });
    return {
      mine: {
        trusted: amount(balance.trusted),
        untrusted_pending: amount(balance.untrustedPending),
        immature: amount(balance.immature),
        nonmempool: amount(balance.nonmempool),
        used: wallet.avoidsReuse ? amount(balance.used) : undefined,
      },
      lastprocessedblock: lastProcessedBlock(wallet),
    };
  },
});

export const listunspent = walletMethod({
  name: 'listunspent',
  description:
    'Lists unspent coins with a number of confirmations between minconf and maxconf,\nof all addresses or of those given.',
  params: [
    { name: 'minconf', type: 'number', default: 1, doc: 'The least number of confirmations' },
    { name: 'maxconf', type: 'number', default: DEPTH_MAX, doc: 'The greatest number of confirmations' },
    {
      name: 'addresses',
      type: 'array',
      optional: true,
      doc: 'Only coins of these addresses',
      fields: [{ name: 'address', type: 'string', optional: true, doc: 'an address' }],
    },
    {
      name: 'include_unsafe',
      type: 'boolean',
      default: true,
      doc: 'Also coins that may still disappear: see "safe" below.',
    },
    {
      name: 'query_options',
      type: 'namedOptions',
      optional: true,
      oneLine: 'query_options',
      fields: [
        { name: 'minimumAmount', type: 'amount', default: '0.00', doc: 'The least value, in BTC' },
        {
          name: 'maximumAmount',
          type: 'amount',
          defaultHint: 'unlimited',
          doc: 'The greatest value, in BTC',
        },
        { name: 'maximumCount', type: 'number', defaultHint: 'unlimited', doc: 'How many at most' },
        {
          name: 'minimumSumAmount',
          type: 'amount',
          defaultHint: 'unlimited',
          doc: 'Ends when the sum reaches this, in BTC',
        },
        {
          name: 'include_immature_coinbase',
          type: 'boolean',
          default: false,
          doc: 'Also immature coinbases',
        },
      ],
    },
  ],
  results: [
    res.array('', '', [
      res.object('', '', [
        res.hex('txid', 'the id of the transaction'),
        res.number('vout', 'the number of the output'),
        res.string('address?', 'the address'),
        res.string('label?', 'the label of the address'),
        res.hex('redeemScript?', 'the redeem script of a P2SH output'),
        res.hex('witnessScript?', 'the witness script of a P2WSH output'),
        res.string('scriptPubKey', 'the output script'),
        res.amount('amount', 'the value in BTC'),
        res.number('confirmations', 'the number of confirmations'),
        res.number('ancestorcount?', 'unconfirmed transactions that it depends on, its own included'),
        res.number('ancestorsize?', 'their virtual size'),
        res.number('ancestorfees?', 'their fees, in satoshi'),
        res.boolean('spendable', '(DEPRECATED) always true'),
        res.boolean('solvable', 'whether the wallet knows how to spend it, keys aside'),
        res.string('desc?', 'a descriptor of it'),
        res.array('parent_descs', 'the descriptors of the wallet that own it', [res.string('desc', '')]),
        res.boolean('reused?', 'whether its address was spent from before; only with the flag avoid_reuse'),
        res.boolean(
          'safe',
          'whether it is confirmed, or unconfirmed change of the wallet that nobody replaces',
        ),
      ]),
    ]),
  ],
  examples: [[], [6, 9999999, ['bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl']]],
  runs: 'freely',
  run(wallet, args, host) {
    const minDepth = args.integer('minconf');
    const maxDepth = args.integer('maxconf');
    const scripts = new Set<string>();
    for (const given of args.has('addresses') ? args.array('addresses') : []) {
      const address = expectType(given, 'string');
      const script = requireScriptOfAddress(
        address,
        host.node.chain.params,
        `Invalid Bitcoin address: ${address}`,
      );
      if (scripts.has(bytesToHex(script))) {
        throw new RpcError(RpcCode.INVALID_PARAMETER, `Invalid parameter, duplicated address: ${address}`);
      }
      scripts.add(bytesToHex(script));
    }
    const filter: CoinFilter = {
      minDepth,
      maxDepth,
      includeUnsafe: args.boolean('include_unsafe'),
      includeUsed: true,
      ...toQuery(args.get('query_options')),
    };
    return availableCoins(wallet, host.node.mempool, { feeRate: 0, longTermFeeRate: 0 }, filter)
      .filter(({ coin }) => scripts.size === 0 || scripts.has(bytesToHex(coin.output.scriptPubKey)))
      .map(coin => coinToJson(wallet, host, coin));
  },
});

function toQuery(value: JsonValue | undefined): CoinFilter {
  if (!(value instanceof ParsedObject)) return {};
  checkFields(
    value,
    {
      minimumAmount: 'any',
      maximumAmount: 'any',
      minimumSumAmount: 'any',
      maximumCount: 'number',
      include_immature_coinbase: 'bool',
    },
    { nulls: 'allowed', strict: true },
  );
  const amountAt = (name: string) => (value.has(name) ? Number(toAmount(value.get(name))) : undefined);
  const minAmount = amountAt('minimumAmount');
  const maxAmount = amountAt('maximumAmount');
  const minSumAmount = amountAt('minimumSumAmount');
  return {
    ...(minAmount === undefined ? {} : { minAmount }),
    ...(maxAmount === undefined ? {} : { maxAmount }),
    ...(minSumAmount === undefined ? {} : { minSumAmount }),
    ...(value.has('maximumCount') ? { maxCount: toInteger(value.get('maximumCount'), 'i64') } : {}),
    includeImmature: value.get('include_immature_coinbase') === true,
  };
}

function coinToJson(wallet: Wallet, host: WalletHost, { coin, depth, isSafe }: AvailableCoin): JsonOut {
  const { scriptPubKey, value } = coin.output;
  const { mempool } = host.node;
  const { txid } = coin.outPoint;
  const address = addressOf(wallet, scriptPubKey);
  const data = wallet.keys.spendData(scriptPubKey);
  const [owner] = wallet.keys.owners(scriptPubKey);
  const solvable = owner?.keeper.descriptor.isSolvable ?? false;
  const hash = scriptPubKey.length === 23 ? data?.redeemScript : undefined;
  const ancestors =
    depth === 0 && mempool.has(txid)
      ? [txid, ...mempool.ancestorsOf(txid)].map(id => mempool.get(id)).filter(entry => entry !== undefined)
      : [];
  const sum = (of: (entry: (typeof ancestors)[number]) => number) =>
    ancestors.length === 0 ? undefined : ancestors.reduce((total, entry) => total + of(entry), 0);
  return {
    txid: hashToHex(txid),
    vout: coin.outPoint.index,
    address,
    label: address === undefined ? undefined : wallet.addressEntry(scriptPubKey)?.label,
    redeemScript: hash && bytesToHex(hash),
    witnessScript: data?.witnessScript && bytesToHex(data.witnessScript),
    scriptPubKey: bytesToHex(scriptPubKey),
    amount: amount(value),
    confirmations: depth,
    ancestorcount: sum(() => 1),
    ancestorsize: sum(entry => entry.virtualSize),
    ancestorfees: sum(entry => entry.modifiedFee),
    spendable: true,
    solvable,
    desc:
      data && solvable
        ? inferDescriptor(scriptPubKey, wallet.options.prefixes, knowledgeOf(data))
        : undefined,
    parent_descs: parentDescriptors(wallet, scriptPubKey),
    reused: wallet.avoidsReuse ? wallet.history.isUsedScript(scriptPubKey) : undefined,
    safe: isSafe,
  };
}

export const lockunspent = walletMethod({
  name: 'lockunspent',
  description:
    'Locks coins, so that they are not chosen for transactions (unlock=false), or unlocks them.\n' +
    'Unlocking without naming any unlocks all. A lock is forgotten when the node stops, unless it is persistent.',
  params: [
    { name: 'unlock', type: 'boolean', doc: 'Whether to unlock (true) or lock (false)' },
    {
      name: 'transactions',
      type: 'array',
      optional: true,
      doc: 'The coins',
      fields: [
        {
          name: '',
          type: 'object',
          optional: true,
          fields: [
            { name: 'txid', type: 'hex', doc: 'The id of the transaction' },
            { name: 'vout', type: 'number', doc: 'The number of the output' },
          ],
        },
      ],
    },
    { name: 'persistent', type: 'boolean', default: false, doc: 'Whether the lock is stored.' },
  ],
  results: [res.boolean('', 'true')],
  examples: [
    [false, [{ txid: 'a08e6907dbbd3d809776dbfc5d82e371b764ed838b5655e72f463568df1aadf0', vout: 1 }]],
  ],
  runs: 'exclusive',
  run(wallet, args) {
    const unlock = args.boolean('unlock');
    const persistent = args.boolean('persistent');
    if (!args.has('transactions')) {
      if (unlock) wallet.locks.unlockAll();
      return true;
    }
    const keys = args.array('transactions').map(given => {
      const object = expectType(given, 'object');
      checkFields(object, { txid: 'string', vout: 'number' });
      const txid = toHash<Txid>(object.get('txid'), 'txid');
      const index = toInteger(object.get('vout'));
      return lockableCoin(wallet, { txid, index }, { unlock, persistent });
    });
    for (const key of keys) {
      if (unlock) wallet.locks.unlock(key);
      else wallet.locks.lock(key, persistent ? 'stored' : 'volatile');
    }
    return true;
  },
});

function lockableCoin(
  wallet: Wallet,
  { txid, index }: { readonly txid: Txid; readonly index: number },
  { unlock, persistent }: { readonly unlock: boolean; readonly persistent: boolean },
): OutPointKey {
  const refuse = (why: string): never => {
    throw new RpcError(RpcCode.INVALID_PARAMETER, `Invalid parameter, ${why}`);
  };
  if (index < 0) refuse('vout cannot be negative');
  const wtx = wallet.history.get(txid);
  if (wtx === undefined) refuse('unknown transaction');
  if (index >= wtx!.tx.outputs.length) refuse('vout index out of bounds');
  const key = outPointKey(txid, index);
  if (wallet.history.howSpent(key) !== 'unspent') refuse('expected unspent output');
  const isLocked = wallet.locks.has(key);
  if (unlock && !isLocked) refuse('expected locked output');
  if (!unlock && isLocked && !persistent) refuse('output already locked');
  return key;
}

export const listlockunspent = walletMethod({
  name: 'listlockunspent',
  description: 'Lists the coins that are locked.',
  params: [],
  results: [
    res.array('', '', [
      res.object('', '', [
        res.hex('txid', 'the id of the transaction'),
        res.number('vout', 'the number of the output'),
      ]),
    ]),
  ],
  examples: [[]],
  runs: 'freely',
  run: wallet =>
    [...wallet.locks.keys()].map(key => {
      const index = Buffer.from(key.slice(32), 'latin1').readUInt32LE(0);
      return { txid: hashToHex(key.slice(0, 32) as Txid), vout: index };
    }),
});
