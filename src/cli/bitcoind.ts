/** `bin/bitcoind`: the same node for rigs made for Bitcoin Core, with single-dash arguments and Core's manners. */
import { parseDashArguments } from '../node/settings.ts';
import { fail } from './fail.ts';
import { runNode } from './run-node.ts';

export async function bitcoindMain(args: readonly string[]): Promise<void> {
  // Node prints warnings about itself on stderr, which rigs read as failure.
  process.removeAllListeners('warning');
  if (args.some(arg => /^--?(version|V)$/.test(arg))) {
    process.stdout.write('Bitcoin Core daemon version v31.99.0 (Hearsay standing in)\n');
    return;
  }
  try {
    process.exitCode = await runNode(parseDashArguments(args), 'bitcoind');
  } catch (error) {
    process.exitCode = fail(error);
  }
}
