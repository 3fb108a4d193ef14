/** What addresses and labels have received, and which addresses belong together (Core: wallet/rpc/coins.cpp, transactions.cpp). */
import { binaryToBytes, bytesToBinary, hashToHex, type Txid } from '../../../base/bytes.ts';
import { keyOf } from '../../../chain/coin.ts';
import { isTrusted } from '../../../wallet/balance.ts';
import type { Wallet } from '../../../wallet/wallet.ts';
import type { WalletTx } from '../../../wallet/wallet-tx.ts';
import type { Arguments } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { requireScriptOfAddress, scriptOfAddress } from '../../destinations.ts';
import { amount, type JsonOut } from '../../json.ts';
import type { Param } from '../../param.ts';
import { res } from '../../result-doc.ts';
import { addressOf, toLabel, unusedWatchOnly, walletMethod } from './common.ts';

const minConfParam: Param = {
  name: 'minconf',
  type: 'number',
  default: 1,
  doc: 'Only transactions with this many confirmations.',
};
const includeEmptyParam: Param = {
  name: 'include_empty',
  type: 'boolean',
  default: false,
  doc: 'Also those that have received nothing.',
};
const immatureParam: Param = {
  name: 'include_immature_coinbase',
  type: 'boolean',
  default: false,
  doc: 'Also immature coinbases.',
};

/** Sums of a history can be more than there is money, so they are exact. */
interface Tally {
  amount: bigint;
  confirmations: number;
  readonly txids: Txid[];
}

export const getreceivedbyaddress = walletMethod({
  name: 'getreceivedbyaddress',
  description: 'Tells what an address of the wallet has received in all.',
  params: [{ name: 'address', type: 'string', doc: 'The address.' }, minConfParam, immatureParam],
  results: [res.amount('amount', 'the sum in BTC')],
  examples: [['bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl', 6]],
  runs: 'freely',
  run(wallet, args, host) {
    const { params } = host.node.chain;
    const script = requireScriptOfAddress(args.string('address'), params, 'Invalid Bitcoin address');
    return amount(receivedBy(wallet, [bytesToBinary(script)], args));
  },
});

export const getreceivedbylabel = walletMethod({
  name: 'getreceivedbylabel',
  description: 'Tells what the addresses of a label have received in all.',
  params: [
    { name: 'label', type: 'string', doc: 'The label; "" is the default one.' },
    minConfParam,
    immatureParam,
  ],
  results: [res.amount('amount', 'the sum in BTC')],
  examples: [['tabby', 6]],
  runs: 'freely',
  run(wallet, args) {
    const label = toLabel(args.get('label'));
    const scripts = [...wallet.addresses()]
      .filter(([, entry]) => entry.label === label)
      .map(([script]) => script);
    if (scripts.length === 0) throw new RpcError(RpcCode.WALLET_ERROR, 'Label not found in wallet');
    return amount(receivedBy(wallet, scripts, args));
  },
});

export const listreceivedbyaddress = walletMethod({
  name: 'listreceivedbyaddress',
  description: 'Lists what each address has received.',
  params: [
    minConfParam,
    includeEmptyParam,
    unusedWatchOnly,
    { name: 'address_filter', type: 'string', optional: true, doc: 'Only this address.' },
    immatureParam,
  ],
  results: [
    res.array('', '', [
      res.object('', '', [
        res.string('address', 'the address'),
        res.amount('amount', 'the sum in BTC'),
        res.number('confirmations', 'of the newest transaction'),
        res.string('label', 'the label of the address'),
        res.array('txids', '', [res.hex('txid', 'the id of a transaction')]),
      ]),
    ]),
  ],
  examples: [[], [6, true]],
  runs: 'freely',
  run(wallet, args, host) {
    const filter = args.optionalString('address_filter') || undefined;
    const only = filter === undefined ? undefined : scriptOfAddress(filter, host.node.chain.params);
    if (filter !== undefined && only === undefined) {
      throw new RpcError(RpcCode.WALLET_ERROR, 'address_filter parameter was invalid');
    }
    const tallies = tallyOf(wallet, args);
    const results: JsonOut[] = [];
    for (const [script, { label }] of wallet.addresses()) {
      if (only !== undefined && bytesToBinary(only) !== script) continue;
      const tally = tallies.get(script);
      const address = addressOf(wallet, binaryToBytes(script));
      if (address === undefined || (tally === undefined && !args.boolean('include_empty'))) continue;
      results.push({
        address,
        amount: amount(tally?.amount ?? 0n),
        confirmations: tally?.confirmations ?? 0,
        label,
        txids: tally?.txids.map(hashToHex) ?? [],
      });
    }
    return results;
  },
});

export const listreceivedbylabel = walletMethod({
  name: 'listreceivedbylabel',
  description: 'Lists what the addresses of each label have received.',
  params: [minConfParam, includeEmptyParam, unusedWatchOnly, immatureParam],
  results: [
    res.array('', '', [
      res.object('', '', [
        res.amount('amount', 'the sum in BTC'),
        res.number('confirmations', 'of the newest transaction'),
        res.string('label', 'the label'),
      ]),
    ]),
  ],
  examples: [[], [6, true]],
  runs: 'freely',
  run(wallet, args) {
    const tallies = tallyOf(wallet, args);
    const labels = new Map<string, { amount: bigint; confirmations: number | undefined }>();
    for (const [script, { label }] of wallet.addresses()) {
      const tally = tallies.get(script);
      if (tally === undefined && !args.boolean('include_empty')) continue;
      const sum = labels.get(label) ?? { amount: 0n, confirmations: undefined };
      sum.amount += tally?.amount ?? 0n;
      if (tally !== undefined) {
        sum.confirmations = Math.min(sum.confirmations ?? tally.confirmations, tally.confirmations);
      }
      labels.set(label, sum);
    }
    return [...labels]
      .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .map(([label, sum]) => ({ amount: amount(sum.amount), confirmations: sum.confirmations ?? 0, label }));
  },
});

export const listaddressgroupings = walletMethod({
  name: 'listaddressgroupings',
  description:
    'Lists addresses that transactions have shown to belong together: as inputs of one, or as its change.',
  params: [],
  results: [
    res.array('', '', [
      res.array('', '', [
        res.fixedArray('', '', [
          res.string('address', 'the address'),
          res.amount('amount', 'its balance in BTC'),
          res.string('label?', 'its label'),
        ]),
      ]),
    ]),
  ],
  examples: [[]],
  runs: 'freely',
  run(wallet) {
    const balances = addressBalances(wallet);
    return groupings(wallet).map(group =>
      [...group].flatMap(script => {
        const bytes = binaryToBytes(script);
        const address = addressOf(wallet, bytes);
        if (address === undefined) return [];
        const label = wallet.addressEntry(bytes)?.label;
        const balance = amount(balances.get(script) ?? 0);
        return [label === undefined ? [address, balance] : [address, balance, label]];
      }),
    );
  },
});

function receivedBy(wallet: Wallet, addresses: readonly string[], args: Arguments): bigint {
  const scripts = new Set(addresses.filter(script => wallet.keys.isMine(binaryToBytes(script))));
  if (scripts.size === 0) throw new RpcError(RpcCode.WALLET_ERROR, 'Address not found in wallet');
  const tallies = tallyOf(wallet, args);
  return [...scripts].reduce((sum, script) => sum + (tallies.get(script)?.amount ?? 0n), 0n);
}

/** By script as latin1 characters. */
function tallyOf(wallet: Wallet, args: Arguments): Map<string, Tally> {
  const minDepth = args.integer('minconf');
  const includeImmature = args.boolean('include_immature_coinbase');
  const { history } = wallet;
  const tallies = new Map<string, Tally>();
  const counts = (wtx: WalletTx): boolean => {
    const depth = history.depthOf(wtx);
    if (depth < minDepth || (wtx.tx.isCoinbase && depth < 1)) return false;
    return includeImmature || !history.isImmature(wtx);
  };
  for (const wtx of history.ordered) {
    if (!counts(wtx)) continue;
    for (const { scriptPubKey, value } of wtx.tx.outputs) {
      if (!wallet.keys.isMine(scriptPubKey)) continue;
      const script = bytesToBinary(scriptPubKey);
      const depth = history.depthOf(wtx);
      const tally = tallies.get(script) ?? { amount: 0n, confirmations: depth, txids: [] };
      tally.amount += BigInt(value);
      tally.confirmations = Math.min(tally.confirmations, depth);
      tally.txids.push(wtx.tx.txid);
      tallies.set(script, tally);
    }
  }
  return tallies;
}

function addressBalances(wallet: Wallet): Map<string, number> {
  const { history } = wallet;
  const balances = new Map<string, number>();
  for (const { key, wtx, output } of history.coins()) {
    if (history.howSpent(key) !== 'unspent' || history.isImmature(wtx) || !isTrusted(wallet, wtx)) continue;
    const script = bytesToBinary(output.scriptPubKey);
    balances.set(script, (balances.get(script) ?? 0) + output.value);
  }
  return balances;
}

/** Sets of scripts: merged whenever a transaction has one of each. */
function groupings(wallet: Wallet): Set<string>[] {
  const groupOf = new Map<string, Set<string>>();
  const merge = (scripts: readonly string[]) => {
    const merged = new Set<string>();
    for (const script of scripts) for (const known of groupOf.get(script) ?? [script]) merged.add(known);
    for (const script of merged) groupOf.set(script, merged);
  };
  for (const { tx } of wallet.history.ordered) {
    const spent = tx.inputs.flatMap(({ prevout }) => {
      const coin = wallet.history.coin(keyOf(prevout));
      return coin === undefined ? [] : [bytesToBinary(coin.output.scriptPubKey)];
    });
    const own = tx.outputs
      .map(({ scriptPubKey }) => scriptPubKey)
      .filter(script => wallet.keys.isMine(script));
    if (spent.length > 0)
      merge([...spent, ...own.filter(script => wallet.isChange(script)).map(bytesToBinary)]);
    for (const script of own) merge([bytesToBinary(script)]);
  }
  return [...new Set(groupOf.values())];
}
