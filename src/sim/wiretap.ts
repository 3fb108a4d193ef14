/** Who listens to what nodes say: checks, and scenarios that count more than the metrics do. */
import type { Message } from '../wire/messages.ts';
import type { Connection } from './sim-connection.ts';

/** Sees every message that a node sends or gets, by its own end of the link. */
export interface Wiretap {
  sent(node: number, connection: Connection, message: Message): void;
  received(node: number, connection: Connection, message: Message): void;
  closed(node: number, connection: Connection): void;
}
