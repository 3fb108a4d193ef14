/** `bin/bitcoind`: the same node for rigs made for Bitcoin Core, with single-dash arguments and Core's manners. */
import { OPTIONS, type OptionDeclaration } from '../node/option-table.ts';
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
  if (args.some(arg => /^--?(help|help-debug|h|\?)$/.test(arg))) {
    process.stdout.write(helpText());
    return;
  }
  try {
    process.exitCode = await runNode(parseDashArguments(args), 'bitcoind');
  } catch (error) {
    process.exitCode = fail(error);
  }
}

/** Options without a text are accepted only. */
function helpText(): string {
  const lines = ['Usage: bitcoind [options]', '', 'Options:', ''];
  for (const [name, option] of Object.entries<OptionDeclaration>(OPTIONS)) {
    if (option.help === undefined || option.isOurs) continue;
    const value = option.kind === 'flag' ? '' : option.kind === 'number' ? '=<n>' : '=<text>';
    lines.push(`  -${name}${value}`, `       ${option.help}`, '');
  }
  return lines.join('\n');
}
