/**
 * `npm run bench [-- --short] [--json FILE] [--markdown FILE] [--only TEXT]`: runs every scenario and prints what it measured, with units.
 * Each scenario checks its own result first; `--short` runs the same code on less work.
 */
import fs from 'node:fs';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { SCENARIOS } from './scenarios.ts';

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    json: { type: 'string' },
    markdown: { type: 'string' },
    only: { type: 'string' },
  },
});

const machine = `${os.cpus()[0]?.model ?? 'unknown'} × ${os.availableParallelism()}, ${Math.round(os.totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
process.stdout.write(`${machine}\n`);
const results: { scenario: string; name: string; value: number; unit: string }[] = [];
for (const scenario of SCENARIOS) {
  if (values.only !== undefined && !scenario.name.includes(values.only)) continue;
  process.stdout.write(`\n${scenario.name}\n`);
  for (const figure of await scenario.run({ short: values.short })) {
    results.push({ scenario: scenario.name, ...figure });
    process.stdout.write(`  ${figure.name.padEnd(56)} ${format(figure.value).padStart(12)} ${figure.unit}\n`);
  }
}
if (values.json !== undefined) {
  fs.writeFileSync(
    values.json,
    `${JSON.stringify({ machine, date: new Date().toISOString(), results }, null, 2)}\n`,
  );
}

if (values.markdown !== undefined) {
  const rows = results.map(({ scenario, name, value, unit }, i) => {
    const isFirst = results[i - 1]?.scenario !== scenario;
    return `| ${isFirst ? scenario : ''} | ${name} | ${format(value)} | ${unit} |`;
  });
  const head = ['| scenario | what | figure | unit |', '| --- | --- | ---: | --- |'];
  fs.writeFileSync(values.markdown, `${[machine, '', ...head, ...rows].join('\n')}\n`);
}

function format(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}
