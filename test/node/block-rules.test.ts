/** The table of block rules over `submitblock`, block by block: our node says what the table says, and so does bitcoind. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytesToHex, hashToHex } from '../../src/base/bytes.ts';
import type { Block } from '../../src/wire/block.ts';
import { bitcoind, describeBitcoind } from '../support/bitcoind.ts';
import { BLOCK_RULES, type BlockRules } from '../support/block-rules.ts';
import { BlockScene } from '../support/block-scene.ts';
import { Sandbox, type SandboxNode } from '../support/process.ts';

type MakeNode = (sandbox: Sandbox, rules: BlockRules, args: readonly string[]) => Promise<SandboxNode>;

describe('block rules by our node', () => {
  judge((sandbox, { name, params }, args) => {
    const ours = [`-chain=${params.name}`, '-dnsseed=0', '-fixedseeds=0', ...args].map(each => `-${each}`);
    return sandbox.hearsay(name, ours, params.name);
  });
});

describeBitcoind('block rules by bitcoind', () => {
  judge((sandbox, { name, params }, args) => bitcoind(sandbox, name, args, params.name));
});

function judge(makeNode: MakeNode): void {
  const sandbox = new Sandbox();
  afterAll(() => sandbox.close());

  describe.each(BLOCK_RULES)('$name', group => {
    const scene = new BlockScene(group.params);
    let node: SandboxNode;

    beforeAll(async () => {
      node = await makeNode(sandbox, group, [`-mocktime=${group.now / 1000}`, ...group.coreArgs]);
      await node.start();
      group.prepare(scene);
      const hexes = scene.base.map(block => [bytesToHex(block.raw)]);
      expect((await node.rpcEach('submitblock', hexes)).every(answer => answer === null)).toBe(true);
    });
    afterAll(() => node.stop());

    const submit = (block: Block) => node.rpc<string | null>('submitblock', bytesToHex(block.raw));

    test.each(group.rules)('%s: %o', async (rule, build, verdict) => {
      const block = build(scene);
      scene.built.set(rule, block);
      expect((await submit(block)) ?? 'accepted').toBe(verdict);
      if (verdict === 'accepted') scene.extend(block);
      expect(await node.rpc('getbestblockhash')).toBe(hashToHex(scene.tip.header.hash));
    });
  });
}
