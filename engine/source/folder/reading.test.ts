import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBelow } from './reading.ts';
import { joinPath } from './scan.ts';

const below = (path: string, folder: string, system: NodeJS.Platform): boolean => isBelow(Buffer.from(path), Buffer.from(folder), system);

test('a backslash parts folders on Windows, and is a letter elsewhere', () => {
	assert.ok(below('C:\\Users\\me', 'C:\\', 'win32'));
	assert.ok(below('C:\\', 'C:\\', 'win32'));
	assert.ok(below('C:\\Users/me', 'C:\\Users', 'win32'));
	assert.ok(!below('C:\\Users', 'D:\\', 'win32'));
	assert.ok(below('/data', '/', 'linux'));
	assert.ok(!below('/data\\more', '/data', 'linux'));
	const shadow = '\\\\?\\GLOBALROOT\\Device\\HarddiskVolumeShadowCopy1';
	assert.equal(joinPath(Buffer.from(`${shadow}\\`), Buffer.from('a')).toString(), `${shadow}\\a`);
	assert.equal(joinPath(Buffer.from(`${shadow}\\a`), Buffer.from('b')).toString(), `${shadow}\\a\\b`);
});
