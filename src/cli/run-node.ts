/** A node from its start to its end, as a process: signals, exit codes, and one line on stderr when it cannot start. */
import { loadConfig, type Persona } from '../node/config.ts';
import { type RunningNode, startNode } from '../node/node.ts';
import type { SettingSource } from '../node/settings.ts';
import { UnusableDatabaseError } from '../node/start-engine.ts';
import { fail } from './fail.ts';

/** Resolves to the exit code: 0 after a clean stop, 1 when it could not start or had to give up. */
export async function runNode(commandLine: SettingSource, persona: Persona): Promise<number> {
  const running: { node: RunningNode | undefined; isStopped: boolean } = {
    node: undefined,
    isStopped: false,
  };
  const stop = () => {
    // During the start there is nothing to stop yet: then it is stopped as soon as it stands.
    running.isStopped = true;
    running.node?.stop();
  };
  // A bug that nobody caught: what is stored is brought to safety, and the process says so and ends.
  const giveUp = (error: unknown) => {
    if (running.node === undefined) process.exit(fail(error));
    running.node.giveUp(error);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  process.on('uncaughtException', giveUp).on('unhandledRejection', giveUp);
  try {
    const warn = (text: string) => process.stderr.write(`Warning: ${text}\n`);
    const config = loadConfig(commandLine, persona);
    for (const name of config.ignoredIncludes)
      process.stderr.write(`warning: -includeconf cannot be used from included files; ignoring -includeconf=${name}\n`); // biome-ignore format: one text
    running.node = await startNode(config, warn);
    if (running.isStopped) running.node.stop();
    await running.node.stopped;
    return 0;
  } catch (error) {
    // Core says this one, a question to those who have a window, without its usual beginning.
    return persona === 'bitcoind' && error instanceof UnusableDatabaseError ? fail(error, '') : fail(error);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    process.off('uncaughtException', giveUp).off('unhandledRejection', giveUp);
  }
}
