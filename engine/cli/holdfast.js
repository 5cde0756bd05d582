#!/usr/bin/env node
/**
 * The `holdfast` program. Starts under any Node from 20 on and goes on under the project's own Node 24. It is also the
 * place where the command line is given its engine.
 */
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled, projectNode, runProjectNode } from './ensure-installed.js';

const program = realpathSync(fileURLToPath(import.meta.url));
const root = join(dirname(program), '..', '..');
const args = process.argv.slice(2);
const isRightNode = process.versions.node.startsWith('24.');

/** What a newcomer types first brings its own dependencies; every other command only says how to. */
const installs = ['quickstart', 'start', 'test'];

async function main() {
	const isComplete = await import('commander').then(
		() => true,
		() => false,
	);
	const hasNode = isRightNode || (await import('node:fs')).existsSync(projectNode(root));
	if (!isComplete || !hasNode) {
		if (!args.some((arg) => installs.includes(arg))) {
			process.stderr.write(`Holdfast's dependencies are not installed. Run "npm install" in ${root}\n`);
			return 1;
		}
		ensureInstalled(root);
	}
	return isRightNode ? run() : relay();
}

/** Under another Node: the same program under ours. The channel tells it when this process dies without a word. */
function relay() {
	return runProjectNode(root, [program, ...args], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env: { ...process.env, HOLDFAST_RELAYED: '1' } });
}

async function run() {
	if (process.env.HOLDFAST_RELAYED) {
		delete process.env.HOLDFAST_RELAYED; // not for what this process starts itself
		process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
		process.channel?.unref();
	}
	const { enableCompileCache } = await import('node:module');
	enableCompileCache(); // stripping types costs more than most commands
	const [{ runCommandLine }, { systemClock }, { readFileSync }] = await Promise.all([import('./index.ts'), import('../base/index.ts'), import('node:fs')]);
	const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
	for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined); // whoever read it has read enough
	return runCommandLine(
		args,
		{
			stdout: process.stdout,
			stderr: process.stderr,
			environment: process.env,
			workingFolder: process.cwd(),
			clock: systemClock,
			rendererFolder: join(root, 'dist', 'renderer'),
			program,
			announce: (message) => process.send?.(message),
			openEngine: async (options) => (await import('../engine.ts')).openEngine(options),
		},
		version,
	);
}

main().then(
	(code) => {
		// What is written to a pipe may still be on its way (Windows).
		process.stdout.write('', () => process.exit(code));
	},
	(error) => {
		process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : error}\n`);
		process.exit(1);
	},
);
