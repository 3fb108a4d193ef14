/** A node for which Tor makes an onion service: what it tells of itself, what it keeps, and what its log does not say. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { eventually, Sandbox, type SandboxNode } from '../support/process.ts';
import { ONION, ONION_KEY, TorServer } from '../support/tor-server.ts';

const PASSWORD = 'a secret of the test';
/** The chain's, whatever is listened on. */
const PORT = 18_444;

const sandbox = new Sandbox();
const tor = new TorServer();
afterAll(async () => {
  await tor.close();
  await sandbox.close();
});

interface NetworkInfo {
  readonly localaddresses: readonly {
    readonly address: string;
    readonly port: number;
    readonly score: number;
  }[];
  readonly networks: readonly {
    readonly name: string;
    readonly reachable: boolean;
    readonly proxy: string;
  }[];
}

async function onion(node: SandboxNode) {
  const { localaddresses, networks } = await node.rpc<NetworkInfo>('getnetworkinfo');
  const { reachable, proxy } = networks.find(({ name }) => name === 'onion')!;
  return { localaddresses, reachable, proxy };
}

const untilAddresses = (node: SandboxNode, count: number) =>
  eventually(`${count} local addresses`, async () => (await onion(node)).localaddresses.length === count);

test('an onion service is an address of ours as long as Tor keeps it, and the same again later', async () => {
  const { host, port } = await tor.listen();
  const args = [
    '--listenonion=1',
    `--torcontrol=${host}:${port}`,
    '--debug=tor',
    `--torpassword=${PASSWORD}`,
  ];
  const node = await sandbox.hearsay('onion', args);
  tor.answers.set('PROTOCOLINFO', '250-AUTH METHODS=HASHEDPASSWORD\r\n250 OK');
  await node.start();
  await untilAddresses(node, 1);
  expect(await onion(node)).toEqual({
    localaddresses: [{ address: `${ONION}.onion`, port: PORT, score: 4 }],
    reachable: true,
    proxy: '127.0.0.1:9050',
  });
  const target = `Port=${PORT},127.0.0.1:${node.port}`;
  expect(tor.heard.slice(1)).toEqual([
    `AUTHENTICATE "${PASSWORD}"`,
    'GETINFO net/listeners/socks',
    `ADD_ONION NEW:ED25519-V3 PoWDefensesEnabled=1 ${target}`,
  ]);
  const file = path.join(node.directory, 'onion_v3_private_key');
  expect(fs.readFileSync(file, 'utf8')).toBe(ONION_KEY);
  expect(fs.statSync(file).mode & 0o777).toBe(0o600);

  tor.answers.delete('PROTOCOLINFO');
  tor.hangUp();
  await untilAddresses(node, 0);
  await node.stop();
  const log = fs.readFileSync(path.join(node.directory, 'debug.log'), 'utf8');
  expect(log).toContain(`Got tor service ID ${ONION}, advertising service ${ONION}.onion:${PORT}`);
  for (const secret of [PASSWORD, ONION_KEY]) expect(log).not.toContain(secret);

  tor.heard.length = 0;
  const cookie = new Uint8Array(32).fill(9);
  const cookieFile = path.join(sandbox.root, 'control auth \u00fc');
  fs.writeFileSync(cookieFile, cookie);
  tor.askForCookie(cookie, Buffer.from(cookieFile).toString('latin1').replace('\u00c3', '\\303'));
  const again = await sandbox.hearsay('onion', [...args.slice(0, -1), '--onlynet=ipv4']);
  await again.start();
  await tor.hears(5);
  expect(tor.heard.at(-1)).toBe(
    `ADD_ONION ${ONION_KEY} PoWDefensesEnabled=1 Port=${PORT},127.0.0.1:${again.port}`,
  );
  await eventually(
    'the service',
    async () =>
      fs.readFileSync(path.join(again.directory, 'debug.log'), 'utf8').split('Got tor service ID').length ===
      3,
  );
  // Where Tor is not dialed, nobody is told of an address there.
  expect(await onion(again)).toEqual({ localaddresses: [], reachable: false, proxy: '127.0.0.1:9050' });
  await again.stop();
});
