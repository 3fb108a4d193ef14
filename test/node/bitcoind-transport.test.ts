/** The encrypted transport between us and Bitcoin Core, whoever dials; and what is spoken where one end knows v1 only. */
import { afterAll, expect, test } from 'vitest';
import { bitcoind, describeBitcoind } from '../support/bitcoind.ts';
import { eventually, Sandbox, type SandboxNode, sameTip } from '../support/process.ts';

interface PeerJson {
  readonly transport_protocol_type: string;
  readonly session_id: string;
  readonly bytesrecv_per_msg: { readonly pong?: number };
}

/** Once a ping has come back. */
function peerOf(node: SandboxNode): Promise<PeerJson> {
  return eventually('a peer', async () => {
    const [peer] = await node.rpc<PeerJson[]>('getpeerinfo');
    return peer?.bytesrecv_per_msg.pong !== undefined && peer;
  });
}

describeBitcoind('transport with bitcoind', () => {
  const sandbox = new Sandbox();
  afterAll(() => sandbox.close());

  for (const dialer of ['ours', 'core'] as const) {
    for (const [oursV2, coreV2] of [
      [1, 1],
      [1, 0],
      [0, 1],
    ] as const) {
      test(`${dialer} dials, v2 of ours ${oursV2}, of bitcoind ${coreV2}`, async () => {
        const name = `${dialer}${oursV2}${coreV2}`;
        const ours = await sandbox.hearsay(`h${name}`, ['--connect', '0', `--v2transport=${oursV2 === 1}`]);
        const core = await bitcoind(sandbox, `c${name}`, [`-v2transport=${coreV2}`]);
        await Promise.all([ours.start(), core.start()]);
        const [from, to] = dialer === 'ours' ? [ours, core] : [core, ours];
        await from.rpc('addnode', to.address, 'onetry');
        const [a, b] = [await peerOf(ours), await peerOf(core)];
        const expected = oursV2 + coreV2 === 2 ? 'v2' : 'v1';
        expect([a.transport_protocol_type, b.transport_protocol_type]).toEqual([expected, expected]);
        expect(a.session_id).toBe(b.session_id);
        expect(a.session_id.length).toBe(expected === 'v2' ? 64 : 0);
        // Above 224 packets the keys have changed.
        for (let i = 0; i < 3; i += 1) {
          const address = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
          await (i % 2 ? ours : core).rpc('generatetoaddress', 100, address);
          await sameTip(ours, core);
        }
        await Promise.all([ours.stop(), core.stop()]);
      });
    }
  }
});
