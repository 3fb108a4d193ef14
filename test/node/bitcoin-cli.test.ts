/**
 * Core's bitcoin-cli against our node, and the shape of all answers: the same members in the same order and of the same
 * types as those of a bitcoind that stands at the same chain, is our peer and has a wallet with the same history.
 */
import fs from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bitcoinCli, bitcoind, describeBitcoind } from '../support/bitcoind.ts';
import { everyPool, Sandbox, type SandboxNode, sameTip } from '../support/process.ts';

const TIP = 114;
/** `warnings`: a pre-release of Core warns of itself. */
const VOLATILE = new Set(['warnings', 'bytessent_per_msg', 'bytesrecv_per_msg']);
const METHOD_NOT_FOUND = '(-32601)';
const PASSPHRASE = 'open sesame';

/** What the calls below are about; each node has its own. */
interface Facts {
  readonly address: string;
  readonly descriptor: string;
  readonly blockHash: string;
  readonly minedTxid: string;
  readonly poolTxid: string;
  readonly rawTx: string;
  readonly peer: number;
  readonly coin: { readonly txid: string; readonly vout: number };
}

describeBitcoind('bitcoin-cli', () => {
  const sandbox = new Sandbox();
  let core: SandboxNode;
  let ours: SandboxNode;

  beforeAll(async () => {
    core = await bitcoind(sandbox, 'core', ['-whitelist=noban,in,out@127.0.0.1', '-v2transport=0']);
    ours = await sandbox.hearsay('ours', ['--connect=0', '--whitelist', 'noban,in,out@127.0.0.1']);
    for (const node of [core, ours]) {
      await node.start();
      await node.rpc('createwallet', 'w');
    }
    await ours.rpc('addnode', core.address, 'onetry');
    for (const node of [core, ours]) {
      await node.rpc('generatetoaddress', 5, await node.rpc('getnewaddress', 'mined'));
      await sameTip(core, ours);
    }
    await core.rpc('generatetoaddress', 101, await core.rpc('getnewaddress'));
    await sameTip(core, ours);
    for (const node of [core, ours]) {
      await node.rpc('sendtoaddress', await node.rpc('getnewaddress', 'label'), 1.5);
      await node.rpc('generatetoaddress', 1, await node.rpc('getnewaddress'));
      await sameTip(core, ours);
    }
    await ours.rpc('generatetoaddress', 1, await ours.rpc('getnewaddress'));
    await sameTip(core, ours);
    for (const node of [core, ours]) {
      const other = node === core ? ours : core;
      const txid = await node.rpc<string>('sendtoaddress', await other.rpc('getnewaddress', 'paid'), 0.25);
      await everyPool(txid, core, ours);
    }
  });
  afterAll(() => sandbox.close());

  test('answers have the shape of Core’s', async () => {
    const [theirs, mine] = [calls(await factsOf(core)), calls(await factsOf(ours))];
    const differences: string[] = [];
    const absent: string[] = [];
    for (const [i, call] of mine.entries()) {
      const got = await answer(ours, call);
      const want = await answer(core, theirs[i]!);
      if (got.includes(METHOD_NOT_FOUND)) absent.push(call[0]);
      else if (got !== want)
        differences.push(`${call.map(String).join(' ')}\n  Core: ${want}\n  ours: ${got}`);
    }
    expect(differences.join('\n')).toBe('');
    // Not a stub among them: what is absent says so.
    expect(absent.length).toBeLessThan(mine.length / 4);
  });

  test('calls with positional, named and piped arguments', async () => {
    const hash = await ours.rpc<string>('getbestblockhash');
    for (const [args, input, want] of [
      [['getbestblockhash'], '', hash],
      [['getblockhash', String(TIP)], '', hash],
      [['-named', 'getblockhash', `height=${TIP}`], '', hash],
      [['-stdin', 'getblockhash'], `${TIP}\n`, hash],
      [['-rpcwait', 'getblockcount'], '', String(TIP)],
      [['-rpcwallet=w', 'getbalance'], '', String(await ours.rpc('getbalance'))],
      [['-rpccookiefile=' + ours.cookieFile, 'getblockcount'], '', String(TIP)],
      [['-stdinrpcpass', '-rpcuser=__cookie__', 'getblockcount'], `${cookiePassword()}\n`, String(TIP)],
    ] as const) {
      const { code, stdout, stderr } = await bitcoinCli(ours, args, input);
      expect({ args, code, stdout, stderr }).toEqual({ args, code: 0, stdout: `${want}\n`, stderr: '' });
    }
    const info = await bitcoinCli(ours, ['getblockchaininfo']);
    expect(JSON.parse(info.stdout)).toEqual(await ours.rpc('getblockchaininfo'));
  });

  test('errors are told with the exit codes and words that Core’s node gets', async () => {
    for (const [args, input] of [
      [['getblockhash', '100000'], ''],
      [['nomethod'], ''],
      [['getblock', '00'], ''],
      [['-rpcwallet=nowallet', 'getbalance'], ''],
      [['-stdinrpcpass', '-rpcuser=x', 'getblockcount'], 'wrong\n'],
      [['-named', 'getblockhash', 'foo=1'], ''],
      [['-stdinwalletpassphrase', 'walletpassphrase', '1'], 'wrong\n'],
    ] as const) {
      const place = (node: SandboxNode, text: string) =>
        text.replaceAll(String(node.setup.rpcPort), 'PORT').replaceAll(node.setup.directory, 'DIRECTORY');
      const [theirs, mine] = [await bitcoinCli(core, args, input), await bitcoinCli(ours, args, input)];
      expect({ ...mine, stderr: place(ours, mine.stderr) }).toEqual({
        ...theirs,
        stderr: place(core, theirs.stderr),
      });
    }
  });

  test('its own screens: -getinfo, -netinfo, -addrinfo, -generate', async () => {
    const screen = async (node: SandboxNode, args: readonly string[]) => {
      const { code, stdout, stderr } = await bitcoinCli(node, args);
      expect({ node: node.name, args, code, stderr }).toEqual({ node: node.name, args, code: 0, stderr: '' });
      return stdout;
    };
    for (const args of [['-getinfo'], ['-netinfo'], ['-addrinfo']]) {
      const [theirs, mine] = [await screen(core, args), await screen(ours, args)];
      expect(labelsOf(mine), args[0]!).toEqual(labelsOf(theirs));
    }
    for (const level of ['1', '2', '3', '4']) {
      const [theirs, mine] = [
        await screen(core, ['-netinfo', level]),
        await screen(ours, ['-netinfo', level]),
      ];
      expect(mine).toContain('out manual');
      expect(theirs.includes('70017/Hearsay')).toBe(mine.includes('70017/Satoshi'));
    }
    const { blocks, address } = JSON.parse(await screen(ours, ['-rpcwallet=w', '-generate', '2'])) as {
      blocks: string[];
      address: string;
    };
    expect(blocks).toHaveLength(2);
    expect(await sameTip(core, ours)).toBe(blocks[1]);
    expect(await ours.rpc('getaddressinfo', address)).toMatchObject({ ismine: true });
  });

  test('a passphrase that only standard input knows', async () => {
    await ours.rpc('createwallet', 'locked', false, false, PASSPHRASE);
    const words = ['-rpcwallet=locked', '-stdinwalletpassphrase', 'walletpassphrase', '60'];
    expect(await bitcoinCli(ours, words, `${PASSPHRASE}\n`)).toEqual({ code: 0, stdout: '', stderr: '' });
    const { unlocked_until: until } = await ours.walletRpc<{ unlocked_until: number }>(
      'locked',
      'getwalletinfo',
    );
    expect(until).toBeGreaterThan(0);
    expect(await bitcoinCli(ours, ['stop'])).toEqual({
      code: 0,
      stdout: 'Bitcoin Core stopping\n',
      stderr: '',
    });
  });

  function cookiePassword(): string {
    return fs.readFileSync(ours.cookieFile, 'utf8').split(':')[1]!;
  }

  async function factsOf(node: SandboxNode): Promise<Facts> {
    const sent = await node.rpc<{ txid: string; confirmations: number }[]>('listtransactions', '*', 1000);
    const minedTxid = sent.find(tx => tx.confirmations > 0 && 'fee' in tx)!.txid;
    const { blockhash: blockHash } = await node.rpc<{ blockhash: string }>('gettransaction', minedTxid);
    const poolTxid = sent.find(tx => tx.confirmations === 0 && 'fee' in tx)!.txid;
    const [coin] = await node.rpc<{ txid: string; vout: number }[]>('listunspent');
    const address = await node.rpc<string>('getnewaddress');
    const to = await node.rpc<string>('getnewaddress');
    return {
      address,
      descriptor: (await node.rpc<{ desc: string }>('getaddressinfo', address)).desc,
      blockHash,
      minedTxid,
      poolTxid,
      rawTx: await node.rpc('createrawtransaction', [coin], [{ [to]: 0.001 }]),
      peer: (await node.rpc<{ id: number }[]>('getpeerinfo'))[0]!.id,
      coin: { txid: coin!.txid, vout: coin!.vout },
    };
  }
});

/** Calls of everything that is cheap and changes nothing that later calls tell of. */
function calls(facts: Facts): [string, ...unknown[]][] {
  const { address, descriptor, blockHash, minedTxid, poolTxid, rawTx, peer, coin } = facts;
  return [
    ['getbestblockhash'], ['getblock', blockHash], ['getblock', blockHash, 2], ['getblock', blockHash, 3], ['getblockchaininfo'], ['getblockcount'],
    ['getblockhash', 3], ['getblockheader', blockHash], ['getblockstats', TIP - 1], ['getchainstates'], ['getchaintips'], ['getchaintxstats'], ['getdeploymentinfo'], ['getdifficulty'],
    ['getmempoolancestors', poolTxid, true], ['getmempooldescendants', poolTxid, true], ['getmempoolentry', poolTxid], ['getmempoolinfo'], ['getrawmempool'], ['getrawmempool', false, true],
    ['gettxout', coin.txid, coin.vout], ['gettxout', poolTxid, 0], ['gettxoutproof', [minedTxid]], ['gettxoutsetinfo'], ['gettxspendingprevout', [coin]], ['scantxoutset', 'start', [descriptor]], ['verifychain'], ['waitforblockheight', 1], ['getblockfilter', blockHash],
    ['getmemoryinfo'], ['getrpcinfo'], ['logging'], ['uptime'], ['help', 'stop'], ['getzmqnotifications'],
    ['getblocktemplate', { rules: ['segwit'] }], ['getmininginfo'], ['getnetworkhashps'], ['getprioritisedtransactions'], ['prioritisetransaction', poolTxid, 0, 0],
    ['getaddednodeinfo'], ['getconnectioncount'], ['getnettotals'], ['getnetworkinfo'], ['getnodeaddresses', 0], ['getpeerinfo'], ['listbanned'], ['ping'], ['getaddrmaninfo'],
    ['createrawtransaction', [coin], [{ [address]: 1 }]], ['decoderawtransaction', rawTx], ['decodescript', '0014' + '11'.repeat(20)], ['getrawtransaction', minedTxid, 2, blockHash], ['getrawtransaction', poolTxid, 2], ['signrawtransactionwithwallet', rawTx], ['testmempoolaccept', [rawTx]], ['combinerawtransaction', [rawTx]],
    ['deriveaddresses', descriptor], ['estimatesmartfee', 6], ['getdescriptorinfo', descriptor], ['getindexinfo'], ['validateaddress', address], ['validateaddress', 'x'], ['createmultisig', 1, ['0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798']],
    ['getaddressinfo', address], ['getaddressesbylabel', 'label'], ['getbalance'], ['getbalances'], ['getreceivedbyaddress', address], ['getreceivedbylabel', 'label'], ['gettransaction', minedTxid], ['gettransaction', poolTxid], ['gettransaction', minedTxid, true, true], ['getwalletinfo'],
    ['listaddressgroupings'], ['listdescriptors'], ['listlabels'], ['listlockunspent'], ['listreceivedbyaddress'], ['listreceivedbylabel'], ['listsinceblock'], ['listtransactions'], ['listunspent'], ['listunspent', 0], ['listwalletdir'], ['listwallets'], ['lockunspent', false, [coin]], ['listlockunspent'], ['lockunspent', true],
    ['abandontransaction', poolTxid], ['rescanblockchain'], ['signmessage', address, 'x'], ['keypoolrefill', 30], ['getrawchangeaddress'], ['setlabel', address, 'l'], ['walletcreatefundedpsbt', [], [{ [address]: 1 }]], ['fundrawtransaction', rawTx], ['simulaterawtransaction', [rawTx]], ['upgradewallet'], ['getnewaddress'],  ['gethdkeys'],
    ['sendmany', '', { [address]: 0.01 }, 1, '', [], true, null, 'unset', null, true], ['sendtoaddress', address, 0.01, '', '', false, true, null, 'unset', null, null, true], ['bumpfee', poolTxid],
    ['disconnectnode', '', 4711], ['submitheader', '00'], ['savemempool'], ['setnetworkactive', true], ['addnode', '127.0.0.1:1', 'remove'], ['logging', [], []], ['mockscheduler', 1], ['setmocktime', 0], ['syncwithvalidationinterfacequeue'], ['getrpcinfo'], ['echo', 1, 'a'], ['sendmsgtopeer', peer, 'ping', '0000000000000000'],
    ['waitforblock', blockHash, 1], ['waitfornewblock', 1], ['echojson', 'a'], ['setban', '1.2.3.4', 'add'], ['listbanned'], ['clearbanned'], ['importdescriptors', [{ desc: descriptor, timestamp: 'now' }]], ['abortrescan'], ['setwalletflag', 'avoid_reuse'], ['generatetodescriptor', 0, descriptor], ['sendrawtransaction', '00'], ['submitblock', '00'], ['addpeeraddress', '1.2.3.4', 8333], ['getnodeaddresses', 0],
    ['createwallet', 'second'], ['listwallets'], ['getwalletinfo'], ['unloadwallet', 'second'], ['loadwallet', 'second'], ['loadwallet', 'second'], ['unloadwallet', 'second'], ['unloadwallet', 'second'], ['encryptwallet', PASSPHRASE], ['getwalletinfo'], ['walletpassphrase', PASSPHRASE, 100], ['getwalletinfo'], ['walletpassphrasechange', PASSPHRASE, PASSPHRASE], ['walletlock'], ['sendtoaddress', address, 1],
  ]; // biome-ignore format: a table
}

/** The answer's shape as text, or the error's first line. */
async function answer(
  node: SandboxNode,
  [method, ...params]: readonly [string, ...unknown[]],
): Promise<string> {
  try {
    return JSON.stringify(shapeOf(await node.rpc(method, ...params)));
  } catch (error) {
    return (error as Error).message.split('\n')[0]!;
  }
}

/** Names and types; of the items of an array all that any has. What a name tells is left out, and what others sent. */
function shapeOf(value: unknown): unknown {
  if (value === null) return null;
  if (typeof value !== 'object') return typeof value;
  if (Array.isArray(value)) return value.length === 0 ? [] : [value.map(shapeOf).reduce(merged)];
  const members = Object.entries(value).filter(([name]) => !VOLATILE.has(name));
  return Object.fromEntries(
    members.map(([name, member]) => [/^[0-9a-f]{64}$|^bcrt1/.test(name) ? '…' : name, shapeOf(member)]),
  );
}

/** Members of either, by name: lists hold items with and without what is optional. */
function merged(one: unknown, other: unknown): unknown {
  if (Array.isArray(one) && Array.isArray(other)) {
    const items = [...one, ...other];
    return items.length === 0 ? [] : [items.reduce(merged)];
  }
  if (!isObject(one) || !isObject(other)) return one;
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
  return Object.fromEntries(
    names.map(name => [
      name,
      name in one && name in other ? merged(one[name], other[name]) : (one[name] ?? other[name]),
    ]),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What stands before the colons of a screen. */
function labelsOf(screen: string): string[] {
  return [...screen.matchAll(/^\W*([A-Za-z][\w .]*?)"?:/gm)].map(match => match[1]!);
}
