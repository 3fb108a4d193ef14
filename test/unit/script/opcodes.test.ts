import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesToHex, concatBytes, hexToBytes } from '../../../src/base/bytes.ts';
import {
  isMinimalPush,
  isPushOnly,
  isUnspendable,
  MALFORMED,
  OPCODES,
  opcodeName,
  parseScript,
  pushData,
  pushNumber,
  SCRIPT_BYTES_MAX,
  scriptToAsm,
} from '../../../src/script/opcodes.ts';
import { describeShared, readSharedJson } from '../../support/shared.ts';

const SIGNATURE =
  '304402207515cf147d201f411092e6be5a64a6006f9308fad7b2a8fdaab22cd86ce764c202200974b8aca7bf51dbf54150d3884e1ae04f675637b926ec33bf75939446f6ca28';
const KEY = '02359c6e3f04cefbf089cf1d6670dc47c3fb4df68e2bad1fa5a369f9ce4b42bbd1';

test.each([
  [0x00, '0'],
  [0x4c, 'OP_PUSHDATA1'],
  [0x4f, '-1'],
  [0x50, 'OP_RESERVED'],
  [0x51, '1'],
  [0x60, '16'],
  [0xac, 'OP_CHECKSIG'],
  [0xb1, 'OP_CHECKLOCKTIMEVERIFY'],
  [0xba, 'OP_CHECKSIGADD'],
  [0xbb, 'OP_UNKNOWN'],
  [0x05, 'OP_UNKNOWN'],
  [0xff, 'OP_INVALIDOPCODE'],
])('opcode %i is %s', (opcode, name) => {
  expect(opcodeName(opcode)).toBe(name);
});

describe('asm', () => {
  test.each([
    ['', 'scriptPubKey', ''],
    ['00', 'scriptPubKey', '0'],
    ['0181', 'scriptPubKey', '-1'],
    ['04ffffff7f', 'scriptPubKey', '2147483647'],
    ['04ffffffff', 'scriptPubKey', '-2147483647'],
    ['05ffffffff7f', 'scriptPubKey', 'ffffffff7f'],
    ['4f51', 'scriptPubKey', '-1 1'],
    ['b1', 'scriptPubKey', 'OP_CHECKLOCKTIMEVERIFY'],
    ['51024e73', 'scriptPubKey', '1 29518'],
    ['510201', 'scriptPubKey', '1 [error]'],
    ['4c', 'scriptPubKey', '[error]'],
    ['4d0500aa', 'scriptPubKey', '[error]'],
    [`47${SIGNATURE}01`, 'scriptPubKey', `${SIGNATURE}01`],
    [`47${SIGNATURE}01`, 'scriptSig', `${SIGNATURE}[ALL]`],
    [`47${SIGNATURE}8221${KEY}`, 'scriptSig', `${SIGNATURE}[NONE|ANYONECANPAY] ${KEY}`],
    [`47${SIGNATURE}83`, 'scriptSig', `${SIGNATURE}[SINGLE|ANYONECANPAY]`],
    // Not a defined hash type, or data of an output that nobody spends.
    [`47${SIGNATURE}04`, 'scriptSig', `${SIGNATURE}04`],
    [`6a47${SIGNATURE}01`, 'scriptSig', `OP_RETURN ${SIGNATURE}01`],
  ] as const)('%s as %s', (hex, kind, asm) => {
    expect(scriptToAsm(hexToBytes(hex), kind)).toBe(asm);
  });
});

describeShared('asm of rpc_decodescript.json', () => {
  test('every row', () => {
    const rows = readSharedJson<[string, { asm: string }][]>('vectors/core/rpc_decodescript.json');
    expect(rows.length).toBeGreaterThan(5);
    for (const [hex, { asm }] of rows) expect(scriptToAsm(hexToBytes(hex))).toBe(asm);
  });
});

describe('parsing', () => {
  test('positions, data and views', () => {
    const script = hexToBytes('5102aabb4c01ccac');
    const parsed = [...parseScript(script)].map(({ opcode, data, position, next }) => [
      opcode,
      data && bytesToHex(data),
      position,
      next,
    ]);
    expect(parsed).toEqual([
      [0x51, undefined, 0, 1],
      [0x02, 'aabb', 1, 4],
      [0x4c, 'cc', 4, 7],
      [0xac, undefined, 7, 8],
    ]);
  });

  test.each(['01', '4b00', '4c', '4c02aa', '4d01', '4d0200aa', '4e010000', '4effffffff00'])(
    '%s ends inside an instruction',
    hex => {
      const script = hexToBytes(`51${hex}`);
      const last = [...parseScript(script)].at(-1);
      expect(last).toEqual({ opcode: MALFORMED, data: undefined, position: 1, next: script.length });
      expect(isPushOnly(script)).toBe(false);
    },
  );

  test('instructions cover any script without gap or overlap', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), script => {
        let at = 0;
        for (const { position, next } of parseScript(script)) {
          expect(position).toBe(at);
          expect(next).toBeGreaterThan(position);
          at = next;
        }
        expect(at).toBe(script.length);
      }),
    );
  });
});

describe('pushing', () => {
  test.each([
    [0, '00'],
    [75, '4b'],
    [76, '4c4c'],
    [255, '4cff'],
    [256, '4d0001'],
    [65_535, '4dffff'],
    [65_536, '4e00000100'],
  ])('%i bytes', (length, head) => {
    const data = new Uint8Array(length).fill(0x42);
    const push = pushData(data);
    expect(bytesToHex(push.subarray(0, head.length / 2))).toBe(head);
    const [only, ...rest] = parseScript(push);
    expect(rest).toEqual([]);
    expect(only?.data?.length).toBe(length);
    expect(isMinimalPush(only!.opcode, data)).toBe(true);
  });

  test.each([
    [0, '00'],
    [-1, '4f'],
    [1, '51'],
    [16, '60'],
    [17, '0111'],
    [-2, '0182'],
    [128, '028000'],
    [500_000_000, '040065cd1d'],
    [0xffff_ffff, '05ffffffff00'],
  ])('the number %i', (value, hex) => {
    expect(bytesToHex(pushNumber(value))).toBe(hex);
  });

  test.each([
    [OPCODES.OP_0, '', true],
    [OPCODES.OP_PUSHDATA1, '', false],
    [1, '00', true],
    [1, '01', false],
    [1, '10', false],
    [1, '11', true],
    [1, '81', false],
    [OPCODES.OP_PUSHDATA1, '2222', false],
    [OPCODES.OP_PUSHDATA2, '42'.repeat(255), false],
    [OPCODES.OP_PUSHDATA4, '42'.repeat(256), false],
  ])('opcode %i with %s', (opcode, hex, minimal) => {
    expect(isMinimalPush(opcode, hexToBytes(hex))).toBe(minimal);
  });
});

test('push-only takes OP_RESERVED for a push, as Core does', () => {
  expect(isPushOnly(hexToBytes('00505102aabb4f60'))).toBe(true);
  expect(isPushOnly(hexToBytes('61'))).toBe(false);
  expect(isPushOnly(hexToBytes('6a51'), 1)).toBe(true);
});

test('unspendable are OP_RETURN and what is too long to run', () => {
  expect(isUnspendable(hexToBytes('6a'))).toBe(true);
  expect(isUnspendable(hexToBytes('516a'))).toBe(false);
  expect(isUnspendable(new Uint8Array())).toBe(false);
  const longest = new Uint8Array(SCRIPT_BYTES_MAX).fill(0x51);
  expect(isUnspendable(longest)).toBe(false);
  expect(isUnspendable(concatBytes(longest, longest))).toBe(true);
});
