import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { acquireLock } from '../../../src/store/lock-file.ts';

const root = mkdtempSync(join(tmpdir(), 'lock-file-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(root, 'x-'));
  path = join(folder, '.lock');
});

test('is held by one, until released', () => {
  const lock = acquireLock(path);
  expect(() => acquireLock(path)).toThrow(expect.objectContaining({ code: 'locked' }));
  lock.release();
  expect(readdirSync(folder)).toEqual([]);
  acquireLock(path).release();
});

test('of a process that has ended keeps nobody out', () => {
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  const lock = acquireLock(path);
  lock.release();
  writeFileSync(path, `${pid} 12345 0\n`);
  acquireLock(path).release();
  expect(readdirSync(folder)).toEqual([]);
});

test('with the id of a living process that is another one keeps nobody out', () => {
  writeFileSync(path, `${process.pid} 1 0\n`);
  acquireLock(path).release();
});

test('that was copied with its folder locks nothing', () => {
  const lock = acquireLock(path);
  const copy = join(folder, 'copy');
  copyFileSync(path, copy);
  acquireLock(copy).release();
  lock.release();
});

test('of somebody else stays when released twice', () => {
  const first = acquireLock(path);
  first.release();
  const second = acquireLock(path);
  first.release();
  expect(existsSync(path)).toBe(true);
  second.release();
});

test.each(['', 'garbage', '-1 0 0'])('with the content %j is taken over', content => {
  writeFileSync(path, content);
  acquireLock(path).release();
});

test('in a folder that is not there is an error of the disk', () => {
  expect(() => acquireLock(join(folder, 'no', '.lock'))).toThrow(expect.objectContaining({ code: 'io' }));
});
