import assert from 'node:assert/strict';
import { test } from 'node:test';
import { baseName, breadcrumbs, displayPath, escapePath, joinPath, modeText, parentPath, unescapePath } from './path-text.ts';

test('every name survives the way through an address, also one that is not UTF-8', () => {
	for (const path of ['/plain', '/with space/ü/漢字/😀', '/a~b~7e', '/caf\udce9', '/\udc80\udcff~', '/%41?&#']) {
		assert.equal(unescapePath(decodeURIComponent(encodeURIComponent(escapePath(path)))), path);
	}
});

test('a byte that cannot be decoded is shown as a replacement character', () => {
	assert.equal(displayPath('caf\udce9'), 'caf\ufffd');
});

test('joining, parent and name agree with each other, at the root too', () => {
	assert.equal(joinPath('/', 'etc'), '/etc');
	assert.equal(joinPath('/etc', 'hosts'), '/etc/hosts');
	assert.equal(parentPath('/etc/hosts'), '/etc');
	assert.equal(parentPath('/etc'), '/');
	assert.equal(parentPath('/'), '/');
	assert.equal(baseName('/etc/hosts'), 'hosts');
	assert.equal(baseName('/'), '/');
});

test('breadcrumbs lead from the root to the folder', () => {
	assert.deepEqual(breadcrumbs('/'), [{ name: '/', path: '/' }]);
	assert.deepEqual(
		breadcrumbs('/srv/www').map((step) => step.path),
		['/', '/srv', '/srv/www'],
	);
});

test('modes read as ls shows them, set-id and sticky bits included', () => {
	assert.equal(modeText(0o100644), 'rw-r--r--');
	assert.equal(modeText(0o40755), 'rwxr-xr-x');
	assert.equal(modeText(0o4755), 'rwsr-xr-x');
	assert.equal(modeText(0o2644), 'rw-r-Sr--');
	assert.equal(modeText(0o1777), 'rwxrwxrwt');
});
