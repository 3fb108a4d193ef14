/** `bin/node rpc METHOD …`: finds the node of this chain and directory, calls it, prints as bitcoin-cli does. */
import { loadConfig } from '../node/config.ts';
import { rpcOptions } from '../node/rpc-options.ts';
import type { SettingSource } from '../node/settings.ts';
import { cookiePath } from '../rpc/auth.ts';
import { NODE_METHOD_DECLARATIONS } from '../rpc/methods/node-methods.ts';
import { WALLET_METHOD_DECLARATIONS } from '../rpc/methods/wallet/wallet-methods.ts';
import { runRpcCommand } from './rpc-client.ts';

export interface RpcArguments {
  readonly method: string;
  readonly args?: readonly string[] | undefined;
  readonly rpcwallet?: string | undefined;
  readonly rpcconnect?: string | undefined;
  readonly named?: boolean | undefined;
}

export async function callFromCommandLine(commandLine: SettingSource, args: RpcArguments): Promise<number> {
  const config = loadConfig(commandLine, 'hearsay');
  const { auth, server } = rpcOptions(config);
  const target = {
    host: args.rpcconnect ?? '127.0.0.1',
    port: server.bind[0]!.port,
    user: auth.user,
    password: auth.password,
    cookieFile: cookiePath(auth),
    wallet: args.rpcwallet,
  };
  const declarations = [...NODE_METHOD_DECLARATIONS, ...WALLET_METHOD_DECLARATIONS];
  const words = [args.method, ...(args.args ?? [])];
  const { code, stdout, stderr } = await runRpcCommand(
    target,
    declarations,
    words,
    args.named === true ? 'named' : 'positional',
  );
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  return code;
}
