/**
 * What a fuzzing peer says: messages of every type, of random content or about blocks and transactions that exist, whole
 * or with their bytes changed. How it goes over the wire, others decide (v1-peer.ts, v2-peer.ts). A function of the random
 * stream and of what it is told.
 */
import { type BlockHash, binaryToBytes, concatBytes, type Hash256 } from '../../src/base/bytes.ts';
import { type Random, randomBelow } from '../../src/base/random.ts';
import { compactOf } from '../../src/p2p/compact-block.ts';
import type { Block } from '../../src/wire/block.ts';
import {
  type Command,
  encodePayload,
  INV,
  type InventoryItem,
  type Message,
  messages,
  NO_STOP_HASH,
} from '../../src/wire/messages.ts';
import type { OutPoint, Transaction } from '../../src/wire/transaction.ts';
import { SCRIPTED_VERSION } from '../support/p2p-world.ts';
import { RANDOM_MESSAGES, randomHeader, randomTransaction } from '../support/random-messages.ts';
import { coinbaseOf, mineBlock, NOW, spend } from '../support/test-chain.ts';

const COMMANDS = Object.keys(messages) as Command[];
const INV_TYPES = Object.values(INV);
const HEADERS_MAX = 20;
const ANSWERS_MAX = 16;
const COINS_MAX = 200;
const MADE_MAX = 400;
/** Of the first blocks of regtest. */
const SUBSIDY = 50_0000_0000;
const COINBASE_MATURITY = 100;

/** A command with a payload that may be spoilt; or bytes that are no message at all. */
export interface Said {
  readonly command: Command | 'random bytes';
  readonly payload: Uint8Array;
}

/** Where the node's chain has got to. */
interface Tip {
  readonly block: Block;
  readonly height: number;
  /** Seconds, by the clock of the world. */
  readonly now: number;
}

export class Mill {
  readonly #random: Random;
  /** Blocks of the chain that everybody has, ascending by height from 1. */
  readonly #blocks: readonly Block[];
  readonly #tip: () => Tip;
  readonly #txs: Transaction[] = [];
  /** Outputs that anyone can spend, if their transactions are taken. */
  readonly #coins: { readonly prevout: OutPoint; readonly value: number }[] = [];
  /** What was said of late, to be given to who asks for it. */
  readonly #made = new Map<string, Block | Transaction>();
  readonly counts = new Map<string, number>();

  constructor(random: Random, blocks: readonly Block[], tip: () => Tip) {
    this.#random = random;
    this.#blocks = blocks;
    this.#tip = tip;
  }

  /** What is said next on some connection. */
  next(): Said {
    const dice = this.#below(1_000);
    if (dice < 3) return this.#counted('random bytes', this.#random.bytes(this.#below(200)));
    const message = dice < 400 ? this.#invented() : this.#informed();
    const whole = encodePayload(message);
    return this.#counted(message.command, this.#below(3) === 0 ? this.#mutate(whole) : whole);
  }

  /** The handshake of a peer that means to be heard, with what is agreed in it. */
  greeting({ relay }: { readonly relay: boolean }): Message[] {
    const version = this.#pick([70_016, 70_017]);
    const greeting: Message[] = [
      { ...SCRIPTED_VERSION, version, relay, startHeight: this.#below(2 * this.#blocks.length) },
    ];
    if (version === 70_017 && this.#below(4) === 0) greeting.push(RANDOM_MESSAGES.feature(this.#random));
    if (this.#below(2) === 0) greeting.push({ command: 'sendaddrv2' });
    if (this.#below(8) > 0) greeting.push({ command: 'wtxidrelay' });
    if (relay && this.#below(4) > 0)
      greeting.push({ command: 'sendtxrcncl', version: 1, salt: BigInt(this.#random.u32()) });
    greeting.push({ command: 'verack' });
    if (this.#below(4) > 0) greeting.push({ command: 'sendcmpct', announce: this.#below(2), version: 2n });
    return greeting;
  }

  #counted(command: Said['command'], payload: Uint8Array): Said {
    this.counts.set(command, (this.counts.get(command) ?? 0) + 1);
    return { command, payload };
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
    const near = this.#below(4) === 0 ? this.#tip().block : this.#pick(this.#blocks.slice(-12));
    const hash: Hash256 = near.header.hash;
    switch (this.#below(16)) {
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
        else if (this.#below(2) === 0) return { command: 'headers', headers: [this.#newBlock().header] };
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
      case 11:
        return this.#aboutFilters(block.header.hash, near.header.hash);
      case 12:
        return this.#aboutBloom();
      case 13:
        // BIP330, with who has agreed to it and who has not. The rest of it must be asked for.
        return { command: 'reqrecon', setSize: this.#below(0x10000), q: this.#below(0x10000) };
      case 14:
        return this.#aboutAddresses();
      default:
        // What belongs before the end of the handshake closes a connection; it is invented often enough.
        return { command: this.#pick(['getaddr', 'sendheaders', 'mempool', 'verack'] as const) };
    }
  }

  /** BIP157: ranges that are there, turned round, or too long. */
  #aboutFilters(from: BlockHash, stopHash: BlockHash): Message {
    const filterType = this.#below(8) === 0 ? this.#below(256) : 0;
    const startHeight = this.#below(this.#blocks.length + 10);
    switch (this.#below(3)) {
      case 0:
        return { command: 'getcfcheckpt', filterType, stopHash };
      case 1:
        return { command: 'getcfilters', filterType, startHeight, stopHash: from };
      default:
        return { command: 'getcfheaders', filterType, startHeight, stopHash };
    }
  }

  /** BIP37: filters around the limits of 36,000 bytes, 50 functions and 520 bytes of an element. */
  #aboutBloom(): Message {
    switch (this.#below(3)) {
      case 0: {
        const data = this.#random.bytes(this.#pick([0, 1, 300, 36_000, 36_001]));
        const hashFunctions = this.#pick([0, 1, 11, 50, 51]);
        return {
          command: 'filterload',
          data,
          hashFunctions,
          tweak: this.#random.u32(),
          flags: this.#below(4),
        };
      }
      case 1: {
        const data = this.#pick([
          binaryToBytes(this.#tx().txid),
          this.#random.bytes(this.#pick([0, 520, 521])),
        ]);
        return { command: 'filteradd', data };
      }
      default:
        return { command: 'filterclear' };
    }
  }

  /** What a peer says to a message of the node, beside pongs: mostly what it is asked for. */
  answer(message: Message): Said[] {
    if (this.#below(4) === 0) return [];
    return this.#answers(message).map(answer => {
      const whole = encodePayload(answer);
      return this.#counted(answer.command, this.#below(16) === 0 ? this.#mutate(whole) : whole);
    });
  }

  #answers(message: Message): Message[] {
    switch (message.command) {
      case 'getdata':
        return message.items.slice(0, ANSWERS_MAX).map(item => {
          const found = this.#made.get(item.hash);
          if (found === undefined) return { command: 'notfound', items: [item] };
          if (!('header' in found)) return { command: 'tx', tx: found };
          return item.type === INV.compactBlock
            ? { command: 'cmpctblock', ...compactOf(found, BigInt(this.#below(1_000))) }
            : { command: 'block', block: found };
        });
      case 'getblocktxn': {
        const found = this.#made.get(message.blockHash);
        if (found === undefined || !('header' in found)) return [];
        const transactions = message.indexes.flatMap(index => found.transactions[index] ?? []);
        return [{ command: 'blocktxn', blockHash: message.blockHash, transactions }];
      }
      case 'getheaders': {
        const blocks = [...this.#blocks.slice(-this.#below(HEADERS_MAX)), this.#tip().block];
        return [{ command: 'headers', headers: blocks.map(({ header }) => header) }];
      }
      case 'sketch': {
        const shortIds = Array.from({ length: this.#below(50) }, () => this.#random.u32());
        return [{ command: 'reconcildiff', success: this.#below(3), shortIds }];
      }
      default:
        return [];
    }
  }

  /** Some again and again, fresh and old. */
  #aboutAddresses(): Message {
    const host = Uint8Array.of(60 + this.#below(100), this.#below(4), 1, 1);
    const known = { network: 'ipv4', bytes: host, port: 18_444, services: 9n } as const;
    const time = Math.floor(NOW / 1_000) - this.#below(40 * 86_400);
    const address = { ...known, time };
    return this.#below(2) === 0
      ? { command: 'addr', addresses: [...RANDOM_MESSAGES.addr(this.#random).addresses, address] }
      : { command: 'addrv2', addresses: [...RANDOM_MESSAGES.addrv2(this.#random).addresses, address] };
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
    const tx = this.#newTx();
    if (this.#txs.length < 500) this.#txs.push(tx);
    else this.#txs[this.#below(500)] = tx;
    return tx;
  }

  #newTx(): Transaction {
    switch (this.#below(4)) {
      case 0:
        return randomTransaction(this.#random);
      case 1:
        return this.#pick(this.#blocks).transactions[0]!;
      default:
        return this.#payment();
    }
  }

  /** Valid, if what it spends is there and not spent: of a block, or of another payment that may not have been heard of. */
  #payment(): Transaction {
    const { prevout, value } =
      this.#coins.length > 0 && this.#below(2) === 0
        ? this.#pick(this.#coins)
        : { prevout: coinbaseOf(this.#pick(this.#blocks.slice(0, -COINBASE_MATURITY))), value: SUBSIDY };
    const left = value - this.#below(100_000);
    // With one output it would be too small.
    const tx = this.#keep(spend([prevout], [left, 0]));
    const coin = { prevout: { txid: tx.txid, index: 0 }, value: left };
    if (this.#coins.length < COINS_MAX) this.#coins.push(coin);
    else this.#coins[this.#below(COINS_MAX)] = coin;
    return tx;
  }

  /** On the tip or beside the chain; some pay themselves too much. */
  #newBlock(): Block {
    const old = this.#blocks.length - this.#below(5);
    const { now, ...tip } = this.#tip();
    const { block: parent, height } =
      this.#below(8) === 0 ? tip : { block: this.#blocks[old - 1]!, height: old };
    const block = mineBlock(parent, height, {
      tag: this.#below(0xffffff),
      time: Math.max(parent.header.time + 1, now) + this.#below(60),
      transactions: Array.from({ length: this.#pick([0, 0, 1, 3]) }, () => this.#payment()),
      ...(this.#below(3) === 0 && { coinbaseValue: 60_0000_0000 }),
    });
    return this.#keep(block);
  }

  #keep<T extends Block | Transaction>(made: T): T {
    if (this.#made.size >= MADE_MAX)
      for (const oldest of [...this.#made.keys()].slice(0, MADE_MAX / 2)) this.#made.delete(oldest);
    for (const name of 'header' in made ? [made.header.hash] : [made.txid, made.wtxid])
      this.#made.set(name, made);
    return made;
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
}
