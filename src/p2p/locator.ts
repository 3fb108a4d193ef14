/** Locators: a branch told in a few hashes, dense at its end and ever sparser towards genesis (Core: src/chain.cpp). */
import type { BlockHash } from '../base/bytes.ts';
import type { ChainView, HeaderId, HeaderView } from '../chain/chain-view.ts';

/** Hashes one after another before the steps double. */
const DENSE_HASHES = 10;

export function locatorOf(headers: HeaderView, id: HeaderId): BlockHash[] {
  const locator: BlockHash[] = [];
  let height = headers.heightOf(id);
  for (let step = 1; ; ) {
    id = headers.ancestorOf(id, height);
    locator.push(headers.hashOf(id));
    if (height === 0) return locator;
    height = Math.max(height - step, 0);
    if (locator.length > DENSE_HASHES) step *= 2;
  }
}

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
