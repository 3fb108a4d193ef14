/**
 * The gossip layer at work: the peer manager on real sockets, its operations on the engine and on files (peers.dat,
 * banlist.json, anchors.dat), and what RPC sees and asks of it.
 */
import fs from 'node:fs';
import path from 'node:path';
import { type Hash256, hashToHex } from '../base/bytes.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { ChainParams } from '../consensus/params.ts';
import { resolveHost, systemDnsServers } from '../net/dns-client.ts';
import { I2pBridge } from '../net/i2p.ts';
import { AddressBook } from '../p2p/address-book.ts';
import type { AddressBookData } from '../p2p/address-tables.ts';
import { type Ban, decodeBans, encodeBans } from '../p2p/bans.ts';
import type { P2pCommand, P2pCommandResult } from '../p2p/commands.ts';
import type { P2pEvent } from '../p2p/events.ts';
import { PeerManager } from '../p2p/peer-manager.ts';
import { decodePeersFile, encodePeersFile, PeersFileVersionError } from '../p2p/peers-file.ts';
import { UploadTarget } from '../p2p/upload-target.ts';
import type { FilterLookup } from '../rpc/index-access.ts';
import { DecodeError } from '../wire/codec.ts';
import { SERVICES } from '../wire/messages.ts';
import {
  type AddressNetwork,
  type NetAddress,
  parseAddress,
  type TimedAddress,
} from '../wire/net-address.ts';
import type { Transaction } from '../wire/transaction.ts';
import { decodeAnchors, encodeAnchors } from './anchors-file.ts';
import { onionServiceTarget } from './bind-options.ts';
import { readBlockForPeer } from './block-reader.ts';
import { type NodeClock, steadyNow } from './clocks.ts';
import type { Engine } from './engine.ts';
import { readFilters } from './filter-reader.ts';
import { type HostPort, hostPortText } from './host-port.ts';
import { machineAddresses } from './machine-addresses.ts';
import { messageCapture } from './message-capture.ts';
import type { NetworkOptions } from './network-options.ts';
import { startOnionService } from './onion-service.ts';
import { type Operation, PeerPump } from './peer-pump.ts';
import { ConfigError } from './settings.ts';

const PEERS_FILE = 'peers.dat';
const BANS_FILE = 'banlist.json';
const ANCHORS_FILE = 'anchors.dat';
const I2P_KEY_FILE = 'i2p_private_key';

export interface GossipDeps {
  readonly engine: Engine;
  /** For compact filters; only where they are offered. */
  readonly filters: FilterLookup | undefined;
  readonly clock: NodeClock;
  readonly random: Random;
  readonly log: Log;
  readonly onFatal: (error: unknown) => void;
}

export interface GossipPlace {
  readonly params: ChainParams;
  readonly directory: string;
}

export class Gossip {
  readonly manager: PeerManager;
  readonly pump: PeerPump;
  readonly book: AddressBook;
  readonly upload: UploadTarget;
  /** Networks that are dialed; Tor may come later. */
  readonly #reachable: Set<AddressNetwork>;
  readonly #deps: GossipDeps;
  readonly #place: GossipPlace;
  readonly #options: NetworkOptions;
  readonly #forget: () => void;
  #onionService: { close(): void } | undefined;

  /** Reads the files of the last run. Throws ConfigError when one is damaged. */
  constructor(deps: GossipDeps, place: GossipPlace, options: NetworkOptions) {
    this.#deps = deps;
    this.#place = place;
    this.#options = options;
    const { engine, random, log, clock } = deps;
    const { privateNetwork, asMap } = options.manager;
    log.info(asMap === undefined ? 'Using /16 prefix for IP bucketing' : `Using asmap version ${hashToHex(asMap.version)} for IP bucketing`); // biome-ignore format: one line of the log
    const routing = { privateNetwork, ...(asMap && { asMap }) };
    this.book = new AddressBook({ random }, { ...routing, ...options.addressBook }, this.#readPeers());
    const bound = options.listen
      .filter(({ isOnion }) => !isOnion)
      .flatMap(({ host, port }) => parseAddress(host.includes(':') ? `[${host}]` : host, port) ?? []);
    const ofMachine = options.discoversAddresses ? machineAddresses(bound[0]!.port) : [];
    const offered = () => this.services;
    this.#reachable = new Set(options.manager.reachableNetworks);
    this.upload = new UploadTarget(options.uploadTarget);
    this.manager = new PeerManager(
      {
        upload: this.upload,
        chain: engine.chain,
        mempool: engine.mempool,
        random,
        log,
        addressBook: this.book,
        bans: this.#readBans(),
      },
      {
        ...options.manager,
        get services() {
          return offered();
        },
        reachableNetworks: this.#reachable,
        minimumChainWork: engine.chain.minimumChainWork,
        anchors: this.#takeAnchors(),
        listenAddresses: bound,
        machineAddresses: ofMachine,
        ownAddresses: [...options.manager.externalAddresses, ...bound, ...ofMachine],
      },
    );
    this.pump = new PeerPump(
      {
        machine: this.manager,
        operations: operation => this.#perform(operation),
        clock,
        log,
        onFatal: deps.onFatal,
        ...(options.capturesMessages && { capture: messageCapture(clock, place.directory) }),
      },
      {
        magic: place.params.magic,
        random,
        acceptsV2: (options.manager.services & SERVICES.v2Transport) !== 0n,
        permissionsOf: options.permissionsOf,
        connectTimeoutMs: options.connectTimeoutMs,
        proxies: options.proxies,
        ...i2p(this.#i2pBridge()),
        looksUpNames: options.looksUpNames,
        isCjdnsReachable: options.isCjdnsReachable,
        buffers: options.buffers,
        onSent: bytes => this.upload.record(bytes, clock.now()),
        ...local(options.localAddress),
      },
    );
    this.#forget = engine.listen({
      onChain: notice => this.pump.dispatch({ kind: 'chain', notice }),
      onMempool: notice => this.pump.dispatch({ kind: 'mempool', notice }),
    });
  }

  /** Listens, and begins to dial. Throws ConfigError when a port cannot be had. */
  async start(): Promise<void> {
    const { transport } = this.pump;
    const bound: (HostPort & { readonly isOnion: boolean })[] = [];
    for (const { host, port, isOptional, ...rest } of this.#options.listen) {
      try {
        const actual = await transport.listen(host, port, rest);
        bound.push({ host, port: actual.port, isOnion: rest.isOnion });
      } catch (error) {
        if (isOptional) continue;
        const { code, message } = error as NodeJS.ErrnoException;
        const where = hostPortText({ host, port });
        throw new ConfigError(
          code === 'EADDRINUSE'
            ? `Unable to bind to ${where} on this computer. Another node is probably already running there.`
            : `Unable to bind to ${where} on this computer (${message}).`,
        );
      }
      this.#deps.log.info(`Bound to ${hostPortText(bound.at(-1)!)}`);
    }
    if (!fs.existsSync(this.#path(BANS_FILE))) {
      this.#deps.log.info('Recreating the banlist database');
      this.#saveBans();
    }
    if (this.#options.acceptsI2p)
      transport.acceptI2p(address => this.command({ kind: 'addOwnAddress', address, score: 'named' }));
    this.#startOnionService(onionServiceTarget(bound));
    this.wake();
  }

  get reachableNetworks(): ReadonlySet<AddressNetwork> {
    return this.#reachable;
  }

  /** Only where it is wanted, and leads to us. */
  #startOnionService(target: HostPort | undefined): void {
    const { tor, connectTimeoutMs, looksUpNames } = this.#options;
    if (tor === undefined || target === undefined) return;
    const { log, random } = this.#deps;
    const { directory, params } = this.#place;
    this.#onionService = startOnionService(
      { log, random, directory },
      tor,
      { target: hostPortText(target), port: params.defaultPort, connectTimeoutMs, looksUpNames },
      {
        onProxy: proxy => {
          this.pump.transport.setProxy('onion', proxy);
          if (tor.allowsOnion) this.#reachable.add('onion');
          this.wake();
        },
        onService: address => {
          // As Core: where Tor is not dialed, nobody is told of an address there.
          if (this.#reachable.has('onion')) this.command({ kind: 'addOwnAddress', address, score: 'named' });
        },
        onServiceEnd: address => this.command({ kind: 'removeOwnAddress', address }),
      },
    );
  }

  /** Something has changed that peers do not tell of. */
  wake(): void {
    this.pump.dispatch({ kind: 'tick' });
  }

  /** undefined: no router was named. */
  #i2pBridge(): I2pBridge | undefined {
    const { acceptsI2p, connectTimeoutMs, proxies } = this.#options;
    const place = proxies.i2p?.place;
    if (place === undefined || 'path' in place) return undefined;
    const file = this.#path(I2P_KEY_FILE);
    const keyFile = {
      read: () => (fs.existsSync(file) ? new Uint8Array(fs.readFileSync(file)) : undefined),
      write: (key: Uint8Array) => this.#write(I2P_KEY_FILE, key),
    };
    const { log, random } = this.#deps;
    const deps = { log, random, router: place, connectTimeoutMs };
    return new I2pBridge(deps, acceptsI2p ? keyFile : undefined);
  }

  /** What we offer: not the blocks below a snapshot, while they are not there (Core: loadtxoutset, init.cpp). */
  get services(): bigint {
    const { services } = this.#options.manager;
    return this.#deps.engine.chain.history() === undefined ? services : services & ~SERVICES.network;
  }

  command<C extends P2pCommand>(command: C): P2pCommandResult<C> {
    const { effects, result } = this.manager.command(command, this.#deps.clock.now(), steadyNow());
    this.pump.perform(effects);
    return result;
  }

  /** Closes all connections and keeps what the next run should know. */
  async stop(): Promise<void> {
    const anchors = this.manager.anchors();
    this.#onionService?.close();
    await this.pump.stop();
    this.#forget();
    this.#saveAddresses();
    this.#saveBans();
    if (anchors.length > 0) this.#write(ANCHORS_FILE, encodeAnchors(anchors, this.#place.params.magic));
  }

  #perform(operation: Operation): Promise<P2pEvent | undefined> | undefined {
    const { engine } = this.#deps;
    switch (operation.kind) {
      case 'submitBlock':
        return this.#submitBlock(operation);
      case 'submitTx':
        return this.#submitTx(operation);
      case 'submitPackage':
        return this.#submitPackage(operation);
      case 'testTx':
        return this.#testTx(operation.tx);
      case 'readBlock':
        return this.#readBlock(operation);
      case 'readFilters':
        return this.#readFilters(operation);
      case 'resolveSeeds':
        for (const host of operation.hosts) this.#resolveSeed(host);
        return undefined;
      case 'saveAddresses':
        this.#saveAddresses();
        return undefined;
      case 'saveBans':
        this.#saveBans();
        return undefined;
      case 'txBroadcast':
        engine.mempool.markBroadcast(operation.txid);
        return undefined;
    }
  }

  async #submitBlock({
    peer,
    block,
    requested,
  }: Extract<Operation, { kind: 'submitBlock' }>): Promise<P2pEvent> {
    const result = await this.#deps.engine.submitBlock(block, { requested });
    return { kind: 'blockProcessed', peer, hash: block.header.hash, result };
  }

  async #submitTx({ peer, tx }: Extract<Operation, { kind: 'submitTx' }>): Promise<P2pEvent> {
    const result = await this.#deps.engine.submitTx(tx, { origin: 'peer' });
    return { kind: 'txProcessed', peer, tx, result };
  }

  async #submitPackage({ peer, txs }: Extract<Operation, { kind: 'submitPackage' }>): Promise<P2pEvent> {
    const result = await this.#deps.engine.submitPackage(txs, {});
    return { kind: 'packageProcessed', peer, txs, result };
  }

  async #readFilters(request: Extract<Operation, { kind: 'readFilters' }>): Promise<P2pEvent> {
    const { engine, filters: index, log } = this.#deps;
    const answer = index && (await readFilters({ chain: engine.chain, index, log }, request));
    return { kind: 'filtersRead', peer: request.peer, answer };
  }

  async #testTx(tx: Transaction): Promise<P2pEvent> {
    const { clock, engine } = this.#deps;
    const { reject } = await engine.enqueue('testTransactions', () =>
      engine.mempool.testPackage([tx], clock.now()),
    );
    return { kind: 'txTested', tx, isAcceptable: reject === undefined };
  }

  async #readBlock({ peer, hash }: Extract<Operation, { kind: 'readBlock' }>): Promise<P2pEvent> {
    const { engine, log } = this.#deps;
    return { kind: 'blockRead', peer, hash, raw: await readBlockForPeer(engine, log, hash) };
  }

  /** Nobody waits for it: an answer of nothing is told like one of many. */
  #resolveSeed(host: string): void {
    const { log } = this.#deps;
    const { resolvers } = this.#options;
    const servers = resolvers.length > 0 ? resolvers : systemDnsServers();
    const tell = (addresses: readonly NetAddress[]) =>
      this.pump.dispatch({ kind: 'namesResolved', host, addresses });
    resolveHost(host, this.#place.params.defaultPort, servers).then(tell, (error: Error) => {
      log.info(`DNS seed ${host} gives no answer: ${error.message}`);
      tell([]);
    });
  }

  // Files.

  #path(name: string): string {
    return path.join(this.#place.directory, name);
  }

  /** Through a temporary file and a rename: a crash leaves the old one or the new one. */
  #write(name: string, content: Uint8Array | string): void {
    const file = this.#path(name);
    try {
      fs.writeFileSync(`${file}.new`, content, { mode: 0o600 });
      fs.renameSync(`${file}.new`, file);
    } catch (error) {
      this.#deps.log.warn(`${name} cannot be written: ${(error as Error).message}`);
    }
  }

  get #asMapVersion(): Hash256 | undefined {
    return this.#options.manager.asMap?.version;
  }

  #saveAddresses(): void {
    this.#write(PEERS_FILE, encodePeersFile(this.book.data(), this.#place.params.magic, this.#asMapVersion));
  }

  #saveBans(): void {
    this.#write(BANS_FILE, encodeBans(this.manager.bans(this.#deps.clock.now())));
  }

  #readPeers(): AddressBookData | undefined {
    const { log } = this.#deps;
    const file = this.#path(PEERS_FILE);
    if (!fs.existsSync(file)) {
      log.info(`Creating peers.dat because the file was not found ("${file}")`);
      return undefined;
    }
    try {
      const data = decodePeersFile(fs.readFileSync(file), this.#place.params.magic, this.#asMapVersion);
      log.info(`Loaded ${data.fresh.length + data.tried.length} addresses from peers.dat`);
      return data;
    } catch (error) {
      if (error instanceof PeersFileVersionError) {
        fs.renameSync(file, `${file}.bak`);
        log.warn(
          `Creating new peers.dat because the file version was not compatible ("${file}"). Original backed up to peers.dat.bak`,
        );
        return undefined;
      }
      if (!(error instanceof DecodeError)) throw error;
      throw new ConfigError(
        `Invalid or corrupt peers.dat (${error.message}). If you believe this is a bug, please report it to the project's issue tracker. As a workaround, you can move the file ("${file}") out of the way (rename, move, or delete) to have a new one created on the next start.`,
      );
    }
  }

  #readBans(): Ban[] {
    const file = this.#path(BANS_FILE);
    if (!fs.existsSync(file)) {
      this.#deps.log.info('Recreating the banlist database');
      this.#write(BANS_FILE, encodeBans([]));
      return [];
    }
    try {
      return decodeBans(fs.readFileSync(file, 'utf8'));
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#deps.log.warn(`${BANS_FILE} is damaged and not used: ${error.message}`);
      return [];
    }
  }

  /** Used once: whoever crashes us right after the start must not be dialed again and again. */
  #takeAnchors(): TimedAddress[] {
    const file = this.#path(ANCHORS_FILE);
    if (!fs.existsSync(file)) return [];
    try {
      return decodeAnchors(fs.readFileSync(file), this.#place.params.magic);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return [];
    } finally {
      fs.rmSync(file, { force: true });
    }
  }
}

function i2p(bridge: I2pBridge | undefined): { i2p?: I2pBridge } {
  return bridge === undefined ? {} : { i2p: bridge };
}

function local(localAddress: string | undefined): { localAddress?: string } {
  return localAddress === undefined ? {} : { localAddress };
}
