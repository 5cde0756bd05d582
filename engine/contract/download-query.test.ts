import assert from 'node:assert/strict';
import { test } from 'node:test';
import { downloadQuery } from './download-query.ts';

test('names go as their bytes, also those that are no text', () => {
	assert.equal(downloadQuery({ point: 'a&b', paths: ['/ü 1', '/caf\udce9/\udc80'] }), 'point=a%26b&path=%2F%C3%BC%201&path=%2Fcaf%E9%2F%80');
});
