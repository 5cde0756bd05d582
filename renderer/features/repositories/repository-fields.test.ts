import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorShape } from '../../../engine/contract/index.ts';
import { fieldOf } from './repository-fields.ts';

const error = (code: ErrorShape['code'], field?: string): ErrorShape => ({ code, message: '', ...(field === undefined ? {} : { data: { field } }) });

test('an error stands beside the field that it names, also inside the settings', () => {
	assert.equal(fieldOf(error('usage.invalid', 'name')), 'name');
	assert.equal(fieldOf(error('usage.invalid', 'settings.readLimit')), 'readLimit');
	assert.equal(fieldOf(error('usage.conflict', 'path')), 'path');
});

test('a code that can only mean one field needs no name', () => {
	assert.equal(fieldOf(error('exists.name')), 'name');
	assert.equal(fieldOf(error('repository.not-writable')), 'path');
	assert.equal(fieldOf(error('not-found.path')), 'path');
});

test('everything else is about the dialog as a whole', () => {
	assert.equal(fieldOf(error('stale.revision')), null);
	assert.equal(fieldOf(error('connection.lost', 'nonsense')), null);
});
