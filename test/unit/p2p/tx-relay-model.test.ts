/**
 * `TxRelay` with its columns and bits beside the plain form of the same rules: for each peer a set of what it is to be
 * told of and a set of what it knows (as in Core's TxRelay struct). When clocks strike is chance; what a batch holds is not.
 */
import { describe, expect, test } from 'vitest';
import type { Hash256 } from '../../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { feeAt } from '../../../src/mempool/fee-rate.ts';
import type { PeerId } from '../../../src/p2p/events.ts';
import { FeeFilters } from '../../../src/p2p/fee-filter.ts';
import type { Peer, PeerRecord } from '../../../src/p2p/peer.ts';
import { PeerFilters } from '../../../src/p2p/peer-filters.ts';
import { createRelayStrategy, FLOOD } from '../../../src/p2p/relay-strategy.ts';
import { TxRelay } from '../../../src/p2p/tx-relay.ts';
import { INV } from '../../../src/wire/messages.ts';
import type { Transaction } from '../../../src/wire/transaction.ts';
import { mustBe } from '../../support/must-be.ts';
import { Harness, hashesOf, type PeerShape } from './harness.ts';
import { makeTx } from './support.ts';

/** More than three words of bits. */
const PEERS_MAX = 100;
const BATCH = 70;
/** Services with bloom filters, so that a peer that asked for no transactions may ask for them later. */
const WITH_BLOOM = 0x409n | 4n;

interface Told {
  readonly peer: Peer;
  readonly known: Set<Hash256>;
  readonly toTell: Set<Transaction>;
}

const TXS = Array.from({ length: 400 }, (_, i) => makeTx(`tx${i}`, { witness: i % 3 > 0 }));
const SHAPES: readonly PeerShape[] = [
  {},
  { type: 'inbound' },
  { type: 'inbound', wtxidRelay: false },
  { wtxidRelay: false },
  { type: 'inbound', permissions: ['noban'] },
  { type: 'inbound', relaysTxs: false },
  { type: 'block-relay-only', relaysTxs: false },
];

class Model {
  readonly h: Harness;
  readonly relay: TxRelay;
  readonly told = new Map<PeerId, Told>();
  readonly #random: SeededRandom;
  readonly #feeOf = new Map(TXS.map((tx, i) => [tx, 1_000 + ((i * 7_919) % 4_001)]));

  constructor(seed: number) {
    this.#random = new SeededRandom(seed + 1_000);
    this.h = new Harness(seed, { services: WITH_BLOOM });
    const filters = new PeerFilters(this.h.context);
    const strategy = createRelayStrategy(FLOOD, {
      random: this.h.context.random,
      isTreeLink: () => false,
      reconcilesWith: () => false,
    });
    this.relay = new TxRelay(this.h.context, { filters, strategy });
    this.h.use(new FeeFilters(this.h.context), filters, this.relay);
  }

  below(bound: number): number {
    return randomBelow(this.#random, bound);
  }

  /** One with what is told of it; undefined: there is nobody. */
  any(): Told | undefined {
    return [...this.told.values()][this.below(Math.max(this.told.size, 1))];
  }

  anyTx(): Transaction {
    return TXS[this.below(TXS.length)]!;
  }

  hashFor({ peer }: Told, tx: Transaction): Hash256 {
    return peer.wtxidRelay ? tx.wtxid : tx.txid;
  }

  connect(): void {
    const peer = this.h.connect(SHAPES[this.below(SHAPES.length)]!);
    const told = { peer, known: new Set<Hash256>(), toTell: new Set<Transaction>() };
    // What it wants at least stays as it is: a batch with nothing in it cannot be seen, and forgets what it left out.
    if (this.below(4) === 0) this.h.message(peer, { command: 'feefilter', feeRate: 20_000n });
    this.told.set(peer.id, told);
  }

  disconnect(): void {
    const told = this.any();
    if (told === undefined) return;
    this.told.delete(told.peer.id);
    this.h.disconnect(told.peer);
  }

  accept(): void {
    const tx = this.anyTx();
    if (this.h.pool.byTxid.has(tx.txid)) return;
    for (const told of this.told.values())
      if (isPartner(told.peer) && !told.known.has(this.hashFor(told, tx))) told.toTell.add(tx);
    this.h.accept(tx, undefined, this.#feeOf.get(tx)!);
    // Before any clock has struck, only trusted peers get it.
    for (const told of this.told.values()) {
      const found = this.find(told, tx);
      if (!isPartner(told.peer)) mustBe(found, 'ignored');
      else mustBe(found, told.peer.permissions.has('noban') ? tx : undefined);
    }
  }

  leave(): void {
    const tx = this.anyTx();
    const entry = this.h.pool.byTxid.get(tx.txid);
    if (entry !== undefined) this.h.removed(entry, 'replaced');
  }

  hears(): void {
    const told = this.any();
    if (told === undefined) return;
    const tx = this.anyTx();
    const hash = this.below(10) === 0 ? tx.txid : this.hashFor(told, tx);
    this.relay.markKnown(told.peer, hash);
    if (isPartner(told.peer)) told.known.add(hash);
  }

  /** From now on it wants transactions. */
  wakes(): void {
    const told = this.any();
    if (told === undefined || told.peer.relaysTxs || !isPartner(told.peer)) return;
    // What was announced to it while it wanted none is gone when its clock strikes, which cannot be seen.
    (told.peer as PeerRecord).isSendPaused = false;
    this.h.pass(120_000, () => this.look());
    told.toTell.clear();
    this.h.message(told.peer, { command: 'filterclear' });
  }

  pause(): void {
    const told = this.any();
    if (told !== undefined) (told.peer as PeerRecord).isSendPaused = this.below(3) === 0;
  }

  find({ peer }: Told, tx: Transaction): Transaction | undefined | 'ignored' {
    return this.relay.findForServing(peer, { type: INV.wtx, hash: tx.wtxid }, this.h.now);
  }

  /** Whether what was told is what had to be. */
  look(): void {
    for (const { peer: id, message } of this.h.sent('inv')) {
      const told = this.told.get(id)!;
      mustBe(told.peer.isSendPaused, false);
      const batch = this.wanted(told).slice(0, BATCH);
      expect(hashesOf(message.items)).toEqual(batch.map(tx => this.hashFor(told, tx)));
      expect(new Set(message.items.map(item => item.type))).toEqual(
        new Set([told.peer.wtxidRelay ? INV.wtx : INV.tx]),
      );
      for (const tx of batch) {
        told.toTell.delete(tx);
        told.known.add(this.hashFor(told, tx));
        mustBe(this.find(told, tx), tx);
      }
    }
  }

  /** The best first. */
  wanted(told: Told): Transaction[] {
    if (!told.peer.relaysTxs) return [];
    const { byTxid } = this.h.pool;
    const isWanted = (tx: Transaction) => {
      const entry = byTxid.get(tx.txid);
      if (entry === undefined || told.known.has(this.hashFor(told, tx))) return false;
      return entry.fee >= feeAt(told.peer.feeFilter, entry.virtualSize);
    };
    return [...told.toTell].filter(isWanted).sort((a, b) => this.#feeOf.get(b)! - this.#feeOf.get(a)!);
  }
}

/** Transactions may be spoken of on its connection. */
function isPartner(peer: Peer): boolean {
  return peer.type !== 'block-relay-only';
}

describe('who is told of what', () => {
  test.each([1, 2, 3, 4])(
    'is what two sets for each peer say, as peers and transactions come and go (seed %i)',
    seed => {
      const model = new Model(seed);
      const steps: readonly (readonly [number, () => void])[] = [
        [14, () => model.told.size < PEERS_MAX && model.connect()],
        [3, () => model.disconnect()],
        [30, () => model.accept()],
        [10, () => model.leave()],
        [40, () => model.hears()],
        [1, () => model.wakes()],
        [4, () => model.pause()],
        [20, () => model.h.pass(model.below(3_000), () => model.look())],
        [1, () => model.h.pass(600_000, () => model.look())],
      ];
      const weights = steps.reduce((sum, [weight]) => sum + weight, 0);
      for (let step = 0; step < 1_500; step += 1) {
        let left = model.below(weights);
        const [, what] = steps.find(([weight]) => {
          left -= weight;
          return left < 0;
        })!;
        what();
        model.look();
      }
      expect(model.told.size).toBeGreaterThan(64);
      // In the end nothing waits for anybody, and all may be asked for.
      for (const { peer } of model.told.values()) (peer as PeerRecord).isSendPaused = false;
      model.h.pass(600_000, () => model.look());
      for (const told of model.told.values()) {
        expect(model.wanted(told)).toEqual([]);
        if (!isPartner(told.peer)) continue;
        expect(model.relay.describe(told.peer).invToSend).toBe(0);
        for (const { tx } of model.h.pool.byTxid.values()) mustBe(model.find(told, tx), tx);
      }
    },
  );
});
