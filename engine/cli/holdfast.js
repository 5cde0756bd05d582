#!/usr/bin/env node
/**
 * The `holdfast` program. Starts under any Node from 20 on and goes on under the project's own Node 24. It is also the
 * place where the command line is given its engine.
 */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { programModule } from './bundle.js';
import { enableCompileCache } from './compile-cache.js';
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
	else if (!isInstalled()) return refuse();
	return isRightNode ? run() : relay();
}

/** Only a glance: what is missing beyond it is named when it is loaded. */
function isInstalled() {
	if (!isRightNode && !existsSync(projectNode(root))) return false;
	try {
		return import.meta.resolve('commander') !== '';
	} catch {
		return false;
	}
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
	enableCompileCache(root);
	const { runProgram } = await import(pathToFileURL(programModule(root)).href);
	return runProgram(args, { program, rendererFolder: join(root, 'dist', 'renderer') });
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
