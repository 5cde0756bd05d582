import type { Command } from 'commander';
import { EngineError } from '../../base/index.ts';
import type { EncryptionKey, Relocking } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import { exitCode } from '../exit-code.ts';
import { formatCount, isoTime, printable } from '../format.ts';
import { findRepository } from '../lookup.ts';
import { handOver, readFirstLine, readPassword } from './encryption-options.ts';
import { withExample } from './group.ts';

/** What chains are encrypted with. */
export function addKeyCommands(group: Command, line: CommandLine): void {
	addList(group, line);
	addChangePassword(group, line);
	addRecovery(group, line);
	addRelock(group, line);
	addConfirm(group, line);
	addUnlock(group, line);
	addRemove(group, line);
}

const keyJson = ({ id, createdAt, recoveryKeyConfirmedAt, usedBy, chainCount }: EncryptionKey) => ({
	id,
	createdAt: isoTime(createdAt),
	recoveryKeyConfirmedAt: recoveryKeyConfirmedAt === null ? null : isoTime(recoveryKeyConfirmedAt),
	usedBy: usedBy.map(({ kind, name }) => ({ kind, name })),
	chainCount,
});

function addList(group: Command, line: CommandLine): void {
	const command = withExample(group.command('list').description('List the keys of this installation.'), 'key list');
	command.action(() =>
		line.run(command, async ({ client, output }) => {
			const keys = await (await client()).keys.list.query();
			output.result(
				() => ({ keys: keys.map(keyJson) }),
				() =>
					keys.length === 0
						? ['There is no key: nothing is encrypted. See "holdfast job add --help".']
						: keys.map(({ id, usedBy, chainCount, recoveryKeyConfirmedAt }) => {
								const users = usedBy.map(({ kind, name }) => `${kind} ${printable(name)}`).join(', ') || 'nothing';
								return `${id}  used by ${users}; ${formatCount(chainCount, 'chain')}; recovery key ${recoveryKeyConfirmedAt === null ? 'not confirmed' : 'confirmed'}`;
							}),
			);
			return undefined;
		}),
	);
}

const relockingJson = ({ chainCount, pending }: Relocking) => ({ chainCount, pending: pending.map(({ chainId, ...rest }) => ({ chain: chainId, ...rest })) });

function relockingLines({ chainCount, pending }: Relocking): string[] {
	const done = `${formatCount(chainCount - pending.length, 'chain')} changed.`;
	if (pending.length === 0) return [done];
	return [
		done,
		'Not yet changed, and still open to the secret before. Run "holdfast key relock" when they can be reached:',
		...pending.map(({ chainId, repository, message }) => `  ${chainId} in ${printable(repository)}: ${printable(message)}`),
	];
}
const relockingExit = ({ pending }: Relocking) => (pending.length === 0 ? exitCode.success : exitCode.warnings);

function addChangePassword(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('change-password')
			.description('Give a key another password. No data is written anew; the password before opens none of its chains any more.')
			.argument('<KEY>', 'id of the key')
			.option('--password-file <file>', 'file whose first line is the new password'),
		'key change-password 5e17f20c8b1d9a43 --password-file /root/new-password',
	);
	command.action((keyId: string, { passwordFile }: { passwordFile?: string }) =>
		line.run(command, async ({ client, output, surroundings }) => {
			const password = await readPassword(passwordFile, surroundings.workingFolder);
			const done = await (await client()).keys.changePassword.mutate({ keyId, password });
			output.result(
				() => ({ key: keyId, ...relockingJson(done) }),
				() => relockingLines(done),
			);
			return relockingExit(done);
		}),
	);
}

function addRecovery(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('new-recovery-key')
			.description('Make another recovery key. The one before opens none of its chains any more.')
			.argument('<KEY>', 'id of the key')
			.option('--recovery-key-file <file>', 'write it to this new file instead of showing it'),
		'key new-recovery-key 5e17f20c8b1d9a43',
	);
	command.action((keyId: string, { recoveryKeyFile }: { recoveryKeyFile?: string }) =>
		line.run(command, async ({ client, output, surroundings }) => {
			const { recoveryKey, ...done } = await (await client()).keys.newRecoveryKey.mutate({ keyId });
			const shown = await handOver(recoveryKey, recoveryKeyFile, { output, workingFolder: surroundings.workingFolder });
			output.result(
				() => ({ key: keyId, ...(shown !== null && { recoveryKey: shown }), ...relockingJson(done) }),
				() => relockingLines(done),
			);
			return relockingExit(done);
		}),
	);
}

function addRelock(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('relock')
			.description('Give the present password and recovery key to chains that a change before could not reach.')
			.argument('<KEY>', 'id of the key'),
		'key relock 5e17f20c8b1d9a43',
	);
	command.action((keyId: string) =>
		line.run(command, async ({ client, output }) => {
			const done = await (await client()).keys.relock.mutate({ keyId });
			output.result(
				() => ({ key: keyId, ...relockingJson(done) }),
				() => relockingLines(done),
			);
			return relockingExit(done);
		}),
	);
}

function addConfirm(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('confirm')
			.description('Show that the recovery key is stored: type it into a file and let it be tried.')
			.argument('<KEY>', 'id of the key')
			.option('--recovery-key-file <file>', 'file whose first line is the recovery key'),
		'key confirm 5e17f20c8b1d9a43 --recovery-key-file /media/stick/recovery-key',
	);
	command.action((keyId: string, { recoveryKeyFile }: { recoveryKeyFile?: string }) =>
		line.run(command, async ({ client, output, surroundings }) => {
			const recoveryKey = await readFirstLine('--recovery-key-file', recoveryKeyFile, surroundings.workingFolder);
			await (await client()).keys.confirmRecoveryKey.mutate({ keyId, recoveryKey });
			output.result(
				() => ({ key: keyId, confirmed: true }),
				() => ['It is the right one.'],
			);
			return undefined;
		}),
	);
}

type UnlockOptions = { readonly passwordFile?: string; readonly recoveryKeyFile?: string };

function addUnlock(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('unlock')
			.description('Open encrypted chains that another installation made, or this one before its data folder was lost.')
			.argument('<REPOSITORY>', 'name or id of the repository that holds them')
			.option('--password-file <file>', 'file whose first line is the password')
			.option('--recovery-key-file <file>', 'file whose first line is the recovery key'),
		'key unlock Main --password-file /root/password',
		'key unlock Main --recovery-key-file /media/stick/recovery-key',
	);
	command.action((name: string, { passwordFile, recoveryKeyFile }: UnlockOptions) =>
		line.run(command, async ({ client, output, surroundings }) => {
			if (passwordFile !== undefined && recoveryKeyFile !== undefined)
				throw new EngineError('usage.conflict', '--password-file and --recovery-key-file exclude each other.', { data: { field: '--recovery-key-file' } });
			const { workingFolder } = surroundings;
			const secret =
				recoveryKeyFile === undefined
					? { password: await readPassword(passwordFile, workingFolder) }
					: { recoveryKey: await readFirstLine('--recovery-key-file', recoveryKeyFile, workingFolder) };
			const engine = await client();
			const { id } = await findRepository(engine, name);
			const { keyIds, repository } = await engine.keys.unlock.mutate({ repositoryId: id, secret });
			output.result(
				() => ({ unlocked: { repository: repository.settings.name, keys: keyIds } }),
				() => [
					`Unlocked ${formatCount(keyIds.length, 'key')}: ${keyIds.join(', ')}. The repository has ${formatCount(repository.chainCount, 'chain')} that can be read.`,
				],
			);
			return undefined;
		}),
	);
}

function addRemove(group: Command, line: CommandLine): void {
	const command = withExample(
		group
			.command('remove')
			.description('Forget a key that no job and no repository uses. Its chains stay, and need to be unlocked again before they are read.')
			.argument('<KEY>', 'id of the key'),
		'key remove 5e17f20c8b1d9a43',
	);
	command.action((keyId: string) =>
		line.run(command, async ({ client, output }) => {
			await (await client()).keys.remove.mutate({ keyId });
			output.result(
				() => ({ removed: { key: keyId } }),
				() => [`Forgot the key ${keyId}.`],
			);
			return undefined;
		}),
	);
}
