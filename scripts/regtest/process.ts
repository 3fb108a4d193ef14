/** Real node processes, started and ended for sure: nothing outlives the script, also when it fails or is interrupted. */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const PROGRAM = launcher('node');
/** A request is closed when it has so many bytes; nodes take 32 MiB, and a block in hex has at most eight. */
const BATCH_BYTES_MIN = 8 * 1024 * 1024;
const STOP_TIMEOUT_MS = 20_000;

export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: number;
  constructor(method: string, code: number, message: string) {
    super(`${method}: ${message} (${code})`);
    this.code = code;
  }
}

/** A program of the checkout's `bin/`, whether this file runs compiled (from dist/) or as it is. */
export function launcher(name: 'node' | 'bitcoind'): string {
  return [`../../bin/${name}`, `../../../bin/${name}`]
    .map(relative => new URL(relative, import.meta.url).pathname)
    .find(file => fs.existsSync(file))!;
}

const running = new Set<ChildProcess>();

/** Ends whatever still runs, at once. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Starts `bin/node ARGS`; what it prints goes to `log`. */
export function launch(args: readonly string[], log: string): ChildProcess {
  return launchProgram([process.execPath, PROGRAM, ...args], log);
}

function launchProgram([file, ...args]: readonly string[], log: string): ChildProcess {
  const output = fs.openSync(log, 'a');
  const child = spawn(file!, args, { stdio: ['ignore', output, output] });
  fs.closeSync(output);
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Runs `bin/node ARGS` to its end and returns what it printed; throws when it fails. */
export async function runProgram(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (output += chunk));
  const code = await new Promise<number | null>(resolve => child.once('close', resolve));
  if (code !== 0) throw new Error(`bin/node ${args.join(' ')} ended with ${code}: ${output.trim()}`);
  return output;
}

/** Waits until `condition` gives something other than undefined or false; throws with `what` when time is up. */
export async function until<T>(
  what: string,
  timeoutMs: number,
  condition: () => Promise<T | undefined | false>,
  pauseMs = 50,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline)
      throw new Error(`Timed out after ${timeoutMs / 1000} s waiting until ${what}`);
    await delay(pauseMs);
  }
}

export interface NodeSetup {
  readonly name: string;
  readonly host: string;
  readonly rpcPort: number;
  readonly directory: string;
  /** The folder of the chain below `directory`. */
  readonly chain: string;
  readonly args: readonly string[];
  /** What takes `args`; default: `bin/node start`. */
  readonly program?: readonly string[];
}

/** One node process, spoken to over JSON-RPC. */
export class RegtestNode {
  readonly setup: NodeSetup;
  #child: ChildProcess | undefined;
  #authorization = '';

  constructor(setup: NodeSetup) {
    this.setup = setup;
  }

  get name(): string {
    return this.setup.name;
  }

  /** The value of the header, once the node answers. */
  get authorization(): string {
    return this.#authorization;
  }

  get log(): string {
    return path.join(this.setup.directory, 'output.log');
  }

  /** Resolves when the node answers; rejects with what it printed when it ends instead. */
  async start(pauseMs = 50): Promise<void> {
    const { directory, args, program = [process.execPath, PROGRAM, 'start'] } = this.setup;
    fs.mkdirSync(directory, { recursive: true });
    fs.rmSync(this.cookieFile, { force: true });
    const child = launchProgram([...program, ...args], this.log);
    this.#child = child;
    const isUp = async () => {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`${this.name} ended at its start: ${fs.readFileSync(this.log, 'utf8').trim()}`);
      }
      return this.#isUp();
    };
    await until(`${this.name} answers`, 20_000, isUp, pauseMs);
  }

  async #isUp(): Promise<boolean> {
    try {
      this.#authorization = `Basic ${Buffer.from(fs.readFileSync(this.cookieFile, 'utf8')).toString('base64')}`;
      await this.rpc('getblockcount');
      return true;
    } catch (error) {
      // Not yet listening, no cookie yet, or still warming up (-28).
      if (error instanceof RpcError && error.code !== -28) throw error;
      return false;
    }
  }

  get cookieFile(): string {
    return path.join(this.setup.directory, this.setup.chain, '.cookie');
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  rpc<T = unknown>(method: string, ...params: unknown[]): Promise<T> {
    return this.#call('/', method, params);
  }

  /** As `rpc`, about the wallet of that name. */
  walletRpc<T = unknown>(wallet: string, method: string, ...params: unknown[]): Promise<T> {
    return this.#call(`/wallet/${encodeURIComponent(wallet)}`, method, params);
  }

  /** The same method for each of these parameters, in few requests; rejects for the first that fails. */
  async rpcEach<T = unknown>(method: string, paramsOfEach: readonly unknown[][]): Promise<T[]> {
    const results: T[] = [];
    for (let done = 0; done < paramsOfEach.length; ) {
      const calls: string[] = [];
      let bytes = 0;
      for (; done < paramsOfEach.length && bytes < BATCH_BYTES_MIN; done += 1) {
        const call = JSON.stringify({ jsonrpc: '2.0', id: done, method, params: paramsOfEach[done] });
        calls.push(call);
        bytes += call.length;
      }
      const replies = (await this.#post('/', `[${calls.join()}]`)) as Reply<T>[];
      results.push(...replies.map(reply => resultOf(method, reply)));
    }
    return results;
  }

  async #call<T>(where: string, method: string, params: unknown): Promise<T> {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
    return resultOf(method, (await this.#post(where, body)) as Reply<T>);
  }

  async #post(where: string, body: string): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${this.setup.rpcPort}${where}`, {
      method: 'POST',
      headers: { authorization: this.#authorization, 'content-type': 'application/json' },
      body,
    });
    if (response.status === 401) throw new Error(`${this.name} does not know the cookie`);
    return response.json();
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<number | null>(resolve => child.once('exit', resolve));
    child.kill('SIGTERM');
    const code = await Promise.race([ended, delay(STOP_TIMEOUT_MS, 'late' as const, { ref: false })]);
    if (code === 'late') child.kill('SIGKILL');
    if (code !== 0)
      throw new Error(`${this.name} did not stop cleanly (${code ?? child.signalCode}); see ${this.log}`);
  }

  /** As a power cut would: no chance to clean up. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise(resolve => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
}

interface Reply<T> {
  readonly result: T;
  readonly error?: { readonly code: number; readonly message: string };
}

function resultOf<T>(method: string, { result, error }: Reply<T>): T {
  if (error) throw new RpcError(method, error.code, error.message);
  return result;
}
