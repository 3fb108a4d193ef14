/** A start that reads block files: RPC answers, peers connect and wallets are loaded before that ends, as in Core. */
import { execFileSync, spawn } from 'node:child_process';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { eventually, Sandbox, sameTip } from '../support/process.ts';

const sandbox = new Sandbox();
afterAll(() => sandbox.close());

test('peers and wallets are there while files are read, and the chain is fetched afterwards', async () => {
  const full = await sandbox.hearsay('full', ['--listen=1', '--connect=0']);
  await full.start();
  await full.rpc('createwallet', 'w');
  await full.rpc('generatetoaddress', 3, await full.rpc('getnewaddress'));
  // A pipe that nobody writes to is a file whose reading does not end.
  const pipe = path.join(sandbox.root, 'blocks.fifo');
  execFileSync('mkfifo', [pipe]);
  const loading = await sandbox.hearsay('loading', ['--listen=1', '--connect=0', `--loadblock=${pipe}`]);
  await loading.start();
  await loading.rpc('createwallet', 'own');
  await full.rpc('addnode', loading.address, 'onetry');
  await eventually('they are connected', async () => {
    const peers = await loading.rpc<{ version: number }[]>('getpeerinfo');
    return peers.length === 1 && peers[0]!.version > 0;
  });
  await full.rpc('generatetoaddress', 1, await full.rpc('getnewaddress'));
  expect(await loading.rpc('getblockchaininfo')).toMatchObject({ headers: 0, blocks: 0 });
  expect((await loading.rpc<{ loaded: boolean }>('getmempoolinfo')).loaded).toBe(false);
  const writer = spawn('sh', ['-c', `for i in 1 2 3; do : > "${pipe}"; done`]);
  await sameTip(full, loading);
  writer.kill();
});
