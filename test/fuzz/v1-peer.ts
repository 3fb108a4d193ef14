/** A fuzzing peer in the clear: frames that are right, now and then one that is not. */
import { type Random, randomBelow } from '../../src/base/random.ts';
import { encodeFrame, FRAME_HEADER_BYTES } from '../../src/wire/frame.ts';
import type { Message } from '../../src/wire/messages.ts';
import type { ScriptedPeer } from '../support/p2p-world.ts';
import { REGTEST } from '../support/test-chain.ts';
import type { Said } from './mill.ts';

/** One frame in so many has another magic, length, checksum or command. */
const SPOILT_EVERY = 200;

export class V1Peer {
  readonly #random: Random;
  readonly #peer: ScriptedPeer;

  /** `answer`: what it says to a message of the node. */
  constructor(random: Random, peer: ScriptedPeer, answer: (message: Message) => Said[]) {
    this.#random = random;
    this.#peer = peer;
    const polite = peer.onMessage;
    peer.onMessage = message => {
      polite(message);
      for (const said of answer(message)) this.say(said);
    };
  }

  get isOpen(): boolean {
    return this.#peer.isOpen;
  }

  say({ command, payload }: Said): void {
    if (command === 'random bytes') {
      this.#peer.sendBytes(payload);
      return;
    }
    const frame = encodeFrame(REGTEST.magic, command, payload);
    if (randomBelow(this.#random, SPOILT_EVERY) === 0)
      frame[randomBelow(this.#random, FRAME_HEADER_BYTES)]! ^= 1 << randomBelow(this.#random, 8);
    this.#peer.sendBytes(frame);
  }

  close(): void {
    this.#peer.close();
  }
}
