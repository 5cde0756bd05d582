/** The commands, joined to one program, and the answer to what cannot be parsed. */
import { Command, CommanderError } from 'commander';
import { CommandLine, type Surroundings } from './command-line.ts';
import { addChainCheck } from './commands/chain-check.ts';
import { addChainCompact } from './commands/chain-compact.ts';
import { addChainList } from './commands/chain-list.ts';
import { addChainRemove } from './commands/chain-remove.ts';
import { addChainRepair } from './commands/chain-repair.ts';
import { addDeviceCommands } from './commands/device.ts';
import { addHostCommands } from './commands/host.ts';
import { addJobAdd } from './commands/job-add.ts';
import { addJobCancel } from './commands/job-cancel.ts';
import { addJobEdit } from './commands/job-edit.ts';
import { addJobSwitch } from './commands/job-enable.ts';
import { addJobList } from './commands/job-list.ts';
import { addJobMap } from './commands/job-map.ts';
import { addJobRemove } from './commands/job-remove.ts';
import { addJobRun } from './commands/job-run.ts';
import { addJobShow } from './commands/job-show.ts';
import { addKeyCommands } from './commands/key.ts';
import { addMachineCommands } from './commands/machine.ts';
import { addMoverStart } from './commands/mover-start.ts';
import { addPointBrowse } from './commands/point-browse.ts';
import { addPointList } from './commands/point-list.ts';
import { addPointShow } from './commands/point-show.ts';
import { addPointVerify } from './commands/point-verify.ts';
import { addQuickstart } from './commands/quickstart.ts';
import { addRepositoryAdd } from './commands/repository-add.ts';
import { addRepositoryCheck } from './commands/repository-check.ts';
import { addRepositoryEdit } from './commands/repository-edit.ts';
import { addRepositoryImport } from './commands/repository-import.ts';
import { addRepositoryList } from './commands/repository-list.ts';
import { addRepositoryPrepare } from './commands/repository-prepare.ts';
import { addRepositoryRemove } from './commands/repository-remove.ts';
import { addRepositoryShow } from './commands/repository-show.ts';
import { addRestoreDisk } from './commands/restore-disk.ts';
import { addRestoreFiles } from './commands/restore-files.ts';
import { addRestoreVm } from './commands/restore-vm.ts';
import { addServerSettings } from './commands/server-settings.ts';
import { addServerStart } from './commands/server-start.ts';
import { addSessionFollow } from './commands/session-follow.ts';
import { addSessionList } from './commands/session-list.ts';
import { addSessionShow } from './commands/session-show.ts';
import { addThrottleCommands } from './commands/throttle.ts';
import { addVolumeCommands } from './commands/volume.ts';
import { type ExitCode, exitCode } from './exit-code.ts';
import { Output } from './output.ts';
import { problemOf } from './problem.ts';

/** Runs one command (`args` without program and script) and resolves with the exit code. Never rejects. */
export async function runCommandLine(args: readonly string[], surroundings: Surroundings, version: string): Promise<ExitCode> {
	const line = new CommandLine(surroundings);
	const program = createProgram(line, version);
	try {
		await program.parseAsync(args, { from: 'user' });
		return line.exitCode;
	} catch (error) {
		if (error instanceof CommanderError && error.exitCode === 0) return exitCode.success; // help or version was asked for
		const end = args.indexOf('--');
		const isJson = args.slice(0, end === -1 ? undefined : end).includes('--json');
		new Output(surroundings, isJson).failure(problemOf(error));
		return exitCode.usage;
	}
}

function createProgram(line: CommandLine, version: string): Command {
	const { stdout, stderr } = line.surroundings;
	const program = new Command('holdfast')
		.description('Protects folders and disks, and gives them back.')
		.version(version, '--version', 'print the version')
		.option('--data <dir>', 'data folder (default: HOLDFAST_DATA, else that of this user); a server that runs on it is used')
		.option('--server <url>', 'use the server at this address instead')
		.option('--token-file <file>', 'file with the token of --server (default: "token" in the data folder)')
		.option('--json', 'print exactly one JSON document on standard output')
		.helpCommand(true)
		.showHelpAfterError(false)
		.showSuggestionAfterError(true)
		.configureHelp({ showGlobalOptions: true, sortSubcommands: false })
		// Problems are printed once, in one form, by runCommandLine.
		.configureOutput({ writeOut: (text) => void stdout.write(text), writeErr: (text) => void stderr.write(text), outputError: () => undefined })
		.exitOverride();

	const group = (name: string, description: string): Command => program.command(name).description(description);

	const server = group('server', 'Backup server: API and browser console.');
	addServerStart(server, line);
	addServerSettings(server, line);

	const repository = group('repository', 'Places for backup files.');
	for (const add of [
		addRepositoryAdd,
		addRepositoryList,
		addRepositoryShow,
		addRepositoryEdit,
		addRepositoryRemove,
		addRepositoryCheck,
		addRepositoryPrepare,
		addRepositoryImport,
	])
		add(repository, line);

	const job = group('job', 'What is protected, where to, how and when.');
	for (const add of [addJobAdd, addJobList, addJobShow, addJobEdit, addJobRemove]) add(job, line);
	addJobSwitch(job, line, true);
	addJobSwitch(job, line, false);
	addJobRun(job, line);
	addJobCancel(job, line);
	addJobMap(job, line);

	const session = group('session', 'What runs and what ran.');
	for (const add of [addSessionList, addSessionShow, addSessionFollow]) add(session, line);

	const point = group('point', 'Restore points: what can be given back.');
	for (const add of [addPointList, addPointShow, addPointBrowse, addPointVerify]) add(point, line);

	const restore = group('restore', 'Give back files, disks and virtual machines.');
	addRestoreFiles(restore, line);
	addRestoreDisk(restore, line);
	addRestoreVm(restore, line);

	addKeyCommands(group('key', 'Encryption: passwords, recovery keys, and what they open.'), line);

	addThrottleCommands(group('throttle', 'Throttling rules: how much of the network is taken, where and when.'), line);

	const chain = group('chain', 'Chains of backup files.');
	addChainList(chain, line);
	addChainCheck(chain, line);
	addChainRepair(chain, line);
	addChainCompact(chain, line);
	addChainRemove(chain, line);

	addDeviceCommands(group('device', 'Raw images and block devices that are written through Holdfast.'), line);
	addHostCommands(group('host', 'Hypervisor hosts and their virtual machines.'), line);
	addMachineCommands(group('machine', 'Machines that are managed from here.'), line);
	addMoverStart(group('mover', 'The data mover of a managed machine.'), line);

	addQuickstart(program, line);
	addVolumeCommands(group('volume', 'Volumes of this machine, and who makes snapshots of them.'), line);
	return program;
}
