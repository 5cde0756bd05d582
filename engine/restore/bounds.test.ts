import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import type { TaskCounters } from '../contract/index.ts';
import type { BackupRun } from '../mover/index.ts';
import { writeSparse } from './testing/seeded-tree.ts';
import { backupRun, giveBack, noise, openSite, protect, type Site, seededRandom, Witness } from './testing/site.ts';

const MiB = 1024 * 1024;
const generousBytes = 900 * MiB;
const linuxOnly = { skip: process.platform === 'linux' ? false : 'reads /proc' };

type Measured = { readonly peakBytes: number; readonly blockedMs: number; readonly items: number; readonly counters: TaskCounters };

async function measure(t: TestContext, site: Site, more: Partial<BackupRun> = {}): Promise<Measured> {
	const script = new URL('./testing/measure-child.ts', import.meta.url).pathname;
	const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, script, JSON.stringify(backupRun(site, more))]);
	const measured = JSON.parse(stdout) as Measured;
	t.diagnostic(`peak ${Math.round(measured.peakBytes / MiB)} MiB, main thread held up for at most ${Math.round(measured.blockedMs)} ms`);
	assert.ok(measured.peakBytes < generousBytes, `${measured.peakBytes} bytes`);
	assert.ok(measured.blockedMs < 200, `the main thread was held up for ${measured.blockedMs} ms`);
	return measured;
}

test('a file of 2 GiB, in parts dense and in parts sparse, is protected in bounded memory', linuxOnly, async (t) => {
	const site = await openSite(t);
	const dense = noise(seededRandom(1), 16 * MiB);
	writeSparse(
		join(site.source, 'file'),
		2048 * MiB,
		Array.from({ length: 40 }, (_, i) => {
			dense.writeUInt32LE(i, (i * 4099) % 1_000_000);
			return [i * 51 * MiB, i % 4 === 0 ? dense : Buffer.alloc(8 * MiB)] as const;
		}),
	);
	const { counters } = await measure(t, site);
	assert.equal(counters.doneBytes, 2048 * MiB);
	assert.ok(counters.readBytes < 500 * MiB, 'holes are not read');
});

test('a sparse disk of 100 GiB takes no more memory than one of 4 GiB with as much in it', linuxOnly, async (t) => {
	const GiB = 1024 * MiB;
	const content = noise(seededRandom(2), 4 * MiB);
	const peakOf = async (sizeBytes: number): Promise<number> => {
		const site = await openSite(t);
		const path = join(site.root, 'disk.img');
		writeSparse(
			path,
			sizeBytes,
			Array.from({ length: 24 }, (_, i) => {
				content.writeUInt32LE(i);
				return [Math.floor((i * sizeBytes) / 24 / MiB) * MiB, Buffer.from(content)] as const;
			}),
		);
		const { peakBytes, counters } = await measure(t, site, { objects: [{ kind: 'disk', path }] });
		assert.equal(counters.doneBytes, sizeBytes);
		return peakBytes;
	};
	const small = Math.max(await peakOf(4 * GiB), await peakOf(4 * GiB)); // when garbage is collected is not for us to say
	const large = Math.min(await peakOf(100 * GiB), await peakOf(100 * GiB));
	assert.ok(large < small * 1.1, `${large} bytes, with 4 GiB ${small}`);
});

test('a folder of 200,000 entries is protected in bounded memory, first and again', linuxOnly, async (t) => {
	const memory = '/dev/shm'; // where there is one, making the files is not what takes the time
	const site = await openSite(t, fs.mkdtempSync(join(fs.existsSync(memory) ? memory : tmpdir(), 'holdfast-plane-')));
	for (let i = 0; i < 200_000; i++) fs.closeSync(fs.openSync(join(site.source, `entry ${i}`), 'w'));
	const first = await measure(t, site);
	assert.equal(first.counters.doneItems, 200_000);
	const second = await measure(t, site);
	assert.ok(second.counters.unchangedItems >= 199_000, `${second.counters.unchangedItems} taken over`);
});

test('a path beyond what one call can name is told, and the rest is protected', { skip: process.platform === 'linux' ? false : 'a Linux limit' }, async (t) => {
	const { requireTool } = await import('../base/testing.ts');
	if (!requireTool(t, 'python3')) return;
	const { makeDeep } = await import('./testing/seeded-tree.ts');
	const site = await openSite(t);
	makeDeep(site.source, 5000, 'd'.repeat(200));
	fs.writeFileSync(join(site.source, 'file'), 'content');
	const { witness, pointId } = await protect(site);
	assert.ok(witness.warnings.length > 0 && witness.warnings.every(({ code }) => code === 'source.unreadable'));
	const restored = new Witness();
	await giveBack(site, pointId, { to: join(site.root, 'b'), witness: restored });
	assert.equal(fs.readFileSync(join(site.root, 'b', 'file'), 'utf8'), 'content');
});
