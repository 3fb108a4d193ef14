/**
 * Who may call (Core: httprpc.cpp, rpc/request.cpp): a cookie file that only this process's user can read, a configured
 * name and password, or names with salted hashes (`rpcauth`); and what each may call (`rpcwhitelist`).
 *
 * Passwords are kept as salted HMACs and compared in constant time; neither they nor the cookie reach the log.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmodSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Log } from '../base/log.ts';

const COOKIE_USER = '__cookie__';
const COOKIE_FILE = '.cookie';
/** Bytes of entropy in a cookie. */
const COOKIE_BYTES = 32;
const SALT_BYTES = 16;
const COOKIE_MODES = { owner: 0o600, group: 0o640, all: 0o644 } as const;

export interface AuthOptions {
  /** Where a relative cookie path starts: the chain's folder in the data directory. */
  readonly directory: string;
  /** `-rpccookiefile`; null with `-norpccookiefile`. */
  readonly cookieFile?: string | null;
  /** `-rpccookieperms`. */
  readonly cookiePerms?: string;
  readonly user?: string;
  /** Not empty: takes the cookie's place. */
  readonly password?: string;
  /** `-rpcauth`: `user:salt$hmac`. */
  readonly rpcAuth?: readonly string[];
  /** `-rpcwhitelist`: `user:method,method`. */
  readonly whitelist?: readonly string[];
  /** `-rpcwhitelistdefault`: users without a list may call nothing; true if any list is given. */
  readonly whitelistDefault?: boolean;
}

interface Credential {
  readonly user: string;
  readonly salt: string;
  /** Hexadecimal HMAC-SHA256 of the password, keyed by the salt's text. */
  readonly hmac: string;
}

/** The options contradict themselves or the cookie cannot be written; the message is for the log. */
export class AuthSetupError extends Error {
  override readonly name = 'AuthSetupError';
}

/** Where the cookie of these options lies; undefined when there is none. */
export function cookiePath(options: Pick<AuthOptions, 'directory' | 'cookieFile'>): string | undefined {
  if (options.cookieFile === null || options.cookieFile === '') return undefined;
  return resolve(options.directory, options.cookieFile ?? COOKIE_FILE);
}

export class RpcAuth {
  readonly #credentials: Credential[] = [];
  readonly #whitelists = new Map<string, ReadonlySet<string>>();
  readonly #whitelistDefault: boolean;
  /** The cookie that this process wrote, and so removes. */
  #cookie: string | undefined;
  /** The header that was accepted last: checking it again is one comparison instead of an HMAC. */
  #accepted: { readonly header: Buffer; readonly user: string } | undefined;

  /** Writes the cookie where one is wanted. Throws AuthSetupError. */
  constructor(options: AuthOptions, log: Log) {
    if (options.password) {
      log.info('Using rpcuser/rpcpassword authentication.');
      log.warn(
        'rpcuser and rpcpassword stand in plain text in the configuration; the cookie or rpcauth is safer.',
      );
      this.#addPassword(options.user ?? '', options.password);
    } else this.#writeCookie(options, log);
    if (options.rpcAuth?.length) log.info('Using rpcauth authentication.');
    for (const entry of options.rpcAuth ?? []) this.#credentials.push(parseRpcAuth(entry));
    const lists = options.whitelist ?? [];
    this.#whitelistDefault = options.whitelistDefault ?? lists.length > 0;
    for (const entry of lists) this.#addWhitelist(entry);
  }

  /** The user's name if `header` (Authorization) is good. */
  authorize(header: string): string | undefined {
    const bytes = Buffer.from(header, 'latin1');
    const last = this.#accepted;
    if (last !== undefined && bytes.length === last.header.length && timingSafeEqual(bytes, last.header)) {
      return last.user;
    }
    const given = parseBasic(header);
    if (given === undefined) return undefined;
    const accepted = this.#credentials.some(
      ({ user, salt, hmac }) =>
        equalInConstantTime(user, given.user) && equalInConstantTime(hmac, hmacOf(salt, given.password)),
    );
    if (!accepted) return undefined;
    const user = given.user.toString('utf8');
    this.#accepted = { header: bytes, user };
    return user;
  }

  mayCallAny(user: string): boolean {
    return this.#whitelists.has(user) || !this.#whitelistDefault;
  }

  mayCall(user: string, method: string): boolean {
    const list = this.#whitelists.get(user);
    return list === undefined ? !this.#whitelistDefault : list.has(method);
  }

  /** Removes the cookie, if this process wrote it. */
  close(log: Log): void {
    if (this.#cookie === undefined) return;
    try {
      rmSync(this.#cookie, { force: true });
    } catch (error) {
      log.warn(`Unable to remove random auth cookie file ${this.#cookie}: ${(error as Error).message}`);
    }
    this.#cookie = undefined;
  }

  #addPassword(user: string, password: string): void {
    const salt = randomBytes(SALT_BYTES).toString('hex');
    this.#credentials.push({ user, salt, hmac: hmacOf(salt, Buffer.from(password, 'utf8')) });
  }

  #writeCookie(options: AuthOptions, log: Log): void {
    const perms = options.cookiePerms;
    if (perms !== undefined && !Object.hasOwn(COOKIE_MODES, perms)) {
      throw new AuthSetupError(
        `Invalid -rpccookieperms=${perms}; must be one of 'owner', 'group', or 'all'.`,
      );
    }
    const path = cookiePath(options);
    if (path === undefined) {
      log.info('RPC authentication cookie file generation is disabled.');
      return;
    }
    const password = randomBytes(COOKIE_BYTES).toString('hex');
    const temporary = `${path}.tmp`;
    try {
      // Whoever reads the cookie sees all of it or none: the name appears by rename.
      rmSync(temporary, { force: true });
      writeFileSync(temporary, `${COOKIE_USER}:${password}`, { mode: COOKIE_MODES.owner, flag: 'wx' });
      renameSync(temporary, path);
      if (perms !== undefined) chmodSync(path, COOKIE_MODES[perms as keyof typeof COOKIE_MODES]);
    } catch (error) {
      throw new AuthSetupError(
        `Unable to write cookie authentication file ${path}: ${(error as Error).message}`,
      );
    }
    this.#cookie = path;
    log.info(`Generated RPC authentication cookie ${path}`);
    log.info(`Permissions used for cookie: ${symbolicMode(statSync(path).mode)}`);
    log.info('Using random cookie authentication.');
    this.#addPassword(COOKIE_USER, password);
  }

  #addWhitelist(entry: string): void {
    const colon = entry.indexOf(':');
    const user = colon < 0 ? entry : entry.slice(0, colon);
    const earlier = this.#whitelists.get(user);
    let methods = new Set<string>(earlier ?? []);
    if (colon >= 0) {
      const listed = entry.slice(colon + 1).split(/[, ]/);
      methods = new Set(earlier === undefined ? listed : listed.filter(method => earlier.has(method)));
    }
    this.#whitelists.set(user, methods);
  }
}

function parseRpcAuth(entry: string): Credential {
  const fields = entry.split(':');
  const parts = fields.at(-1)!.split('$');
  if (fields.length !== 2 || parts.length !== 2) throw new AuthSetupError('Invalid -rpcauth argument.');
  return { user: fields[0]!, salt: parts[0]!, hmac: parts[1]! };
}

function parseBasic(header: string): { readonly user: Buffer; readonly password: Buffer } | undefined {
  if (!header.startsWith('Basic ')) return undefined;
  const encoded = header.slice(6).trim();
  if (encoded.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) return undefined;
  const decoded = Buffer.from(encoded, 'base64');
  const colon = decoded.indexOf(0x3a);
  if (colon < 0) return undefined;
  return { user: decoded.subarray(0, colon), password: decoded.subarray(colon + 1) };
}

function hmacOf(salt: string, password: Buffer): string {
  return createHmac('sha256', salt).update(password).digest('hex');
}

function equalInConstantTime(expected: string, given: Buffer | string): boolean {
  const a = Buffer.from(expected, 'utf8');
  const b = typeof given === 'string' ? Buffer.from(given, 'utf8') : given;
  return a.length === b.length && timingSafeEqual(a, b);
}

/** As `ls -l` shows permissions. */
function symbolicMode(mode: number): string {
  return Array.from('rwxrwxrwx', (letter, i) => (mode & (0o400 >> i) ? letter : '-')).join('');
}
