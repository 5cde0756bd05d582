/**
 * A script of the administrator's: called with `freeze` before the snapshot and with `thaw` after it. `thaw` may come more than once, and without a
 * `freeze` before it.
 */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { EngineError } from '../../base/index.ts';
import { type RunCommand, runCommand } from '../command.ts';
import type { SnapshotWriter, WriterFactory, WriterOptions } from '../writer.ts';

type ScriptSpec = {
	readonly path: string;
	readonly timeoutMs: number;
	/** Exit codes that mean success. */
	readonly accepted: readonly number[];
};

const usualTimeoutS = 60;

const invalid = (spec: string, why: string): EngineError =>
	new EngineError('usage.invalid', `The writer script:${spec} cannot be understood: ${why}`, {
		hint: 'Write script:/etc/holdfast/app.sh, or script:/etc/holdfast/app.sh?timeout=30&accept=0,3',
		data: { field: 'writers' },
	});

/** `/path?timeout=SECONDS&accept=CODE,CODE`, both optional. @throws `usage.invalid` */
export function parseScriptSpec(spec: string): ScriptSpec {
	const [path = '', query = '', ...rest] = spec.split('?');
	if (!isAbsolute(path) || rest.length > 0) throw invalid(spec, 'it needs the whole path of a script.');
	const options = new URLSearchParams(query);
	const unknown = [...options.keys()].find((key) => key !== 'timeout' && key !== 'accept');
	if (unknown !== undefined) throw invalid(spec, `“${unknown}” is no option.`);
	const timeoutS = Number(options.get('timeout') ?? usualTimeoutS);
	if (!Number.isInteger(timeoutS) || timeoutS < 1 || timeoutS > 3600) throw invalid(spec, 'the timeout is a number of seconds from 1 to 3600.');
	const accepted = (options.get('accept') ?? '0').split(',').map(Number);
	if (accepted.some((code) => !Number.isInteger(code) || code < 0 || code > 255)) throw invalid(spec, 'exit codes are numbers from 0 to 255.');
	return { path, timeoutMs: timeoutS * 1000, accepted };
}

export class ScriptWriter implements SnapshotWriter {
	readonly spec: string;
	readonly #script: ScriptSpec;
	readonly #run: RunCommand;

	constructor(spec: string, run: RunCommand = runCommand) {
		this.spec = `script:${spec}`;
		this.#script = parseScriptSpec(spec);
		this.#run = run;
	}

	async identify() {
		const { path } = this.#script;
		try {
			await access(path, constants.X_OK);
		} catch (cause) {
			throw new EngineError('snapshot.writer', `The script ${path} cannot be run.`, { hint: 'Check that it exists and may be executed.', cause });
		}
		return { title: `the script ${path}`, paths: [] };
	}

	async prepare(): Promise<void> {}

	freeze(options: WriterOptions): Promise<void> {
		return this.#call('freeze', options);
	}

	async thaw(options: WriterOptions): Promise<'held'> {
		await this.#call('thaw', options);
		return 'held';
	}

	async postSnapshot() {
		return [];
	}

	async end(): Promise<void> {}

	async #call(verb: 'freeze' | 'thaw', { signal }: WriterOptions): Promise<void> {
		const { path, timeoutMs, accepted } = this.#script;
		const timeout = AbortSignal.timeout(timeoutMs);
		try {
			const { code, stderr } = await this.#run(path, [verb], { signal: AbortSignal.any([signal, timeout]) });
			if (accepted.includes(code)) return;
			const said = stderr.trim().slice(0, 500);
			throw new EngineError('snapshot.writer', `${path} ${verb} ended with exit code ${code}${said ? `: ${said}` : '.'}`, {
				hint: `${accepted.length === 1 ? 'The exit code that means' : 'Exit codes that mean'} success: ${accepted.join(', ')}.`,
				data: { code },
			});
		} catch (error) {
			if (!timeout.aborted || signal.aborted) throw error;
			throw new EngineError('snapshot.timeout', `${path} ${verb} took longer than ${timeoutMs / 1000} s and was ended.`, { cause: error });
		}
	}
}

export const scriptWriters: WriterFactory = {
	kind: 'script',
	usage: '/path/to/script[?timeout=SECONDS&accept=CODE,CODE]',
	open: (spec) => new ScriptWriter(spec),
};
