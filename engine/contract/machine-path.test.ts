import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLike, isMachinePattern, isMeant, parseMachinePath } from './machine-path.ts';

test('machines are meant by name, by pattern or by tag, of their host only', () => {
	assert.deepEqual(parseMachinePath('rack 1/lab/web'), { host: 'rack 1/lab', name: 'web' });
	const web = { name: 'web-1', tags: ['production'] };
	for (const path of ['Lab/web-1', 'Lab/*', 'Lab/web-?', 'Lab/#production']) assert.ok(isMeant(path, 'Lab', web), path);
	for (const path of ['Lab/web', 'Lab/web-1?', 'Other/*', 'Lab/#test', 'Lab/#prod*', 'Lab/WEB-1']) assert.ok(!isMeant(path, 'Lab', web), path);
	assert.deepEqual(['Lab/web', 'Lab/w*', 'Lab/?', 'Lab/#a', 'La*b/web', 'Lab/C#'].map(isMachinePattern), [false, true, true, true, false, false]);
});

test('a pattern never takes long', () => {
	assert.ok(isLike('**a*b', 'xxabab'));
	assert.ok(!isLike('*a'.repeat(200), 'a'.repeat(2000).concat('b')));
	assert.ok(isLike('*', '') && isLike('', '') && !isLike('?', '') && isLike('ü?', 'ü😀'));
});
