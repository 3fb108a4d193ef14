import { createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SILENT_LOG } from '../../../src/base/log.ts';
import { type AuthOptions, AuthSetupError, RpcAuth } from '../../../src/rpc/auth.ts';

describe('authentication', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'hearsay-auth-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const open = (options: Partial<AuthOptions> = {}) => new RpcAuth({ directory, ...options }, SILENT_LOG);
  const basic = (credentials: string) => `Basic ${Buffer.from(credentials).toString('base64')}`;
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

  test('a cookie appears whole, for the user only, and goes with its writer', () => {
    const auth = open();
    const path = join(directory, '.cookie');
    const cookie = readFileSync(path, 'utf8');
    expect(cookie).toMatch(/^__cookie__:[0-9a-f]{64}$/);
    expect(mode(path)).toBe('600');
    expect(readdirSync(directory)).toEqual(['.cookie']);
    expect(auth.authorize(basic(cookie))).toBe('__cookie__');
    expect(auth.authorize(basic(cookie))).toBe('__cookie__');
    expect(auth.authorize(basic(`${cookie.slice(0, -1)}x`))).toBeUndefined();
    auth.close(SILENT_LOG);
    expect(existsSync(path)).toBe(false);
  });

  test('permissions, name and absence of the cookie', () => {
    open({ cookiePerms: 'group', cookieFile: 'mine' });
    expect(mode(join(directory, 'mine'))).toBe('640');
    open({ cookiePerms: 'all' });
    expect(mode(join(directory, '.cookie'))).toBe('644');
    rmSync(join(directory, '.cookie'));
    open({ cookieFile: null });
    expect(existsSync(join(directory, '.cookie'))).toBe(false);
    expect(() => open({ cookiePerms: 'none' })).toThrow(AuthSetupError);
    expect(() => open({ cookieFile: 'absent/cookie' })).toThrow(AuthSetupError);
  });

  test('a password takes the place of the cookie and leaves another one’s alone', () => {
    writeFileSync(join(directory, '.cookie'), 'other');
    const auth = open({ user: 'ü', password: 'pä:ss' });
    expect(auth.authorize(basic('ü:pä:ss'))).toBe('ü');
    expect(auth.authorize(basic('ü:pä'))).toBeUndefined();
    auth.close(SILENT_LOG);
    expect(readFileSync(join(directory, '.cookie'), 'utf8')).toBe('other');
  });

  test('rpcauth', () => {
    const line = (user: string, password: string) =>
      `${user}:salt$${createHmac('sha256', 'salt').update(password).digest('hex')}`;
    const auth = open({ rpcAuth: [line('a', 'one'), line('b', 'two'), line('b', 'three')] });
    for (const good of ['a:one', 'b:two', 'b:three']) expect(auth.authorize(basic(good))).toBe(good[0]);
    for (const bad of ['a:two', 'c:one', 'a', ':', 'a:one '])
      expect(auth.authorize(basic(bad))).toBeUndefined();
    for (const header of ['', 'Basic', 'Basic !!!!', 'Bearer x', basic('a:one').toLowerCase()])
      expect(auth.authorize(header)).toBeUndefined();
    for (const wrong of ['foo', 'foo:bar', 'foo:bar:baz', 'foo:bar$baz$qux', 'foo$bar:baz'])
      expect(() => open({ rpcAuth: [wrong] })).toThrow('Invalid -rpcauth argument.');
  });

  // Core: test/functional/rpc_whitelist.py
  test.each([
    [['u:getblockcount,help'], undefined, 'u', ['getblockcount', 'help'], true],
    [['u:getblockcount, help'], undefined, 'u', ['getblockcount', 'help'], true],
    [['u:a,b', 'u:b,c'], undefined, 'u', ['b'], true],
    [['u:'], undefined, 'u', [], true],
    [['u'], undefined, 'u', [], true],
    [['u:a'], undefined, 'v', [], false],
    [['u:a'], false, 'v', ['a', 'b', 'c', 'help', 'getblockcount'], true],
    [[], undefined, 'v', ['a', 'b', 'c', 'help', 'getblockcount'], true],
    [[], true, 'v', [], false],
  ] as const)('whitelist %j, default %s: %s may call %j', (whitelist, byDefault, user, allowed, any) => {
    const auth = open({ whitelist, ...(byDefault !== undefined && { whitelistDefault: byDefault }) });
    const methods = ['a', 'b', 'c', 'help', 'getblockcount'];
    expect(methods.filter(method => auth.mayCall(user, method)).sort()).toEqual([...allowed].sort());
    expect(auth.mayCallAny(user)).toBe(any);
  });
});
