/** Wires a DNS seed: the crawler on TCP, its finds on DNS. */
import { MINUTE_MS, SECOND_MS } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { ChainParams } from '../consensus/params.ts';
import { DnsServer, type DnsServerOptions } from '../net/dns-server.ts';
import { Crawler } from '../p2p/crawler.ts';
import { isRoutable } from '../p2p/netgroup.ts';
import type { NetAddress } from '../wire/net-address.ts';
import { NodeClock } from './clocks.ts';
import { SystemRandom } from './entropy.ts';
import { PeerPump } from './peer-pump.ts';

const PROTOCOL_VERSION = 70017;
/** Nodes of the public network are visited again after this long, those of a private one soon. */
const REVISIT_MS = 30 * MINUTE_MS;
const PRIVATE_REVISIT_MS = 5 * SECOND_MS;

export interface SeederOptions extends DnsServerOptions {
  readonly params: ChainParams;
  readonly privateNetwork: boolean;
  /** Nodes to start from. */
  readonly crawl: readonly NetAddress[];
  readonly userAgent: string;
}

export interface RunningSeeder {
  /** Of the DNS server, UDP and TCP. */
  readonly port: number;
  /** Nodes heard of, and nodes that would be answered with. */
  counts(): { readonly known: number; readonly good: number };
  stop(): Promise<void>;
}

/** Rejects with the system's error when the DNS port cannot be had. `onFatal` hears of bugs. */
export async function startSeeder(
  options: SeederOptions,
  deps: { readonly log: Log; readonly onFatal: (error: unknown) => void },
): Promise<RunningSeeder> {
  const clock = new NodeClock();
  const random = new SystemRandom();
  const { privateNetwork, params } = options;
  const crawler = new Crawler(
    { random },
    {
      protocolVersion: PROTOCOL_VERSION,
      userAgent: options.userAgent,
      defaultPort: params.defaultPort,
      revisitMs: privateNetwork ? PRIVATE_REVISIT_MS : REVISIT_MS,
      isRoutable: address => isRoutable(address, { privateNetwork }),
    },
  );
  const pump = new PeerPump(
    { machine: crawler, operations: () => undefined, clock, ...deps },
    { magic: params.magic, random, acceptsV2: false, permissionsOf: () => [] },
  );
  const good = (services: bigint, network: 'ipv4' | 'ipv6', limit: number) =>
    crawler.good(services, network, limit, clock.now());
  const server = new DnsServer({ source: good, log: deps.log }, options);
  const port = await server.start();
  crawler.add(options.crawl, clock.now());
  pump.dispatch({ kind: 'tick' });
  return {
    port,
    counts: () => ({
      known: crawler.size,
      good:
        good(0n, 'ipv4', Number.MAX_SAFE_INTEGER).length + good(0n, 'ipv6', Number.MAX_SAFE_INTEGER).length,
    }),
    async stop() {
      await Promise.all([pump.stop(), server.close()]);
    },
  };
}
