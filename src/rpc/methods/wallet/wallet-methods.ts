/** All methods that need wallets. */
import { type BoundMethod, bindMethods, type RpcMethod } from '../../method.ts';
import type { WalletHost } from '../../wallet-host.ts';
import { getaddressinfo } from './address-info.ts';
import {
  getaddressesbylabel, getnewaddress, getrawchangeaddress, keypoolrefill, listlabels, setlabel,
} from './addresses.ts'; // biome-ignore format: one list
import { bumpfee, psbtbumpfee } from './bump-fee.ts';
import { getbalance, getbalances, listlockunspent, listunspent, lockunspent } from './coins.ts';
import { getwalletmnemonic, importdescriptors, listdescriptors } from './descriptors.ts';
import { encryptwallet, walletlock, walletpassphrase, walletpassphrasechange } from './encryption.ts';
import { fundrawtransaction } from './fund.ts';
import {
  backupwallet, createwallet, listwalletdir, listwallets, loadwallet, restorewallet, unloadwallet,
} from './manage.ts'; // biome-ignore format: one list
import { walletcreatefundedpsbt, walletprocesspsbt } from './psbt.ts';
import {
  getreceivedbyaddress, getreceivedbylabel, listaddressgroupings, listreceivedbyaddress, listreceivedbylabel,
} from './received.ts'; // biome-ignore format: one list
import { abortrescan, rescanblockchain } from './rescan.ts';
import { sendmany, sendtoaddress } from './send.ts';
import { sendall } from './send-all.ts';
import { send } from './send-any.ts';
import { signrawtransactionwithwallet } from './sign.ts';
import { abandontransaction, gettransaction, listsinceblock, listtransactions } from './transactions.ts';
import { getwalletinfo, setwalletflag } from './wallet-info.ts';

const ON_WALLETS: readonly RpcMethod<WalletHost>[] = [
  abandontransaction, abortrescan, backupwallet, bumpfee, createwallet, encryptwallet, fundrawtransaction, getaddressesbylabel,
  getaddressinfo, getbalance, getbalances, getnewaddress, getrawchangeaddress, getreceivedbyaddress,
  getreceivedbylabel, gettransaction, getwalletinfo, getwalletmnemonic, importdescriptors, keypoolrefill,
  listaddressgroupings, listdescriptors, listlabels, listlockunspent, listreceivedbyaddress, listreceivedbylabel,
  listsinceblock, listtransactions, listunspent, listwalletdir, listwallets, loadwallet, lockunspent, psbtbumpfee,
  rescanblockchain, restorewallet, send, sendall, sendmany, sendtoaddress, setlabel, setwalletflag, signrawtransactionwithwallet, unloadwallet,
  walletcreatefundedpsbt, walletlock, walletpassphrase, walletpassphrasechange, walletprocesspsbt,
]; // biome-ignore format: one list

/** For clients: what these methods take, without what runs them. */
export const WALLET_METHOD_DECLARATIONS: readonly Pick<RpcMethod<never>, 'name' | 'params'>[] = ON_WALLETS;

export function walletMethods(host: WalletHost): readonly BoundMethod[] {
  return bindMethods(ON_WALLETS, host);
}
