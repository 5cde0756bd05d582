/** libvirt through its own command, which reaches hosts in all the ways that administrators have set up already. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { EngineError, isEngineError, systemErrorCode } from '../../../../base/index.ts';

/** What a host says is hostile: it may not fill the memory. */
const maxOutputBytes = 32 * 1024 * 1024;
/** A host that does not answer for so long is not there. */
const answerMs = 60_000;

/** The name may follow from where: it stands behind `--`, so that none is taken for an option. */
export type Virsh = {
	(command: string, options?: readonly string[], names?: readonly string[], call?: VirshCall): Promise<string>;
	/** Of the host. */
	readonly uri: string;
};

export type VirshCall = {
	readonly signal?: AbortSignal | undefined;
	/** What it says for people, which some commands have no other answer than. */
	readonly isTalkative?: boolean;
	/** For how long it may work; absent: as long as an answer takes. */
	readonly patienceMs?: number;
	/** Folder of a backup: done only while that holds the machine (saved-state.ts), and nobody else does such a thing meanwhile. */
	readonly whileHeld?: string;
};

/**
 * Commands for one host.
 * @throws EngineError `source.unreachable`, `source.refused`, `usage.unsupported` where there is no virsh
 */
export function virshOf(uri: string): Virsh {
	const call = async (
		command: string,
		options: readonly string[] = [],
		names: readonly string[] = [],
		{ signal, isTalkative, patienceMs = answerMs, whileHeld }: VirshCall = {},
	): Promise<string> => {
		const args = ['--connect', uri, ...(isTalkative ? [] : ['--quiet']), command, ...options, ...(names.length > 0 ? ['--', ...names] : [])];
		const { code, stdout, stderr } = await run(command, args, { signal, patienceMs, whileHeld });
		if (code === 0) return stdout;
		const reason =
			stderr
				.replaceAll(/^error: /gm, '')
				.trim()
				.split('\n')
				.at(-1) ?? '';
		if (/^failed to connect to the hypervisor/m.test(stderr.replaceAll(/^error: /gm, '')))
			throw new EngineError('source.unreachable', `The host ${uri} does not answer: ${reason}`, {
				hint: 'Check that libvirtd runs there and that the user of Holdfast may use it: "virsh -c URI list" shows the same.',
			});
		throw new EngineError('source.refused', `The host ${uri} refused ${command}: ${reason}`);
	};
	return Object.assign(call, { uri });
}

type Outcome = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** By the one process of virsh, which goes on when the engine dies. */
const locked = (folder: string, args: readonly string[]): readonly [string, ...string[]] => [
	'flock',
	join(folder, 'lock'),
	...['sh', '-c', 'folder=$1; shift; [ -e "$folder/held" ] && exec virsh "$@"', 'holdfast', folder, ...args],
];

function run(
	command: string,
	args: readonly string[],
	{ signal, patienceMs, whileHeld }: { signal: AbortSignal | undefined; patienceMs: number; whileHeld: string | undefined },
): Promise<Outcome> {
	return new Promise((resolve, reject) => {
		if (signal?.aborted) return reject(signal.reason);
		const [program, ...given] = whileHeld === undefined ? (['virsh', ...args] as const) : locked(whileHeld, args);
		const child = spawn(program, given, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, LC_ALL: 'C' } });
		const give = (error: unknown): void => {
			child.kill('SIGKILL');
			reject(error);
		};
		const onAbort = (): void => give(signal?.reason);
		const onSilence = (): void => give(new EngineError('source.unreachable', `virsh ${command} has not answered for ${patienceMs / 1000} s.`));
		const patience = setTimeout(onSilence, patienceMs);
		signal?.addEventListener('abort', onAbort, { once: true });
		const pieces = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
		let bytes = 0;
		for (const name of ['stdout', 'stderr'] as const)
			child[name].on('data', (piece: Buffer) => {
				bytes += piece.byteLength;
				if (bytes > maxOutputBytes) give(new EngineError('source.refused', `virsh ${command} says more than ${maxOutputBytes} bytes.`));
				else pieces[name].push(piece);
			});
		child.on('error', (error) =>
			reject(
				systemErrorCode(error) === 'ENOENT'
					? new EngineError('usage.unsupported', 'Virtual machines of libvirt are reached through virsh, which is not installed here.', {
							hint: 'Install libvirt-clients, or what has virsh on this system.',
						})
					: error,
			),
		);
		child.on('close', (code) => {
			clearTimeout(patience);
			signal?.removeEventListener('abort', onAbort);
			resolve({ code, stdout: Buffer.concat(pieces.stdout).toString(), stderr: Buffer.concat(pieces.stderr).toString() });
		});
	});
}

/** For what may as well be gone: undefined instead of the host's refusal. */
export function ignoreRefusal(error: unknown): undefined {
	if (!isEngineError(error, 'source.refused')) throw error;
	return undefined;
}
