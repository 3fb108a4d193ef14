/** What indexes see: the chain up to where each block was validated by this node, whatever a snapshot says of those above. */
import type { ChainState } from './chain-state.ts';
import type { ChainView, HeaderId } from './chain-view.ts';
import type { HeaderTree } from './header-tree.ts';

export interface ValidatedChain extends Pick<ChainView, 'tip' | 'atHeight' | 'isActive'> {
  readonly headers: HeaderTree;
  /** Where its coins on disk stand. */
  flushedBlock(): HeaderId | undefined;
  setPruneLock(name: string, first: number, firstOnDisk: number): void;
}

/** `state`: the chainstate whose blocks are all validated; another one when its history is done. */
export function validatedChain(
  chain: { readonly headers: HeaderTree } & Pick<ValidatedChain, 'setPruneLock'>,
  state: () => ChainState,
): ValidatedChain {
  return {
    get headers() {
      return chain.headers;
    },
    tip: () => state().tip(),
    atHeight: height => state().atHeight(height),
    isActive: id => state().isActive(id),
    flushedBlock() {
      const { storedBlock } = state().coins;
      return storedBlock === undefined ? undefined : chain.headers.find(storedBlock);
    },
    setPruneLock: (...lock) => chain.setPruneLock(...lock),
  };
}
