/**
 * Answers of our methods against those of Bitcoin Core's, which `BITCOIND` names, over the same chain: Core mines, our
 * node in memory takes its blocks, and every call is made to both.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../scripts/regtest/ports.ts';
import { encodeBase64 } from '../../src/base/base64.ts';
import { type BlockHash, bytesToHex, EMPTY_BYTES, hexToBytes, hexToHash } from '../../src/base/bytes.ts';
import { callRpc, type RpcTarget } from '../../src/cli/rpc-client.ts';
import { publicKeyOf } from '../../src/crypto/keys.ts';
import { createPsbt, encodePsbt } from '../../src/psbt/psbt.ts';
import { methodSummary } from '../../src/rpc/help.ts';
import {
  hasMembers,
  JsonObject,
  type JsonOut,
  type JsonValue,
  type ParsedObject,
} from '../../src/rpc/json.ts';
import { parseJson } from '../../src/rpc/json-parse.ts';
import { compactJson } from '../../src/rpc/json-write.ts';
import { decodeSecretKey } from '../../src/script/address.ts';
import { parseDescriptor } from '../../src/script/descriptor.ts';
import { createBlock, createHeader, decodeBlock, encodeHeader } from '../../src/wire/block.ts';
import { createTransaction } from '../../src/wire/transaction.ts';
import { REGTEST_PREFIXES } from '../support/prefixes.ts';
import { startTestServer, type TestServer } from '../support/rpc-server.ts';
import { readSharedJson } from '../support/shared.ts';
import { SHARED_FOLDER } from '../support/shared-folder.ts';

const { BITCOIND } = process.env;
const START_TRIES = 200;
const START_PAUSE_MS = 50;
const ANYONE = '51';
/** Methods that Core does not have. */
const OUR_OWN: ReadonlySet<string> = new Set(['explaintransaction']);

describe.skipIf(!BITCOIND)('our answers and Core’s', () => {
  let core: ChildProcess;
  let directory: string;
  let ours: TestServer;
  let targets: { core: RpcTarget; ours: RpcTarget };
  /** Of a transaction in a block, and of that block. */
  let spendTxid: string;
  let spendBlock: string;
  let spendHex: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hearsay-core-'));
    const port = await freePort(['127.0.0.1']);
    const options = [`-datadir=${directory}`, '-regtest', `-rpcport=${port}`, '-listen=0', '-connect=0', '-acceptnonstdtxn=1', '-persistmempool=0', '-server=1', '-printtoconsole=0']; // biome-ignore format: one list
    core = spawn(BITCOIND!, options, { stdio: 'ignore' });
    ours = await startTestServer({ mempool: { requireStandard: false } });
    targets = {
      core: { host: '127.0.0.1', port, cookieFile: join(directory, 'regtest', '.cookie') },
      ours: { host: '127.0.0.1', port: ours.port, cookieFile: join(ours.directory, '.cookie') },
    };
    await untilUp(targets.core);
    await ask('core', 'generatetodescriptor', '[101,"raw(51)"]');
    await takeBlocks();
    const coinbase = ours.node.stored[1]!.transactions[0]!;
    const scripts = ['0014', '0020'].map((head, i) => head + 'ab'.repeat(i === 0 ? 20 : 32));
    const outputs = [
      ANYONE,
      ...scripts,
      '6a0568656c6c6f',
      `76a914${'cd'.repeat(20)}88ac`,
      `a914${'ef'.repeat(20)}87`,
    ];
    const tx = createTransaction({
      version: 2,
      inputs: [
        {
          prevout: { txid: coinbase.txid, index: 0 },
          scriptSig: EMPTY_BYTES,
          sequence: 0xffff_fffd,
          witness: [],
        },
      ],
      outputs: outputs.map((hex, i) => ({ value: i === 3 ? 0 : 800_000_000, scriptPubKey: hexToBytes(hex) })),
      lockTime: 0,
    });
    spendHex = bytesToHex(tx.raw);
    spendTxid = (await ask('core', 'sendrawtransaction', `["${spendHex}",0]`)) as string;
    expect(spendTxid, compactJson(spendTxid)).toBeTypeOf('string');
    await ask('core', 'generatetodescriptor', '[2,"raw(51)"]');
    await takeBlocks();
    spendBlock = compactJson(await ask('core', 'getblockhash', '[102]')).slice(1, -1);
  });

  afterAll(async () => {
    await ours?.stop();
    core.kill('SIGTERM');
    if (core.exitCode === null) await once(core, 'exit');
    rmSync(directory, { recursive: true, force: true });
  });

  async function ask(whom: 'core' | 'ours', method: string, params: string): Promise<JsonValue> {
    const reply = await callRpc(targets[whom], method, parseJson(params)!);
    return reply.get('error') ?? reply.get('result') ?? null;
  }

  async function takeBlocks(): Promise<void> {
    const tip = Number(compactJson(await ask('core', 'getblockcount', '[]')));
    for (let height = ours.node.stored.length; height <= tip; height += 1) {
      const hash = compactJson(await ask('core', 'getblockhash', `[${height}]`));
      const hex = (await ask('core', 'getblock', `[${hash},0]`)) as string;
      ours.node.connect(decodeBlock(hexToBytes(hex)));
    }
  }

  async function same(method: string, params: string, ignored: readonly string[] = []): Promise<void> {
    const [theirs, mine] = await Promise.all([ask('core', method, params), ask('ours', method, params)]);
    expect(brief(`${method} ${params}`, without(mine, ignored))).toBe(
      brief(`${method} ${params}`, without(theirs, ignored)),
    );
  }

  /** Same members in the same order, whatever their values. */
  async function sameKeys(method: string, params: string, ignored: readonly string[] = []): Promise<void> {
    const [theirs, mine] = await Promise.all([ask('core', method, params), ask('ours', method, params)]);
    expect(keysOf(without(mine, ignored))).toEqual(keysOf(without(theirs, ignored)));
  }

  test('blocks and headers', async () => {
    for (const height of [0, 1, 17, 101, 102, 103]) {
      const hash = compactJson(await ask('core', 'getblockhash', `[${height}]`));
      await same('getblockhash', `[${height}]`);
      for (const verbosity of [0, 1, 2, 3, true, false]) await same('getblock', `[${hash},${verbosity}]`);
      for (const verbose of [true, false]) await same('getblockheader', `[${hash},${verbose}]`);
    }
    for (const method of [
      'getblockcount',
      'getbestblockhash',
      'getdifficulty',
      'getchaintips',
      'getmininginfo',
    ])
      await same(method, '[]', ['currentblockweight', 'currentblocktx', 'warnings', 'networkhashps']);
    for (const params of ['[]', `["${spendBlock}"]`])
      await same('getdeploymentinfo', params, ['testdummy', 'script_flags']);
    await same('getblockchaininfo', '[]', ['size_on_disk', 'verificationprogress', 'warnings']);
  });

  test('blocks and headers that are submitted', async () => {
    const genesis = bytesToHex(ours.node.stored[0]!.raw);
    const next = ours.node.assemble(hexToBytes(ANYONE), []);
    const solved = ours.node.solve(next);
    const proposal = (hex: string) => `[{"mode":"proposal","data":"${hex}","rules":["segwit"]}]`;
    const wrongRoot = createBlock({ ...next.header, merkleRoot: next.header.prevHash }, next.transactions);
    for (const block of [next, wrongRoot, ours.node.stored[5]!])
      await same('getblocktemplate', proposal(bytesToHex(block.raw)));
    await same('submitheader', `["${bytesToHex(solved.raw.subarray(0, 80))}"]`);
    await same('submitheader', `["${genesis.slice(0, 160)}"]`);
    const orphan = createHeader({ ...next.header, prevHash: next.header.merkleRoot as BlockHash });
    await same('submitheader', `["${bytesToHex(encodeHeader(orphan))}"]`);
    await same('submitblock', `["${genesis}"]`);
    await same('submitblock', `["${bytesToHex(wrongRoot.raw)}"]`);
    // Without its coinbase's witness, as old miners send it.
    const [coinbase] = solved.transactions;
    const { version, inputs, outputs, lockTime } = coinbase!;
    const bare = createTransaction({
      version,
      inputs: inputs.map(input => ({ ...input, witness: [] })),
      outputs,
      lockTime,
    });
    const block = createBlock(solved.header, [bare]);
    await same('submitblock', `["${bytesToHex(block.raw)}"]`);
    await same('submitblock', `["${bytesToHex(solved.raw)}"]`);
    await same('getbestblockhash', '[]');
    await same('waitforblockheight', '[104,1000]');
    await takeBlocks();
  });

  test('transactions and coins', async () => {
    for (const verbosity of [0, 1, 2]) {
      await same('getrawtransaction', `["${spendTxid}",${verbosity},"${spendBlock}"]`);
      await same('getrawtransaction', `["${spendTxid}",${verbosity}]`);
    }
    for (let n = 0; n < 7; n += 1) await same('gettxout', `["${spendTxid}",${n}]`);
    await same('decoderawtransaction', `["${spendHex}"]`);
    await same('gettxoutsetinfo', '["none"]', ['disk_size']);
  });

  test('mempool', async () => {
    const parent = hexToHash(spendTxid) as never;
    const tx = createTransaction({
      version: 2,
      inputs: [
        {
          prevout: { txid: parent, index: 0 },
          scriptSig: EMPTY_BYTES,
          sequence: 0xffff_fffd,
          witness: [],
        },
      ],
      outputs: [{ value: 799_990_000, scriptPubKey: hexToBytes(`0014${'12'.repeat(20)}`) }],
      lockTime: 0,
    });
    const hex = bytesToHex(tx.raw);
    await same('testmempoolaccept', `[["${hex}"]]`);
    await same('testmempoolaccept', `[["${hex}"],0.00001]`);
    await same('sendrawtransaction', `["${hex}",0.00001]`);
    await same('sendrawtransaction', `["${hex}"]`);
    await same('sendrawtransaction', `["${hex}"]`);
    await same('sendrawtransaction', `["${spendHex}"]`);
    await same('getrawmempool', '[]');
    await same('getrawmempool', '[true]', ['time']);
    await sameKeys('getrawmempool', '[false,true]');
    await same('getmempoolinfo', '[]', ['usage']);
    await same('getmempoolancestors', `["${spendTxid}"]`);
    const txid = compactJson(((await ask('ours', 'getrawmempool', '[]')) as readonly JsonValue[])[0]!);
    await same('getmempoolentry', `[${txid}]`, ['time']);
    await same('getrawtransaction', `[${txid},1]`);
    await same('gettxout', `[${txid},0]`);
    await same('gettxout', `["${spendTxid}",0]`);
    await same('gettxout', `["${spendTxid}",0,false]`);
    await sameKeys('getblocktemplate', '[{"rules":["segwit"]}]', ['vbavailable']);
  });

  test('network', async () => {
    await sameKeys('getnetworkinfo', '[]', ['localaddresses', 'warnings']);
    await sameKeys('getnettotals', '[]');
    for (const params of ['["1.2.3.4","add",100]', '["1.2.3.4","add"]', '["1.2.3.0/24","add",100]', '["x","add"]', '["1.2.3.4","remove"]', '["1.2.3.4","remove"]', '["1.2.3.4","foo"]', '["2001:db8::/129","add"]', '["10.0.0.1/255.0.0.0","add"]', '["1.1.1.1","add",5,true]']) // biome-ignore format: one list
      await same('setban', params);
    await sameKeys('listbanned', '[]');
    for (const params of ['["1.2.3.4:1","add"]', '["1.2.3.4:1","add"]', '["1.2.3.4:1","remove"]', '["1.2.3.4:1","remove"]', '["1.2.3.4:1","foo"]']) // biome-ignore format: one list
      await same('addnode', params);
    for (const params of ['["1.2.3.4:1"]', '["",7]', '["a",7]', '{"nodeid":3}', '[]'])
      await same('disconnectnode', params);
    for (const params of ['[-1]', '[1,"foo"]', '[0]']) await same('getnodeaddresses', params);
    await same('addpeeraddress', '["x",1]');
  });

  const address = 'bcrt1q4w46h2at4w46h2at4w46h2at4w46h2atzmxqe2';
  const key = '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798';
  const xpub =
    'tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B';

  test('pure methods', async () => {
    const scripts = ['', '51', '6a', `6a04deadbeef`, `21${key}ac`, `5121${key}21${key}52ae`, `76a914${'11'.repeat(20)}88ac`, `a914${'11'.repeat(20)}87`, `0014${'11'.repeat(20)}`, `0020${'11'.repeat(32)}`, `5120${key.slice(2)}`, '51024e73', '5214' + '11'.repeat(20), 'b0b1b2', '4c', 'ba', `41${'04' + key.slice(2).repeat(2)}ac`, '01', '0x', 'xx', '80', '63ac67ac68']; // biome-ignore format: one list
    for (const script of scripts) await same('decodescript', `["${script}"]`);
    for (const text of [address, address.toUpperCase(), `${address}q`, 'mkHS9ne12qx9pS9VojpwU5xtRd4T7X7ZUt', '2N8hwP1WmJrFF5QWABn38y63uYLhnJYJYTF', '1BoatSLRHtKNngkdXEeobR76b53LETtpyT', '', 'x', 'bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl', 'bcrt1pfeesnyr2tx']) // biome-ignore format: one list
      await same('validateaddress', `["${text}"]`);
    for (const text of [`wpkh(${key})`, `wpkh(${xpub}/0/*)`, `pkh([d34db33f/44'/0'/0']${xpub}/1/*)`, `combo(${key})`, `multi(1,${key},${key})`, `sh(multi(1,${key}))`, `addr(${address})`, 'raw(51)', 'foo', '', `wpkh(${key})#aaaaaaaa`, `wsh(pk(${xpub}/<0;1>/*))`, `tr(${key.slice(2)})`, 'pk()']) // biome-ignore format: one list
      await same('getdescriptorinfo', `["${text}"]`);
    const ranged = await checksummed(`wpkh(${xpub}/0/*)`);
    const multipath = await checksummed(`wpkh(${xpub}/<0;1>/*)`);
    const single = await checksummed(`wpkh(${key})`);
    for (const params of [`["${ranged}",2]`, `["${ranged}",[3,5]]`, `["${ranged}"]`, `["${ranged}",[5,3]]`, `["${ranged}",-1]`, `["${ranged}",[0,1000000]]`, `["${ranged}","x"]`, `["${multipath}",1]`, `["${single}"]`, `["${single}",[0,0]]`, `["wpkh(${key})"]`, `["${await checksummed(`combo(${key})`)}"]`, `["${await checksummed('raw(51)')}"]`]) // biome-ignore format: one list
      await same('deriveaddresses', params);
  });

  async function checksummed(text: string): Promise<string> {
    return ((await ask('core', 'getdescriptorinfo', `["${text}"]`)) as ParsedObject).get(
      'descriptor',
    ) as string;
  }

  test.skipIf(!existsSync(SHARED_FOLDER))('PSBTs', async () => {
    const { valid, invalid, invalid_with_msg } = readSharedJson<Record<string, (string | string[])[]>>(
      'vectors/core/rpc_psbt.json',
    );
    const broken = [...invalid!, ...invalid_with_msg!].map(each => (Array.isArray(each) ? each[0]! : each));
    for (const text of broken) await same('decodepsbt', `["${text}"]`);
    const { bip174, finalizeAllInputs } = readSharedJson<Record<string, never>>(
      'vectors/bitcoinjs/psbt.json.gz',
    );
    const others = [...new Set(JSON.stringify([bip174, finalizeAllInputs]).match(/cHNidP[A-Za-z0-9+/=]+/g))];
    for (const text of [...(valid as string[]), ...others]) {
      await same('decodepsbt', `["${text}"]`);
      for (const method of ['analyzepsbt', 'finalizepsbt', 'utxoupdatepsbt']) {
        await same(method, `["${text}"]`);
      }
      await same('finalizepsbt', `["${text}",false]`);
      await same('combinepsbt', `[["${text}","${text}"]]`);
      // Of final signatures that are not valid, which some of the others have, Core says that it found a bug in itself.
      if (!valid!.includes(text)) continue;
      await same('descriptorprocesspsbt', `["${text}",[{"desc":"wpkh(${xpub}/*)","range":5}]]`);
    }
    const input = `{"txid":"${spendTxid}","vout":1}`;
    for (const params of ['', ',0', ',0,true,2,0', ',5,false,3,2', ',0,true,2,1']) {
      await same('createpsbt', `[[${input}],[{"${address}":0.1}]${params}]`);
    }
    for (const params of ['', ',true', ',true,true', ',true,null,0', ',false,false']) {
      await same('converttopsbt', `["${spendHex}"${params}]`);
    }
    for (const params of ['[]', '["x"]', '[""]']) await same('combinepsbt', `[${params}]`);
  });

  test.each([
    'wsh(multi(2,A,B))',
    'sh(wsh(multi(2,A,B)))',
    'tr(A,multi_a(2,A,B))',
    'tr(B,{pk(A),multi_a(2,B,A)})',
  ])('a PSBT that both sign: %s', async text => {
    const secrets = ['cNaQCDwmmh4dS9LzCgVtyy1e1xjCJ21GUDHe9K98nzb689JvinGV', 'cUeKHd5orzT3mz8P9pxyREHfsWtVfgsfDjiZZBcjUBAaGk1BTj7N']; // biome-ignore format: one list
    const publicKeys = secrets.map(secret =>
      publicKeyOf(decodeSecretKey(secret, REGTEST_PREFIXES)!.secretKey),
    );
    const hexes = publicKeys.map(bytesToHex).map(hex => (text.startsWith('tr') ? hex.slice(2) : hex));
    const withKeys = ([a, b]: readonly string[]) => text.replaceAll('A', a!).replaceAll('B', b!);
    const descriptor = parseDescriptor(withKeys(hexes), {
      prefixes: REGTEST_PREFIXES,
      requireChecksum: false,
    });
    const output = { value: 50_000_000, scriptPubKey: descriptor[0]!.expand(0)!.scripts[0]! };
    const tx = createTransaction({
      version: 2,
      inputs: [
        {
          prevout: { txid: hexToHash('ab'.repeat(32)), index: 0 },
          scriptSig: EMPTY_BYTES,
          sequence: 0xffff_fffd,
          witness: [],
        },
      ],
      outputs: [{ value: 49_000_000, scriptPubKey: hexToBytes(ANYONE) }],
      lockTime: 0,
    });
    const blank = createPsbt(tx, 2);
    const psbt = encodeBase64(
      encodePsbt({ ...blank, inputs: [{ ...blank.inputs[0]!, witnessUtxo: output }] }),
    );
    const sign = async (whom: 'core' | 'ours', keys: readonly string[]) =>
      ((await ask(whom, 'descriptorprocesspsbt', `["${psbt}",["${withKeys(keys)}"]]`)) as ParsedObject).get(
        'psbt',
      ) as string;
    const halves = [
      await sign('core', [secrets[0]!, hexes[1]!]),
      await sign('ours', [hexes[0]!, secrets[1]!]),
    ];
    for (const half of halves) await same('analyzepsbt', `["${half}"]`);
    const combined = (await ask('core', 'combinepsbt', `[${JSON.stringify(halves)}]`)) as string;
    await same('combinepsbt', `[${JSON.stringify(halves)}]`);
    await same('decodepsbt', `["${combined}"]`);
    await same('finalizepsbt', `["${combined}"]`);
    const final = (await ask('ours', 'finalizepsbt', `["${combined}"]`)) as ParsedObject;
    expect(final.get('complete')).toBe(true);
  });

  test('transactions made by hand', async () => {
    const txid = 'ab'.repeat(32);
    const input = `{"txid":"${txid}","vout":1}`;
    const output = `{"${address}":0.1}`;
    for (const params of [
      `[[${input}],[${output}]]`, `[[${input}],${output}]`, `[[],[]]`, `[[${input}],[{"data":"00"}]]`, `[[${input}],{"data":"00"},5]`,
      `[[${input}],[${output}],5,false]`, `[[${input}],[${output}],0,false]`, `[[${input}],[${output}],0,true,3]`, `[[${input}],[${output}],0,true,4]`,
      `[[${input}],[${output}],-1]`, `[[${input}],[${output}],4294967296]`, `[[${input}],[${output},${output}]]`, `[[${input}],[{"data":"00"},{"data":"01"}]]`,
      `[[${input}],[{"data":"x"}]]`, `[[${input}],[{"data":5}]]`, `[[${input}],[{"x":1}]]`, `[[${input}],[{"${address}":-1}]]`, `[[${input}],[{"${address}":"a"}]]`,
      `[[${input}],[{"a":1,"b":2}]]`, `[[${input}],[1]]`, `[[${input}],null]`, `[[${input}],"x"]`, `[[${input}]]`, `["x",{}]`,
      `[[{"txid":"ab","vout":1}],{}]`, `[[{"txid":"${txid}"}],{}]`, `[[{"txid":"${txid}","vout":-1}],{}]`, `[[{"txid":"${txid}","vout":1,"sequence":-1}],{}]`,
      `[[{"txid":"${txid}","vout":1,"sequence":7}],{}]`, `[[{"txid":"${txid}","vout":1,"sequence":4294967295}],{},0,true]`, `[[{"vout":1}],{}]`, `[[5],{}]`,
      `{"inputs":[],"outputs":{},"locktime":7}`, `{"inputs":[],"outputs":{},"foo":7}`,
    ])
      await same('createrawtransaction', params); // biome-ignore format: one list
  });

  test('errors', async () => {
    const hash = '"00"';
    for (const [method, params] of [
      ['getblock', '[]'], ['getblock', '[1]'], ['getblock', `[${hash}]`], ['getblock', `["${'00'.repeat(32)}"]`], ['getblock', `["${'00'.repeat(32)}","x"]`],
      ['getblockhash', '[-1]'], ['getblockhash', '[1000]'], ['getblockhash', '["1"]'], ['getblockhash', '[1.5]'], ['getblockhash', '[99999999999]'],
      ['getblockheader', `["${'zz'.repeat(32)}"]`], ['gettxout', '["00",0]'], ['gettxout', `["${'00'.repeat(32)}",-1]`], ['gettxoutsetinfo', '["x"]'],
      ['gettxoutsetinfo', '["none",5]'], ['getrawtransaction', '["00"]'], ['getrawtransaction', `["${'00'.repeat(32)}"]`], ['getrawtransaction', `["${'00'.repeat(32)}",0,"${'00'.repeat(32)}"]`],
      ['getrawtransaction', '["4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"]'],
      ['decoderawtransaction', '["00"]'], ['decoderawtransaction', '["xx"]'], ['decoderawtransaction', '["01000000000000000000"]'], ['decoderawtransaction', '["01000000000000000000",true]'],
      ['sendrawtransaction', '["00"]'], ['sendrawtransaction', '["01000000000000000000"]'], ['sendrawtransaction', '["00",1]'], ['sendrawtransaction', '["00","x"]'], ['testmempoolaccept', '[[]]'], ['testmempoolaccept', '[["00"]]'],
      ['testmempoolaccept', '[[1]]'], ['submitblock', '["00"]'], ['submitheader', '["00"]'], ['getmempoolentry', `["${'00'.repeat(32)}"]`], ['getrawmempool', '[true,true]'],
      ['generatetoaddress', '[1,"x"]'], ['generatetodescriptor', '[1,"x"]'], ['generateblock', '["x",[]]'], ['generateblock', `["${address}",["${'00'.repeat(32)}"]]`], ['generateblock', `["${address}",["00"]]`],
      ['getblocktemplate', '[{}]'], ['getblocktemplate', '[]'], ['getblocktemplate', '[{"mode":1}]'], ['getblocktemplate', '[{"mode":"x"}]'], ['getblocktemplate', '[{"mode":"proposal"}]'], ['getblocktemplate', '[{"mode":"proposal","data":"00"}]'],
      ['waitfornewblock', '[-1]'], ['waitforblockheight', '["x"]'], ['waitforblockheight', '[3,10]'], ['waitforblock', `["${'00'.repeat(32)}",10]`], ['setmocktime', '[-1]'], ['setmocktime', '[4294967296]'], ['mockscheduler', '[0]'], ['logging', '[["foo"]]'],
      ['getmemoryinfo', '["x"]'], ['echo', '[1,null,"x"]'], ['echojson', '{"arg1":5}'], ['help', '["foo"]'], ['foo', '[]'], ['invalidateblock', `["${'00'.repeat(32)}"]`], ['getnetworkhashps', '[0]'], ['getnetworkhashps', '[1,1000]'],
      ['getindexinfo', '[]'], ['getdeploymentinfo', `["${'00'.repeat(32)}"]`], ['uptime', '[1]'], ['addconnection', '["1.2.3.4:1","x",false]'],
    ] as const)
      await same(method, params); // biome-ignore format: a table
  });

  test('the first line of every help', async () => {
    const different: string[] = [];
    for (const method of ours.dispatcher.methods()) {
      if (OUR_OWN.has(method.name)) continue;
      const theirs = ((await ask('core', 'help', `["${method.name}"]`)) as string).split('\n')[0];
      if (methodSummary(method) !== theirs) different.push(`${methodSummary(method)} ≠ ${theirs}`);
    }
    expect(different).toEqual([]);
  });
});

/** Help texts are our own words: their first line counts. */
function brief(call: string, answer: JsonOut): string {
  return `${call}: ${compactJson(answer).split('\\n\\n')[0]}`;
}

function without(value: JsonOut, ignored: readonly string[]): JsonOut {
  if (Array.isArray(value)) return value.map(item => without(item, ignored));
  if (!hasMembers(value)) return value;
  const members = [...value.members].filter(([name]) => !ignored.includes(name));
  return new JsonObject(members.map(([name, member]) => [name, without(member, ignored)] as const));
}

function keysOf(value: JsonOut): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(keysOf);
  return hasMembers(value)
    ? [...value.members].map(([name, member]) => [name, keysOf(member)])
    : typeof value;
}

async function untilUp(target: RpcTarget): Promise<void> {
  for (let i = 0; i < START_TRIES; i += 1) {
    const reply = await callRpc(target, 'getblockcount', []).catch(() => undefined);
    if (reply?.get('result') !== undefined) return;
    await new Promise(done => setTimeout(done, START_PAUSE_MS));
  }
  throw new Error('bitcoind did not come up');
}
