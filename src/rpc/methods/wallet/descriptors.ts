/** Descriptors and seeds of a wallet (Core: wallet/rpc/backup.cpp; the mnemonic is ours). */
import type { UnixSeconds } from '../../../base/clock.ts';
import type { Descriptor } from '../../../script/descriptor.ts';
import { outputTypeOf } from '../../../wallet/descriptor-keeper.ts';
import { KeyRingError } from '../../../wallet/key-ring.ts';
import type { Wallet } from '../../../wallet/wallet.ts';
import { toRange } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { toDescriptors } from '../../destinations.ts';
import { expectType, JsonNumber, type JsonOut, jsonType, type ParsedObject, toInteger } from '../../json.ts';
import { res } from '../../result-doc.ts';
import type { WalletHost } from '../../wallet-host.ts';
import { requireNoScan, requireUnlocked, toLabel, walletMethod } from './common.ts';

/** Block times may be this far from the truth (Core: TIMESTAMP_WINDOW). */
const TIMESTAMP_WINDOW_S = 2 * 60 * 60;

export const listdescriptors = walletMethod({
  name: 'listdescriptors',
  description: 'Lists the descriptors of the wallet.',
  params: [{ name: 'private', type: 'boolean', default: false, doc: 'Shows private keys.' }],
  results: [
    res.object('', '', [
      res.string('wallet_name', 'the name of the wallet'),
      res.array('descriptors', 'sorted by their text', [
        res.object('', '', [
          res.string('desc', 'the descriptor'),
          res.time('timestamp', 'when it was made'),
          res.boolean('active', 'whether new addresses come from it'),
          res.boolean('internal?', 'whether these are for change; only of an active one'),
          res.fixedArray('range?', 'the indices that are watched, both ends included', [
            res.number('', 'the first'),
            res.number('', 'the last'),
          ]),
          res.number('next?', 'as next_index'),
          res.number('next_index?', 'the index of the next address'),
        ]),
      ]),
    ]),
  ],
  examples: [[], [true]],
  runs: 'freely',
  run(wallet, args) {
    const showPrivate = args.boolean('private');
    if (showPrivate && wallet.disablesPrivateKeys) {
      throw new RpcError(RpcCode.WALLET_ERROR, "Can't get private descriptor string for watch-only wallets");
    }
    if (showPrivate) requireUnlocked(wallet);
    const descriptors = wallet.keys.keepers.map(keeper => {
      const desc = showPrivate ? keeper.privateText(wallet.vault) : keeper.text;
      if (desc === undefined) throw new RpcError(RpcCode.WALLET_ERROR, "Can't get descriptor string.");
      const isActive = keeper.use !== 'none';
      return {
        desc,
        timestamp: keeper.timestamp,
        active: isActive,
        internal: isActive ? keeper.use === 'change' : undefined,
        range: keeper.isRange ? [keeper.rangeStart, keeper.rangeEnd - 1] : undefined,
        next: keeper.isRange ? keeper.nextIndex : undefined,
        next_index: keeper.isRange ? keeper.nextIndex : undefined,
      };
    });
    descriptors.sort((a, b) => (a.desc < b.desc ? -1 : 1));
    return { wallet_name: wallet.name, descriptors };
  },
});

export const getwalletmnemonic = walletMethod({
  name: 'getwalletmnemonic',
  description:
    'Tells the words (BIP39) that the keys of the wallet come from, the newest first. Whoever knows them can spend\n' +
    'all its coins. Imported descriptors come from elsewhere. An encrypted wallet has to be unlocked before.',
  params: [],
  results: [
    res.array('', '', [
      res.object('', '', [
        res.string('mnemonic', 'twelve words'),
        res.time('timestamp', 'when they were chosen'),
        res.boolean('active', 'whether new addresses come from them'),
      ]),
    ]),
  ],
  examples: [[]],
  runs: 'freely',
  run(wallet) {
    requireUnlocked(wallet);
    const mnemonics = wallet.keys.mnemonics() ?? [];
    return mnemonics.map(({ mnemonic, createdAt }, i) => ({
      mnemonic,
      timestamp: createdAt,
      active: i === 0,
    }));
  },
});

export const importdescriptors = walletMethod({
  name: 'importdescriptors',
  description:
    'Adds descriptors to the wallet and looks through the blocks since the earliest timestamp for their coins.\n' +
    'Of a multipath descriptor with two paths, the second is for change. Take a new backup.',
  params: [
    {
      name: 'requests',
      type: 'array',
      oneLine: 'requests',
      doc: 'What to import',
      fields: [
        {
          name: '',
          type: 'object',
          optional: true,
          fields: [
            { name: 'desc', type: 'string', doc: 'The descriptor, with checksum.' },
            {
              name: 'active',
              type: 'boolean',
              default: false,
              doc: 'New addresses of its type come from it',
            },
            {
              name: 'range',
              type: 'range',
              optional: true,
              doc: 'The end, or [begin, end], of the indices of a ranged descriptor',
            },
            { name: 'next_index', type: 'number', optional: true, doc: 'The index of the next address' },
            {
              name: 'timestamp',
              type: 'number',
              doc: 'When the first of its coins can have been made; "now" for none yet, 0 for all blocks.',
              typeText: ['timestamp | "now"', 'integer / string'],
            },
            { name: 'internal', type: 'boolean', default: false, doc: 'Its addresses are for change' },
            { name: 'label', type: 'string', default: '', doc: 'The label; not with a range or for change' },
          ],
        },
      ],
    },
  ],
  results: [
    res.array('', 'one result for each request', [
      res.object('', '', [
        res.boolean('success', ''),
        res.array('warnings?', '', [res.string('', '')]),
        res.object('error?', '', [
          res.number('code', 'the error code'),
          res.string('message', 'what is wrong'),
        ]),
      ]),
    ]),
  ],
  examples: [[[{ desc: 'wpkh([d34db33f/84h/0h/0h]xpub…/0/*)#checksum', timestamp: 'now' }]]],
  runs: 'freely',
  async run(wallet, args, host) {
    requireNoScan(host, wallet);
    requireUnlocked(wallet);
    const { chain } = host.node;
    const tip = chain.headers.find(wallet.position.hash)!;
    const now = chain.headers.medianTimePastOf(tip);
    let lowest = chain.headers.timeOf(tip);
    let succeeded = false;
    const timestamps: UnixSeconds[] = [];
    const results: ImportResult[] = [];
    for (const given of args.array('requests')) {
      const request = expectType(given, 'object');
      const asked = toTimestamp(request, now);
      const timestamp = Math.max(asked, 1);
      const result = importOne(wallet, host, request, timestamp);
      timestamps.push(asked);
      results.push(result);
      lowest = Math.min(lowest, timestamp);
      succeeded ||= result.success;
    }
    await host.save(wallet);
    if (!succeeded) return results.map(resultJson);
    const start = firstHeightSince(host, lowest - TIMESTAMP_WINDOW_S, wallet.position.height);
    const scan = await host.rescan(wallet, start, undefined);
    if (scan.status === 'aborted') throw new RpcError(RpcCode.MISC_ERROR, 'Rescan aborted by user.');
    if (scan.status === 'done') return results.map(resultJson);
    const missing = chain.atHeight(scan.height);
    const missingTime = missing === undefined ? 0 : chain.headers.timeOf(missing);
    return results.map((result, i) => {
      if (result.error !== undefined || timestamps[i]! > missingTime + TIMESTAMP_WINDOW_S) {
        return resultJson(result);
      }
      const message = `Rescan failed for descriptor with timestamp ${timestamps[i]}. There was an error reading a block from time ${missingTime}, which is after or within ${TIMESTAMP_WINDOW_S} seconds of key creation, and could contain transactions pertaining to the desc. As a result, transactions and coins using this desc may not appear in the wallet.${whyMissing(host)}`;
      return resultJson({ success: false, error: new RpcError(RpcCode.MISC_ERROR, message), warnings: [] });
    });
  },
});

/** Why a block cannot be read, as far as that can be said (Core: wallet/rpc/backup.cpp). */
function whyMissing({ node: { blocks, chain } }: WalletHost): string {
  if (blocks.pruning !== undefined && chain.history() === undefined) {
    return ' This error could be caused by pruning or data corruption (see bitcoind log for details) and could be dealt with by downloading and rescanning the relevant blocks (see -reindex option and rescanblockchain RPC).';
  }
  if (chain.history() !== undefined) {
    return ' This error is likely caused by an in-progress assumeutxo background sync. Check logs or getchainstates RPC for assumeutxo background sync progress and try again later.';
  }
  return ' This error could potentially caused by data corruption. If the issue persists you may want to reindex (see -reindex option).';
}

interface ImportResult {
  readonly success: boolean;
  readonly warnings: readonly string[];
  readonly error?: RpcError;
}

function resultJson({ success, error, warnings }: ImportResult): JsonOut {
  return {
    success,
    error: error && { code: error.code, message: error.message },
    warnings: warnings.length > 0 ? warnings : undefined,
  };
}

function importOne(
  wallet: Wallet,
  host: WalletHost,
  request: ParsedObject,
  timestamp: UnixSeconds,
): ImportResult {
  const warnings: string[] = [];
  try {
    importDescriptors(wallet, host, request, timestamp, warnings);
    return { success: true, warnings };
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    return { success: false, warnings, error };
  }
}

function importDescriptors(
  wallet: Wallet,
  host: WalletHost,
  request: ParsedObject,
  timestamp: UnixSeconds,
  warnings: string[],
): void {
  if (!request.has('desc')) parameter('Descriptor not found.');
  const text = expectType(request.get('desc'), 'string');
  const isActive = request.has('active') && expectType(request.get('active'), 'bool');
  const label = toLabel(request.get('label'));
  const hasLabel = request.has('label');
  const descriptors = toDescriptors(text, host.node.chain.params, { requireChecksum: true });
  const first = descriptors[0]!;
  if (request.has('internal') && descriptors.length > 1) {
    throw new RpcError(
      RpcCode.INVALID_ADDRESS_OR_KEY,
      "Cannot have multipath descriptor while also specifying 'internal'",
    );
  }
  const isInternal = request.has('internal') && expectType(request.get('internal'), 'bool');
  const range = toImportRange(wallet, request, first, warnings);
  if (isActive && !first.isRange) parameter('Active descriptors must be ranged');
  if (descriptors.length > 1 && hasLabel) parameter('Multipath descriptors should not have a label');
  if (first.isRange && hasLabel) parameter('Ranged descriptors should not have a label');
  if (isInternal && hasLabel) parameter('Internal addresses should not have a label');
  if (isActive && !first.isSingleType) refuse('Combo descriptors cannot be set to active');
  if (wallet.disablesPrivateKeys && first.hasPrivateKeys) {
    refuse('Cannot import private keys to a wallet with private keys disabled');
  }
  for (const [i, descriptor] of descriptors.entries()) {
    const use = isInternal || (descriptors.length === 2 && i === 1) ? 'change' : 'receive';
    if (descriptor.expand(range.rangeStart) === undefined) refuse(CANNOT_EXPAND);
    if (!wallet.disablesPrivateKeys) {
      if (!descriptor.hasPrivateKeys) {
        refuse('Cannot import descriptor without private keys to a wallet with private keys enabled');
      }
      if (descriptor.secretKeys(range.rangeStart).includes(undefined)) {
        warnings.push(
          'Not all private keys provided. Some wallet functionality may return unexpected errors',
        );
      }
    }
    addToWallet(wallet, descriptor, { ...range, timestamp, text });
    const keeper = wallet.keys.keepers.find(({ text: known }) => known === descriptor.toNormalizedString())!;
    if (!descriptor.isRange && use === 'receive') {
      for (const script of keeper.expand(0).scripts) wallet.setAddress(script, label, 'receive');
    }
    if (!isActive) wallet.keys.deactivate(keeper);
    else if (outputTypeOf(descriptor) === undefined) {
      warnings.push('Unknown output type, cannot set descriptor to active.');
    } else wallet.keys.activate(keeper, use);
  }
}

const CANNOT_EXPAND =
  'Cannot expand descriptor. Probably because of hardened derivations without private keys provided';

function addToWallet(
  wallet: Wallet,
  descriptor: Descriptor,
  { text, ...range }: ImportRange & { readonly text: string; readonly timestamp: UnixSeconds },
): void {
  try {
    wallet.importDescriptor({ descriptor, ...range });
  } catch (error) {
    if (!(error instanceof KeyRingError)) throw error;
    // The text may hold private keys, so it is not repeated as Core does.
    refuse(error.message === CANNOT_EXPAND ? CANNOT_EXPAND : `Could not add descriptor: ${error.message}`);
  }
}

interface ImportRange {
  readonly rangeStart: number;
  readonly rangeEnd: number;
  readonly nextIndex: number;
}

function toImportRange(
  wallet: Wallet,
  request: ParsedObject,
  descriptor: Descriptor,
  warnings: string[],
): ImportRange {
  if (!descriptor.isRange) {
    if (request.has('range')) parameter('Range should not be specified for an un-ranged descriptor');
    return { rangeStart: 0, rangeEnd: 1, nextIndex: 0 };
  }
  let rangeStart = 0;
  let rangeEnd = wallet.options.keyPoolSize;
  if (request.has('range')) {
    const [begin, end] = toRange(request.get('range'));
    rangeStart = begin;
    rangeEnd = end + 1;
  } else warnings.push('Range not given, using default keypool range');
  if (!request.has('next_index')) return { rangeStart, rangeEnd, nextIndex: rangeStart };
  const nextIndex = toInteger(request.get('next_index'), 'i64');
  if (nextIndex < rangeStart || nextIndex >= rangeEnd) parameter('next_index is out of range');
  return { rangeStart, rangeEnd, nextIndex };
}

function toTimestamp(request: ParsedObject, now: UnixSeconds): UnixSeconds {
  const timestamp = request.get('timestamp');
  if (timestamp === undefined) {
    throw new RpcError(RpcCode.TYPE_ERROR, 'Missing required timestamp field for key');
  }
  if (timestamp instanceof JsonNumber) return toInteger(timestamp, 'i64');
  if (timestamp === 'now') return now;
  throw new RpcError(
    RpcCode.TYPE_ERROR,
    `Expected number or "now" timestamp value for key. got type ${jsonType(timestamp)}`,
  );
}

/** The first block that is not certainly older than `time`: times of blocks are not in order, so all before count. */
function firstHeightSince({ node: { chain } }: WalletHost, time: UnixSeconds, tipHeight: number): number {
  for (let height = 0; height <= tipHeight; height += 1) {
    const id = chain.atHeight(height);
    if (id === undefined || chain.headers.timeOf(id) >= time) return height;
  }
  return tipHeight + 1;
}

function parameter(message: string): never {
  throw new RpcError(RpcCode.INVALID_PARAMETER, message);
}

function refuse(message: string): never {
  throw new RpcError(RpcCode.WALLET_ERROR, message);
}
