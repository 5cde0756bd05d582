/** The disaster, in the browser: a fresh installation, and nothing left but the disk with the backups. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { inBrowser, photograph } from './browser.ts';
import { requireChromium } from './chromium.ts';
import { Console } from './console.ts';
import { startServerProcess } from './server-process.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { assertSameTree, createFolder } from './test-data.ts';

const program = join(import.meta.dirname, '..', 'engine', 'cli', 'holdfast.js');

test('REPO-09: a repository that another installation filled is added, restored from, and gone on with; JOB-08: then an ad-hoc full', async (t) => {
	if (!requireChromium(t)) return;
	await using folder = await temporaryFolder();
	const [source, repository, lost] = [join(folder.path, 'source'), join(folder.path, 'disk'), join(folder.path, 'lost')];
	await createFolder(source);
	const holdfast = (...args: string[]): void => {
		const { status, stderr } = spawnSync(process.execPath, [program, '--data', lost, ...args], { encoding: 'utf8' });
		assert.equal(status, 0, stderr);
	};
	holdfast('repository', 'add', 'Main', '--path', repository);
	holdfast('job', 'add', 'Letters', '--source', `folder:${source}`, '--repository', 'Main', '--method', 'reverse');
	holdfast('job', 'run', 'Letters');
	await rm(lost, { recursive: true });
	const files = await readdir(join(repository, 'Letters'));
	await rm(join(repository, 'Letters', files.find((name) => name.endsWith('.hbm')) ?? ''));

	await using server = await startServerProcess({ dataFolder: join(folder.path, 'data') });
	await inBrowser(t, async (page) => {
		const console = new Console(page);
		await page.goto(server.url);
		await console.addRepository('Rescued', repository);
		const found = page.getByRole('dialog', { name: /^Backups found/ });
		await found.getByText('1 restore point').first().waitFor();
		await found.getByText('list made anew').waitFor();
		await photograph(page, 'rescue-import');
		await found.getByRole('button', { name: 'Close' }).last().click();

		await console.go('Home');
		await page.getByText('1 restore point can be restored').waitFor();
		await page.getByText('imported').first().waitFor();
		await photograph(page, 'rescue-home');
		await console.openNewestPoint(source);
		const target = join(folder.path, 'back');
		assert.equal(await console.restoreTo(target, 'everything'), 'Success');
		await assertSameTree(target, source);

		await console.go('Repositories');
		await page.getByRole('link', { name: 'Rescued' }).first().click();
		await page.getByRole('button', { name: 'More actions' }).click();
		await page.getByRole('menuitem', { name: /^Import backups/ }).click();
		await found.getByRole('button', { name: 'Go on with it…' }).click();
		await page.getByRole('link', { name: /Make a new job from/ }).click();
		await page.getByText('goes on with 1 chain of Letters').waitFor();
		for (const step of ['What', 'Where', 'Chain and retention', 'Consistency', 'Schedule', 'Summary']) await console.next(step);
		await page.getByRole('button', { name: 'Create the job' }).click();
		await console.details().getByRole('button', { name: 'Edit' }).waitFor();
		await writeFile(join(source, 'new letter'), 'dear reader');
		await console.runJobToSuccess('Letters');
		await console.details().getByText('2 points').first().waitFor();
		await console
			.details()
			.getByText(/current · 2 files/)
			.waitFor();

		await page.getByRole('button', { name: 'Other ways to run' }).click();
		await page.getByRole('menuitem', { name: /^Ad-hoc full/ }).click();
		const adHoc = page.getByRole('dialog', { name: /^Ad-hoc full/ });
		await adHoc.getByLabel('until somebody removes it by hand').check();
		await adHoc.getByRole('button', { name: 'Run now' }).click();
		await console
			.details()
			.getByText(/ad-hoc, kept · 1 file/)
			.waitFor({ timeout: 90_000 });
	});
});
