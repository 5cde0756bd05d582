import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newestPlace, objectKey, parsePlace, pointPlace } from './restore-places.ts';

const parsed = (place: string): ReturnType<typeof parsePlace> => {
	const [path = '', search = ''] = place.split('?');
	return parsePlace(path, new URLSearchParams(search));
};

test('every restore page can be linked to, also in a folder whose name is not UTF-8', () => {
	assert.deepEqual(parsed('/restore'), { page: 'objects' });
	assert.deepEqual(parsed(pointPlace('p1')), { page: 'point', point: 'p1', path: '/' });
	for (const path of ['/a b/ü?&#%', '/caf\udce9', '/~x']) assert.deepEqual(parsed(pointPlace('p/1', path)), { page: 'point', point: 'p/1', path });
	assert.deepEqual(parsed(newestPlace('folder:/srv/\udcff', 'j1')), { page: 'newest', object: 'folder:/srv/\udcff', jobId: 'j1' });
});

test('the same folder in two jobs is two objects, also of two jobs of one name that are not here', () => {
	const point = { originJobId: 'a', object: 'folder:/srv' };
	assert.notEqual(objectKey(point), objectKey({ ...point, originJobId: 'b' }));
	assert.equal(objectKey({ ...point }), objectKey({ ...point }));
});
