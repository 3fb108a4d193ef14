/**
 * A wallet beside a chain that forks and dies at any write of either: killed, or without power, which takes any of what was
 * not durable. What the wallet has answered for is still there, and in the end it knows the same of the chain as a wallet
 * with the same keys that reads all of it. Everything follows from the seed.
 */
import type { Txid } from '../../src/base/bytes.ts';
import { bytesToHex, hashToHex } from '../../src/base/bytes.ts';
import { toUnixSeconds } from '../../src/base/clock.ts';
import { randomBelow, SeededRandom } from '../../src/base/random.ts';
import { catchUp, followNotice, placeInChain } from '../../src/node/wallet-scan.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { Wallet } from '../../src/wallet/wallet.ts';
import type { Block } from '../../src/wire/block.ts';
import { createTransaction, type OutPoint, SEQUENCE_FINAL } from '../../src/wire/transaction.ts';
import { base, last } from './forking-blocks.ts';
import { coinbaseOf, mineBlock, NOW, PowerLoss, REGTEST, spend, TestChain } from './test-chain.ts';
import { CHEAP_SCRYPT, walletOptions } from './wallet-chain.ts';

const NOW_SECONDS = toUnixSeconds(NOW);
const KEYS_SEED = 5;
/** Small, so that a flush has many batches. */
const BATCH_BYTES_MAX = 400;

function newWallet(chain: TestChain): Wallet {
  const { headers } = chain.chain;
  const deps = { headers, random: new SeededRandom(KEYS_SEED), scryptCost: CHEAP_SCRYPT };
  return new Wallet('w', deps, walletOptions());
}

function initialized(chain: TestChain): Wallet {
  const wallet = newWallet(chain);
  const position = { height: 0, hash: REGTEST.genesis.header.hash };
  const flags = { disablesPrivateKeys: false, isBlank: false, avoidsReuse: false };
  wallet.initialize({ ...flags, position, now: NOW_SECONDS });
  return wallet;
}

/** Pays `value` to each script. */
function pay(prevout: OutPoint, scripts: readonly Uint8Array[], value: number) {
  return createTransaction({
    version: 2,
    inputs: [{ prevout, scriptSig: new Uint8Array(0), sequence: SEQUENCE_FINAL, witness: [] }],
    outputs: scripts.map(scriptPubKey => ({ value, scriptPubKey })),
    lockTime: 0,
  });
}

/** Two branches that take turns being the best one and pay the wallet differently, in order of arrival. */
function payingBlocks(scripts: readonly Uint8Array[]): Block[] {
  const tips = [1, 2].map(() => ({ block: last, height: base.length }));
  const random = new SeededRandom(11);
  const made: Block[] = [];
  while (made.length < 30) {
    const which = randomBelow(random, 2);
    const tip = tips[which]!;
    for (let i = 0; i < 3; i += 1) {
      const nth = tip.height - base.length;
      const to = [scripts[(nth + which) % scripts.length]!];
      const transactions = [pay(coinbaseOf(base[nth]!), to, 1000 * (which + 1) + nth)];
      tip.block = mineBlock(tip.block, tip.height, { transactions, tag: which });
      tip.height += 1;
      made.push(tip.block);
    }
  }
  return made;
}

const addresses = (() => {
  const wallet = initialized(new TestChain());
  return Array.from({ length: 4 }, () => wallet.newAddress('bech32', ''));
})();
const arrivals = payingBlocks(addresses);

/** What it knows of the chain's transactions and of its coins. */
function knowledge(wallet: Wallet, own: ReadonlySet<Txid>): string {
  const { history } = wallet;
  const txs = history.ordered
    .filter(({ tx }) => !own.has(tx.txid))
    .map(({ tx, state }) => {
      const where = state.kind === 'confirmed' ? `${state.height} ${hashToHex(state.blockHash)}` : '';
      return `${hashToHex(tx.txid)} ${state.kind} ${where}`;
    })
    // What a branch paid that lost stays known to whom it was told.
    .filter(text => text.includes('confirmed'))
    .sort();
  const coins = [...history.coins()]
    .filter(({ wtx }) => wtx.state.kind === 'confirmed')
    .map(({ wtx, output }) => `${hashToHex(wtx.tx.txid)} ${output.value} ${bytesToHex(output.scriptPubKey)}`)
    .sort();
  return [...txs, ...coins, `${wallet.position.height} ${hashToHex(wallet.position.hash)}`].join('\n');
}

class Life {
  readonly chain = new TestChain({ batchBytesMax: BATCH_BYTES_MAX });
  readonly store = new MemoryStore({ crashable: true });
  wallet: Wallet;
  writesUntilDeath = Number.POSITIVE_INFINITY;

  constructor() {
    this.wallet = initialized(this.chain);
    this.write({ durable: true });
    this.#follow();
  }

  /** As the host writes: what an RPC changed durably, what a notice told as it comes. */
  write({ durable }: { readonly durable: boolean }): void {
    const ops = this.wallet.takeBatch();
    if (ops.length === 0) return;
    if (this.writesUntilDeath === 0) throw new PowerLoss();
    this.writesUntilDeath -= 1;
    this.store.batchSync(ops, { durable });
  }

  async restart(death: 'kill' | 'power loss', random: SeededRandom): Promise<void> {
    this.chain.listener = undefined;
    this.writesUntilDeath = Number.POSITIVE_INFINITY;
    if (death === 'kill') this.chain.restart();
    else {
      this.store.crash(randomBelow(random, this.store.volatileBatches + 1));
      this.chain.crash(random);
    }
    this.wallet = newWallet(this.chain);
    this.wallet.load(this.store.entries({}));
    placeInChain(this.wallet, this.chain.chain);
    await this.catchUp();
    this.#follow();
  }

  async catchUp(): Promise<void> {
    const { chain } = this;
    await catchUp(this.wallet, {
      chain: chain.chain,
      readBlock: async id => chain.run(chain.chain.readBlock(id)),
      save: async () => this.write({ durable: false }),
      now: () => NOW_SECONDS,
    });
    this.write({ durable: true });
  }

  #follow(): void {
    this.chain.listener = notice => {
      followNotice(this.wallet, notice, this.chain.chain, NOW_SECONDS);
      this.write({ durable: false });
    };
  }
}

/** Up to three deaths. Throws Error with what was lost. */
export async function walletCrashRun(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const life = new Life();
  /** By script in hex. */
  const labels = new Map<string, string>();
  const own = new Set<Txid>();
  const demand = (isSo: boolean, what: string) => {
    if (!isSo) throw new Error(`wallet, seed ${seed}: ${what}`);
  };
  const call = () => {
    const { wallet } = life;
    const known = [...labels.keys()];
    const some = known[randomBelow(random, Math.max(1, known.length))];
    const what = randomBelow(random, 4);
    if (what === 0 || some === undefined) {
      const script = wallet.newAddress('bech32', `label ${labels.size}`);
      demand(!labels.has(bytesToHex(script)), 'an address was given out twice');
      life.write({ durable: true });
      labels.set(bytesToHex(script), `label ${labels.size}`);
    } else if (what === 1) {
      const script = new Uint8Array(Buffer.from(some, 'hex'));
      const label = `${labels.get(some)}+`;
      // Killed in between, either label may stand.
      labels.delete(some);
      wallet.setAddress(script, label, 'receive');
      life.write({ durable: true });
      labels.set(some, label);
    } else {
      const tx = spend([{ txid: base[50]!.transactions[0]!.txid, index: own.size + 1 }], [own.size + 1]);
      wallet.commit(tx, { comment: 'mine' }, NOW_SECONDS);
      life.write({ durable: true });
      own.add(tx.txid);
    }
  };
  const run = (blocks: readonly Block[]): boolean => {
    try {
      for (const block of blocks) {
        life.chain.submit(block);
        if (randomBelow(random, 6) === 0) life.chain.flush();
        if (randomBelow(random, 8) === 0) call();
      }
      return true;
    } catch (error) {
      if (!(error instanceof PowerLoss)) throw error;
      return false;
    }
  };
  const check = () => {
    for (const [script, label] of labels) {
      const bytes = new Uint8Array(Buffer.from(script, 'hex'));
      demand(life.wallet.keys.isMine(bytes), 'an address is gone');
      demand(life.wallet.addressEntry(bytes)?.label === label, `a label is gone: ${label}`);
    }
    for (const txid of own) demand(life.wallet.history.get(txid) !== undefined, 'a payment is gone');
  };
  const blocks = [...base, ...arrivals];
  for (let deaths = 1 + randomBelow(random, 3); deaths > 0; deaths -= 1) {
    if (randomBelow(random, 2) === 0) life.chain.effectsUntilCrash = randomBelow(random, 1200);
    else life.writesUntilDeath = randomBelow(random, 60);
    run(blocks);
    await life.restart(randomBelow(random, 3) === 0 ? 'kill' : 'power loss', random);
    check();
  }
  demand(run(blocks), 'nothing disturbs it, and it ends');
  check();
  const fresh = initialized(life.chain);
  const found = knowledge(life.wallet, own);
  life.wallet = fresh;
  await life.catchUp();
  demand(found === knowledge(fresh, own), 'it knows something else than one that read the whole chain');
}
