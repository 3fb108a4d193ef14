import net from 'node:net';
import { expect, test } from 'vitest';
import { Ports } from '../../../scripts/regtest/ports.ts';

const HOSTS = ['127.0.0.1', '127.0.0.2'];
/** What the smallest range of ports for outgoing connections begins with. */
const EPHEMERAL_FIRST = 32_768;

test('each has ports of its own, none twice before all others, none that is taken', async () => {
  const [a, b] = [new Ports(), new Ports()];
  const first = await a.free(HOSTS);
  const taken = net.createServer();
  await new Promise<void>(done => taken.listen(first + 1, HOSTS[1], done));
  try {
    const ofA = [first];
    for (let port = await a.free(HOSTS); port !== first; port = await a.free(HOSTS)) ofA.push(port);
    expect(new Set(ofA).size).toBe(ofA.length);
    expect(ofA).not.toContain(first + 1);
    const ofB: number[] = [];
    for (let i = 0; i < ofA.length; i += 1) ofB.push(await b.free(HOSTS));
    expect(ofA.filter(port => ofB.includes(port))).toEqual([]);
    expect(Math.max(...ofA, ...ofB)).toBeLessThan(EPHEMERAL_FIRST);
  } finally {
    await new Promise(closed => taken.close(closed));
  }
});

test('an address that is not of this machine is told, not passed over', async () => {
  await expect(new Ports().free(['192.0.2.1'])).rejects.toThrow('EADDRNOTAVAIL');
});
