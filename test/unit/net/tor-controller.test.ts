/** A connection to Tor's control port that is kept, with a Tor on loopback that can be made to fail. */
import { afterEach, expect, test } from 'vitest';
import type { Log } from '../../../src/base/log.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { TorController, type TorControllerOptions } from '../../../src/net/tor-controller.ts';
import { addressText } from '../../../src/wire/net-address.ts';
import { ONION, ONION_KEY, TorServer } from '../../support/tor-server.ts';

const COOKIE = new Uint8Array(32).fill(5);
const ASKED = ['PROTOCOLINFO 1', 'AUTHENTICATE', 'GETINFO net/listeners/socks'];
const ADD = (key: string) => `ADD_ONION ${key} PoWDefensesEnabled=1 Port=8333,127.0.0.1:8334`;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** What happens, in order; `until` waits for the next thing of that name. */
class Happenings {
  readonly all: string[] = [];
  readonly log: Log = {
    info() {},
    warn: text => this.note(`! ${text.replace(/:\d+/, ':PORT')}`),
    debug() {},
  };
  /** Set: what waits is not called before `go`. */
  go: () => void = () => {};
  key: string | undefined;
  #seen = 0;
  #wake: () => void = () => {};

  note(text: string): void {
    this.all.push(text);
    this.#wake();
  }

  async until(start: string): Promise<string> {
    for (;;) {
      while (this.#seen < this.all.length) {
        const text = this.all[this.#seen]!;
        this.#seen += 1;
        if (text.startsWith(start)) return text;
      }
      await new Promise<void>(done => {
        this.#wake = done;
      });
    }
  }
}

function controllerOf(
  place: { readonly host: string; readonly port: number },
  options: Partial<TorControllerOptions> = {},
): { seen: Happenings; controller: TorController } {
  const seen = new Happenings();
  const controller = new TorController(
    {
      log: seen.log,
      random: new SeededRandom(1),
      after(delayMs, job) {
        seen.go = job;
        seen.note(`pause ${delayMs}`);
        return () => seen.note('called off');
      },
      readCookie: file => (file === '/c' ? COOKIE : undefined),
      keyFile: {
        read() {
          if (seen.key === 'damaged') throw new Error('no key');
          return seen.key;
        },
        write: key => {
          seen.key = key;
        },
      },
    },
    {
      ...{ place, password: '', asksForProxy: true, virtualPort: 8333, target: '127.0.0.1:8334' },
      ...{ connectTimeoutMs: 5_000, looksUpNames: true, isWanted: true, ...options },
    },
    {
      onSocksListeners: places => seen.note(`socks ${places.join(' ')}`),
      onService: own => seen.note(`service ${addressText(own)}`),
      onServiceEnd: own => seen.note(`end of ${addressText(own)}`),
    },
  );
  closers.unshift(() => controller.close());
  controller.start();
  return { seen, controller };
}

async function torServer() {
  const tor = new TorServer();
  closers.push(() => tor.close());
  return { tor, place: await tor.listen() };
}

test('a service comes, lasts as long as the connection, and comes again of the same key', async () => {
  const { tor, place } = await torServer();
  const { seen, controller } = controllerOf(place);
  await seen.until('service');
  expect(tor.heard).toEqual([...ASKED, ADD('NEW:ED25519-V3')]);
  expect(seen.all).toEqual(['socks 127.0.0.1:9050', `service ${ONION}.onion:8333`]);
  expect(seen.key).toBe(ONION_KEY);
  // What is lost from the disk is not forgotten.
  seen.key = undefined;

  tor.hangUp();
  await seen.until('pause 1000');
  expect(seen.all.slice(2)).toEqual([
    `end of ${ONION}.onion:8333`,
    expect.stringContaining('! tor: Not connected to Tor control port 127.0.0.1:PORT, will retry in 1.0 s'),
    'pause 1000',
  ]);
  seen.go();
  await seen.until('service');
  expect(tor.heard.slice(4)).toEqual([...ASKED, ADD(ONION_KEY)]);
  controller.close();
  expect(seen.all.at(-1)).toBe(`end of ${ONION}.onion:8333`);
});

test('the cookie itself is never sent', async () => {
  const { tor, place } = await torServer();
  tor.askForCookie(COOKIE, '/c');
  const { seen } = controllerOf(place, { asksForProxy: false });
  await seen.until('service');
  expect(tor.heard.map(line => line.split(' ')[0])).toEqual(['PROTOCOLINFO', 'AUTHCHALLENGE', 'AUTHENTICATE', 'ADD_ONION']); // biome-ignore format: one line
  expect(tor.heard.join()).not.toContain('05'.repeat(32));
});

test('pauses grow by a half until ten minutes, and warn once', async () => {
  const { seen } = controllerOf({ host: '127.0.0.1', port: 1 });
  const pauses: number[] = [];
  for (let i = 0; i < 18; i += 1) {
    pauses.push(Number((await seen.until('pause')).split(' ')[1]));
    seen.go();
  }
  expect(pauses.slice(0, 4)).toEqual([1_000, 1_500, 2_250, 3_375]);
  expect(pauses.slice(-2)).toEqual([600_000, 600_000]);
  expect(seen.all.filter(text => text.startsWith('!')).length).toBe(1);
});

test('where nobody asked for Tor, its absence is no warning', async () => {
  const { seen } = controllerOf({ host: '127.0.0.1', port: 1 }, { isWanted: false });
  await seen.until('pause');
  expect(seen.all).toEqual(['pause 1000']);
});

test('who lets us connect but not in is asked ever more rarely too', async () => {
  const { tor, place } = await torServer();
  tor.answers.set('AUTHENTICATE', '515 no');
  const { seen } = controllerOf(place);
  for (const pause of [1_000, 1_500, 2_250]) {
    await seen.until('! tor: Authentication failed');
    tor.hangUp();
    await seen.until(`pause ${pause}`);
    seen.go();
  }
});

test.each([
  ['a line without end', 'A'.repeat(100_001)],
  ['a reply without end', '250-more\r\n'.repeat(1_001)],
])('%s ends the connection', async (_, text) => {
  const { tor, place } = await torServer();
  tor.answers.delete('PROTOCOLINFO');
  const { seen } = controllerOf(place);
  await tor.hears(1);
  tor.say(text);
  await seen.until('pause 1000');
  seen.go();
  expect(await tor.hears(2)).toEqual(['PROTOCOLINFO 1', 'PROTOCOLINFO 1']);
});

test('a name that is none of version 3 is no address', async () => {
  const { tor, place } = await torServer();
  tor.answers.set('ADD_ONION', '250-ServiceID=abc\r\n250 OK');
  const { seen } = controllerOf(place);
  await seen.until('! tor: The service ID');
  expect(seen.all.some(text => text.startsWith('service'))).toBe(false);
});

test('names are not looked up where that is forbidden, and a damaged key is not replaced', async () => {
  const { seen } = controllerOf({ host: 'tor.invalid', port: 1 }, { looksUpNames: false });
  expect(seen.all.join()).toContain('names are not looked up');
  const { tor, place } = await torServer();
  const damaged = controllerOf(place).seen;
  damaged.key = 'damaged';
  await damaged.until('pause');
  expect([damaged.all[0], tor.heard]).toEqual([expect.stringMatching(/: no key$/), []]);
});

test('nothing happens after it is closed', async () => {
  const { seen, controller } = controllerOf({ host: '127.0.0.1', port: 1 });
  await seen.until('pause');
  controller.close();
  expect(seen.all.at(-1)).toBe('called off');
});
