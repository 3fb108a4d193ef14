/** The npm client `bitcoin-core`, which people have in their projects, against our RPC server. */
import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/rpc-server.ts';

/** As far as it is used here; the package has no types. */
interface Client {
  command(...args: readonly unknown[]): Promise<unknown>;
  getBlockCount(): Promise<number>;
  getBlockHash(height: number): Promise<string>;
  getBlockchainInfo(): Promise<{ readonly chain: string; readonly blocks: number }>;
  generateToAddress(count: number, address: string): Promise<readonly string[]>;
}
type ClientClass = new (options: {
  readonly host: string;
  readonly username: string;
  readonly password: string;
  readonly version?: string;
}) => Client;

const require = createRequire(import.meta.url);
const ADDRESS = 'bcrt1q4w46h2at4w46h2at4w46h2at4w46h2atzmxqe2';

describe('the npm client bitcoin-core', () => {
  let server: TestServer;
  let client: Client;

  beforeAll(async () => {
    server = await startTestServer({ auth: { user: 'u', password: 'p' } });
    const BitcoinCore = require('bitcoin-core') as ClientClass;
    const host = `http://127.0.0.1:${server.port}`;
    client = new BitcoinCore({ host, username: 'u', password: 'p', version: '0.21.0' });
  });
  afterAll(() => server.stop());

  test('calls methods by name', async () => {
    expect(await client.generateToAddress(2, ADDRESS)).toHaveLength(2);
    expect(await client.getBlockCount()).toBe(2);
    expect(await client.getBlockchainInfo()).toMatchObject({ chain: 'regtest', blocks: 2 });
  });

  test('named arguments, batches, errors', async () => {
    const hash = await client.getBlockHash(1);
    expect(await client.command('getblockheader', { blockhash: hash, verbose: true })).toMatchObject({
      height: 1,
      confirmations: 2,
    });
    const batch = [
      { method: 'getblockcount', parameters: [] },
      { method: 'getblockhash', parameters: [99] },
    ];
    const [count, error] = (await client.command(batch)) as [number, Error];
    expect(count).toBe(2);
    expect(error).toMatchObject({ code: -8, message: 'Block height out of range' });
    await expect(client.getBlockHash(-1)).rejects.toMatchObject({ code: -8 });
  });
});
