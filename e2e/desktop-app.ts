/**
 * Starts the built desktop console for a test: in real Electron where its binary is, else over the stand-in in `electron/`.
 * Either way the same main process, preload and page run, and the test holds the same two handles: the page, and a function
 * evaluated in the main process.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Browser, chromium, _electron as electronLauncher, type Page } from 'playwright';
import { electronBinary } from '../electron/electron-binary.ts';
import type { Outcome, Question } from './electron/remote-control.ts';

const root = join(import.meta.dirname, '..');
const startTimeoutMs = 30_000;

type Electron = typeof import('electron');

export interface DesktopApp extends AsyncDisposable {
	readonly kind: 'electron' | 'stand-in';
	readonly page: Page;
	/** Runs in the main process; sees nothing of the test but `argument`. */
	evaluate<Argument, Result>(run: (electron: Electron, argument: Argument) => Result | Promise<Result>, argument: Argument): Promise<Result>;
	/** Exit code of the main process. */
	readonly exited: Promise<number | null>;
}

export type DesktopPlace = { readonly dataFolder: string; readonly userFolder: string };

export const desktopKind = (): DesktopApp['kind'] => (electronBinary() ? 'electron' : 'stand-in');

export async function openDesktopApp(place: DesktopPlace): Promise<DesktopApp> {
	const binary = electronBinary();
	const env = { ...process.env, HOLDFAST_DATA: place.dataFolder } as Record<string, string>;
	const userFolder = `--user-data-dir=${place.userFolder}`;
	return binary ? openInElectron(binary, userFolder, env) : openOverStandIn(userFolder, env);
}

/** A second start while the first runs: comes back with its exit code. */
export async function startAgain({ dataFolder, userFolder }: DesktopPlace): Promise<number | null> {
	const binary = electronBinary();
	const env = { ...process.env, HOLDFAST_DATA: dataFolder };
	const again = binary
		? spawn(binary, [root, ...asRoot, `--user-data-dir=${userFolder}`], { env, stdio: 'inherit' })
		: spawn(process.execPath, [...standInArguments, `--user-data-dir=${userFolder}`], { cwd: root, env, stdio: 'inherit' });
	const [exitCode] = (await once(again, 'exit')) as [number | null];
	return exitCode;
}

/** Chromium's sandbox refuses to run as root. */
const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
const standInArguments = ['--import', join(root, 'e2e', 'electron', 'register.ts'), join(root, 'dist', 'desktop', 'electron', 'main.js')];

async function openInElectron(binary: string, userFolder: string, env: Record<string, string>): Promise<DesktopApp> {
	const app = await electronLauncher.launch({ executablePath: binary, args: [root, ...asRoot, userFolder], env, timeout: startTimeoutMs });
	const exited = once(app.process(), 'exit').then(([exitCode]) => exitCode as number | null);
	return {
		kind: 'electron',
		page: await app.firstWindow(),
		evaluate: (run, argument) => app.evaluate(run as Parameters<typeof app.evaluate>[0], argument) as never,
		exited,
		[Symbol.asyncDispose]: async () => {
			app.process().kill('SIGKILL');
			await exited;
		},
	};
}

async function openOverStandIn(userFolder: string, env: Record<string, string>): Promise<DesktopApp> {
	const port = await freePort();
	const main = spawn(process.execPath, [...standInArguments, userFolder], {
		cwd: root,
		env: { ...env, HOLDFAST_STAND_IN_PORT: String(port) },
		stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
	});
	const exited = once(main, 'exit').then(([exitCode]) => exitCode as number | null);
	const end = async (): Promise<void> => {
		// Playwright in the main process takes Chromium with it when it goes by SIGTERM, which the desktop may answer with a question.
		if (main.exitCode === null && main.signalCode === null) {
			if (main.connected) await evaluateIn(main, ({ app }) => app.exit(0), null).catch(() => undefined);
			await Promise.race([exited, sleep(5_000, null, { ref: false })]);
			main.kill('SIGKILL');
		}
		await exited;
	};
	try {
		const browser = await Promise.race([
			connectTo(port),
			exited.then((exitCode) => Promise.reject(new Error(`The desktop ended with exit code ${exitCode}.`))),
		]);
		const page = await firstPage(browser);
		return {
			kind: 'stand-in',
			page,
			evaluate: (run, argument) => evaluateIn(main, run, argument),
			exited,
			[Symbol.asyncDispose]: async () => {
				await browser.close();
				await end();
			},
		};
	} catch (error) {
		await end();
		throw error;
	}
}

let lastQuestion = 0;
function evaluateIn<Argument, Result>(
	main: ChildProcess,
	run: (electron: Electron, argument: Argument) => Result | Promise<Result>,
	argument: Argument,
): Promise<Result> {
	const id = ++lastQuestion;
	return new Promise((resolve, reject) => {
		const settle = (finish: () => void): void => {
			main.off('message', hear);
			main.off('exit', gone);
			finish();
		};
		const hear = (outcome: Outcome): void => {
			if (outcome.id !== id) return;
			settle(() => ('error' in outcome ? reject(new Error(outcome.error)) : resolve(outcome.value as Result)));
		};
		const gone = (): void => settle(() => reject(new Error('The desktop has ended.')));
		main.on('message', hear);
		main.on('exit', gone);
		main.send({ id, source: run.toString(), argument } satisfies Question);
	});
}

async function connectTo(port: number): Promise<Browser> {
	const deadline = Date.now() + startTimeoutMs;
	for (;;) {
		try {
			return await chromium.connectOverCDP(`http://127.0.0.1:${port}`);
		} catch (error) {
			if (Date.now() > deadline) throw error;
			await sleep(100);
		}
	}
}

async function firstPage(browser: Browser): Promise<Page> {
	const deadline = Date.now() + startTimeoutMs;
	for (;;) {
		const page = browser
			.contexts()
			.flatMap((context) => context.pages())
			.find((candidate) => candidate.url().includes('.localhost/'));
		if (page) return page;
		if (Date.now() > deadline) throw new Error('The desktop opened no window.');
		await sleep(50);
	}
}

async function freePort(): Promise<number> {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const address = server.address();
	await new Promise((resolve) => server.close(resolve));
	if (typeof address !== 'object' || address === null) throw new Error('No free port.');
	return address.port;
}
