/**
 * A node small enough for a test of the RPC methods: one chain of blocks without forks, its coins and a real mempool,
 * all in memory. It mines and submits, has peers only when they are given, and checks no scripts.
 */
import { type BlockHash, EMPTY_BYTES, hexToBytes, ZERO_HASH } from '../../src/base/bytes.ts';
import { SILENT_LOG } from '../../src/base/log.ts';
import { runTask } from '../../src/base/task.ts';
import type { ChainView, HeaderId, HeaderView } from '../../src/chain/chain-view.ts';
import { type Coin, keyOf, type OutPointKey, outPointKey } from '../../src/chain/coin.ts';
import { BEST_BLOCK_KEY, coinRecordKey, encodeBestBlock, encodeCoin } from '../../src/chain/coin-records.ts';
import type { ChainNotice } from '../../src/chain/effects.ts';
import type { BlockUndo } from '../../src/chain/undo.ts';
import { blockMerkleRoot, witnessMerkleRoot } from '../../src/consensus/merkle.ts';
import { networkParams } from '../../src/consensus/networks.ts';
import type { ChainParams } from '../../src/consensus/params.ts';
import { blockProof, checkProofOfWork } from '../../src/consensus/pow.ts';
import { Reject } from '../../src/consensus/reject.ts';
import { sha256d } from '../../src/crypto/sha256.ts';
import type { MempoolTask } from '../../src/mempool/effects.ts';
import { FeeEstimator } from '../../src/mempool/fee-estimator.ts';
import { Mempool } from '../../src/mempool/mempool.ts';
import { DEFAULT_MEMPOOL_OPTIONS, type MempoolOptions } from '../../src/mempool/options.ts';
import { CoinScanner } from '../../src/node/coin-scanner.ts';
import { FilterScanner } from '../../src/node/filter-scanner.ts';
import type { Ban, NetworkAccess, NodeFacade, PeerInfo, ProcessAccess } from '../../src/rpc/node-facade.ts';
import { pushNumber } from '../../src/script/opcodes.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { StoreSnapshot } from '../../src/store/store.ts';
import { type Block, createBlock, createHeader } from '../../src/wire/block.ts';
import { subnetText } from '../../src/wire/subnet.ts';
import {
  createTransaction,
  NULL_INDEX,
  type OutPoint,
  type Transaction,
} from '../../src/wire/transaction.ts';

const COMMITMENT_HEAD = hexToBytes('6a24aa21a9ed');

export class MemoryNode {
  readonly params: ChainParams = networkParams('regtest');
  readonly stored: Block[] = [this.params.genesis];
  readonly coins = new Map<OutPointKey, Coin>();
  readonly mempool: Mempool;
  /** Learns what it is told. */
  readonly fees = new FeeEstimator();
  readonly chain: ChainView;
  readonly facade: NodeFacade;
  /** Headers that were submitted without a block. */
  readonly loose: BlockHash[] = [];
  readonly peerInfos: PeerInfo[] = [];
  readonly bans: Ban[] = [];
  readonly addedNodes: string[] = [];
  readonly logCategories = new Map([
    ['net', false],
    ['rpc', false],
  ]);
  mockTime: number | undefined;
  isStopped = false;
  readonly #undo: BlockUndo[] = [{ spent: [] }];
  readonly #listeners = new Set<(notice: ChainNotice) => void>();
  readonly #ids = new Map<BlockHash, HeaderId>([[this.params.genesis.header.hash, 0]]);

  constructor(options: Partial<MempoolOptions> = {}) {
    this.chain = this.#chainView();
    this.mempool = new Mempool(
      {
        chain: this.chain,
        log: SILENT_LOG,
        coins: {
          fetchCoins: function* (this: MemoryNode, outPoints: readonly OutPoint[]) {
            return outPoints.map(outPoint => this.coins.get(keyOf(outPoint)));
          }.bind(this),
        },
      },
      { ...DEFAULT_MEMPOOL_OPTIONS, ...options },
    );
    this.facade = this.#facade();
  }

  /** Adds blocks that pay to `scriptPubKey`; of the mempool all that is there goes into the first. */
  mine(count: number, scriptPubKey: Uint8Array = Uint8Array.of(0x51)): BlockHash[] {
    return Array.from({ length: count }, () => {
      const block = this.solve(this.assemble(scriptPubKey, this.#mempoolTxs()));
      this.connect(block);
      return block.header.hash;
    });
  }

  assemble(scriptPubKey: Uint8Array, txs: readonly Transaction[]): Block {
    const parent = this.stored.at(-1)!.header;
    const height = this.stored.length;
    const commitment = sha256d(
      Buffer.concat([
        Buffer.from(witnessMerkleRoot({ transactions: [this.#coinbase(height, []), ...txs] }), 'latin1'),
        new Uint8Array(32),
      ]),
    );
    const coinbase = this.#coinbase(height, [
      { value: 50_0000_0000, scriptPubKey },
      { value: 0, scriptPubKey: Buffer.concat([COMMITMENT_HEAD, Buffer.from(commitment, 'latin1')]) },
    ]);
    const transactions = [coinbase, ...txs];
    const header = createHeader({
      version: 0x2000_0000,
      prevHash: parent.hash,
      merkleRoot: blockMerkleRoot({ transactions }).root,
      time: parent.time + 1,
      bits: parent.bits,
      nonce: 0,
    });
    return createBlock(header, transactions);
  }

  solve(block: Block): Block {
    let { header } = block;
    while (!checkProofOfWork(header.hash, header.bits, this.params)) {
      header = createHeader({ ...header, nonce: header.nonce + 1 });
    }
    return createBlock(header, block.transactions);
  }

  /** Makes `block` the tip, without a look at its rules. */
  connect(block: Block): void {
    const height = this.stored.length;
    // One after the other: a transaction may spend what one before it made.
    const spent: Coin[][] = [];
    for (const tx of block.transactions) {
      if (!tx.isCoinbase) spent.push(tx.inputs.map(input => this.#spend(input.prevout)));
      tx.outputs.forEach((output, index) => {
        if (output.scriptPubKey[0] === 0x6a) return;
        this.coins.set(outPointKey(tx.txid, index), { ...output, height, isCoinbase: tx.isCoinbase });
      });
    }
    const undo: BlockUndo = { spent };
    this.stored.push(block);
    this.#undo.push(undo);
    this.#ids.set(block.header.hash, height);
    this.#notify({ kind: 'blockConnected', id: height, block, undo });
    this.#notify({ kind: 'tipChanged', tip: height, fork: height - 1 });
  }

  run<T>(task: MempoolTask<T>): T {
    return runTask(task, () => undefined);
  }

  #mempoolTxs(): Transaction[] {
    const entries = [...this.mempool.entries()];
    entries.sort((a, b) => this.mempool.compareMiningOrder(a.tx.txid, b.tx.txid));
    return entries.map(entry => entry.tx);
  }

  #spend(outPoint: OutPoint): Coin {
    const coin = this.coins.get(keyOf(outPoint))!;
    this.coins.delete(keyOf(outPoint));
    return coin;
  }

  #notify(notice: ChainNotice): void {
    this.run(this.mempool.onChainNotice(notice, this.#now()));
    for (const listener of [...this.#listeners]) listener(notice);
  }

  #now(): number {
    return this.mockTime === undefined ? Date.now() : this.mockTime * 1000;
  }

  #coinbase(height: number, outputs: Transaction['outputs']): Transaction {
    const scriptSig = Buffer.concat([pushNumber(height), Uint8Array.of(0)]);
    const prevout = { txid: ZERO_HASH, index: NULL_INDEX };
    const witness = [new Uint8Array(32)];
    return createTransaction({
      version: 2,
      inputs: [{ prevout, scriptSig, sequence: 0xffff_fffe, witness }],
      outputs,
      lockTime: height - 1,
    });
  }

  #chainView(): ChainView {
    const { stored } = this;
    const header = (id: HeaderId) => stored[id]!.header;
    const headers: HeaderView = {
      get size() {
        return stored.length;
      },
      find: hash => this.#ids.get(hash),
      hashOf: id => header(id).hash,
      headerOf: header,
      parentOf: id => (id === 0 ? undefined : id - 1),
      heightOf: id => id,
      timeOf: id => header(id).time,
      bitsOf: id => header(id).bits,
      versionOf: id => header(id).version,
      chainWorkOf: id => blockProof(header(id).bits) * BigInt(id + 1),
      compareWork: (a, b) => a - b,
      medianTimePastOf(id) {
        const times = stored.slice(Math.max(0, id - 10), id + 1).map(block => block.header.time);
        return times.sort((a, b) => a - b)[times.length >> 1]!;
      },
      ancestorOf: (_id, height) => height,
      forkOf: (a, b) => Math.min(a, b),
      locatorOf: id => [header(id).hash],
      hasData: () => true,
      hasChainData: () => true,
      isInvalid: () => false,
      isFullyValid: () => true,
      txCountOf: id => stored[id]!.transactions.length,
      chainTxCountOf: id =>
        stored.slice(0, id + 1).reduce((sum, block) => sum + block.transactions.length, 0),
      tips: () => [stored.length - 1],
    };
    return {
      params: this.params,
      headers,
      tip: () => stored.length - 1,
      bestHeader: () => stored.length - 1,
      atHeight: height => (height < stored.length ? height : undefined),
      isActive: () => true,
      isInitialBlockDownload: () => false,
      history: () => undefined,
      isLoadingBlocks: false,
    };
  }

  #facade(): NodeFacade {
    const buried = Object.entries(this.params.buried);
    return {
      chain: this.chain,
      mempool: this.mempool,
      fees: this.fees,
      blocks: {
        readBlock: async id => this.stored[id],
        readUndo: async id => this.#undo[id],
        sizeOnDisk: () => this.stored.reduce((sum, block) => sum + block.raw.length + 8, 0),
        verificationProgress: () => 1,
        deploymentsAfter: parent =>
          buried.map(([name, height]) => ({ kind: 'buried', name, height, active: parent + 1 >= height })),
        scriptFlagNames: () => ['P2SH', 'TAPROOT', 'WITNESS'],
        submitBlock: async block => {
          if (this.#ids.has(block.header.hash)) return { status: 'accepted', newBlock: false };
          const reject = this.#judge(block);
          if (reject !== undefined) return { status: 'rejected', reject };
          this.connect(block);
          return { status: 'accepted', newBlock: true };
        },
        submitHeader: async header => {
          if (!checkProofOfWork(header.hash, header.bits, this.params)) throw new Reject('high-hash');
          this.loose.push(header.hash);
        },
        testBlock: async block => this.#judge(block, 'unsolved'),
        verify: async () => true,
        pruning: undefined,
        pruneHeight: () => undefined,
        pruneTo: async () => {},
        invalidateBlock: async () => {},
        reconsiderBlock: async () => {},
        preciousBlock: async () => {},
        settled: async () => {},
        onNotice: listener => {
          this.#listeners.add(listener);
          return () => this.#listeners.delete(listener);
        },
      },
      coins: {
        coin: async outPoint => this.coins.get(keyOf(outPoint)),
        coins: async outPoints => outPoints.map(outPoint => this.coins.get(keyOf(outPoint))),
        scans: new CoinScanner(() => this.#coinSnapshot()),
        stats: async hash => ({
          height: this.stored.length - 1,
          bestBlock: this.stored.at(-1)!.header.hash,
          transactions: new Set([...this.coins.keys()].map(key => key.slice(0, 32))).size,
          outputs: this.coins.size,
          bogoSize: [...this.coins.values()].reduce((sum, coin) => sum + 50 + coin.scriptPubKey.length, 0),
          ...(hash !== 'none' && { hash: '00'.repeat(32) }),
          totalAmount: [...this.coins.values()].reduce((sum, coin) => sum + BigInt(coin.value), 0n),
          diskSize: 0,
        }),
      },
      indexes: {
        transactions: undefined,
        coinStats: undefined,
        spenders: undefined,
        filters: undefined,
        filterScans: new FilterScanner(this.chain),
        summaries: () => [],
      },
      snapshots: {
        directory: '/nowhere',
        dump: () => Promise.reject(new Error('A node in memory writes no files')),
        load: () => Promise.reject(new Error('A node in memory reads no files')),
        chainstates: () => [],
      },
      pool: {
        options: this.mempool.options,
        isLoaded: true,
        submit: async (tx, { maxFee, announces = true }) =>
          this.run(
            this.mempool.submit(tx, {
              now: this.#now(),
              origin: announces ? 'local' : 'peer',
              ...(maxFee !== undefined && { maxFee }),
            }),
          ),
        announce: () => {},
        submitPackage: async (txs, { maxFeeRate }) =>
          this.run(
            this.mempool.submitPackage(txs, {
              now: this.#now(),
              ...(maxFeeRate !== undefined && { maxFeeRate }),
            }),
          ),
        test: async txs => {
          const { reject, results } = this.run(this.mempool.testPackage(txs, this.#now()));
          return {
            reject,
            results: results.map(result =>
              result === undefined || result instanceof Reject
                ? result
                : { ...result.facts, modifiedFee: result.modifiedFee },
            ),
          };
        },
        save: () => 'mempool.dat',
        import: async () => false,
        prioritise: (txid, feeDelta) => this.mempool.prioritise(txid, feeDelta),
        feeDeltas: () => this.mempool.feeDeltas(),
        chunkOf: txid => {
          const { fee, tx } = this.mempool.get(txid)!;
          return { fee, weight: tx.weight, count: 1 };
        },
        clusterOf: txid => this.mempool.clusterOf(txid),
      },
      mining: {
        blockMinFeeRate: 1,
        lastTemplate: undefined,
        nextBits: () => this.stored.at(-1)!.header.bits,
        createTemplate: async () => {
          const txs = this.#mempoolTxs();
          const block = this.assemble(EMPTY_BYTES, txs);
          const entries = txs.map(tx => this.mempool.get(tx.txid)!);
          return {
            block,
            fees: entries.map(entry => entry.fee),
            sigopCosts: entries.map(entry => entry.sigopCost),
            minTime: this.chain.headers.medianTimePastOf(this.stored.length - 1) + 1,
            height: this.stored.length,
          };
        },
        generate: async ({ scriptPubKey, count }) => this.mine(count, scriptPubKey),
        assemble: async (scriptPubKey, txs) => this.assemble(scriptPubKey, txs),
        solve: async block => this.solve(block),
      },
      network: this.#network(),
      clock: {
        now: () => this.#now(),
        systemNow: () => Date.now(),
        setMockTime: time => {
          this.mockTime = time;
        },
        advanceScheduler: () => {},
      },
      process: this.#process(),
    };
  }

  async #coinSnapshot(): Promise<StoreSnapshot> {
    const store = new MemoryStore();
    const bestBlock = encodeBestBlock(this.stored.at(-1)!.header.hash);
    const coins = [...this.coins].map(
      ([key, coin]) => ({ type: 'put', key: coinRecordKey(key), value: encodeCoin(coin) }) as const,
    );
    await store.batch([{ type: 'put', key: BEST_BLOCK_KEY, value: bestBlock }, ...coins], { durable: false });
    return store.snapshot();
  }

  /** The few rules that the tests of methods break. */
  #judge(block: Block, proof: 'solved' | 'unsolved' = 'solved'): Reject | undefined {
    if (proof === 'solved' && !checkProofOfWork(block.header.hash, block.header.bits, this.params)) {
      return new Reject('high-hash');
    }
    if (blockMerkleRoot(block).root !== block.header.merkleRoot) return new Reject('bad-txnmrklroot');
    const spends = block.transactions.slice(1).flatMap(tx => tx.inputs);
    const isSpendable = spends.every(({ prevout }) => this.coins.has(keyOf(prevout)));
    return isSpendable ? undefined : new Reject('bad-txns-inputs-missingorspent');
  }

  #network(): NetworkAccess {
    const { peerInfos, bans, addedNodes } = this;
    let isActive = true;
    return {
      protocolVersion: 70017,
      userAgent: '/Satoshi:31.99.0/',
      localServices: 0x409n,
      relaysTxs: true,
      get isActive() {
        return isActive;
      },
      timeOffsetS: 0,
      reachable: new Set(['ipv4', 'ipv6'] as const),
      localAddresses: () => [],
      peers: () => peerInfos,
      mappedAs: () => 0,
      proxyOf: () => undefined,
      uploadTarget: () => ({
        limit: 0,
        isReached: false,
        servesHistoricalBlocks: true,
        bytesLeft: 0,
        timeLeftS: 0,
      }),
      totals: () => ({ received: 0, sent: 0 }),
      connectOnce: () => {},
      addNode(node) {
        if (addedNodes.includes(node)) return false;
        addedNodes.push(node);
        return true;
      },
      removeNode(node) {
        const at = addedNodes.indexOf(node);
        if (at >= 0) addedNodes.splice(at, 1);
        return at >= 0;
      },
      addedNodes: () => addedNodes.map(node => ({ node, place: node })),
      addConnection: async () => true,
      disconnect: peer =>
        peerInfos.some(info => ('id' in peer ? info.id === peer.id : info.name === peer.name)),
      privateBroadcast: undefined,
      sendMessage: () => false,
      orphans: () => [],
      placedAddresses: () => [],
      pingAll: () => {},
      fetchBlock: () => 'Peer does not exist',
      setActive(active) {
        isActive = active;
      },
      addresses: () => [],
      addressCount: () => 0,
      addAddress: () => 'added',
      bans: () => bans,
      ban: (subnet, until = 4_000_000_000) => bans.push({ subnet, createdAt: 0, until }),
      defaultBanTimeS: 86_400,
      unban(subnet) {
        const at = bans.findIndex(ban => subnetText(ban.subnet) === subnetText(subnet));
        if (at >= 0) bans.splice(at, 1);
        return at >= 0;
      },
      clearBans: () => bans.splice(0),
    };
  }

  #process(): ProcessAccess {
    return {
      version: 319_900,
      warnings: [],
      logPath: '/nowhere/debug.log',
      uptimeS: () => 1,
      deprecatedRpcs: [],
      shutdown: () => {
        this.isStopped = true;
      },
      logCategories: () => this.logCategories,
      setLogCategory: (category, on) => this.logCategories.set(category, on),
      heap: () => ({ used: 3, free: 2, spacesUsed: 1, spacesFree: 1 }),
    };
  }
}
