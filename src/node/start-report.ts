/** What whoever starts a node is told: that it runs, what the last run left undone, and why it cannot start. */
import { toUnixSeconds } from '../base/clock.ts';
import type { ChainParams } from '../consensus/params.ts';
import { AuthSetupError } from '../rpc/auth.ts';
import { RpcServerError } from '../rpc/server.ts';
import { StoreError } from '../store/errors.ts';
import type { NodeConfig } from './config.ts';
import type { DebugLog } from './debug-log.ts';
import { rpcOptions } from './rpc-options.ts';
import { ConfigError } from './settings.ts';
import { FatalStorageError } from './writer.ts';

/** What must be known before trusting this node with money. */
export function standingWarnings(params: ChainParams): readonly string[] {
  if (params.name !== 'main') return [];
  return [
    'Agreement with Bitcoin Core on every rule of mainnet is not proven yet: consensus may be incomplete. Do not trust this node with money.',
  ];
}

/** What somebody at a terminal wants to know first. */
export function tellUser(config: NodeConfig): void {
  const { persona, params } = config;
  if (persona === 'bitcoind') return;
  const rpc = rpcOptions(config);
  const { host, port } = rpc.server.bind[0]!;
  for (const warning of standingWarnings(params)) process.stdout.write(`Warning: ${warning}\n`);
  process.stdout.write(`Hearsay runs on ${params.name} since ${new Date(toUnixSeconds(Date.now()) * 1_000).toISOString()}; RPC on ${host}:${port}\n`); // biome-ignore format: one text
}

/** In one line: what the last run has left undone, and what became of it. */
export function logRecovery(
  log: DebugLog,
  last: { readonly wasKilled: boolean; readonly recovered: readonly string[] },
): void {
  const { wasKilled, recovered } = last;
  if (!wasKilled && recovered.length === 0) return;
  const how = wasKilled ? 'was killed' : 'did not end cleanly';
  const what = recovered.length === 0 ? 'nothing was left undone' : recovered.join('; ');
  log.warn(`The last run ${how}: ${what}`);
}

/** Errors in words for whoever started the node. */
export function explained(error: unknown): unknown {
  if (error instanceof AuthSetupError || error instanceof RpcServerError) {
    return new ConfigError('Unable to start HTTP server. See debug log for details.');
  }
  const isStorage = error instanceof FatalStorageError || error instanceof StoreError;
  return isStorage ? new ConfigError(error.message) : error;
}
