/** The table of block rules against bitcoind, block by block over `submitblock`: it says what the table says. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytesToHex, hashToHex } from '../../src/base/bytes.ts';
import type { Block } from '../../src/wire/block.ts';
import { bitcoind, describeBitcoind } from '../support/bitcoind.ts';
import { BLOCK_RULES } from '../support/block-rules.ts';
import { BlockScene } from '../support/block-scene.ts';
import { Sandbox, type SandboxNode } from '../support/process.ts';

describeBitcoind('block rules', () => {
  const sandbox = new Sandbox();
  afterAll(() => sandbox.close());

  describe.each(BLOCK_RULES)('$name', ({ name, params, now, coreArgs, prepare, rules }) => {
    const scene = new BlockScene(params);
    let core: SandboxNode;

    beforeAll(async () => {
      const args = [`-mocktime=${now / 1000}`, ...coreArgs];
      core = await bitcoind(sandbox, name, args, params.name);
      await core.start();
      prepare(scene);
      for (const block of scene.base) expect(await submit(block)).toBeNull();
    });
    afterAll(() => core.stop());

    const submit = (block: Block) => core.rpc<string | null>('submitblock', bytesToHex(block.raw));

    test.each(rules)('%s: %o', async (rule, build, verdict) => {
      const block = build(scene);
      scene.built.set(rule, block);
      expect((await submit(block)) ?? 'accepted').toBe(verdict);
      if (verdict === 'accepted') scene.extend(block);
      expect(await core.rpc('getbestblockhash')).toBe(hashToHex(scene.tip.header.hash));
    });
  });
});
