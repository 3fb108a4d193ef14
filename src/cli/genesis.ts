/** `bin/node genesis create`: mines the first block of a chain of one's own and writes the file that starts it. */
import fs from 'node:fs';
import { hexToBytes, isHex } from '../base/bytes.ts';
import { toUnixSeconds } from '../base/clock.ts';
import { COIN } from '../consensus/amount.ts';
import { customNetwork } from '../consensus/networks.ts';
import { createGenesis } from '../mining/create-genesis.ts';
import { ConfigError } from '../node/settings.ts';

export interface GenesisArguments {
  readonly out: string;
  readonly name: string;
  readonly message: string;
  readonly time?: number | undefined;
  readonly bits: string;
  readonly subsidy: number;
  readonly halving: number;
  readonly magic?: string | undefined;
  readonly port: number;
  readonly rpcport: number;
  readonly pubkeyhash: number;
  readonly scripthash: number;
  readonly wif: number;
  readonly bech32: string;
  readonly seed: readonly string[];
}

export function createGenesisFile(args: GenesisArguments): number {
  const { name, message, magic } = args;
  if (!/^[0-9a-f]{8}$/i.test(args.bits))
    throw new ConfigError(`--bits ${args.bits} is not eight hexadecimal digits`);
  if (magic !== undefined && (!isHex(magic) || magic.length !== 8)) {
    throw new ConfigError(`--magic ${magic} is not eight hexadecimal digits`);
  }
  const file = createGenesis({
    name,
    message,
    time: args.time ?? toUnixSeconds(Date.now()),
    bits: Number.parseInt(args.bits, 16),
    subsidy: Math.round(args.subsidy * COIN),
    halvingInterval: args.halving,
    ...(magic !== undefined && { magic: hexToBytes(magic) }),
    port: args.port,
    rpcPort: args.rpcport,
    address: {
      pubKeyHash: args.pubkeyhash,
      scriptHash: args.scripthash,
      secretKey: args.wif,
      bech32: args.bech32,
    },
    dnsSeeds: args.seed,
  });
  // Read back by the same rules that will start the chain: what is wrong is told here and not at the first start.
  customNetwork(file);
  const text = `${JSON.stringify(file, null, 2)}\n`;
  fs.writeFileSync(args.out, text);
  const { genesis } = Object.values(file)[0] as { genesis: { hash: string; nonce: number } };
  process.stdout.write(
    `Wrote ${args.out}: chain "${name}", genesis block ${genesis.hash} (nonce ${genesis.nonce})\n`,
  );
  return 0;
}
