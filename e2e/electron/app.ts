import { EventEmitter } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

type PreventableEvent = { readonly defaultPrevented: boolean; preventDefault(): void };

/** An event as Electron's emitters hand it out. Calls the listeners; true when nobody prevented what comes next. */
export function isAllowed(emitter: EventEmitter, name: string, details: object = {}): boolean {
	const event: PreventableEvent & object = {
		...details,
		defaultPrevented: false,
		preventDefault() {
			Object.assign(event, { defaultPrevented: true });
		},
	};
	emitter.emit(name, event);
	return !event.defaultPrevented;
}

class App extends EventEmitter {
	readonly isPackaged = false;
	readonly #atExit: (() => Promise<unknown>)[] = [];
	readonly #ready = new Promise<void>((resolve) => setImmediate(resolve));

	whenReady(): Promise<void> {
		return this.#ready;
	}
	getVersion(): string {
		return (JSON.parse(readFileSync(join(this.getAppPath(), 'package.json'), 'utf8')) as { version: string }).version;
	}
	getAppPath(): string {
		return process.cwd();
	}
	/** Everything that Electron would put into the user's folders lies in the one that the command line names, as `--user-data-dir` has it. */
	getPath(_name: string): string {
		const named = process.argv.find((argument) => argument.startsWith('--user-data-dir='))?.split('=')[1];
		if (named === undefined) throw new Error('The stand-in for Electron needs --user-data-dir=FOLDER.');
		mkdirSync(named, { recursive: true });
		return named;
	}
	setAppUserModelId(_id: string): void {}

	/** The first instance's process id is in a file; a later one tells it by a signal and is refused. */
	requestSingleInstanceLock(): boolean {
		const lock = join(this.getPath('userData'), 'single-instance');
		try {
			process.kill(Number(readFileSync(lock, 'utf8')), 'SIGUSR2');
			return false;
		} catch {
			// No file, or its process is gone.
			writeFileSync(lock, String(process.pid));
			process.on('SIGUSR2', () => this.emit('second-instance', {}, [], ''));
			process.on('exit', () => rmSync(lock, { force: true }));
			return true;
		}
	}

	quit(): void {
		if (isAllowed(this, 'before-quit') && isAllowed(this, 'will-quit')) this.exit(0);
	}
	exit(exitCode = 0): void {
		void Promise.allSettled(this.#atExit.map((end) => end())).then(() => process.exit(exitCode));
	}
	/** For the stand-in's own parts. */
	beforeExit(end: () => Promise<unknown>): void {
		this.#atExit.push(end);
	}
}
export const app = new App();

process.on('SIGTERM', () => app.quit());
process.on('SIGINT', () => app.quit());
