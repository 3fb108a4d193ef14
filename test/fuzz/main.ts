/**
 * Fuzzes a node for as long as it is told to; see run.ts. The same seed says the same again. Exit code 1 when something broke.
 *
 *   npm run fuzz -- --seed N --messages M
 */
import { parseArgs } from 'node:util';
import { fuzz } from './run.ts';

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, messages: { type: 'string', default: '1000000' } },
});
const options = { seed: Number(values.seed), messages: Number(values.messages) };
const started = performance.now();
let done = 0;
try {
  for (const progress of fuzz(options)) {
    done = progress.messages;
    const seconds = (performance.now() - started) / 1000;
    process.stdout.write(
      `${done.toLocaleString('en')} messages · ${progress.sessions.toLocaleString('en')} connections · ` +
        `${Math.round(done / seconds).toLocaleString('en')}/s · ${(progress.reachableBytes / 1e6).toFixed(0)} MB · ` +
        `${progress.headers.toLocaleString('en')} headers · honest block after ${progress.blockMs} ms\n`,
    );
  }
  process.stdout.write('Nothing broke.\n');
} catch (error) {
  process.stdout.write(
    `Broke after ${done.toLocaleString('en')} messages; again: npm run fuzz -- --seed ${options.seed} --messages ${done + 25_000}\n` +
      `${(error as Error).stack}\n`,
  );
  process.exitCode = 1;
}
