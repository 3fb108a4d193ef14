/** Methods over a node in memory: their results are what they declare, waiting ends, errors tell what is wrong. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeBase64 } from '../../../src/base/base64.ts';
import {
  bytesToHex,
  EMPTY_BYTES,
  hashToHex,
  hexToBytes,
  hexToHash,
  type Txid,
} from '../../../src/base/bytes.ts';
import { type RpcTarget, runRpcCommand } from '../../../src/cli/rpc-client.ts';
import { networkParams } from '../../../src/consensus/networks.ts';
import { uncompressPublicKey } from '../../../src/crypto/keys.ts';
import { createPsbt, encodePsbt } from '../../../src/psbt/psbt.ts';
import { bindArguments } from '../../../src/rpc/bind-arguments.ts';
import type { JsonValue, ParsedObject } from '../../../src/rpc/json.ts';
import { parseJson } from '../../../src/rpc/json-parse.ts';
import { compactJson } from '../../../src/rpc/json-write.ts';
import { NODE_METHOD_DECLARATIONS } from '../../../src/rpc/methods/node-methods.ts';
import type { PeerInfo } from '../../../src/rpc/node-facade.ts';
import { encodeAddress } from '../../../src/script/address.ts';
import { wrapInWitnessScriptHash } from '../../../src/script/templates.ts';
import { parseAddress } from '../../../src/wire/net-address.ts';
import {
  createTransaction,
  type OutPoint,
  type Transaction,
  withInputs,
} from '../../../src/wire/transaction.ts';
import { mismatches } from '../../support/result-doc.ts';
import { httpCall, startTestServer, type TestServer, untilActive } from '../../support/rpc-server.ts';

const WITNESS_SCRIPT = Uint8Array.of(0x51);
const ANYONE = wrapInWitnessScriptHash(WITNESS_SCRIPT);
const ADDRESS = 'bcrt1q4w46h2at4w46h2at4w46h2at4w46h2atzmxqe2';
const ANYONE_ADDRESS = encodeAddress(ANYONE, networkParams('regtest').address)!;

const KEY = '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798';
const UNCOMPRESSED_KEY = bytesToHex(uncompressPublicKey(hexToBytes(KEY))!);

const PEER: PeerInfo = {
  id: 3,
  name: '127.0.0.1:5000',
  address: parseAddress('127.0.0.1:5000', 0)!,
  localAddress: parseAddress('127.0.0.1:18444', 0)!,
  seenAs: undefined,
  network: 'not_publicly_routable',
  services: 0x409n,
  relaysTxs: true,
  lastInvSequence: 1,
  invToSend: 0,
  lastSend: 1_700_000_000_999,
  lastReceive: 0,
  lastTransaction: 0,
  lastBlock: 0,
  bytesSent: 10,
  bytesReceived: 32,
  connectedAt: 1_700_000_000_000,
  timeOffsetS: 0,
  pingMs: 1.25,
  minPingMs: 0.5,
  pingWaitMs: undefined,
  version: 70017,
  userAgent: '/Satoshi:31.99.0/',
  highBandwidthTo: false,
  highBandwidthFrom: false,
  presyncedHeaders: -1,
  syncedHeaders: 0,
  syncedBlocks: -1,
  inflightHeights: [7],
  relaysAddresses: true,
  addressesProcessed: 0,
  addressesRateLimited: 0,
  permissions: ['noban'],
  minFeeFilter: 100,
  bytesSentPerMessage: new Map([
    ['version', 10],
    ['ping', 0],
  ]),
  bytesReceivedPerMessage: new Map([['pong', 32]]),
  type: 'inbound',
  transport: 'v1',
  sessionId: '',
};

/** From Core's getpeerinfo, in its order. */
const PEER_KEYS =
  'id addr addrbind network services servicesnames relaytxes last_inv_sequence inv_to_send lastsend lastrecv last_transaction last_block bytessent bytesrecv conntime timeoffset pingtime minping version subver inbound bip152_hb_to bip152_hb_from presynced_headers synced_headers synced_blocks inflight addr_relay_enabled addr_processed addr_rate_limited permissions minfeefilter bytessent_per_msg bytesrecv_per_msg connection_type transport_protocol_type session_id';

describe('methods', () => {
  let server: TestServer;
  let values: Readonly<Record<string, string>>;
  let target: RpcTarget;

  beforeAll(async () => {
    server = await startTestServer();
    const { node } = server;
    target = { host: '127.0.0.1', port: server.port, cookieFile: `${server.directory}/.cookie` };
    node.peerInfos.push(PEER);
    node.mine(101, ANYONE);
    const spend = (height: number, fee: number) =>
      spending({ txid: node.stored[height]!.transactions[0]!.txid, index: 0 }, [50_0000_0000 - fee]);
    const mined = spend(1, 1000);
    await call('sendrawtransaction', `["${bytesToHex(mined.raw)}"]`);
    const [block] = node.mine(1, ANYONE);
    const pooled = spend(2, 2000);
    await call('sendrawtransaction', `["${bytesToHex(pooled.raw)}"]`);
    values = {
      block: hashToHex(block!),
      mined: hashToHex(mined.txid),
      minedHex: bytesToHex(mined.raw),
      pooled: hashToHex(pooled.txid),
      fresh: bytesToHex(spend(3, 3000).raw),
      psbt: encodeBase64(encodePsbt(createPsbt(unsigned(spend(3, 3000)), 2))),
      psbt0: encodeBase64(encodePsbt(createPsbt(unsigned(spend(3, 3000)), 0))),
      otherPsbt0: encodeBase64(encodePsbt(createPsbt(unsigned(spend(4, 3000)), 0))),
    };
  });
  afterAll(() => server.stop());

  async function call(method: string, params = '[]'): Promise<JsonValue> {
    const body = `{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`;
    const reply = await httpCall(server.port, { credentials: server.credentials, body });
    const parsed = parseJson(reply.body) as ParsedObject;
    if (parsed.has('error')) throw new Error(compactJson(parsed.get('error')!));
    return parsed.get('result')!;
  }

  test.each([
    ['getbestblockhash'], ['getblockchaininfo'], ['getblockcount'], ['getblockhash', '[5]'], ['getchaintips'], ['getdeploymentinfo'], ['getdifficulty'],
    ['getblock', '["$block",0]'], ['getblock', '["$block"]'], ['getblock', '["$block",2]'], ['getblock', '["$block",3]'],
    ['getblockheader', '["$block"]'], ['getblockheader', '["$block",false]'], ['getmempoolinfo'], ['getmempoolentry', '["$pooled"]'],
    ['getmempoolancestors', '["$pooled",true]'], ['getmempooldescendants', '["$pooled"]'], ['getrawmempool'], ['getrawmempool', '[true]'], ['getrawmempool', '[false,true]'],
    ['gettxout', '["$mined",0]'], ['gettxout', '["$pooled",0]'], ['gettxout', '["$pooled",9]'], ['gettxoutsetinfo'], ['gettxoutsetinfo', '["muhash"]'],
    ['scantxoutset', '["status"]'], ['scantxoutset', '["abort"]'], ['scantxoutset', `["start",["addr(${ANYONE_ADDRESS})",{"desc":"raw(51)","range":[0,5]}]]`],
    ['waitfornewblock', '[1]'], ['waitforblock', '["$block"]'], ['waitforblockheight', '[3]'], ['syncwithvalidationinterfacequeue'],
    ['echo', '[1]'], ['getmemoryinfo'], ['logging'], ['logging', '[["net"],["rpc"]]'], ['mockscheduler', '[5]'], ['setmocktime', '[0]'], ['getrpcinfo'], ['help'], ['help', '["stop"]'], ['uptime'],
    ['generatetoaddress', `[0,"${ADDRESS}"]`], ['generateblock', `["${ADDRESS}",["$fresh"],false]`], ['getblocktemplate', '[{"rules":["segwit"]}]'],
    ['getmininginfo'], ['getnetworkhashps'], ['submitblock', '["$genesis"]'],
    ['addnode', '["a.example","onetry"]'], ['addconnection', '["1.2.3.4:1","feeler",false]'], ['addpeeraddress', '["1.2.3.4",8333]'], ['disconnectnode', '["",3]'],
    ['addnode', '["1.2.3.4:8333","add"]'], ['getaddednodeinfo'], ['getconnectioncount'], ['getaddrmaninfo'], ['getnettotals'], ['getnetworkinfo'], ['getnodeaddresses', '[0]'], ['getpeerinfo'],
    ['setban', '["10.0.0.0/8","add"]'], ['listbanned'], ['clearbanned'], ['ping'], ['setnetworkactive', '[true]'],
    ['createrawtransaction', `[[],{"${ADDRESS}":1}]`], ['decoderawtransaction', '["$minedHex"]'], ['decodescript', '["51"]'], ['decodescript', '["6a"]'],
    ['getrawtransaction', '["$pooled"]'], ['getrawtransaction', '["$pooled",1]'], ['getrawtransaction', '["$mined",2,"$block"]'], ['testmempoolaccept', '[["$fresh"]]'], ['testmempoolaccept', '[["$minedHex"]]'],
    ['explaintransaction', '["$fresh"]'], ['explaintransaction', '["$minedHex"]'], ['explaintransaction', '["$fresh",[[5000000000,"51"]],"consensus"]'],
    ['deriveaddresses', '["addr(bcrt1q4w46h2at4w46h2at4w46h2at4w46h2atzmxqe2)#jt0t868l"]'], ['getdescriptorinfo', '["raw(51)"]'], ['getindexinfo'], ['estimatesmartfee', '[6]'], ['estimaterawfee', '[6]'], ['validateaddress', `["${ADDRESS}"]`], ['validateaddress', '["x"]'],
    ['signrawtransactionwithkey', '["$fresh",[]]'], ['signrawtransactionwithkey', '["$minedHex",[],null,"ALL|ANYONECANPAY"]'],
    ['combinerawtransaction', '[["$fresh","$fresh"]]'],
    ['createpsbt', `[[],{"${ADDRESS}":1}]`], ['converttopsbt', '["$fresh",true]'], ['decodepsbt', '["$psbt"]'], ['decodepsbt', '["$psbt0"]'], ['analyzepsbt', '["$psbt"]'],
    ['combinepsbt', '[["$psbt","$psbt"]]'], ['joinpsbts', '[["$psbt0","$otherPsbt0"]]'], ['finalizepsbt', '["$psbt"]'], ['utxoupdatepsbt', '["$psbt"]'],
    ['descriptorprocesspsbt', '["$psbt",[]]'],
    ['createmultisig', `[1,["${KEY}"],"bech32"]`], ['createmultisig', `[1,["${UNCOMPRESSED_KEY}"],"bech32"]`],
  ])('%s %s gives what it declares', async (name, template = '[]') => {
    const genesis = bytesToHex(server.node.stored[0]!.raw);
    const params = template.replaceAll(/\$(\w+)/g, (_, key: string) => (key === 'genesis' ? genesis : values[key]!));
    const result = await call(name, params);
    const tried = server.dispatcher.method(name)!.results.map(doc => mismatches(result, doc));
    expect(tried.some(list => list.length === 0), tried.map(list => list.join('\n')).join('\n—\n')).toBe(true);
  }); // biome-ignore format: a table

  test('examples are calls that their declarations accept', () => {
    for (const method of server.dispatcher.methods()) {
      for (const example of method.examples) {
        bindArguments(method, parseJson(compactJson(example)) as readonly JsonValue[]);
      }
    }
  });

  test('help lists methods by category, without hidden ones', async () => {
    const text = (await call('help')) as string;
    const titles = text.split('\n').filter(line => line.startsWith('=='));
    expect(titles.join(' ')).toBe(
      '== Blockchain == == Control == == Mining == == Network == == Rawtransactions == == Util ==',
    );
    expect(text).toContain('\n\n== Control ==\ngetmemoryinfo ( "mode" )\n');
    expect(text).not.toContain('generatetoaddress');
    expect(text.endsWith('\n')).toBe(false);
    expect(await call('help', '["foo"]')).toBe('help: unknown command: foo');
  });

  test('getpeerinfo has the members that Core’s has, in its order', async () => {
    const [peer] = (await call('getpeerinfo')) as readonly ParsedObject[];
    expect(peer!.keys.join(' ')).toBe(PEER_KEYS);
    expect(compactJson(peer!.get('pingtime')!)).toBe('0.00125');
    expect(compactJson(peer!.get('bytessent_per_msg')!)).toBe('{"version":10}');
    expect(compactJson(peer!.get('lastsend')!)).toBe('1700000000');
  });

  test('getmempoolentry lists children in the order of their hashes, however they came (Core: GetChildren)', async () => {
    const outputs = 5;
    const share = 10_0000_0000;
    server.node.mine(2, ANYONE); // Now the coinbase of height 5 is mature.
    const { txid: coinbase } = server.node.stored[5]!.transactions[0]!;
    const parent = spending({ txid: coinbase, index: 0 }, Array(outputs).fill(share - 1000));
    await call('sendrawtransaction', `["${bytesToHex(parent.raw)}"]`);
    const children = Array.from({ length: outputs }, (_, index) =>
      spending({ txid: parent.txid, index }, [share - 3000 - index]),
    );
    for (const child of children) await call('sendrawtransaction', `["${bytesToHex(child.raw)}"]`);
    const entry = (await call('getmempoolentry', `["${hashToHex(parent.txid)}"]`)) as ParsedObject;
    const inWireOrder = children.map(({ txid }) => txid).sort();
    expect(inWireOrder, 'else this shows nothing').not.toEqual(children.map(({ txid }) => txid));
    expect(entry.get('spentby')).toEqual(inWireOrder.map(hashToHex));
  });

  test('fees are estimated from what was mined, and never below what the mempool takes', async () => {
    const [estimateSmart, estimateRaw] = ['estimatesmartfee', 'estimaterawfee'];
    const { fees } = server.node;
    const txid = (height: number, i: number) => hexToHash<Txid>(`${height}${i}`.padStart(64, '0'));
    fees.blockConnected(1_000, []);
    for (let height = 1_001; height <= 1_040; height += 1) {
      const entries = Array.from({ length: 9 }, (_, i) => ({
        tx: { txid: txid(height, i) },
        fee: 10,
        virtualSize: 200,
        entryHeight: height - 1,
      }));
      for (const entry of entries) fees.entered(entry, true);
      fees.blockConnected(height, entries);
    }
    const smart = (await call(estimateSmart, '[6,"CONSERVATIVE"]')) as ParsedObject;
    // 50 satoshi a kilobyte are less than what is relayed.
    expect(compactJson(smart)).toBe('{"feerate":0.00000100,"blocks":6}');
    const raw = (await call(estimateRaw, '[13,0.5]')) as ParsedObject;
    expect(raw.keys).toEqual(['medium', 'long']);
    expect(compactJson(raw.get('medium')!)).toMatch(
      /^\{"feerate":0\.00000050,"decay":0\.9952,"scale":2,"pass":\{"startrange":0,"endrange":1e\+99,"withintarget":[0-9.]+,/,
    );
    for (const name of [estimateSmart, estimateRaw])
      expect(
        server.dispatcher
          .method(name)!
          .results.map(doc => mismatches(name === estimateSmart ? smart : raw, doc)),
      ).toEqual([[]]);
    for (const target of [0, 1_009])
      await expect(call(estimateSmart, `[${target}]`)).rejects.toThrow(
        'Invalid conf_target, must be between 1 and 1008',
      );
    await expect(call(estimateSmart, '[6,"foo"]')).rejects.toThrow(
      'Invalid estimate_mode parameter, must be one of: \\"unset\\", \\"economical\\", \\"conservative\\"',
    );
    for (const threshold of [-0.1, 1.1])
      await expect(call(estimateRaw, `[6,${threshold}]`)).rejects.toThrow('Invalid threshold');
  });

  test('scantxoutset finds the unspent outputs of descriptors and tells whose they are', async () => {
    const { node } = server;
    const key = KEY;
    node.mine(1, hexToBytes(`21${key}ac`));
    const scan = async (objects: string) =>
      (await call('scantxoutset', `["start",${objects}]`)) as ParsedObject;
    const result = await scan(`["combo(${key})"]`);
    const [unspent] = result.get('unspents') as readonly ParsedObject[];
    expect(unspent!.keys.join(' ')).toBe(
      'txid vout scriptPubKey desc amount coinbase height blockhash confirmations',
    );
    expect(unspent!.get('desc')).toMatch(new RegExp(`^pk\\(\\[[0-9a-f]{8}\\]${key}\\)#`));
    expect(unspent!.get('blockhash')).toBe(hashToHex(node.stored.at(-1)!.header.hash));
    expect(compactJson(unspent!.get('confirmations')!)).toBe('1');
    expect(compactJson(result.get('txouts')!)).toBe(String(node.coins.size));
    expect(compactJson(result.get('total_amount')!)).toBe('50.00000000');
    expect(compactJson((await scan('[]')).get('unspents')!)).toBe('[]');
    await expect(call('scantxoutset', '["start"]')).rejects.toThrow('scanobjects argument is required');
    await expect(call('scantxoutset', '["x"]')).rejects.toThrow("Invalid action 'x'");
    await expect(scan('[{"desc":"raw(51)","range":-1}]')).rejects.toThrow('End of range is too high');
    await expect(scan('[7]')).rejects.toThrow('Scan object needs to be either a string or an object');
  });

  test.each([
    [`0,["${KEY}"]`, 'a multisignature address must require at least one key to redeem'],
    [`2,["${KEY}"]`, 'not enough keys supplied (got 1 keys, but need at least 2 to redeem)'],
    [
      `1,[${Array(21).fill(`"${KEY}"`)}]`,
      'Number of keys involved in the multisignature address creation > 20',
    ],
    [`16,[${Array(20).fill(`"${KEY}"`)}]`, 'redeemScript exceeds size limit: 684 > 520'],
    ['1,[""]', 'must be a hex string'],
    ['1,["02"]', 'must have a length of either 33 or 65 bytes'],
    [`1,["05${KEY.slice(2)}"]`, 'must be cryptographically valid.'],
    [`1,["${KEY}"],"bech32m"`, 'createmultisig cannot create bech32m multisig addresses'],
    [`1,["${KEY}"],"p2wsh"`, "Unknown address type 'p2wsh'"],
  ])('createmultisig %# tells what is wrong', async (params, message) => {
    await expect(call('createmultisig', `[${params}]`)).rejects.toThrow(message);
  });

  test('a wait ends with the block it waits for', async () => {
    const height = server.node.stored.length;
    const waiting = call('waitforblockheight', `[${height + 1}]`);
    const newer = call('waitfornewblock');
    await untilActive(server, 2);
    server.node.mine(1, ANYONE);
    expect(compactJson(await newer)).toContain(`"height":${height}`);
    server.node.mine(1, ANYONE);
    expect(compactJson(await waiting)).toContain(`"height":${height + 1}`);
  });

  test('long polling answers when the tip changes', async () => {
    const first = (await call('getblocktemplate', '[{"rules":["segwit"]}]')) as ParsedObject;
    const id = compactJson(first.get('longpollid')!);
    const polling = call('getblocktemplate', `[{"rules":["segwit"],"longpollid":${id}}]`);
    await untilActive(server, 1);
    const [tip] = server.node.mine(1, ANYONE);
    expect(((await polling) as ParsedObject).get('previousblockhash')).toBe(hashToHex(tip!));
  });

  test('the mock clock is set and unset', async () => {
    await call('setmocktime', '[1500000000]');
    expect(server.node.mockTime).toBe(1_500_000_000);
    await call('setmocktime', '[0]');
    expect(server.node.mockTime).toBeUndefined();
  });

  test('stop answers and starts to stop', async () => {
    expect(await call('stop', '{"wait":0}')).toBe('Bitcoin Core stopping');
    expect(server.node.isStopped).toBe(true);
  });

  describe('from the command line', () => {
    const run = (words: string, style: 'positional' | 'named' = 'positional') =>
      runRpcCommand(target, NODE_METHOD_DECLARATIONS, words.split(' '), style);

    test.each([
      ['getblockhash 0', 'positional', 0, '0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206\n', ''],
      ['echo 1 "a', 'positional', 0, '[\n  "1",\n  "\\"a"\n]\n', ''],
      ['echojson 1 {"a":[]}', 'positional', 0, '[\n  1,\n  {\n    "a": [\n    ]\n  }\n]\n', ''],
      ['ping', 'positional', 0, '', ''],
      ['echo arg1=x', 'named', 0, '[\n  null,\n  "x"\n]\n', ''],
      ['echo 5 arg2=a=b', 'named', 0, '[\n  "5",\n  null,\n  "a=b"\n]\n', ''],
      ['decodescript x=y', 'named', 8, '', "error code: -8\nerror message:\nargument must be hexadecimal string (not 'x=y')\n"],
      ['getblockhash x', 'positional', 1, '', 'error: Error parsing JSON: x\n'],
      ['getblockhash 99999', 'positional', 8, '', 'error code: -8\nerror message:\nBlock height out of range\n'],
      ['foo 1', 'positional', 89, '', 'error code: -32601\nerror message:\nMethod not found\n'],
    ] as const)('%s (%s)', async (words, style, code, stdout, stderr) => {
      expect(await run(words, style)).toEqual({ code, stdout, stderr });
    }); // biome-ignore format: a table

    test('credentials that are wrong or absent, and nobody there', async () => {
      const tell = async (over: Partial<RpcTarget>) =>
        (await runRpcCommand({ ...target, ...over }, [], ['uptime'], 'positional')).stderr;
      expect(await tell({ user: 'x', password: 'y' })).toBe(
        'error: Authorization failed: Incorrect rpcuser or rpcpassword were specified.\n',
      );
      expect(await tell({ cookieFile: '/nowhere/.cookie' })).toBe(
        'error: Authorization failed: Failed to read cookie file and no rpcpassword was specified.\n',
      );
      expect(await tell({ port: 1 })).toMatch(
        /^error: Error while attempting to communicate with server 127\.0\.0\.1:1 \(/,
      );
    });

    test('a wallet is part of the path', async () => {
      const { code } = await runRpcCommand(
        { ...target, wallet: 'a/b ü' },
        NODE_METHOD_DECLARATIONS,
        ['uptime'],
        'positional',
      );
      expect(code).toBe(0);
    });
  });
});

function spending(prevout: OutPoint, values: readonly number[]): Transaction {
  return createTransaction({
    version: 2,
    inputs: [{ prevout, scriptSig: EMPTY_BYTES, sequence: 0xffff_fffd, witness: [WITNESS_SCRIPT] }],
    outputs: values.map(value => ({ value, scriptPubKey: ANYONE })),
    lockTime: 0,
  });
}

function unsigned(tx: Transaction): Transaction {
  const inputs = tx.inputs.map(input => ({ ...input, scriptSig: EMPTY_BYTES, witness: [] }));
  return withInputs(tx, inputs);
}
