/** Encryption as its user meets it: a password in the wizard, a recovery key to keep, and another machine that opens the backups with it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { inBrowser, photograph } from './browser.ts';
import { requireChromium } from './chromium.ts';
import { Console } from './console.ts';
import { startServerProcess } from './server-process.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { assertSameTree, createFolder } from './test-data.ts';

const password = 'seven herons left the quay';

test('an encrypted job is made in the wizard and restored, and another installation opens its chains with the recovery key', async (t) => {
	if (!requireChromium(t)) return;
	await using folder = await temporaryFolder();
	const [source, disk] = [join(folder.path, 'source'), join(folder.path, 'disk')];
	await createFolder(source);
	let recoveryKey = '';
	{
		await using server = await startServerProcess({ dataFolder: join(folder.path, 'data') });
		await inBrowser(t, async (page) => {
			const console = new Console(page);
			await page.goto(server.url);
			await console.addRepository('Main', disk);
			await console.beginJob('Letters');
			await console.addPath(source);
			await console.next('Where');
			await page.getByRole('radio', { name: 'Main' }).click();
			await console.next('Chain and retention');
			await page.getByRole('radio', { name: /^With a password of its own/ }).click();
			await page.getByLabel('Password', { exact: true }).fill(password);
			await page.getByLabel('The same again').fill('seven herons');
			await page.getByRole('button', { name: 'Next' }).click();
			await page.getByText('This is not the same.').waitFor();
			await page.getByLabel('The same again').fill(password);
			await photograph(page, 'encryption-wizard');
			await console.next('Consistency');
			await console.next('Schedule');
			await console.next('Summary');
			await page.getByText('Encrypted with a new password of its own').waitFor();
			assert.equal((await page.content()).includes(password), false, 'the summary does not show the password');
			await photograph(page, 'encryption-summary');
			await page.getByRole('button', { name: 'Create the job' }).click();

			const shown = page.getByRole('dialog', { name: 'Store the recovery key now' });
			await shown.getByRole('region', { name: 'Recovery key' }).waitFor();
			recoveryKey = (await shown.getByRole('region', { name: 'Recovery key' }).locator('code').allTextContents()).join('-');
			await photograph(page, 'encryption-recovery-key');
			await page.keyboard.press('Escape');
			await shown.getByRole('button', { name: 'I have stored it' }).click();
			const proof = page.getByRole('dialog', { name: 'Show that you have it' });
			await proof.getByLabel(/^Type its last group/).fill('WRONG0');
			await proof.getByRole('button', { name: 'Confirm', exact: true }).click();
			await proof.getByText('This is not what the recovery key ends with.').waitFor();
			await proof.getByLabel(/^Type its last group/).fill(recoveryKey.slice(-6).toLowerCase());
			await proof.getByRole('button', { name: 'Confirm', exact: true }).click();
			await console.details().getByRole('button', { name: 'Edit' }).waitFor();

			await console.runJobToSuccess('Letters');
			await console.details().getByText('encrypted').first().waitFor();
			await console.openNewestPoint(source);
			await page.getByText('encrypted').first().waitFor();
			const target = join(folder.path, 'back');
			assert.equal(await console.restoreTo(target, 'everything'), 'Success');
			await assertSameTree(target, source);

			await console.go('Settings');
			await page.getByText(/^Recovery key confirmed/).waitFor();
			await photograph(page, 'encryption-keys');
		});
	}

	await using second = await startServerProcess({ dataFolder: join(folder.path, 'second') });
	await inBrowser(t, async (page) => {
		const console = new Console(page);
		await page.goto(second.url);
		await console.addRepository('Found', disk);
		const found = page.getByRole('dialog', { name: /^Backups found/ });
		await found.getByRole('button', { name: 'Unlock…' }).click();
		const unlock = page.getByRole('dialog', { name: /^Unlock/ });
		await unlock.getByLabel('Password of the backups').fill('six herons left the quay');
		await unlock.getByRole('button', { name: 'Unlock' }).click();
		await unlock.getByText(/This password opens no chain/).waitFor();
		assert.equal(await unlock.getByLabel('Password of the backups').inputValue(), 'six herons left the quay');
		await photograph(page, 'encryption-wrong-password');
		await unlock.getByText('Recovery key', { exact: true }).click();
		await unlock.getByLabel('Recovery key of the backups').fill(recoveryKey.toLowerCase().replaceAll('-', ' '));
		await unlock.getByRole('button', { name: 'Unlock' }).click();
		await page.getByText('1 chain in “Found” can be read now').waitFor();
		await found.getByText('1 restore point').first().waitFor();
		await photograph(page, 'encryption-unlocked');
		await found.getByRole('button', { name: 'Close' }).last().click();
		await console.openNewestPoint(source);
		const target = join(folder.path, 'rescued');
		assert.equal(await console.restoreTo(target, 'everything'), 'Success');
		await assertSameTree(target, source);
	});
});
