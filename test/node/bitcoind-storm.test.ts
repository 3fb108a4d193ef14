/**
 * Everything at random between bitcoind and us: mining on both sides, payments, replacements, lost connections, blocks
 * declared invalid. Whenever it is quiet, both have the same tip and the same coins; in the end Core, given our public
 * descriptors, sees our wallet as we do. `STORM_SEED` replays a run.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RpcError } from '../../scripts/regtest/process.ts';
import { randomBelow, SeededRandom } from '../../src/base/random.ts';
import { bitcoind, describeBitcoind } from '../support/bitcoind.ts';
import { coinSet, eventually, Sandbox, type SandboxNode, sameTip } from '../support/process.ts';

const SEED = Number(process.env['STORM_SEED'] ?? 1);
const STEPS = Number(process.env['STORM_STEPS'] ?? 120);
const STEPS_BETWEEN_CHECKS = 15;
const WHITELIST = 'noban,in,out@127.0.0.1';
/** Refusals that a random call may meet: too long chains, nothing to spend, already replaced, inputs gone with a block. */
const REFUSALS = new Set([-1, -4, -6, -8, -25, -26]);

describeBitcoind(`a storm (seed ${SEED})`, () => {
  const sandbox = new Sandbox();
  const random = new SeededRandom(SEED);
  let core: SandboxNode;
  let ours: SandboxNode;

  beforeAll(async () => {
    core = await bitcoind(sandbox, 'core', [`-whitelist=${WHITELIST}`]);
    ours = await sandbox.hearsay('ours', ['--connect=0', '--whitelist', WHITELIST]);
    for (const node of [core, ours]) {
      await node.start();
      await node.rpc('createwallet', 'w');
    }
    await connect();
    for (const node of [core, ours]) await node.rpc('generatetoaddress', 5, await newAddress(node));
    await core.rpc('generatetoaddress', 101, await newAddress(core));
    await sameTip(core, ours);
  });
  afterAll(() => sandbox.close());

  test('they agree whenever it is quiet', async () => {
    const done: Record<string, number> = {};
    for (let step = 0; step < STEPS; step += 1) {
      const [node, other] = randomBelow(random, 2) === 0 ? [core, ours] : [ours, core];
      const name = await act(node, other);
      done[name] = (done[name] ?? 0) + 1;
      if (step % STEPS_BETWEEN_CHECKS === STEPS_BETWEEN_CHECKS - 1) await agree();
    }
    await agree();
    await confirmAll();
    expect(await historyOf(ours, 'w')).toEqual(await historyOf(core, await watched()));
    expect(done['refused'] ?? 0, JSON.stringify(done)).toBeLessThan(STEPS / 4);
  }, 180_000);

  async function act(node: SandboxNode, other: SandboxNode): Promise<string> {
    const choice = randomBelow(random, 100);
    try {
      if (choice < 35) {
        await node.rpc('sendtoaddress', await newAddress(other), (1 + randomBelow(random, 1000)) / 1000);
        return 'payment';
      }
      if (choice < 50) {
        const sent = await node.rpc<{ txid: string; confirmations: number; category: string }[]>(
          'listtransactions',
          '*',
          20,
        );
        const open = sent.find(tx => tx.confirmations === 0 && tx.category === 'send');
        if (open === undefined) return 'nothing to replace';
        await node.rpc('bumpfee', open.txid);
        return 'replacement';
      }
      if (choice < 75) {
        await node.rpc('generatetoaddress', 1 + randomBelow(random, 3), await newAddress(node));
        return 'blocks';
      }
      if (choice < 85) {
        await disconnect();
        return 'disconnection';
      }
      if (choice < 95) {
        await connect();
        return 'connection';
      }
      const height = await node.rpc<number>('getblockcount');
      const hash = await node.rpc<string>('getblockhash', height - randomBelow(random, 4));
      await node.rpc('invalidateblock', hash);
      await node.rpc('generatetoaddress', 1, await newAddress(node));
      await node.rpc('reconsiderblock', hash);
      return 'invalidation';
    } catch (error) {
      if (!(error instanceof RpcError) || !REFUSALS.has(error.code)) throw error;
      return 'refused';
    }
  }

  async function agree(): Promise<void> {
    await connect();
    // A block more ends every tie.
    const winner = randomBelow(random, 2) === 0 ? core : ours;
    const [mine, theirs] = await Promise.all([core, ours].map(node => node.rpc<number>('getblockcount')));
    await winner.rpc('generatetoaddress', 1 + Math.abs(mine! - theirs!), await newAddress(winner));
    await sameTip(core, ours);
    expect(await coinSet(ours)).toEqual(await coinSet(core));
  }

  /** Until nothing waits on either side. */
  async function confirmAll(): Promise<void> {
    await eventually('all is in blocks', async () => {
      for (const node of [core, ours]) {
        await node.rpc('generatetoaddress', 1, await newAddress(node));
        await sameTip(core, ours);
      }
      const pools = await Promise.all([core, ours].map(node => node.rpc<string[]>('getrawmempool')));
      return pools.every(pool => pool.length === 0);
    });
    // A shorter chain drops payments that are final only at a greater height (Core: MaybeUpdateMempoolForReorg), and they
    // are told again only after hours.
    const sent = await ours.rpc<{ txid: string; confirmations: number; category: string }[]>(
      'listtransactions',
      '*',
      100_000,
    );
    for (const { txid } of sent.filter(tx => tx.confirmations === 0 && tx.category === 'send'))
      await ours.rpc('abandontransaction', txid).catch(() => undefined);
  }

  /** Core's view of our wallet: a wallet of Core with our public descriptors. */
  async function watched(): Promise<string> {
    const name = 'watch';
    const { descriptors } = await ours.walletRpc<{ descriptors: object[] }>('w', 'listdescriptors');
    await core.rpc('createwallet', name, true, true);
    const requests = descriptors.map(descriptor => ({ ...descriptor, timestamp: 0 }));
    const results = await core.walletRpc<{ success: boolean }[]>(name, 'importdescriptors', requests);
    expect(results.every(({ success }) => success)).toBe(true);
    return name;
  }

  async function connect(): Promise<void> {
    if (await isConnected()) return;
    const [dialer, target] = randomBelow(random, 2) === 0 ? [core, ours] : [ours, core];
    await eventually('they are connected', async () => {
      await dialer.rpc('addnode', target.address, 'onetry');
      await new Promise(resolve => setImmediate(resolve));
      return isConnected();
    });
  }

  async function isConnected(): Promise<boolean> {
    const counts = await Promise.all([core, ours].map(node => node.rpc<number>('getconnectioncount')));
    return counts.every(count => count > 0);
  }

  /** More than one connection may have been made. */
  async function disconnect(): Promise<void> {
    await eventually('they are apart', async () => {
      const peers = await core.rpc<{ id: number }[]>('getpeerinfo');
      for (const { id } of peers) await core.rpc('disconnectnode', '', id).catch(() => undefined);
      return peers.length === 0 && (await ours.rpc('getconnectioncount')) === 0;
    });
  }
});

/** What a wallet has, and what happened to it in the chain. */
async function historyOf(node: SandboxNode, wallet: string): Promise<unknown> {
  type Coin = { txid: string; vout: number; amount: number; confirmations: number; scriptPubKey: string };
  type Entry = Coin & { category: string; fee?: number; blockhash?: string; address: string };
  const coins = await node.walletRpc<Coin[]>(wallet, 'listunspent');
  const entries = await node.walletRpc<Entry[]>(wallet, 'listtransactions', '*', 100_000);
  const { mine } = await node.walletRpc<{ mine: object }>(wallet, 'getbalances');
  return {
    mine,
    coins: coins
      .map(({ txid, vout, amount, confirmations, scriptPubKey }) =>
        [txid, vout, amount, confirmations, scriptPubKey].join(' '),
      )
      .sort(),
    entries: entries
      .filter(({ confirmations }) => confirmations > 0)
      .map(({ txid, vout, amount, confirmations, category, fee, blockhash, address }) =>
        [txid, vout, amount, confirmations, category, fee, blockhash, address].join(' '),
      )
      .sort(),
  };
}

async function newAddress(node: SandboxNode): Promise<string> {
  return node.walletRpc<string>('w', 'getnewaddress');
}
