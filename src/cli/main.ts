/** The commands of `bin/node`. Each is read here and done elsewhere, loaded only when it is called. */
import yargs, { type Argv } from 'yargs';
import { fail } from './fail.ts';
import { CHAIN_OPTIONS, settingsFrom, withNodeOptions, withPlainFlags } from './settings-from-yargs.ts';

export async function main(args: readonly string[]): Promise<void> {
  // Node prints warnings about itself on stderr, which rigs read as failure.
  process.removeAllListeners('warning');
  if (args[0] === 'rpc') {
    // What follows the method belongs to it, also when it looks like an option (`-1`).
    const { rpcCommand } = await import('./rpc-command.ts');
    process.exitCode = await rpcCommand(args.slice(1)).catch(fail);
    return;
  }
  let code = 0;
  const cli = yargs(withPlainFlags(args))
    .scriptName('hearsay')
    .usage('$0 COMMAND\n\nA Bitcoin full node.')
    .command(
      'start',
      'Run a node',
      argv => withNodeOptions(argv),
      async argv => {
        const { runNode } = await import('./run-node.ts');
        code = await runNode(settingsFrom(argv), 'hearsay');
      },
    )
    .command('rpc', 'Call a running node, as bitcoin-cli does: rpc [OPTIONS] METHOD [ARGS]')
    .command(
      'seeder',
      'Run a DNS seed: crawl the network and answer with nodes that accept connections',
      argv =>
        withNodeOptions(argv, [...CHAIN_OPTIONS, 'private-network'])
          .option('zone', { type: 'string', demandOption: true, describe: 'The name to answer for' })
          .option('nameserver', { type: 'string', describe: 'This server’s own name (default ns.<zone>)' })
          .option('listen', { type: 'string', default: '127.0.0.1:53', describe: 'ADDR:PORT to answer on' })
          .option('crawl', {
            type: 'array',
            string: true,
            default: [] as string[],
            describe: 'Peers to start from',
          }),
      async argv => {
        const { runSeeder } = await import('./seeder.ts');
        code = await runSeeder(settingsFrom(argv), argv);
      },
    )
    .command(
      'import <files..>',
      'Validate and store the blocks of files (Core’s blk*.dat framing, also gzip)',
      argv => withNodeOptions(argv).positional('files', { type: 'string', array: true, demandOption: true }),
      async argv => {
        const { runImport } = await import('./import.ts');
        code = await runImport(settingsFrom(argv), argv.files);
      },
    )
    .command(
      'verify-block <file>',
      'Judge one block, raw or gzip, by every rule that what is given allows',
      argv =>
        argv
          .positional('file', { type: 'string', demandOption: true })
          .option('prevouts', { type: 'string', describe: 'JSON file with the coins that the block spends' })
          .option('network', {
            type: 'string',
            describe: 'Whose rules (default: as the prevouts say, or main)',
          })
          .option('genesis', { type: 'string', describe: 'File of a chain of one’s own' })
          .option('height', { type: 'number', describe: 'Where neither coinbase nor prevouts tell it' }),
      async argv => {
        const { verifyBlockFile } = await import('./verify-block.ts');
        code = await verifyBlockFile(argv);
      },
    )
    .command(
      'explain <tx>',
      'Tell why a transaction is refused: which input, at which opcode, by which rule',
      argv =>
        withNodeOptions(argv, [...CHAIN_OPTIONS, 'rpcport', 'rpcuser', 'rpcpassword', 'rpccookiefile'])
          .positional('tx', {
            type: 'string',
            demandOption: true,
            describe: 'Hex, or a file: hex, or {raw, prevouts} a line',
          })
          .option('prevouts', {
            type: 'string',
            describe: 'JSON, or a file of it: [[sat, scriptPubKey hex], …] by input',
          })
          .option('input', { type: 'number', describe: 'Run only the scripts of this input' })
          .option('flags', {
            type: 'string',
            default: 'standard',
            describe: 'Script rules: standard, consensus, or NAME,NAME…',
          })
          .option('json', { type: 'boolean', default: false, describe: 'One JSON object a line' }),
      async argv => {
        const { explainFile } = await import('./explain.ts');
        code = await explainFile(argv, settingsFrom(argv));
      },
    )
    .command(
      'simulate <scenario>',
      'Run a network of whole nodes in virtual time: propagation, waves, bandwidth, strategies, withholding, partition, rule-fork, churn, bootstrap or eclipse',
      argv => simulateOptions(argv),
      async argv => {
        const { runSimulation } = await import('./simulate.ts');
        code = await runSimulation(argv);
      },
    )
    .command('genesis', 'Chains of one’s own', argv =>
      argv
        .command(
          'create',
          'Mine a genesis block and write the file that starts its chain',
          inner => genesisOptions(inner),
          async values => {
            const { createGenesisFile } = await import('./genesis.ts');
            code = createGenesisFile(values);
          },
        )
        .demandCommand(1, 'Which? There is `genesis create`.'),
    )
    .demandCommand(1, 'Which command? `start` runs a node.')
    .strict()
    .help()
    .version(false)
    .wrap(Math.min(120, process.stdout.columns ?? 100))
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new Error(`${(message ?? 'Unknown command').replace(/\.$/, '')}. See --help.`);
    });
  try {
    await cli.parseAsync();
  } catch (error) {
    code = fail(error);
  }
  process.exitCode = code;
}

function simulateOptions<T>(argv: Argv<T>) {
  return argv
    .positional('scenario', { type: 'string', demandOption: true })
    .option('nodes', { type: 'number', describe: 'How many' })
    .option('seed', { type: 'number', default: 1, describe: 'The same seed gives the same run' })
    .option('duration', { type: 'string', describe: 'Virtual time that is measured: 90s, 10m, 2h' })
    .option('reachable', { type: 'number', describe: 'Share of the nodes that accept connections' })
    .option('tx', { type: 'number', describe: 'Transactions a second' })
    .option('blocks', { type: 'string', describe: 'Mean time between blocks' })
    .option('latency', { type: 'number', describe: 'Median one-way latency of a link, ms' })
    .option('sigma', { type: 'number', describe: 'Spread of latencies (lognormal); 0: all alike' })
    .option('latency-matrix', {
      type: 'string',
      describe: 'Regions and round trips instead: “world”, or a JSON file (docs/network.md)',
    })
    .option('bandwidth', { type: 'number', describe: 'Of each node and direction, Mbit/s (0: no limit)' })
    .option('loss', { type: 'number', describe: 'Share of messages that are lost once' })
    .option('breakage', { type: 'number', describe: 'Share of the links that die silently in an hour' })
    .option('slow-readers', { type: 'number', describe: 'Share of the nodes that read a kilobyte a second' })
    .option('relay-strategy', {
      type: 'string',
      describe: 'Who is told of transactions: flood, gossip-K, tree or reconcile',
    })
    .option('overlay', {
      type: 'string',
      describe: 'dialed: nodes find their peers; standing: their links stand from the start',
    })
    .option('memo', { type: 'boolean', default: true, describe: 'Decode alike bytes once for all nodes' })
    .option('json', { type: 'string', describe: 'File for the figures' })
    .option('report', { type: 'string', describe: 'File for a page with pictures' });
}

function genesisOptions<T>(argv: Argv<T>) {
  return argv
    .option('out', { type: 'string', demandOption: true, describe: 'File to write' })
    .option('name', { type: 'string', default: 'custom', describe: 'Name of the chain and of its folder' })
    .option('message', {
      type: 'string',
      default: 'Everything a peer says is hearsay',
      describe: 'In the first coinbase',
    })
    .option('time', { type: 'number', describe: 'Unix time of the block (default: now)' })
    .option('bits', {
      type: 'string',
      default: '207fffff',
      describe: 'Compact target of the block and the chain, hex',
    })
    .option('subsidy', { type: 'number', default: 50, describe: 'Coins of a block at first' })
    .option('halving', { type: 'number', default: 150, describe: 'Blocks until the subsidy halves' })
    .option('magic', { type: 'string', describe: 'Four bytes, hex (default: from the genesis hash)' })
    .option('port', { type: 'number', default: 18555, describe: 'Default port of the network' })
    .option('rpcport', { type: 'number', default: 18554, describe: 'Default port of JSON-RPC' })
    .option('pubkeyhash', { type: 'number', default: 111, describe: 'Address prefix' })
    .option('scripthash', { type: 'number', default: 196, describe: 'Address prefix' })
    .option('wif', { type: 'number', default: 239, describe: 'Prefix of private keys' })
    .option('bech32', {
      type: 'string',
      default: 'bcrt',
      describe: 'Human-readable part of segwit addresses',
    })
    .option('seed', {
      type: 'array',
      string: true,
      default: [] as string[],
      describe: 'DNS seeds of the chain',
    });
}
