/** SOCKS5 step by step, and dials through a proxy: what it is asked, and who the peer then is. */
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { bytesToHex, concatBytes, hexToBytes } from '../../../src/base/bytes.ts';
import { SILENT_LOG } from '../../../src/base/log.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import type { Connection } from '../../../src/net/connection.ts';
import type { Proxies } from '../../../src/net/proxies.ts';
import { type ProxyCredentials, Socks5Request, type Socks5Step } from '../../../src/net/socks5.ts';
import { TcpTransport } from '../../../src/net/tcp.ts';
import type { DialTarget } from '../../../src/p2p/events.ts';
import { encodeFrame } from '../../../src/wire/frame.ts';
import { parseAddress } from '../../../src/wire/net-address.ts';

const MAGIC = hexToBytes('fabfb5da');
const ONION = 'pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion';
const REPLY = '05000001' + '7f000001' + '1f90';
const text = (hex: string) => Buffer.from(hex, 'latin1').toString('hex');
const stepText = (step: Socks5Step) =>
  step.kind === 'send'
    ? bytesToHex(step.bytes)
    : step.kind === 'failed'
      ? step.reason
      : step.kind === 'connected'
        ? `connected ${bytesToHex(step.rest)}`
        : 'more';

/** What is sent, and how it ends, when the proxy answers `answers` one after the other, cut into pieces of `cut`. */
function talk(answers: readonly string[], credentials?: ProxyCredentials, cut = 1_000): string[] {
  const request = new Socks5Request('example.org', 8333, credentials);
  const seen = [stepText(request.start())];
  for (const answer of answers) {
    const bytes = hexToBytes(answer);
    for (let at = 0; at < bytes.length; at += cut) {
      const step = request.push(bytes.subarray(at, at + cut));
      if (step.kind !== 'more') seen.push(stepText(step));
    }
  }
  return seen;
}

describe('SOCKS5', () => {
  const CONNECT = `050100030b${text('example.org')}208d`;
  const USER = { username: 'me', password: 'secret' };
  const AUTH = `0102${text('me')}06${text('secret')}`;

  test.each([1, 2, 1_000])('asks, and ends in a connection; answers in pieces of %d', cut => {
    expect(talk(['0500', REPLY], undefined, cut)).toEqual(['050100', CONNECT, 'connected ']);
    expect(talk(['0502', '0100', REPLY], USER, cut)).toEqual(['05020002', AUTH, CONNECT, 'connected ']);
    // A proxy that wants no credentials is not told them.
    expect(talk(['0500', REPLY], USER, cut)).toEqual(['05020002', CONNECT, 'connected ']);
  });

  test.each([
    ['IPv6', `05000004${'00'.repeat(16)}0000`],
    ['a name', `0500000305${text('hello')}0000`],
    ['an empty name', '05000003000000'],
  ])('takes the address of %s, and leaves what follows', (_, reply) => {
    expect(talk(['0500', `${reply}abcd`])).toEqual(['050100', CONNECT, 'connected abcd']);
  });

  test.each<[string[], ProxyCredentials | undefined, string]>([
    [['0400'], undefined, 'proxy failed to initialize'],
    [['05ff'], USER, 'proxy requested wrong authentication method 255'],
    [['0502'], undefined, 'proxy requested wrong authentication method 2'],
    [['0502', '0101'], USER, 'proxy authentication unsuccessful'],
    [['0500', '0400000100000000'], undefined, 'proxy failed to accept request'],
    [['0500', '0505000100000000'], undefined, 'proxy: connection refused'],
    [['0500', '05f4000100000000'], undefined, 'proxy: onion service missing client authorization'],
    [['0500', '0563000100000000'], undefined, 'proxy: unknown'],
    [['0500', '0500010100000000'], undefined, 'malformed proxy response'],
    [['0500', '0500000200000000'], undefined, 'malformed proxy response'],
  ])('%j ends in a reason', (answers, credentials, reason) => {
    expect(talk(answers, credentials).at(-1)).toBe(reason);
  });

  test('a host that does not fit is not asked for', () => {
    expect(stepText(new Socks5Request('a'.repeat(256), 1).start())).toBe('hostname too long');
  });
});

describe('a dial through a proxy', () => {
  const servers: net.Server[] = [];
  const transports: TcpTransport[] = [];
  afterEach(async () => {
    for (const transport of transports.splice(0)) await transport.close();
    for (const server of servers.splice(0)) server.close();
  });

  /** Takes any request, and says a frame of its own right behind its answer, as the peer. */
  async function proxy(): Promise<{ port: number; asked: string[] }> {
    const asked: string[] = [];
    const server = net.createServer(socket => {
      socket.on('error', () => {});
      let stage = 0;
      socket.on('data', chunk => {
        stage += 1;
        if (stage === 1) socket.write(hexToBytes(chunk.length === 4 ? '0502' : '0500'));
        else if (chunk[0] === 1) {
          asked.push(chunk.subarray(2, 2 + chunk[1]!).toString('latin1'));
          socket.write(hexToBytes('0100'));
        } else {
          asked.push(
            `${chunk.subarray(5, 5 + chunk[4]!).toString('latin1')}:${chunk.readUInt16BE(5 + chunk[4]!)}`,
          );
          socket.write(concatBytes(hexToBytes(REPLY), encodeFrame(MAGIC, 'verack', new Uint8Array(0))));
        }
      });
    });
    servers.push(server);
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
    return { port: (server.address() as net.AddressInfo).port, asked };
  }

  /** Ends with the connection and its first frame, or why there is none. */
  function dial(proxies: Proxies, target: DialTarget, later: Proxies = {}): Promise<Connection | string> {
    return new Promise(resolve => {
      const transport = new TcpTransport(
        {
          log: SILENT_LOG,
          handler: {
            opened: () => {},
            dialFailed: (_, reason) => resolve(reason),
            readable: connection => {
              if (connection.next()?.kind === 'frame') resolve(connection);
            },
            transportChanged: () => {},
            sendPaused: () => {},
            sendResumed: () => {},
            closed: () => resolve('closed'),
          },
        },
        { magic: MAGIC, random: new SeededRandom(1), acceptsV2: false, permissionsOf: () => [], proxies },
      );
      transports.push(transport);
      if (later.onion !== undefined) transport.setProxy('onion', later.onion);
      transport.dial(1, target, { type: 'manual', transport: 'v1' });
      if (target.kind === 'address' && target.address.port === 2)
        transport.dial(2, target, { type: 'manual', transport: 'v1' });
    });
  }
  const to = (address: string): DialTarget => ({ kind: 'address', address: parseAddress(address, 1)! });

  test.each([
    ['15.61.23.23:1234', 'ipv4'],
    ['[1233:3432:2434:2343:3234:2345:6546:4534]:5443', 'ipv6'],
    [`${ONION}:8333`, 'onion'],
  ] as const)('to %s: the peer is who was asked for, not the proxy', async (where, network) => {
    const { port, asked } = await proxy();
    const proxies = { [network]: { place: { host: '127.0.0.1', port }, randomizesCredentials: false } };
    const connection = await dial(proxies, to(where));
    expect(asked).toEqual([where.replace(/[[\]]/g, '')]);
    expect(connection).toMatchObject({ info: { dialedName: where, address: { network } } });
  });

  test('a proxy may come later, and instead of another', async () => {
    const { port, asked } = await proxy();
    const onion = { place: { host: '127.0.0.1', port }, randomizesCredentials: false };
    const gone = { place: { host: '127.0.0.1', port: 1 }, randomizesCredentials: false };
    for (const before of [{}, { onion: gone }]) await dial(before, to(`${ONION}:8333`), { onion });
    expect(asked).toEqual([`${ONION}:8333`, `${ONION}:8333`]);
  });

  test('names are for the proxy to look up', async () => {
    const { port, asked } = await proxy();
    const proxies = { name: { place: { host: '127.0.0.1', port }, randomizesCredentials: false } };
    const connection = await dial(proxies, { kind: 'name', host: 'node.noumenon', port: 8333 });
    expect(asked).toEqual(['node.noumenon:8333']);
    expect(connection).toMatchObject({ info: { dialedName: 'node.noumenon:8333', address: { port: 0 } } });
  });

  test('no two connections have the same credentials', async () => {
    const { port, asked } = await proxy();
    const proxies = { ipv4: { place: { host: '127.0.0.1', port }, randomizesCredentials: true } };
    await dial(proxies, to('15.61.23.23:2'));
    while (asked.length < 4) await new Promise(setImmediate);
    const credentials = asked.filter(each => !each.includes(':'));
    expect(new Set(credentials).size).toBe(2);
  });

  test('local addresses are dialed straight, and networks without a way not at all', async () => {
    const { port, asked } = await proxy();
    const proxies = { ipv4: { place: { host: '127.0.0.1', port }, randomizesCredentials: false } };
    expect(await dial(proxies, to('127.0.0.1:1'))).toContain('ECONNREFUSED');
    expect(await dial(proxies, to(`${ONION}:1`))).toBe('no way to onion hosts');
    expect(asked).toEqual([]);
  });

  test('a proxy that is not there is the reason', async () => {
    const proxies = { onion: { place: { host: '127.0.0.1', port: 1 }, randomizesCredentials: true } };
    expect(await dial(proxies, to(`${ONION}:1`))).toContain('ECONNREFUSED');
  });
});
