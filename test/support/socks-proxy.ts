/**
 * A SOCKS5 proxy (RFC 1928) on loopback that makes local nodes look public: who asks for an address of its table is led
 * to a port of this machine. So nodes know each other by routable addresses, and gossip about them as on the Internet.
 */
import net from 'node:net';

const LOCAL = '127.0.0.1';
/** No credentials; credentials, which are not looked at (RFC 1929). */
const METHODS: readonly number[] = [0, 2];
const REFUSED = Buffer.from('05050001000000000000', 'hex');
const GRANTED = Buffer.from('05000001000000000000', 'hex');

export class SocksProxy {
  readonly #server: net.Server;
  /** `HOST:PORT` as it is asked for → port here. */
  readonly #places = new Map<string, number>();
  readonly #sockets = new Set<net.Socket>();

  constructor() {
    this.#server = net.createServer(socket => this.#serve(socket));
  }

  /** `ADDR:PORT` of the proxy. */
  async listen(): Promise<string> {
    await new Promise<void>(resolve => this.#server.listen(0, LOCAL, resolve));
    return `${LOCAL}:${(this.#server.address() as net.AddressInfo).port}`;
  }

  lead(place: string, port: number): void {
    this.#places.set(place, port);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise(resolve => this.#server.close(resolve));
  }

  #serve(socket: net.Socket): void {
    this.#keep(socket);
    let stage: 'greeting' | 'credentials' | 'request' = 'greeting';
    let heard = Buffer.alloc(0);
    const listen = (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk]);
      for (;;) {
        const length = messageLength(stage, heard);
        if (length === undefined || heard.length < length) return;
        const message = heard.subarray(0, length);
        heard = heard.subarray(length);
        if (stage === 'greeting') {
          const method = METHODS.find(each => message.subarray(2).includes(each)) ?? 0xff;
          socket.write(Uint8Array.of(5, method));
          stage = method === 2 ? 'credentials' : 'request';
        } else if (stage === 'credentials') {
          socket.write(Uint8Array.of(1, 0));
          stage = 'request';
        } else {
          socket.off('data', listen);
          this.#connect(socket, `${message.subarray(5, -2)}:${message.readUInt16BE(length - 2)}`, heard);
          return;
        }
      }
    };
    socket.on('data', listen);
  }

  #connect(socket: net.Socket, place: string, rest: Uint8Array): void {
    const port = this.#places.get(place);
    if (port === undefined) {
      socket.end(REFUSED);
      return;
    }
    const onward = net.connect(port, LOCAL, () => {
      socket.write(GRANTED);
      onward.write(rest);
      socket.pipe(onward).pipe(socket);
    });
    this.#keep(onward);
    for (const [one, other] of [[socket, onward], [onward, socket]] as const) one.on('close', () => other.destroy()); // biome-ignore format: a pair
  }

  #keep(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
  }
}

/** As far as it can be told; undefined: more must come first. Requests are by name, addresses in letters too. */
function messageLength(stage: 'greeting' | 'credentials' | 'request', heard: Buffer): number | undefined {
  if (stage === 'greeting') return heard.length < 2 ? undefined : 2 + heard[1]!;
  if (stage === 'request') return heard.length < 5 ? undefined : 7 + heard[4]!;
  if (heard.length < 2 || heard.length < 3 + heard[1]!) return undefined;
  return 3 + heard[1]! + heard[2 + heard[1]!]!;
}
