/**
 * Makes the golden files of the present format version: `node engine/restore/testing/make-golden.ts [--encrypted] [NAME]`. Run it once per version and commit what
 * it writes; files of released versions are never made again, since they stand for the backups that people have.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { createMasterKey, formatVersion } from '../../format/index.ts';
import { LocalFolder, markRepository } from '../../repository/index.ts';
import { changeTree, setTime, writeSparse } from './seeded-tree.ts';
import { disk, folder, job, noise, protect, seededRandom } from './site.ts';
import { factsOf } from './tree-facts.ts';

const isEncrypted = process.argv.includes('--encrypted');
const [name = isEncrypted ? 'encrypted' : ''] = process.argv.slice(2).filter((arg) => !arg.startsWith('--'));
const target = new URL(`../../format/golden/${['version', formatVersion, name].filter(Boolean).join('-')}/`, import.meta.url).pathname;
if (fs.existsSync(target)) throw new Error(`${target} exists already`);
const root = '/tmp/holdfast-golden';
fs.rmSync(root, { recursive: true, force: true });
const password = 'golden password';
const made = isEncrypted ? await createMasterKey(password) : null;
const site = { ...(made && { keys: [made.key] }), root, source: join(root, 'source'), repositoryPath: join(target, 'repository') };
const image = join(root, 'disk.img');
for (const path of [site.repositoryPath, join(site.source, 'tree')]) fs.mkdirSync(path, { recursive: true });

await markRepository(new LocalFolder(site.repositoryPath));
const random = seededRandom(1970);
fs.writeFileSync(join(site.source, 'text'), 'Holdfast\n'.repeat(3000));
fs.writeFileSync(join(site.source, 'empty'), '');
fs.writeFileSync(Buffer.concat([Buffer.from(`${site.source}/no text `), Buffer.of(0xff, 0xfe)]), 'a name that is no text');
fs.symlinkSync('text', join(site.source, 'link'));
fs.linkSync(join(site.source, 'text'), join(site.source, 'second name'));
writeSparse(join(site.source, 'sparse'), 1_000_000, [[500_000, noise(random, 2000)]]);
setTime(join(site.source, 'empty'), -1_234_567_891n);
writeSparse(image, 3 * 1_048_576 + 512, [[1_048_576, noise(random, 5000)]]);

const points: { pointId: string; kind: 'folder' | 'disk'; facts?: unknown; hash?: string }[] = [];
for (let round = 0; round < 3; round++) {
	changeTree(join(site.source, 'tree'), random, 6);
	fs.writeFileSync(image, noise(random, 700), { flag: 'r+' });
	const { outcomes } = await protect(site, { objects: [folder(site.source), disk(image)], singleFile: true, compression: 'high', job });
	const facts = [...factsOf(site.source)].map(([key, { mode, mtimeNs, size, hash, target: to, sameAs }]) => [
		key,
		{ mode, mtimeNs: String(mtimeNs), size, hash, target: to, sameAs },
	]);
	points.push({ pointId: outcomes[0]?.pointId ?? '', kind: 'folder', facts: Object.fromEntries(facts) });
	points.push({ pointId: outcomes[1]?.pointId ?? '', kind: 'disk', hash: createHash('sha256').update(fs.readFileSync(image)).digest('hex') });
}
fs.writeFileSync(join(target, 'expected.json'), `${JSON.stringify(points, null, '\t')}\n`);
if (made) fs.writeFileSync(join(target, 'secrets.json'), `${JSON.stringify({ password, recoveryKey: made.recoveryKey }, null, '\t')}\n`);
fs.rmSync(root, { recursive: true });
