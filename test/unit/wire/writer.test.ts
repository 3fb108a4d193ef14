import { expect, test } from 'vitest';
import { bytesToHex } from '../../../src/base/bytes.ts';
import { Writer } from '../../../src/wire/codec.ts';

// Every method once at the edge of a full buffer, where it must write into the larger one.
const writes: readonly [string, (w: Writer) => void, string][] = [
  ['u8', w => w.u8(1), '01'],
  ['u16', w => w.u16(0x0102), '0201'],
  ['u16BE', w => w.u16BE(0x0102), '0102'],
  ['u32', w => w.u32(0x01020304), '04030201'],
  ['i32', w => w.i32(-2), 'feffffff'],
  ['u64', w => w.u64(1n), '0100000000000000'],
  ['i64', w => w.i64(-1n), 'ffffffffffffffff'],
  ['compactSize', w => w.compactSize(0x1234), 'fd3412'],
  ['put', w => w.put(Uint8Array.of(7, 8)), '0708'],
];

test.each(writes)('%s grows the buffer', (_, write, hex) => {
  for (const capacity of [0, 1, 3]) {
    const w = new Writer(capacity);
    for (let i = 0; i < capacity; i += 1) w.u8(0xaa);
    write(w);
    expect(bytesToHex(w.finish())).toBe('aa'.repeat(capacity) + hex);
  }
});
