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
import type { AddressBookData } from '../../p2p/address-tables.ts';
import { type NetAddress, type TimedAddress, withTime } from '../../wire/net-address.ts';
import { type Course, pass } from '../course.ts';
import { mean } from '../metrics.ts';
import { NODE_SERVICES } from '../node-options.ts';
import { createWorld, type Figure, type Scenario } from '../scenario.ts';
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

/** Who is there. The first hosts answer for honest addresses, the next for the attacker's. */
interface Stage {
  readonly world: World;
  readonly honest: readonly NetAddress[];
  readonly honestHosts: readonly SimNode[];
  readonly attackerHosts: readonly SimNode[];
  readonly nobody: SimNode;
  readonly victims: readonly SimNode[];
}

/** What a victim has at each restart. */
interface Belongings {
  readonly anchors: readonly TimedAddress[];
  readonly book: AddressBookData;
}

export const eclipse: Scenario = {
  name: 'eclipse',
  about: 'victims restart with books that an attacker of 4,600 netgroups has filled',
  defaults: { nodes: 2_000, duration: 2 * MINUTE_MS, txPerSecond: 0 },
  *run(deps, options) {
    const { nodes: honestCount, duration } = options;
    const world = createWorld(deps, options);
    const stage = setStage(world, honestCount);
    const { victims } = stage;
    // A book in which nobody was tried a short while ago.
    const books = victims.map(({ addressBook }) => addressBook.data());
    for (const victim of victims) victim.start();
    yield* pass(world, duration, () => victims.every(isComplete));
    // As they were left before the attack.
    const anchors = victims.map(({ manager }) => manager.anchors());
    for (const [i, victim] of victims.entries()) victim.stop({ book: books[i]! });
    const toldCount = attack(stage);
    const bookFigures: Figure[] = [
      { name: 'victims', value: victims.length, unit: '' },
      { name: 'honest addresses in a victim’s book, all tried, mean', value: mean(victims.map(({ addressBook }) => addressBook.triedCount)), unit: '' },
      { name: 'of which gone at each restart', value: 100 * STALE_SHARE, unit: '%' },
      { name: 'addresses of the attacker told to each', value: toldCount, unit: '' },
      { name: 'addresses in a victim’s book after, mean', value: mean(victims.map(({ addressBook }) => addressBook.size)), unit: '' },
    ];
    const belongings = victims.map(({ addressBook }, i) => ({ anchors: anchors[i]!, book: addressBook.data() }));
    const { withAnchors, without } = yield* restartAgainAndAgain(stage, belongings, duration);
    for (const victim of victims) victim.stop();
    return {
      world,
      figures: [...bookFigures, ...figuresOf('with anchors', withAnchors), ...figuresOf('without', without)],
      verdicts: [
        { promise: 'with anchors at most one restart in a thousand ends eclipsed', holds: withAnchors.eclipsed / withAnchors.restarts <= ECLIPSED_MAX },
        { promise: 'all victims fill their outbound slots', holds: [withAnchors, without].every(({ slots, restarts }) => slots >= 0.99 * OUTBOUND * restarts) },
      ],
    };
  },
}; // biome-ignore format: tables

/** Everybody but the victims is up, who have their history. */
function setStage(world: World, honestCount: number): Stage {
  const [honestHosts, attackerHosts, [nobody]] = [
    addHosts(world, HOSTS),
    addHosts(world, HOSTS),
    addHosts(world, 1),
  ];
  for (const host of [...honestHosts, ...attackerHosts]) host.start();
  const honest = Array.from({ length: honestCount }, () => world.freshAddress());
  for (const [i, address] of honest.entries()) world.network.addAlias(honestHosts[i % HOSTS]!, address);
  const victimCount = Math.min(VICTIMS, Math.ceil(honestCount / ADDRESSES_PER_VICTIM));
  const victims = Array.from({ length: victimCount }, () => world.addNode({ listens: false }));
  for (const victim of victims) giveHistory(victim, honest, world.now);
  return { world, honest, honestHosts, attackerHosts, nobody: nobody!, victims };
}

/** The attacker's addresses go into all books. Returns how many there are. */
function attack({ world, honest, attackerHosts, victims }: Stage): number {
  const groups = Math.min(ATTACKER_GROUPS, ATTACKER_GROUPS_PER_ADDRESS * honest.length);
  const addresses = attackerAddresses(world, attackerHosts, groups);
  for (const victim of victims) fill(world, victim, addresses);
  return addresses.length;
}

/** All at once, with what they have of `belongings`, round after round: others of the honest addresses are gone each time. */
function* restartAgainAndAgain(
  { world, honest, honestHosts, attackerHosts, nobody, victims }: Stage,
  belongings: readonly Belongings[],
  duration: Milliseconds,
): Course<{ readonly withAnchors: Counts; readonly without: Counts }> {
  const random = world.random('scenario');
  const withAnchors: Counts = { restarts: 0, slots: 0, taken: 0, eclipsed: 0, fewest: OUTBOUND };
  const without = { ...withAnchors };
  const wanted = Math.ceil(Math.min(RESTARTS, RESTARTS_PER_ADDRESS * honest.length) / victims.length);
  const rounds = Math.ceil((wanted * WITHOUT_EVERY) / (WITHOUT_EVERY - 1));
  world.checks.start(world.now + rounds * duration);
  const hostile = new Set(attackerHosts.map(({ index }) => index));
  for (let round = 1; round <= rounds; round += 1) {
    const keepsAnchors = round % WITHOUT_EVERY !== 0;
    const order = shuffle(
      random,
      honest.map((_, i) => i),
    );
    const gone = order.slice(0, Math.round(STALE_SHARE * honest.length));
    for (const i of gone) world.network.addAlias(nobody, honest[i]!);
    for (const [i, victim] of victims.entries()) {
      const { anchors, book } = belongings[i]!;
      victim.stop({ anchors: keepsAnchors ? anchors : [], book });
      victim.start();
    }
    yield* pass(world, duration, () => victims.every(isComplete));
    for (const victim of victims) count(keepsAnchors ? withAnchors : without, outboundOf(victim), hostile);
    for (const i of gone) world.network.addAlias(honestHosts[i % HOSTS]!, honest[i]!);
  }
  return { withAnchors, without };
}

function figuresOf(name: string, { restarts, slots, taken, eclipsed, fewest }: Counts): Figure[] {
  return [
    { name: `${name}: restarts`, value: restarts, unit: '' },
    { name: `${name}: outbound slots that the attacker got`, value: (100 * taken) / slots, unit: '%' },
    { name: `${name}: all ten by chance, if slots were independent`, value: 100 * (taken / slots) ** OUTBOUND, unit: '%' },
    { name: `${name}: restarts that ended eclipsed`, value: eclipsed, unit: '' },
    { name: `${name}: their share`, value: (100 * eclipsed) / restarts, unit: '%' },
    { name: `${name}: fewest honest outbound peers of any victim`, value: fewest, unit: '' },
  ]; // biome-ignore format: a table
}

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

function count(counts: Counts, peers: readonly number[], hostile: ReadonlySet<number>): void {
  const theirs = peers.filter(index => hostile.has(index)).length;
  counts.restarts += 1;
  counts.slots += peers.length;
  counts.taken += theirs;
  counts.fewest = Math.min(counts.fewest, peers.length - theirs);
  if (peers.length > 0 && theirs === peers.length) counts.eclipsed += 1;
}
