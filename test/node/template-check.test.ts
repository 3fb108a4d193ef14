/** No template is given that the chain would refuse, as Core's CreateNewBlock sees to it. */
import { afterAll, expect, test } from 'vitest';
import { Sandbox } from '../support/process.ts';

const ADDRESS = 'mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z';
const HOURS_S = 3_600;

const sandbox = new Sandbox();
afterAll(() => sandbox.close());

test('a clock that was set back makes the next block one from the future', async () => {
  const node = await sandbox.hearsay('miner', ['--connect=0']);
  await node.start();
  const now = Math.floor(Date.now() / 1_000);
  await node.rpc('setmocktime', now);
  await node.rpc('generatetoaddress', 12, ADDRESS);
  await node.rpc('setmocktime', now - 3 * HOURS_S);
  for (const mine of [
    () => node.rpc('generatetoaddress', 1, ADDRESS),
    () => node.rpc('getblocktemplate', { rules: ['segwit'] }),
  ])
    await expect(mine()).rejects.toThrow(/TestBlockValidity failed: time-too-new/);
  await node.rpc('setmocktime', now);
  expect(await node.rpc('generatetoaddress', 1, ADDRESS)).toHaveLength(1);
});
