import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ActivityFilter, filterFromQuery, isFiltered, queryFromFilter, requestFor } from './activity-filter.ts';

const none: ActivityFilter = { search: '', kinds: [], states: [], jobId: null, fromDay: null, toDay: null };

test('a filter survives the way through the address', () => {
	const filter: ActivityFilter = { search: 'a&b=c', kinds: ['backup', 'check'], states: ['failed'], jobId: 'j1', fromDay: '2026-11-01', toDay: '2026-11-21' };
	assert.deepEqual(filterFromQuery(new URLSearchParams(queryFromFilter(filter).toString())), filter);
	assert.deepEqual(filterFromQuery(new URLSearchParams()), none);
});

test('an address that somebody has edited by hand leaves out what is not understood', () => {
	assert.deepEqual(filterFromQuery(new URLSearchParams('kind=backup,nonsense&state=&from=yesterday&to=2026-99-99')), { ...none, kinds: ['backup'] });
});

test('days are local and both ends count', () => {
	const request = requestFor({ ...none, fromDay: '2026-11-20', toDay: '2026-11-20' });
	assert.equal(request.startedFrom, new Date(2026, 10, 20).getTime());
	assert.equal(request.startedTo, new Date(2026, 10, 21).getTime() - 1);
});

test('an empty filter asks for everything', () => {
	assert.deepEqual(requestFor(none), {});
	assert.equal(isFiltered(none), false);
	assert.equal(isFiltered({ ...none, search: 'x' }), true);
});
