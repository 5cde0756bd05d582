/**
 * The desktop console's main process: brings the engine, the window, the tray and the menu together and decides when all of it
 * ends. Each part is in its own file; this one only joins them.
 */
import { join } from 'node:path';
import { app, dialog, ipcMain, Menu, powerMonitor, protocol, session } from 'electron';
import { defaultDataFolder } from '../engine/engine.ts';
import { type DesktopState, readDesktopState, writeDesktopState } from './desktop-state.ts';
import { type EngineHost, openEngineHost } from './engine-host.ts';
import { readableShape } from './error-words.ts';
import { serveRenderer } from './ipc.ts';
import { cancelSessions, runningSessions, within } from './leave.ts';
import { buildApplicationMenu } from './menu.ts';
import { pageScheme, pageServer } from './page.ts';
import { saveDownload } from './save-download.ts';
import { confinePages } from './security.ts';
import { nothingKnown, watchStatus } from './status.ts';
import { openStatusTray } from './tray.ts';
import { type ConsoleWindow, openConsoleWindow } from './window.ts';

/** Origins that the console may open in the system's browser. It links to nothing outside so far. */
const allowedOrigins: readonly string[] = [];
/** A cancelled session thaws applications and releases snapshots; then the engine closes its files. Neither may hold the user for longer. */
const cancelTimeoutMs = 20_000;
const closeTimeoutMs = 10_000;

const builtFolder = import.meta.dirname;
const appFolder = app.getAppPath();
const assetFolder = join(appFolder, 'assets');

protocol.registerSchemesAsPrivileged([{ scheme: pageScheme, privileges: { standard: true, secure: true, supportFetchAPI: true } }]);
app.setAppUserModelId('app.holdfast.console');

if (app.requestSingleInstanceLock()) {
	app
		.whenReady()
		.then(start)
		.catch((error: unknown) => {
			const { message, hint } = readableShape(error);
			dialog.showErrorBox('Holdfast cannot start', [message, hint].filter(Boolean).join('\n\n'));
			app.exit(1);
		});
} else {
	// The first instance hears of it and shows its window.
	app.quit();
}

async function start(): Promise<void> {
	const rendererFolder = join(appFolder, 'dist', 'renderer');
	protocol.handle(pageScheme, pageServer(rendererFolder));
	confinePages(session.defaultSession, { allowedOrigins });
	runDesktop(await openEngineHost({ dataFolder: process.env.HOLDFAST_DATA ?? defaultDataFolder(), rendererFolder }));
}

function runDesktop(host: EngineHost): void {
	const statePath = join(app.getPath('userData'), 'desktop.json');
	let state = readDesktopState(statePath);
	const remember = (change: Partial<DesktopState>): void => {
		state = { ...state, ...change };
		writeDesktopState(statePath, state);
	};
	let status = nothingKnown;
	/** Set once the end is decided: from then on nothing asks or holds it up. */
	let isLeaving = false;
	const isEmbedded = host.connection.kind === 'embedded';

	const consoleWindow: ConsoleWindow = openConsoleWindow({
		preloadPath: join(builtFolder, 'preload.cjs'),
		iconPath: join(assetFolder, 'icon.png'),
		remembered: state.window,
		connection: host.connection,
		onPlace: (window) => remember({ window }),
	});
	const window = consoleWindow.browserWindow;
	serveRenderer({
		ipc: ipcMain,
		host,
		dialogs: {
			saveDownload: (input) => saveDownload(input, host, window),
			chooseFolder: async () => (await dialog.showOpenDialog(window, { properties: ['openDirectory', 'createDirectory'] })).filePaths[0] ?? null,
		},
	});
	host.onConnectionChange(() => consoleWindow.setConnection(host.connection));

	const runJob = (id: string): void => {
		host.client.jobs.run.mutate({ id, full: null }).catch((error: unknown) => {
			const { message, hint } = readableShape(error);
			dialog.showErrorBox('The job did not start', [message, hint].filter(Boolean).join('\n\n'));
		});
	};
	const leave = async ({ isAsking }: { isAsking: boolean }): Promise<void> => {
		if (isLeaving) return;
		isLeaving = true;
		// What a server runs, it goes on running without us.
		const running = isEmbedded ? await runningSessions(host.client).catch(() => []) : [];
		if (running.length > 0 && isAsking && !(await confirmCancel(running.map(({ title }) => title)))) {
			isLeaving = false;
			return;
		}
		await cancelSessions(
			host.client,
			running.map(({ id }) => id),
			{ timeoutMs: cancelTimeoutMs },
		);
		stopWatching();
		consoleWindow.rememberPlace();
		tray.dispose();
		await within(host[Symbol.asyncDispose](), closeTimeoutMs);
		app.exit(0);
	};
	const quit = (): void => void leave({ isAsking: true });
	const confirmCancel = async (titles: readonly string[]): Promise<boolean> => {
		consoleWindow.show();
		const { response } = await dialog.showMessageBox(window, {
			type: 'warning',
			message: titles.length === 1 ? `“${titles[0]}” is running.` : `${titles.length} sessions are running.`,
			detail: 'Quitting cancels what is running. Earlier restore points are not affected.',
			buttons: ['Keep Running', 'Cancel and Quit'],
			defaultId: 0,
			cancelId: 0,
		});
		return response === 1;
	};
	/** Closing the window ends the desktop, unless jobs would then be missed: they run in this process. */
	const closeWindow = async (): Promise<void> => {
		if (!isEmbedded || !(status.hasSchedule || status.look === 'running')) return quit();
		if (!state.trayExplained) {
			const { response } = await dialog.showMessageBox(window, {
				type: 'info',
				message: 'Holdfast keeps running, so that your scheduled jobs run.',
				detail: 'Its icon is in the notification area. Open the window from there, or by starting Holdfast again; quit from the icon’s menu.',
				buttons: ['Keep Running', 'Quit'],
				defaultId: 0,
				cancelId: 0,
			});
			if (response === 1) return quit();
			remember({ trayExplained: true });
		}
		window.hide();
	};
	const about = (): void => {
		void host.client.system.info.query().then(
			(info) =>
				dialog.showMessageBox(window, {
					type: 'info',
					message: `Holdfast ${info.version}`,
					detail: `Data folder: ${info.dataFolder}\nEngine: Node ${info.node} on ${info.hostName}\nElectron ${process.versions.electron}`,
				}),
			() => dialog.showMessageBox(window, { type: 'info', message: `Holdfast ${app.getVersion()}`, detail: 'The engine cannot be reached.' }),
		);
	};

	const tray = openStatusTray({ assetFolder, initial: status, open: consoleWindow.show, runJob, command: consoleWindow.command, quit });
	Menu.setApplicationMenu(buildApplicationMenu({ isMac: process.platform === 'darwin', command: consoleWindow.command, about, quit }));
	const stopWatching = watchStatus(host.client, (next) => {
		status = next;
		if (!isLeaving) tray.show(next);
	});

	window.on('close', (event) => {
		event.preventDefault();
		void closeWindow();
	});
	app.on('second-instance', consoleWindow.show);
	app.on('activate', consoleWindow.show);
	app.on('before-quit', (event) => {
		event.preventDefault();
		quit();
	});
	// The machine goes down: nobody is there to answer.
	powerMonitor.on('shutdown', () => void leave({ isAsking: false }));
}
