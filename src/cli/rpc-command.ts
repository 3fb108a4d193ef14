/** `bin/node rpc METHOD …`: finds the node of this chain and directory, calls it, prints as bitcoin-cli does. */
import yargs from 'yargs';
import { loadConfig } from '../node/config.ts';
import { rpcOptions } from '../node/rpc-options.ts';
import { cookiePath } from '../rpc/auth.ts';
import { NODE_METHOD_DECLARATIONS } from '../rpc/methods/node-methods.ts';
import { WALLET_METHOD_DECLARATIONS } from '../rpc/methods/wallet/wallet-methods.ts';
import { runRpcCommand } from './rpc-client.ts';
import { CHAIN_OPTIONS, settingsFrom, withNodeOptions } from './settings-from-yargs.ts';

/** `args`: options, then the method and its arguments as they are. Throws ConfigError. */
export async function rpcCommand(args: readonly string[]): Promise<number> {
  const options = yargs([...args])
    .scriptName('hearsay')
    .usage(
      '$0 rpc [OPTIONS] METHOD [ARGS]\n\nCalls a running node, as bitcoin-cli does. METHOD `help` lists what there is.',
    )
    .version(false)
    .wrap(Math.min(120, process.stdout.columns ?? 100))
    .parserConfiguration({ 'halt-at-non-option': true, 'parse-positional-numbers': false });
  const argv = await withNodeOptions(options, [
    ...CHAIN_OPTIONS,
    'rpcport',
    'rpcuser',
    'rpcpassword',
    'rpccookiefile',
  ])
    .option('rpcwallet', { type: 'string', describe: 'Wallet to ask' })
    .option('rpcconnect', { type: 'string', describe: 'Host to ask (default 127.0.0.1)' })
    .option('named', { type: 'boolean', describe: 'Arguments are NAME=VALUE' })
    .parseAsync();
  const config = loadConfig(settingsFrom(argv), 'hearsay');
  const { auth, server } = rpcOptions(config);
  const target = {
    host: argv.rpcconnect ?? '127.0.0.1',
    port: server.bind[0]!.port,
    user: auth.user,
    password: auth.password,
    cookieFile: cookiePath(auth),
    wallet: argv.rpcwallet,
  };
  const declarations = [...NODE_METHOD_DECLARATIONS, ...WALLET_METHOD_DECLARATIONS];
  const words = argv._.map(String);
  const { code, stdout, stderr } = await runRpcCommand(
    target,
    declarations,
    words,
    argv.named === true ? 'named' : 'positional',
  );
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  return code;
}
