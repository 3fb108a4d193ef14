/** A chain that Core's wallet or ours made is synced by the other node, in both directions, also through kills. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bitcoind, describeBitcoind } from '../support/bitcoind.ts';
import { coinSet, eventually, Sandbox, type SandboxNode, sameTip } from '../support/process.ts';
import { readShared, sharedPath } from '../support/shared.ts';

const ADDRESS_TYPES = ['legacy', 'p2sh-segwit', 'bech32', 'bech32m'] as const;
const BLOCKS = 300;
const HEAVY_CHAIN = 'blocks/chains/regtest-100k-inputs-0-150.dat.gz';
const HEAVY_HEIGHT = 150;

describeBitcoind('we sync from bitcoind', () => {
  const sandbox = new Sandbox();
  let core: SandboxNode;

  beforeAll(async () => {
    core = await bitcoind(sandbox, 'core');
    await core.start();
    await fillChain(core, ADDRESS_TYPES);
    // What bitcoind has not flushed it loses when killed: with all of its chain, if that is new.
    await core.stop();
    await core.start();
  });
  afterAll(() => sandbox.close());

  test('all that its wallet makes, to the same coins', async () => {
    const ours = await sandbox.hearsay('ours', ['--connect', core.address]);
    await ours.start();
    await sameTip(core, ours);
    expect(await coinSet(ours)).toEqual(await coinSet(core));
    expect((await coinSet(ours)).height).toBe(BLOCKS);
    await ours.stop();
    // What was told survives; nothing is left to fetch.
    await ours.start();
    expect(await ours.rpc('getblockcount')).toBe(BLOCKS);
    expect(await coinSet(ours)).toEqual(await coinSet(core));
    await ours.stop();
  });

  test('with kills of our node and of bitcoind on the way', async () => {
    const ours = await sandbox.hearsay('killed', ['--connect', core.address]);
    await ours.start();
    let reached = 0;
    for (const goal of [20, 60, 150]) {
      reached = await eventually(`height ${goal}`, async () => {
        const height = await ours.rpc<number>('getblockcount');
        return height >= goal && height;
      });
      if (goal === 60) {
        await core.kill();
        await core.start();
      }
      await ours.kill();
      await ours.start();
      expect(await ours.rpc<number>('getblockcount')).toBeGreaterThanOrEqual(reached);
    }
    await sameTip(core, ours);
    expect(await coinSet(ours)).toEqual(await coinSet(core));
    await ours.stop();
  });
});

describeBitcoind('bitcoind syncs from us', () => {
  const sandbox = new Sandbox();
  let ours: SandboxNode;

  beforeAll(async () => {
    ours = await sandbox.hearsay('ours');
    await ours.start();
    await fillChain(ours, ['legacy', 'p2sh-segwit', 'bech32']);
  });
  afterAll(() => sandbox.close());

  test.each([1, 0])('with v2transport=%d', async v2 => {
    const core = await bitcoind(sandbox, `core${v2}`, [`-v2transport=${v2}`, `-connect=${ours.address}`]);
    await core.start();
    await sameTip(core, ours);
    expect(await coinSet(ours)).toEqual(await coinSet(core));
    expect((await coinSet(core)).height).toBe(BLOCKS);
    expect(await core.rpc('getpeerinfo')).toMatchObject([
      { transport_protocol_type: `v${v2 + 1}`, inbound: false },
    ]);
    await core.stop();
  });

  test('with kills of both on the way', async () => {
    const core = await bitcoind(sandbox, 'killed', [`-connect=${ours.address}`]);
    await core.start();
    await eventually('some blocks', async () => (await core.rpc<number>('getblockcount')) >= 40);
    await ours.kill();
    await ours.start();
    expect(await ours.rpc('getblockcount')).toBe(BLOCKS);
    await eventually('more blocks', async () => (await core.rpc<number>('getblockcount')) >= 80);
    await core.kill();
    await core.start();
    await sameTip(core, ours);
    expect(await coinSet(ours)).toEqual(await coinSet(core));
    await core.stop();
  });
});

describeBitcoind('100,000 signed inputs', () => {
  const sandbox = new Sandbox();
  afterAll(() => sandbox.close());

  test.skipIf(!existsSync(sharedPath(HEAVY_CHAIN)))(
    'with kills of our node and of bitcoind on the way',
    async () => {
      const file = path.join(sandbox.root, 'chain.dat');
      writeFileSync(file, readShared(HEAVY_CHAIN));
      const loader = await bitcoind(sandbox, 'core', [`-loadblock=${file}`]);
      await loader.start();
      const reached = (node: SandboxNode, goal: number) =>
        eventually(`height ${goal}`, async () => {
          const height = await node.rpc<number>('getblockcount');
          return height >= goal && height;
        });
      await reached(loader, HEAVY_HEIGHT);
      const expected = await coinSet(loader);
      // What bitcoind has not flushed it loses when killed; we lose nothing that was told.
      await loader.stop();
      rmSync(file);
      const core = loader;
      await core.start();
      const ours = await sandbox.hearsay('ours', ['--connect', core.address]);
      await ours.start();
      for (const goal of [110, 125, 140]) {
        const height = await reached(ours, goal);
        await ours.kill();
        await core.kill();
        await core.start();
        await ours.start();
        expect(await ours.rpc<number>('getblockcount')).toBeGreaterThanOrEqual(height);
      }
      await reached(ours, HEAVY_HEIGHT);
      expect(await coinSet(ours)).toEqual(expected);
    },
    120_000,
  );
});

/** BLOCKS blocks with payments between addresses of all these types, mined and spent by the node's own wallet. */
async function fillChain(node: SandboxNode, types: readonly string[]): Promise<void> {
  await node.rpc('createwallet', 'w');
  const wallet = <T>(method: string, ...params: unknown[]) => node.walletRpc<T>('w', method, ...params);
  const addressOf = (type: string) => wallet<string>('getnewaddress', '', type);
  const mine = async (blocks: number, type: string) =>
    node.rpc('generatetoaddress', blocks, await addressOf(type));
  for (const type of types) await mine(10, type);
  await mine(100, 'legacy');
  let height = 100 + 10 * types.length;
  for (let round = 0; height < BLOCKS; round += 1) {
    // Each type is paid, and what was paid before is spent together.
    for (const type of types) {
      await wallet('sendtoaddress', await addressOf(type), 1 + round / 128);
      const amounts: Record<string, number> = {};
      for (const other of types) amounts[await addressOf(other)] = 0.5;
      await wallet('sendmany', '', amounts);
    }
    const step = Math.min(10, BLOCKS - height);
    await mine(step, types[round % types.length]!);
    height += step;
  }
}
