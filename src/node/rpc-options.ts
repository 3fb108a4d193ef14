/** What the user said about JSON-RPC. Throws ConfigError. */
import type { AuthOptions } from '../rpc/auth.ts';
import type { RpcServerOptions } from '../rpc/server.ts';
import type { NodeConfig } from './config.ts';
import { type HostPort, splitHostPort } from './host-port.ts';
import { ConfigError, type Settings } from './settings.ts';

export interface RpcOptions {
  readonly auth: AuthOptions;
  readonly server: RpcServerOptions;
}

export function rpcOptions({ settings, params, directory }: NodeConfig): RpcOptions {
  const port = settings.number('rpcport', params.rpcPort);
  const text = (name: 'rpcuser' | 'rpcpassword' | 'rpccookieperms') => settings.text(name) ?? undefined;
  const [user, password, cookiePerms] = [text('rpcuser'), text('rpcpassword'), text('rpccookieperms')];
  const whitelist = settings.list('rpcwhitelist');
  const cookieFile = settings.isNegated('rpccookiefile') ? null : settings.text('rpccookiefile');
  return {
    auth: {
      directory,
      ...(cookieFile !== undefined && { cookieFile }),
      ...(cookiePerms !== undefined && { cookiePerms }),
      ...(user !== undefined && { user }),
      ...(password !== undefined && { password }),
      rpcAuth: settings.list('rpcauth'),
      whitelist,
      ...(settings.isSet('rpcwhitelistdefault') && {
        whitelistDefault: settings.flag('rpcwhitelistdefault', whitelist.length > 0),
      }),
    },
    server: {
      bind: bindAddresses(settings, port),
      allowIp: settings.list('rpcallowip'),
      timeoutS: settings.number('rpcservertimeout', 30),
      workQueue: settings.number('rpcworkqueue', 64),
      threads: settings.number('rpcthreads', 16),
      wallets: !settings.flag('disablewallet', false),
    },
  };
}

/** `-rpcbind` counts only together with `-rpcallowip`: nobody opens the door by half an option. */
function bindAddresses(settings: Settings, port: number): HostPort[] {
  const wanted = settings.list('rpcbind').map(text => {
    const place = splitHostPort(text, port);
    if (place === undefined || (place.port === 0 && port !== 0))
      throw new ConfigError(`Invalid port specified in -rpcbind: '${text}'`);
    return place;
  });
  if (wanted.length === 0 || settings.list('rpcallowip').length === 0) {
    return ['127.0.0.1', '::1'].map(host => ({ host, port }));
  }
  return wanted;
}
