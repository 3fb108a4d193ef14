/**
 * Ports for programs that will listen in a moment. Those that the system would choose (port 0) are also what it gives to
 * outgoing connections, and to the next who asks: one that was free could be somebody else's by the time the program
 * listens, and peers who keep dialing it would meet a stranger. So `Ports` claims a block of ports below those, by
 * listening at the first of them for as long as the process lives, and hands out the others in turn.
 */
import net from 'node:net';

/** Systems give out ports from 32,768 or 49,152 on by themselves. */
const FIRST = 20_480;
const END = 32_768;
const BLOCK_PORTS = 256;
const CLAIM_HOST = '127.0.0.1';

export class Ports {
  /** The first of the block: the claim. */
  #claim: Promise<number> | undefined;
  /** Place in the block that is tried next. */
  #next = 1;

  /** A port that is free on all `hosts`. No other `Ports` gives it, and this one not again before all others of its block. */
  async free(hosts: readonly string[]): Promise<number> {
    this.#claim ??= claimBlock();
    const first = await this.#claim;
    for (let tries = 1; tries < BLOCK_PORTS; tries += 1) {
      const port = first + this.#next;
      this.#next = (this.#next % (BLOCK_PORTS - 1)) + 1;
      if (await isFree(hosts, port)) return port;
    }
    const last = first + BLOCK_PORTS - 1;
    throw new Error(`None of the ports ${first + 1} to ${last} is free on all of ${hosts.join(', ')}`);
  }
}

const ports = new Ports();

/** The next of this process's ports that is free on all `hosts`. */
export function freePort(hosts: readonly string[]): Promise<number> {
  return ports.free(hosts);
}

async function claimBlock(): Promise<number> {
  for (let first = FIRST; first < END; first += BLOCK_PORTS) {
    const claim = await listen(CLAIM_HOST, first);
    if (claim === undefined) continue;
    claim.unref();
    return first;
  }
  throw new Error(`Of ${(END - FIRST) / BLOCK_PORTS} blocks of ports from ${FIRST} on, none is free`);
}

async function isFree(hosts: readonly string[], port: number): Promise<boolean> {
  for (const host of hosts) {
    const server = await listen(host, port);
    if (server === undefined) return false;
    await new Promise(closed => server.close(closed));
  }
  return true;
}

/** Undefined when somebody else listens there; rejects when nobody can, as where the address is not this machine's. */
function listen(host: string, port: number): Promise<net.Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
      else reject(error);
    });
    server.listen(port, host, () => resolve(server));
  });
}
