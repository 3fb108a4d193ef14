/** SHA-256d over more bytes than should lie in memory at once. */
import { createHash } from 'node:crypto';
import { bytesToHash, type Hash256 } from '../base/bytes.ts';
import { sha256 } from './sha256.ts';

export class Sha256dStream {
  readonly #inner = createHash('sha256');

  update(bytes: Uint8Array): void {
    this.#inner.update(bytes);
  }

  /** Ends the stream. */
  digest(): Hash256 {
    return bytesToHash(sha256(this.#inner.digest()));
  }
}
