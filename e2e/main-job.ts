/**
 * What the product is for, done by hand in the console: name a folder and a disk, back them up, look into the restore point,
 * get everything back and compare. The same in every home of the console.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { photograph } from './browser.ts';
import type { Console } from './console.ts';
import { assertSameFile, assertSameTree, createDiskImage, createFolder } from './test-data.ts';

export type MainJob = {
	readonly console: Console;
	/** An empty folder that is removed afterwards. */
	readonly folder: string;
	/** Saves what `start` makes the console download. */
	readonly saveDownload: (start: () => Promise<void>, path: string) => Promise<void>;
	readonly photographs: string;
};

export async function doMainJob({ console, folder, saveDownload, photographs }: MainJob): Promise<void> {
	const { page } = console;
	const source = join(folder, 'source');
	const disk = join(folder, 'web.raw');
	await createFolder(source);
	await createDiskImage(disk);
	const snap = (name: string): Promise<unknown> => photograph(page, `${photographs}-${name}`);

	await step('a job for a folder and a disk is made in the wizard', async () => {
		await console.addRepository('Vault', join(folder, 'vault'));
		await console.beginJob('Main job');
		await console.tickPath(folder, 'source');
		await console.addPath(disk);
		await snap('wizard-what');
		await console.finishJob({ repository: 'Vault' });
		await page.getByText('Main job').first().waitFor();
		await snap('job');
	});

	await step('it runs, and one can watch it', async () => {
		await console.runJob('Main job');
		await console.watchRunningSession();
		await snap('running');
		assert.equal(await console.sessionResult(), 'Success');
		assert.match((await page.getByRole('region', { name: 'Summary' }).textContent()) ?? '', /100\u00a0?\s?%/);
		await snap('session');
	});

	await step('the restore point shows what was in the folder', async () => {
		await console.openNewestPoint(source);
		await page.getByRole('grid', { name: 'Content of /' }).getByText('Ünïcödé & spaces').waitFor();
		await console.openFolder('photos');
		await console.openFolder('2026');
		await page.getByText('quay.raw').first().waitFor();
		await snap('point');
	});

	await step('the whole folder comes back as it was', async () => {
		await console.openNewestPoint(source);
		const target = join(folder, 'restored');
		assert.equal(await console.restoreTo(target, 'everything'), 'Success');
		await assertSameTree(target, source);
	});

	await step('one file is downloaded as it was', async () => {
		await console.openNewestPoint(source);
		await console.openFolder('photos');
		await console.openFolder('2026');
		await console.select('quay.raw');
		const path = join(folder, 'downloaded.raw');
		await saveDownload(() => console.download(), path);
		await assertSameFile(path, join(source, 'photos/2026/quay.raw'));
	});

	await step('the disk comes back as it was', async () => {
		await console.openNewestPoint(disk);
		const target = join(folder, 'restored.raw');
		assert.equal(await console.restoreDiskTo(target), 'Success');
		await assertSameFile(target, disk);
	});
}

/** A failure names the step; the steps after it would only fail because of it. */
async function step(name: string, act: () => Promise<void>): Promise<void> {
	try {
		await act();
	} catch (error) {
		throw new Error(`Step “${name}”: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
	}
}
