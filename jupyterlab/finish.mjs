// After the build: gives the entry a fixed name, and writes down which sources the build was made of, so that a test
// can tell without Node or a network whether the committed build is behind them.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const own = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
const out = join(here, own.jupyterlab.outputDir);
const entries = readdirSync(join(out, 'static')).filter(name => /^remoteEntry\..+\.js$/.test(name));
if (entries.length !== 1) {
  throw new Error(`one entry was expected, not ${entries.length}`);
}
renameSync(join(out, 'static', entries[0]), join(out, 'static/remoteEntry.js'));

// What the build is made of; the test in tests/it/tidy/labextension.rs reads the same files.
const sources = ['package.json', 'package-lock.json', 'tsconfig.json', 'names.config.js', 'finish.mjs'];
for (const folder of ['src', 'style', 'schema']) {
  sources.push(...readdirSync(join(here, folder)).map(name => `${folder}/${name}`));
}
const hash = createHash('sha256');
for (const name of sources.sort()) {
  hash.update(`${name}\0`).update(readFileSync(join(here, name))).update('\0');
}
const built = JSON.parse(readFileSync(join(out, 'package.json'), 'utf8'));
const { name, version, description, license, jupyterlab } = built;
jupyterlab._build.load = 'static/remoteEntry.js';
const kept = { name, version, description, license, jupyterlab, claude_kernel: { sources: hash.digest('hex') } };
writeFileSync(join(out, 'package.json'), JSON.stringify(kept, null, 2) + '\n');
