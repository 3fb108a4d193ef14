import { expect, test } from 'vitest';
import { HOUR_MS, MINUTE_MS } from '../../../src/base/clock.ts';
import { SILENT_LOG } from '../../../src/base/log.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { WalletResender } from '../../../src/node/wallet-resend.ts';
import type { NodeFacade } from '../../../src/rpc/node-facade.ts';
import type { Wallet } from '../../../src/wallet/wallet.ts';
import { makeTx, START } from '../p2p/support.ts';

const [WAITING, POOLED, YOUNG, MINED, GIVEN_UP] = ['waiting', 'pooled', 'young', 'mined', 'given up'].map(
  name => makeTx(name),
);

/** A wallet that has been there since the last block, some of whose transactions the mempool has. */
function start(broadcasts: boolean) {
  const state = { now: START };
  const seconds = START / 1_000;
  const inactive = { kind: 'inactive', abandoned: false };
  const ordered = [
    { tx: WAITING, state: inactive, timeReceived: seconds - 3_600 },
    { tx: POOLED, state: { kind: 'inMempool' }, timeReceived: seconds - 3_600 },
    { tx: YOUNG, state: { kind: 'inMempool' }, timeReceived: seconds },
    { tx: MINED, state: { kind: 'confirmed' }, timeReceived: seconds - 3_600 },
    { tx: GIVEN_UP, state: { kind: 'inactive', abandoned: true }, timeReceived: seconds - 3_600 },
  ];
  const wallet = { options: { broadcasts }, history: { ordered } } as unknown as Wallet;
  const said: string[] = [];
  const names = new Map(
    [WAITING, POOLED, YOUNG].map((tx, i) => [tx!.txid, ['waiting', 'pooled', 'young'][i]!]),
  );
  const jobs: (() => void)[] = [];
  const node = {
    chain: { isInitialBlockDownload: () => false, tip: () => 0, headers: { timeOf: () => seconds } },
    clock: { now: () => state.now },
    mempool: { has: (txid: string) => txid === POOLED!.txid || txid === YOUNG!.txid },
    pool: { announce: (txid: never) => said.push(`announce ${names.get(txid)}`) },
  } as unknown as NodeFacade;
  const resender = new WalletResender(
    { node, random: new SeededRandom(1), log: SILENT_LOG, after: (_, job) => jobs.push(job) },
    {
      wallets: () => [wallet],
      broadcast: async (_, tx, { announces }) => {
        said.push(`${announces ? 'broadcast' : 'submit'} ${names.get(tx.txid)}`);
      },
    },
  );
  resender.start();
  const pass = async (ms: number) => {
    for (const end = state.now + ms; state.now < end; ) {
      state.now += MINUTE_MS;
      for (const job of jobs.splice(0)) job();
      await Promise.resolve();
    }
  };
  return { resender, wallet, said, pass };
}

test('what has waited since before the last block is broadcast again, or announced again if the mempool has it', async () => {
  const { said, pass } = start(true);
  await pass(11 * HOUR_MS);
  expect(said).toEqual([]);
  await pass(25 * HOUR_MS);
  expect([...new Set(said)].sort()).toEqual(['announce pooled', 'broadcast waiting']);
});

test('a wallet that broadcasts nothing announces nothing', async () => {
  const { said, pass } = start(false);
  await pass(36 * HOUR_MS);
  expect(said.filter(each => each.startsWith('announce'))).toEqual([]);
});

test('when the wallet is loaded nothing is announced, whether the mempool has it or not', async () => {
  const { resender, wallet, said } = start(true);
  await resender.resubmit(wallet, () => true, { announces: false });
  expect(said).toEqual(['submit waiting']);
});
