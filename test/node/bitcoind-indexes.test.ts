/** What our indexes and snapshots say is what bitcoind's say of the same chain, reorganised; files are the same bytes. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bitcoind, describeBitcoind } from '../support/bitcoind.ts';
import { eventually, Sandbox, type SandboxNode, sameTip } from '../support/process.ts';

const INDEXES = ['-txindex', '-blockfilterindex', '-coinstatsindex', '-txospenderindex'];
/** A key that Core's tests use: nothing of it is secret. */
const KEY = 'cVpF924EspNh8KjYsfhgY96mmxvT6DgdWiTYMtMjuM74hJaU5psW';
const ADDRESS = 'mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z';
const STALE_HEIGHT = 105;

describeBitcoind('indexes and snapshots of bitcoind and ours', () => {
  const sandbox = new Sandbox();
  let core: SandboxNode;
  let ours: SandboxNode;
  let spent: { txid: string; vout: number };
  let spender = '';
  let stale = '';

  beforeAll(async () => {
    core = await bitcoind(sandbox, 'core', ['-listen=1', ...INDEXES]);
    ours = await sandbox.hearsay('ours', ['--connect=0', ...INDEXES.map(option => `-${option}`)]);
    for (const node of [core, ours]) await node.start();
    await ours.rpc('generatetoaddress', 104, ADDRESS);
    const block = await ours.rpc<{ tx: string[] }>('getblock', await ours.rpc('getblockhash', 1));
    spent = { txid: block.tx[0]!, vout: 0 };
    const raw = await ours.rpc(
      'createrawtransaction',
      [spent],
      [{ [ADDRESS]: 49.999 }, { data: '00ff'.repeat(2_000) }],
    );
    const { hex } = await ours.rpc<{ hex: string }>('signrawtransactionwithkey', raw, [KEY]);
    spender = await ours.rpc<string>('sendrawtransaction', hex);
    [stale] = (await ours.rpc<string[]>('generatetoaddress', 1, ADDRESS)) as [string];
    await hand(ours, core);
    // The same transaction in another block.
    for (const node of [ours, core]) await node.rpc('invalidateblock', stale);
    await ours.rpc('setmocktime', Math.floor(Date.now() / 1_000) + 1_000);
    await core.rpc('setmocktime', Math.floor(Date.now() / 1_000) + 1_000);
    await ours.rpc('generatetoaddress', 4, ADDRESS);
    await hand(ours, core);
    await sameTip(ours, core);
    for (const node of [ours, core]) {
      await eventually('all indexes', async () => {
        const all = Object.values(await node.rpc<Record<string, { synced: boolean }>>('getindexinfo'));
        return all.length === 4 && all.every(({ synced }) => synced);
      });
      await node.rpc('syncwithvalidationinterfacequeue');
    }
  });
  afterAll(() => sandbox.close());

  /** Gives the other one all blocks of the chain. */
  async function hand(from: SandboxNode, to: SandboxNode): Promise<void> {
    for (let height = 1; height <= (await from.rpc<number>('getblockcount')); height += 1) {
      const hash = await from.rpc<string>('getblockhash', height);
      await to.rpc('submitblock', await from.rpc('getblock', hash, 0));
    }
  }

  async function expectSame(method: string, ...params: unknown[]): Promise<unknown> {
    const [a, b] = [await ours.rpc(method, ...params), await core.rpc(method, ...params)];
    expect(a, `${method} ${params.join(' ')}`).toEqual(b);
    return a;
  }

  test('state, filters and statistics, of each block and of one that left the chain', async () => {
    await expectSame('getindexinfo');
    const hashes = [stale];
    for (let height = 0; height <= 108; height += 1)
      hashes.push(await ours.rpc<string>('getblockhash', height));
    for (const hash of hashes) {
      await expectSame('getblockfilter', hash);
      await expectSame('gettxoutsetinfo', 'muhash', hash);
      await expectSame('getblockstats', hash);
    }
    await expectSame('gettxoutsetinfo', 'none', STALE_HEIGHT);
    await expectSame('getchaintxstats', 20);
    await expectSame('scanblocks', 'start', [`addr(${ADDRESS})`], 50, 107);
  });

  test('transactions, what spends them, and proofs', async () => {
    await expectSame('getrawtransaction', spender, 2);
    await expectSame('getrawtransaction', spent.txid, 1);
    await expectSame('gettxspendingprevout', [spent], { mempool_only: false, return_spending_tx: true });
    const proof = await expectSame('gettxoutproof', [spender]);
    expect(await expectSame('verifytxoutproof', proof)).toEqual([spender]);
  });

  test.each([
    ['latest', {}],
    ['rollback', { rollback: 101 }],
  ] as const)('the file of all coins: %s', async (type, options) => {
    const files: Buffer[] = [];
    for (const node of [ours, core]) {
      const file = path.join(node.directory, `coins-${type}.dat`);
      const { path: _, ...result } = await node.rpc<Record<string, unknown>>(
        'dumptxoutset',
        file,
        type,
        options,
      );
      files.push(Buffer.concat([Buffer.from(JSON.stringify(result)), fs.readFileSync(file)]));
    }
    expect(files[0]!.equals(files[1]!)).toBe(true);
  });
});
