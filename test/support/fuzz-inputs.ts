/** Inputs of public fuzzers, each with the target that it was made for. They carry no verdicts. */
import { readShared } from './shared.ts';

interface FuzzInput {
  readonly target: string;
  readonly hex: string;
}

/** `corpora`: files of the shared folder, by the name before `.jsonl.gz`. */
export function readFuzzInputs(...corpora: readonly string[]): readonly FuzzInput[] {
  return corpora.flatMap(name =>
    readShared(`vectors/fuzz/${name}.jsonl.gz`)
      .toString('utf8')
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line) as FuzzInput),
  );
}
