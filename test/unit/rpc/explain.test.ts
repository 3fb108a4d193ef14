/** What `explaintransaction` says of transactions that are valid, refused by policy, by consensus, and by where they are. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bytesToHex, hashToHex } from '../../../src/base/bytes.ts';
import type { JsonOut } from '../../../src/rpc/json.ts';
import { wrapInWitnessScriptHash } from '../../../src/script/templates.ts';
import type { Transaction } from '../../../src/wire/transaction.ts';
import { input, output, transaction, UNKNOWN_TXID } from '../../support/block-scene.ts';
import { httpCall, startTestServer, type TestServer } from '../../support/rpc-server.ts';
import { scriptFromText } from '../../support/script-text.ts';

const SCRIPT = scriptFromText('IF 1 ELSE 0 ENDIF');
const PROGRAM = wrapInWitnessScriptHash(SCRIPT);
const VALUE = 50_0000_0000;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  server.node.mine(102, PROGRAM);
});
afterAll(() => server.stop());

interface Reply {
  readonly result?: Readonly<Record<string, unknown>> & { readonly explanation: string };
  readonly error?: { readonly code: number; readonly message: string };
}

async function explain(...params: readonly JsonOut[]): Promise<Reply> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'explaintransaction', params });
  return JSON.parse((await httpCall(server.port, { credentials: server.credentials, body })).body) as Reply;
}

/** Spends the coinbase of block 1. */
function spending(condition: number, value = VALUE - 1_000): Transaction {
  const txid = server.node.stored[1]!.transactions[0]!.txid;
  const witness = [Uint8Array.of(condition), SCRIPT];
  return transaction({ inputs: [input({ txid, index: 0 }, { witness })], outputs: [output(value, PROGRAM)] });
}

const hexOf = (tx: Transaction) => bytesToHex(tx.raw);

test('valid', async () => {
  const tx = spending(1);
  expect((await explain(hexOf(tx))).result).toEqual({
    txid: hashToHex(tx.txid),
    wtxid: hashToHex(tx.wtxid),
    inputs: [],
    valid: true,
    explanation: 'Nothing is wrong with it.',
  });
});

test('refused by policy, at an opcode', async () => {
  const { result } = await explain(hexOf(spending(2)));
  expect(result).toMatchObject({
    valid: false,
    refused_by: 'policy',
    reason: 'mempool-script-verify-flag-failed (OP_IF/NOTIF argument must be minimal)',
    inputs: [
      {
        input: 0,
        refused_by: 'policy',
        error: 'MINIMALIF',
        flag: 'MINIMALIF',
        script: 'witnessScript',
        opcode: 'OP_IF',
        position: 0,
        instruction: 0,
        stack: ['02'],
        alt_stack: [],
      },
    ],
  });
  expect(result!.explanation).toBe(
    'Input 0 fails at OP_IF (instruction 0, byte 0) of its witnessScript: OP_IF/NOTIF argument must be minimal ' +
      '(MINIMALIF, the rule MINIMALIF). Only policy minds: a block may hold it. Stack, top last: <02>.',
  );
  expect((await explain(hexOf(spending(2)), null, 'consensus')).result).toMatchObject({ valid: true });
});

test('refused by consensus: a script, an amount, a form', async () => {
  expect((await explain(hexOf(spending(0)))).result).toMatchObject({
    valid: false,
    refused_by: 'consensus',
    inputs: [{ error: 'MINIMALIF', consensus_error: 'EVAL_FALSE' }],
  });
  expect((await explain(hexOf(spending(1, VALUE + 1)))).result).toMatchObject({
    refused_by: 'consensus',
    reason: 'bad-txns-in-belowout',
    details: 'value in (50.00) < value out (50.00000001)',
  });
  const twice = spending(1).inputs[0]!;
  const tx = transaction({ inputs: [twice, twice], outputs: [output(1)] });
  expect((await explain(hexOf(tx))).result).toMatchObject({ reason: 'bad-txns-inputs-duplicate' });
});

test('of unknown outputs, unless they are given', async () => {
  const tx = transaction({ inputs: [input({ txid: UNKNOWN_TXID, index: 7 })], outputs: [output(1)] });
  const { result } = await explain(hexOf(tx));
  expect(result).toMatchObject({
    valid: false,
    refused_by: 'consensus',
    reason: 'bad-txns-inputs-missingorspent',
  });
  expect(result!.explanation).toBe(
    `It spends what is neither in the chain nor in the mempool: ${hashToHex(UNKNOWN_TXID)}:7.`,
  );
  expect((await explain(hexOf(tx), [[5, '51']])).result).toMatchObject({ valid: true });
  expect((await explain(hexOf(tx), [[5, '']])).result).toMatchObject({
    inputs: [{ error: 'EVAL_FALSE', script: 'scriptPubKey', stack: [] }],
  });
});

test('only the mempool minds', async () => {
  const tx = spending(1, VALUE);
  expect((await explain(hexOf(tx))).result).toMatchObject({
    valid: false,
    refused_by: 'policy',
    reason: 'min relay fee not met',
    inputs: [],
    explanation: expect.stringMatching(
      /^Its scripts are valid, and a block may hold it; this node's mempool does not/,
    ),
  });
});

test.each<[string, readonly JsonOut[], number, string]>([
  ['no transaction', ['00'], -22, 'TX decode failed'],
  ['a flag that does not exist', ['$', null, 'P2SHH'], -8, 'Unknown script flag "P2SHH"'],
  ['too few prevouts', ['$', []], -8, '1 prevouts are needed, one an input'],
  ['a prevout without script', ['$', [[5]]], -8, "scriptPubKey must be hexadecimal string (not '')"],
])('%s', async (_name, params, code, message) => {
  const given = params.map(each => (each === '$' ? hexOf(spending(1)) : each));
  expect((await explain(...given)).error).toEqual({ code, message });
});
