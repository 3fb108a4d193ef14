/** BIP157: what is read and answered, what is too much, and who is disconnected. */
import { describe, expect, test } from 'vitest';
import { type BlockHash, type Hash256, ZERO_HASH } from '../../../src/base/bytes.ts';
import { SECOND_MS } from '../../../src/base/clock.ts';
import type { FilterAnswer, P2pEffect } from '../../../src/p2p/events.ts';
import { type Message, SERVICES } from '../../../src/wire/messages.ts';
import { SCRIPTED_VERSION, World } from '../../support/p2p-world.ts';
import { mineBlocks, REGTEST } from '../../support/test-chain.ts';

const OFFERED = SERVICES.network | SERVICES.witness | SERVICES.compactFilters;
const hash = (text: string) => text.repeat(32) as Hash256;

function setUp(services = OFFERED) {
  const world = new World(1);
  const node = world.addNode({ options: { services } });
  const blocks = mineBlocks(REGTEST.genesis, 0, 3);
  node.submit(...blocks);
  const peer = world.attach(node);
  peer.send(SCRIPTED_VERSION, { command: 'verack' });
  world.runFor(SECOND_MS);
  const asked = () =>
    node.asked.filter(
      (effect): effect is Extract<P2pEffect, { kind: 'readFilters' }> => effect.kind === 'readFilters',
    );
  /** The request, and how the connection ended over it. */
  const ask = (message: Message): string => {
    const before = asked().length;
    peer.send(message);
    world.runFor(SECOND_MS);
    const [request] = asked().slice(before);
    return request === undefined
      ? (node.disconnects[0]?.reason ?? 'nothing')
      : `${request.what} from ${request.startHeight}`;
  };
  const answer = (read: FilterAnswer | undefined) => {
    const before = peer.received.length;
    node.handle({ kind: 'filtersRead', peer: peer.id, answer: read });
    world.runFor(SECOND_MS);
    return peer.received.slice(before);
  };
  return { ask, answer, stopHash: blocks[2]!.header.hash };
}

const range = { filterType: 0, startHeight: 1 } as const;

describe('compact filters', () => {
  test('are read, and answered one by one', () => {
    const { ask, answer, stopHash } = setUp();
    expect(ask({ command: 'getcfilters', ...range, stopHash })).toBe('filters from 1');
    const filters = [1, 2].map(i => ({ blockHash: hash(String(i)) as BlockHash, filter: Uint8Array.of(i) }));
    expect(answer({ what: 'filters', filters })).toEqual(
      filters.map(({ blockHash, filter }) => ({
        command: 'cfilter',
        filterType: 0,
        blockHash,
        filter,
      })),
    );
  });

  test('have headers and checkpoints', () => {
    const { ask, answer, stopHash } = setUp();
    expect(ask({ command: 'getcfheaders', ...range, stopHash })).toBe('hashes from 1');
    const hashes = [hash('a'), hash('b')];
    expect(answer({ what: 'hashes', previousHeader: ZERO_HASH, hashes })).toEqual([
      { command: 'cfheaders', filterType: 0, stopHash, previousHeader: ZERO_HASH, hashes },
    ]);
    expect(ask({ command: 'getcfcheckpt', filterType: 0, stopHash })).toBe('checkpoints from 0');
    expect(answer({ what: 'checkpoints', headers: hashes })).toEqual([
      { command: 'cfcheckpt', filterType: 0, stopHash, headers: hashes },
    ]);
  });

  test('that the index has not got are not answered, and the next request is', () => {
    const { ask, answer, stopHash } = setUp();
    ask({ command: 'getcfilters', ...range, stopHash });
    expect(answer(undefined)).toEqual([]);
    expect(ask({ command: 'getcfilters', ...range, startHeight: 3, stopHash })).toBe('filters from 3');
  });

  test.each<[string, Partial<Message> & { command: 'getcfilters' | 'getcfheaders' | 'getcfcheckpt' }, string]>([
    ['another type', { command: 'getcfcheckpt', filterType: 255 }, 'unsupported block filter type: 255'],
    ['an unknown block', { command: 'getcfilters', stopHash: ZERO_HASH }, 'invalid block hash'],
    ['an end before the start', { command: 'getcfheaders', startHeight: 4 }, 'with start height 4 and stop height 3'],
  ])('%s ends the connection', (_, changes, reason) => {
    const { ask, stopHash } = setUp();
    expect(ask({ ...range, stopHash, ...changes } as Message)).toContain(reason);
  }); // biome-ignore format: a table

  test('not offered end the connection', () => {
    const { ask, stopHash } = setUp(SERVICES.network);
    expect(ask({ command: 'getcfilters', ...range, stopHash })).toContain('unsupported block filter type: 0');
  });
});
