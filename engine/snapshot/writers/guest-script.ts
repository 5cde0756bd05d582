/** A script inside a virtual machine, which the guest agent there runs: no network of the guest and no account in it is needed. */
import type { CommandResult, RunCommand } from '../command.ts';
import type { WriterFactory, WriterOptions } from '../writer.ts';
import { callScript, parseOptions, parseRules, refusalOf, type ScriptRules, type ScriptVerb, VerbWriter } from './script.ts';

/**
 * Has the agent of a machine run a program, and waits for its end. An abort does not end it: agents cannot.
 * @param machine `HOST/NAME` @throws `source.*`, `not-found.*`, the signal's reason
 */
export type RunInGuest = (machine: string, program: string, args: readonly string[], options: WriterOptions) => Promise<CommandResult>;

type GuestScriptSpec = ScriptRules & { readonly path: string; readonly machine: string };

const usage = '/path/in/the/guest?machine=HOST/NAME[&timeout=SECONDS&accept=CODE,CODE]';

const invalid = refusalOf('agent', 'Write agent:/etc/holdfast/app.sh, or agent:C:\\holdfast\\app.cmd?timeout=30&accept=0,3');

/** @throws `usage.invalid` */
export function parseGuestScriptSpec(spec: string): GuestScriptSpec {
	const [path = '', query = '', ...rest] = spec.split('?');
	if (rest.length > 0 || !/^(\/|[a-z]:[\\/])[^\0\n\r]+$/i.test(path)) throw invalid(spec, 'it needs the whole path of a script in the guest.');
	const refuse = (why: string) => invalid(spec, why);
	const options = parseOptions(query, ['machine'], refuse);
	const machine = options.get('machine');
	if (machine === null || !machine.includes('/')) throw invalid(spec, 'it does not say in which machine (machine=HOST/NAME).');
	return { path, machine, ...parseRules(options, refuse) };
}

export class GuestScriptWriter extends VerbWriter {
	readonly spec: string;
	readonly #script: GuestScriptSpec;
	readonly #run: RunCommand;

	constructor(spec: string, run: RunInGuest) {
		super();
		this.spec = `agent:${spec}`;
		this.#script = parseGuestScriptSpec(spec);
		this.#run = (program, args, { signal }) => run(this.#script.machine, program, args, { signal });
	}

	/** Whether the agent answers is known from the machine; whether the script is there, only by running it. */
	async identify() {
		const { path, machine } = this.#script;
		return { title: `the script ${path} in ${machine}`, paths: [] };
	}

	protected call(verb: ScriptVerb, { signal }: WriterOptions): Promise<void> {
		const { path, machine, ...rules } = this.#script;
		return callScript(this.#run, { what: `${path} ${verb} in ${machine}`, program: path, args: [verb], ...rules, signal });
	}
}

export const guestScriptWriters = (run: RunInGuest): WriterFactory => ({ kind: 'agent', usage, open: (spec) => new GuestScriptWriter(spec, run) });
