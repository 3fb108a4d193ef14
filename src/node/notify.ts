/** Commands that the user has run when something happens: each in a shell, with what happened filled in (Core: runCommand). */
import { spawn } from 'node:child_process';
import { hashToHex } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { WalletTx } from '../wallet/wallet-tx.ts';
import type { Engine } from './engine.ts';

/** In place of a block where there is none. */
const UNCONFIRMED = { height: '-1', block: 'unconfirmed' };

/** Resolves when it has ended, however; nobody need wait for it, nor does the end of the node. */
export function runCommand(command: string, log: Pick<Log, 'warn'>): Promise<void> {
  return new Promise(resolve => {
    const child = spawn(command, { shell: true, stdio: 'ignore', detached: true });
    child.on('error', error => {
      log.warn(`runCommand error: ${command} cannot be run: ${error.message}`);
      resolve();
    });
    child.on('exit', (code, signal) => {
      if (code !== 0) log.warn(`runCommand error: ${command} ended with ${code ?? signal}`);
      resolve();
    });
    child.unref();
  });
}

/** As one word of a command (Core: ShellEscape). */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}

/** `-blocknotify`: for each new tip, once the chain has caught up; %s is its hash. */
export function startBlockNotify(
  command: string,
  { engine, log, now }: { readonly engine: Engine; readonly log: Log; readonly now: () => Milliseconds },
): void {
  const { chain } = engine;
  engine.listen({
    onChain(notice) {
      if (notice.kind !== 'tipChanged' || chain.isInitialBlockDownload(now())) return;
      const hash = hashToHex(chain.headers.hashOf(notice.tip));
      void runCommand(command.replaceAll('%s', hash), log);
    },
    onMempool() {},
  });
}

/** `-walletnotify` of a transaction: %s is its id, %w the wallet, %b and %h the block's hash and height. */
export function walletNotifyCommand(command: string, wallet: string, { tx, state }: WalletTx): string {
  const { height, block } =
    state.kind === 'confirmed'
      ? { height: String(state.height), block: hashToHex(state.blockHash) }
      : UNCONFIRMED;
  const values: Readonly<Record<string, string>> = {
    '%s': hashToHex(tx.txid),
    '%b': block,
    '%h': height,
    '%w': shellQuote(wallet),
  };
  return command.replaceAll(/%[sbhw]/g, found => values[found]!);
}
