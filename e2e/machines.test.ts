/** Managed machines in the browser console, with a data mover that is a process of its own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { inBrowser, photograph } from './browser.ts';
import { requireChromium } from './chromium.ts';
import { Console } from './console.ts';
import { startServerProcess } from './server-process.ts';
import { temporaryFolder } from './temporary-folder.ts';

const program = join(import.meta.dirname, '../engine/cli/holdfast.js');

/** Resolves with the address once the data mover listens. */
async function startMover(folder: string, token: string): Promise<{ child: ChildProcess; address: string }> {
	const child = spawn(process.execPath, [program, '--data', folder, 'mover', 'start', '--listen', '127.0.0.1:0', '--pair', token], {
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	let text = '';
	for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
		text += chunk;
		const address = /listens on (\S+)/.exec(text)?.[1];
		if (address !== undefined) return { child, address };
	}
	throw new Error(`The data mover ended: ${text}`);
}

test('CONSOLE-09 SRV-07: a machine is paired with a token from the console, shown, rescanned and removed', async (t) => {
	if (!requireChromium(t)) return;
	await using folder = await temporaryFolder();
	await using server = await startServerProcess({ dataFolder: join(folder.path, 'data') });
	await inBrowser(t, async (page) => {
		const console = new Console(page);
		await page.goto(server.url);
		await page.getByRole('navigation', { name: 'Sections' }).getByRole('link', { name: 'Infrastructure' }).click();
		await page.getByRole('button', { name: 'Machines' }).click();
		await page.getByRole('heading', { level: 1, name: 'Machines' }).waitFor();
		await page.getByText('That holds also for the machine that this console runs on').waitFor();
		await page.getByRole('button', { name: 'Add machine' }).last().click();
		const dialog = page.getByRole('dialog', { name: 'Add machine' });
		const command = dialog.getByRole('region', { name: 'Command with the pairing token' });
		await command.getByText('--pair hfp_').waitFor();
		const token = /hfp_\S+/.exec(await command.innerText())?.[0] ?? '';
		await photograph(page, 'machine-add');

		await dialog.getByRole('textbox', { name: 'Name' }).fill('Vault');
		await dialog.getByRole('textbox', { name: 'Address' }).fill('127.0.0.1:1');
		await dialog.getByRole('checkbox', { name: 'Repository host' }).check();
		await dialog.getByRole('button', { name: 'Pair and add' }).click();
		await dialog.getByText(/cannot be reached at 127\.0\.0\.1:1/).waitFor();

		const mover = await startMover(join(folder.path, 'mover'), token);
		const ended = once(mover.child, 'exit');
		try {
			await dialog.getByRole('textbox', { name: 'Address' }).fill(mover.address);
			await dialog.getByRole('button', { name: 'Pair and add' }).click();
			await dialog.waitFor({ state: 'hidden' });
			await page.getByRole('heading', { level: 2, name: 'Vault' }).waitFor();
			await console.row('Machines', 'Vault').getByText('Online').waitFor();
			await photograph(page, 'machine');

			mover.child.kill('SIGKILL');
			await ended;
			await page.getByRole('button', { name: 'Rescan' }).click();
			await console.row('Machines', 'Vault').getByText('Offline').waitFor();
			await page
				.getByRole('alert')
				.getByText(/cannot be reached/)
				.waitFor();
			await page.getByRole('button', { name: 'Remove…' }).click();
			const confirm = page.getByRole('dialog', { name: 'Remove “Vault”?' });
			await confirm.getByText('It is offline, and will not know').waitFor();
			await confirm.getByRole('button', { name: 'Remove it' }).click();
			await page.getByText('No other machine is managed from here').waitFor();
			assert.equal(await console.row('Machines', 'Vault').count(), 0);
		} finally {
			mover.child.kill('SIGKILL');
		}
	});
});
