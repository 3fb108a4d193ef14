/** `bin/node seeder`: a DNS seed as a process. */
import { SECOND_MS } from '../base/clock.ts';
import { loadConfig } from '../node/config.ts';
import { DebugLog } from '../node/debug-log.ts';
import { startSeeder } from '../node/seeder.ts';
import { ConfigError, type SettingSource } from '../node/settings.ts';
import { parseAddress } from '../wire/net-address.ts';
import { fail } from './fail.ts';

/** How often the state is told, when it has changed. */
const REPORT_MS = 10 * SECOND_MS;

export interface SeederArguments {
  readonly zone: string;
  readonly nameserver?: string | undefined;
  readonly listen: string;
  readonly crawl: readonly string[];
}

export async function runSeeder(commandLine: SettingSource, args: SeederArguments): Promise<number> {
  const { params, settings } = loadConfig(commandLine, 'hearsay');
  const listen = parseAddress(args.listen, 53);
  if (listen === undefined) throw new ConfigError(`--listen ${args.listen} is not ADDR:PORT`);
  const crawl = args.crawl.map(text => {
    const address = parseAddress(text, params.defaultPort);
    if (address === undefined) throw new ConfigError(`--crawl ${text} is not ADDR or ADDR:PORT`);
    return address;
  });
  const log = new DebugLog({ file: undefined, toConsole: true, categories: new Set(), microseconds: false });
  return new Promise(resolve => {
    const zone = args.zone;
    const host = args.listen.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
    const options = {
      params,
      crawl,
      zone,
      nameServer: args.nameserver ?? `ns.${zone}`,
      listen: { host, port: listen.port },
      privateNetwork: settings.flag('private-network', false),
      userAgent: '/Hearsay-seeder:0.1.0/',
    };
    startSeeder(options, { log, onFatal: error => resolve(fail(error)) }).then(
      seeder => {
        log.info(`Answering for ${zone} on ${host}:${seeder.port}, starting from ${crawl.length} nodes`);
        let told = '';
        const timer = setInterval(() => {
          const { known, good } = seeder.counts();
          const line = `${good} of ${known} known nodes accept connections`;
          if (line !== told) log.info(line);
          told = line;
        }, REPORT_MS);
        const stop = () => {
          clearInterval(timer);
          seeder.stop().then(() => resolve(0));
        };
        process.once('SIGINT', stop);
        process.once('SIGTERM', stop);
      },
      error => resolve(fail(error)),
    );
  });
}
