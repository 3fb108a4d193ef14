/** Connections that we have asked for and that neither stand nor failed yet; each has a number by which the shell answers. */

import { HOUR_MS, SECOND_MS } from '../base/clock.ts';
import { LateMap } from '../base/late-map.ts';
import type { Log } from '../base/log.ts';
import { SERVICES } from '../wire/messages.ts';
import { addressKey, addressText } from '../wire/net-address.ts';
import type { AddressBook } from './address-book.ts';
import type { P2pContext } from './concern.ts';
import type { ConnectionType, DialTarget } from './events.ts';
import type { Outbox } from './outbox.ts';

export interface Dial {
  readonly attempt: number;
  readonly target: DialTarget;
  readonly type: Exclude<ConnectionType, 'inbound'>;
  readonly transport: DialTransport;
  readonly throughTor?: true;
}

export type DialTransport = 'v1' | 'v2';

export class Dialer {
  readonly #outbox: Outbox;
  readonly #log: Log;
  readonly #addressBook: AddressBook;
  readonly #defaultTransport: DialTransport;
  readonly #open = new LateMap<number, Dial>();
  #attempts = 0;

  constructor(context: Pick<P2pContext, 'outbox' | 'options' | 'log' | 'addressBook'>) {
    const { outbox, options } = context;
    this.#outbox = outbox;
    this.#log = context.log;
    this.#addressBook = context.addressBook;
    this.#defaultTransport = (options.services & SERVICES.v2Transport) === 0n ? 'v1' : 'v2';
  }

  /** Encrypted where we offer that, unless `transport` says otherwise. */
  dial(
    target: DialTarget,
    type: Dial['type'],
    transport = this.#defaultTransport,
    through: Pick<Dial, 'throughTor'> = {},
  ): Dial {
    const { throughTor } = through;
    const dial: Dial = {
      attempt: this.#attempts,
      target,
      type,
      transport,
      ...(throughTor && { throughTor }),
    };
    this.#attempts += 1;
    this.#open.set(dial.attempt, dial);
    this.#outbox.emit({ kind: 'connect', ...dial });
    this.#log.debug('net', () => `trying ${transport} connection (${type}) to ${targetText(target)}, lastseen=${this.#lastSeenHours(target)}hrs`); // biome-ignore format: one line of the log
    return dial;
  }

  /** By what we were told; 0 for whom the book does not know. */
  #lastSeenHours(target: DialTarget): string {
    const entry = target.kind === 'address' ? this.#addressBook.find(target.address) : undefined;
    return (entry === undefined ? 0 : (this.#outbox.now - entry.time * SECOND_MS) / HOUR_MS).toFixed(1);
  }

  /** It stands, or failed; undefined for a number that is not open. */
  end(attempt: number): Dial | undefined {
    const dial = this.#open.get(attempt);
    this.#open.delete(attempt);
    return dial;
  }

  count(wanted: (dial: Dial) => boolean): number {
    let count = 0;
    for (const dial of this.#open.values()) if (wanted(dial)) count += 1;
    return count;
  }

  isDialing(target: DialTarget): boolean {
    return this.count(dial => targetKey(dial.target) === targetKey(target)) > 0;
  }
}

export function targetKey(target: DialTarget): string {
  return target.kind === 'address' ? addressKey(target.address) : targetText(target);
}

/** As the user writes it, with the port. */
function targetText(target: DialTarget): string {
  return target.kind === 'address' ? addressText(target.address) : `${target.host}:${target.port}`;
}
