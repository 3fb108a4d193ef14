/**
 * Eclipse on restart (Heilman, Kendler, Zohar, Goldberg 2015): an attacker with addresses in thousands of netgroups fills
 * the books of its victims and waits until they restart. A victim is eclipsed when all its outbound peers are the attacker's.
 *
 * The attacker gets what no attacker has: its addresses are put into the books at once, past the limit of one address in
 * ten seconds, and told from as many groups as it has, which is the best for it; the books' own rules decide what they
 * keep. The victims have a history: their `tried` tables hold all honest addresses, of which a fifth, others each time, is
 * gone when they restart. Of honest addresses that were only told to them they know none. Each victim restarts again and
 * again with the book that it had at the first time: mostly with the two anchors that it had before the
 * attack, each fourth time without.
 *
 * What is asked here is whom a victim dials, so it is only victims that are whole nodes with a life of their own. Behind
 * all the addresses of either side stand a few nodes that answer and else do nothing.
 */
import { HOUR_MS, MINUTE_MS, type Milliseconds, toUnixSeconds } from '../../base/clock.ts';
import { randomBelow, shuffle } from '../../base/random.ts';
import { type NetAddress, withTime } from '../../wire/net-address.ts';
import { mean } from '../metrics.ts';
import { NODE_SERVICES } from '../node-options.ts';
import { createWorld, pass, type Scenario } from '../scenario.ts';
import type { SimNode } from '../sim-node.ts';
import type { World } from '../world.ts';

/** Netgroups, and addresses in each: the botnet of the paper's title figure. */
const ATTACKER_GROUPS = 4_600;
/** Less against few addresses, so that a small world is a small run. */
const ATTACKER_GROUPS_PER_ADDRESS = 10;
const ADDRESSES_PER_GROUP = 2;
/** With anchors; fewer in a small world. Without them, one for three of these. */
const RESTARTS = 3_000;
const WITHOUT_EVERY = 4;
const RESTARTS_PER_ADDRESS = 1.5;
/** They restart all at once, each with a book and a key of its own. */
const VICTIMS = 60;
const ADDRESSES_PER_VICTIM = 8;
/** So many nodes answer for all addresses of a side. */
const HOSTS = 8;
const HOST_CONNECTIONS = 100_000;
/** By how many sources each address is told to each victim. */
const TELLINGS = 4;
/** When the victims last spoke with those whom they know. */
const HISTORY_AGE_MS = 3 * HOUR_MS;
/** Of the honest addresses, those where nobody is at a restart (literature: 72 to 95 % before there were feelers). */
const STALE_SHARE = 0.2;
const ECLIPSED_MAX = 0.001;
/** Eight full-relay and two block-relay-only peers. */
const OUTBOUND = 10;

interface Counts {
  restarts: number;
  slots: number;
  taken: number;
  eclipsed: number;
  /** Honest outbound peers of the victim that had fewest. */
  fewest: number;
}

export const eclipse: Scenario = {
  name: 'eclipse',
  about: 'victims restart with books that an attacker of 4,600 netgroups has filled',
  defaults: { nodes: 2_000, duration: 2 * MINUTE_MS, txPerSecond: 0 },
  *run(deps, options) {
    const { nodes: honestCount, duration } = options;
    const world = createWorld(deps, options);
    const random = world.random('scenario');
    const [honestHosts, attackers, [nobody]] = [addHosts(world, HOSTS), addHosts(world, HOSTS), addHosts(world, 1)];
    for (const host of [...honestHosts, ...attackers]) host.start();
    const honest = Array.from({ length: honestCount }, () => world.freshAddress());
    const answer = (address: NetAddress, i: number) => world.network.addAlias(honestHosts[i % HOSTS]!, address);
    honest.forEach(answer);
    const victims = Array.from({ length: Math.min(VICTIMS, Math.ceil(honestCount / ADDRESSES_PER_VICTIM)) }, () => world.addNode({ listens: false }));
    for (const victim of victims) giveHistory(victim, honest, world.now);
    const past = victims.map(({ addressBook }) => addressBook.data());
    for (const victim of victims) victim.start();
    yield* pass(world, duration, () => victims.every(isComplete));
    // As they were left before the attack.
    const anchors = victims.map(({ manager }) => manager.anchors());
    const groups = Math.min(ATTACKER_GROUPS, ATTACKER_GROUPS_PER_ADDRESS * honestCount);
    const addresses = attackerAddresses(world, attackers, groups);
    for (const [i, victim] of victims.entries()) {
      // A book in which nobody was tried a short while ago.
      victim.stop({ book: past[i]! });
      fill(world, victim, addresses);
    }
    const tried = mean(victims.map(({ addressBook }) => addressBook.triedCount));
    const books = victims.map(({ addressBook }) => addressBook.data());
    const size = mean(victims.map(({ addressBook }) => addressBook.size));
    const rounds = Math.ceil(Math.min(RESTARTS, RESTARTS_PER_ADDRESS * honestCount) / victims.length);
    const withAnchors: Counts = { restarts: 0, slots: 0, taken: 0, eclipsed: 0, fewest: OUTBOUND };
    const without = { ...withAnchors };
    const roundsInAll = Math.ceil((rounds * WITHOUT_EVERY) / (WITHOUT_EVERY - 1));
    world.checks.start(world.now + roundsInAll * duration);
    const isAttacker = (index: number) => index >= HOSTS && index < 2 * HOSTS;
    for (let round = 1; round <= roundsInAll; round += 1) {
      const keepsAnchors = round % WITHOUT_EVERY !== 0;
      const gone = shuffle(random, honest.map((_, i) => i)).slice(0, Math.round(STALE_SHARE * honestCount));
      for (const i of gone) world.network.addAlias(nobody!, honest[i]!);
      for (const [i, victim] of victims.entries()) {
        victim.stop({ anchors: keepsAnchors ? anchors[i]! : [], book: books[i]! });
        victim.start();
      }
      yield* pass(world, duration, () => victims.every(isComplete));
      for (const victim of victims) count(keepsAnchors ? withAnchors : without, outboundOf(victim), isAttacker);
      for (const i of gone) answer(honest[i]!, i);
    }
    for (const victim of victims) victim.stop();
    const of = (name: string, counts: Counts) => [
      { name: `${name}: restarts`, value: counts.restarts, unit: '' },
      { name: `${name}: outbound slots that the attacker got`, value: (100 * counts.taken) / counts.slots, unit: '%' },
      { name: `${name}: all ten by chance, if slots were independent`, value: 100 * (counts.taken / counts.slots) ** OUTBOUND, unit: '%' },
      { name: `${name}: restarts that ended eclipsed`, value: counts.eclipsed, unit: '' },
      { name: `${name}: their share`, value: (100 * counts.eclipsed) / counts.restarts, unit: '%' },
      { name: `${name}: fewest honest outbound peers of any victim`, value: counts.fewest, unit: '' },
    ];
    return {
      world,
      figures: [
        { name: 'victims', value: victims.length, unit: '' },
        { name: 'honest addresses in a victim’s book, all tried, mean', value: tried, unit: '' },
        { name: 'of which gone at each restart', value: 100 * STALE_SHARE, unit: '%' },
        { name: 'addresses of the attacker told to each', value: addresses.length, unit: '' },
        { name: 'addresses in a victim’s book after, mean', value: size, unit: '' },
        ...of('with anchors', withAnchors),
        ...of('without', without),
      ],
      verdicts: [
        { promise: 'with anchors at most one restart in a thousand ends eclipsed', holds: withAnchors.eclipsed / withAnchors.restarts <= ECLIPSED_MAX },
        { promise: 'all victims fill their outbound slots', holds: [withAnchors, without].every(({ slots, restarts }) => slots >= 0.99 * OUTBOUND * restarts) },
      ],
    };
  },
}; // biome-ignore format: tables

/** They answer whoever dials, and dial nobody. */
function addHosts(world: World, count: number): SimNode[] {
  const options = { maxConnections: HOST_CONNECTIONS, dialing: { kind: 'connect', targets: [] } } as const;
  return Array.from({ length: count }, () => world.addNode({ listens: true, options }));
}

/** It has once spoken with all of them. */
function giveHistory({ addressBook }: SimNode, honest: readonly NetAddress[], now: Milliseconds): void {
  const then = now - HISTORY_AGE_MS;
  for (const address of honest) {
    addressBook.add([withTime(address, toUnixSeconds(then), NODE_SERVICES)], address, then);
    addressBook.good(address, then);
  }
}

/** Two addresses in each of so many groups of two bytes, all answered by the attacker's hosts. */
function attackerAddresses(world: World, hosts: readonly SimNode[], groupCount: number): NetAddress[] {
  const groups = new Set<number>();
  const addresses: NetAddress[] = [];
  while (groups.size < groupCount) {
    const first = world.freshAddress();
    const [a, b, c, d] = first.bytes as unknown as readonly [number, number, number, number];
    const group = (a << 8) | b;
    if (groups.has(group)) continue;
    groups.add(group);
    for (let i = 0; i < ADDRESSES_PER_GROUP; i += 1) {
      const address = { ...first, bytes: Uint8Array.of(a, b, c, (d + i) & 0xff) };
      world.network.addAlias(hosts[addresses.length % hosts.length]!, address);
      addresses.push(address);
    }
  }
  return addresses;
}

/** Each address is told by sources in several groups, as if they were news. */
function fill(world: World, { addressBook }: SimNode, addresses: readonly NetAddress[]): void {
  const random = world.random('scenario');
  const time = toUnixSeconds(world.now);
  for (let telling = 0; telling < TELLINGS; telling += 1) {
    for (const address of addresses) {
      const source = addresses[randomBelow(random, addresses.length)]!;
      addressBook.add([withTime(address, time, NODE_SERVICES)], source, world.now);
    }
  }
}

function isComplete(victim: SimNode): boolean {
  return outboundOf(victim).length >= OUTBOUND;
}

/** Outbound peers that last, by the index of their nodes. */
function outboundOf(node: SimNode): number[] {
  const peers: number[] = [];
  for (const { type, isReady, link } of node.connections()) {
    if (isReady && (type === 'outbound-full-relay' || type === 'block-relay-only'))
      peers.push(link.hosts[1].index);
  }
  return peers;
}

function count(counts: Counts, peers: readonly number[], isAttacker: (index: number) => boolean): void {
  const theirs = peers.filter(isAttacker).length;
  counts.restarts += 1;
  counts.slots += peers.length;
  counts.taken += theirs;
  counts.fewest = Math.min(counts.fewest, peers.length - theirs);
  if (peers.length > 0 && theirs === peers.length) counts.eclipsed += 1;
}
