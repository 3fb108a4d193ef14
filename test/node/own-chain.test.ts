/** A chain of one's own, from `genesis create`: its nodes form a network, and nodes of another chain are refused. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { eventually, Sandbox, type SandboxNode, sameTip } from '../support/process.ts';

const PROGRAM = new URL('../../bin/node', import.meta.url).pathname;
const sandbox = new Sandbox();
afterAll(() => sandbox.close());

function createChain(name: string, ...options: readonly string[]): string {
  const file = path.join(sandbox.root, `${name}.json`);
  const { status, stderr } = spawnSync(
    process.execPath,
    [PROGRAM, 'genesis', 'create', '--name', name, '--out', file, ...options],
    { encoding: 'utf8' },
  );
  expect([status, stderr]).toEqual([0, '']);
  return file;
}

test('two nodes of one genesis file agree, a third of another chain is turned away', async () => {
  const ours = createChain('ours', '--message', 'Ours', '--subsidy', '7', '--bech32', 'own');
  const theirs = createChain('theirs', '--message', 'Theirs');
  const first = await sandbox.hearsay('first', ['--genesis', ours], 'ours');
  await first.start();
  const second = await sandbox.hearsay('second', ['--genesis', ours, '--connect', first.address], 'ours');
  const stranger = await sandbox.hearsay(
    'stranger',
    // Encrypted, two chains look to each other like peers that never finish: they part after a minute, as in Core.
    ['--genesis', theirs, '--addnode', first.address, '--v2transport=0'],
    'theirs',
  );
  await Promise.all([second.start(), stranger.start()]);

  await first.rpc('createwallet', 'w');
  const address = await first.rpc<string>('getnewaddress');
  expect(address).toMatch(/^own1/);
  await first.rpc('generatetoaddress', 101, address);
  await sameTip(first, second);
  expect(await first.rpc('getbalance')).toBe(7);
  expect(await second.rpc<{ chain: string }>('getblockchaininfo')).toMatchObject({
    chain: 'ours',
    blocks: 101,
  });

  // The stranger has dialed: the first node heard another magic and closed.
  await eventually('the stranger was refused', async () =>
    (await logOf(first)).includes('wrong MessageStart'),
  );
  expect(await stranger.rpc('getblockcount')).toBe(0);
  expect(await stranger.rpc('getconnectioncount')).toBe(0);
});

async function logOf(node: SandboxNode): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  return readFile(path.join(node.directory, 'debug.log'), 'utf8');
}
