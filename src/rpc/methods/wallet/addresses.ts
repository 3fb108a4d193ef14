/** Addresses and labels (Core: wallet/rpc/addresses.cpp). */
import { binaryToBytes } from '../../../base/bytes.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { requireScriptOfAddress } from '../../destinations.ts';
import { JsonObject, type JsonOut } from '../../json.ts';
import type { Param } from '../../param.ts';
import { res } from '../../result-doc.ts';
import {
  addressOf,
  answering,
  NEEDS_PASSPHRASE,
  requireUnlocked,
  toLabel,
  toOutputType,
  walletMethod,
} from './common.ts';

const NO_KEYS = 'Error: This wallet has no available keys';

function addressType(option: string): Param {
  return {
    name: 'address_type',
    type: 'string',
    defaultHint: `set by ${option}`,
    doc: 'One of "legacy", "p2sh-segwit", "bech32", "bech32m".',
  };
}

export const getnewaddress = walletMethod({
  name: 'getnewaddress',
  description: 'Gives a new address to receive to. With a label, it is kept in the address book under that.',
  params: [
    { name: 'label', type: 'string', default: '', doc: 'The label of the address.' },
    addressType('-addresstype'),
  ],
  results: [res.string('address', 'the new address')],
  examples: [[]],
  runs: 'freely',
  async run(wallet, args) {
    if (wallet.keys.activeKeepers('receive').length === 0) throw new RpcError(RpcCode.WALLET_ERROR, NO_KEYS);
    const label = toLabel(args.get('label'));
    const given = args.optionalString('address_type');
    const type = given === undefined ? wallet.options.addressType : toOutputType(given);
    return answering(RpcCode.WALLET_KEYPOOL_RAN_OUT, () => addressOf(wallet, wallet.newAddress(type, label)));
  },
});

export const getrawchangeaddress = walletMethod({
  name: 'getrawchangeaddress',
  description: 'Gives a new address for change, for transactions made by hand.',
  params: [addressType('-changetype')],
  results: [res.string('address', 'the address')],
  examples: [[]],
  runs: 'freely',
  async run(wallet, args) {
    if (wallet.keys.activeKeepers('change').length === 0) throw new RpcError(RpcCode.WALLET_ERROR, NO_KEYS);
    const given = args.optionalString('address_type');
    const { changeType, addressType: fallback } = wallet.options;
    const type = given === undefined ? (changeType ?? fallback) : toOutputType(given);
    return answering(RpcCode.WALLET_KEYPOOL_RAN_OUT, () => addressOf(wallet, wallet.newChangeAddress(type)));
  },
});

export const setlabel = walletMethod({
  name: 'setlabel',
  description: 'Sets the label of an address.',
  params: [
    { name: 'address', type: 'string', doc: 'The address.' },
    { name: 'label', type: 'string', doc: 'The label.' },
  ],
  results: [res.null('', '')],
  examples: [['bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl', 'tabby']],
  runs: 'freely',
  run(wallet, args, host) {
    const script = requireScriptOfAddress(
      args.string('address'),
      host.node.chain.params,
      'Invalid Bitcoin address',
    );
    const label = toLabel(args.get('label'));
    wallet.setAddress(script, label, wallet.keys.isMine(script) ? 'receive' : 'send');
    return null;
  },
});

export const getaddressesbylabel = walletMethod({
  name: 'getaddressesbylabel',
  description: 'Lists the addresses of a label.',
  params: [{ name: 'label', type: 'string', doc: 'The label.' }],
  results: [
    res.userKeys('', 'with addresses as keys', [
      res.object('address', '', [res.string('purpose', '"receive" or "send"')]),
    ]),
  ],
  examples: [['tabby']],
  runs: 'freely',
  run(wallet, args) {
    const label = toLabel(args.get('label'));
    const members: [string, JsonOut][] = [];
    for (const [script, entry] of wallet.addresses()) {
      const address = entry.label === label ? addressOf(wallet, binaryToBytes(script)) : undefined;
      if (address !== undefined) members.push([address, { purpose: entry.purpose }]);
    }
    if (members.length === 0) {
      throw new RpcError(RpcCode.WALLET_INVALID_LABEL_NAME, `No addresses with label ${label}`);
    }
    return new JsonObject(members);
  },
});

export const listlabels = walletMethod({
  name: 'listlabels',
  description: 'Lists all labels, or those of addresses with a purpose.',
  params: [
    {
      name: 'purpose',
      type: 'string',
      optional: true,
      doc: "'send' or 'receive'; empty as if it was left out.",
    },
  ],
  results: [res.array('', '', [res.string('label', 'a label')])],
  examples: [[], ['receive']],
  runs: 'freely',
  run(wallet, args) {
    const purpose = args.optionalString('purpose') ?? '';
    if (!['', 'send', 'receive', 'refund'].includes(purpose)) {
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        "Invalid 'purpose' argument, must be a known purpose string, typically 'send', or 'receive'.",
      );
    }
    const labels = new Set<string>();
    for (const [, entry] of wallet.addresses()) {
      if (purpose === '' || entry.purpose === purpose) labels.add(entry.label);
    }
    return [...labels].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  },
});

export const keypoolrefill = walletMethod({
  name: 'keypoolrefill',
  description: `Derives addresses ahead of those that are used.\n${NEEDS_PASSPHRASE}`,
  params: [
    {
      name: 'newsize',
      type: 'number',
      defaultHint: '1000, or as set by -keypool',
      doc: 'How many for each descriptor',
    },
  ],
  results: [res.null('', '')],
  examples: [[]],
  runs: 'freely',
  run(wallet, args) {
    const size = args.optionalInteger('newsize') ?? 0;
    if (size < 0) throw new RpcError(RpcCode.INVALID_PARAMETER, 'Invalid parameter, expected valid size.');
    requireUnlocked(wallet);
    wallet.topUp(size === 0 ? undefined : size);
    return null;
  },
});
