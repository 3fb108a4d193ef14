/** Locators: a branch told in a few hashes (see `HeaderView.locatorOf`). */
import type { BlockHash } from '../base/bytes.ts';
import type { ChainView, HeaderId } from '../chain/chain-view.ts';

/** The last block of the active chain that whoever sent the locator has; genesis at least (Core: FindForkInGlobalIndex). */
export function findFork(chain: ChainView, locator: readonly BlockHash[]): HeaderId {
  const { headers } = chain;
  const tip = chain.tip();
  const tipHeight = headers.heightOf(tip);
  for (const hash of locator) {
    const id = headers.find(hash);
    if (id === undefined) continue;
    if (chain.isActive(id)) return id;
    if (headers.heightOf(id) >= tipHeight && headers.ancestorOf(id, tipHeight) === tip) return tip;
  }
  return chain.atHeight(0)!;
}
