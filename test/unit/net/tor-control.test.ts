/** What is said to Tor after what it says, and what comes of it. */
import { describe, expect, test } from 'vitest';
import type { Log } from '../../../src/base/log.ts';
import type { Random } from '../../../src/base/random.ts';
import { type TorAction, TorControl, type TorControlOptions } from '../../../src/net/tor-control.ts';
import { TorReplyReader } from '../../../src/net/tor-reply.ts';

const OPTIONS: TorControlOptions = {
  password: '',
  asksForProxy: true,
  privateKey: undefined,
  virtualPort: 8333,
  target: '127.0.0.1:8334',
};
const COOKIE = Uint8Array.from({ length: 32 }, (_, i) => i);
const CLIENT_NONCE = '07'.repeat(32);
const SERVER_NONCE = 'ab'.repeat(32);
/** HMAC-SHA256 over cookie, CLIENT_NONCE and SERVER_NONCE with the two keys, by Python's hmac. */
const SERVER_HASH = 'a5743cc7edfd57ef5ae1d0cc6f9021d5c8f2c40babc83e2726576637e43f8674';
const CLIENT_HASH = '1e06b165a31dc577f80a3cfdd2493186d432ff9a54602b21a7e23b1f7f7c01d8';

class Scene {
  readonly lines: string[] = [];
  readonly #log: Log = {
    info: text => this.lines.push(text),
    warn: text => this.lines.push(`! ${text}`),
    debug: (_, text) => this.lines.push(text()),
  };
  readonly #random: Random = { u32: () => 7, bytes: length => new Uint8Array(length).fill(7) };
  readonly #reader = new TorReplyReader();
  readonly control: TorControl;

  constructor(options: Partial<TorControlOptions> = {}) {
    this.control = new TorControl({ log: this.#log, random: this.#random }, { ...OPTIONS, ...options });
    this.control.start();
  }

  /** What comes of lines of Tor, without their ends. */
  hear(...said: readonly string[]): TorAction[] {
    const bytes = Buffer.from(said.map(line => `${line}\r\n`).join(''), 'latin1');
    return [...this.#reader.push(bytes)].flatMap(reply => this.control.receive(reply));
  }

  get warnings(): string[] {
    return this.lines.filter(line => line.startsWith('! '));
  }
}

const send = (line: string) => ({ kind: 'send', line });
const info = (methods: string, more = '') => [
  '250-PROTOCOLINFO 1',
  `250-AUTH METHODS=${methods}${more}`,
  '250 OK',
];
const ADD = 'ADD_ONION NEW:ED25519-V3';
const PLACE = 'Port=8333,127.0.0.1:8334';

test('it begins with a question', () => {
  const control = new TorControl(
    { log: { info() {}, warn() {}, debug() {} }, random: undefined as never },
    OPTIONS,
  );
  expect(control.start()).toEqual([send('PROTOCOLINFO 1')]);
});

describe('who we are', () => {
  test.each<[string, string, string[], TorAction[] | string]>([
    ['', 'NULL', info('NULL'), [{ kind: 'send', line: 'AUTHENTICATE' }]],
    ['', 'NULL before a cookie', info('COOKIE,SAFECOOKIE,NULL', ' COOKIEFILE="/c"'), [{ kind: 'send', line: 'AUTHENTICATE' }]],
    ['', 'a cookie', info('COOKIE,SAFECOOKIE,HASHEDPASSWORD', String.raw` COOKIEFILE="/a \303\274"`), [{ kind: 'readCookie', file: '/a \xc3\xbc' }]],
    ['#1', 'a password before all', info('NULL,SAFECOOKIE,HASHEDPASSWORD'), [{ kind: 'send', line: 'AUTHENTICATE "#1"' }]],
    ['a "b" \\', 'a password with everything', info('HASHEDPASSWORD'), [{ kind: 'send', line: String.raw`AUTHENTICATE "a \"b\" \\"` }]],
    ['p\r\nQUIT', 'a password of two lines', info('HASHEDPASSWORD'), [{ kind: 'send', line: String.raw`AUTHENTICATE "p\r\nQUIT"` }]],
    ['#1', 'a password, which nobody wants', info('NULL'), 'Password provided with -torpassword, but HASHEDPASSWORD authentication is not available'],
    ['', 'a password, which nobody has', info('HASHEDPASSWORD'), 'The only supported authentication mechanism left is password, but no password provided with -torpassword'],
    ['', 'a cookie that would be sent', info('COOKIE'), 'No supported authentication method'],
    ['', 'nothing is said', ['250 OK'], 'No supported authentication method'],
    ['', 'it is refused', ['510 no'], 'Requesting protocol info failed'],
  ])('with password "%s": %s', (password, _, said, expected) => {
    const scene = new Scene({ password });
    const actions = scene.hear(...said);
    expect(actions).toEqual(typeof expected === 'string' ? [] : expected);
    expect(scene.warnings).toEqual(typeof expected === 'string' ? [`! tor: ${expected}`] : []);
    if (password !== '') expect(scene.lines.join()).not.toContain(password);
  }); // biome-ignore format: a table

  const challenged = (hash: string, nonce: string) =>
    `250 AUTHCHALLENGE SERVERHASH=${hash} SERVERNONCE=${nonce}`;
  test.each<[string, string, string]>([
    ['another hash', challenged(CLIENT_HASH, SERVER_NONCE), 'ServerHash does not match the expected one'],
    ['a short nonce', challenged(SERVER_HASH, 'abab'), 'ServerNonce is not 32 bytes, as required by spec'],
    ['a nonce that is no hex', challenged(SERVER_HASH, 'x'.repeat(64)), 'ServerNonce is not 32 bytes, as required by spec'],
    ['nothing', '250 AUTHCHALLENGE', 'ServerNonce is not 32 bytes, as required by spec'],
    ['something else', '250 OK', 'Invalid reply to AUTHCHALLENGE'],
    ['a refusal', '513 no', 'SAFECOOKIE authentication challenge failed'],
    ['what is right', challenged(SERVER_HASH, SERVER_NONCE), ''],
    ['what is right, in capitals', challenged(SERVER_HASH.toUpperCase(), SERVER_NONCE.toUpperCase()), ''],
  ])('who asks us to show that we know the cookie shows it first: %s', (_, reply, warning) => {
    const scene = new Scene();
    scene.hear(...info('SAFECOOKIE', ' COOKIEFILE="/c"'));
    expect(scene.control.onCookie(COOKIE)).toEqual([send(`AUTHCHALLENGE SAFECOOKIE ${CLIENT_NONCE}`)]);
    expect(scene.hear(reply)).toEqual(warning === '' ? [send(`AUTHENTICATE ${CLIENT_HASH}`)] : []);
    expect(scene.warnings).toEqual(warning === '' ? [] : [`! tor: ${warning}`]);
    for (const secret of [Buffer.from(COOKIE).toString('hex'), SERVER_HASH, CLIENT_HASH, CLIENT_NONCE])
      expect(scene.lines.join()).not.toContain(secret);
  }); // biome-ignore format: a table

  test.each([
    [undefined, 'Authentication cookie /c could not be opened (check permissions)'],
    [new Uint8Array(31), 'Authentication cookie /c is not exactly 32 bytes, as is required by the spec'],
    [new Uint8Array(33), 'Authentication cookie /c is not exactly 32 bytes, as is required by the spec'],
  ])('a cookie that is none', (cookie, warning) => {
    const scene = new Scene();
    scene.hear(...info('SAFECOOKIE', ' COOKIEFILE="/c"'));
    expect(scene.control.onCookie(cookie)).toEqual([]);
    expect(scene.warnings).toEqual([`! tor: ${warning}`]);
  });

  test('who is not let in asks for nothing', () => {
    const scene = new Scene();
    scene.hear(...info('NULL'));
    expect(scene.hear('515 Bad authentication')).toEqual([]);
    expect(scene.warnings).toEqual(['! tor: Authentication failed']);
  });
});

/** Tor has let us in. */
function friends(options: Partial<TorControlOptions> = {}): Scene {
  const scene = new Scene(options);
  scene.hear(...info('NULL'));
  scene.hear('250 OK');
  return scene;
}

describe('the proxy', () => {
  test('is asked for before the service, where it is not known', () => {
    for (const asksForProxy of [true, false]) {
      const scene = new Scene({ asksForProxy });
      scene.hear(...info('NULL'));
      expect(scene.hear('250 OK')).toEqual([
        { kind: 'authenticated' },
        ...(asksForProxy ? [send('GETINFO net/listeners/socks')] : []),
        send(`${ADD} PoWDefensesEnabled=1 ${PLACE}`),
      ]);
    }
  });

  const NOTHING = 'Get SOCKS port command returned nothing';
  test.each<[string, string[], string?]>([
    ['250-net/listeners/socks="127.0.0.1:9050"', ['127.0.0.1:9050']],
    ['250-net/listeners/socks=127.0.0.1:9050', ['127.0.0.1:9050']],
    ["250-net/listeners/socks='1.2.3.4:1' \"127.0.0.1:2\" \"127.0.0.1:3\"", ['127.0.0.1:2', '127.0.0.1:3', '1.2.3.4:1']],
    ['250-net/listeners/socks="1.2.3.4:1"  "unix:/run/tor/socks"', ['unix:/run/tor/socks', '1.2.3.4:1']],
    ['250-net/listeners/socks=', [], NOTHING],
    ['250-net/listeners/socks=""', [], NOTHING],
    ['250-net/listeners/other="127.0.0.1:9050"', [], NOTHING],
    ['552-x', [], NOTHING],
  ])('%s', (line, places, warning) => {
    const scene = friends();
    expect(scene.hear(line, '250 OK')).toEqual([{ kind: 'socksListeners', places }]);
    expect(scene.warnings).toEqual(warning === undefined ? [] : [`! tor: ${warning}`]);
  }); // biome-ignore format: a table

  test.each([
    ['510 what', 'Get SOCKS port command failed with unrecognized command (You probably should upgrade Tor)'],
    ['552 no', 'Get SOCKS port command failed; error code 552'],
  ])('which Tor does not tell: %s', (line, warning) => {
    const scene = friends();
    expect(scene.hear(line)).toEqual([{ kind: 'socksListeners', places: [] }]);
    expect(scene.warnings).toEqual([`! tor: ${warning}`]);
  });
});

describe('the service', () => {
  const MADE = ['250-ServiceID=abc', '250-PrivateKey=ED25519-V3:SECRET', '250 OK'];

  test('is made anew, and its key comes with it', () => {
    const scene = friends({ asksForProxy: false });
    expect(scene.hear(...MADE)).toEqual([
      { kind: 'service', serviceId: 'abc', privateKey: 'ED25519-V3:SECRET' },
    ]);
    expect(scene.warnings).toEqual([]);
    expect(scene.lines.join()).not.toContain('SECRET');
  });

  test('is made of a key', () => {
    const scene = new Scene({ asksForProxy: false, privateKey: 'ED25519-V3:SECRET', target: '[::1]:5' });
    scene.hear(...info('NULL'));
    expect(scene.hear('250 OK')[1]).toEqual(
      send('ADD_ONION ED25519-V3:SECRET PoWDefensesEnabled=1 Port=8333,[::1]:5'),
    );
    expect(scene.hear('250-ServiceID=abc', '250 OK')).toEqual([
      { kind: 'service', serviceId: 'abc', privateKey: undefined },
    ]);
    expect(scene.lines.join()).not.toContain('SECRET');
  });

  test('is made without proof of work where Tor knows none, and that is asked for once', () => {
    const scene = friends({ asksForProxy: false });
    expect(scene.hear('512 Unrecognized option')).toEqual([send(`${ADD} ${PLACE}`)]);
    expect(scene.hear('512 Unrecognized option')).toEqual([]);
    expect(scene.warnings).toEqual(['! tor: Add onion failed; error code 512']);
  });

  test.each([
    [['510 what'], 'Add onion failed with unrecognized command (You probably need to upgrade Tor)'],
    [['551 no'], 'Add onion failed; error code 551'],
    [['250-PrivateKey=ED25519-V3:SECRET', '250 OK'], 'Error parsing ADD_ONION parameters'],
  ])('does not come to be: %s', (said, warning) => {
    const scene = friends({ asksForProxy: false });
    expect(scene.hear(...said)).toEqual([]);
    expect(scene.warnings).toEqual([`! tor: ${warning}`]);
    expect(scene.lines.join()).not.toContain('SECRET');
  });

  test('answers come in the order of the questions; what answers nothing is let pass', () => {
    const scene = friends();
    const actions = scene.hear('650 CIRC 1', '250-net/listeners/socks="127.0.0.1:1"', '250 OK', '650-X', '650 Y', ...MADE);
    expect(actions.map(({ kind }) => kind)).toEqual(['socksListeners', 'service']);
    expect(scene.hear('250 OK', '600 x')).toEqual([]);
    expect(scene.warnings).toEqual([]);
  }); // biome-ignore format: long lines of Tor
});
