/** Files that Core wrote are read by us, and ours by Core: addresses of peers, block files, blocks of a chain. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runProgram } from '../../scripts/regtest/process.ts';
import { bitcoind, describeBitcoind } from '../support/bitcoind.ts';
import { coinSet, eventually, Sandbox, type SandboxNode } from '../support/process.ts';

const BLOCKS = 140;
/** Alone, as there is nobody to talk to. */
const ALONE = '--connect=0';
const ONION = 'pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion';
const I2P = 'ukeu3k5oycgaauneqgtnvselmt4yemvoilkln7jpvamvfx7dnkdq.b32.i2p';
const CJDNS = 'fc00:1:2:3:4:5:6:7';

describeBitcoind('files of bitcoind and ours', () => {
  const sandbox = new Sandbox();
  let core: SandboxNode;
  let ours: SandboxNode;

  beforeAll(async () => {
    core = await bitcoind(sandbox, 'core', ['-cjdnsreachable']);
    ours = await sandbox.hearsay('ours', [ALONE]);
    for (const node of [core, ours]) {
      await node.start();
      await fillChain(node);
      await node.stop();
    }
  });
  afterAll(() => sandbox.close());

  test('peers.dat, in both directions', async () => {
    for (const [from, to] of [
      [core, ours],
      [ours, core],
    ] as const) {
      await from.start();
      for (let i = 0; i < 40; i += 1) {
        for (const address of [`${i + 11}.1.2.3`, `2a0${i % 8}:${i + 1}::1`])
          await from.rpc('addpeeraddress', address, 8_000 + i, i % 4 === 0);
      }
      if (from === core) {
        for (const address of [ONION, I2P, CJDNS]) {
          const added = await from.rpc('addpeeraddress', address, address === I2P ? 0 : 8333);
          expect(added, address).toEqual({ success: true });
        }
      }
      const written = await bookOf(from);
      expect(written.addresses.length).toBeGreaterThan(70);
      await from.stop();
      await to.stop();
      fs.copyFileSync(path.join(from.directory, 'peers.dat'), path.join(to.directory, 'peers.dat'));
      await to.start();
      expect(await bookOf(to)).toEqual(written);
      await to.stop();
    }
  });

  test('mempool.dat, in both directions: transactions, prioritisation, what nobody has asked for', async () => {
    for (const [from, name] of [
      [core, 'theirs'],
      [ours, 'mine'],
    ] as const) {
      await from.start();
      await from.rpc('createwallet', name);
      const address = await from.rpc<string>('getnewaddress');
      await from.rpc('generatetoaddress', 101, address);
      const txids: string[] = [];
      for (let i = 0; i < 3; i += 1) txids.push(await from.rpc<string>('sendtoaddress', address, 1));
      await from.rpc('prioritisetransaction', txids[0], 0, 12_345);
      await from.rpc('prioritisetransaction', 'ab'.repeat(32), 0, -7);
      const written = await poolOf(from);
      expect(Object.keys(written.entries)).toHaveLength(3);
      await from.stop();
      // The other has the same chain.
      const reader =
        from === core
          ? await sandbox.hearsay(`reads-${name}`, [ALONE])
          : await bitcoind(sandbox, `reads-${name}`);
      await reader.start();
      await from.start();
      for (let height = 1; height <= BLOCKS + 101; height += 1) {
        const hash = await from.rpc<string>('getblockhash', height);
        await reader.rpc('submitblock', await from.rpc<string>('getblock', hash, 0));
      }
      await from.stop();
      await reader.stop();
      fs.copyFileSync(path.join(from.directory, 'mempool.dat'), path.join(reader.directory, 'mempool.dat'));
      await reader.start();
      await eventually(
        'it is loaded',
        async () => (await reader.rpc<{ loaded: boolean }>('getmempoolinfo')).loaded,
      );
      expect(await poolOf(reader)).toEqual(written);
      await reader.stop();
    }
  }, 120_000);

  test.each([
    ['scrambled', '1'],
    ['plain', '0'],
  ])('our %s blocks, rev files and key, in bitcoind’s folder', async (name, xor) => {
    const source = await sandbox.hearsay(`source-${name}`, [ALONE, `--blocksxor=${xor}`]);
    await source.start();
    await fillChain(source);
    const expected = await coinSet(source);
    await source.stop();
    const reader = await bitcoind(sandbox, `reindex-${name}`, ['-reindex']);
    const blocks = path.join(reader.directory, 'blocks');
    fs.mkdirSync(blocks, { recursive: true });
    for (const file of fs
      .readdirSync(path.join(source.directory, 'blocks'))
      .filter(file => file.endsWith('.dat')))
      fs.copyFileSync(path.join(source.directory, 'blocks', file), path.join(blocks, file));
    await reader.start();
    await eventually('all blocks', async () => (await reader.rpc('getblockcount')) === BLOCKS);
    expect(await coinSet(reader)).toEqual(expected);
    await reader.stop();
    // It has written its own undo data over ours, with the same key: nothing may differ but unwritten space.
    const undo = (node: SandboxNode) =>
      fs
        .readFileSync(path.join(node.directory, 'blocks/rev00000.dat'))
        .toString('latin1')
        .replace(/\0+$/, '');
    expect(undo(reader) === undo(source)).toBe(true);
  });

  test('bitcoind loads our block file with -loadblock', async () => {
    const plain = await sandbox.hearsay('plain', [ALONE, '--blocksxor=0']);
    await plain.start();
    await fillChain(plain);
    const expected = await coinSet(plain);
    await plain.stop();
    const reader = await bitcoind(sandbox, 'loadblock', [
      `-loadblock=${path.join(plain.directory, 'blocks/blk00000.dat')}`,
    ]);
    await reader.start();
    await eventually('all blocks', async () => (await reader.rpc('getblockcount')) === BLOCKS);
    expect(await coinSet(reader)).toEqual(expected);
    await reader.stop();
  });

  test('we import bitcoind’s block file, scrambled as it is and also while it runs', async () => {
    await core.start();
    const expected = await coinSet(core);
    const height = await core.rpc<number>('getblockcount');
    const file = path.join(core.directory, 'blocks/blk00000.dat');
    expect(fs.readFileSync(path.join(core.directory, 'blocks/xor.dat')).some(byte => byte !== 0)).toBe(true);
    for (const name of ['running', 'stopped']) {
      if (name === 'stopped') await core.stop();
      const reader = await sandbox.hearsay(`import-${name}`, [ALONE]);
      const output = await runProgram(['import', '--datadir', reader.setup.directory, file]);
      expect(output).toContain(`The chain stands at height ${height}, ${expected.bestblock}`);
      await reader.start();
      expect(await coinSet(reader)).toEqual(expected);
      await reader.stop();
    }
  });

  test('neither touches the data directory of the other', async () => {
    const before = listing(core.directory);
    const stranger = await sandbox.hearsay('stranger');
    await expect(
      runProgram([
        'start',
        '--datadir',
        core.setup.directory,
        '--rpcport',
        String(stranger.setup.rpcPort),
        '--listen=0',
      ]),
    ).rejects.toThrow('belongs to another program');
    expect(listing(core.directory)).toEqual(before);
  });
});

async function fillChain(node: SandboxNode): Promise<void> {
  await node.rpc('createwallet', 'w');
  const newAddress = () => node.rpc<string>('getnewaddress');
  await node.rpc('generatetoaddress', 110, await newAddress());
  for (let height = 110; height < BLOCKS; height += 10) {
    for (let i = 0; i < 5; i += 1) await node.rpc('sendtoaddress', await newAddress(), 1);
    await node.rpc('generatetoaddress', 10, await newAddress());
  }
}

interface BookEntry {
  readonly address: string;
}

/** What `peers.dat` must carry, whatever the order. */
async function bookOf(node: SandboxNode): Promise<{ addresses: BookEntry[]; counts: unknown }> {
  const addresses = await node.rpc<BookEntry[]>('getnodeaddresses', 0);
  return {
    addresses: addresses.sort((a, b) => (a.address < b.address ? -1 : 1)),
    counts: await node.rpc('getaddrmaninfo'),
  };
}

/** Every file below, with its size and time. */
function listing(directory: string): string[] {
  return (fs.readdirSync(directory, { recursive: true }) as string[])
    .map(file => [file, fs.statSync(path.join(directory, file))] as const)
    .map(([file, { size, mtimeMs }]) => `${file} ${size} ${mtimeMs}`)
    .sort();
}

/** What `mempool.dat` must carry. */
async function poolOf(node: SandboxNode) {
  const entries = await node.rpc<Record<string, object>>('getrawmempool', true);
  const prioritised = await node.rpc<Record<string, object>>('getprioritisedtransactions');
  return { entries, prioritised };
}
