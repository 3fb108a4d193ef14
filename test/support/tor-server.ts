/** A Tor on loopback, as far as its control port: it answers each line by its first word. */
import { createHmac } from 'node:crypto';
import net from 'node:net';

const HOST = '127.0.0.1';
export const ONION = 'pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd';
export const ONION_KEY = `ED25519-V3:${'A'.repeat(86)}==`;
const SERVER_NONCE = 'ab'.repeat(32);

type Answer = string | ((line: string) => string);

export class TorServer {
  /** Lines that came. */
  readonly heard: string[] = [];
  /** By the first word of a line, without the last line end; none: silence. */
  readonly answers = new Map<string, Answer>([
    ['PROTOCOLINFO', '250-PROTOCOLINFO 1\r\n250-AUTH METHODS=NULL\r\n250-VERSION Tor="0.4.9.1"\r\n250 OK'],
    ['AUTHENTICATE', '250 OK'],
    ['GETINFO', '250-net/listeners/socks="127.0.0.1:9050"\r\n250 OK'],
    ['ADD_ONION', line => made(line.startsWith('ADD_ONION NEW'))],
  ]);
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #wake: () => void = () => {};

  constructor() {
    this.#server = net.createServer(socket => this.#serve(socket));
  }

  async listen(): Promise<{ readonly host: string; readonly port: number }> {
    await new Promise<void>(done => this.#server.listen(0, HOST, done));
    return { host: HOST, port: (this.#server.address() as net.AddressInfo).port };
  }

  /** Lets in those who know the cookie. */
  askForCookie(cookie: Uint8Array, file: string): void {
    const hash = (key: string, nonce: string) =>
      createHmac('sha256', `Tor safe cookie authentication ${key} hash`)
        .update(cookie)
        .update(nonce + SERVER_NONCE, 'hex')
        .digest('hex');
    let nonce = '';
    this.answers.set('PROTOCOLINFO', `250-AUTH METHODS=COOKIE,SAFECOOKIE COOKIEFILE="${file}"\r\n250 OK`);
    this.answers.set('AUTHCHALLENGE', line => {
      nonce = line.split(' ')[2]!;
      return `250 AUTHCHALLENGE SERVERHASH=${hash('server-to-controller', nonce)} SERVERNONCE=${SERVER_NONCE}`;
    });
    this.answers.set('AUTHENTICATE', line =>
      line === `AUTHENTICATE ${hash('controller-to-server', nonce)}` ? '250 OK' : '515 no',
    );
  }

  /** Resolves when so many lines have come. */
  async hears(count: number): Promise<readonly string[]> {
    while (this.heard.length < count)
      await new Promise<void>(done => {
        this.#wake = done;
      });
    return this.heard;
  }

  say(text: string): void {
    for (const socket of this.#sockets) socket.write(text, 'latin1');
  }

  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.hangUp();
    await new Promise(done => this.#server.close(done));
  }

  #serve(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    let text = '';
    socket.on('data', chunk => {
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\r\n'); end !== -1; end = text.indexOf('\r\n')) {
        const line = text.slice(0, end);
        text = text.slice(end + 2);
        const answer = this.answers.get(line.split(' ')[0]!);
        if (answer !== undefined)
          socket.write(`${typeof answer === 'string' ? answer : answer(line)}\r\n`, 'latin1');
        this.heard.push(line);
        this.#wake();
      }
    });
  }
}

function made(isNew: boolean): string {
  return [`250-ServiceID=${ONION}`, ...(isNew ? [`250-PrivateKey=${ONION_KEY}`] : []), '250 OK'].join('\r\n');
}
