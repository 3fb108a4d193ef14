/**
 * Loads a program that scripts/bundle.ts put into dist/bundle. Node 20 compiles an ES module anew at every start, which
 * was a quarter of ours; a script may bring what V8 made of it before. So the bundles are CommonJS functions, each with a
 * file of V8's beside it, written by the build (scripts/cache-bundle.ts). This folder is CommonJS too (package.json beside
 * this file), since Node's loader of ES modules costs 20 ms where it is not needed.
 *
 * V8 itself refuses what another version of it, or one with other flags, has made: then it compiles. It does not look at
 * the contents, so those are hashed here: a file that does not belong to its bundle is not used either.
 */
const { hash } = require('node:crypto');
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const { setFlagsFromString } = require('node:v8');
const { constants, Script } = require('node:vm');

/**
 * How much the heap may grow, in per cent of what was alive, before all of it is looked through. V8 would let it be more
 * while there is memory: during a sync that is what blocks left behind that nobody needs any more.
 */
const HEAP_GROWING_PERCENT = 50;
const HASH_BYTES = 32;

// Before anything is loaded, because flags are part of what V8 compares; in every thread, because making its heap has
// set the second one back.
keepHeapSmall();

const folder = path.join(__dirname, '../dist/bundle/');
const requireInstalled = createRequire(folder);
const loaded = new Map();

/** What the bundle `name` exports, and no program at all when there is none. */
function load(name) {
  const file = `${folder}${name}`;
  if (!existsSync(file)) {
    process.stderr.write('Error: Hearsay is not built yet. Run `npm ci && npm run build` first.\n');
    process.exit(1);
  }
  return run(file);
}

function run(file) {
  const known = loaded.get(file);
  if (known !== undefined) return known.module.exports;
  // The build leaves nothing but ASCII in it.
  const source = readFileSync(file, 'latin1');
  const script = new Script(source, {
    filename: file,
    cachedData: readCache(file, source),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const module = { exports: {} };
  loaded.set(file, { module, script, source });
  const require = name => (name.startsWith('./') ? run(`${folder}${name.slice(2)}`) : requireInstalled(name));
  script.runInThisContext()(module.exports, require, module, file);
  return module.exports;
}

/** Writes what V8 has made so far of every bundle that was loaded, functions that were called included. */
function writeCaches() {
  keepHeapSmall();
  for (const [file, { script, source }] of loaded) {
    const data = script.createCachedData();
    writeFileSync(`${file}.cache`, Buffer.concat([digest(source, data), data]));
  }
}

/**
 * Keeps V8 from taking memory that a node has no use for. The young generation stays as small as it begins: V8 doubles it
 * up to 32 MB, half of them for each thread's survivors, and never gives that back; what is young here is a block's small
 * change, of which next to nothing survives. Measured over a sync of 100,000 inputs: 45 MB less resident memory, and a
 * little less CPU, since a megabyte stays in cache.
 */
function keepHeapSmall() {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  setFlagsFromString('--semi-space-growth-factor=1');
}

function readCache(file, source) {
  if (!existsSync(`${file}.cache`)) return undefined;
  const cache = readFileSync(`${file}.cache`);
  const data = cache.subarray(HASH_BYTES);
  return digest(source, data).equals(cache.subarray(0, HASH_BYTES)) ? data : undefined;
}

function digest(source, data) {
  return hash('sha256', Buffer.concat([Buffer.from(source, 'latin1'), data]), 'buffer');
}

module.exports = { load, writeCaches };
