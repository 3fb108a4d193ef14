/**
 * What must hold in every run, whatever the seed. Each virtual second, the network's books and some of the nodes are
 * looked at, so that all have their turn within a minute; messages are looked at as they pass.
 *
 * - sent = delivered + lost with their links + in flight;
 * - no transaction or address crosses a block-relay-only connection;
 * - no node asks two peers for one transaction at the same time;
 * - a node's tip has the most work of all chains whose blocks it has, and is not invalid;
 * - two transactions of a mempool never spend the same coin;
 * - an address book's tables add up.
 */
import type { Hash256 } from '../base/bytes.ts';
import { MINUTE_MS, type Milliseconds, SECOND_MS } from '../base/clock.ts';
import type { OutPointKey } from '../chain/coin.ts';
import { INV, INV_WITNESS_TX, type Message } from '../wire/messages.ts';
import type { Agenda } from './agenda.ts';
import type { Network } from './network.ts';
import type { Connection } from './sim-connection.ts';
import type { SimNode } from './sim-node.ts';
import type { Wiretap } from './wiretap.ts';

/** A node is looked at once in so many seconds. */
const TURN_S = 60;
const NODES_A_SECOND_MAX = 100;
/** A request that was not answered may be repeated elsewhere (Core: GETDATA_TX_INTERVAL). */
const REQUEST_EXPIRES_MS = MINUTE_MS;
/** Nodes whose requests are followed: each costs a map. */
const FOLLOWED_NODES = 64;

/** A promise that a run has broken; the message tells where and when. */
export class CheckFailure extends Error {
  override readonly name = 'CheckFailure';
}

interface Request {
  readonly connection: Connection;
  readonly at: Milliseconds;
}

interface Checked {
  readonly agenda: Agenda;
  readonly network: Network;
  readonly nodes: readonly SimNode[];
}

export class Checks implements Wiretap {
  readonly #world: Checked;
  readonly #requests = new Map<number, Map<Hash256, Request>>();
  #next = 0;
  /** How often each kind of promise was looked at. */
  readonly counts = { seconds: 0, nodes: 0, messages: 0 };

  constructor(world: Checked) {
    this.#world = world;
  }

  /** Looks every second from now on, until `end`. Throws CheckFailure from within the run. */
  start(end: Milliseconds): void {
    const { agenda } = this.#world;
    const look = () => {
      this.everySecond();
      if (agenda.now + SECOND_MS <= end) agenda.after(SECOND_MS, look);
    };
    agenda.after(SECOND_MS, look);
  }

  everySecond(): void {
    const { network, nodes } = this.#world;
    this.counts.seconds += 1;
    const { sent, delivered, lost, inFlight } = network.frames;
    this.#require(sent === delivered + lost + inFlight, 'every frame is delivered, lost or in flight');
    const count = Math.min(NODES_A_SECOND_MAX, Math.ceil(nodes.length / TURN_S));
    for (let i = 0; i < count; i += 1) {
      this.#next = (this.#next + 1) % nodes.length;
      this.look(nodes[this.#next]!);
    }
  }

  look(node: SimNode): void {
    this.counts.nodes += 1;
    const { chain, mempool, addressBook } = node;
    const { headers } = chain;
    const tip = chain.tip();
    this.#require(!headers.isInvalid(tip), 'the tip is valid', node);
    for (const other of headers.tips()) {
      if (headers.isInvalid(other) || !headers.hasChainData(other)) continue;
      this.#require(
        headers.chainWorkOf(other) <= headers.chainWorkOf(tip),
        'the tip has the most work',
        node,
      );
    }
    const spent = new Set<OutPointKey>();
    let inputs = 0;
    for (const { tx } of mempool.entries()) {
      for (const key of tx.prevoutKeys) spent.add(key);
      inputs += tx.inputCount;
    }
    this.#require(spent.size === inputs, 'a coin has one spender', node);
    const { size, newCount, triedCount } = addressBook;
    this.#require(size === newCount + triedCount, 'new and tried make the whole book', node);
  }

  // Messages as they pass.

  sent(node: number, connection: Connection, message: Message): void {
    this.#blockRelayOnly(node, connection, message);
    if (message.command === 'getdata' && node < FOLLOWED_NODES)
      this.#requested(node, connection, message.items);
  }

  received(node: number, connection: Connection, message: Message): void {
    if (node >= FOLLOWED_NODES) return;
    const open = this.#requests.get(node);
    if (open === undefined) return;
    if (message.command === 'tx') {
      open.delete(message.tx.wtxid);
      open.delete(message.tx.txid);
    } else if (message.command === 'notfound') {
      for (const { hash } of message.items) if (open.get(hash)?.connection === connection) open.delete(hash);
    }
  }

  closed(node: number, connection: Connection): void {
    const open = this.#requests.get(node);
    if (open === undefined) return;
    for (const [hash, request] of open) if (request.connection === connection) open.delete(hash);
  }

  #blockRelayOnly(node: number, connection: Connection, message: Message): void {
    if (connection.linkType !== 'block-relay-only') return;
    this.counts.messages += 1;
    const { command } = message;
    const isForbidden =
      command === 'tx' ||
      command === 'addr' ||
      command === 'addrv2' ||
      command === 'getaddr' ||
      (command === 'inv' && message.items.some(item => isTx(item.type)));
    this.#require(!isForbidden, `no ${command} over a block-relay-only connection`, { index: node });
  }

  #requested(
    node: number,
    connection: Connection,
    items: readonly { readonly type: number; readonly hash: Hash256 }[],
  ): void {
    let open = this.#requests.get(node);
    if (open === undefined) {
      open = new Map();
      this.#requests.set(node, open);
    }
    const { now } = this.#world.agenda;
    for (const { type, hash } of items) {
      if (!isTx(type)) continue;
      const before = open.get(hash);
      this.#require(
        before === undefined || before.at + REQUEST_EXPIRES_MS <= now,
        'a transaction is asked of one peer at a time',
        { index: node },
      );
      open.set(hash, { connection, at: now });
    }
  }

  #require(holds: boolean, promise: string, node?: { readonly index: number }): void {
    if (holds) return;
    const where = node === undefined ? '' : ` (node ${node.index})`;
    throw new CheckFailure(`Broken at ${this.#world.agenda.now} ms of virtual time${where}: ${promise}`);
  }
}

function isTx(type: number): boolean {
  return type === INV.tx || type === INV.wtx || type === INV_WITNESS_TX;
}
