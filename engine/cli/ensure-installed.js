/**
 * What stands between a fresh clone and the product: dependencies, and the Node they bring. Plain JavaScript on Node's
 * own modules, because it runs under any Node from 20 on, before anything is installed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';

/**
 * The Node 24 that the dependencies bring, whatever Node the machine has.
 * @param {string} root folder of package.json
 */
export const projectNode = (root) => join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');

/**
 * Installs what package-lock.json names and node_modules lacks; returns at once when nothing is missing.
 * With `development`, test and build tools count too, otherwise only what the product runs on; an installation always
 * brings both. npm's messages go to standard error, since standard output belongs to the command that the user asked for.
 * @param {string} root folder of package.json
 * @param {{ development?: boolean }} [options]
 * @throws {Error} when npm is missing or fails
 */
export function ensureInstalled(root, { development = false } = {}) {
	if (isInstalled(root, development)) return;
	process.stderr.write('Installing dependencies (npm ci); this happens once.\n');
	const { status, error } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
		cwd: root,
		// The console's own binary (100 MB) is fetched when the console is first opened.
		env: { ...process.env, ELECTRON_SKIP_BINARY_DOWNLOAD: '1' },
		stdio: ['ignore', process.stderr, process.stderr],
		shell: process.platform === 'win32', // npm is a .cmd there
	});
	if (error) throw new Error(`npm could not be started (${error.message}). Install npm, or put it on the PATH.`);
	if (status !== 0) throw new Error(`"npm ci" failed with code ${status}. Its messages above say why; run it again in ${root}.`);
	if (!existsSync(projectNode(root))) throw new Error(`"npm ci" did not bring ${projectNode(root)}. Allow install scripts for the package "node".`);
}

/**
 * Runs a script under the project's Node and resolves with its exit code (128 + number after a signal, as shells do).
 * Signals to this process are passed on, so that it can be stopped like the script itself.
 * @param {string} root folder of package.json
 * @param {readonly string[]} args options of Node, script, arguments
 * @param {Pick<import('node:child_process').SpawnOptions, 'env' | 'cwd' | 'stdio'>} [options]
 * @returns {Promise<number>}
 */
export function runProjectNode(root, args, options = {}) {
	const child = spawn(projectNode(root), args, { stdio: 'inherit', ...options });
	// A terminal sends its signals to the child by itself; a second SIGINT would read as impatience.
	const hasTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
	for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
		process.on(signal, () => {
			if (signal !== 'SIGINT' || !hasTerminal) child.kill(signal);
		});
	}
	return new Promise((resolve, reject) => {
		child.once('error', reject);
		child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGTERM']));
	});
}

/** npm writes what it installed beside what it installed: both lists are compared by place and version. */
function isInstalled(root, development) {
	if (!existsSync(projectNode(root))) return false;
	const wanted = readLock(join(root, 'package-lock.json'));
	if (wanted === undefined) return true; // not a checkout: whoever packed it brought everything
	const present = readLock(join(root, 'node_modules', '.package-lock.json')) ?? {};
	return Object.entries(wanted).every(
		([place, entry]) =>
			place === '' || entry.optional || entry.devOptional || entry.link || (entry.dev && !development) || present[place]?.version === entry.version,
	);
}

/** @returns {Record<string, { version?: string, dev?: boolean, optional?: boolean, devOptional?: boolean, link?: boolean }> | undefined} */
function readLock(path) {
	try {
		return JSON.parse(readFileSync(path, 'utf8')).packages;
	} catch {
		return undefined; // absent or broken: the caller treats both as "nothing known"
	}
}
