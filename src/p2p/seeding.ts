/**
 * Where the first addresses come from (Core: ThreadDNSAddressSeed and the start of ThreadOpenConnections in src/net.cpp).
 *
 * An empty address book asks all DNS seeds at once. Otherwise what is known is tried first, for 11 seconds or, with many
 * addresses, five minutes, and then three seeds at a time are asked, until two outbound peers are there: so seeds learn
 * little of us, and have little say in whom we connect to. What a seed answers looks three to seven days old. Seed nodes
 * (`ADDR:PORT`) are connected to for their addresses only. Last resort are the addresses built in.
 *
 * A seed that knew nobody yet is asked again, each time later: a network that just begins has nobody else to ask. Core
 * leaves that to its built-in addresses.
 */
import { DAY_MS, MINUTE_MS, type Milliseconds, SECOND_MS, toUnixSeconds } from '../base/clock.ts';
import { randomBelow, shuffle } from '../base/random.ts';
import { SERVICES } from '../wire/messages.ts';
import { type AddressNetwork, type NetAddress, withTime } from '../wire/net-address.ts';
import type { P2pContext } from './concern.ts';
import type { DialTarget } from './events.ts';
import { hostOfName, networkOf } from './netgroup.ts';
import type { Alarm } from './timers.ts';

/** Core: DNSSEEDS_TO_QUERY_AT_ONCE, DNSSEEDS_DELAY_FEW_PEERS, DNSSEEDS_DELAY_MANY_PEERS, DNSSEEDS_DELAY_PEER_THRESHOLD. */
const SEEDS_AT_ONCE = 3;
const WAIT_FEW_MS = 11 * SECOND_MS;
const WAIT_MANY_MS = 5 * MINUTE_MS;
const MANY_ADDRESSES = 1_000;
/** Outbound peers that are enough (Core: SEED_OUTBOUND_CONNECTION_THRESHOLD). */
const PEERS_ENOUGH = 2;
/** Addresses taken from one answer. */
const ANSWER_MAX = 32;
/** How long seed nodes are tried before DNS, and the pause between two of them (Core: SEEDNODE_TIMEOUT, ADD_NEXT_SEEDNODE). */
const SEED_NODES_FIRST_MS = 30 * SECOND_MS;
const NEXT_SEED_NODE_MS = 10 * SECOND_MS;
/** When the built-in addresses are taken, if others could have come meanwhile. */
const FIXED_SEEDS_MS = MINUTE_MS;
const PRIVATE_ASK_AGAIN_MS = SECOND_MS;
const PRIVATE_ASK_AGAIN_MAX_MS = MINUTE_MS;

/** What seeds are asked for (Core: SeedsServiceFlags). */
const SEED_SERVICES = SERVICES.network | SERVICES.witness;

export interface SeedingOptions {
  /** Host names; empty: no DNS. */
  readonly dnsSeeds: readonly string[];
  /** Names are for a proxy to look up (`-proxy`): asking DNS ourselves would tell who and where we are. */
  readonly isDnsProxied?: boolean;
  /** `-forcednsseed`: ask them all, whatever the book holds. */
  readonly forceDnsSeeds: boolean;
  /** Nodes that are asked for addresses and then left (`-seednode`, `--seed ADDR:PORT`). */
  readonly seedNodes: readonly DialTarget[];
  /** Built-in addresses; empty with `-fixedseeds=0`. */
  readonly fixedSeeds: readonly NetAddress[];
  /** Where a seed's own host is connected to when it gives no address. */
  readonly defaultPort: number;
  readonly reachableNetworks: ReadonlySet<AddressNetwork>;
}

export interface SeedingDeps {
  /** Full-relay outbound connections that stand. */
  readonly fullRelayCount: () => number;
  readonly hasAddedNodes: () => boolean;
  readonly onAddresses: () => void;
  readonly fetchFrom: (target: DialTarget) => void;
}

export class Seeding {
  readonly #context: P2pContext;
  readonly #options: SeedingOptions;
  readonly #deps: SeedingDeps;
  readonly #dns: Alarm;
  readonly #nodes: Alarm;
  readonly #fixed: Alarm;
  readonly #again: Alarm;
  readonly #seedNodes: DialTarget[];
  /** Not asked yet. */
  #hostsLeft: string[];
  #mayAskAt: Milliseconds = 0;
  #againAfter: Milliseconds;
  #isActive = true;

  constructor(context: P2pContext, options: SeedingOptions, deps: SeedingDeps) {
    this.#context = context;
    this.#options = options;
    this.#deps = deps;
    this.#hostsLeft = shuffle(context.random, [...options.dnsSeeds]);
    this.#seedNodes = shuffle(context.random, [...options.seedNodes]);
    this.#againAfter = context.options.privateNetwork ? PRIVATE_ASK_AGAIN_MS : WAIT_FEW_MS;
    this.#dns = context.timers.alarm(now => this.#askNext(now));
    this.#nodes = context.timers.alarm(now => this.#nextSeedNode(now));
    this.#fixed = context.timers.alarm(now => this.#addFixed(now));
    this.#again = context.timers.alarm(now => this.#askAgain(now));
  }

  start(now: Milliseconds): void {
    const isEmpty = this.#context.addressBook.size === 0;
    const { dnsSeeds, fixedSeeds, forceDnsSeeds } = this.#options;
    const hasSeedNodes = this.#seedNodes.length > 0;
    if (hasSeedNodes) this.#nodes.set(isEmpty ? now : now + NEXT_SEED_NODE_MS);
    if (dnsSeeds.length > 0) {
      this.#mayAskAt = now + (hasSeedNodes ? SEED_NODES_FIRST_MS : 0);
      if (!isEmpty && !forceDnsSeeds) this.#mayAskAt += this.#wait();
      this.#dns.set(Math.min(this.#mayAskAt, now + WAIT_FEW_MS));
    }
    if (fixedSeeds.length > 0) {
      const nothingElse = dnsSeeds.length === 0 && !hasSeedNodes && !this.#deps.hasAddedNodes();
      this.#fixed.set(nothingElse ? now : now + FIXED_SEEDS_MS);
    }
  }

  setActive(isActive: boolean): void {
    this.#isActive = isActive;
  }

  onNamesResolved(host: string, addresses: readonly NetAddress[], now: Milliseconds): void {
    const { addressBook, random } = this.#context;
    const heard = addresses.slice(0, ANSWER_MAX).map(address => {
      const age = 3 * DAY_MS + randomBelow(random, 4 * DAY_MS);
      return withTime(address, toUnixSeconds(now - age), SEED_SERVICES);
    });
    if (heard.length > 0) {
      this.#context.log.info(`${heard.length} addresses found from DNS seed ${host}`);
      addressBook.add(heard, hostOfName(host), now);
      this.#deps.onAddresses();
    } else this.#deps.fetchFrom({ kind: 'name', host, port: this.#options.defaultPort });
    if (this.#isStillAlone()) this.#again.set(now + this.#againAfter);
  }

  /** On a private network, the only address in the answer may be our own. */
  #isStillAlone(): boolean {
    if (this.#context.options.privateNetwork) return this.#deps.fullRelayCount() < PEERS_ENOUGH;
    return this.#context.addressBook.size === 0;
  }

  #wait(): Milliseconds {
    return this.#context.addressBook.size >= MANY_ADDRESSES ? WAIT_MANY_MS : WAIT_FEW_MS;
  }

  #askNext(now: Milliseconds): void {
    const { addressBook } = this.#context;
    const everybody = this.#options.forceDnsSeeds || addressBook.size === 0;
    if (!this.#options.forceDnsSeeds && this.#deps.fullRelayCount() >= PEERS_ENOUGH) return;
    if (now >= this.#mayAskAt && this.#isActive) {
      this.#ask(this.#hostsLeft.splice(0, everybody ? this.#hostsLeft.length : SEEDS_AT_ONCE), now);
      this.#mayAskAt = now + this.#wait();
    }
    if (this.#hostsLeft.length > 0) this.#dns.set(now + Math.min(WAIT_FEW_MS, this.#wait()));
  }

  #askAgain(now: Milliseconds): void {
    if (!this.#isStillAlone()) return;
    const isPrivate = this.#context.options.privateNetwork;
    this.#againAfter = Math.min(2 * this.#againAfter, isPrivate ? PRIVATE_ASK_AGAIN_MAX_MS : WAIT_MANY_MS);
    if (this.#isActive) this.#ask(this.#options.dnsSeeds, now);
    else this.#again.set(now + this.#againAfter);
  }

  /** Through a proxy, a seed's own name is connected to, which leads to one of the nodes that it knows. */
  #ask(hosts: readonly string[], now: Milliseconds): void {
    if (hosts.length === 0) return;
    this.#context.log.info(`Loading addresses from DNS seeds ${hosts.join(', ')}`);
    if (!this.#options.isDnsProxied) {
      this.#context.outbox.emit({ kind: 'resolveSeeds', hosts });
      return;
    }
    for (const host of hosts) this.#deps.fetchFrom({ kind: 'name', host, port: this.#options.defaultPort });
    if (this.#isStillAlone()) this.#again.set(now + this.#againAfter);
  }

  #nextSeedNode(now: Milliseconds): void {
    if (this.#deps.fullRelayCount() < PEERS_ENOUGH && this.#isActive) {
      const node = this.#seedNodes.pop();
      if (node) this.#deps.fetchFrom(node);
      // Nobody was of use: from the start.
      if (this.#seedNodes.length === 0 && this.#context.addressBook.size === 0)
        this.#seedNodes.push(...shuffle(this.#context.random, [...this.#options.seedNodes]));
    }
    if (this.#seedNodes.length > 0) this.#nodes.set(now + NEXT_SEED_NODE_MS);
  }

  /** Only of networks of which nothing is known. */
  #addFixed(now: Milliseconds): void {
    const { addressBook, options, random } = this.#context;
    const wanted = this.#options.fixedSeeds.filter(address => {
      const network = networkOf(address, options);
      if (network === 'unroutable' || network === 'internal') return false;
      return this.#options.reachableNetworks.has(network) && addressBook.countOf(network) === 0;
    });
    if (wanted.length === 0) return;
    const heard = wanted.map(address => {
      // One to two weeks old (Core: ConvertSeeds).
      const age = 7 * DAY_MS + randomBelow(random, 7 * DAY_MS);
      return withTime(address, toUnixSeconds(now - age), SEED_SERVICES);
    });
    addressBook.add(heard, hostOfName('fixedseeds'), now);
    this.#context.log.info(`Added ${heard.length} fixed seeds from reachable networks`);
    this.#deps.onAddresses();
  }
}
