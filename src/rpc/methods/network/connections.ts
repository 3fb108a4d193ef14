/** Connections that the user asks for (Core: rpc/net.cpp). */
import { SERVICES } from '../../../wire/messages.ts';
import { addressText } from '../../../wire/net-address.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { methodHelp } from '../../help.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';

/** Connections of addnode at a time (Core: MAX_ADDNODE_CONNECTIONS). */
const ADDED_CONNECTIONS_MAX = 8;
const EXAMPLE_NODE = '192.168.0.6:8333';

export const addnode: RpcMethod<NodeFacade> = {
  name: 'addnode',
  category: 'network',
  description:
    'Adds a node to the list of those that are kept connected, or removes it, or tries to connect to it once.\n' +
    'Such nodes are not disconnected for what they do, and need not be full nodes.\n' +
    `At most ${ADDED_CONNECTIONS_MAX} of them are connected at a time; -maxconnections does not count them.`,
  params: [
    { name: 'node', type: 'string', doc: 'The address or name of the node, with :port if need be' },
    {
      name: 'command',
      type: 'string',
      doc: "'add' to add it to the list, 'remove' to remove it, 'onetry' to try it once",
    },
    {
      name: 'v2transport',
      type: 'boolean',
      defaultHint: 'set by -v2transport',
      doc: "Whether to encrypt the connection (BIP324); means nothing for 'remove'",
    },
  ],
  results: [res.null('', '')],
  examples: [[EXAMPLE_NODE, 'onetry']],
  run({ network }, args) {
    const node = args.string('node');
    const command = args.string('command');
    if (command !== 'onetry' && command !== 'add' && command !== 'remove') {
      throw new RpcError(RpcCode.MISC_ERROR, methodHelp(addnode));
    }
    const offersV2 = (network.localServices & SERVICES.v2Transport) !== 0n;
    const transport = (args.optionalBoolean('v2transport') ?? offersV2) ? 'v2' : 'v1';
    if (transport === 'v2' && !offersV2) {
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        'Error: v2transport requested but not enabled (see -v2transport)',
      );
    }
    if (command === 'onetry') network.connectOnce(node, transport);
    else if (command === 'add' && !network.addNode(node, transport)) {
      throw new RpcError(RpcCode.CLIENT_NODE_ALREADY_ADDED, 'Error: Node already added');
    } else if (command === 'remove' && !network.removeNode(node)) {
      throw new RpcError(
        RpcCode.CLIENT_NODE_NOT_ADDED,
        'Error: Node could not be removed. It has not been added previously.',
      );
    }
    return null;
  },
};

export const getaddednodeinfo: RpcMethod<NodeFacade> = {
  name: 'getaddednodeinfo',
  category: 'network',
  description: 'Tells about the nodes that were added by addnode (not by onetry).',
  params: [{ name: 'node', type: 'string', defaultHint: 'all nodes', doc: 'Tells about this one only.' }],
  results: [
    res.array('', '', [
      res.object('', '', [
        res.string('addednode', 'the node as it was given to addnode'),
        res.boolean('connected', 'whether it is connected'),
        res.array('addresses', 'only when it is connected', [
          res.object('', '', [
            res.string('address', 'its address and port'),
            res.string('connected', 'inbound or outbound'),
          ]),
        ]),
      ]),
    ]),
  ],
  examples: [[EXAMPLE_NODE]],
  run({ network }, args) {
    const only = args.optionalString('node');
    const nodes = network.addedNodes().filter(({ node }) => only === undefined || node === only);
    if (only !== undefined && nodes.length === 0) {
      throw new RpcError(RpcCode.CLIENT_NODE_NOT_ADDED, 'Error: Node has not been added.');
    }
    const peers = network.peers();
    return nodes.map(({ node, place }) => {
      const peer = peers.find(({ name, address }) => name === place || addressText(address) === place);
      const direction = peer?.type === 'inbound' ? 'inbound' : 'outbound';
      return {
        addednode: node,
        connected: peer !== undefined,
        addresses: peer ? [{ address: addressText(peer.address), connected: direction }] : [],
      };
    });
  },
};

const TYPES = ['outbound-full-relay', 'block-relay-only', 'addr-fetch', 'feeler'] as const;

export const addconnection: RpcMethod<NodeFacade> = {
  name: 'addconnection',
  category: 'hidden',
  description: 'Opens a connection to a node. For tests only.',
  params: [
    { name: 'address', type: 'string', doc: 'The address and port of the node.' },
    {
      name: 'connection_type',
      type: 'string',
      doc: 'What for ("outbound-full-relay", "block-relay-only", "addr-fetch" or "feeler").',
    },
    { name: 'v2transport', type: 'boolean', doc: 'Whether to encrypt the connection (BIP324)' },
  ],
  results: [
    res.object('', '', [
      res.string('address', 'the address'),
      res.string('connection_type', 'what the connection is for'),
    ]),
  ],
  examples: [[EXAMPLE_NODE, 'outbound-full-relay', false]],
  async run({ chain, network }, args) {
    if (chain.params.name !== 'regtest') {
      throw new RpcError(RpcCode.MISC_ERROR, 'addconnection is for regression testing (-regtest mode) only.');
    }
    const address = args.string('address');
    const type = TYPES.find(name => name === args.string('connection_type').trim());
    if (type === undefined) throw new RpcError(RpcCode.INVALID_PARAMETER, methodHelp(addconnection));
    const transport = args.boolean('v2transport') ? 'v2' : 'v1';
    if (transport === 'v2' && (network.localServices & SERVICES.v2Transport) === 0n) {
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        'Error: Adding v2transport connections requires -v2transport init flag to be set.',
      );
    }
    if (!(await network.addConnection(address, type, transport))) {
      throw new RpcError(
        RpcCode.CLIENT_NODE_CAPACITY_REACHED,
        'Error: Already at capacity for specified connection type.',
      );
    }
    return { address, connection_type: type };
  },
};
