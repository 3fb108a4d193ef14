/** A node from its start to its end, as a process: signals, exit codes, and one line on stderr when it cannot start. */
import { loadConfig, type Persona } from '../node/config.ts';
import { type RunningNode, startNode } from '../node/node.ts';
import type { SettingSource } from '../node/settings.ts';
import { fail } from './fail.ts';

/** Resolves to the exit code: 0 after a clean stop, 1 when it could not start or had to give up. */
export async function runNode(commandLine: SettingSource, persona: Persona): Promise<number> {
  let node: RunningNode;
  try {
    node = await startNode(loadConfig(commandLine, persona));
  } catch (error) {
    return fail(error);
  }
  const stop = () => node.stop();
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    await node.stopped;
    return 0;
  } catch (error) {
    return fail(error);
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}
