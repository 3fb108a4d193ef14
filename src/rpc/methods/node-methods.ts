/** All methods that need no wallet, tied to a node. What is not here is answered -32601. */
import type { ServerView } from '../dispatcher.ts';
import { type BoundMethod, bindMethods, type RpcMethod } from '../method.ts';
import type { NodeFacade } from '../node-facade.ts';
import {
  getbestblockhash, getblock, getblockcount, getblockhash, getblockheader, getdifficulty,
} from './blockchain/blocks.ts'; // biome-ignore format: one list
import { CHAIN_DATA } from './blockchain/chain-data.ts';
import { getblockchaininfo, getchaintips, getdeploymentinfo } from './blockchain/chain-info.ts';
import { getmempoolcluster, getmempoolfeeratediagram } from './blockchain/clusters.ts';
import { gettxout } from './blockchain/coins.ts';
import {
  getmempoolancestors, getmempooldescendants, getmempoolentry, getmempoolinfo, getrawmempool,
} from './blockchain/mempool.ts'; // biome-ignore format: one list
import { importmempool, savemempool } from './blockchain/mempool-file.ts';
import { pruneblockchain } from './blockchain/prune.ts';
import { scantxoutset } from './blockchain/scan.ts';
import { verifychain } from './blockchain/verify.ts';
import {
  invalidateblock, preciousblock, reconsiderblock, syncwithvalidationinterfacequeue, waitforblock, waitforblockheight, waitfornewblock,
} from './blockchain/writer.ts'; // biome-ignore format: one list
import {
  echo,
  echoipc,
  echojson,
  getmemoryinfo,
  logging,
  mockscheduler,
  setmocktime,
} from './control/node.ts';
import { type ControlServices, getrpcinfo, help, stop, uptime } from './control/server.ts';
import { generate, generateblock, generatetoaddress, generatetodescriptor } from './mining/generate.ts';
import { getmininginfo, getnetworkhashps } from './mining/info.ts';
import { getprioritisedtransactions, prioritisetransaction } from './mining/prioritise.ts';
import { submitblock, submitheader } from './mining/submit.ts';
import { getblocktemplate } from './mining/template.ts';
import { NETWORK } from './network/network-methods.ts';
import { createrawtransaction } from './rawtransactions/create.ts';
import { decoderawtransaction, decodescript } from './rawtransactions/decode.ts';
import { explaintransaction } from './rawtransactions/explain.ts';
import { submitpackage, testmempoolaccept } from './rawtransactions/packages.ts';
import { abortprivatebroadcast, getprivatebroadcastinfo } from './rawtransactions/private.ts';
import { PSBT_METHODS } from './rawtransactions/psbt-methods.ts';
import { sendrawtransaction } from './rawtransactions/send.ts';
import { combinerawtransaction, signrawtransactionwithkey } from './rawtransactions/sign.ts';
import { deriveaddresses, getdescriptorinfo, validateaddress } from './util/addresses.ts';
import { estimaterawfee, estimatesmartfee } from './util/fees.ts';
import { createmultisig } from './util/multisig.ts';

const ON_NODE: readonly RpcMethod<NodeFacade>[] = [
  ...CHAIN_DATA,
  ...NETWORK,
  ...PSBT_METHODS,
  getbestblockhash, getblock, getblockchaininfo, getblockcount, getblockhash, getblockheader, getchaintips,
  getdeploymentinfo, getdifficulty, getmempoolancestors, getmempoolcluster, getmempooldescendants, getmempoolentry,
  getmempoolfeeratediagram, getmempoolinfo, importmempool, savemempool,
  getrawmempool, gettxout, invalidateblock, preciousblock, pruneblockchain, verifychain, reconsiderblock, scantxoutset,
  syncwithvalidationinterfacequeue, waitforblock, waitforblockheight, waitfornewblock,
  echo, echoipc, echojson, getmemoryinfo, logging, mockscheduler, setmocktime,
  generate, generateblock, generatetoaddress, generatetodescriptor, getblocktemplate, getmininginfo, getnetworkhashps,
  getprioritisedtransactions, prioritisetransaction, submitblock, submitheader,
  combinerawtransaction, createrawtransaction, decoderawtransaction, decodescript, explaintransaction,
  abortprivatebroadcast, getprivatebroadcastinfo, sendrawtransaction, signrawtransactionwithkey, submitpackage, testmempoolaccept,
  createmultisig, deriveaddresses, estimaterawfee, estimatesmartfee, getdescriptorinfo, validateaddress,
]; // biome-ignore format: one list

const ON_SERVER: readonly RpcMethod<ControlServices>[] = [getrpcinfo, help, stop, uptime];

/** For clients: what these methods take, without what runs them. */
export const NODE_METHOD_DECLARATIONS: readonly Pick<RpcMethod<never>, 'name' | 'params'>[] = [
  ...ON_NODE,
  ...ON_SERVER,
];

export function nodeMethods(node: NodeFacade, server: ServerView): readonly BoundMethod[] {
  return [...bindMethods(ON_NODE, node), ...bindMethods(ON_SERVER, { node, server })];
}
