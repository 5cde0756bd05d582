import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { EngineError, systemErrorCode } from '../../base/index.ts';
import { advisedPasswordLength } from '../../contract/index.ts';
import type { Client } from '../connection.ts';
import type { Output } from '../output.ts';

export type EncryptionOptions = {
	/** False when an edit switches it off. */
	readonly encrypt?: boolean;
	readonly passwordFile?: string;
	readonly recoveryKeyFile?: string;
	readonly key?: string;
};

export const addEncryptionOptions = (command: Command): Command =>
	command
		.option('--encrypt', 'encrypt with a new key that a password opens; needs --password-file')
		.option('--password-file <file>', 'file whose first line is the password')
		.option('--recovery-key-file <file>', 'write the recovery key to this new file instead of showing it')
		.option('--key <id>', 'encrypt with this key of "holdfast key list"');

type Chosen = { readonly changes: { readonly encryptionKeyId?: string | null }; readonly recoveryKey: string | null };
type Surroundings = { readonly engine: Client; readonly output: Output; readonly workingFolder: string };

/**
 * Saves settings with the encryption that the options ask for. A key that was made for settings that are then refused is not left behind.
 * @returns what was saved, and the recovery key if it is for the command to show
 */
export async function saveWithEncryption<Saved>(
	options: EncryptionOptions,
	surroundings: Surroundings,
	save: (changes: Chosen['changes']) => Promise<Saved>,
): Promise<{ readonly saved: Saved; readonly recoveryKey: string | null }> {
	const { changes, recoveryKey } = await chooseKey(options, surroundings);
	try {
		const saved = await save(changes);
		const shown = recoveryKey === null ? null : await handOver(recoveryKey, options.recoveryKeyFile, surroundings);
		return { saved, recoveryKey: shown };
	} catch (error) {
		if (recoveryKey !== null && changes.encryptionKeyId)
			await surroundings.engine.keys.remove.mutate({ keyId: changes.encryptionKeyId }).catch(() => undefined); // it opens nothing
		throw error;
	}
}

const conflict = (field: string, message: string, hint?: string): EngineError => new EngineError('usage.conflict', message, { hint, data: { field } });

async function chooseKey({ encrypt, passwordFile, recoveryKeyFile, key }: EncryptionOptions, { engine, output, workingFolder }: Surroundings): Promise<Chosen> {
	if (encrypt !== true) {
		for (const [flag, value] of [
			['--password-file', passwordFile],
			['--recovery-key-file', recoveryKeyFile],
		] as const)
			if (value !== undefined) throw conflict(flag, `${flag} belongs to --encrypt.`, 'To change the password of a key, see "holdfast key change-password".');
		if (encrypt === false && key !== undefined) throw conflict('--key', '--no-encrypt and --key exclude each other.');
		return { changes: encrypt === false ? { encryptionKeyId: null } : key === undefined ? {} : { encryptionKeyId: key }, recoveryKey: null };
	}
	if (key !== undefined) throw conflict('--key', '--encrypt makes a new key, and --key names one: they exclude each other.');
	const password = await readPassword(passwordFile, workingFolder);
	if (password.length < advisedPasswordLength)
		output.note(`The password is short. With ${advisedPasswordLength} characters or more, who gets hold of the backup files cannot guess it.`);
	const made = await engine.keys.create.mutate({ password });
	return { changes: { encryptionKeyId: made.keyId }, recoveryKey: made.recoveryKey };
}

/** @returns the recovery key if it was not written to a file */
export async function handOver(
	recoveryKey: string,
	file: string | undefined,
	{ output, workingFolder }: Pick<Surroundings, 'output' | 'workingFolder'>,
): Promise<string | null> {
	if (file !== undefined) {
		const path = resolve(workingFolder, file);
		try {
			await writeFile(path, `${recoveryKey}\n`, { flag: 'wx', mode: 0o600 });
			output.note(`The recovery key is in ${path}. Move it off this machine.`);
			return null;
		} catch (error) {
			output.note(`The recovery key could not be written to ${path} (${systemErrorCode(error) ?? 'unknown'}), so it is shown here.`);
		}
	}
	output.note(`Recovery key: ${recoveryKey}`);
	output.note('Write it down and keep it off this machine: without it and without the password nobody can open these backups. It is not shown again.');
	return recoveryKey;
}

export const readPassword = (file: string | undefined, workingFolder: string): Promise<string> => readFirstLine('--password-file', file, workingFolder);

/** The first line of a file, so that secrets do not stand on a command line for all to see. */
export async function readFirstLine(flag: string, file: string | undefined, workingFolder: string): Promise<string> {
	if (file === undefined)
		throw new EngineError('usage.invalid', `${flag} is needed.`, { hint: 'Name a file whose first line is the password.', data: { field: flag } });
	const path = resolve(workingFolder, file);
	let text: string;
	try {
		text = await readFile(path, 'utf8');
	} catch (cause) {
		throw new EngineError('usage.invalid', `${flag}: ${path} cannot be read (${systemErrorCode(cause) ?? 'unknown'}).`, { data: { field: flag }, cause });
	}
	const [line = ''] = text.split(/\r?\n/, 1);
	if (line === '') throw new EngineError('usage.invalid', `${flag}: the first line of ${path} is empty.`, { data: { field: flag } });
	return line;
}
