/**
 * What misbehaviour earns (Core: Misbehaving, MaybeDiscourageAndDisconnect, MaybePunishNodeForBlock). One strike is
 * enough: the peer is disconnected and its address discouraged, which costs it its place when slots are scarce until we
 * restart. Peers with noban, and manual ones, are spared; local addresses are disconnected but not discouraged, because
 * they stand for everybody who comes through a proxy.
 */
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Reject, RejectKind } from '../consensus/reject.ts';
import type { FrameDefect } from '../wire/frame.ts';
import { hostKey, type NetAddress } from '../wire/net-address.ts';
import { RollingFilter } from './bloom.ts';
import { isLocalHost } from './netgroup.ts';
import type { Outbox } from './outbox.ts';
import type { Peer, PeerTable } from './peer.ts';

/** Addresses remembered as discouraged (Core: banman.h, m_discouraged). */
const DISCOURAGED = { capacity: 50_000, falsePositiveRate: 0.000_001 } as const;

/** What the sender of a block or header earns that was refused. */
const BLOCK_PENALTIES: Record<RejectKind, 'none' | 'discourage'> = {
  consensus: 'discourage',
  header: 'discourage',
  mutated: 'discourage',
  'missing-parent': 'discourage',
  'invalid-parent': 'discourage',
  future: 'none',
  'low-work': 'none',
  // Not of blocks.
  policy: 'none',
  reconsiderable: 'none',
  'missing-inputs': 'none',
  premature: 'none',
  conflict: 'none',
  witness: 'none',
};

/** What a message that cannot be read earns. */
const DEFECT_PENALTIES: Record<FrameDefect | 'payload' | 'tooMany', 'ignore' | 'disconnect' | 'discourage'> =
  {
    // Another network, or BIP324's first bytes: no reason to hold it against the address.
    magic: 'disconnect',
    oversize: 'disconnect',
    transport: 'disconnect',
    checksum: 'ignore',
    command: 'ignore',
    payload: 'ignore',
    tooMany: 'discourage',
  };

/** Too many hashes in a locator: an odd client rather than an attack. */
const DISCONNECTED_ONLY = new Set(['getheaders', 'getblocks']);

export class Penalties {
  readonly #outbox: Outbox;
  readonly #log: Log;
  readonly #peers: PeerTable;
  readonly #discouraged: RollingFilter;
  /** Mostly nobody, and each address that is heard of is looked up. */
  #isAnyDiscouraged = false;

  constructor(deps: {
    readonly outbox: Outbox;
    readonly log: Log;
    readonly random: Random;
    readonly peers: PeerTable;
  }) {
    this.#outbox = deps.outbox;
    this.#log = deps.log;
    this.#peers = deps.peers;
    this.#discouraged = new RollingFilter(deps.random, DISCOURAGED);
  }

  /** `what` it did, for the log. */
  misbehaving(peer: Peer, what: string): void {
    if (peer.phase === 'leaving') return;
    this.#log.debug('net', () => `Misbehaving: peer=${peer.id}: ${what}`);
    if (peer.permissions.has('noban')) {
      this.#log.warn(`not punishing noban peer ${peer.id}: ${what}`);
      return;
    }
    if (peer.type === 'manual') {
      this.#log.warn(`not punishing manually connected peer ${peer.id}: ${what}`);
      return;
    }
    this.#outbox.disconnect(peer, `misbehaving: ${what}`);
    if (isLocalHost(peer.address)) return;
    const host = hostKey(peer.address);
    this.#discouraged.add(host);
    this.#isAnyDiscouraged = true;
    for (const other of this.#peers.values())
      if (hostKey(other.address) === host) this.#outbox.disconnect(other, 'its address was discouraged');
  }

  /** The peer sent a block or header that was refused; `what` is for the log. */
  punishForBlock(
    peer: Peer,
    reject: Reject,
    what: string,
    { viaCompact = false }: { readonly viaCompact?: boolean } = {},
  ): void {
    const isKnown = reject.reason === 'duplicate-invalid';
    // Compact blocks may be sent on before they are validated (BIP152); a header is checked by everybody.
    const isSecondHand = viaCompact && (isKnown || reject.kind === 'consensus' || reject.kind === 'mutated');
    // Inbound peers may not know yet that a block of theirs is invalid; they are many and cost us little.
    const isSpared = isSecondHand || (isKnown && peer.type === 'inbound');
    if (BLOCK_PENALTIES[reject.kind] === 'none' || isSpared)
      this.#log.debug('net', () => `peer=${peer.id}: ${what}`);
    else this.misbehaving(peer, what);
  }

  punishForDefect(
    peer: Peer,
    command: string,
    defect: FrameDefect | 'payload' | 'tooMany',
    detail: string,
  ): void {
    const penalty = DEFECT_PENALTIES[defect];
    const what =
      defect === 'transport'
        ? `V2 transport error: ${detail}`
        : `${command === '' ? 'frame' : command}: ${defect}, ${detail}`;
    if (command === 'feature' && peer.phase !== 'connected')
      this.#outbox.disconnect(peer, `invalid feature payload (${detail})`);
    else if (penalty === 'ignore') this.#log.debug('net', () => `ignored from peer=${peer.id}: ${what}`);
    else if (penalty === 'disconnect' || DISCONNECTED_ONLY.has(command)) this.#outbox.disconnect(peer, what);
    else this.misbehaving(peer, what);
  }

  isDiscouraged(address: NetAddress): boolean {
    return this.#isAnyDiscouraged && this.#discouraged.has(hostKey(address));
  }
}
