/**
 * Half a million headers of regtest difficulty, asked of a peer that has nothing else, beside bitcoind where there is
 * one. Short: two messages full of them.
 */
import assert from 'node:assert';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { makeHeaders, REGTEST } from '../../scripts/make-chain/chain.ts';
import { killAll } from '../../scripts/regtest/process.ts';
import { type BlockHash, hashToHex } from '../../src/base/bytes.ts';
import type { BlockHeader } from '../../src/wire/block.ts';
import { encodeFrame, FrameDecoder } from '../../src/wire/frame.ts';
import { decodeMessage, encodePayload, isKnownCommand, type Message } from '../../src/wire/messages.ts';
import { contest } from './contest.ts';
import type { Scenario } from './scenario.ts';

const RUNS = { short: 1, full: 3 };
const HEADERS = { short: 4_000, full: 500_000 };
/** In one message (Core: MAX_HEADERS_RESULTS). */
const HEADERS_PER_MESSAGE = 2_000;
const VERSION = 70_016;
const SERVES_BLOCKS_AND_WITNESSES = 9n;

export const headersScenario: Scenario = {
  name: 'headers',
  async run({ short }) {
    const count = short ? HEADERS.short : HEADERS.full;
    const server = new HeaderServer([...makeHeaders(count)]);
    const port = await server.listen();
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'hearsay-bench-'));
    try {
      return await contest(root, `${count.toLocaleString('en')} headers`, short ? RUNS.short : RUNS.full, {
        chain: 'regtest',
        args: [`-connect=127.0.0.1:${port}`, '-listen=1', '-v2transport=0', '-maxtipage=3153600000'],
        isReached: async node => (await node.rpc<{ headers: number }>('getblockchaininfo')).headers === count,
        async check(node) {
          const tips = await node.rpc<{ height: number; hash: string }[]>('getchaintips');
          const best = tips.find(tip => tip.height === count);
          assert.equal(best?.hash, hashToHex(server.headers.at(-1)!.hash));
        },
      });
    } finally {
      killAll();
      server.close();
      fs.rmSync(root, { recursive: true, force: true });
    }
  },
};

/** Shakes hands and answers `getheaders`; blocks it never sends. */
class HeaderServer {
  readonly headers: readonly BlockHeader[];
  readonly #heights: ReadonlyMap<BlockHash, number>;
  readonly #server: net.Server;

  constructor(headers: readonly BlockHeader[]) {
    this.headers = headers;
    this.#heights = new Map(headers.map(({ hash }, i) => [hash, i + 1]));
    this.#server = net.createServer(socket => this.#serve(socket));
  }

  listen(): Promise<number> {
    return new Promise(resolve => {
      this.#server.listen(0, '127.0.0.1', () => resolve((this.#server.address() as net.AddressInfo).port));
    });
  }

  close(): void {
    this.#server.close();
  }

  #serve(socket: net.Socket): void {
    const decoder = new FrameDecoder(REGTEST.magic);
    socket.on('error', () => {});
    socket.on('data', chunk => {
      decoder.push(chunk);
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
        if (frame.kind !== 'frame' || !isKnownCommand(frame.command)) continue;
        for (const answer of this.#answers(decodeMessage(frame.command, frame.payload)))
          socket.write(encodeFrame(REGTEST.magic, answer.command, encodePayload(answer)));
      }
    });
  }

  #answers(message: Message): Message[] {
    switch (message.command) {
      case 'version':
        return [this.#version(), { command: 'verack' }];
      case 'ping':
        return [{ command: 'pong', nonce: message.nonce }];
      case 'getheaders': {
        const known = message.locator.find(hash => this.#heights.has(hash));
        const height = known === undefined ? 0 : this.#heights.get(known)!;
        return [{ command: 'headers', headers: this.headers.slice(height, height + HEADERS_PER_MESSAGE) }];
      }
      default:
        return [];
    }
  }

  #version(): Message {
    const address = {
      network: 'ipv4' as const,
      bytes: Uint8Array.of(127, 0, 0, 1),
      port: 0,
      services: SERVES_BLOCKS_AND_WITNESSES,
    };
    return {
      command: 'version',
      version: VERSION,
      services: SERVES_BLOCKS_AND_WITNESSES,
      time: BigInt(Math.floor(Date.now() / 1000)),
      to: address,
      from: address,
      nonce: 1n,
      userAgent: '/headers/',
      startHeight: this.headers.length,
      relay: true,
    };
  }
}
