/** The tray: the last result as icon and sentence, and what one wants to do without opening the window. */
import { join } from 'node:path';
import { Menu, nativeImage, Tray } from 'electron';
import type { DesktopCommand } from '../engine/contract/index.ts';
import type { DesktopStatus } from './status.ts';

/** Menus taller than the screen are of no use; the window has the whole list. */
const jobsInMenu = 20;

export type StatusTray = { show(status: DesktopStatus): void; dispose(): void };

export function openStatusTray(options: {
	readonly assetFolder: string;
	readonly initial: DesktopStatus;
	readonly open: () => void;
	readonly runJob: (id: string) => void;
	readonly command: (command: DesktopCommand) => void;
	readonly quit: () => void;
}): StatusTray {
	const image = (look: DesktopStatus['look']) => nativeImage.createFromPath(join(options.assetFolder, 'tray', `${look}.png`));
	const tray = new Tray(image(options.initial.look));
	tray.on('click', options.open);

	const show = (status: DesktopStatus): void => {
		tray.setImage(image(status.look));
		tray.setToolTip(`Holdfast: ${status.sentence}`);
		const running = status.jobs.filter(({ isRunning }) => isRunning);
		const idle = status.jobs.filter(({ isRunning }) => !isRunning);
		tray.setContextMenu(
			Menu.buildFromTemplate([
				{ label: status.sentence, enabled: false },
				{ type: 'separator' },
				{ label: 'Open Holdfast', click: options.open },
				{
					label: 'Run Job',
					enabled: idle.length > 0,
					submenu: [
						...idle.slice(0, jobsInMenu).map(({ id, name }) => ({ label: plain(name), click: () => options.runJob(id) })),
						...(idle.length > jobsInMenu ? [{ label: 'All Jobs…', click: () => options.command('jobs') }] : []),
					],
				},
				{
					label: running.length > 0 ? `Running Now (${running.length})` : 'Nothing Is Running',
					enabled: running.length > 0,
					submenu: running.slice(0, jobsInMenu).map(({ name }) => ({ label: plain(name), click: () => options.command('sessions') })),
				},
				{ type: 'separator' },
				{ label: 'Quit Holdfast', click: options.quit },
			]),
		);
	};
	show(options.initial);
	return { show, dispose: () => tray.destroy() };
}

/** An ampersand in a menu's label marks the access key unless it is doubled. */
const plain = (name: string): string => name.replaceAll('&', '&&');
