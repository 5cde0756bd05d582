/** For tests only: a machine with VSS, as far as its programs tell. What they print is modelled on Windows Server 2022, in German where a test says so. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import type { CommandResult, RunCommand } from '../../command.ts';

const done = (stdout = ''): CommandResult => ({ code: 0, stdout, stderr: '' });

export type Failing = 'none' | { readonly code: number; readonly output: string };

export class SimulatedVss {
	/** By drive. */
	readonly content = new Map<string, string>();
	readonly copies = new Map<string, { readonly device: string; readonly content: string }>();
	readonly scripts: string[] = [];
	/** What diskshadow says instead of making anything. */
	failing: Failing = 'none';
	returnValue = 0;
	writers = '';
	listing: string | null = null;
	isGerman = false;
	#count = 0;

	readonly run: RunCommand = async (program, args, { signal, env = {} }) => {
		signal.throwIfAborted();
		if (program === 'diskshadow.exe') return this.#diskshadow(args[1] ?? '', args[3] ?? '');
		if (program === 'vssadmin.exe') return done(this.writers);
		const script = args.at(-1) ?? '';
		if (script.includes('Invoke-CimMethod')) return this.#create(env.HOLDFAST_VOLUME ?? '', env.HOLDFAST_LOG ?? '', env.HOLDFAST_ALIAS ?? '');
		if (script.includes('Remove-CimInstance')) {
			this.copies.delete(env.HOLDFAST_SHADOW?.toLowerCase() ?? '');
			return done();
		}
		return done(this.listing ?? JSON.stringify([...this.copies.keys()]));
	};

	#diskshadow(script: string, log: string): CommandResult {
		const lines = readFileSync(script, 'utf8').split('\r\n');
		this.scripts.push(lines.filter((line) => !line.startsWith('set metadata')).join('; '));
		if (this.failing !== 'none') return { code: this.failing.code, stdout: this.failing.output, stderr: '' };
		const wanted = lines.flatMap((line) => /^add volume (\S+) alias (\S+)$/.exec(line) ?? []).filter((part) => !part.startsWith('add '));
		const set = guid(900 + this.#count);
		const output = ['Microsoft DiskShadow version 1.0', ''];
		for (let i = 0; i < wanted.length; i += 2) {
			const [drive = '', alias = ''] = wanted.slice(i, i + 2);
			if (!this.content.has(drive)) return { code: 1, stdout: `The specified volume was not found: ${drive}\r\nCOM error 0x80042308\r\n`, stderr: '' };
			const { id, device } = this.#add(drive);
			output.push(`Alias ${alias} for shadow ID ${id} set as environment variable.`);
			const [idIs, nameIs] = this.isGerman ? ['Schattenkopie-ID =', 'Schattenkopiegerätename:'] : ['Shadow copy ID =', 'Shadow copy device name:'];
			output.push(`\t* ${idIs} ${id}\t\t%${alias}%`, `\t\t- Shadow copy set: ${set}\t%VSS_SHADOW_SET%`, `\t\t- ${nameIs} ${device}`);
			output.push('\t\t- Provider ID: {b5946137-7b9f-4925-af80-51abd60b20d5}', '');
		}
		writeFileSync(log, output.join('\r\n'), 'utf16le');
		return done(output.join('\r\n'));
	}

	#create(drive: string, log: string, alias: string): CommandResult {
		if (!this.content.has(drive)) return done('{"value":3,"id":"","device":null}');
		if (this.returnValue !== 0) return done(JSON.stringify({ value: this.returnValue, id: null, device: null }));
		const { id, device } = this.#add(drive);
		appendFileSync(log, `${alias} ${id}\r\n`);
		return done(JSON.stringify({ value: 0, id, device }));
	}

	#add(drive: string): { id: string; device: string } {
		const id = guid(++this.#count);
		const device = `\\\\?\\GLOBALROOT\\Device\\HarddiskVolumeShadowCopy${this.#count}`;
		this.copies.set(id, { device, content: this.content.get(drive) ?? '' });
		return { id, device };
	}
}

const guid = (number: number): string => `{4c5f3a1e-0000-4000-8000-${String(number).padStart(12, '0')}}`;
