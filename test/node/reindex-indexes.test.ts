/** A reindex that was killed before it came to the indexes: the next start makes them anew, whether or not it is asked to. */
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { FLAG_SET, REINDEXING_KEY } from '../../src/chain/block-index.ts';
import { MARKER_FILE } from '../../src/node/marked-store.ts';
import { openLevelStore } from '../../src/store/level.ts';
import { eventually, Sandbox } from '../support/process.ts';

const ADDRESS = 'mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z';
const INDEXES = ['--txindex', '--blockfilterindex', '--coinstatsindex', '--txospenderindex'];

const sandbox = new Sandbox();
afterAll(() => sandbox.close());

test('indexes of before it do not keep the node from starting', async () => {
  const node = await sandbox.hearsay('node', ['--connect=0', ...INDEXES]);
  const synced = () =>
    eventually('all indexes stand at the tip', async () => {
      const all =
        await node.rpc<Record<string, { synced: boolean; best_block_height: number }>>('getindexinfo');
      return Object.values(all).every(index => index.synced && index.best_block_height === 20);
    });
  await node.start();
  await node.rpc('generatetoaddress', 20, ADDRESS);
  await synced();
  await node.stop();
  // As `-reindex` leaves it when it is killed with the index of blocks wiped.
  const index = path.join(node.directory, 'blocks', 'index');
  for (const name of readdirSync(index)) if (name !== MARKER_FILE) rmSync(path.join(index, name));
  const store = await openLevelStore(index);
  await store.batch([{ type: 'put', key: REINDEXING_KEY, value: FLAG_SET }], { durable: true });
  await store.close();
  await node.start();
  await synced();
  expect(await node.rpc('getblockcount')).toBe(20);
  const { tx } = await node.rpc<{ tx: string[] }>('getblock', await node.rpc('getblockhash', 7));
  expect(await node.rpc('getrawtransaction', tx[0]!, 1)).toMatchObject({ confirmations: 14 });
});
