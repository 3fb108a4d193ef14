/** Waiting for the chain, for methods that answer when something has happened. */
import type { HeaderId } from '../chain/chain-view.ts';
import type { NodeFacade } from './node-facade.ts';

/** Longest delay of a timer in Node. */
const TIMER_MS_MAX = 0x7fff_ffff;

/**
 * Resolves as soon as `isReached` holds of the tip, at once if it does now; also after `timeoutMs` (0: never) and when
 * `stopping` is aborted. Whoever waits reads the tip again.
 */
export function waitForTip(
  node: Pick<NodeFacade, 'chain' | 'blocks'>,
  isReached: (tip: HeaderId) => boolean,
  limits: { readonly timeoutMs: number; readonly stopping: AbortSignal },
): Promise<void> {
  const { timeoutMs, stopping } = limits;
  return new Promise(resolve => {
    if (stopping.aborted || isReached(node.chain.tip())) {
      resolve();
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    const done = (): void => {
      clearTimeout(timer);
      stopListening();
      stopping.removeEventListener('abort', done);
      resolve();
    };
    const stopListening = node.blocks.onNotice(notice => {
      if (notice.kind === 'tipChanged' && isReached(notice.tip)) done();
    });
    stopping.addEventListener('abort', done);
    if (timeoutMs > 0) timer = setTimeout(done, Math.min(timeoutMs, TIMER_MS_MAX));
  });
}
