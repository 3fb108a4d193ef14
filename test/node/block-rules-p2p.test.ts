/**
 * The table of block rules once more, each block sent by a peer: our node takes what the table says and names the same
 * reason in its log; and bitcoind, where there is one, does to the block, to its header and to the peer exactly what we do.
 */
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytesToHex, hashToHex } from '../../src/base/bytes.ts';
import type { Block } from '../../src/wire/block.ts';
import { bitcoind } from '../support/bitcoind.ts';
import { BLOCK_RULES } from '../support/block-rules.ts';
import { BlockScene } from '../support/block-scene.ts';
import { Sandbox, type SandboxNode } from '../support/process.ts';
import { RawPeer } from '../support/raw-peer.ts';

interface Outcome {
  readonly tip: string;
  /** As `getchaintips` tells of the block: 'unknown' when its header was not kept or it is inside the active chain. */
  readonly status: string;
  readonly keepsPeer: boolean;
  /** The log names the reason that the table gives. */
  readonly namesReason: boolean;
}

/** A node and a peer of it that sends blocks. */
class Judge {
  readonly #node: SandboxNode;
  readonly #magic: Uint8Array;
  #peer: RawPeer | undefined;
  #nonce = 0n;

  constructor(node: SandboxNode, magic: Uint8Array) {
    this.#node = node;
    this.#magic = magic;
  }

  async start(base: readonly Block[]): Promise<void> {
    await this.#node.start();
    const hexes = base.map(block => [bytesToHex(block.raw)]);
    expect((await this.#node.rpcEach('submitblock', hexes)).every(answer => answer === null)).toBe(true);
  }

  async send(block: Block, verdict: string): Promise<Outcome> {
    this.#peer ??= await RawPeer.greet(this.#node.port, this.#magic);
    const log = path.join(this.#node.directory, 'debug.log');
    const from = statSync(log).size;
    this.#peer.sendPayload('block', block.raw);
    this.#nonce += 1n;
    const keepsPeer = await this.#peer.isAlive(this.#nonce);
    if (!keepsPeer) {
      this.#peer.close();
      this.#peer = undefined;
    }
    const hash = hashToHex(block.header.hash);
    const tips = await this.#node.rpc<{ hash: string; status: string }[]>('getchaintips');
    return {
      tip: await this.#node.rpc('getbestblockhash'),
      status: tips.find(tip => tip.hash === hash)?.status ?? 'unknown',
      keepsPeer,
      namesReason: verdict !== 'accepted' && readFileSync(log).subarray(from).toString().includes(verdict),
    };
  }

  async stop(): Promise<void> {
    this.#peer?.close();
    await this.#node.stop();
  }
}

const sandbox = new Sandbox();
afterAll(() => sandbox.close());

describe.each(BLOCK_RULES)('$name', group => {
  const { params, rules, coreArgs, now } = group;
  const scene = new BlockScene(params);
  const judges: Judge[] = [];

  beforeAll(async () => {
    const args = [
      `-mocktime=${now / 1000}`,
      '-minimumchainwork=0',
      '-debug=validation',
      '-debug=net',
      ...coreArgs,
    ];
    const ours = ['-chain', params.name, '-dnsseed=0', '-fixedseeds=0', ...args].map(each =>
      each.replace(/^-/, '--'),
    );
    const nodes = [await sandbox.hearsay(group.name, ours, params.name)];
    if (process.env['BITCOIND'])
      nodes.push(await bitcoind(sandbox, `${group.name}, Core`, args, params.name));
    group.prepare(scene);
    for (const node of nodes) {
      const judge = new Judge(node, params.magic);
      judges.push(judge);
      await judge.start(scene.base);
    }
  });
  afterAll(() => Promise.all(judges.map(judge => judge.stop())));

  test.each(rules)('%s: %o', async (rule, build, verdict) => {
    const block = build(scene);
    scene.built.set(rule, block);
    if (verdict === 'accepted') scene.extend(block);
    const [ours, core] = await Promise.all(judges.map(judge => judge.send(block, verdict)));
    expect(ours!.tip).toBe(hashToHex(scene.tip.header.hash));
    if (verdict !== 'accepted') expect(ours!.namesReason, 'the log names the reason').toBe(true);
    if (core !== undefined) expect(ours).toEqual(core);
  });
});
