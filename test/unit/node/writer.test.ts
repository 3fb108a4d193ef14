import { describe, expect, test } from 'vitest';
import { assert } from '../../../src/base/assert.ts';
import { StandAside } from '../../../src/base/task.ts';
import { FatalStorageError, Writer } from '../../../src/node/writer.ts';
import { StoreError } from '../../../src/store/errors.ts';

type Effect = { readonly say: string } | { readonly fail: Error };

function testWriter() {
  const said: string[] = [];
  const fatal: Error[] = [];
  const writer = new Writer<Effect>({
    perform: async effect => {
      await Promise.resolve();
      if ('fail' in effect) throw effect.fail;
      said.push(effect.say);
      return effect.say;
    },
    onFatal: error => fatal.push(error),
  });
  return { writer, said, fatal };
}

function* steps(name: string, count: number): Generator<Effect, string, unknown> {
  for (let i = 0; i < count; i += 1) yield { say: `${name}${i}` };
  return name;
}

function* failing(fail: Error): Generator<Effect, string, unknown> {
  yield { fail };
  return 'not reached';
}

describe('writer', () => {
  test('runs tasks strictly one after another, in order', async () => {
    const { writer, said } = testWriter();
    const results = [writer.enqueue('a', () => steps('a', 3)), writer.enqueue('b', () => steps('b', 2))];
    expect(writer.length).toBe(2);
    expect(await Promise.all(results)).toEqual(['a', 'b']);
    expect(said).toEqual(['a0', 'a1', 'a2', 'b0', 'b1']);
    expect(writer.length).toBe(0);
  });

  test('tasks that wait for nothing leave others their turn', async () => {
    const seen: string[] = [];
    const writer = new Writer<'work'>({
      perform: () => {
        // Longer than a turn, by all of them.
        for (const end = performance.now() + 2; performance.now() < end; );
      },
      onFatal: error => expect.unreachable(error.message),
    });
    function* work(name: string): Generator<'work', void, unknown> {
      for (let i = 0; i < 20; i += 1) yield 'work';
      seen.push(name);
    }
    setImmediate(() => seen.push('a turn'));
    const many = [
      writer.enqueue('first', () => work('first')),
      writer.enqueue('second', () => work('second')),
    ];
    await Promise.all(many);
    expect(seen).toEqual(['a turn', 'first', 'second']);
  });

  test('a task that throws for its caller does not stop the queue', async () => {
    const { writer, fatal } = testWriter();
    await expect(writer.enqueue('a', () => failing(new RangeError('yours')))).rejects.toThrow('yours');
    expect(await writer.enqueue('b', () => steps('b', 1))).toBe('b');
    expect(fatal).toEqual([]);
  });

  test('storage that fails closes the queue for good', async () => {
    const { writer, fatal } = testWriter();
    const full = new StoreError('io', 'No space left on device');
    const first = writer.enqueue('flush', () => failing(full));
    const second = writer.enqueue('b', () => steps('b', 1));
    await expect(first).rejects.toThrow(FatalStorageError);
    await expect(first).rejects.toThrow(
      'A fatal internal error occurred, see debug.log for details: No space left on device',
    );
    await expect(second).rejects.toThrow(FatalStorageError);
    expect(fatal).toHaveLength(1);
  });

  test('so does a bug', async () => {
    const { writer, fatal } = testWriter();
    const bug = writer.enqueue('a', function* (): Generator<Effect, void, unknown> {
      yield { say: 'a' };
      assert(false, 'this holds');
    });
    await expect(bug).rejects.toThrow(/Internal bug/);
    await expect(writer.enqueue('b', () => steps('b', 1))).rejects.toThrow(/Internal bug/);
    expect(fatal).toHaveLength(1);
  });

  test('closing lets what is enqueued end', async () => {
    const { writer, said } = testWriter();
    const last = writer.enqueue('a', () => steps('a', 2));
    await writer.close();
    expect(await last).toBe('a');
    expect(said).toEqual(['a0', 'a1']);
    await expect(writer.enqueue('b', () => steps('b', 1))).rejects.toThrow('shutting down');
  });

  describe('tasks that stand aside', () => {
    function asideWriter() {
      const said: string[] = [];
      const gates = new Map<string, { open(): void; break(error: Error): void }>();
      const writer = new Writer<{ readonly say: string } | { readonly wait: string }>({
        perform: effect => {
          if ('say' in effect) {
            said.push(effect.say);
            return undefined;
          }
          return new StandAside(
            new Promise((resolve, reject) => {
              gates.set(effect.wait, { open: () => resolve(undefined), break: reject });
            }),
          );
        },
        onFatal() {},
      });
      const start = (name: string, overlaps: boolean) =>
        writer.enqueue(
          name,
          function* () {
            yield { say: `${name} begins` };
            if (overlaps) yield { wait: name };
            yield { say: `${name} ends` };
            return name;
          },
          { overlaps },
        );
      return { writer, said, gates, start };
    }
    /** Several turns of the loop: where time is short, a task rests for one before its first step. */
    const quiet = async () => {
      for (let turns = 0; turns < 10; turns += 1) await new Promise(setImmediate);
    };

    test('let those that overlap begin, come back in order, and others wait for all of them', async () => {
      const { said, gates, start } = asideWriter();
      const ends = [start('a', true), start('b', true), start('other', false), start('c', true)];
      await quiet();
      expect(said).toEqual(['a begins', 'b begins']);
      gates.get('b')!.open();
      await quiet();
      expect(said).toHaveLength(2);
      gates.get('a')!.open();
      await quiet();
      expect(said.slice(2)).toEqual(['a ends', 'b ends', 'other begins', 'other ends', 'c begins']);
      gates.get('c')!.open();
      expect(await Promise.all(ends)).toEqual(['a', 'b', 'other', 'c']);
    });

    test('hear of what failed meanwhile, and none goes on after a failure of the node', async () => {
      const { writer, gates, start } = asideWriter();
      const [first, second, queued] = [start('a', true), start('b', true), start('c', false)];
      await quiet();
      gates.get('a')!.break(new StoreError('io', 'gone'));
      await expect(first).rejects.toThrow('A fatal internal error occurred, see debug.log for details: gone');
      await expect(second).rejects.toThrow(FatalStorageError);
      await expect(queued).rejects.toThrow(FatalStorageError);
      expect(writer.length).toBe(0);
      await writer.close();
    });
  });
});
