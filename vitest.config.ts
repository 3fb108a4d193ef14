import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes long begins first: a long file at the end would keep one core waiting. */
const FIRST = ['test/node', 'test/sim', 'test/bench', 'test/fuzz', 'test/spec'];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = FIRST.findIndex(folder => moduleId.includes(`/${folder}/`));
      return place === -1 ? FIRST.length : place;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores is what a small machine has; files run in parallel, tests of a file in order.
    maxWorkers: 2,
    // A process runs many files: to load the sources anew for each, and to run them cold, is a third of the work. What
    // files share by that are modules, and those keep no state.
    isolate: false,
    sequence: { sequencer: LongFirst },
  },
});
