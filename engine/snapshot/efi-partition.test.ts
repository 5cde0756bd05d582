import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CommandResult } from './command.ts';
import { isEfiPartition } from './efi-partition.ts';

const { signal } = new AbortController();

test('VAL-25: an EFI system partition is known by its type, and only asked about where it could be one', async () => {
	const asked: string[] = [];
	const ask = (fileSystem: string, answer: CommandResult | Error): Promise<boolean> =>
		isEfiPartition(
			{ device: '/dev/sda1', fileSystem },
			{
				signal,
				async run(program, args) {
					asked.push([program, ...args].join(' '));
					if (answer instanceof Error) throw answer;
					return answer;
				},
			},
		);
	const said = (stdout: string, code = 0): CommandResult => ({ code, stdout, stderr: '' });
	assert.equal(await ask('vfat', said('c12a7328-f81f-11d2-ba4b-00a0c93ec93b\n')), true);
	assert.equal(await ask('vfat', said('0xef\n')), true);
	assert.deepEqual(asked, Array(2).fill('lsblk --noheadings --nodeps --output PARTTYPE /dev/sda1'));
	assert.equal(await ask('vfat', said('ebd0a0a2-b9e5-4433-87c0-68b6b72699c7\n')), false);
	assert.equal(await ask('vfat', said('', 32)), false);
	assert.equal(await ask('vfat', new Error('no lsblk')), false);
	assert.equal(await ask('ext4', said('0xef')), false);
	assert.equal(asked.length, 5);
});
