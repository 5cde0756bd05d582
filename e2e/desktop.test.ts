/**
 * The desktop console through its real main process, preload and page: in Electron where its binary is, else over the
 * stand-in of `electron/`. Which it was stands in the diagnostics of every test.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { buildDesktop, buildRenderer } from '../electron/build.ts';
import { photographFailure, watchProblems } from './browser.ts';
import { requireChromium } from './chromium.ts';
import { Console } from './console.ts';
import { type DesktopApp, type DesktopPlace, desktopKind, openDesktopApp, startAgain } from './desktop-app.ts';
import { doMainJob } from './main-job.ts';
import { startServerProcess } from './server-process.ts';
import { temporaryFolder } from './temporary-folder.ts';

before(async () => {
	await buildDesktop();
	// A stale one is the test runner's business: other tests may be looking at it at this moment.
	if (!existsSync(join(import.meta.dirname, '..', 'dist', 'renderer', 'index.html'))) await buildRenderer();
});

async function inDesktop(t: TestContext, use: (app: DesktopApp, place: DesktopPlace, folder: string) => Promise<void>): Promise<void> {
	t.diagnostic(desktopKind() === 'electron' ? 'in real Electron' : 'over the stand-in for the electron module, because Electron’s binary is not here');
	await using folder = await temporaryFolder();
	const place = { dataFolder: join(folder.path, 'data'), userFolder: join(folder.path, 'user') };
	await using app = await openDesktopApp(place);
	app.page.setDefaultTimeout(20_000);
	const problems = watchProblems(app.page);
	await use(app, place, folder.path).catch((error: unknown) => photographFailure(app.page, t, error));
	assert.deepEqual(problems, []);
}

const hasBrowser = (t: TestContext): boolean => desktopKind() === 'electron' || requireChromium(t);

const titleOf = (app: DesktopApp): Promise<string> => app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.getTitle() ?? '', null);

test('a folder and a disk are protected and come back, on the desktop', async (t) => {
	if (!hasBrowser(t)) return;
	await inDesktop(t, async (app, _place, folder) => {
		await app.page.getByRole('navigation', { name: 'Sections' }).waitFor();
		assert.equal(await titleOf(app), 'Holdfast: this computer');
		await doMainJob({
			console: new Console(app.page),
			folder,
			photographs: 'desktop',
			saveDownload: async (start, path) => {
				await app.evaluate(({ dialog }, filePath) => {
					dialog.showSaveDialog = async () => ({ canceled: false, filePath });
				}, path);
				await start();
			},
		});
	});
});

test('menu and second start lead to the page; the page can reach nothing else', async (t) => {
	if (!hasBrowser(t)) return;
	await inDesktop(t, async (app, place) => {
		await app.page.getByRole('navigation', { name: 'Sections' }).waitFor();

		await app.evaluate(({ Menu }) => {
			const file = Menu.getApplicationMenu()?.items.find(({ label }) => label === '&File');
			file?.submenu?.items.find(({ label }) => label === 'New Job…')?.click();
		}, null);
		await app.page.getByRole('heading', { level: 1, name: 'New job' }).waitFor();

		await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.hide(), null);
		assert.equal(await startAgain(place), 0, 'the second instance ends by itself');
		assert.ok(await becomes(() => app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.isVisible() ?? false, null)));

		const reachable = await app.page.evaluate(() => ({
			bridge: Object.keys(window.holdfast ?? {}).sort(),
			isFrozen: Object.isFrozen(window.holdfast),
			node: typeof (window as { require?: unknown }).require,
		}));
		assert.deepEqual(reachable.bridge, ['call', 'chooseFolder', 'connection', 'listen', 'onCommand', 'platform', 'saveDownload', 'stop']);
		assert.ok(reachable.isFrozen);
		assert.equal(reachable.node, 'undefined');

		const before = app.page.url();
		await app.page.evaluate(() => {
			location.href = 'https://elsewhere.invalid/';
		});
		await app.page.evaluate(() => {
			window.open('https://elsewhere.invalid/');
		});
		await app.page.getByRole('heading', { level: 1, name: 'New job' }).waitFor();
		assert.equal(app.page.url(), before);
		assert.ok(await becomes(async () => app.page.context().pages().length === 1), 'no second window');
	});
});

test('closing the window while jobs are scheduled leaves the tray, after an explanation', async (t) => {
	if (!hasBrowser(t)) return;
	await inDesktop(t, async (app, place) => {
		await app.page.getByRole('navigation', { name: 'Sections' }).waitFor();
		await app.page.evaluate(
			async (path) => {
				const ask = async (id: number, route: string, input: unknown) => {
					const reply = await window.holdfast?.call({ id, type: 'mutation', path: route, input });
					if (!reply || 'error' in reply) throw new Error(JSON.stringify(reply));
					return reply.data as { id: string };
				};
				const { id } = await ask(1_000_001, 'repositories.add', { name: 'Vault', path });
				await ask(1_000_002, 'jobs.create', {
					name: 'Nightly',
					sources: [{ kind: 'folder', path: '/etc' }],
					repositoryId: id,
					schedule: { cron: '0 3 * * *', timeZone: 'UTC' },
				});
			},
			join(place.dataFolder, '..', 'vault'),
		);
		if (app.kind === 'stand-in') {
			// Only the stand-in lets a test look at the tray.
			const tray = (): Promise<string> =>
				app.evaluate(({ Tray }) => [...(Tray as unknown as { all: Set<{ toolTip: string }> }).all].map(({ toolTip }) => toolTip).join(), null);
			assert.ok(await becomes(async () => (await tray()) === 'Holdfast: No job has run yet'));
		} else await becomes(async () => false, 1_000);

		await app.evaluate(({ dialog, BrowserWindow }) => {
			dialog.showMessageBox = async (...values: unknown[]) => {
				(globalThis as { asked?: unknown[] }).asked = [...((globalThis as { asked?: unknown[] }).asked ?? []), values.at(-1)];
				return { response: 0, checkboxChecked: false };
			};
			BrowserWindow.getAllWindows()[0]?.close();
		}, null);
		const isHidden = (): Promise<boolean> => app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.isVisible() === false, null);
		assert.ok(await becomes(isHidden));
		const asked = await app.evaluate(() => JSON.stringify((globalThis as { asked?: unknown[] }).asked), null);
		assert.match(asked, /keeps running/);

		await app.evaluate(({ BrowserWindow }) => {
			BrowserWindow.getAllWindows()[0]?.show();
			BrowserWindow.getAllWindows()[0]?.close();
		}, null);
		assert.ok(await becomes(isHidden));
		assert.equal(await app.evaluate(() => (globalThis as { asked?: unknown[] }).asked?.length, null), 1, 'it is explained once');

		await app.evaluate(({ app: electronApp }) => electronApp.quit(), null).catch(() => undefined);
		assert.equal(await app.exited, 0);
		const remembered = JSON.parse(await readFile(join(place.userFolder, 'desktop.json'), 'utf8')) as { window: { width: number }; trayExplained: boolean };
		assert.ok(remembered.trayExplained && remembered.window.width > 0);
	});
});

test('where a server holds the data folder, the desktop is its client and says so', async (t) => {
	if (!hasBrowser(t)) return;
	await using folder = await temporaryFolder();
	const place = { dataFolder: join(folder.path, 'data'), userFolder: join(folder.path, 'user') };
	const server = await startServerProcess({ dataFolder: place.dataFolder });
	await using _server = server;
	await using app = await openDesktopApp(place);
	app.page.setDefaultTimeout(20_000);
	await new Console(app.page).addRepository('Vault', join(folder.path, 'vault'));
	assert.equal(await titleOf(app), `Holdfast: this computer, through the server at ${server.address}`);

	await server.stop();
	assert.ok(await becomes(async () => (await titleOf(app)).endsWith('(not connected)')));
	await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.close(), null).catch(() => undefined);
	assert.equal(await app.exited, 0, 'nothing runs here, so closing the window ends it');
});

/** Polls, because these are states of another process that tell nobody. */
async function becomes(isSo: () => Promise<boolean>, timeoutMs = 60_000): Promise<boolean> {
	const deadline = Date.now() + timeoutMs;
	while (Date.now() < deadline) {
		if (await isSo()) return true;
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
	return false;
}
