/** `bin/node rpc METHOD [ARGS]`: where the node is and who asks, from options and bitcoin.conf as bitcoin-cli finds them. */
import { loadConfig } from '../node/config.ts';
import { ConfigError, type SettingSource } from '../node/settings.ts';
import { cookiePath } from '../rpc/auth.ts';
import { NODE_METHOD_DECLARATIONS } from '../rpc/methods/node-methods.ts';
import { runRpcCommand } from './rpc-client.ts';

const DEFAULT_HOST = '127.0.0.1';

export interface RpcArguments {
  readonly method: string;
  readonly args: readonly string[];
  readonly rpcwallet?: string | undefined;
  /** HOST or HOST:PORT. */
  readonly rpcconnect?: string | undefined;
  readonly named?: boolean | undefined;
}

/** Prints the answer; resolves to the exit code. Throws ConfigError. */
export async function callFromCommandLine(commandLine: SettingSource, asked: RpcArguments): Promise<number> {
  const { settings, params, directory } = loadConfig(commandLine, 'hearsay');
  const { host, port } = parseHost(asked.rpcconnect ?? DEFAULT_HOST);
  const cookieFile = settings.isNegated('rpccookiefile') ? null : settings.text('rpccookiefile');
  const target = {
    host,
    port: settings.isSet('rpcport') ? settings.number('rpcport', 0) : (port ?? params.rpcPort),
    user: settings.text('rpcuser'),
    password: settings.text('rpcpassword'),
    cookieFile: cookiePath({ directory, ...(cookieFile !== undefined && { cookieFile }) }),
    wallet: asked.rpcwallet,
  };
  const words = [asked.method, ...asked.args];
  const style = asked.named === true ? 'named' : 'positional';
  const { code, stdout, stderr } = await runRpcCommand(target, NODE_METHOD_DECLARATIONS, words, style);
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  return code;
}

function parseHost(text: string): { readonly host: string; readonly port: number | undefined } {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text);
  // An IPv6 address may stand without brackets when there is no port.
  if (match === null) return { host: text, port: undefined };
  const port = match[3] === undefined ? undefined : Number(match[3]);
  if (port === 0 || (port !== undefined && port > 0xffff)) {
    throw new ConfigError(`Invalid port provided in -rpcconnect: ${text}`);
  }
  return { host: match[1] ?? match[2]!, port };
}
