/** Who listens to what nodes say: checks, and scenarios that count more than the metrics do. */
import type { Message } from '../wire/messages.ts';
import type { Link } from './link.ts';

/** Sees every message that a node sends or gets. */
export interface Wiretap {
  sent(node: number, link: Link, message: Message): void;
  received(node: number, link: Link, message: Message): void;
  closed(node: number, link: Link): void;
}
