/** Runs a command as a user would, in a process of its own, and measures what it took. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export type Command = {
	readonly program: string;
	readonly args: readonly string[];
	readonly env?: Readonly<Record<string, string>>;
	readonly cwd?: string;
	/** Other exit codes than 0 that mean success (e.g. finished with warnings). */
	readonly acceptedExitCodes?: readonly number[];
};

export type Measurement = {
	readonly seconds: number;
	/** Processor time of the command and all that it waited for; null where the system does not tell. */
	readonly processorSeconds: number | null;
	/** The sum of the highest resident sizes of all processes that the command ran; null where the system does not tell. */
	readonly peakBytes: number | null;
	/** Standard output. */
	readonly output: string;
};

const samplingMs = 25;
const keptErrorCharacters = 4000;
const graceMs = 10_000;

/** Throws when the command fails, with the end of what it wrote to standard error. An abort ends the command and waits for its end. */
export async function measure(command: Command, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<Measurement> {
	signal?.throwIfAborted();
	const processorBefore = childrenProcessorSeconds();
	const startedAt = performance.now();
	const child = spawn(command.program, command.args, {
		env: { ...process.env, ...command.env },
		cwd: command.cwd,
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	const end = (): void => {
		child.kill('SIGTERM');
		setTimeout(() => child.kill('SIGKILL'), graceMs).unref();
	};
	signal?.addEventListener('abort', end, { once: true });
	let output = '';
	let errors = '';
	child.stdout.setEncoding('utf8').on('data', (text: string) => {
		output += text;
	});
	child.stderr.setEncoding('utf8').on('data', (text: string) => {
		errors = (errors + text).slice(-keptErrorCharacters);
	});
	const memory = new MemorySampler(child.pid);
	const timer = setInterval(() => memory.sample(), samplingMs);
	try {
		const exitCode = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
		const seconds = (performance.now() - startedAt) / 1000;
		signal?.throwIfAborted();
		if (exitCode !== 0 && !command.acceptedExitCodes?.includes(exitCode ?? -1)) {
			throw new Error(`${command.program} ${command.args.join(' ')} ended with code ${exitCode}:\n${errors || output.slice(-keptErrorCharacters)}`);
		}
		const processorAfter = childrenProcessorSeconds();
		const processorSeconds = processorBefore === null || processorAfter === null ? null : processorAfter - processorBefore;
		return { seconds, processorSeconds, peakBytes: memory.peakBytes, output };
	} finally {
		clearInterval(timer);
		signal?.removeEventListener('abort', end);
	}
}

const ticksPerSecond = 100; // what Linux shows to programs, whatever its own clock

/** Of the processes that this one has waited for, and of theirs (proc(5): cutime and cstime). Commands run one after the other. */
function childrenProcessorSeconds(): number | null {
	if (process.platform !== 'linux') return null;
	const stat = readFileSync('/proc/self/stat', 'utf8');
	const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the name before may hold spaces
	return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond;
}

/** The kernel keeps the highest resident size of each process; reading it now and then until the process ends is enough. */
class MemorySampler {
	readonly #root: number | undefined;
	readonly #highest = new Map<number, number>();

	constructor(root: number | undefined) {
		this.#root = root;
	}

	get peakBytes(): number | null {
		if (this.#highest.size === 0) return null;
		return [...this.#highest.values()].reduce((sum, bytes) => sum + bytes, 0);
	}

	sample(): void {
		if (process.platform === 'linux' && this.#root !== undefined) this.#visit(this.#root);
	}

	#visit(pid: number): void {
		try {
			const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
			if (kilobytes !== undefined) this.#highest.set(pid, Number(kilobytes) * 1024);
			for (const thread of readdirSync(`/proc/${pid}/task`)) {
				const children = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean);
				for (const child of children) this.#visit(Number(child));
			}
		} catch {
			// It ended between two readings: what was read last stands.
		}
	}
}
