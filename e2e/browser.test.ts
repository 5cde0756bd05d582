/** The browser console on the real server: its own process, real data, Debian's Chromium. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { inBrowser } from './browser.ts';
import { requireChromium } from './chromium.ts';
import { Console } from './console.ts';
import { doMainJob } from './main-job.ts';
import { photographPages } from './photographs.ts';
import { startServerProcess } from './server-process.ts';
import { temporaryFolder } from './temporary-folder.ts';

test('a folder and a disk are protected and come back, in the browser', async (t) => {
	if (!requireChromium(t)) return;
	await using folder = await temporaryFolder();
	await using server = await startServerProcess({ dataFolder: join(folder.path, 'data') });
	await inBrowser(t, async (page) => {
		await page.goto(server.url);
		await page.getByRole('navigation', { name: 'Sections' }).waitFor();
		assert.ok(!page.url().includes('token'), 'the token leaves the address bar');
		const console = new Console(page);
		await photographPages(console, 'empty');
		await doMainJob({
			console,
			folder: folder.path,
			photographs: 'browser',
			saveDownload: async (start, path) => {
				const [download] = await Promise.all([page.waitForEvent('download'), start()]);
				await download.saveAs(path);
			},
		});
		await photographPages(console, 'used');
	});
});

test('whoever has no token sees the sign-in page and nothing else', async (t) => {
	if (!requireChromium(t)) return;
	await using folder = await temporaryFolder();
	const dataFolder = join(folder.path, 'data');
	await using server = await startServerProcess({ dataFolder });
	await inBrowser(t, async (page) => {
		await page.goto(server.address);
		await page.getByLabel('Access token').fill('wrong');
		await page.getByRole('button', { name: 'Sign in' }).click();
		await page.getByText(/did not accept|not the token/).waitFor();
		assert.equal(await page.getByRole('navigation', { name: 'Sections' }).count(), 0);

		await page.getByLabel('Access token').fill((await readFile(join(dataFolder, 'token'), 'utf8')).trim());
		await page.getByRole('button', { name: 'Sign in' }).click();
		await page.getByRole('navigation', { name: 'Sections' }).waitFor();
	});
});

test('a source that is not there keeps the wizard at its step and says so', async (t) => {
	if (!requireChromium(t)) return;
	await using folder = await temporaryFolder();
	await using server = await startServerProcess({ dataFolder: join(folder.path, 'data') });
	await inBrowser(t, async (page) => {
		const console = new Console(page);

		await page.goto(server.url);
		await console.beginJob('Nothing there');
		const missing = join(folder.path, 'missing');
		await console.addPath(missing);
		await page.getByRole('button', { name: 'Next' }).click();
		await page
			.getByRole('alert')
			.filter({ hasText: /does not exist|not there|no such/i })
			.waitFor();
		assert.ok(await console.wizardStep('What').isVisible());
		// What was typed is still there, and mending it lets the wizard go on.
		await page.getByRole('button', { name: `Do not protect ${missing}` }).click();
		await writeFile(join(folder.path, 'disk.raw'), new Uint8Array(1 << 20));
		await console.addPath(join(folder.path, 'disk.raw'));
		await console.next('Where');
	});
});

test('a repository that cannot be written is refused beside its field', async (t) => {
	if (!requireChromium(t)) return;
	await using folder = await temporaryFolder();
	await writeFile(join(folder.path, 'file'), 'not a folder');
	await using server = await startServerProcess({ dataFolder: join(folder.path, 'data') });
	await inBrowser(t, async (page) => {
		const console = new Console(page);

		await page.goto(server.url);
		await console.go('Repositories');
		await page.getByRole('button', { name: 'Add repository' }).first().click();
		const dialog = page.getByRole('dialog', { name: 'Add repository' });
		await dialog.getByRole('textbox', { name: 'Name' }).fill('Vault');
		await dialog.getByLabel('Folder on the server').fill(join(folder.path, 'file', 'vault'));
		await dialog.getByRole('button', { name: 'Try it out and add' }).click();
		await dialog.getByText(join(folder.path, 'file')).first().waitFor();
		assert.equal(await dialog.getByRole('textbox', { name: 'Name' }).inputValue(), 'Vault', 'what was typed stays');
	});
});

test('when the server stops the page stays and says so; when it is back it goes on at the same place', async (t) => {
	if (!requireChromium(t)) return;
	await using folder = await temporaryFolder();
	const dataFolder = join(folder.path, 'data');
	await inBrowser(t, async (page) => {
		const console = new Console(page);

		await using first = await startServerProcess({ dataFolder });
		await page.goto(first.url);
		await console.go('Repositories');
		await first.stop();
		await page.getByRole('status').filter({ hasText: 'The server does not answer' }).waitFor();
		assert.ok(await page.getByRole('heading', { level: 1, name: 'Repositories' }).isVisible(), 'the page is kept');

		await using _second = await startServerProcess({ dataFolder, port: Number(new URL(first.address).port) });
		// It reconnects by itself, signed in as before, on the page that was left.
		await page.getByRole('status').filter({ hasText: 'The server does not answer' }).waitFor({ state: 'hidden' });
		await page.getByRole('heading', { level: 1, name: 'Repositories' }).waitFor();
		await console.go('Jobs');
	});
});
