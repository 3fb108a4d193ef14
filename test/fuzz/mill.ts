/**
 * What a fuzzing peer says: messages of every type, of random content or about blocks and transactions that exist, whole
 * or with their bytes changed, in frames that are right or not. A function of the random stream and of what it is told.
 */
import { concatBytes, type Hash256 } from '../../src/base/bytes.ts';
import { type Random, randomBelow } from '../../src/base/random.ts';
import { compactOf } from '../../src/p2p/compact-block.ts';
import type { Block } from '../../src/wire/block.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import {
  type Command,
  encodePayload,
  INV,
  type InventoryItem,
  type Message,
  messages,
  NO_STOP_HASH,
} from '../../src/wire/messages.ts';
import type { Transaction } from '../../src/wire/transaction.ts';
import { RANDOM_MESSAGES, randomHeader, randomTransaction } from '../support/random-messages.ts';
import { mineBlock, REGTEST } from '../support/test-chain.ts';

const COMMANDS = Object.keys(messages) as Command[];
const INV_TYPES = Object.values(INV);
const HEADERS_MAX = 20;

export class Mill {
  readonly #random: Random;
  /** Blocks of the chain that everybody has, ascending by height from 1. */
  readonly #blocks: readonly Block[];
  readonly #txs: Transaction[] = [];
  readonly counts = new Map<string, number>();

  constructor(random: Random, blocks: readonly Block[]) {
    this.#random = random;
    this.#blocks = blocks;
  }

  /** Bytes that come next on some connection: nearly always one frame. */
  next(): Uint8Array {
    const dice = this.#below(1_000);
    if (dice < 3) return this.#counted('random bytes', this.#random.bytes(this.#below(200)));
    const message = dice < 400 ? this.#invented() : this.#informed();
    const whole = encodePayload(message);
    const payload = this.#below(3) === 0 ? this.#mutate(whole) : whole;
    const frame = encodeFrame(REGTEST.magic, message.command, payload);
    if (dice >= 995) this.#spoil(frame);
    return this.#counted(message.command, frame);
  }

  #counted(what: string, bytes: Uint8Array): Uint8Array {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
    return bytes;
  }

  #below(limit: number): number {
    return randomBelow(this.#random, limit);
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#below(items.length)]!;
  }

  /** Of any type and content. */
  #invented(): Message {
    return RANDOM_MESSAGES[this.#pick(COMMANDS)](this.#random);
  }

  /** About what exists: hashes, blocks and transactions that the node knows, or could connect to what it knows. */
  #informed(): Message {
    const block = this.#pick(this.#blocks);
    const near = this.#pick(this.#blocks.slice(-12));
    const hash: Hash256 = near.header.hash;
    switch (this.#below(12)) {
      case 0:
        return { command: this.#pick(['inv', 'getdata', 'notfound'] as const), items: this.#items() };
      case 1:
        return {
          command: this.#pick(['getheaders', 'getblocks'] as const),
          version: 70_016,
          locator: [block.header.hash, near.header.hash],
          stopHash: this.#below(2) === 0 ? NO_STOP_HASH : block.header.hash,
        };
      case 2: {
        const from = this.#below(this.#blocks.length);
        const headers = this.#blocks.slice(from, from + this.#below(HEADERS_MAX)).map(each => each.header);
        if (this.#below(3) === 0) headers.push({ ...randomHeader(this.#random), prevHash: near.header.hash });
        return { command: 'headers', headers };
      }
      case 3:
        return { command: 'block', block: this.#below(2) === 0 ? near : this.#newBlock() };
      case 4:
        return { command: 'cmpctblock', ...compactOf(this.#newBlock(), BigInt(this.#below(1_000))) };
      case 5:
        return { command: 'getblocktxn', blockHash: near.header.hash, indexes: [this.#below(3)] };
      case 6: {
        const transactions =
          this.#below(2) === 0 ? [...near.transactions] : [randomTransaction(this.#random)];
        return { command: 'blocktxn', blockHash: near.header.hash, transactions };
      }
      case 7:
        return { command: 'tx', tx: this.#tx() };
      case 8:
        return { command: 'sendcmpct', announce: this.#below(2), version: 2n };
      case 9:
        return { command: 'ping', nonce: BigInt(this.#below(1_000)) };
      case 10:
        return { command: 'inv', items: [{ type: INV.block, hash }] };
      default:
        return {
          command: this.#pick(['getaddr', 'sendheaders', 'mempool', 'sendaddrv2', 'verack'] as const),
        };
    }
  }

  #items(): InventoryItem[] {
    return Array.from({ length: 1 + this.#below(30) }, () => {
      const tx = this.#tx();
      const hash: Hash256 = this.#pick([tx.txid, tx.wtxid, this.#pick(this.#blocks).header.hash]);
      const type = this.#below(10) === 0 ? this.#random.u32() : this.#pick(INV_TYPES);
      return { type: this.#below(4) === 0 ? (type | 0x4000_0000) >>> 0 : type, hash };
    });
  }

  /** Some come again and again, so that what is announced can be asked for and sent. */
  #tx(): Transaction {
    if (this.#txs.length > 0 && this.#below(4) > 0) return this.#pick(this.#txs);
    const parent =
      this.#below(2) === 0 ? this.#pick(this.#blocks).transactions[0]! : randomTransaction(this.#random);
    const made = randomTransaction(this.#random);
    const tx: Transaction = this.#below(2) === 0 ? made : parent;
    if (this.#txs.length < 500) this.#txs.push(tx);
    else this.#txs[this.#below(500)] = tx;
    return tx;
  }

  /** On a recent block; every other one pays itself too much. */
  #newBlock(): Block {
    const height = this.#blocks.length - this.#below(5);
    const parent = this.#blocks[height - 1]!;
    return mineBlock(parent, height, {
      tag: this.#below(0xffffff),
      ...(this.#below(2) === 0 && { coinbaseValue: 60_0000_0000 }),
    });
  }

  #mutate(payload: Uint8Array): Uint8Array {
    let bytes: Uint8Array = payload.slice();
    for (let i = 1 + this.#below(3); i > 0; i -= 1) {
      const at = this.#below(bytes.length + 1);
      switch (this.#below(6)) {
        case 0:
          if (bytes.length > 0) bytes[this.#below(bytes.length)]! ^= 1 << this.#below(8);
          break;
        case 1:
          bytes = bytes.slice(0, at);
          break;
        case 2:
          bytes = concatBytes(bytes, this.#random.bytes(this.#below(20)));
          break;
        case 3:
          // A count or length that is far too large, or not the shortest.
          bytes = concatBytes(
            bytes.subarray(0, at),
            this.#pick([
              Uint8Array.of(0xfd, 0, 0),
              Uint8Array.of(0xfd, 0xff, 0xff),
              Uint8Array.of(0xfe, 0xff, 0xff, 0xff, 0x01),
              Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
            ]),
            bytes.subarray(at),
          );
          break;
        case 4:
          bytes = concatBytes(bytes.subarray(0, at), bytes.subarray(this.#below(bytes.length + 1)));
          break;
        default:
          if (bytes.length > 0) bytes[0] = this.#below(256);
      }
    }
    // What repeats itself could grow without end.
    return bytes.length > 100_000 ? bytes.slice(0, 100_000) : bytes;
  }

  /** A frame that is none: another magic, length, checksum or command. */
  #spoil(frame: Uint8Array): void {
    frame[this.#below(24)]! ^= 1 << this.#below(8);
  }
}
