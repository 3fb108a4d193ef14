/**
 * What rules ask about a block's ancestors: the part of the chain's header tree that they need. A reference is
 * whatever the tree addresses its entries by.
 */
import type { BlockHash } from '../base/bytes.ts';
import type { UnixSeconds } from '../base/clock.ts';

export type HeaderRef = number;

export interface HeaderContext {
  hashOf(ref: HeaderRef): BlockHash;
  /** undefined for genesis. */
  parentOf(ref: HeaderRef): HeaderRef | undefined;
  heightOf(ref: HeaderRef): number;
  timeOf(ref: HeaderRef): UnixSeconds;
  bitsOf(ref: HeaderRef): number;
  versionOf(ref: HeaderRef): number;
  /** Median of the times of this block and its ten ancestors (BIP113). */
  medianTimePastOf(ref: HeaderRef): UnixSeconds;
  /** The ancestor of `ref`, or itself, at `height`. */
  ancestorOf(ref: HeaderRef, height: number): HeaderRef;
}
