/** The layers, as a table: which folder may import which, and what the core may not touch. The first violation fails. */
import fs from 'node:fs';
import path from 'node:path';
import { parseSync } from 'vite';
import { describe, expect, test } from 'vitest';

const src = new URL('../src/', import.meta.url).pathname;

/** Folder → folders it may import beside itself. Lower layers first. */
const LAYERS: Record<string, readonly string[]> = {
  base: [],
  crypto: ['base'],
  store: ['base', 'crypto'],
  wire: ['base', 'crypto'],
  script: ['base', 'crypto', 'wire'],
  consensus: ['base', 'crypto', 'wire', 'script'],
  psbt: ['base', 'crypto', 'wire', 'script', 'consensus'],
  chain: ['base', 'crypto', 'store', 'wire', 'script', 'consensus'],
  mempool: ['base', 'crypto', 'store', 'wire', 'script', 'consensus', 'chain'],
  mining: ['base', 'crypto', 'store', 'wire', 'script', 'consensus', 'chain', 'mempool'],
  p2p: ['base', 'crypto', 'store', 'wire', 'script', 'consensus', 'chain', 'mempool'],
  wallet: ['base', 'crypto', 'store', 'wire', 'script', 'consensus', 'psbt', 'chain', 'mempool'],
  net: ['base', 'crypto', 'wire', 'p2p'],
  sim: ['base', 'crypto', 'store', 'wire', 'script', 'consensus', 'chain', 'mempool', 'p2p', 'mining', 'wallet'],
  rpc: ['base', 'crypto', 'wire', 'script', 'consensus', 'psbt', 'chain', 'mempool', 'p2p', 'mining', 'wallet'],
  node: ['base', 'crypto', 'store', 'wire', 'script', 'consensus', 'psbt', 'chain', 'mempool', 'p2p', 'mining', 'wallet', 'net', 'rpc', 'sim'],
  cli: ['base', 'crypto', 'store', 'wire', 'script', 'consensus', 'psbt', 'chain', 'mempool', 'p2p', 'mining', 'wallet', 'net', 'rpc', 'sim', 'node'],
}; // biome-ignore format: a table

/** Only here are effects done: sockets, disks, timers, promises. */
const SHELL_FOLDERS = new Set(['net', 'rpc', 'node', 'cli']);
const SHELL_FILES = new Set([
  'store/level.ts',
  'store/block-files.ts',
  'store/xor-key.ts',
  'store/lock-file.ts',
  'store/wallet-file.ts',
]);

/** Packages that one folder alone may use. */
const PACKAGE_OWNERS: [RegExp, string][] = [
  [/^@noble\/|^@scure\/|^secp256k1|^@bitauth\/libauth|^hash-wasm/, 'crypto'],
  [/^level$|^classic-level/, 'store'],
  [/^dns-packet/, 'net'],
  [/^yargs/, 'cli'],
];

/** Of node: modules, what is pure. */
const PURE_NODE_MODULES: Record<string, readonly string[]> = { crypto: ['node:crypto', 'node:module'] };

const FORBIDDEN_IN_CORE = [
  /\bDate\.now\b/,
  /\bnew Date\(\)/,
  /\bMath\.random\b/,
  /\bset(Timeout|Interval|Immediate)\b/,
  /\bqueueMicrotask\b/,
  /\bprocess\./,
  /\bperformance\./,
  /\bglobalThis\b/,
  /\bfetch\(/,
  /\bconsole\./,
  /\bcrypto\.getRandomValues\b/,
];

function sources(): string[] {
  return (fs.readdirSync(src, { recursive: true }) as string[]).filter(file => file.endsWith('.ts')).sort();
}

/** All specifiers that a file imports: static, re-exported, dynamic. */
function importsOf(file: string): string[] {
  const code = fs.readFileSync(path.join(src, file), 'utf8');
  const { module } = parseSync(file, code);
  const dynamic = module.dynamicImports.map(found =>
    code.slice(found.moduleRequest.start, found.moduleRequest.end),
  );
  return [
    ...module.staticImports.map(found => found.moduleRequest.value),
    ...module.staticExports.flatMap(found =>
      found.entries.flatMap(entry => entry.moduleRequest?.value ?? []),
    ),
    ...dynamic.map(text => text.replace(/^['"`]|['"`]$/g, '')),
  ];
}

function isShell(file: string): boolean {
  return SHELL_FOLDERS.has(file.split('/')[0]!) || SHELL_FILES.has(file);
}

describe('architecture', () => {
  test.each(sources())('%s keeps to its layer', file => {
    const folder = file.split('/')[0]!;
    const allowed = LAYERS[folder];
    expect(allowed, `${folder} is a folder of the table`).toBeDefined();
    for (const specifier of importsOf(file)) {
      const owner = PACKAGE_OWNERS.find(([pattern]) => pattern.test(specifier));
      if (owner !== undefined) expect(folder, `${file} imports ${specifier}`).toBe(owner[1]);
      if (specifier.startsWith('node:') && !isShell(file)) {
        expect(PURE_NODE_MODULES[folder] ?? [], `${file} imports ${specifier}`).toContain(specifier);
      }
      if (!specifier.startsWith('.')) continue;
      const target = path.posix.join(path.posix.dirname(file), specifier);
      if (target.startsWith('..')) continue;
      const targetFolder = target.split('/')[0]!;
      if (targetFolder !== folder) expect(allowed, `${file} imports ${specifier}`).toContain(targetFolder);
    }
  });

  test.each(sources().filter(file => !isShell(file)))('%s does nothing by itself', file => {
    const code = fs.readFileSync(path.join(src, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    for (const pattern of FORBIDDEN_IN_CORE) expect(code, `${file} uses ${pattern}`).not.toMatch(pattern);
  });

  test('no import cycles', () => {
    const graph = new Map(
      sources().map(file => [
        file,
        importsOf(file)
          .filter(specifier => specifier.startsWith('.'))
          .map(specifier => path.posix.join(path.posix.dirname(file), specifier)),
      ]),
    );
    const done = new Set<string>();
    const visit = (file: string, trail: readonly string[]): void => {
      expect(trail, `${[...trail, file].join(' → ')} is a cycle`).not.toContain(file);
      if (done.has(file)) return;
      for (const next of graph.get(file) ?? []) visit(next, [...trail, file]);
      done.add(file);
    };
    for (const file of graph.keys()) visit(file, []);
  });

  test('no module-level let, no enum, no default export', () => {
    for (const file of sources()) {
      const code = fs.readFileSync(path.join(src, file), 'utf8');
      expect(code, file).not.toMatch(/^(export )?(let|enum|export default)\b/m);
    }
  });
});
