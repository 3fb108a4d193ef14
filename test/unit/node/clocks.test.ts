/** The node clock and the scheduler. */
import { expect, test } from 'vitest';
import { NodeClock, Scheduler } from '../../../src/node/clocks.ts';

test('the node clock stands where it is put, and tells of jumps', () => {
  const clock = new NodeClock();
  const jumps: number[] = [];
  clock.onJump(() => jumps.push(clock.now()));
  expect(Math.abs(clock.now() - Date.now())).toBeLessThan(1_000);
  clock.setMockTime(1_500_000_000);
  clock.setMockTime(1_400_000_000);
  expect([clock.now(), clock.isMocked]).toEqual([1_400_000_000_000, true]);
  clock.setMockTime(0);
  expect(clock.isMocked).toBe(false);
  expect(jumps.slice(0, 2)).toEqual([1_500_000_000_000, 1_400_000_000_000]);
  expect(Math.abs(jumps[2]! - Date.now())).toBeLessThan(1_000);
});

test('the scheduler runs what is due, in order', () => {
  const scheduler = new Scheduler();
  const ran: string[] = [];
  scheduler.after(60_000, () => ran.push('minute'));
  scheduler.after(3_600_000, () => ran.push('hour'));
  scheduler.every(1_800_000, () => ran.push('half'));
  scheduler.advance(59_000);
  expect(ran).toEqual([]);
  scheduler.advance(2_000);
  expect(ran).toEqual(['minute']);
  scheduler.advance(3_600_000);
  // What repeats counts from when it ran, not from when it was due.
  expect(ran).toEqual(['minute', 'half', 'hour']);
  scheduler.advance(1_800_000);
  expect(ran).toEqual(['minute', 'half', 'hour', 'half']);
  scheduler.stop();
  scheduler.advance(9_000_000);
  scheduler.after(0, () => ran.push('late'));
  expect(ran).toHaveLength(4);
});

test('a job may be due in real time', async () => {
  const scheduler = new Scheduler();
  const alive = setTimeout(() => {}, 1_000);
  await new Promise<void>(done => scheduler.after(5, done));
  clearTimeout(alive);
  scheduler.stop();
});
