/**
 * Puts the compiled program into few files: a start that reads 300 modules takes twice as long as one that reads three.
 * Entry points are the program and the workers it starts; they lie side by side, so that a worker's relative URL holds.
 */
import fs from 'node:fs';
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
const { output } = await bundle.generate({
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: 'chunk-[hash].js',
  // Each thread keeps the text of what it has loaded: without comments and blanks it is half as long. Names stay, for traces.
  minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
});
fs.rmSync(target, { recursive: true, force: true });
fs.mkdirSync(target, { recursive: true });
for (const file of output) {
  const content = file.type === 'chunk' ? inAscii(file.code) : file.source;
  fs.writeFileSync(new URL(file.fileName, target), content);
}
await bundle.close();

/** One character beyond latin1 makes V8 keep the whole text in two bytes a character. Escapes mean the same in all literals. */
function inAscii(code: string): string {
  return code.replace(/[\u0080-\uffff]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
