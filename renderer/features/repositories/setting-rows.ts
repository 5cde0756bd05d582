import type { RepositorySettings } from '../../../engine/contract/index.ts';
import { formatLimit, type SettingRow } from '../../ui/index.ts';
import { aNewKey } from '../keys/index.ts';

const rate = (value: number | null): string => (value === null ? 'none' : formatLimit(value));
/** What a person compares when somebody saved first. */
export const settingRows: readonly SettingRow<RepositorySettings>[] = [
	{ label: 'Name', text: ({ name }) => name },
	{ label: 'Machine', text: ({ machineId }) => machineId ?? 'the server' },
	{ label: 'Folder', text: ({ path }) => path },
	{ label: 'Gateway', text: ({ gateway }) => (gateway === 'auto' ? 'automatic, for each run' : 'the machine') },
	{ label: 'Mount server', text: ({ mountServerId }) => mountServerId ?? 'automatic' },
	{ label: 'Chains', text: ({ singleFile }) => (singleFile ? 'one per job' : 'one per object') },
	{ label: 'Tasks at once', text: ({ maxTasks }) => String(maxTasks) },
	{ label: 'Read limit', text: ({ readLimit }) => rate(readLimit) },
	{ label: 'Write limit', text: ({ writeLimit }) => rate(writeLimit) },
	{
		label: 'Checks',
		text: ({ checkSchedule, checkDays }) => (checkSchedule === null ? 'by hand only' : `${checkSchedule.cron}, all within ${checkDays} days`),
	},
	{
		label: 'Encryption',
		text: ({ encryptionKeyId }) => (encryptionKeyId === null ? 'none' : encryptionKeyId === aNewKey ? 'a new password' : `with the key ${encryptionKeyId}`),
	},
];
