/** The application menu. Shortcuts live here, so that they work wherever the keyboard's focus is. */
import { Menu, type MenuItemConstructorOptions } from 'electron';
import type { DesktopCommand } from '../engine/contract/index.ts';

export function buildApplicationMenu(options: {
	readonly isMac: boolean;
	readonly command: (command: DesktopCommand) => void;
	readonly about: () => void;
	readonly quit: () => void;
}): Menu {
	const { isMac, command, about, quit } = options;
	const separator: MenuItemConstructorOptions = { type: 'separator' };
	const aboutItem: MenuItemConstructorOptions = { label: 'About Holdfast', click: about };
	const quitItem: MenuItemConstructorOptions = { label: 'Quit Holdfast', accelerator: 'CmdOrCtrl+Q', click: quit };
	const macMenu: MenuItemConstructorOptions = {
		label: 'Holdfast',
		submenu: [aboutItem, separator, { role: 'hide' }, { role: 'hideOthers' }, separator, quitItem],
	};
	const template: MenuItemConstructorOptions[] = [
		...(isMac ? [macMenu] : []),
		{
			label: '&File',
			submenu: [
				{ label: 'New Job…', accelerator: 'CmdOrCtrl+N', click: () => command('new-job') },
				separator,
				{ role: 'close', label: 'Close Window' },
				...(isMac ? [] : [separator, quitItem]),
			],
		},
		{ role: 'editMenu' },
		{
			label: '&View',
			submenu: [
				{ label: 'Command Palette…', accelerator: 'CmdOrCtrl+K', click: () => command('command-palette') },
				separator,
				{ role: 'reload' },
				separator,
				{ role: 'resetZoom' },
				{ role: 'zoomIn' },
				{ role: 'zoomOut' },
				{ role: 'togglefullscreen' },
				separator,
				{ role: 'toggleDevTools' },
			],
		},
		{ role: 'windowMenu' },
		{
			label: '&Help',
			role: 'help',
			submenu: [{ label: 'Job List', click: () => command('jobs') }, { label: 'Session History', click: () => command('sessions') }, separator, aboutItem],
		},
	];
	return Menu.buildFromTemplate(template);
}
