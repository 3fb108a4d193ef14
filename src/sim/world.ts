/**
 * A world of simulated nodes, made from one seed: virtual time, the network and the nodes, and the streams of randomness
 * that they draw from. Each node has a stream of its own, so that one more node elsewhere changes nothing here.
 */
import { type Milliseconds, SECOND_MS, toUnixSeconds } from '../base/clock.ts';
import { randomBelow, SeededRandom } from '../base/random.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import { isRoutable } from '../p2p/netgroup.ts';
import type { RelayStrategyOptions } from '../p2p/relay-strategy.ts';
import { addressKey, type NetAddress, withTime } from '../wire/net-address.ts';
import { Agenda } from './agenda.ts';
import { type BaseChain, createBaseChain } from './base-chain.ts';
import { ByteFrames } from './byte-frames.ts';
import { Checks } from './checks.ts';
import { Metrics } from './metrics.ts';
import { Network, type NetworkOptions } from './network.ts';
import { NODE_SERVICES, type NodeShape } from './node-options.ts';
import { ScriptVerdicts } from './script-verdicts.ts';
import { SharedFrames } from './shared-frames.ts';
import { SharedStorage } from './shared-storage.ts';
import { type NodeDeps, SimNode } from './sim-node.ts';
import type { ValidationCosts } from './sim-writer.ts';
import { Trace } from './trace.ts';

export interface WorldOptions {
  readonly seed: number;
  readonly network: NetworkOptions;
  readonly costs: ValidationCosts;
  /** Share what is encoded and decoded alike; see frames.ts. */
  readonly memo: boolean;
  /** See script-verdicts.ts. */
  readonly sharesVerdicts: boolean;
  /** Bytes as on sockets; see frames.ts. */
  readonly pipes: boolean;
  readonly strategy: RelayStrategyOptions;
  /** Coins for the traffic: as many transactions can be made. */
  readonly coins: number;
}

/** A node to be made; without `address`, at one that nobody has. */
export interface NewNode extends Omit<NodeShape, 'index' | 'address'> {
  readonly address?: NetAddress;
}

export interface WorldDeps {
  readonly verifier: SignatureVerifier;
}

/** A transaction: a millisecond. A block: ten, and 150 more in proportion to its weight. */
export const DEFAULT_COSTS: ValidationCosts = { txMs: 1, blockMs: 10, fullBlockMs: 150, readMs: 5 };
export const DEFAULT_NETWORK: NetworkOptions = {
  latencyMs: 50,
  latencySigma: 0.5,
  upBytesPerSecond: Number.POSITIVE_INFINITY,
  downBytesPerSecond: Number.POSITIVE_INFINITY,
  lossRate: 0,
  breakageRate: 0,
  slowReaders: 0,
  slowBytesPerSecond: 1_000,
};

/** Streams that belong to no node. */
const STREAMS = { network: 1, addresses: 2, traffic: 3, miner: 4, scenario: 5, churn: 6 } as const;
export type Stream = keyof typeof STREAMS;
/** Nodes' streams come after them. */
const FIRST_NODE_STREAM = 1_000;
/** An odd number far from a power of two: neighbouring streams begin far apart (Knuth). */
const STREAM_STEP = 0x9e37_79b1;

export class World {
  readonly options: WorldOptions;
  readonly base: BaseChain;
  readonly agenda: Agenda;
  readonly network: Network;
  readonly metrics = new Metrics();
  readonly trace = new Trace();
  readonly nodes: SimNode[] = [];
  readonly checks: Checks;
  readonly #nodeDeps: NodeDeps;
  readonly #addressRandom: SeededRandom;
  readonly #taken = new Set<string>();

  constructor(deps: WorldDeps, options: WorldOptions) {
    this.options = options;
    this.base = createBaseChain(options.coins);
    this.agenda = new Agenda(this.base.end + SECOND_MS);
    this.network = new Network(this.agenda, this.random('network'), options.network);
    this.#addressRandom = this.random('addresses');
    this.checks = new Checks(this);
    const { agenda, network, metrics, trace, base, checks } = this;
    const { magic } = base.params;
    const frames = options.memo && !options.pipes ? new SharedFrames() : new ByteFrames(magic, options);
    const scripts = new ScriptVerdicts(deps.verifier, { shared: options.sharesVerdicts });
    const { costs } = options;
    const storage = new SharedStorage(base.snapshot);
    this.#nodeDeps = {
      agenda,
      network,
      metrics,
      trace,
      base,
      storage,
      frames,
      scripts,
      costs,
      wiretap: checks,
    };
  }

  get now(): Milliseconds {
    return this.agenda.now;
  }

  random(stream: Stream): SeededRandom {
    return this.#stream(STREAMS[stream]);
  }

  /** Not started yet. */
  addNode({ listens, address, options, params, withholds }: NewNode): SimNode {
    const index = this.nodes.length;
    const node = new SimNode(this.#nodeDeps, this.#stream(FIRST_NODE_STREAM + index), {
      index,
      address: address ?? this.freshAddress(),
      listens,
      options: { relayStrategy: this.options.strategy, ...options },
      ...(params !== undefined && { params }),
      ...(withholds !== undefined && { withholds }),
    });
    this.nodes.push(node);
    this.network.add(node);
    return node;
  }

  /** A public IPv4 address that nobody has. */
  freshAddress(): NetAddress {
    for (;;) {
      const bytes = this.#addressRandom.bytes(4);
      const address: NetAddress = { network: 'ipv4', bytes, port: this.base.params.defaultPort };
      const key = addressKey(address);
      if (bytes[0]! === 0 || bytes[0]! >= 224 || this.#taken.has(key)) continue;
      if (!isRoutable(address, { privateNetwork: false })) continue;
      this.#taken.add(key);
      return address;
    }
  }

  /** `node` has heard of `count` of `known`, told by themselves, some time ago. */
  introduce(node: SimNode, known: readonly SimNode[], count: number, random: SeededRandom): void {
    const time = toUnixSeconds(this.now);
    for (let i = 0; i < count; i += 1) {
      const other = known[randomBelow(random, known.length)]!;
      if (other === node) continue;
      const heard = withTime(other.address, time - randomBelow(random, 3_600), NODE_SERVICES);
      node.addressBook.add([heard], other.address, this.now);
    }
  }

  runFor(duration: Milliseconds): void {
    this.agenda.runUntil(this.now + duration);
  }

  /** Distinct tips, the most common first: how many nodes have each. */
  tips(nodes: readonly SimNode[] = this.nodes): { readonly tip: string; readonly nodes: number }[] {
    const counts = new Map<string, number>();
    for (const { tip } of nodes) counts.set(tip, (counts.get(tip) ?? 0) + 1);
    return [...counts].map(([tip, count]) => ({ tip, nodes: count })).sort((a, b) => b.nodes - a.nodes);
  }

  #stream(number: number): SeededRandom {
    return new SeededRandom((this.options.seed ^ Math.imul(number, STREAM_STEP)) >>> 0);
  }
}
