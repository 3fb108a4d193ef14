/** What bad input gets, on a real process: a clear answer to whoever caused it, and the node goes on. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hexToBytes } from '../../src/base/bytes.ts';
import { Writer } from '../../src/wire/codec.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import { Sandbox, type SandboxNode } from '../support/process.ts';
import { RawPeer } from '../support/raw-peer.ts';

const REGTEST = hexToBytes('fabfb5da');
const MAINNET = hexToBytes('f9beb4d9');
const PROGRAM = new URL('../../bin/node', import.meta.url).pathname;

const sandbox = new Sandbox();
let node: SandboxNode;
beforeAll(async () => {
  node = await sandbox.hearsay('node');
  await node.start();
});
afterAll(() => sandbox.close());

/** A count and nothing behind it. */
function countOnly(count: number): Uint8Array {
  const writer = new Writer();
  writer.compactSize(count);
  return writer.finish();
}

/** `inv` with that many entries. */
function inventory(count: number): Uint8Array {
  const writer = new Writer();
  writer.compactSize(count);
  for (let i = 0; i < count; i += 1) {
    writer.u32(1);
    writer.put(new Uint8Array(32).fill(i));
  }
  return writer.finish();
}

function withWrongChecksum(): Uint8Array {
  const frame = encodeFrame(REGTEST, 'ping', new Uint8Array(8));
  frame[20]! ^= 1;
  return frame;
}

function announcing(length: number): Uint8Array {
  const frame = encodeFrame(REGTEST, 'block', new Uint8Array(0));
  new DataView(frame.buffer).setUint32(16, length, true);
  return frame;
}

describe('frames and payloads', () => {
  test.each<[string, Uint8Array, 'stays' | 'goes']>([
    ['another chain’s magic', encodeFrame(MAINNET, 'ping', new Uint8Array(8)), 'goes'],
    ['a payload of 4,000,001 bytes announced', announcing(4_000_001), 'goes'],
    ['a wrong checksum', withWrongChecksum(), 'stays'],
    ['an unprintable command', encodeFrame(REGTEST, 'pi\x01ng', new Uint8Array(8)), 'stays'],
    ['an unknown command', encodeFrame(REGTEST, 'hearsay', new Uint8Array(100)), 'stays'],
    ['a payload that ends too early', encodeFrame(REGTEST, 'inv', countOnly(3)), 'stays'],
    ['a length prefix that is not the shortest', encodeFrame(REGTEST, 'inv', hexToBytes('fd0100')), 'stays'],
    ['bytes behind the payload', encodeFrame(REGTEST, 'verack', new Uint8Array(5)), 'stays'],
    ['garbage as a transaction', encodeFrame(REGTEST, 'tx', new Uint8Array(300).fill(7)), 'stays'],
    ['50,001 inventory entries', encodeFrame(REGTEST, 'inv', inventory(50_001)), 'goes'],
    ['2,001 headers', encodeFrame(REGTEST, 'headers', countOnly(2_001)), 'goes'],
  ])('%s', async (_, bytes, outcome) => {
    const peer = await RawPeer.greet(node.port, REGTEST);
    peer.sendBytes(bytes);
    if (outcome === 'goes') expect(await peer.closed()).toBe(true);
    else expect(await peer.isAlive(42n)).toBe(true);
    peer.close();
    expect(await node.rpc('getblockcount')).toBe(0);
  });

  test('half a frame and then silence costs nothing', async () => {
    const peer = await RawPeer.connect(node.port, REGTEST);
    peer.sendBytes(encodeFrame(REGTEST, 'version', new Uint8Array(86)).subarray(0, 30));
    peer.close();
    expect(await node.rpc('getblockcount')).toBe(0);
  });
});

describe('JSON-RPC', () => {
  function post(
    body: string | Buffer,
    authorization = node.authorization,
  ): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port: node.setup.rpcPort,
        method: 'POST',
        headers: { authorization },
      };
      const request = http.request(options, response => {
        let text = '';
        response.setEncoding('utf8').on('data', chunk => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode!, text }));
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  test('what is no JSON is -32700', async () => {
    const { status, text } = await post('{"method": getblockcount');
    expect([status, JSON.parse(text).error]).toEqual([500, { code: -32700, message: 'Parse error' }]);
  });

  test('an argument of the wrong type is -3 and says which', async () => {
    const { text } = await post('{"jsonrpc":"2.0","id":1,"method":"getblockhash","params":["one"]}');
    const { code, message } = JSON.parse(text).error;
    expect(code).toBe(-3);
    expect(message).toContain('Position 1 (height)');
  });

  test('wrong credentials are 401', async () => {
    expect((await post('{"method":"getblockcount"}', 'Basic d3Jvbmc6d3Jvbmc=')).status).toBe(401);
  });

  test('a body of 100 MB is 413, told before it has all been sent', async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = net.connect(node.setup.rpcPort, '127.0.0.1', () => {
        const head = [
          'POST / HTTP/1.1',
          'Host: x',
          `Authorization: ${node.authorization}`,
          'Content-Length: 100000000',
        ];
        socket.write(`${head.join('\r\n')}\r\n\r\n${' '.repeat(100_000)}`);
      });
      socket.once('data', chunk => {
        resolve(chunk.toString('latin1'));
        socket.destroy();
      });
      socket.once('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(await node.rpc('getblockcount')).toBe(0);
  });

  test('a wrong passphrase is -14, and the wallet stays locked', async () => {
    await node.rpc('createwallet', 'locked', false, false, 'right');
    await expect(node.rpc('walletpassphrase', 'wrong', 10)).rejects.toMatchObject({ code: -14 });
    const { unlocked_until: until } = await node.rpc<{ unlocked_until: number }>('getwalletinfo');
    expect(until).toBe(0);
    expect(fs.readFileSync(path.join(node.directory, 'debug.log'), 'utf8')).not.toContain('right');
  });
});

describe('starting', () => {
  /** Starts a node that must not come up: exit code 1 and exactly one line on stderr. */
  function refused(...args: readonly string[]): string {
    const { status, stderr } = spawnSync(process.execPath, [PROGRAM, 'start', ...args], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    expect([status, stderr.trimEnd().split('\n').length], stderr).toEqual([1, 1]);
    return stderr.trimEnd();
  }
  const fresh = (name: string) => [
    '--datadir',
    path.join(sandbox.root, name),
    '--rpcport',
    '0',
    '--bind',
    '127.0.0.1',
  ];

  test('a busy port', () => {
    const error = refused(...fresh('busy'), '--port', String(node.port));
    expect(error).toMatch(/^Error: Unable to bind to 127\.0\.0\.1:\d+ on this computer\. .*already running/);
  });

  test('a data directory in use', () => {
    const error = refused('--datadir', node.setup.directory, '--rpcport', '0', '--port', '0');
    expect(error).toMatch(/^Error: Cannot obtain a lock on directory .*already running/);
  });

  test('a data directory that cannot be made', () => {
    const file = path.join(sandbox.root, 'file');
    fs.writeFileSync(file, '');
    expect(refused('--datadir', path.join(file, 'below'))).toMatch(
      /^Error: Cannot write to the data directory/,
    );
  });

  test('a data directory of another program', () => {
    const foreign = path.join(sandbox.root, 'foreign');
    fs.mkdirSync(path.join(foreign, 'regtest', 'chainstate'), { recursive: true });
    fs.writeFileSync(path.join(foreign, 'regtest', 'chainstate', 'CURRENT'), 'MANIFEST-000001\n');
    expect(refused(...fresh('foreign'))).toMatch(/^Error: .*belongs to another program/);
    expect(fs.readdirSync(path.join(foreign, 'regtest', 'chainstate'))).toEqual(['CURRENT']);
  });

  test('a genesis file with a wrong hash', () => {
    const file = path.join(sandbox.root, 'genesis.json');
    const made = spawnSync(process.execPath, [PROGRAM, 'genesis', 'create', '--name', 'mine', '--out', file]);
    expect(made.status).toBe(0);
    const content = JSON.parse(fs.readFileSync(file, 'utf8'));
    content.mine.genesis.time += 1;
    fs.writeFileSync(file, JSON.stringify(content));
    expect(refused(...fresh('genesis'), '--genesis', file)).toMatch(/^Error: .*hash/);
  });

  test('a bare --seed on a chain without DNS seeds', () => {
    expect(refused(...fresh('seedless'), '--seed')).toMatch(/^Error: The chain regtest has no DNS seeds/);
  });

  test('an unknown option', () => {
    expect(refused('--nosuch')).toMatch(/^Error: Unknown argument: nosuch/);
  });
});
