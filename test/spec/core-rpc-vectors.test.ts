/** What Core's functional tests expect of calls: sorted multisig (BIP67), decodescript, getblockstats. */
import { expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/base/bytes.ts';
import { parseJson } from '../../src/rpc/json-parse.ts';
import { compactJson } from '../../src/rpc/json-write.ts';
import { encodeAddress } from '../../src/script/address.ts';
import { parseDescriptor } from '../../src/script/descriptor.ts';
import { decodeBlock } from '../../src/wire/block.ts';
import { PREFIXES } from '../support/prefixes.ts';
import { httpCall, startTestServer, type TestServer } from '../support/rpc-server.ts';
import { describeShared, readSharedJson } from '../support/shared.ts';

const prefixes = PREFIXES['regtest']!;

async function ask(server: TestServer, method: string, params: readonly unknown[]): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const reply = await httpCall(server.port, { credentials: server.credentials, body });
  // By way of our own parser, because amounts are compared as they are written.
  return JSON.parse(compactJson(parseJson(reply.body)));
}

describeShared('vectors of Core’s functional tests', () => {
  test('4 sorted multisigs', () => {
    const vectors = readSharedJson<
      { keys: string[]; sorted_keys: string[]; script: string; address: string }[]
    >('vectors/core/rpc_bip67.json');
    expect(vectors.length).toBe(4);
    for (const { keys, sorted_keys, script, address } of vectors) {
      for (const text of [`sh(sortedmulti(2,${keys}))`, `sh(multi(2,${sorted_keys}))`]) {
        const [descriptor] = parseDescriptor(text, { prefixes, requireChecksum: false });
        const { redeemScript, scripts } = descriptor!.expand(0)!;
        expect(bytesToHex(redeemScript!), text).toBe(script);
        expect(encodeAddress(scripts[0]!, prefixes), text).toBe(address);
      }
    }
  });

  test('10 scripts, decoded', async () => {
    const vectors = readSharedJson<[string, object][]>('vectors/core/rpc_decodescript.json');
    expect(vectors.length).toBe(10);
    const server = await startTestServer();
    try {
      for (const [script, expected] of vectors) {
        expect(await ask(server, 'decodescript', [script]), script).toMatchObject({ result: expected });
      }
    } finally {
      await server.stop();
    }
  });

  test('3 blocks of 104, their figures', async () => {
    const { blocks, stats } = readSharedJson<{ blocks: string[]; stats: { height: number }[] }>(
      'vectors/core/rpc_getblockstats.json',
    );
    expect([blocks.length, stats.length]).toEqual([104, 3]);
    const server = await startTestServer();
    try {
      for (const hex of blocks.slice(1)) server.node.connect(decodeBlock(hexToBytes(hex)));
      for (const expected of stats) {
        const answer = await ask(server, 'getblockstats', [expected.height]);
        expect(answer, JSON.stringify(answer)).toMatchObject({ result: expected });
      }
    } finally {
      await server.stop();
    }
  });
});
