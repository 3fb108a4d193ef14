/** The address book, for people and tests (Core: rpc/net.cpp). */
import { type NetHost, networkClassOf } from '../../../p2p/netgroup.ts';
import { type AddressNetwork, hostText, parseAddress } from '../../../wire/net-address.ts';
import { base32 } from '../../../wire/overlay-names.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { JsonObject } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';
import { NETWORK_NAMES } from '../../services-text.ts';

export const getnodeaddresses: RpcMethod<NodeFacade> = {
  name: 'getnodeaddresses',
  category: 'network',
  description:
    'Gives addresses of nodes that may be good and recent, to find more peers.\nThe node may know more than it gives.',
  params: [
    { name: 'count', type: 'number', default: 1, doc: 'How many at most. 0 gives all.' },
    {
      name: 'network',
      type: 'string',
      defaultHint: 'all networks',
      doc: `Only of this network: ${NETWORK_NAMES.join(', ')}.`,
    },
  ],
  results: [
    res.array('', '', [
      res.object('', '', [
        res.time('time', 'when the node was last seen, in UNIX epoch time'),
        res.number('services', 'the services it offers'),
        res.string('address', 'its address'),
        res.number('port', 'its port'),
        res.string('network', 'its network'),
      ]),
    ]),
  ],
  examples: [[8], [4, 'i2p']],
  run({ network }, args) {
    const count = args.integer('count');
    if (count < 0) throw new RpcError(RpcCode.INVALID_PARAMETER, 'Address count out of range');
    const wanted = args.optionalString('network');
    const only = NETWORK_NAMES.find(name => name === wanted?.toLowerCase());
    if (wanted !== undefined && only === undefined) {
      throw new RpcError(RpcCode.INVALID_PARAMETER, `Network not recognized: ${wanted}`);
    }
    return network.addresses(count, only).map(address => ({
      time: address.time,
      services: address.services,
      address: hostText(address),
      port: address.port,
      network: address.network,
    }));
  },
};

export const getaddrmaninfo: RpcMethod<NodeFacade> = {
  name: 'getaddrmaninfo',
  category: 'network',
  description: 'Counts the addresses that the node knows, by network.',
  params: [],
  results: [
    res.userKeys('', 'by network, and for all_networks', [
      res.object('network', '', [
        res.number('new', 'addresses heard of, never connected to'),
        res.number('tried', 'addresses connected to before'),
        res.number('total', 'the sum of both'),
      ]),
    ]),
  ],
  examples: [[]],
  run({ network }) {
    const counts = (only: AddressNetwork | undefined) => {
      const [fresh, tried] = [network.addressCount(only, 'new'), network.addressCount(only, 'tried')];
      return { new: fresh, tried, total: fresh + tried };
    };
    return new JsonObject([
      ...NETWORK_NAMES.map(name => [name, counts(name)] as const),
      ['all_networks', counts(undefined)],
    ]);
  },
};

export const getrawaddrman: RpcMethod<NodeFacade> = {
  name: 'getrawaddrman',
  category: 'hidden',
  description: 'Lists every entry of the tables of the address book.',
  params: [],
  results: [
    res.userKeys('', '', [
      res.userKeys('table', 'new or tried', [
        res.object('bucket/position', 'where it stands', [
          res.string('address', 'the address'),
          res.number('mapped_as?', 'its autonomous system, by the map of -asmap'),
          res.number('port', 'its port'),
          res.number('services', 'the services it offers'),
          res.time('time', 'when the node was last seen, in UNIX epoch time'),
          res.string('network', `its network (${NETWORK_NAMES.join(', ')})`),
          res.string('source', 'who told us of it'),
          res.string('source_network', 'the network of who told us'),
          res.number('source_mapped_as?', 'the autonomous system of who told us'),
        ]),
      ]),
    ]),
  ],
  examples: [[]],
  run({ network }) {
    const table = (name: 'new' | 'tried') =>
      new JsonObject(
        network.placedAddresses(name).map(({ entry, bucket, position }) => [
          `${bucket}/${position}`,
          {
            address: hostText(entry.address),
            mapped_as: network.mappedAs(entry.address) || undefined,
            port: entry.address.port,
            services: entry.services,
            time: entry.time,
            network: networkText(entry.address),
            source: sourceText(entry.source),
            source_network: networkText(entry.source),
            source_mapped_as: network.mappedAs(entry.source) || undefined,
          },
        ]),
      );
    return { new: table('new'), tried: table('tried') };
  },
};

/** As a Core that was built without one. */
export const exportasmap: RpcMethod<NodeFacade> = {
  name: 'exportasmap',
  category: 'network',
  description:
    'Would write the map of autonomous systems inside the program to a file, but there is none: maps are given by -asmap.',
  params: [{ name: 'path', type: 'string', doc: 'The file' }],
  results: [
    res.object('', '', [
      res.string('path', 'where it was written'),
      res.number('bytes_written', 'how many bytes'),
      res.hex('file_hash', 'the SHA256 of them'),
    ]),
  ],
  examples: [['asmap.dat']],
  run() {
    throw new RpcError(RpcCode.MISC_ERROR, 'No embedded ASMap data available');
  },
};

/** Seeds of which we know no address are hosts of their own kind (Core: NET_INTERNAL). */
function sourceText({ network, bytes }: NetHost): string {
  return network === 'internal' ? `${base32(bytes)}.internal` : hostText({ network, bytes });
}

function networkText(host: NetHost): string {
  const network = networkClassOf(host, { privateNetwork: false });
  return network === 'unroutable' ? 'not_publicly_routable' : network;
}

export const addpeeraddress: RpcMethod<NodeFacade> = {
  name: 'addpeeraddress',
  category: 'hidden',
  description: 'Adds an address to the address book. For tests only.',
  params: [
    { name: 'address', type: 'string', doc: 'The IP address' },
    { name: 'port', type: 'number', doc: 'The port' },
    {
      name: 'tried',
      type: 'boolean',
      default: false,
      doc: 'Whether it goes to the table of addresses that worked',
    },
  ],
  results: [
    res.object('', '', [
      res.string('error?', 'why it was not added'),
      res.boolean('success', 'whether it was added'),
    ]),
  ],
  examples: [['1.2.3.4', 8333, true]],
  run({ network }, args) {
    const port = args.integer('port', 'u16');
    const table = args.boolean('tried') ? 'tried' : 'new';
    const address = parseAddress(args.string('address'), port);
    if (address === undefined || address.port !== port) {
      throw new RpcError(RpcCode.CLIENT_INVALID_IP_OR_SUBNET, 'Invalid IP address');
    }
    const result = network.addAddress(address, table);
    return result === 'added' ? { success: true } : { error: result, success: false };
  },
};
