import { expect, test } from 'vitest';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { NO_PLACE, Timers } from '../../../src/p2p/timers.ts';
import { mustBe } from '../../support/must-be.ts';

test('rings once, at the time it was set to last', () => {
  const timers = new Timers();
  const rung: number[] = [];
  const alarm = timers.alarm(now => rung.push(now));
  expect(timers.nextDeadline()).toBeUndefined();
  alarm.set(10);
  alarm.set(30);
  expect(timers.nextDeadline()).toBe(30);
  timers.run(29);
  expect(rung).toEqual([]);
  alarm.set(20);
  expect(timers.nextDeadline()).toBe(20);
  timers.run(40);
  timers.run(50);
  expect(rung).toEqual([40]);
  alarm.set(60);
  alarm.clear();
  expect(timers.nextDeadline()).toBeUndefined();
});

test('an alarm set again for now does not ring twice in one run', () => {
  const timers = new Timers();
  let count = 0;
  const alarm = timers.alarm(now => {
    count += 1;
    alarm.set(now);
  });
  alarm.set(5);
  timers.run(5);
  expect(count).toBe(1);
  expect(timers.nextDeadline()).toBe(5);
});

test('a clock set back rings nothing early', () => {
  const timers = new Timers();
  const rung: number[] = [];
  const alarm = timers.alarm(now => rung.push(now));
  alarm.set(100);
  timers.run(40);
  timers.run(20);
  expect(rung).toEqual([]);
  timers.run(100);
  expect(rung).toEqual([100]);
});

test('scheduled alarms come forward, and those set after do not', () => {
  const timers = new Timers();
  const rung: string[] = [];
  const chore = timers.scheduled(() => rung.push('chore'));
  timers.alarm(() => rung.push('other')).set(1_000);
  chore.set(1_000);
  timers.advanceScheduler(600);
  expect(timers.nextDeadline()).toBe(400);
  timers.run(400);
  expect(rung).toEqual(['chore']);
  chore.set(500);
  expect(timers.nextDeadline()).toBe(500);
});

test('a paced alarm rings by whichever clock comes first, once', () => {
  const timers = new Timers();
  const rung: number[] = [];
  const alarm = timers.paced(now => {
    rung.push(now);
    if (rung.length < 4) alarm.set(now + 10);
  });
  timers.setSteady(1_000, 7);
  alarm.set(1_010);
  timers.run(1_000);
  timers.setSteady(1_000, 16);
  timers.run(1_000);
  expect([rung, timers.nextDeadline()]).toEqual([[], 1_001]);
  // The node's clock stands still.
  timers.setSteady(1_000, 17);
  timers.run(1_000);
  expect([rung, timers.nextDeadline()]).toEqual([[1_000], 1_010]);
  // It jumps.
  timers.setSteady(5_000, 18);
  timers.run(5_000);
  expect([rung, timers.nextDeadline()]).toEqual([[1_000, 5_000], 5_010]);
  // Both go on.
  timers.setSteady(5_010, 28);
  timers.run(5_010);
  expect(rung).toEqual([1_000, 5_000, 5_010]);
  // It goes back: the other does not.
  timers.setSteady(200, 38);
  timers.run(200);
  timers.run(5_020);
  expect([rung, timers.nextDeadline()]).toEqual([[1_000, 5_000, 5_010, 200], undefined]);
});

test.each([1, 2, 3])('as a list of deadlines would (seed %i)', seed => {
  const random = new SeededRandom(seed);
  const timers = new Timers();
  const rung: number[] = [];
  const alarms = Array.from({ length: 20 }, (_, i) => timers.alarm(() => rung.push(i)));
  const model = new Map<number, number>();
  for (let now = 0; now < 2_000; now += 1) {
    const i = randomBelow(random, 20);
    if (randomBelow(random, 4) === 0) {
      alarms[i]!.clear();
      model.delete(i);
    } else {
      const at = now + 1 + randomBelow(random, 50);
      alarms[i]!.set(at);
      model.set(i, at);
    }
    expect(timers.nextDeadline(), `seed ${seed}`).toBe(
      model.size === 0 ? undefined : Math.min(...model.values()),
    );
    timers.run(now);
    const due = [...model].filter(([, at]) => at <= now).map(([index]) => index);
    for (const index of due) model.delete(index);
    expect(rung.splice(0).sort(), `seed ${seed}`).toEqual(due.sort());
  }
});

test.each([1, 2, 3])('alarms of peers, as a list of deadlines would (seed %i)', seed => {
  const random = new SeededRandom(seed);
  const timers = new Timers();
  const rung: string[] = [];
  const peers = Array.from({ length: 5 }, (_, id) => ({ id, timerPlace: NO_PLACE }));
  const kinds = [0, 1, 2].map(kind =>
    timers.ofPeers<{ id: number; timerPlace: number }>(({ id }) => rung.push(`${id} ${kind}`)),
  );
  const model = new Map<string, number>();
  for (let now = 0; now < 2_000; now += 1) {
    const peer = peers[randomBelow(random, 5)]!;
    const kind = randomBelow(random, 3);
    const name = `${peer.id} ${kind}`;
    if (randomBelow(random, 3) === 0) {
      kinds[kind]!.clear(peer);
      model.delete(name);
    } else {
      const at = now + 1 + randomBelow(random, 50);
      kinds[kind]!.set(peer, at);
      model.set(name, at);
    }
    expect(kinds[kind]!.at(peer), `seed ${seed}`).toBe(model.get(name));
    expect(timers.nextDeadline(), `seed ${seed}`).toBe(
      model.size === 0 ? undefined : Math.min(...model.values()),
    );
    timers.run(now);
    const due = [...model].filter(([, at]) => at <= now).map(([each]) => each);
    for (const each of due) model.delete(each);
    expect(rung.splice(0).sort(), `seed ${seed}`).toEqual(due.sort());
  }
});

test.each([1, 2, 3, 4, 5])(
  'all kinds together, on clocks that leap and set by what rings, as a list of deadlines would (seed %i)',
  seed => {
    const random = new SeededRandom(seed);
    const below = (bound: number) => randomBelow(random, bound);
    const timers = new Timers();
    const rung: string[] = [];
    /** By the clock of its kind. */
    const model = new Map<string, number>();
    const ahead = { node: 0, scheduler: 0 };
    let now = 1_000;
    type Clock = keyof typeof ahead;
    type Set = (at: number | undefined) => void;
    const dials = new Map<string, { clock: Clock; set: Set; at: () => number | undefined }>();
    const put = (name: string, at: number | undefined) => {
      const { clock, set } = dials.get(name)!;
      set(at);
      if (at === undefined) model.delete(name);
      else model.set(name, at + ahead[clock]);
    };
    const move = () => {
      const name = [...dials.keys()][below(dials.size)]!;
      put(name, below(4) === 0 ? undefined : now - 5 + below(60));
    };
    /** What rings sets and clears others, and itself. */
    const ring = (name: string) => {
      rung.push(name);
      for (let i = below(3); i > 0; i -= 1) move();
    };

    const few = Array.from({ length: 3 }, (_, i) => i);
    for (const i of few) {
      const alarm = timers.alarm(() => ring(`alarm ${i}`));
      const chore = timers.scheduled(() => ring(`chore ${i}`));
      const setOf =
        (each: typeof alarm): Set =>
        at =>
          at === undefined ? each.clear() : each.set(at);
      dials.set(`alarm ${i}`, { clock: 'node', set: setOf(alarm), at: () => alarm.at });
      dials.set(`chore ${i}`, { clock: 'scheduler', set: setOf(chore), at: () => chore.at });
    }
    const rows = few.map(i => timers.row({ ring: place => ring(`row ${i} ${place}`) }));
    for (const [i, row] of rows.entries())
      for (const place of [0, 3, 40])
        dials.set(`row ${i} ${place}`, {
          clock: 'node',
          set: at => (at === undefined ? row.clear(place) : row.set(place, at)),
          at: () => (row.at(place) === Number.POSITIVE_INFINITY ? undefined : row.at(place)),
        });
    const kinds = few.map(i =>
      timers.ofPeers<{ id: number; timerPlace: number }>(({ id }) => ring(`peer ${id} ${i}`)),
    );
    const peers: { id: number; timerPlace: number }[] = [];
    const come = (id: number) => {
      const peer = { id, timerPlace: NO_PLACE };
      peers.push(peer);
      for (const [i, kind] of kinds.entries())
        dials.set(`peer ${id} ${i}`, {
          clock: 'node',
          set: at => (at === undefined ? kind.clear(peer) : kind.set(peer, at)),
          at: () => kind.at(peer),
        });
    };
    const go = () => {
      const [peer] = peers.splice(below(peers.length), 1);
      timers.leave(peer!);
      for (const i of few) {
        expect(kinds[i]!.at(peer!)).toBeUndefined();
        dials.delete(`peer ${peer!.id} ${i}`);
        model.delete(`peer ${peer!.id} ${i}`);
      }
    };

    for (let id = 0; id < 4; id += 1) come(id);
    for (let step = 0; step < 3_000; step += 1) {
      const what = below(100);
      if (what < 3) go();
      if (what < 3) come(step + 10);
      else if (what < 6) {
        const by = below(100);
        timers.advanceScheduler(by);
        ahead.scheduler += by;
      } else if (what < 8) now -= below(200);
      else if (what < 9) now += 10_000;
      else now += below(5);
      for (let i = below(4); i > 0; i -= 1) move();
      const onNode = [...model].map(([name, at]) => [name, at - ahead[dials.get(name)!.clock]] as const);
      for (const [name, at] of onNode) mustBe(dials.get(name)!.at(), at, `seed ${seed}, ${name}`);
      const first = onNode.reduce((least, [, at]) => Math.min(least, at), Number.POSITIVE_INFINITY);
      mustBe(timers.nextDeadline() ?? Number.POSITIVE_INFINITY, first, `seed ${seed}, step ${step}`);
      const due = onNode.filter(([, at]) => at <= now).map(([name]) => name);
      // What is set by what rings is set after.
      for (const name of due) model.delete(name);
      timers.run(now);
      expect(rung.splice(0).sort(), `seed ${seed}`).toEqual(due.sort());
    }
  },
);

test('the alarm of a peer, set again for now, does not ring twice in one run', () => {
  const timers = new Timers();
  const peer = { timerPlace: NO_PLACE };
  let count = 0;
  const alarms = timers.ofPeers(each => {
    count += 1;
    alarms.set(each, 5);
  });
  alarms.set(peer, 5);
  timers.run(5);
  expect(count).toBe(1);
  expect(timers.nextDeadline()).toBe(5);
});
