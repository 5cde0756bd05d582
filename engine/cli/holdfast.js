#!/usr/bin/env node
/**
 * The `holdfast` program. Starts under any Node from 20 on and goes on under the project's own Node 24. It is also the
 * place where the command line is given its engine.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import module from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled, projectNode, runProjectNode } from './ensure-installed.js';

const program = realpathSync(fileURLToPath(import.meta.url));
const root = join(dirname(program), '..', '..');
const args = process.argv.slice(2);
const isRightNode = process.versions.node.startsWith('24.');

/** What a newcomer types first brings its own dependencies; every other command only says how to. */
const installs = ['quickstart', 'start', 'test'];
const optionsWithValue = ['--data', '--server', '--token-file'];

async function main() {
	const command = args.find((arg, index) => !arg.startsWith('-') && !optionsWithValue.includes(args[index - 1] ?? ''));
	if (installs.includes(command ?? '')) ensureInstalled(root);
	else if (!(await isInstalled())) return refuse();
	return isRightNode ? run() : relay();
}

/** Only a glance: what is missing beyond it is named when it is loaded. */
async function isInstalled() {
	if (!isRightNode && !existsSync(projectNode(root))) return false;
	return import('commander').then(
		() => true,
		() => false,
	);
}

function refuse() {
	const error = { code: 'usage.unsupported', message: "Holdfast's dependencies are not installed.", hint: `Run "npm install" in ${root}` };
	if (args.includes('--json')) process.stdout.write(`${JSON.stringify({ error })}\n`);
	process.stderr.write(`Error: ${error.message}\n       ${error.hint}\n`);
	return 2;
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
	// Stripping types costs more than most commands. Not in the shared temporary folder, where others could plant code for us.
	module.enableCompileCache(join(root, 'node_modules', '.cache', 'holdfast'));
	const [{ runCommandLine }, { systemClock }] = await Promise.all([import('./index.ts'), import('../base/index.ts')]);
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
