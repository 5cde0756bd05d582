/** Where Electron's executable is on this machine: an override as Electron itself knows it, else what its package downloaded. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export function electronBinary(): string | null {
	const folder = process.env.ELECTRON_OVERRIDE_DIST_PATH ?? join(dirname(createRequire(import.meta.url).resolve('electron/package.json')), 'dist');
	const path = join(folder, executableName[process.platform] ?? 'electron');
	return existsSync(path) ? path : null;
}

const executableName: Partial<Record<NodeJS.Platform, string>> = { darwin: 'Electron.app/Contents/MacOS/Electron', win32: 'electron.exe' };
