/** For tests only: a machine with ZFS, as far as its programs tell. What they print is modelled on OpenZFS 2.2. */
import type { CommandResult, RunCommand } from '../../command.ts';

type Simulated = {
	name: string;
	type: 'filesystem' | 'volume' | 'snapshot';
	owner: string;
	origin: string;
	content: string;
	keyStatus: string;
	readonly holds: Set<string>;
};

const failed = (stderr: string): CommandResult => ({ code: 1, stdout: '', stderr: `${stderr}\n` });
const done = (lines: readonly string[] = []): CommandResult => ({ code: 0, stdout: lines.map((line) => `${line}\n`).join(''), stderr: '' });
/** Values of options that have one, by their names; and what is left. */
function parse(args: readonly string[]): { readonly values: ReadonlyMap<string, string>; readonly rest: readonly string[] } {
	const values = new Map<string, string>();
	const rest: string[] = [];
	for (let i = 0; i < args.length; i++) {
		const arg = args[i] as string;
		if (arg === '-o' || arg === '-t') values.set(`${arg}${values.has(arg) ? ' again' : ''}`, args[++i] ?? '');
		else if (!arg.startsWith('-')) rest.push(arg);
	}
	return { values, rest };
}

export class SimulatedZfs {
	readonly sets: Simulated[] = [];
	readonly pools = new Set<string>();
	readonly commands: string[] = [];
	/** Instead of the answer, by the beginning of a command. */
	readonly answers = new Map<string, CommandResult | 'hangs'>();
	availableBytes = 1e9;

	add(name: string, more: Partial<Simulated> = {}): Simulated {
		this.pools.add(name.split('/')[0] ?? '');
		const set: Simulated = { type: 'filesystem', owner: '-', origin: '', content: '', keyStatus: '-', holds: new Set(), ...more, name };
		this.sets.push(set);
		return set;
	}

	find(name: string): Simulated | undefined {
		return this.sets.find((each) => each.name === name && this.pools.has(name.split(/[/@]/)[0] ?? ''));
	}

	readonly run: RunCommand = async (program, args, { signal }) => {
		signal.throwIfAborted();
		const command = [program, ...args].join(' ');
		this.commands.push(command);
		const answer = [...this.answers].find(([start]) => command.startsWith(start))?.[1];
		if (answer === 'hangs') return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
		if (answer !== undefined) return answer;
		if (program === 'zpool') return done([...this.pools]);
		const [verb, ...given] = args;
		const { values, rest } = parse(given);
		switch (verb) {
			case 'list':
				return this.#list(values, rest[0]);
			case 'snapshot':
				return this.#snapshot(rest, values.get('-o') ?? '');
			case 'clone':
				return this.#clone(rest[0] ?? '', rest[1] ?? '', values);
			case 'hold':
			case 'release':
				return this.#hold(verb, rest[0] ?? '', rest[1] ?? '');
			case 'holds':
				return done([...(this.find(rest[0] ?? '')?.holds ?? [])].map((tag) => `${rest[0]}\t${tag}\tFri Nov 27 23:01 2026`));
			case 'destroy':
				return this.#destroy(rest[0] ?? '');
			default:
				return failed(`unrecognized command '${verb}'`);
		}
	};

	#list(values: ReadonlyMap<string, string>, name: string | undefined): CommandResult {
		const found = name === undefined ? this.sets.filter(({ type }) => type === values.get('-t')) : [this.find(name)];
		if (found.includes(undefined)) return failed(`cannot open '${name}': dataset does not exist`);
		const fields = (values.get('-o') ?? 'name').split(',');
		return done(found.flatMap((set) => (set ? fields.map((field) => this.#field(set, field)).join('\t') : [])));
	}

	#field({ name, type, owner, keyStatus }: Simulated, field: string): string {
		const known: Readonly<Record<string, string>> = { name, type, mounted: type === 'filesystem' ? 'yes' : '-', mountpoint: `/${name}`, keystatus: keyStatus };
		return known[field] ?? (field === 'available' ? String(this.availableBytes) : field === 'io.holdfast:owner' ? owner : '-');
	}

	#snapshot(names: readonly string[], property: string): CommandResult {
		const sources = names.map((name) => this.find(name.split('@')[0] ?? ''));
		const missing = sources.indexOf(undefined);
		if (missing >= 0) return failed(`cannot open '${names[missing]?.split('@')[0]}': dataset does not exist\nno snapshots were created`);
		for (const [i, name] of names.entries()) this.add(name, { type: 'snapshot', owner: property.split('=')[1] ?? '', content: sources[i]?.content ?? '' });
		return done();
	}

	#clone(origin: string, name: string, values: ReadonlyMap<string, string>): CommandResult {
		const source = this.find(origin);
		if (source === undefined) return failed(`cannot open '${origin}': dataset does not exist`);
		this.add(name, { type: 'volume', origin, content: source.content, owner: values.get('-o again')?.split('=')[1] ?? '' });
		return done();
	}

	#hold(verb: 'hold' | 'release', tag: string, name: string): CommandResult {
		const found = this.find(name);
		if (found === undefined) return failed(`cannot ${verb} snapshot '${name}': dataset does not exist`);
		if (verb === 'release' && !found.holds.has(tag)) return failed(`cannot release hold from snapshot '${name}': no such tag on this dataset`);
		found.holds[verb === 'hold' ? 'add' : 'delete'](tag);
		return done();
	}

	#destroy(name: string): CommandResult {
		const found = this.find(name);
		if (found === undefined) return failed(`could not find any snapshots to destroy; check snapshot names.`);
		if (found.holds.size > 0) return failed(`cannot destroy snapshot ${name}: dataset is busy`);
		if (this.sets.some(({ origin }) => origin === name)) return failed(`cannot destroy '${name}': snapshot has dependent clones`);
		this.sets.splice(this.sets.indexOf(found), 1);
		return done();
	}
}
