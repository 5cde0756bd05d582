/**
 * A script in another machine, such as a guest that is backed up from outside: called there by the system's ssh client with `freeze` before the snapshot and with `thaw`
 * after it, under the rules of a script here. Nobody is asked for a password, and only a host whose key is known is spoken with.
 */
import { isAbsolute } from 'node:path';
import { EngineError, isEngineError } from '../../base/index.ts';
import { type RunCommand, runCommand } from '../command.ts';
import type { WriterFactory, WriterOptions } from '../writer.ts';
import { callScript, parseOptions, parseRules, refusalOf, type ScriptRules, type ScriptVerb, VerbWriter } from './script.ts';

type SshSpec = ScriptRules & {
	readonly user: string;
	readonly host: string;
	readonly port: number;
	/** On the other machine. */
	readonly path: string;
	/** By which the key of the host is known; null: by its address. */
	readonly alias: string | null;
	/** Of the private key; null: what ssh itself finds. */
	readonly identity: string | null;
	readonly knownHosts: string | null;
};

const usualPort = 22;
/** ssh(1): it could not reach the host or sign in. A script that ends with it cannot be told from that. */
const failedToConnect = 255;
const connectTimeoutS = 15;

const invalid = refusalOf(
	'ssh',
	'Write ssh:user@host/etc/holdfast/app.sh, or ssh:user@host:22/etc/holdfast/app.sh?timeout=30&identity=/etc/holdfast/key&known-hosts=/etc/holdfast/known_hosts',
);

/** `USER@HOST[:PORT]/path[?timeout=&accept=&identity=&known-hosts=&alias=]`. Nothing in it may look like an option of ssh. @throws `usage.invalid` */
export function parseSshSpec(spec: string): SshSpec {
	const [place = '', query = '', ...rest] = spec.split('?');
	const [, user, host, port, path] = /^([a-z_][\w.-]*)@([a-z0-9][\w.-]*|\[[0-9a-f:.]+\])(?::(\d{1,5}))?(\/[^\0\n\r]+)$/i.exec(place) ?? [];
	if (rest.length > 0 || user === undefined || host === undefined || path === undefined)
		throw invalid(spec, 'it needs a user, a host and the whole path of a script there.');
	if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) throw invalid(spec, `${port} is no port.`);
	const refuse = (why: string) => invalid(spec, why);
	const options = parseOptions(query, ['identity', 'known-hosts', 'alias'], refuse);
	const files = ['identity', 'known-hosts'].map((key) => options.get(key));
	for (const file of files)
		if (file !== null && (!isAbsolute(file) || /["%$\0\n\r]/.test(file))) throw invalid(spec, `“${file}” is not the whole path of a file.`);
	const [identity = null, knownHosts = null] = files;
	const alias = options.get('alias');
	if (alias !== null && !/^\w[\w.-]{0,254}$/.test(alias)) throw invalid(spec, `“${alias}” is no name of a host.`);
	return {
		...{ user, host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port ?? usualPort), path, identity, knownHosts, alias },
		...parseRules(options, refuse, failedToConnect - 1),
	};
}

/** What ssh is called with: no terminal, no questions, no forwarding, nothing shared with other calls. */
export function sshArguments({ user, host, port, path, identity, knownHosts, alias }: SshSpec, verb: string): readonly string[] {
	const options = [
		...[
			'BatchMode=yes',
			'StrictHostKeyChecking=yes',
			'UpdateHostKeys=no',
			`ConnectTimeout=${connectTimeoutS}`,
			'ServerAliveInterval=5',
			'ServerAliveCountMax=3',
		],
		...['ClearAllForwardings=yes', 'ForwardAgent=no', 'ForwardX11=no', 'PermitLocalCommand=no', 'ControlMaster=no', 'ControlPath=none', 'LogLevel=ERROR'],
		...(identity === null ? [] : [`IdentityFile="${identity}"`, 'IdentitiesOnly=yes']),
		...(alias === null ? [] : [`HostKeyAlias=${alias}`]),
		...(knownHosts === null ? [] : [`UserKnownHostsFile="${knownHosts}"`, 'GlobalKnownHostsFile=/dev/null']),
	];
	return ['-T', ...options.flatMap((option) => ['-o', option]), '-p', String(port), '-l', user, '--', host, `${quote(path)} ${verb}`];
}

/** For the shell of the other machine, which reads the words of a command anew. */
const quote = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`;

export class SshWriter extends VerbWriter {
	readonly spec: string;
	readonly #there: SshSpec;
	readonly #run: RunCommand;

	constructor(spec: string, run: RunCommand = runCommand) {
		super();
		this.spec = `ssh:${spec}`;
		this.#there = parseSshSpec(spec);
		this.#run = run;
	}

	/** Reaches the machine and sees whether the script may be run there, without running it. */
	async identify({ signal }: WriterOptions) {
		const { path, user, host } = this.#there;
		const [command = ''] = sshArguments(this.#there, '').slice(-1);
		const args = [...sshArguments(this.#there, '').slice(0, -1), `test -x ${command.trim()}`];
		const { code, stderr } = await this.#run('ssh', args, { signal });
		if (code === failedToConnect) throw this.#unreachable(stderr);
		if (code !== 0)
			throw new EngineError('snapshot.writer', `The script ${path} cannot be run on ${host} by ${user}.`, {
				hint: 'Check there that it exists and may be executed.',
			});
		return { title: `the script ${path} on ${host}`, paths: [] };
	}

	protected async call(verb: ScriptVerb, { signal }: WriterOptions): Promise<void> {
		const { path, host, timeoutMs, accepted } = this.#there;
		try {
			await callScript(this.#run, { what: `${path} ${verb} on ${host}`, program: 'ssh', args: sshArguments(this.#there, verb), timeoutMs, accepted, signal });
		} catch (error) {
			if (isEngineError(error, 'snapshot.writer') && error.data?.code === failedToConnect) throw this.#unreachable(error.message);
			throw error;
		}
	}

	#unreachable(said: string): EngineError {
		const { user, host, port } = this.#there;
		return new EngineError('snapshot.writer', `${user}@${host} port ${port} cannot be reached by ssh: ${said.trim().slice(0, 500) || 'it did not say why'}`, {
			hint: 'The key of the host has to be in the list of known hosts, and the user of Holdfast has to get in with a key without a passphrase, or by an agent.',
		});
	}
}

export const sshWriters: WriterFactory = {
	kind: 'ssh',
	usage: 'user@host[:port]/path/of/script/there[?timeout=SECONDS&accept=CODE,CODE&identity=/key&known-hosts=/file&alias=NAME]',
	open: (spec) => new SshWriter(spec),
};
