/**
 * Puts the compiled program into few files: a start that reads 300 modules takes twice as long as one that reads three.
 * Entry points are the program and the workers it starts; they lie side by side, so that a worker's relative URL holds.
 */
import { rolldown } from 'rolldown';

const compiled = new URL('../src/', import.meta.url);
const target = new URL('../bundle/', import.meta.url);

/** Native parts find their binaries beside themselves; libauth is loaded only where no native part fits. */
const EXTERNAL = [/^classic-level/, /^secp256k1/, /^koffi/, /^@bitauth\/libauth/, /^node:/];

const bundle = await rolldown({
  input: {
    main: new URL('cli/main.js', compiled).pathname,
    bitcoind: new URL('cli/bitcoind.js', compiled).pathname,
    'script-worker': new URL('node/script-worker.js', compiled).pathname,
    'miner-worker': new URL('node/miner-worker.js', compiled).pathname,
  },
  platform: 'node',
  external: EXTERNAL,
  logLevel: 'warn',
});
await bundle.write({
  dir: target.pathname,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: 'chunk-[hash].js',
  minify: 'dce-only',
});
await bundle.close();
