/** The scenarios, small: what they promise comes true, and the invariants hold on the way. */
import { expect, test } from 'vitest';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/base/clock.ts';
import { figureOf, runScenario, SMALL } from './run.ts';

test('everything reaches everybody, and no transaction comes twice', () => {
  const outcome = runScenario('propagation', { ...SMALL, nodes: 24 });
  const { world, verdicts } = outcome;
  for (const { promise, holds } of verdicts) expect(holds, promise).toBe(true);
  const txs = world.metrics.spreads('tx');
  expect(txs.length).toBeGreaterThan(3);
  const sent = world.metrics.commands.get('tx')!.messages;
  expect(sent).toBeLessThanOrEqual(txs.length * (world.nodes.length - 1));
  expect(figureOf(outcome, 'full-relay outbound')).toBeGreaterThan(7);
  expect(world.checks.counts.nodes).toBeGreaterThan(50);
});

test('a transaction after the other, then a block, over links that stand: each comes to everybody', () => {
  const outcome = runScenario('waves', { nodes: 24, reachable: 0.5, duration: 40 * SECOND_MS });
  for (const { promise, holds } of outcome.verdicts) expect(holds, promise).toBe(true);
  expect(outcome.world.metrics.made).toEqual({ tx: 2, block: 1 });
  // With Core's timers, twenty.
  expect(figureOf(outcome, 'messages for a transaction')).toBeGreaterThan(15);
});

test('nodes behind firewalls are served too', () => {
  const outcome = runScenario('propagation', { ...SMALL, nodes: 30, reachable: 0.5 });
  const { world, verdicts } = outcome;
  for (const { promise, holds } of verdicts) expect(holds, promise).toBe(true);
  expect(world.nodes.filter(node => node.listens).length).toBe(15);
  for (const node of world.nodes) if (!node.listens) expect(node.peerCount('inbound')).toBe(0);
  // Half of the nodes have all the inbound links beside their own.
  const [all, atReachable, atUnreachable] = ['messages for', 'at a node that listens', 'does not listen'].map(
    name => figureOf(outcome, name),
  );
  expect((atReachable! + atUnreachable!) / 2).toBeCloseTo(all!);
  expect(atReachable).toBeGreaterThan(1.5 * atUnreachable!);
});

test.each([1, 2])('halves part and heal to one tip: seed %i', seed => {
  const outcome = runScenario('partition', {
    seed,
    nodes: 20,
    duration: HOUR_MS / 2,
    blockInterval: 3 * MINUTE_MS,
  });
  for (const { promise, holds } of outcome.verdicts) expect(holds, promise).toBe(true);
  expect(figureOf(outcome, 'blocks of the first half')).toBeGreaterThan(0);
  expect(figureOf(outcome, 'blocks of the second half')).toBeGreaterThan(0);
});

test('newcomers find their peers through DNS seeds', () => {
  const outcome = runScenario('bootstrap', { nodes: 40, duration: MINUTE_MS });
  for (const { promise, holds } of outcome.verdicts) expect(holds, promise).toBe(true);
  expect(figureOf(outcome, 'newcomers')).toBe(28);
  expect(figureOf(outcome, 'ten outbound peers, 99 %')).toBeLessThan(60);
});

test('reconciled links bring what was not announced on them', () => {
  const { world, verdicts } = runScenario('propagation', {
    ...SMALL,
    nodes: 22,
    strategy: { kind: 'reconcile' },
  });
  for (const { promise, holds } of verdicts) expect(holds, promise).toBe(true);
  const count = (command: string) => world.metrics.commands.get(command)?.messages ?? 0;
  expect(count('reqrecon')).toBeGreaterThan(20);
  // All but the last ones are answered, and nobody is hung up on.
  expect(count('sketch')).toBeGreaterThan(0.9 * count('reqrecon'));
  expect(count('reconcildiff')).toBeGreaterThan(0.9 * count('sketch'));
  for (const node of world.nodes)
    for (const reason of node.disconnects.keys()) expect(reason).not.toMatch(/recon|sketch/);
  expect(count('tx')).toBeLessThanOrEqual(world.metrics.made.tx * (world.nodes.length - 1));
});

test.each([
  ['bandwidth', { nodes: 16, duration: 40_000, txPerSecond: 1 }, ['every transaction reached', 'came twice', '21 messages']],
  ['withholding', { nodes: 30, duration: 30_000, blockInterval: 15_000 }, ['missed a transaction', 'missed a block']],
  ['rule-fork', { nodes: 12, duration: MINUTE_MS, blockInterval: 10_000 }, ['ever followed', 'end on one tip', 'end there too']],
  ['churn', { nodes: 14, duration: 4 * MINUTE_MS, blockInterval: 30_000 }, ['end on one tip']],
  ['eclipse', { nodes: 30, duration: MINUTE_MS }, ['ends eclipsed', 'fill their']],
  ['strategies', { nodes: 10, duration: 10_000 }, ['flood misses nobody', 'tree and reconcile']],
] as const)('%s, small', (name, options, promises) => {
  const { figures, verdicts } = runScenario(name, options);
  expect(figures.length).toBeGreaterThan(4);
  for (const promise of promises)
    expect(verdicts.find(verdict => verdict.promise.includes(promise)), promise).toMatchObject({ holds: true });
}); // biome-ignore format: a table
