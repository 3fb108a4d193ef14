/** Bans by hand (Core: rpc/net.cpp). */
import { toUnixSeconds } from '../../../base/clock.ts';
import { parseSubnet, type Subnet, subnetContains, subnetText } from '../../../wire/subnet.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { methodHelp } from '../../help.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';

export const setban: RpcMethod<NodeFacade> = {
  name: 'setban',
  category: 'network',
  description: 'Bans an address or a subnet, or ends its ban.',
  params: [
    {
      name: 'subnet',
      type: 'string',
      doc: 'The address or subnet, with a netmask if need be (a single address without one)',
    },
    { name: 'command', type: 'string', doc: "'add' to ban it, 'remove' to end its ban" },
    {
      name: 'bantime',
      type: 'number',
      default: 0,
      doc: 'Seconds that the ban lasts, or when it ends if [absolute] is set (0: 24 hours, or what -bantime says)',
    },
    {
      name: 'absolute',
      type: 'boolean',
      default: false,
      doc: 'Whether bantime is a time (UNIX epoch time)',
    },
  ],
  results: [res.null('', '')],
  examples: [
    ['192.168.0.6', 'add', 86_400],
    ['192.168.0.0/24', 'add'],
  ],
  run({ network, clock }, args) {
    const command = args.string('command');
    if (command !== 'add' && command !== 'remove') {
      throw new RpcError(RpcCode.MISC_ERROR, methodHelp(setban));
    }
    const text = args.string('subnet');
    const subnet = parseSubnet(text);
    if (subnet === undefined) {
      throw new RpcError(RpcCode.CLIENT_INVALID_IP_OR_SUBNET, 'Error: Invalid IP/Subnet');
    }
    if (command === 'remove') {
      if (network.unban(subnet)) return null;
      throw new RpcError(
        RpcCode.CLIENT_INVALID_IP_OR_SUBNET,
        'Error: Unban failed. Requested address/subnet was not previously manually banned.',
      );
    }
    const isCovered = (banned: Subnet): boolean =>
      // A single address is banned too by a subnet around it.
      text.includes('/') ? subnetText(banned) === subnetText(subnet) : subnetContains(banned, subnet.address);
    const now = toUnixSeconds(clock.now());
    if (network.bans().some(ban => ban.until > now && isCovered(ban.subnet))) {
      throw new RpcError(RpcCode.CLIENT_NODE_ALREADY_ADDED, 'Error: IP/Subnet already banned');
    }
    const time = args.integer('bantime', 'i64');
    const isAbsolute = args.boolean('absolute');
    if (isAbsolute && time < now) {
      throw new RpcError(RpcCode.INVALID_PARAMETER, 'Error: Absolute timestamp is in the past');
    }
    network.ban(subnet, time <= 0 ? undefined : isAbsolute ? time : now + time);
    return null;
  },
};

export const listbanned: RpcMethod<NodeFacade> = {
  name: 'listbanned',
  category: 'network',
  description: 'Lists the addresses and subnets that were banned by hand.',
  params: [],
  results: [
    res.array('', '', [
      res.object('', '', [
        res.string('address', 'the address or subnet'),
        res.time('ban_created', 'when it was banned, in UNIX epoch time'),
        res.time('banned_until', 'when the ban ends, in UNIX epoch time'),
        res.time('ban_duration', 'seconds that the ban lasts'),
        res.time('time_remaining', 'seconds until it ends'),
      ]),
    ]),
  ],
  examples: [[]],
  run({ network, clock }) {
    const now = toUnixSeconds(clock.now());
    const bans = network.bans().filter(ban => ban.until > now);
    return bans.map(({ subnet, createdAt, until }) => ({
      address: subnetText(subnet),
      ban_created: createdAt,
      banned_until: until,
      ban_duration: until - createdAt,
      time_remaining: until - now,
    }));
  },
};

export const clearbanned: RpcMethod<NodeFacade> = {
  name: 'clearbanned',
  category: 'network',
  description: 'Ends all bans.',
  params: [],
  results: [res.null('', '')],
  examples: [[]],
  run({ network }) {
    network.clearBans();
    return null;
  },
};
