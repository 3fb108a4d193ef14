/**
 * Estimates of fees against Bitcoin Core's: both nodes are given the same transactions and blocks, some of which are mined
 * late and some replaced. Then both say the same over every horizon, and write the same file, to the last bit.
 */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bitcoind, describeBitcoind } from '../support/bitcoind.ts';
import { Sandbox, type SandboxNode } from '../support/process.ts';

const BLOCKS = 26;
const PER_BLOCK = 8;
/** In sat/vB, taken in turn. */
const FEE_RATES = [1, 2, 3, 5, 8, 13, 21, 34, 55];
/** Too little, for a time, to be mined. */
const LATE_UP_TO = 3;
const TARGETS = [1, 2, 3, 4, 5, 6, 8, 12, 13, 24, 25, 48, 49, 144, 1_008];
const FILE = 'fee_estimates.dat';

describeBitcoind('estimates of fees', () => {
  const sandbox = new Sandbox();
  let core: SandboxNode;
  let ours: SandboxNode;

  beforeAll(async () => {
    core = await bitcoind(sandbox, 'core');
    ours = await sandbox.hearsay('ours', ['--connect=0']);
    for (const node of [core, ours]) await node.start();
    await core.rpc('createwallet', 'w');
    const address = await core.rpc<string>('getnewaddress');
    for (let i = 0; i < 110; i += 1) await mine(address);
    const places = await core.rpcEach<string>('getnewaddress', Array<[]>(150).fill([]));
    await pay('sendmany', '', Object.fromEntries(places.map(place => [place, 0.2])));
    await mine(address);
    const late: string[] = [];
    for (let block = 0; block < BLOCKS; block += 1) {
      for (let i = 0; i < PER_BLOCK; i += 1) {
        const rate = FEE_RATES[(block * PER_BLOCK + i) % FEE_RATES.length]!;
        const txid = await pay('send', [{ [address]: 0.01 }], null, 'unset', rate);
        if (rate <= LATE_UP_TO) {
          late.push(txid);
          await core.rpc('prioritisetransaction', txid, 0, -100_000_000);
        }
      }
      // One is replaced, the others have their day.
      if (block % 3 === 2) await replace(late.shift()!);
      if (block % 5 === 4)
        for (const txid of late.splice(0)) await core.rpc('prioritisetransaction', txid, 0, 100_000_000);
      await mine(address);
    }
  }, 120_000);
  afterAll(() => sandbox.close());

  /** The wallet's transaction, to both. */
  async function pay(method: string, ...params: unknown[]): Promise<string> {
    const result = await core.rpc<string | { txid: string }>(method, ...params);
    const txid = typeof result === 'string' ? result : result.txid;
    await ours.rpc('sendrawtransaction', await core.rpc('getrawtransaction', txid), 0);
    return txid;
  }

  async function replace(txid: string): Promise<void> {
    await pay('bumpfee', txid, { fee_rate: 30 });
  }

  async function mine(address: string): Promise<void> {
    const [hash] = await core.rpc<string[]>('generatetoaddress', 1, address);
    expect(await ours.rpc('submitblock', await core.rpc('getblock', hash, 0))).toBeNull();
  }

  test.each(TARGETS)('for %i blocks', async target => {
    for (const threshold of [0.5, 0.85, 0.95])
      expect(await ours.rpc('estimaterawfee', target, threshold)).toEqual(
        await core.rpc('estimaterawfee', target, threshold),
      );
    for (const mode of ['economical', 'conservative'])
      expect(await ours.rpc('estimatesmartfee', target, mode)).toEqual(
        await core.rpc('estimatesmartfee', target, mode),
      );
  });

  test('the same file, which each reads of the other', async () => {
    const said = await core.rpc('estimatesmartfee', 6);
    expect(said).toHaveProperty('feerate');
    const files: Buffer[] = [];
    for (const node of [core, ours]) {
      await node.stop();
      files.push(fs.readFileSync(path.join(node.directory, FILE)));
    }
    expect(Buffer.compare(files[0]!, files[1]!)).toBe(0);
    for (const [node, file] of [
      [core, files[1]!],
      [ours, files[0]!],
    ] as const) {
      fs.writeFileSync(path.join(node.directory, FILE), file);
      await node.start();
    }
    expect(await core.rpc('estimatesmartfee', 6)).toEqual(await ours.rpc('estimatesmartfee', 6));
    expect(await core.rpc('estimatesmartfee', 6)).toHaveProperty('feerate');
  });
});
