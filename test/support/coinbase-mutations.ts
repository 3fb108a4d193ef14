/** Changes of a block's coinbase, which no signature commits to: only rules can mind. */
import { concatBytes } from '../../src/base/bytes.ts';
import { createTransaction, type Transaction, type TxParts } from '../../src/wire/transaction.ts';
import { type Expected, type Mutation, rebuilt, type Subject } from './mutation.ts';

const LOCK_HEIGHT = 499_999_999;

export const COINBASE_MUTATORS: Readonly<Record<string, (subject: Subject) => Mutation | undefined>> = {
  'one satoshi too many': subject => changeCoinbaseValue(subject, 1, 'bad-cb-amount'),
  'one satoshi not taken': subject => changeCoinbaseValue(subject, -1, 'accepted'),
  'a byte more in the coinbase': lengthenCoinbase,
  'another version of the coinbase': subject =>
    withCoinbase(subject, ({ version }) => ({ version: version ^ 1 }), 'accepted'),
  'a lock in the coinbase': subject =>
    withCoinbase(
      subject,
      ({ inputs }) => ({
        lockTime: LOCK_HEIGHT,
        inputs: [{ ...inputs[0]!, sequence: 0 }],
      }),
      'bad-txns-nonfinal',
    ),
  'another height': subject => {
    const bip34 = subject.real.height >= subject.real.params.buried.bip34;
    return withCoinbase(
      subject,
      ({ inputs }) => ({
        inputs: [{ ...inputs[0]!, scriptSig: inputs[0]!.scriptSig.map((b, i) => (i === 1 ? b ^ 1 : b)) }],
      }),
      bip34 ? 'bad-cb-height' : 'accepted',
    );
  },
  'no coinbase': ({ real: { block, spent } }) => ({
    name: '',
    block: rebuilt(block, block.transactions.slice(1)),
    spent,
    changed: undefined,
    expected: block.transactions.length === 1 ? 'bad-blk-length' : 'bad-cb-missing',
  }),
};

function changeCoinbaseValue(subject: Subject, by: 1 | -1, expected: Expected): Mutation | undefined {
  return withCoinbase(
    subject,
    ({ outputs }) => ({
      outputs: outputs.with(0, { ...outputs[0]!, value: outputs[0]!.value + by }),
    }),
    expected,
  );
}

function lengthenCoinbase(subject: Subject): Mutation {
  const { scriptSig } = subject.real.block.transactions[0]!.inputs[0]!;
  return withCoinbase(
    subject,
    ({ inputs }) => ({
      inputs: [{ ...inputs[0]!, scriptSig: concatBytes(scriptSig, Uint8Array.of(0)) }],
    }),
    scriptSig.length === 100 ? 'bad-cb-length' : 'accepted',
  );
}

function withCoinbase(
  { real: { block, spent } }: Subject,
  change: (coinbase: Transaction) => Partial<TxParts>,
  expected: Expected,
): Mutation {
  const coinbase = block.transactions[0]!;
  const { version, inputs, outputs, lockTime } = coinbase;
  const changed = createTransaction({ version, inputs, outputs, lockTime, ...change(coinbase) });
  return {
    name: '',
    block: rebuilt(block, block.transactions.with(0, changed)),
    spent,
    changed: undefined,
    expected,
  };
}
