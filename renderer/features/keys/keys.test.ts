import assert from 'node:assert/strict';
import { test } from 'node:test';
import { advisedPasswordLength } from '../../../engine/contract/index.ts';
import { choiceErrors, choiceOf, chosenKeyId, passwordAdvice } from './encryption-choice.ts';
import { provesRecoveryKey, recoverySheet } from './recovery-key.ts';

const key = '4GK0ZT-9QXW2M-7HRB5C-E1JN8V-PA3DYS-06KFT2';

test('the last group of a recovery key proves it, as does all of it, however it is written; another group does not', () => {
	for (const typed of ['06KFT2', ' o6kft2 ', key, key.toLowerCase().replaceAll('-', ' '), key.replaceAll('1', 'l')])
		assert.ok(provesRecoveryKey(typed, key), typed);
	for (const typed of ['', '4GK0ZT', '06KFT', '06KFT3', `${key}0`]) assert.ok(!provesRecoveryKey(typed, key), typed);
});

test('what is printed says whose key it is and how to use it', () => {
	const sheet = recoverySheet(key, { keyId: '5e17', of: 'the job “Letters”', at: new Date(0) });
	for (const part of [key, '5e17', 'Letters', '1970-01-01', 'holdfast key unlock']) assert.ok(sheet.includes(part), part);
});

test('only what is wrong with the chosen kind of encryption counts, and what was typed for another stays', () => {
	const typed = { ...choiceOf(null), password: 'seven herons', repeated: 'seven' };
	assert.deepEqual(choiceErrors(typed), {});
	assert.deepEqual(Object.keys(choiceErrors({ ...typed, mode: 'new' })), ['encryptionKeyId.repeated']);
	assert.deepEqual(Object.keys(choiceErrors({ ...choiceOf(null), mode: 'new' })), ['encryptionKeyId.password']);
	assert.deepEqual(Object.keys(choiceErrors({ ...typed, mode: 'existing' })), ['encryptionKeyId.key']);
	assert.equal(chosenKeyId({ ...choiceOf('5e17'), mode: 'new' }), null);
	assert.equal(chosenKeyId(choiceOf('5e17')), '5e17');
});

test('a password is called good from the advised length on, unless it repeats itself', () => {
	assert.equal(passwordAdvice(''), null);
	assert.equal(passwordAdvice('abcdefghijkl'.slice(0, advisedPasswordLength - 1))?.isGood, false);
	assert.equal(passwordAdvice('abcdefghijklmnop'.slice(0, advisedPasswordLength))?.isGood, true);
	assert.equal(passwordAdvice('aaaaaaaaaaaaaaaaaaaa')?.isGood, false);
});
