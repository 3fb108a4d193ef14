/** What a node makes of what Tor says: where its proxy is, and which files it takes. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import type { Log } from '../../../src/base/log.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { proxyText } from '../../../src/net/proxies.ts';
import { startOnionService } from '../../../src/node/onion-service.ts';
import { ONION_KEY, TorServer } from '../../support/tor-server.ts';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'onion-'));
const keyFile = path.join(directory, 'onion_v3_private_key');
afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  fs.rmSync(keyFile, { force: true });
});

/** Ends with the first thing that happens. */
async function first(tor: TorServer, asksForProxy = true): Promise<string> {
  closers.push(() => tor.close());
  const place = await tor.listen();
  return new Promise(resolve => {
    const log: Log = { info() {}, debug() {}, warn: text => resolve(text) };
    const service = startOnionService(
      { log, random: new SeededRandom(1), directory },
      { place, password: '', asksForProxy, allowsOnion: true, isWanted: true },
      { target: '127.0.0.1:2', port: 1, connectTimeoutMs: 5_000, looksUpNames: true },
      {
        onProxy: proxy => resolve(`${proxyText(proxy)}${proxy.randomizesCredentials ? '*' : ''}`),
        onService() {},
        onServiceEnd() {},
      },
    );
    closers.unshift(() => service.close());
  });
}

test.each([
  ['"127.0.0.1:9150"', '127.0.0.1:9150*'],
  ['"[::1]:5"', '[::1]:5*'],
  ['"unix:/run/tor/socks" "192.168.1.9:5"', '192.168.1.9:5*'],
  ['"192.168.1.9:5" "unix:/run/tor/socks"', '192.168.1.9:5*'],
  // Without an address, where Tor listens if nobody tells it otherwise.
  ['"unix:/run/tor/socks"', '127.0.0.1:9050*'],
  ['"localhost:5"', '127.0.0.1:9050*'],
  ['"127.0.0.1:99999"', '127.0.0.1:9050*'],
])('SOCKS proxies %s: %s', async (said, expected) => {
  const tor = new TorServer();
  tor.answers.set('GETINFO', `250-net/listeners/socks=${said}\r\n250 OK`);
  expect(await first(tor)).toBe(expected);
});

test.each(['', 'no key', `${ONION_KEY}\r\nSIGNAL HALT`, `${ONION_KEY} Flags=Detach`])(
  'a file that holds "%s" is no key, and stays',
  async content => {
    fs.writeFileSync(keyFile, content);
    const tor = new TorServer();
    expect(await first(tor)).toContain('holds no key of an onion service');
    expect([tor.heard, fs.readFileSync(keyFile, 'utf8')]).toEqual([[], content]);
  },
);

test.each<[string, number | 'mkdir' | 'mkfifo' | undefined, string]>([
  ['none', undefined, 'could not be opened'],
  ['short', 31, 'is not exactly 32 bytes'],
  ['long', 1_000, 'is not exactly 32 bytes'],
  ['a folder', 'mkdir', 'could not be opened'],
  // Nobody writes into it: who waits for that waits forever.
  ['a pipe', 'mkfifo', 'could not be opened'],
])('a cookie that is none: %s', async (name, length, expected) => {
  const file = path.join(directory, name);
  if (typeof length === 'string') execFileSync(length, [file]);
  else if (length !== undefined) fs.writeFileSync(file, new Uint8Array(length));
  const tor = new TorServer();
  tor.askForCookie(new Uint8Array(32), file);
  expect(await first(tor)).toContain(expected);
});

test('a key that cannot be kept is told, without it', async () => {
  fs.mkdirSync(`${keyFile}.new`);
  const tor = new TorServer();
  const said = await first(tor, false);
  fs.rmdirSync(`${keyFile}.new`);
  expect(said).toContain('Error writing service private key');
  expect(said).not.toContain(ONION_KEY);
});
