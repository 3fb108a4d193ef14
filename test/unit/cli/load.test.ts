/** What V8 wrote of a bundle is used where it belongs to it, and nowhere else: bin/load.js on a bundle of one function. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const HASH_BYTES = 32;
let root = '';

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'hearsay-test-'));
  fs.mkdirSync(path.join(root, 'bin'));
  fs.mkdirSync(path.join(root, 'dist/bundle'), { recursive: true });
  fs.writeFileSync(path.join(root, 'package.json'), '{"type":"module"}');
  for (const name of ['load.js', 'package.json'])
    fs.copyFileSync(new URL(`../../../bin/${name}`, import.meta.url), path.join(root, 'bin', name));
  writeBundle(42);
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const bundle = () => path.join(root, 'dist/bundle/part.js');
const cache = () => `${bundle()}.cache`;

/** Always as long: V8 itself tells two sources apart by their length only. */
function writeBundle(answer: number): string {
  const source = `(function (exports, require) {exports.answer = () => ${answer};\n})`;
  fs.writeFileSync(bundle(), source);
  return source;
}

function run(statement: string, ...flags: readonly string[]): string {
  const code = `import { load, writeCaches } from './bin/load.js';\n${statement}`;
  const args = [...flags, '--input-type=module', '--eval', code];
  return execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', stdio: 'pipe' });
}

const ask = (...flags: readonly string[]) => run("console.log(load('part.js').answer())", ...flags).trim();
const remember = () => run("load('part.js').answer(); writeCaches()");

test('without a cache', () => expect(ask()).toBe('42'));

test('with one, that is what runs', () => {
  remember();
  // No build does this: another source, said to be what the cache was made from.
  const source = writeBundle(43);
  const data = fs.readFileSync(cache()).subarray(HASH_BYTES);
  const digest = createHash('sha256').update(source).update(data).digest();
  fs.writeFileSync(cache(), Buffer.concat([digest, data]));
  expect(ask()).toBe('42');
});

test('another source', () => {
  remember();
  writeBundle(43);
  expect(ask()).toBe('43');
});

test.each(['a byte flipped', 'cut short', 'empty'])('a cache damaged: %s', damage => {
  remember();
  const bytes = fs.readFileSync(cache());
  bytes[bytes.length >> 1]! ^= 1;
  fs.writeFileSync(cache(), damage === 'empty' ? '' : damage === 'cut short' ? bytes.subarray(0, 40) : bytes);
  expect(ask()).toBe('42');
});

test('other flags of V8', () => {
  remember();
  expect(ask('--no-lazy')).toBe('42');
});

test('a bundle that is not there is told', () => {
  expect(() => run("load('nothing.js')")).toThrow('Hearsay is not built yet');
});
