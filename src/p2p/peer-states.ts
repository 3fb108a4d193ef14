/**
 * What one concern remembers of peers: a place in each peer's record, empty until there is something to remember. Most
 * peers have nothing to say to most concerns, and a table for each concern would cost more than what stands in it.
 */
import { PEER_PLACES, type Peer, type PeerPlace, type PeerTable } from './peer.ts';

export class PeerStates<State> {
  readonly #peers: PeerTable;
  readonly #place: number;

  /** `place`: the concern's own. */
  constructor({ peers }: { readonly peers: PeerTable }, place: PeerPlace) {
    this.#peers = peers;
    this.#place = PEER_PLACES.indexOf(place);
  }

  get(peer: Peer): State | undefined {
    return peer.places[this.#place] as State | undefined;
  }

  set(peer: Peer, state: State): void {
    peer.places[this.#place] = state;
  }

  delete(peer: Peer): void {
    peer.places[this.#place] = undefined;
  }

  /** Those of the connected peers of which there is something, in order of their ids. */
  forEach(visit: (state: State, peer: Peer) => void): void {
    for (const peer of this.#peers.values()) {
      const state = this.get(peer);
      if (state !== undefined) visit(state, peer);
    }
  }
}
