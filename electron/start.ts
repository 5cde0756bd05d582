/** `npm start`: builds what is stale, sees to it that Electron's binary is there, and opens the desktop console. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { buildDesktop, buildRenderer, isRendererStale } from './build.ts';
import { electronBinary } from './electron-binary.ts';

const root = join(import.meta.dirname, '..');

await buildDesktop();
if (isRendererStale()) {
	console.error('Building the console …');
	await buildRenderer();
}

const binary = electronBinary() ?? downloadedElectron();
if (binary === null) {
	console.error(
		[
			'',
			'The desktop console needs Electron, and its binary could not be downloaded (see above).',
			'  • Where the network allows it, run `npm start` again.',
			'  • With an unpacked Electron release on this machine: ELECTRON_OVERRIDE_DIST_PATH=/path/to/it npm start',
			'  • Without Electron: `npx holdfast server start` serves the same console to a browser.',
		].join('\n'),
	);
	process.exit(1);
}

const desktop = spawn(binary, [root, ...process.argv.slice(2)], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => desktop.kill(signal));
const [exitCode] = await once(desktop, 'exit');
process.exit(exitCode ?? 1);

/** Electron's own installer: it downloads on first use and verifies the checksum. */
function downloadedElectron(): string | null {
	console.error('Fetching Electron for the first start …');
	const installer = createRequire(import.meta.url).resolve('electron/install.js');
	const environment = { ...process.env };
	// Set by those who install without Electron; whoever starts the desktop wants it.
	delete environment.ELECTRON_SKIP_BINARY_DOWNLOAD;
	const { status, stderr } = spawnSync(process.execPath, [installer], { stdio: ['ignore', 'inherit', 'pipe'], encoding: 'utf8', env: environment });
	// Its first line says what failed; the rest is the installer's stack.
	if (status !== 0) console.error(stderr.split('\n', 1)[0]);
	return electronBinary();
}
