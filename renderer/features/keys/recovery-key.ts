/** As the engine reads it: without spaces, hyphens and case, and letters that look like digits are digits. */
const plain = (text: string): string => text.toUpperCase().replace(/[\s-]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1');

export const groupsOf = (recoveryKey: string): string[] => recoveryKey.split('-');

/** Whether what somebody typed shows that he has the key: its last group, or all of it. */
export function provesRecoveryKey(typed: string, recoveryKey: string): boolean {
	const given = plain(typed);
	return given === plain(recoveryKey) || given === plain(groupsOf(recoveryKey).at(-1) ?? recoveryKey);
}

/** What is printed or saved: whoever finds it in ten years must see what it is for. */
export const recoverySheet = (recoveryKey: string, { keyId, of, at }: { readonly keyId: string; readonly of: string; readonly at: Date }): string =>
	[
		`Holdfast recovery key of ${of}`,
		'',
		recoveryKey,
		'',
		`Made ${at.toISOString().slice(0, 10)}, key ${keyId}.`,
		'It opens the encrypted backups if the password is forgotten. In the console: Repositories, the repository, Unlock.',
		'On the command line: holdfast key unlock REPOSITORY --recovery-key-file FILE',
		'Keep it away from the machine and from the backups, where only you find it.',
		'',
	].join('\n');
