/** What tasks of the mempool ask for: the effects of the one writer, and one of their own. */
import type { Task } from '../base/task.ts';
import type { WriterEffect } from '../chain/effects.ts';
import type { MempoolNotice } from './mempool-view.ts';

/** `notifyMempool`: → void, wallets and p2p have been told. */
export type MempoolEffect = WriterEffect | { readonly kind: 'notifyMempool'; readonly notice: MempoolNotice };
export type MempoolTask<Result> = Task<MempoolEffect, Result>;
