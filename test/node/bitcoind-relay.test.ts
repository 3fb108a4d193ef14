/** Core and we as peers of each other, whoever dialed: blocks, transactions, replacements, reorganisations, addresses. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bitcoind, describeBitcoind } from '../support/bitcoind.ts';
import { coinSet, eventually, everyPool, Sandbox, type SandboxNode, sameTip } from '../support/process.ts';

interface Peer {
  readonly id: number;
  readonly addr: string;
  readonly services: string;
  readonly servicesnames: readonly string[];
  readonly relaytxes: boolean;
  readonly inbound: boolean;
  readonly version: number;
  readonly subver: string;
  readonly startingheight?: number;
  readonly synced_headers: number;
  readonly synced_blocks: number;
  readonly minping?: number;
  readonly pingtime?: number;
  readonly minfeefilter: number;
  readonly addr_relay_enabled: boolean;
  readonly addr_processed: number;
  readonly bytessent_per_msg: Readonly<Record<string, number>>;
  readonly bytesrecv_per_msg: Readonly<Record<string, number>>;
  readonly connection_type: string;
  readonly transport_protocol_type: string;
  readonly session_id: string;
}

/** Transactions are told to such peers at once. */
const WHITELIST = 'noban,in,out@127.0.0.1';
/** Of each kind; a fourth of all are told. */
const ADDRESSES = 40;
const REORG_DEPTH = 4;
/** What a replacement pays more, in sat/vB. */
const FEE_RATES = [5, 20] as const;

for (const how of ['we dial', 'bitcoind dials with v2transport=1', 'bitcoind dials with v2transport=0']) {
  describeBitcoind(`peers: ${how}`, () => {
    const sandbox = new Sandbox();
    let core: SandboxNode;
    let ours: SandboxNode;
    let both: readonly [SandboxNode, SandboxNode];

    beforeAll(async () => {
      const v2 = how.endsWith('0') ? 0 : 1;
      core = await bitcoind(sandbox, 'core', [`-v2transport=${v2}`, `-whitelist=${WHITELIST}`]);
      ours = await sandbox.hearsay('ours', ['--connect=0', '--whitelist', WHITELIST]);
      both = [core, ours];
      for (const node of both) {
        await node.start();
        await node.rpc('createwallet', 'w');
      }
      // Whoever is dialed has heard of others, and tells the dialer when asked.
      const dialed = how === 'we dial' ? core : ours;
      for (let i = 0; i < ADDRESSES; i += 1) {
        for (const address of [`${i + 11}.1.1.1`, `2a0${i % 8}:${i + 1}::1`])
          await dialed.rpc('addpeeraddress', address, 8333);
      }
      await connect();
      for (const node of both) {
        await node.rpc('generatetoaddress', 10, await newAddress(node));
        await sameTip(...both);
      }
      // Both announce blocks, so that each knows how far the other is.
      for (const [node, blocks] of [
        [core, 100],
        [ours, 1],
      ] as const) {
        await node.rpc('generatetoaddress', blocks, await newAddress(node));
        await sameTip(...both);
      }
    });
    afterAll(() => sandbox.close());

    test('each sees the other as what it is', async () => {
      for (const node of both) await node.rpc('ping');
      const seen = async (node: SandboxNode) =>
        eventually('a ping is answered', async () => {
          const [peer, ...others] = await node.rpc<Peer[]>('getpeerinfo');
          expect(others).toEqual([]);
          return peer?.pingtime !== undefined && peer;
        });
      const [byCore, byUs] = [await seen(core), await seen(ours)];
      expect(byUs.version).toBe(byCore.version);
      const transport = how.endsWith('0') ? 'v1' : 'v2';
      expect(byUs.session_id).toBe(byCore.session_id);
      expect(byCore).toMatchObject({
        inbound: how === 'we dial',
        subver: '/Hearsay:0.1.0/',
        transport_protocol_type: transport,
        relaytxes: true,
        addr_relay_enabled: true,
        connection_type: how === 'we dial' ? 'inbound' : 'manual',
        synced_headers: 121,
        synced_blocks: 121,
      });
      expect(byUs).toMatchObject({
        inbound: how !== 'we dial',
        transport_protocol_type: transport,
        relaytxes: true,
        addr_relay_enabled: true,
        connection_type: how === 'we dial' ? 'manual' : 'inbound',
        synced_headers: 120,
        synced_blocks: 120,
      });
      expect(byUs.subver).toMatch(/^\/Satoshi:/);
      expect(byUs.servicesnames).toContain('NETWORK');
      expect(byCore.servicesnames).toEqual(['NETWORK', 'WITNESS', 'NETWORK_LIMITED', 'P2P_V2']);
      // What one received is what the other sent, except for what was on its way between the two calls.
      for (const command of ['version', 'verack', 'wtxidrelay', 'sendaddrv2'])
        expect(byUs.bytesrecv_per_msg[command], command).toBe(byCore.bytessent_per_msg[command]);
      for (const command of ['version', 'verack', 'wtxidrelay', 'sendaddrv2'])
        expect(byCore.bytesrecv_per_msg[command], command).toBe(byUs.bytessent_per_msg[command]);
      // Nothing that we sent was unknown to Core.
      expect(Object.keys(byCore.bytesrecv_per_msg)).not.toContain('*other*');
    });

    test('addresses are asked for and told, of IPv4 and IPv6', async () => {
      const [dialer, dialed] = how === 'we dial' ? [ours, core] : [core, ours];
      const told = await eventually('addresses', async () => {
        const known = await dialer.rpc<{ address: string; network: string }[]>('getnodeaddresses', 0);
        return known.length >= ADDRESSES / 4 && known;
      });
      expect(new Set(told.map(({ network }) => network))).toEqual(new Set(['ipv4', 'ipv6']));
      const all = await dialed.rpc<{ address: string }[]>('getnodeaddresses', 0);
      expect(all.map(({ address }) => address)).toEqual(
        expect.arrayContaining(told.map(({ address }) => address)),
      );
      const [peer] = await dialer.rpc<Peer[]>('getpeerinfo');
      expect(peer!.addr_processed).toBeGreaterThanOrEqual(told.length);
      expect(Object.keys(peer!.bytesrecv_per_msg)).toContain('addrv2');
    });

    test('payments and their replacements reach the other', async () => {
      for (const [payer, payee] of [
        [core, ours],
        [ours, core],
      ] as const) {
        const to = await newAddress(payee);
        const txid = await payer.rpc<string>(
          'sendtoaddress',
          to,
          1,
          '',
          '',
          false,
          true,
          null,
          'unset',
          null,
          FEE_RATES[0],
        );
        await everyPool(txid, ...both);
        const bumped = await payer.rpc<{ txid: string }>('bumpfee', txid, { fee_rate: FEE_RATES[1] });
        await everyPool(bumped.txid, ...both);
        for (const node of both) expect(await node.rpc('getrawmempool')).not.toContain(txid);
        await eventually(
          'the payee knows',
          async () =>
            (await payee.rpc<{ mine: { untrusted_pending: number } }>('getbalances')).mine
              .untrusted_pending === 1,
        );
      }
      expect(new Set(await ours.rpc<string[]>('getrawmempool'))).toEqual(
        new Set(await core.rpc<string[]>('getrawmempool')),
      );
      const entries = async (node: SandboxNode) =>
        Object.entries(await node.rpc<Record<string, object>>('getrawmempool', true))
          .map(([txid, entry]) => [txid, { ...entry, time: 0 }])
          .sort();
      expect(await entries(ours)).toEqual(await entries(core));
      await ours.rpc('generatetoaddress', 1, await newAddress(ours));
      await sameTip(...both);
      for (const node of both) expect(await node.rpc('getrawmempool')).toEqual([]);
      expect(await coinSet(ours)).toEqual(await coinSet(core));
    });

    test('a chain of unconfirmed transactions reaches the other', async () => {
      for (const [payer, payee] of [
        [core, ours],
        [ours, core],
      ] as const) {
        const txids: string[] = [];
        for (let i = 0; i < 8; i += 1) {
          // All that there is, back to itself: each spends the one before.
          const balance = await payer.rpc<number>('getbalance');
          txids.push(
            await payer.rpc<string>('sendtoaddress', await newAddress(payer), balance, '', '', true),
          );
        }
        for (const txid of txids) await everyPool(txid, ...both);
        await payee.rpc('generatetoaddress', 1, await newAddress(payee));
        await sameTip(...both);
        for (const node of both) expect(await node.rpc('getrawmempool')).toEqual([]);
      }
    });

    test('a reorganisation of several blocks is followed', async () => {
      for (const [loser, winner] of [
        [ours, core],
        [core, ours],
      ] as const) {
        const fork = await sameTip(...both);
        await winner.rpc('setnetworkactive', false);
        await eventually('they are apart', async () => (await loser.rpc('getconnectioncount')) === 0);
        const txid = await loser.rpc<string>('sendtoaddress', await newAddress(winner), 0.5);
        await loser.rpc('generatetoaddress', REORG_DEPTH, await newAddress(loser));
        await winner.rpc('generatetoaddress', REORG_DEPTH + 1, await newAddress(winner));
        await winner.rpc('setnetworkactive', true);
        await connect();
        const tip = await sameTip(...both);
        expect(tip).toBe(await winner.rpc('getbestblockhash'));
        expect(await loser.rpc('getchaintips')).toContainEqual(
          expect.objectContaining({ branchlen: REORG_DEPTH, status: 'valid-fork' }),
        );
        expect((await loser.rpc<{ confirmations: number }>('getblockheader', fork)).confirmations).toBe(
          REORG_DEPTH + 2,
        );
        // The payment of the abandoned branch waits again, and its author tells it again in its own time.
        expect(await loser.rpc('getrawmempool')).toContain(txid);
        await winner.rpc(
          'sendrawtransaction',
          (await loser.rpc<{ hex: string }>('gettransaction', txid)).hex,
        );
        await winner.rpc('generatetoaddress', 1, await newAddress(winner));
        await sameTip(...both);
        expect(await loser.rpc('getrawmempool')).toEqual([]);
        expect(await coinSet(ours)).toEqual(await coinSet(core));
      }
    });

    test('many blocks at once, in both directions', async () => {
      for (const node of [core, ours, core, ours]) {
        await node.rpc('generatetoaddress', 50, await newAddress(node));
        await sameTip(...both);
      }
      for (const node of both) {
        const peers = await node.rpc<Peer[]>('getpeerinfo');
        expect(peers).toHaveLength(1);
      }
    });

    async function connect(): Promise<void> {
      const [dialer, target] = how === 'we dial' ? [ours, core] : [core, ours];
      await dialer.rpc('addnode', target.address, 'onetry');
      await eventually('they are connected', async () => (await core.rpc<number>('getconnectioncount')) > 0);
    }
  });
}

async function newAddress(node: SandboxNode): Promise<string> {
  return node.rpc<string>('getnewaddress');
}
