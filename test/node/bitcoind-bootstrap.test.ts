/**
 * Into a network with an empty address book: ours finds nodes of Bitcoin Core by a DNS seed, and each kind finds peers
 * through the other's addresses alone (`-seednode`, `getaddr`). For that the nodes have public addresses, which a proxy
 * leads to loopback: Core keeps no others.
 */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { freePort } from '../../scripts/regtest/ports.ts';
import { SILENT_LOG } from '../../src/base/log.ts';
import { networkParams } from '../../src/consensus/networks.ts';
import { startSeeder } from '../../src/node/seeder.ts';
import { parseAddress } from '../../src/wire/net-address.ts';
import { bitcoind, describeBitcoind } from '../support/bitcoind.ts';
import { eventually, Sandbox, type SandboxNode, sameTip } from '../support/process.ts';
import { SocksProxy } from '../support/socks-proxy.ts';

const ADDRESS = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
const PORT = 18_444;
const CHAIN = 'like-regtest';
/** Of all addresses, 23 % are told: two of nine. */
const KNOWN = 9;

interface PeerJson {
  readonly id: number;
  readonly addr: string;
  readonly connection_type: string;
  readonly transport_protocol_type: string;
  readonly bytesrecv_per_msg: Readonly<Record<string, number>>;
}

describeBitcoind('bootstrap', () => {
  const sandbox = new Sandbox();
  const proxies: SocksProxy[] = [];
  afterAll(async () => {
    for (const proxy of proxies) await proxy.close();
    await sandbox.close();
  });

  /** Peers that it has chosen by itself, and that last. */
  const chosen = async (node: SandboxNode) =>
    (await node.rpc<PeerJson[]>('getpeerinfo')).filter(
      ({ connection_type: type, bytesrecv_per_msg: got }) =>
        type === 'outbound-full-relay' && got['verack'] !== undefined,
    );

  test('ours by a DNS seed that has crawled three of Core', async () => {
    const hosts = ['127.1.0.1', '127.2.0.1', '127.3.0.1'];
    // Each in a netgroup of its own.
    const port = await freePort(hosts);
    const cores: SandboxNode[] = [];
    for (const [i, host] of hosts.entries())
      cores.push(await bitcoind(sandbox, `seeded${i}`, [`-bind=${host}:${port}`]));
    for (const core of cores) await core.start();
    for (const core of cores.slice(1)) await core.rpc('addnode', cores[0]!.address, 'onetry');
    await cores[0]!.rpc('generatetoaddress', 3, ADDRESS);
    await sameTip(...cores);
    const params = { ...networkParams('regtest'), defaultPort: port };
    const seeder = await startSeeder(
      {
        params,
        crawl: hosts.map(host => parseAddress(host, port)!),
        zone: 'seed.test',
        nameServer: 'ns.seed.test',
        listen: { host: '127.0.0.1', port: 0 },
        privateNetwork: true,
        userAgent: '/test/',
      },
      { log: SILENT_LOG, onFatal: error => expect.fail(String(error)) },
    );
    const own = ['--private-network', '--genesis', genesisFile(sandbox, port)];
    const seed = ['--seed', 'seed.test', '--resolver', `127.0.0.1:${seeder.port}`];
    const ours = await sandbox.hearsay('seeded', [...own, ...seed], CHAIN);
    await ours.start();
    const addresses = hosts.map(host => `${host}:${port}`);
    await eventually('ours has all three', async () => {
      const peers = await chosen(ours);
      return addresses.every(address => peers.some(({ addr }) => addr === address));
    });
    await sameTip(ours, ...cores);
    await seeder.stop();
    // Now it knows what they offer: without a seed it finds them again, and speaks v2.
    await ours.stop();
    await ours.start();
    await eventually('ours speaks v2 with all three', async () => {
      const peers = (await chosen(ours)).filter(({ transport_protocol_type: kind }) => kind === 'v2');
      return addresses.every(address => peers.some(({ addr }) => addr === address));
    });
    await Promise.all([ours, ...cores].map(node => node.stop()));
  });

  test.each(['ours', 'core'] as const)('%s by a seed node of the other kind', async kind => {
    const proxy = new SocksProxy();
    proxies.push(proxy);
    const through = await proxy.listen();
    const create = (name: string, isOurs: boolean, ...args: string[]) =>
      isOurs
        ? sandbox.hearsay(`${kind}-${name}`, [`--proxy=${through}`, ...args])
        : bitcoind(sandbox, `${kind}-${name}`, [`-proxy=${through}`, ...args]);
    const newcomerIsOurs = kind === 'ours';
    const targets = [
      await create('target0', false, '--connect=0'),
      await create('target1', true, '--connect=0'),
    ];
    const seed = await create('seed', !newcomerIsOurs, '--connect=0');
    for (const node of [...targets, seed]) await node.start();
    const places = Array.from({ length: KNOWN }, (_, i) => `${40 + i}.1.2.3`);
    for (const [i, host] of places.entries()) proxy.lead(`${host}:${PORT}`, targets[i % 2]!.port);
    proxy.lead(`60.1.2.3:${PORT}`, seed.port);
    await seed.rpc('generatetoaddress', 3, ADDRESS);
    await learn(seed, places);
    await sameTip(seed, ...targets);
    const newcomer = await create('newcomer', newcomerIsOurs, `--seednode=60.1.2.3:${PORT}`);
    await newcomer.start();
    await eventually('the newcomer has chosen two', async () => (await chosen(newcomer)).length >= 2);
    for (const { addr, transport_protocol_type: transport } of await chosen(newcomer)) {
      expect(places).toContain(addr.replace(/:\d+$/, ''));
      expect(transport).toBe('v2');
    }
    await sameTip(seed, newcomer);
    await Promise.all([newcomer, seed, ...targets].map(node => node.stop()));
  });
});

/** It hears of these, and by a connection to each learns what they offer. */
async function learn(node: SandboxNode, hosts: readonly string[]): Promise<void> {
  for (const host of hosts) {
    await node.rpc('addpeeraddress', host, PORT);
    await node.rpc('addnode', `${host}:${PORT}`, 'onetry', true);
  }
  await eventually('it knows that all speak v2', async () => {
    const known = await node.rpc<{ address: string; services: number }[]>('getnodeaddresses', 0);
    return known.filter(({ services }) => (services & 2_048) !== 0).length === hosts.length;
  });
  const peers = await node.rpc<PeerJson[]>('getpeerinfo');
  for (const { id, addr } of peers.slice(2)) {
    expect(addr).toMatch(/^4\d\.1\.2\.3/);
    await node.rpc('disconnectnode', '', id);
  }
}

/** Regtest under another name, with another port where nodes are looked for. */
function genesisFile(sandbox: Sandbox, defaultPort: number): string {
  const all = JSON.parse(fs.readFileSync(new URL('../../genesis.json', import.meta.url), 'utf8')) as {
    regtest: object;
  };
  const file = path.join(sandbox.root, 'genesis.json');
  fs.writeFileSync(file, JSON.stringify({ [CHAIN]: { ...all.regtest, directory: CHAIN, defaultPort } }));
  return file;
}
