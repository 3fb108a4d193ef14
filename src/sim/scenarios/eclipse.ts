/**
 * Eclipse on restart (Heilman, Kendler, Zohar, Goldberg 2015): an attacker with addresses in thousands of netgroups fills
 * the books of its victims and waits until they restart. A victim is eclipsed when all its outbound peers are the attacker's.
 *
 * The attacker gets what no attacker has: its addresses are put into the books at once, past the limit of one address in
 * ten seconds, and told from as many groups as it has, which is the best for it. The books' own rules decide what they
 * keep. The victims have a history: their `tried` tables hold all honest nodes, and as many stale addresses as feelers
 * leave (a fifth). The first restart is as Core makes it, with two anchors; the ones after it are without.
 */
import { HOUR_MS, MINUTE_MS, toUnixSeconds } from '../../base/clock.ts';
import { randomBelow } from '../../base/random.ts';
import type { TimedAddress } from '../../wire/net-address.ts';
import { NODE_SERVICES } from '../node-options.ts';
import { addNetwork, SETTLING_MS } from '../overlay.ts';
import { createWorld, pass, type Scenario } from '../scenario.ts';
import type { SimNode } from '../sim-node.ts';
import type { World } from '../world.ts';

/** Netgroups, and addresses in each: the botnet of the paper's title figure. */
const ATTACKER_GROUPS = 4_600;
/** Less against few nodes, so that a small world is a small run. */
const ATTACKER_GROUPS_PER_NODE = 23;
const ADDRESSES_PER_GROUP = 2;
/** One node in so many is a victim; so many hosts answer for all of the attacker's addresses. */
const VICTIM_EVERY = 5;
const ATTACKER_HOSTS = 8;
const ATTACKER_CONNECTIONS = 100_000;
/** Eight full-relay and two block-relay-only peers, at half a second and some in vain. */
const DIALING_MS = 2 * MINUTE_MS;
/** Restarts of each victim without anchors. */
const RESTARTS = 3;
/** Between two restarts: who was tried in the last ten minutes is passed over, and honest peers were. */
const GAP_MS = 11 * MINUTE_MS;
/** When the victims last spoke with those whom they know. */
const HISTORY_AGE_MS = 3 * HOUR_MS;
/** Of the tried addresses, those where nobody is any more (p2p literature: 72 to 95 % before there were feelers). */
const STALE_SHARE = 0.2;
const ECLIPSED_MAX = 0.001;
const OUTBOUND = 10;

export const eclipse: Scenario = {
  name: 'eclipse',
  about: 'victims restart with books that an attacker of 4,600 netgroups has filled',
  defaults: { nodes: 300, duration: 10 * MINUTE_MS, txPerSecond: 0 },
  *run(deps, options) {
    const world = createWorld(deps, options);
    const nodes = addNetwork(world, options);
    const victims = nodes.filter(node => node.index % VICTIM_EVERY === 0);
    giveHistory(world, victims, nodes);
    yield* pass(world, SETTLING_MS + options.duration);
    const before = victims.map(({ addressBook }) => ({ size: addressBook.size, tried: addressBook.triedCount }));
    const attackers = Array.from({ length: ATTACKER_HOSTS }, () =>
      world.addNode({ listens: true, options: { maxConnections: ATTACKER_CONNECTIONS, dialing: { kind: 'connect', targets: [] } } }),
    );
    for (const attacker of attackers) attacker.start();
    const addresses = attackerAddresses(world, attackers, Math.min(ATTACKER_GROUPS, ATTACKER_GROUPS_PER_NODE * nodes.length));
    const isAttacker = (index: number) => index >= nodes.length;
    const withAnchors = { slots: 0, taken: 0, eclipsed: 0, fewest: OUTBOUND };
    const without = { ...withAnchors };
    let inBooks = 0;
    world.checks.start(world.now + (1 + RESTARTS) * (GAP_MS + DIALING_MS));
    for (let round = 0; round < 1 + RESTARTS; round += 1) {
      const keepAnchors = round === 0;
      const counts = keepAnchors ? withAnchors : without;
      yield* pass(world, GAP_MS);
      for (const victim of victims) {
        victim.stop({ keepAnchors });
        // The book keeps what it was told: once is enough.
        if (round === 0) fill(world, victim, addresses);
        victim.start();
      }
      if (round === 0) inBooks = victims.reduce((sum, { addressBook }) => sum + addressBook.size, 0);
      yield* pass(world, DIALING_MS);
      for (const victim of victims) {
        const peers = outboundOf(victim);
        const theirs = peers.filter(isAttacker).length;
        counts.slots += peers.length;
        counts.taken += theirs;
        counts.fewest = Math.min(counts.fewest, peers.length - theirs);
        if (peers.length > 0 && theirs === peers.length) counts.eclipsed += 1;
      }
    }
    const restarts = RESTARTS * victims.length;
    const share = without.taken / without.slots;
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    return {
      world,
      figures: [
        { name: 'victims', value: victims.length, unit: '' },
        { name: 'addresses in a victim’s book before, mean', value: mean(before.map(({ size }) => size)), unit: '' },
        { name: 'of which tried', value: mean(before.map(({ tried }) => tried)), unit: '' },
        { name: 'addresses of the attacker told to each', value: addresses.length, unit: '' },
        { name: 'addresses in a victim’s book after, mean', value: inBooks / victims.length, unit: '' },
        { name: 'restarts with anchors', value: victims.length, unit: '' },
        { name: 'restarts without', value: restarts, unit: '' },
        { name: 'with anchors: outbound slots that the attacker got', value: (100 * withAnchors.taken) / withAnchors.slots, unit: '%' },
        { name: 'with anchors: restarts that ended eclipsed', value: (100 * withAnchors.eclipsed) / victims.length, unit: '%' },
        { name: 'with anchors: fewest honest outbound peers of any victim', value: withAnchors.fewest, unit: '' },
        { name: 'without: outbound slots that the attacker got', value: 100 * share, unit: '%' },
        { name: 'without: all ten by chance, if slots were independent', value: 100 * share ** OUTBOUND, unit: '%' },
        { name: 'without: restarts that ended eclipsed', value: (100 * without.eclipsed) / restarts, unit: '%' },
        { name: 'without: fewest honest outbound peers of any victim', value: without.fewest, unit: '' },
      ],
      verdicts: [
        { promise: 'at most one restart in a thousand ends eclipsed', holds: withAnchors.eclipsed / victims.length <= ECLIPSED_MAX },
      ],
    };
  },
}; // biome-ignore format: tables

/** Outbound peers that last, by the index of their nodes. */
function outboundOf(node: SimNode): number[] {
  const peers: number[] = [];
  for (const { type, isReady, link } of node.connections()) {
    if (isReady && (type === 'outbound-full-relay' || type === 'block-relay-only'))
      peers.push(link.hosts[1].index);
  }
  return peers;
}

/** Two addresses in each of so many groups of two bytes, all answered by the attacker's hosts. */
function attackerAddresses(world: World, hosts: readonly SimNode[], groupCount: number): TimedAddress[] {
  const groups = new Set<number>();
  const addresses: TimedAddress[] = [];
  while (groups.size < groupCount) {
    const first = world.freshAddress();
    const group = (first.bytes[0]! << 8) | first.bytes[1]!;
    if (groups.has(group)) continue;
    groups.add(group);
    for (let i = 0; i < ADDRESSES_PER_GROUP; i += 1) {
      const bytes = Uint8Array.of(
        first.bytes[0]!,
        first.bytes[1]!,
        first.bytes[2]!,
        (first.bytes[3]! + i) & 0xff,
      );
      const address = { ...first, bytes };
      world.network.addAlias(hosts[addresses.length % hosts.length]!, address);
      addresses.push({ ...address, time: 0, services: NODE_SERVICES });
    }
  }
  return addresses;
}

/** They have once spoken with all honest nodes, and with some that are gone. */
function giveHistory(world: World, victims: readonly SimNode[], nodes: readonly SimNode[]): void {
  const goneCount = Math.round((nodes.length * STALE_SHARE) / (1 - STALE_SHARE));
  const gone = Array.from({ length: goneCount }, () => world.freshAddress());
  const then = world.now - HISTORY_AGE_MS;
  const time = toUnixSeconds(then);
  for (const { addressBook } of victims) {
    for (const address of [...nodes.map(node => node.address), ...gone]) {
      addressBook.add([{ ...address, time, services: NODE_SERVICES }], address, then);
      addressBook.good(address, then);
    }
  }
}

/** Each address is told by sources in several groups, as if they were news. */
function fill(world: World, victim: SimNode, addresses: readonly TimedAddress[]): void {
  const random = world.random('scenario');
  const time = toUnixSeconds(world.now);
  for (let round = 0; round < 4; round += 1) {
    for (const address of addresses) {
      const source = addresses[randomBelow(random, addresses.length)]!;
      victim.addressBook.add([{ ...address, time }], source, world.now);
    }
  }
}
