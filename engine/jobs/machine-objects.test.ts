import assert from 'node:assert/strict';
import { test } from 'node:test';
import { covers, knownObjects } from './machine-objects.ts';

test('a pattern means the machines of its host that fit, and no other kind of object', () => {
	const all = { kind: 'vm', path: 'Lab/web-*' } as const;
	for (const object of ['vm:Lab/web-1', 'vm:Lab/web-*']) assert.ok(covers(all, object), object);
	for (const object of ['vm:Lab/db', 'vm:Rack/web-1', 'folder:Lab/web-1']) assert.ok(!covers(all, object), object);
	assert.ok(covers({ kind: 'vm', path: 'Lab/#production' }, 'vm:Lab/db'));
	assert.ok(!covers({ kind: 'folder', path: '/a*' }, 'folder:/ab'));
	assert.deepEqual(knownObjects(all, ['vm:Lab/web-1', 'vm:Lab/db', 'vm:Lab/web-1']), [{ kind: 'vm', path: 'Lab/web-1' }]);
	assert.deepEqual(knownObjects(all, ['vm:Lab/db']), [all]);
});
