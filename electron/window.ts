/** The console's window: confined page, remembered place, a title that says where the engine is. */
import { BrowserWindow, nativeTheme, screen } from 'electron';
import type { DesktopCommand, DesktopConnection } from '../engine/contract/index.ts';
import { channel, type Notice } from './channel.ts';
import { type DesktopState, placeOnDisplays, smallestSize } from './desktop-state.ts';
import { pageOrigin } from './page.ts';

export type ConsoleWindow = {
	readonly browserWindow: BrowserWindow;
	show(): void;
	/** Shows the window and hands the page a wish from the menu or the tray. */
	command(command: DesktopCommand): void;
	setConnection(connection: DesktopConnection): void;
	/** Calls `onPlace` with where the window is now. */
	rememberPlace(): void;
};

export function openConsoleWindow(options: {
	readonly preloadPath: string;
	readonly iconPath: string;
	readonly remembered: DesktopState['window'];
	readonly connection: DesktopConnection;
	readonly onPlace: (place: NonNullable<DesktopState['window']>) => void;
}): ConsoleWindow {
	const place = placeOnDisplays(
		options.remembered,
		screen.getAllDisplays().map(({ workArea }) => workArea),
	);
	const browserWindow = new BrowserWindow({
		...place,
		minWidth: smallestSize.width,
		minHeight: smallestSize.height,
		show: false,
		title: titleFor(options.connection),
		icon: options.iconPath,
		// The page's own background, so that nothing flashes before the first paint.
		backgroundColor: nativeTheme.shouldUseDarkColors ? '#1a1b1e' : '#ffffff',
		webPreferences: {
			preload: options.preloadPath,
			contextIsolation: true,
			sandbox: true,
			nodeIntegration: false,
			webSecurity: true,
			webviewTag: false,
			spellcheck: false,
		},
	});
	if (options.remembered?.isMaximised) browserWindow.maximize();
	browserWindow.once('ready-to-show', () => browserWindow.show());
	browserWindow.on('page-title-updated', (event) => event.preventDefault());

	const rememberPlace = (): void => {
		options.onPlace({ ...browserWindow.getNormalBounds(), isMaximised: browserWindow.isMaximized() });
	};
	void browserWindow.loadURL(`${pageOrigin}/`);

	const show = (): void => {
		if (browserWindow.isMinimized()) browserWindow.restore();
		browserWindow.show();
		browserWindow.focus();
	};
	return {
		browserWindow,
		show,
		command: (command) => {
			show();
			const notice: Notice = { kind: 'command', command };
			browserWindow.webContents.send(channel, notice);
		},
		setConnection: (connection) => browserWindow.setTitle(titleFor(connection)),
		rememberPlace,
	};
}

function titleFor(connection: DesktopConnection): string {
	if (connection.kind === 'embedded') return 'Holdfast: this computer';
	return `Holdfast: this computer, through the server at ${connection.address}${connection.connected ? '' : ' (not connected)'}`;
}
