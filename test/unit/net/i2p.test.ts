/** I2P through the SAM bridge of a router, played by a server that knows the protocol's lines. */
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { SILENT_LOG } from '../../../src/base/log.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { sha256 } from '../../../src/crypto/sha256.ts';
import { I2pBridge, I2pSession } from '../../../src/net/i2p.ts';
import { decodeI2pBase64, destinationOfKey, encodeI2pBase64 } from '../../../src/net/sam.ts';
import { hostText, type NetAddress, parseAddress } from '../../../src/wire/net-address.ts';

const NAME = 'zsxwyo6qcn3chqzwxnseusqgsnuw3maqnztkiypyfxtya4snkoka.b32.i2p';
const TO = parseAddress(NAME, 0)!;
/** A destination with a certificate of 4 bytes, and the secret part behind it. */
const KEY = new Uint8Array(387 + 4 + 32).fill(0xfb);
KEY.set([0, 4], 385);
const OWN = hostText({ network: 'i2p', bytes: sha256(KEY.slice(0, 391)) });

interface Router {
  readonly place: { readonly host: string; readonly port: number };
  /** Lines that came, without what differs from run to run. */
  readonly heard: string[];
  readonly sockets: net.Socket[];
  /** Answers by the first two words of a line, other than those of a router that is well. */
  readonly answers: Map<string, string>;
}

const servers: net.Server[] = [];
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
  for (const server of servers.splice(0)) server.close();
});

async function router(): Promise<Router> {
  const heard: string[] = [];
  const sockets: net.Socket[] = [];
  const answers = new Map<string, string>([
    ['HELLO VERSION', 'HELLO REPLY RESULT=OK VERSION=3.1'],
    ['SESSION CREATE', `SESSION STATUS RESULT=OK DESTINATION=${encodeI2pBase64(KEY)}`],
    ['DEST GENERATE', `DEST REPLY PUB=x PRIV=${encodeI2pBase64(KEY)}`],
    ['NAMING LOOKUP', 'NAMING REPLY RESULT=OK NAME=x VALUE=theirs'],
    // What the peer says may come with the router's last line.
    ['STREAM CONNECT', 'STREAM STATUS RESULT=OK\nhello'],
    ['STREAM ACCEPT', `STREAM STATUS RESULT=OK\n${encodeI2pBase64(KEY)} FROM_PORT=0\nhello`],
  ]);
  const server = net.createServer(socket => {
    sockets.push(socket);
    socket.on('error', () => {});
    let text = '';
    socket.on('data', chunk => {
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
        const line = text.slice(0, end);
        text = text.slice(end + 1);
        heard.push(line.replace(/ID=[0-9a-f]{10}/, 'ID=id').replace(encodeI2pBase64(KEY), 'KEY'));
        const answer = answers.get(line.split(' ', 2).join(' '));
        if (answer !== undefined) socket.write(answer.endsWith('hello') ? answer : `${answer}\n`);
      }
    });
  });
  servers.push(server);
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  closers.push(() => sockets.forEach(socket => void socket.destroy()));
  const { port } = server.address() as net.AddressInfo;
  return { place: { host: '127.0.0.1', port }, heard, sockets, answers };
}

function deps(place: Router['place']) {
  return { log: SILENT_LOG, random: new SeededRandom(1), router: place, connectTimeoutMs: 5_000 };
}

/** A key kept in memory. */
function keyFile(saved?: Uint8Array) {
  const file = {
    key: saved,
    read: () => file.key,
    write: (key: Uint8Array) => {
      file.key = key;
    },
  };
  return file;
}

const firstWords = (socket: net.Socket) =>
  new Promise<string>(done => socket.once('data', chunk => done(chunk.toString('latin1'))));

const TRANSIENT =
  'SESSION CREATE STYLE=STREAM ID=id DESTINATION=TRANSIENT SIGNATURE_TYPE=7 i2cp.leaseSetEncType=4,0 inbound.quantity=1 outbound.quantity=1';
const PERSISTENT =
  'SESSION CREATE STYLE=STREAM ID=id DESTINATION=KEY i2cp.leaseSetEncType=4,0 inbound.quantity=3 outbound.quantity=3';
const HELLO = 'HELLO VERSION MIN=3.1 MAX=3.1';
const CONNECT = [HELLO, `NAMING LOOKUP NAME=${NAME}`, 'STREAM CONNECT ID=id DESTINATION=theirs SILENT=false'];

describe('a connection over I2P', () => {
  test('comes from an address of its own, which ends with it', async () => {
    const { place, heard, sockets } = await router();
    const socket = await new I2pBridge(deps(place)).connect(TO);
    expect(await firstWords(socket)).toBe('hello');
    expect(heard).toEqual([HELLO, TRANSIENT, ...CONNECT]);
    const controlEnds = new Promise(done => sockets[0]!.once('close', done));
    socket.destroy();
    await controlEnds;
  });

  test('comes from the address that stays, made once and kept', async () => {
    const { place, heard } = await router();
    const file = keyFile();
    const bridge = new I2pBridge(deps(place), file);
    closers.push(() => bridge.close());
    const sockets = await Promise.all([bridge.connect(TO), bridge.connect(TO)]);
    for (const socket of sockets) closers.push(() => socket.destroy());
    expect(heard.filter(line => line.startsWith('SESSION') || line.startsWith('DEST'))).toEqual([
      'DEST GENERATE SIGNATURE_TYPE=7',
      PERSISTENT,
    ]);
    expect(file.key).toEqual(KEY);

    const again = await router();
    const second = new I2pBridge(deps(again.place), keyFile(KEY));
    closers.push(() => second.close());
    (await second.connect(TO)).destroy();
    expect(again.heard).toEqual([HELLO, PERSISTENT, ...CONNECT]);
  });

  test('gets a new session when the router has forgotten the old one', async () => {
    const { place, heard, answers } = await router();
    const session = new I2pSession(deps(place), keyFile(KEY));
    closers.push(() => session.close());
    const well = answers.get('STREAM CONNECT')!;
    answers.set('STREAM CONNECT', 'STREAM STATUS RESULT=INVALID_ID');
    await expect(session.connect(TO)).rejects.toThrow('RESULT=INVALID_ID');
    answers.set('STREAM CONNECT', well);
    (await session.connect(TO)).destroy();
    expect(heard.filter(line => line === PERSISTENT).length).toBe(2);
  });

  test.each([
    ['HELLO VERSION', 'HELLO REPLY RESULT=NOVERSION', 'had a RESULT not equal to OK'],
    ['SESSION CREATE', 'SESSION STATUS RESULT=DUPLICATED_ID', 'Reply to "SESSION CREATE …"'],
    ['SESSION CREATE', 'SESSION STATUS RESULT=OK', 'Missing DESTINATION= in the reply'],
    ['SESSION CREATE', 'SESSION STATUS RESULT=OK DESTINATION=AAAA', 'private key is too short'],
    ['SESSION CREATE', 'SESSION STATUS RESULT=OK DESTINATION=+', 'Cannot decode Base64'],
    ['NAMING LOOKUP', 'NAMING REPLY RESULT=KEY_NOT_FOUND', 'had a RESULT not equal to OK'],
    ['STREAM CONNECT', 'STREAM STATUS RESULT=CANT_REACH_PEER', 'CANT_REACH_PEER'],
  ])('fails with the router: %s, %s', async (request, answer, reason) => {
    const { place, answers } = await router();
    answers.set(request, answer);
    await expect(new I2pBridge(deps(place)).connect(TO)).rejects.toThrow(reason);
  });

  test('fails where no router is', async () => {
    const bridge = new I2pBridge(deps({ host: '127.0.0.1', port: 1 }));
    await expect(bridge.connect(TO)).rejects.toThrow('Cannot connect to 127.0.0.1:1');
  });
});

test('peers come in by name, one after the other', async () => {
  const { place } = await router();
  const bridge = new I2pBridge(deps(place), keyFile(KEY));
  const ready: string[] = [];
  const seen: { peer: NetAddress; own: NetAddress; words: string }[] = [];
  await new Promise<void>(done => {
    bridge.acceptAll({
      onReady: own => ready.push(hostText(own)),
      onPeer: (socket, peer, own) => {
        closers.push(() => socket.destroy());
        void firstWords(socket).then(words => {
          seen.push({ peer, own, words });
          if (seen.length === 2) done();
        });
      },
    });
  });
  bridge.close();
  expect(ready).toEqual([OWN]);
  for (const { peer, own, words } of seen.slice(0, 2)) {
    // The destination that the router tells of the peer is the whole text that it sent.
    expect(peer.bytes).toEqual(sha256(KEY));
    expect([hostText(own), peer.port, words]).toEqual([OWN, 0, 'hello']);
  }
});

test('Base64 has an alphabet of its own', () => {
  const bytes = Uint8Array.of(0xfb, 0xef, 0xff);
  expect(encodeI2pBase64(bytes)).toBe('--~~');
  expect(decodeI2pBase64('--~~')).toEqual(bytes);
  expect(destinationOfKey(KEY).length).toBe(391);
});
