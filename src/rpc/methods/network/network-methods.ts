/** What RPC tells of peers and asks of them. */
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { addpeeraddress, exportasmap, getaddrmaninfo, getnodeaddresses, getrawaddrman } from './addresses.ts';
import { clearbanned, listbanned, setban } from './bans.ts';
import { addconnection, addnode, getaddednodeinfo } from './connections.ts';
import { getconnectioncount, getnettotals, getnetworkinfo, setnetworkactive } from './info.ts';
import { getorphantxs } from './orphans.ts';
import { disconnectnode, getpeerinfo, ping, sendmsgtopeer } from './peers.ts';

export const NETWORK: readonly RpcMethod<NodeFacade>[] = [
  addconnection, addnode, addpeeraddress, clearbanned, disconnectnode, exportasmap, getaddednodeinfo, getaddrmaninfo,
  getconnectioncount, getnettotals, getnetworkinfo, getnodeaddresses, getorphantxs, getpeerinfo, getrawaddrman,
  listbanned, ping, sendmsgtopeer, setban, setnetworkactive,
]; // biome-ignore format: one list
