/** Addresses and descriptors (Core: rpc/output_script.cpp). */
import { bytesToHex } from '../../../base/bytes.ts';
import type { ChainParams } from '../../../consensus/params.ts';
import { AddressError, decodeAddress, encodeAddress } from '../../../script/address.ts';
import type { Descriptor } from '../../../script/descriptor.ts';
import { descriptorChecksum } from '../../../script/descriptor-checksum.ts';
import { isPayToScriptHash, solveScript, witnessProgram } from '../../../script/templates.ts';
import { toRange } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { toDescriptors } from '../../destinations.ts';
import type { JsonOut } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res, when } from '../../result-doc.ts';

export const validateaddress: RpcMethod<NodeFacade> = {
  name: 'validateaddress',
  category: 'util',
  description: 'Tells about a Bitcoin address.',
  params: [{ name: 'address', type: 'string', doc: 'The address' }],
  results: [
    res.object('', '', [
      res.boolean('isvalid', 'whether it is an address of this network'),
      res.string('address?', 'the address'),
      res.hex('scriptPubKey?', 'the script that pays to it'),
      res.boolean('isscript?', 'whether it stands for a script'),
      res.boolean('iswitness?', 'whether it is a witness address'),
      res.number('witness_version?', 'the version of its witness program'),
      res.hex('witness_program?', 'its witness program'),
      res.array('error_locations?', 'where it may be wrong, if that can be told (Bech32)', [
        res.number('index', 'place of a character'),
      ]),
      res.string('error?', 'what is wrong'),
    ]),
  ],
  examples: [['bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl']],
  run({ chain: { params } }, args) {
    try {
      const { scriptPubKey } = decodeAddress(args.string('address'), params.address);
      return {
        isvalid: true,
        address: encodeAddress(scriptPubKey, params.address),
        scriptPubKey: bytesToHex(scriptPubKey),
        ...describeDestination(scriptPubKey),
      };
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      return { isvalid: false, error_locations: error.errorLocations, error: error.message };
    }
  },
};

/** What an address says about its script , also in `getaddressinfo` (Core: DescribeAddress). */
export function describeDestination(scriptPubKey: Uint8Array): { readonly [name: string]: JsonOut } {
  const witness = witnessProgram(scriptPubKey);
  if (witness === undefined) return { isscript: isPayToScriptHash(scriptPubKey), iswitness: false };
  const { type } = solveScript(scriptPubKey);
  if (type === 'anchor') return { isscript: true, iswitness: true };
  const isScript = { witness_v0_keyhash: false, witness_v0_scripthash: true, witness_v1_taproot: true }[
    type as string
  ];
  return {
    isscript: isScript,
    iswitness: true,
    witness_version: witness.version,
    witness_program: bytesToHex(witness.program),
  };
}

export const getdescriptorinfo: RpcMethod<NodeFacade> = {
  name: 'getdescriptorinfo',
  category: 'util',
  description: 'Tells about a descriptor.',
  params: [{ name: 'descriptor', type: 'string', doc: 'The descriptor.' }],
  results: [
    res.object('', '', [
      res.string(
        'descriptor',
        'the descriptor in its canonical form, without private keys; of a multipath one the first',
      ),
      res.array('multipath_expansion?', 'all descriptors of a multipath one', [res.string('', '')]),
      res.string('checksum', 'the checksum of what was given'),
      res.boolean('isrange', 'whether it stands for a range'),
      res.boolean('issolvable', 'whether its scripts could be signed for'),
      res.boolean('hasprivatekeys', 'whether it holds private keys'),
    ]),
  ],
  examples: [
    ['wpkh([d34db33f/84h/0h/0h]0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798)'],
  ],
  run({ chain: { params } }, args) {
    const text = args.string('descriptor');
    const descriptors = toDescriptors(text, params, { requireChecksum: false });
    const first = descriptors[0]!;
    return {
      descriptor: first.toString(),
      multipath_expansion: descriptors.length > 1 ? descriptors.map(String) : undefined,
      checksum: descriptorChecksum(text.replace(/#.*$/, '')),
      isrange: first.isRange,
      issolvable: first.isSolvable,
      hasprivatekeys: first.hasPrivateKeys,
    };
  },
};

const addressListDoc = res.array('', '', [res.string('address', 'an address')]);

export const deriveaddresses: RpcMethod<NodeFacade> = {
  name: 'deriveaddresses',
  category: 'util',
  description:
    'Derives the addresses of a descriptor.\n' +
    'Descriptors are for instance:\n' +
    '    pkh(<pubkey>)                                     P2PKH of a key\n' +
    '    wpkh(<pubkey>)                                    P2WPKH of a key\n' +
    '    sh(multi(<n>,<pubkey>,<pubkey>,...))              P2SH of a multisig script\n' +
    '    raw(<hex script>)                                 a script as it stands\n\n' +
    'where <pubkey> is a public key in hexadecimal, or an xpub or xprv with the path of its child keys, h for hardened.',
  params: [
    { name: 'descriptor', type: 'string', doc: 'The descriptor.' },
    {
      name: 'range',
      type: 'range',
      optional: true,
      doc: 'Of a ranged descriptor: the end, or [begin,end], of what to derive.',
    },
  ],
  results: [
    when('for single derivation descriptors', addressListDoc),
    when('for multipath descriptors', res.array('', 'the addresses by path', [addressListDoc])),
  ],
  examples: [
    [
      'wpkh([d34db33f/84h/0h/0h]xpub6DJ2dNUysrn5Vt36jH2KLBT2i1auw1tTSSomg8PhqNiUtx8QX2SvC9nrHu81fT41fvDUnhMjEzQgXnQjKEu3oaqMSzhSrHMxyyoEAmUHQbY/0/*)#cjjspncu',
      [0, 2],
    ],
  ],
  run({ chain: { params } }, args) {
    const range = args.has('range') ? toRange(args.get('range')) : ([0, 0] as const);
    const descriptors = toDescriptors(args.string('descriptor'), params, { requireChecksum: true });
    const { isRange } = descriptors[0]!;
    if (!isRange && args.count > 1) {
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        'Range should not be specified for an un-ranged descriptor',
      );
    }
    if (isRange && args.count === 1) {
      throw new RpcError(RpcCode.INVALID_PARAMETER, 'Range must be specified for a ranged descriptor');
    }
    const lists = descriptors.map(descriptor => derive(descriptor, range, params));
    return lists.length === 1 ? lists[0] : lists;
  },
};

function derive(
  descriptor: Descriptor,
  [begin, end]: readonly [number, number],
  params: ChainParams,
): string[] {
  const addresses: string[] = [];
  for (let index = begin; index <= end; index += 1) {
    const scripts = descriptor.expand(index)?.scripts;
    if (scripts === undefined) {
      throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, 'Cannot derive script without private keys');
    }
    for (const script of scripts) {
      const address = encodeAddress(script, params.address);
      if (address !== undefined) addresses.push(address);
      // A combo has a P2PK script too, which has no address.
      else if (scripts.length === 1 || solveScript(script).type !== 'pubkey') {
        throw new RpcError(
          RpcCode.INVALID_ADDRESS_OR_KEY,
          'Descriptor does not have a corresponding address',
        );
      }
    }
  }
  if (addresses.length === 0) throw new RpcError(RpcCode.MISC_ERROR, 'Unexpected empty result');
  return addresses;
}
