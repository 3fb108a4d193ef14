/**
 * What is wrong with the chain as we see it, for whoever runs the node (Core: kernel/warning.h, node/warnings.h): others
 * follow rules that this program does not know, or there is much more work in a chain that we refuse. Each is told once by
 * `-alertnotify`, and as long as it holds by `getblockchaininfo`, `getmininginfo` and `getnetworkinfo`.
 */
import type { Milliseconds } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Chain } from '../chain/chain.ts';
import type { ChainNotice } from '../chain/effects.ts';
import { blockProof } from '../consensus/pow.ts';
import type { Engine } from './engine.ts';
import { runCommand } from './notify.ts';

/** Blocks that an invalid chain may be longer than ours before we say so. */
const INVALID_BLOCKS_MAX = 6n;
/** Core: SAFE_CHARS_DEFAULT. The rest does not reach a shell. */
const UNSAFE_CHARACTERS = /[^a-zA-Z0-9 .,;\-_/:?@()]/g;
const INVALID_CHAIN =
  'Warning: Found invalid chain more than 6 blocks longer than our best chain. This could be due to database corruption or consensus incompatibility with peers.';

export interface WarningsDeps {
  readonly chain: Chain;
  readonly log: Log;
  readonly now: () => Milliseconds;
  /** Tells the user, apart from the log. */
  readonly alert: (text: string) => void;
}

export class Warnings {
  readonly #deps: WarningsDeps;
  readonly #standing: readonly string[];
  #unknownRules: string | undefined;
  #invalidChain: string | undefined;

  /** `standing`: what holds for as long as the node runs. */
  constructor(deps: WarningsDeps, standing: readonly string[]) {
    this.#deps = deps;
    this.#standing = standing;
  }

  list(): readonly string[] {
    return [this.#unknownRules, this.#invalidChain, ...this.#standing].filter(text => text !== undefined);
  }

  onChain(notice: ChainNotice): void {
    if (notice.kind === 'tipChanged') this.#checkRules();
    if (notice.kind === 'tipChanged' || notice.kind === 'blockInvalid') this.#checkInvalidChain();
  }

  #checkRules(): void {
    const { chain, log, now, alert } = this.#deps;
    if (chain.isInitialBlockDownload(now())) return;
    for (const { bit, status } of chain.deployments.unknownActivations(chain.tip())) {
      const text = `Unknown new rules activated (versionbit ${bit})`;
      if (status !== 'active') {
        log.warn(`${text}: locked in, and soon to hold`);
        continue;
      }
      if (this.#unknownRules !== undefined) continue;
      this.#unknownRules = text;
      log.warn(text);
      alert(text);
    }
  }

  #checkInvalidChain(): void {
    const { chain, log, alert } = this.#deps;
    const { headers } = chain;
    const tip = chain.tip();
    const limit = headers.chainWorkOf(tip) + INVALID_BLOCKS_MAX * blockProof(headers.bitsOf(tip));
    const isFound = headers.tips().some(id => headers.isInvalid(id) && headers.chainWorkOf(id) > limit);
    if (isFound && this.#invalidChain === undefined) {
      log.warn(INVALID_CHAIN);
      alert(INVALID_CHAIN);
    }
    this.#invalidChain = isFound ? INVALID_CHAIN : undefined;
  }
}

/** Follows the chain from here on; `command`: what `-alertnotify` runs. */
export function startWarnings(
  { engine, log, now }: { readonly engine: Engine } & Pick<WarningsDeps, 'log' | 'now'>,
  options: { readonly command: string | undefined; readonly standing: readonly string[] },
): Warnings {
  const { command, standing } = options;
  const alert = (text: string) => {
    if (command !== undefined && command !== '') runAlertCommand(command, text, log);
  };
  const warnings = new Warnings({ chain: engine.chain, log, now, alert }, standing);
  engine.listen({ onChain: notice => warnings.onChain(notice), onMempool() {} });
  return warnings;
}

/** Runs `-alertnotify`'s command in a shell, `%s` being the text in quotes; nobody waits for it (Core: AlertNotify). */
export function runAlertCommand(command: string, text: string, log: Pick<Log, 'warn'>): void {
  const safe = `'${text.replace(UNSAFE_CHARACTERS, '')}'`;
  void runCommand(command.replaceAll('%s', safe), log);
}
