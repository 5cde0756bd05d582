import type { Command } from 'commander';
import type { JobSettingsInput } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import { printable } from '../format.ts';
import { jobJson } from '../json.ts';
import { saveWithEncryption } from './encryption-options.ts';
import { withExample } from './group.ts';
import { addJobOptions, type JobOptions, jobChanges } from './job-options.ts';
import { jobLines } from './job-show.ts';

export function addJobAdd(group: Command, line: CommandLine): void {
	const command = addJobOptions(
		withExample(
			group
				.command('add')
				.description('Create a job: what to protect, where to, how and when.')
				.argument('<NAME>', 'name of the job')
				.requiredOption(
					'--source <spec...>',
					'what to protect: folder:/path, disk:/path (raw image, qcow2 or device) or disk:nbd://host/export; may be given several times',
				)
				.requiredOption('--repository <name>', 'where its backup files go')
				.option('--disabled', 'create it without letting its schedule run'),
			'job add Web --source folder:/etc folder:/srv/www --repository Main --schedule "0 22 * * *" --retain 30',
			'job add Shop --source folder:/srv/shop --on Web1 --repository Main',
			"job add Lab --source 'vm:Lab/*' --repository Main --mode off-host --proxy Worker",
			'job add Mail --source folder:/var/vmail --repository Main --method reverse --retain-days 30',
			'job add Files --source folder:/srv --repository Main --synthetic-full "0 20 * * sat" --gfs weekly:4,monthly:12',
			'job add Private --source folder:/srv/private --repository Main --encrypt --password-file /root/password',
			"job add Database --source disk:/vm/db.qcow2 --repository Main --exclude '*.tmp' --compression fast",
		),
	);
	command.action((name: string, options: JobOptions & { disabled?: boolean }) =>
		line.run(command, async ({ client, output, surroundings }) => {
			const engine = await client();
			const changes = await jobChanges(engine, { ...options, name }, { workingFolder: surroundings.workingFolder });
			// Both are required options; the contract has the last word on everything.
			const settings: JobSettingsInput = { name, sources: [], repositoryId: '', ...changes, enabled: !options.disabled };
			const { workingFolder } = surroundings;
			const { saved: job, recoveryKey } = await saveWithEncryption(options, { engine, output, workingFolder }, (encryption) =>
				engine.jobs.create.mutate({ ...settings, ...encryption }),
			);
			const { warnings } = await engine.jobs.check.query({ id: job.id, ...job.settings });
			for (const warning of Object.values(warnings)) output.note(`${output.paint('yellow', 'Warning:')} ${printable(warning)}`);
			output.result(
				() => ({ job: jobJson(job), ...(recoveryKey !== null && { recoveryKey }) }),
				() => jobLines(job, surroundings.clock.now()),
			);
			return undefined;
		}),
	);
}
