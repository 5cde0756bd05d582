import { advisedPasswordLength, type EncryptionKey } from '../../../engine/contract/index.ts';

/** What somebody chose for a job or a repository. The fields of other modes keep what was typed, so that looking at another costs nothing. */
export type EncryptionChoice = {
	/** `none`: no key of its own; `new`: one that is made when the settings are saved. */
	readonly mode: 'none' | 'new' | 'existing';
	readonly password: string;
	readonly repeated: string;
	readonly keyId: string | null;
};

/** Stands for a key that is not there yet, where two versions of settings are compared. */
export const aNewKey = 'a new key';

export const choiceOf = (keyId: string | null): EncryptionChoice => ({ mode: keyId === null ? 'none' : 'existing', password: '', repeated: '', keyId });

/** What stands in the settings as long as nothing is saved. */
export const chosenKeyId = ({ mode, keyId }: EncryptionChoice): string | null => (mode === 'existing' ? keyId : null);

/** By field, below the field of the settings, so that they are shown where that one is asked for. */
export function choiceErrors({ mode, password, repeated, keyId }: EncryptionChoice): Record<string, string> {
	if (mode === 'existing') return keyId === null ? { 'encryptionKeyId.key': 'Choose a key.' } : {};
	if (mode === 'none') return {};
	return passwordErrors(password, repeated, 'encryptionKeyId.');
}

export function passwordErrors(password: string, repeated: string, prefix = ''): Record<string, string> {
	if (password === '') return { [`${prefix}password`]: 'A password is needed.' };
	return password === repeated ? {} : { [`${prefix}repeated`]: repeated === '' ? 'Type it a second time.' : 'This is not the same.' };
}

/** What to think of a password; null while there is none. Length is what counts against somebody who can try as often as he likes. */
export function passwordAdvice(password: string): { readonly isGood: boolean; readonly text: string } | null {
	const length = [...password].length;
	if (length === 0) return null;
	if (new Set(password).size < Math.min(5, length)) return { isGood: false, text: 'The same few characters again and again are guessed quickly.' };
	const missing = advisedPasswordLength - length;
	if (missing <= 0) return { isGood: true, text: 'Long enough. Several words that do not belong together are best.' };
	return {
		isGood: false,
		text: `${missing} more ${missing === 1 ? 'character' : 'characters'} advised: who gets hold of the backup files can try as many passwords as he likes.`,
	};
}

export const shortId = (keyId: string): string => keyId.slice(0, 8);

export const usersText = ({ usedBy }: EncryptionKey): string => usedBy.map(({ kind, name }) => `the ${kind} “${name}”`).join(', ');
export const keyTitle = (key: EncryptionKey): string => (key.usedBy.length === 0 ? `Key ${shortId(key.id)}, not used` : `Key of ${usersText(key)}`);

/** A choice in a few words. `inherited`: the key of the job's repository. */
export function encryptionText(choice: EncryptionChoice, inherited: string | null | undefined): string {
	if (choice.mode === 'new') return 'Encrypted with a new password of its own';
	if (choice.mode === 'existing') return choice.keyId === null ? 'No key is chosen' : `Encrypted with the key ${shortId(choice.keyId)}`;
	return inherited == null ? 'Not encrypted' : 'Encrypted with the key of the repository';
}
