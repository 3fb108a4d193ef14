/**
 * Every option of a node, once: name, kind and what it does. Names are Bitcoin Core's wherever Core has one. The command
 * line of `bin/node start`, the single-dash arguments of `bin/bitcoind` and `bitcoin.conf` are all read with this table.
 */

/** 'flag' is on or off, 'list' may be given many times, 'text' and 'number' count once. */
export type OptionKind = 'flag' | 'number' | 'text' | 'list';

export interface OptionDeclaration {
  readonly kind: OptionKind;
  /** For people; absent: accepted because rigs made for Core pass it, without any effect here. */
  readonly help?: string;
  /** In `bitcoin.conf`, outside of a section, it counts for mainnet only (Core: NETWORK_ONLY). */
  readonly isNetworkOnly?: true;
  /** Ours alone: not an argument of `bin/bitcoind`. */
  readonly isOurs?: true;
  /** Its value never reaches the log (Core: SENSITIVE). */
  readonly isSecret?: true;
  /** Its name alone says nothing (Core: DISALLOW_ELISION). */
  readonly needsValue?: true;
  /** There is no `-no…` of it (Core: DISALLOW_NEGATION). */
  readonly isNeverNegated?: true;
}

const flag = (help?: string): OptionDeclaration => ({ kind: 'flag', ...(help !== undefined && { help }) });
const number = (help?: string): OptionDeclaration => ({
  kind: 'number',
  ...(help !== undefined && { help }),
});
const text = (help?: string): OptionDeclaration => ({ kind: 'text', ...(help !== undefined && { help }) });
const list = (help?: string): OptionDeclaration => ({ kind: 'list', ...(help !== undefined && { help }) });
const networkOnly = (option: OptionDeclaration): OptionDeclaration => ({ ...option, isNetworkOnly: true });
const secret = (option: OptionDeclaration): OptionDeclaration => ({ ...option, isSecret: true });
const valued = (option: OptionDeclaration): OptionDeclaration => ({ ...option, needsValue: true });
const neverNegated = (option: OptionDeclaration): OptionDeclaration => ({ ...option, isNeverNegated: true });
const ours = (option: OptionDeclaration): OptionDeclaration => ({ ...option, isOurs: true });

export const OPTIONS = {
  // Which chain, and where it is kept
  chain: text('main, test, testnet4, signet or regtest'),
  network: ours(text('The same as --chain')),
  regtest: flag('The same as --chain regtest'),
  signet: flag('The same as --chain signet'),
  testnet: flag('The same as --chain test'),
  testnet4: flag('The same as --chain testnet4'),
  genesis: ours(text('Start the chain that FILE describes (see `genesis create`)')),
  datadir: neverNegated(text('Where everything is kept (default ~/.hearsay)')),
  conf: text('Configuration file, relative to the data directory (default bitcoin.conf)'),
  includeconf: list('Further configuration files, named in the first one'),
  allowignoredconf: flag('Start although a bitcoin.conf in the data directory is not the one that is read'),
  settings: text('File where the node remembers settings of its own (default settings.json)'),
  pid: text('File with the process id (default bitcoind.pid)'),

  // Finding and talking to peers
  seed: ours(list('Bootstrap from DNS seeds: those of the chain, or HOST …, or ADDR:PORT peers')),
  resolver: ours(list('DNS servers HOST:PORT to ask instead of the system’s')),
  'private-network': ours(flag('A network on one machine or in one room: loopback addresses are gossiped')),
  'relay-strategy': ours(
    text('On a private network, who is told of transactions: flood, gossip-K, tree or reconcile'),
  ),
  bind: networkOnly(list('Address to listen on and to dial from')),
  port: networkOnly(number('Port to listen on')),
  listen: flag('Accept connections (default: yes, unless --connect is given)'),
  connect: networkOnly(list('Connect to these peers only; 0 connects to none')),
  addnode: networkOnly(list('Also connect to these peers, and keep trying')),
  seednode: list('Ask these peers for addresses'),
  dnsseed: flag('Query DNS seeds when addresses run low (default: yes, unless --connect is given)'),
  forcednsseed: flag('Always query DNS seeds'),
  fixedseeds: flag('Use addresses built into the program when nothing else helps (default: yes)'),
  discover: flag('Tell peers the addresses of this machine (default: yes, when it listens on all of them)'),
  dns: flag('Look up names of peers (default: yes)'),
  proxy: valued(
    list('Connect through this SOCKS5 proxy: HOST:PORT or unix:PATH, with =NETWORK for one network only'),
  ),
  onion: text(
    'SOCKS5 proxy for Tor onion services (default: Tor’s own, where -listenonion finds it, else -proxy), 0 for none',
  ),
  proxyrandomize: flag('Credentials of its own for each connection through a proxy (default: yes)'),
  onlynet: list('Dial only these networks: ipv4, ipv6, onion, i2p, cjdns'),
  cjdnsreachable: flag('This machine is on CJDNS: fc00::/8 are its addresses'),
  i2psam: text('SAM proxy HOST:PORT that leads to I2P'),
  i2pacceptincoming: flag(
    'Take connections over I2P, at an address that stays (default: yes, when listening)',
  ),
  listenonion: flag(
    'Let Tor make an onion service that leads here, where a Tor runs (default: yes, when listening; not on a private network)',
  ),
  torcontrol: text('Control port HOST:PORT of Tor, for -listenonion (default 127.0.0.1:9051)'),
  torpassword: secret(text('Password of Tor’s control port; without one its cookie is used')),
  externalip: list('Our own address as others see it'),
  maxreceivebuffer: number('Thousands of bytes of one peer that may wait to be handled (default 5000)'),
  maxsendbuffer: number('Thousands of bytes that may wait to be sent to one peer (default 1000)'),
  maxuploadtarget: text(
    'Bytes to send a day at most: old blocks are refused first; units k to T, default M (default 0: any)',
  ),
  maxconnections: number('Peers at most (default 125)'),
  networkactive: flag('Start with the network on (default: yes)'),
  whitelist: list('Permissions for peers: [PERMISSION,…@]SUBNET'),
  whitebind: list('Listen on [PERMISSION,…@]ADDR:PORT and give permissions to who comes there'),
  peerblockfilters: flag('Serve compact block filters to peers (BIP157); needs -blockfilterindex'),
  peerbloomfilters: flag('Serve filtered blocks and transactions to peers with bloom filters (BIP37)'),
  txreconciliation: flag('Agree with peers to reconcile transactions (BIP330), when there will be a way to'),
  whitelistrelay: flag(
    'Peers of -whitelist without permissions named may send transactions in spite of -blocksonly (default: yes)',
  ),
  whitelistforcerelay: flag('And theirs are relayed even when they are known already'),
  v2transport: flag('Encrypt connections where the peer can (BIP324; default: yes)'),
  uacomment: list('Comment in the user agent'),
  privatebroadcast: flag(
    'Send transactions of sendrawtransaction over Tor or I2P, on connections of their own, so that nobody learns whose they are',
  ),
  blocksonly: flag('Neither ask for nor relay transactions of others'),
  bantime: number('Seconds that setban bans for (default 86400)'),
  capturemessages: flag('Keep all messages to and from peers in files, for looking into things'),
  peertimeout: number('Seconds a peer may stay silent after connecting (default 60)'),
  timeout: number('Milliseconds a dial may take (default 5000)'),

  // JSON-RPC
  server: flag('Answer JSON-RPC (default: yes)'),
  rpcport: networkOnly(number('Port of JSON-RPC')),
  rpcbind: networkOnly(list('Address of JSON-RPC; only with rpcallowip')),
  rpcallowip: list('Subnets that may use JSON-RPC'),
  rpcuser: secret(text('User of JSON-RPC')),
  rpcpassword: secret(text('Password of JSON-RPC; replaces the cookie')),
  rpcauth: secret(list('USER:SALT$HMAC')),
  rpccookiefile: text('Where the cookie is written (default .cookie)'),
  rpccookieperms: text('owner, group or all'),
  rpcwhitelist: list('USER:METHOD,… that the user may call'),
  rpcwhitelistdefault: flag('Users without a list may call nothing'),
  rpcservertimeout: number('Seconds an idle connection is kept (default 30)'),
  deprecatedrpc: list('RPC answers that are going away: fullrbf, bip125'),
  rpcworkqueue: number('Requests that may wait (default 64)'),

  // Validation and storage
  dbcache: number('Megabytes of memory for coins and the databases’ caches (default 450, at least 4)'),
  maxsigcachesize: number('Megabytes that remember verified signatures and scripts (default 32)'),
  dbcrashratio: number(
    'Die at one in N batches of coins that are not the last of their flush, to try what a start makes of it (default 0: never)',
  ),
  dbbatchsize: number('Bytes of one batch to the databases (default 4194304)'),
  par: number('Threads that check scripts (default: one less than processors)'),
  assumevalid: text('Hash of a block whose ancestors’ scripts need no check; 0 checks all'),
  minimumchainwork: text('Work (hex) below which a chain is not the real one'),
  maxtipage: number('Seconds after which a tip counts as old (default 86400)'),
  blocksdir: text('Where block files are kept (default: the data directory)'),
  prune: number(
    'Delete old blocks: 1 when `pruneblockchain` says so, N ≥ 550 to keep the files under N MiB (default 0: never)',
  ),
  checkblocks: number('Blocks that a start looks through, 0 for all (default 6)'),
  checklevel: number('How thoroughly it does, 0 to 4 (default 3)'),
  checkblockindex: number(
    'Look through the header tree for what must not be, at one in N blocks (default: 1 on regtest, else 0: never)',
  ),
  reindex: flag('Make index and coins anew from the block files'),
  'reindex-chainstate': flag('Make the coins anew from the blocks that the index knows'),
  loadblock: list('Read blocks from this file at the start'),
  stopafterblockimport: flag('Stop when the files of --loadblock and --reindex have been read'),
  fastprune: flag('Small block files that may go early, for tests'),
  blocksxor: flag('Write block files scrambled by a random key (default: yes)'),
  alertnotify: text('Command to run when something is wrong with the chain; %s in it becomes the warning'),
  blocknotify: text('Command to run for each new tip; %s in it becomes the hash of the block'),
  startupnotify: text('Command to run when the node has started'),
  shutdownnotify: list('Command to run, and to wait for, before the node stops'),
  'verify-engine': ours(text('system, native, wasm or noble; default: the fastest that loads')),
  txindex: flag('Keep an index of all transactions, for getrawtransaction'),
  blockfilterindex: list('Keep an index of block filters: basic, or 1 for all types'),
  coinstatsindex: flag('Keep an index of statistics about coins, for gettxoutsetinfo'),
  txospenderindex: flag('Keep an index of what spends each output, for gettxspendingprevout'),
  stopatheight: number('Stop when the tip reaches this height'),
  testactivationheight: list('NAME@HEIGHT, regtest only'),
  vbparams: list('DEPLOYMENT:START:END[:MINHEIGHT], regtest only'),
  test: list('bip94: the rules of BIP94; addrman: address tables with a known key. Regtest only'),
  asmap: text('Group addresses by the autonomous systems of this file, not by their leading bits'),
  checkaddrman: number('Check the address tables at one in N of their operations, 0 never (default 0)'),
  signetchallenge: neverNegated(list('Challenge (hex) of a signet of one’s own')),

  // Mempool and mining
  maxmempool: number('Megabytes of the mempool (default 300)'),
  persistmempool: flag('Keep the mempool over restarts (default: yes)'),
  acceptstalefeeestimates: flag('Read estimates of fees however old they are; regtest only'),
  persistmempoolv1: flag('Write it as nodes of old read it'),
  checkmempool: number(
    'Look through the mempool for what must not be, at one in N tips (default: 1 on regtest, else 0: never)',
  ),
  mempoolexpiry: number('Hours that a transaction may wait (default 336)'),
  minrelaytxfee: text('Fee rate (coins per kvB) below which nothing is relayed (default 0.00000100)'),
  incrementalrelayfee: text('Fee rate that a replacement must add'),
  dustrelayfee: text('Fee rate that defines dust (default 0.00003000)'),
  datacarrier: flag('Relay data-carrying outputs (default: yes)'),
  datacarriersize: number('Bytes of data-carrying outputs per transaction (default 100000)'),
  bytespersigop: number('Bytes that a signature operation counts as at least (default 20)'),
  permitbaremultisig: flag('Relay bare multisig outputs (default: yes)'),
  acceptnonstdtxn: flag('Relay what is not standard; test chains only'),
  limitclustercount: number('Transactions in a cluster (default 64)'),
  limitclustersize: number('Kilobytes in a cluster (default 101)'),
  limitancestorcount: number(
    'Ancestors in the mempool that a wallet gives a transaction, the transaction included (default 25)',
  ),
  limitdescendantcount: number('Transactions in a cluster that a wallet adds another to (default 25)'),
  blockmaxweight: number('Weight of mined blocks (default 4000000)'),
  blockreservedweight: number('Weight kept free for header and coinbase (default 8000)'),
  blockmintxfee: text('Fee rate below which nothing is mined'),
  printpriority: flag('Log the fee rate of each transaction that goes into a mined block'),
  blockversion: number('Version of mined blocks, regtest only'),
  mine: ours(text('Mine to this address in the background')),
  mocktime: number('Unix time to stand still at; test chains only'),

  // Wallet
  disablewallet: flag('No wallets'),
  wallet: networkOnly(list('Load this wallet')),
  walletdir: networkOnly(text('Where wallets are kept (default <datadir>/wallets)')),
  keypool: number('Addresses kept ahead (default 1000)'),
  fallbackfee: text('Fee rate when none can be estimated; 0 refuses to send'),
  mintxfee: text('Fee rate below which the wallet makes no transaction'),
  maxtxfee: text('Fee above which the wallet makes no transaction (default 0.10)'),
  avoidpartialspends: flag(
    'Spend all coins of an address together, up to 100, or none of them (default: no; always with avoid_reuse)',
  ),
  maxapsfee: text(
    'Fee that -avoidpartialspends may cost more where it is not set; -1 does not try (default 0.00)',
  ),
  addresstype: text('legacy, p2sh-segwit or bech32 (default)'),
  changetype: text('As addresstype, for change'),
  walletrejectlongchains: flag(
    'Make no transaction that the mempool would refuse for its relatives (default: yes)',
  ),
  walletrbf: flag('Wallet transactions may be replaced (default: yes)'),
  txconfirmtarget: number('Blocks within which a wallet transaction should be mined (default 6)'),
  discardfee: text('Fee rate up to which change is given to the fee instead'),
  consolidatefeerate: text('Fee rate below which the wallet spends more coins than it needs'),
  walletnotify: text(
    'Command to run for each transaction of a wallet, when it comes and when it changes; %s is its id, %w the wallet, %b the hash and %h the height of its block',
  ),
  walletbroadcast: flag('Wallet transactions are sent to peers (default: yes)'),
  spendzeroconfchange: flag('Spend own unconfirmed change (default: yes)'),

  // What is said
  debug: list('Log these categories; 1 or all for everything'),
  debugexclude: list('Do not log these categories'),
  debuglogfile: text('Log file (default debug.log), 0 for none'),
  printtoconsole: flag('Log to standard output (default: when it is a terminal)'),
  logtimemicros: flag('Microseconds in the log'),

  // Accepted without effect: threads, databases and transports that are not ours
  daemon: flag(),
  natpmp: flag(),
  loglevel: valued(neverNegated(list())),
  logips: flag(),
  logthreadnames: flag(),
  logsourcelocations: flag(),
  logtimestamps: flag(),
  logratelimit: flag(),
  shrinkdebugfile: flag(),
  rpcdoccheck: flag(),
  rpcthreads: number(),
  prevoutfetchthreads: number(),
  unsafesqlitesync: flag(),
  // Limits of old mempools
  limitancestorsize: number(),
  limitdescendantsize: number(),
} as const satisfies Record<string, OptionDeclaration>;

export type OptionName = keyof typeof OPTIONS;

export function isOptionName(name: string): name is OptionName {
  return Object.hasOwn(OPTIONS, name);
}
