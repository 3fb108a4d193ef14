/**
 * Puts the compiled program into few files: a start that reads 300 modules takes twice as long as one that reads three.
 * Entry points are the program and the workers it starts; they lie side by side, so that a worker's relative URL holds.
 * They are functions that bin/load.js calls, of ASCII only, which V8 takes as it is.
 */
import fs from 'node:fs';
import { rolldown } from 'rolldown';

const compiled = new URL('../src/', import.meta.url);
const target = new URL('../bundle/', import.meta.url);

/** Native parts find their binaries beside themselves; libauth is loaded only where no native part fits. */
const EXTERNAL = [/^classic-level/, /^secp256k1/, /^koffi/, /^@bitauth\/libauth/, /^node:/];
/** Node starts a worker only from a file of its own. */
const WORKERS = ['script-worker', 'miner-worker'];

const bundle = await rolldown({
  input: {
    main: new URL('cli/main.js', compiled).pathname,
    bitcoind: new URL('cli/bitcoind.js', compiled).pathname,
    ...Object.fromEntries(
      WORKERS.map(name => [`${name}-bundle`, new URL(`node/${name}.js`, compiled).pathname]),
    ),
  },
  platform: 'node',
  external: EXTERNAL,
  // yargs has a use for it that is not ours: configurations that extend each other.
  transform: { define: { 'import.meta.resolve': 'undefined' } },
  logLevel: 'warn',
});
const { output } = await bundle.generate({
  format: 'cjs',
  entryFileNames: '[name].js',
  chunkFileNames: 'chunk-[hash].js',
  // Each thread keeps the text of what it has loaded: without comments and blanks it is half as long. Names stay, for traces.
  minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
});
await bundle.close();

fs.rmSync(target, { recursive: true, force: true });
fs.mkdirSync(target, { recursive: true });
for (const chunk of output) {
  if (chunk.type !== 'chunk') continue;
  const code = `(function (exports, require, module, __filename) {${chunk.code}\n})`;
  fs.writeFileSync(new URL(chunk.fileName, target), asciiOnly(code));
}
for (const name of WORKERS) {
  const code = `require('../../bin/load.js').load('${name}-bundle.js');\n`;
  fs.writeFileSync(new URL(`${name}.js`, target), code);
}
fs.writeFileSync(new URL('package.json', target), '{ "type": "commonjs" }\n');

/** One character beyond latin1 makes V8 keep the whole text in two bytes a character. Escapes mean the same in all literals. */
function asciiOnly(code: string): string {
  return code.replace(/[\u0080-\uffff]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
