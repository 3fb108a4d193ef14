/**
 * What is said to Tor on its control port, so that it makes an onion service that leads to us (Core: TorController in
 * src/torcontrol.cpp): replies in, actions out, for one connection. First who we are: by a password when there is one,
 * without anything where Tor asks for nothing, or by a cookie that only its friends can read and that is never sent. Then
 * where its SOCKS proxy is, and then the service. Password, cookie and keys are in no line of the log.
 */
import { bytesToHex, concatBytes, equalBytes, hexToBytes, isHex, textToBytes } from '../base/bytes.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { hmacSha256 } from '../crypto/hashes.ts';
import { parseReplyPairs, quoted, splitReplyLine, type TorReply } from './tor-reply.ts';

/** Codes of replies (control-spec, 4). */
const CODE = { ok: 250, unrecognized: 510, syntaxError: 512 } as const;
/** From here on they answer nothing: Tor tells what happens. */
const ASYNC_CODE_MIN = 600;
export const COOKIE_BYTES = 32;
const NONCE_BYTES = 32;
/** Keys of the hashes by which both sides show that they know the cookie (control-spec, 3.24). */
const SERVER_HASH_KEY = textToBytes('Tor safe cookie authentication server-to-controller hash');
const CLIENT_HASH_KEY = textToBytes('Tor safe cookie authentication controller-to-server hash');
const SOCKS_LISTENERS = 'net/listeners/socks';
const LOOPBACK_PREFIX = '127.0.0.1:';
/** The type is named, since that of old is another. */
const NEW_KEY = 'NEW:ED25519-V3';

export interface TorControlOptions {
  /** Empty: none. */
  readonly password: string;
  /** Where the SOCKS proxy is shall be found out. */
  readonly asksForProxy: boolean;
  /** Of a service that was made before. */
  readonly privateKey: string | undefined;
  /** Others see the port of the chain, whatever is listened on: another would tell nodes apart. */
  readonly virtualPort: number;
  /** `HOST:PORT` where we listen. */
  readonly target: string;
}

/** `file` is latin1, a character for each byte of the path. */
export type TorAction =
  | { readonly kind: 'send'; readonly line: string }
  | { readonly kind: 'readCookie'; readonly file: string }
  | { readonly kind: 'authenticated' }
  /** As Tor writes them, those that are preferred first; empty: it did not say. */
  | { readonly kind: 'socksListeners'; readonly places: readonly string[] }
  /** `privateKey`: of a new service, to be kept. */
  | { readonly kind: 'service'; readonly serviceId: string; readonly privateKey: string | undefined };

type Question = 'protocolInfo' | 'authChallenge' | 'authenticate' | 'socks' | 'addOnion' | 'addPlainOnion';

export class TorControl {
  readonly #deps: { readonly log: Log; readonly random: Random };
  readonly #options: TorControlOptions;
  /** What was asked and is not answered: answers come in the same order. */
  readonly #open: Question[] = [];
  #clientNonce = new Uint8Array(0);
  #cookie = new Uint8Array(0);
  #cookieFile = '';

  constructor(deps: { readonly log: Log; readonly random: Random }, options: TorControlOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  start(): readonly TorAction[] {
    return [this.#ask('protocolInfo', 'PROTOCOLINFO 1')];
  }

  /** After an answer that does not help there is nothing more to do, but the connection stays. */
  receive(reply: TorReply): readonly TorAction[] {
    if (reply.code >= ASYNC_CODE_MIN) {
      this.#debug(`Received async notification ${reply.code}`);
      return [];
    }
    const question = this.#open.shift();
    switch (question) {
      case 'protocolInfo':
        return this.#onProtocolInfo(reply);
      case 'authChallenge':
        return this.#onAuthChallenge(reply);
      case 'authenticate':
        return this.#onAuthenticate(reply);
      case 'socks':
        return this.#onSocks(reply);
      case 'addOnion':
      case 'addPlainOnion':
        return this.#onAddOnion(reply, question);
      case undefined:
        this.#debug(`Received unexpected sync reply ${reply.code}`);
        return [];
    }
  }

  /** The content of the file that was asked for; undefined: it cannot be read. */
  onCookie(cookie: Uint8Array | undefined): readonly TorAction[] {
    if (cookie === undefined)
      return this.#fail(`Authentication cookie ${this.#cookieFile} could not be opened (check permissions)`);
    if (cookie.length !== COOKIE_BYTES) {
      return this.#fail(
        `Authentication cookie ${this.#cookieFile} is not exactly ${COOKIE_BYTES} bytes, as is required by the spec`,
      );
    }
    this.#cookie = new Uint8Array(cookie);
    this.#clientNonce = new Uint8Array(this.#deps.random.bytes(NONCE_BYTES));
    return [this.#ask('authChallenge', `AUTHCHALLENGE SAFECOOKIE ${bytesToHex(this.#clientNonce)}`)];
  }

  #onProtocolInfo(reply: TorReply): readonly TorAction[] {
    if (reply.code !== CODE.ok) return this.#fail('Requesting protocol info failed');
    const methods = new Set<string>();
    for (const line of reply.lines) {
      const { type, rest } = splitReplyLine(line);
      const pairs = parseReplyPairs(rest);
      if (type === 'AUTH') {
        for (const method of pairs.get('METHODS')?.split(',') ?? []) methods.add(method);
        this.#cookieFile = pairs.get('COOKIEFILE') ?? this.#cookieFile;
      } else if (type === 'VERSION' && pairs.has('Tor')) {
        this.#debug(`Connected to Tor version ${pairs.get('Tor')}`);
      }
    }
    for (const method of methods) this.#debug(`Supported authentication method: ${method}`);
    return this.#authenticate(methods);
  }

  /** Who gives a password wants it to be used. */
  #authenticate(methods: ReadonlySet<string>): readonly TorAction[] {
    const { password } = this.#options;
    if (password !== '') {
      if (!methods.has('HASHEDPASSWORD')) {
        return this.#fail(
          'Password provided with -torpassword, but HASHEDPASSWORD authentication is not available',
        );
      }
      this.#debug('Using HASHEDPASSWORD authentication');
      return [this.#ask('authenticate', `AUTHENTICATE ${quoted(password)}`)];
    }
    if (methods.has('NULL')) {
      this.#debug('Using NULL authentication');
      return [this.#ask('authenticate', 'AUTHENTICATE')];
    }
    if (methods.has('SAFECOOKIE')) {
      this.#debug(`Using SAFECOOKIE authentication, reading cookie authentication from ${this.#cookieFile}`);
      return [{ kind: 'readCookie', file: this.#cookieFile }];
    }
    return this.#fail(
      methods.has('HASHEDPASSWORD')
        ? 'The only supported authentication mechanism left is password, but no password provided with -torpassword'
        : 'No supported authentication method',
    );
  }

  #onAuthChallenge(reply: TorReply): readonly TorAction[] {
    if (reply.code !== CODE.ok) return this.#fail('SAFECOOKIE authentication challenge failed');
    const { type, rest } = splitReplyLine(reply.lines[0]!);
    if (type !== 'AUTHCHALLENGE') return this.#fail('Invalid reply to AUTHCHALLENGE');
    const pairs = parseReplyPairs(rest);
    const serverNonce = bytesOf(pairs.get('SERVERNONCE'));
    if (serverNonce.length !== NONCE_BYTES)
      return this.#fail(`ServerNonce is not ${NONCE_BYTES} bytes, as required by spec`);
    const message = concatBytes(this.#cookie, this.#clientNonce, serverNonce);
    // Who does not know the cookie must not learn by our answer whether we do.
    if (!equalBytes(bytesOf(pairs.get('SERVERHASH')), hmacSha256(SERVER_HASH_KEY, message)))
      return this.#fail('ServerHash does not match the expected one');
    this.#debug('SAFECOOKIE authentication challenge successful');
    return [this.#ask('authenticate', `AUTHENTICATE ${bytesToHex(hmacSha256(CLIENT_HASH_KEY, message))}`)];
  }

  #onAuthenticate(reply: TorReply): readonly TorAction[] {
    if (reply.code !== CODE.ok) return this.#fail('Authentication failed');
    this.#debug('Authentication successful');
    return [
      { kind: 'authenticated' },
      ...(this.#options.asksForProxy ? [this.#ask('socks', `GETINFO ${SOCKS_LISTENERS}`)] : []),
      this.#addOnion('addOnion'),
    ];
  }

  #onSocks({ code, lines }: TorReply): readonly TorAction[] {
    const places = code === CODE.ok ? socksListeners(lines) : [];
    if (code === CODE.unrecognized)
      this.#warn('Get SOCKS port command failed with unrecognized command (You probably should upgrade Tor)');
    else if (code !== CODE.ok) this.#warn(`Get SOCKS port command failed; error code ${code}`);
    else if (places.length === 0) this.#warn('Get SOCKS port command returned nothing');
    else this.#debug(`Get SOCKS port command yielded ${places.join(' ')}`);
    return [{ kind: 'socksListeners', places }];
  }

  #onAddOnion({ code, lines }: TorReply, question: 'addOnion' | 'addPlainOnion'): readonly TorAction[] {
    const isDefended = question === 'addOnion';
    if (isDefended && code === CODE.syntaxError) {
      this.#debug('ADD_ONION failed with PoW defenses, retrying without');
      return [this.#addOnion('addPlainOnion')];
    }
    if (code === CODE.unrecognized)
      return this.#fail('Add onion failed with unrecognized command (You probably need to upgrade Tor)');
    if (code !== CODE.ok) return this.#fail(`Add onion failed; error code ${code}`);
    const pairs = new Map(lines.flatMap(line => [...parseReplyPairs(line)]));
    const serviceId = pairs.get('ServiceID');
    // Not with what it said: a key may be among it.
    if (!serviceId) return this.#fail('Error parsing ADD_ONION parameters');
    this.#debug(`ADD_ONION successful (PoW defenses ${isDefended ? 'enabled' : 'disabled'})`);
    return [{ kind: 'service', serviceId, privateKey: pairs.get('PrivateKey') || undefined }];
  }

  /** First with proof of work against floods, which only some builds of Tor can do. */
  #addOnion(question: 'addOnion' | 'addPlainOnion'): TorAction {
    const { privateKey = NEW_KEY, virtualPort, target } = this.#options;
    const defenses = question === 'addOnion' ? ' PoWDefensesEnabled=1' : '';
    return this.#ask(question, `ADD_ONION ${privateKey}${defenses} Port=${virtualPort},${target}`);
  }

  #ask(question: Question, line: string): TorAction {
    this.#open.push(question);
    return { kind: 'send', line };
  }

  #fail(reason: string): readonly TorAction[] {
    this.#warn(reason);
    return [];
  }

  #warn(text: string): void {
    this.#deps.log.warn(`tor: ${text}`);
  }

  #debug(text: string): void {
    this.#deps.log.debug('tor', () => text);
  }
}

/** Tor writes each between quotation marks. Loopback is sure to lead to it; of others the last counts, as in Core. */
function socksListeners(lines: readonly string[]): string[] {
  const places = lines
    .filter(line => line.startsWith(`${SOCKS_LISTENERS}=`))
    .flatMap(line => line.slice(SOCKS_LISTENERS.length + 1).split(' '))
    .map(place => place.replace(/^(["'])(.*)\1$/, '$2'))
    .filter(place => place !== '');
  const local = places.filter(place => place.startsWith(LOOPBACK_PREFIX));
  return [...local, ...places.filter(place => !place.startsWith(LOOPBACK_PREFIX)).reverse()];
}

function bytesOf(hexText: string | undefined): Uint8Array {
  return hexText !== undefined && isHex(hexText) ? hexToBytes(hexText) : new Uint8Array(0);
}
