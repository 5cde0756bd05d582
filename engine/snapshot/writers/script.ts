/**
 * A script of the administrator's: called with `freeze` before the snapshot and with `thaw` after it. `thaw` may come more than once, and without a
 * `freeze` before it.
 */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { EngineError } from '../../base/index.ts';
import { type RunCommand, runCommand } from '../command.ts';
import type { SnapshotWriter, WriterFactory, WriterIdentity, WriterOptions } from '../writer.ts';

export type ScriptRules = {
	readonly timeoutMs: number;
	/** Exit codes that mean success. */
	readonly accepted: readonly number[];
};
type ScriptSpec = ScriptRules & { readonly path: string };

const usualTimeoutS = 60;

/** @param hint how such a writer is written @returns the refusal of a spec */
export const refusalOf =
	(kind: string, hint: string) =>
	(spec: string, why: string): EngineError =>
		new EngineError('usage.invalid', `The writer ${kind}:${spec} cannot be understood: ${why}`, { hint, data: { field: 'writers' } });

const invalid = refusalOf('script', 'Write script:/etc/holdfast/app.sh, or script:/etc/holdfast/app.sh?timeout=30&accept=0,3');

/** `/path?timeout=SECONDS&accept=CODE,CODE`, both optional. @throws `usage.invalid` */
export function parseScriptSpec(spec: string): ScriptSpec {
	const [path = '', query = '', ...rest] = spec.split('?');
	if (!isAbsolute(path) || rest.length > 0) throw invalid(spec, 'it needs the whole path of a script.');
	const refuse = (why: string) => invalid(spec, why);
	return { path, ...parseRules(parseOptions(query, [], refuse), refuse) };
}

/** @param known beside those that `parseRules` reads @throws what `refuse` makes of a reason */
export function parseOptions(query: string, known: readonly string[], refuse: (why: string) => EngineError): URLSearchParams {
	const options = new URLSearchParams(query);
	const unknown = [...options.keys()].find((key) => !['timeout', 'accept', ...known].includes(key));
	if (unknown !== undefined) throw refuse(`“${unknown}” is no option.`);
	return options;
}

/** @throws what `refuse` makes of a reason */
export function parseRules(options: URLSearchParams, refuse: (why: string) => EngineError, greatestCode = 255): ScriptRules {
	const timeoutS = Number(options.get('timeout') ?? usualTimeoutS);
	if (!Number.isInteger(timeoutS) || timeoutS < 1 || timeoutS > 3600) throw refuse('the timeout is a number of seconds from 1 to 3600.');
	const accepted = (options.get('accept') ?? '0').split(',').map(Number);
	if (accepted.some((code) => !Number.isInteger(code) || code < 0 || code > greatestCode)) throw refuse(`exit codes are numbers from 0 to ${greatestCode}.`);
	return { timeoutMs: timeoutS * 1000, accepted };
}

export type ScriptCall = ScriptRules & {
	/** For messages: `/etc/holdfast/app.sh freeze`. */
	readonly what: string;
	readonly program: string;
	readonly args: readonly string[];
	readonly signal: AbortSignal;
};

/** @throws `snapshot.writer`, `snapshot.timeout`, the signal's reason */
export async function callScript(run: RunCommand, { what, program, args, timeoutMs, accepted, signal }: ScriptCall): Promise<void> {
	const timeout = AbortSignal.timeout(timeoutMs);
	try {
		const { code, stderr } = await run(program, args, { signal: AbortSignal.any([signal, timeout]) });
		if (accepted.includes(code)) return;
		const said = stderr.trim().slice(0, 500);
		throw new EngineError('snapshot.writer', `${what} ended with exit code ${code}${said ? `: ${said}` : '.'}`, {
			hint: `${accepted.length === 1 ? 'The exit code that means' : 'Exit codes that mean'} success: ${accepted.join(', ')}.`,
			data: { code },
		});
	} catch (error) {
		if (!timeout.aborted || signal.aborted) throw error;
		throw new EngineError('snapshot.timeout', `${what} took longer than ${timeoutMs / 1000} s and was ended.`, { cause: error });
	}
}

export type ScriptVerb = 'freeze' | 'thaw';

/** What is held still by a script, wherever that runs. */
export abstract class VerbWriter implements SnapshotWriter {
	abstract readonly spec: string;
	abstract identify(options: WriterOptions): Promise<WriterIdentity>;
	protected abstract call(verb: ScriptVerb, options: WriterOptions): Promise<void>;

	async prepare(): Promise<void> {}

	freeze(options: WriterOptions): Promise<void> {
		return this.call('freeze', options);
	}

	async thaw(options: WriterOptions): Promise<'held'> {
		await this.call('thaw', options);
		return 'held';
	}

	async postSnapshot(): Promise<readonly []> {
		return [];
	}

	async end(): Promise<void> {}
}

export class ScriptWriter extends VerbWriter {
	readonly spec: string;
	readonly #script: ScriptSpec;
	readonly #run: RunCommand;

	constructor(spec: string, run: RunCommand = runCommand) {
		super();
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

	protected call(verb: ScriptVerb, { signal }: WriterOptions): Promise<void> {
		const { path, ...rules } = this.#script;
		return callScript(this.#run, { what: `${path} ${verb}`, program: path, args: [verb], ...rules, signal });
	}
}

export const scriptWriters: WriterFactory = {
	kind: 'script',
	usage: '/path/to/script[?timeout=SECONDS&accept=CODE,CODE]',
	open: (spec) => new ScriptWriter(spec),
};
