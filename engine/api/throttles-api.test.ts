import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EngineEvent, type ThrottleSettingsInput, throttleSettings } from '../contract/index.ts';
import { localTraffic } from '../mover/index.ts';
import { addRepository, openApiSite } from './testing/api-site.ts';

const rule = (more: Partial<ThrottleSettingsInput> = {}) =>
	throttleSettings.parse({ name: 'Office hours', from: '127.0.0.0/8', to: '127.0.0.1', bytesPerSec: 2_000_000, ...more });
const rateOf = ({ share }: { readonly share: SharedArrayBuffer }): number => Number(new BigInt64Array(share)[0]);

test('NET-01, NET-05: rules are kept with their times, shown with what they do now, and announced when they change', async (t) => {
	const site = await openApiSite(t);
	const { api, bus } = site;
	const events: EngineEvent[] = [];
	t.after(bus.listen((event) => events.push(event)));
	const added = await api.throttles.add(rule({ windows: [{ days: ['mon', 'tue'], fromMinute: 480, toMinute: 1080 }] }), {});
	assert.deepEqual(await api.throttles.list({}), [added]);
	assert.deepEqual(added.settings.windows, [{ days: ['mon', 'tue'], fromMinute: 480, toMinute: 1080 }]);
	const always = await api.throttles.update({ id: added.id, revision: added.revision, settings: rule() }, {});
	assert.deepEqual([always.isActive, always.transferCount], [true, 0]);
	const off = await api.throttles.update({ id: added.id, revision: always.revision, settings: rule({ enabled: false }) }, {});
	assert.equal(off.isActive, false);
	await api.throttles.remove({ id: off.id, revision: off.revision }, {});
	assert.deepEqual(await api.throttles.list({}), []);
	assert.equal(events.filter(({ kind, id }) => kind === 'throttle' && id === added.id).length, 4);
});

test('NET-06, RATE-01: a rule or limit that is added, changed or removed holds for what is under way', async (t) => {
	const site = await openApiSite(t);
	const { api, bandwidth } = site;
	const repository = await addRepository(site, { writeLimit: 8_000_000 });
	using running = bandwidth.join(localTraffic('write', repository.settings.path));
	assert.equal(rateOf(running), 8_000_000);
	const added = await api.throttles.add(rule(), {});
	assert.equal(rateOf(running), 2_000_000);
	assert.deepEqual(
		(await api.throttles.list({})).map(({ isActive, transferCount }) => ({ isActive, transferCount })),
		[{ isActive: true, transferCount: 1 }],
	);
	const changed = await api.throttles.update({ id: added.id, revision: added.revision, settings: rule({ bytesPerSec: 1_500_000 }) }, {});
	assert.equal(rateOf(running), 1_500_000);
	await api.throttles.remove({ id: changed.id, revision: changed.revision }, {});
	assert.equal(rateOf(running), 8_000_000);
	const { id, revision, settings } = await api.repositories.get({ id: repository.id }, {});
	await api.repositories.update({ id, revision, settings: { ...settings, writeLimit: null } }, {});
	assert.equal(rateOf(running), 0);
});

test('a rule is not saved over a newer one, under a name that is taken, or after it is gone', async (t) => {
	const { api } = await openApiSite(t);
	const added = await api.throttles.add(rule(), {});
	const newer = await api.throttles.update({ id: added.id, revision: added.revision, settings: rule({ bytesPerSec: 5_000_000 }) }, {});
	await assert.rejects(api.throttles.update({ id: added.id, revision: added.revision, settings: rule() }, {}), (error: { code?: string; data?: unknown }) => {
		assert.equal(error.code, 'stale.revision');
		assert.deepEqual(error.data, { current: newer });
		return true;
	});
	await assert.rejects(api.throttles.add(rule({ name: 'OFFICE hours' }), {}), { code: 'exists.name' });
	await api.throttles.remove({ id: newer.id, revision: newer.revision }, {});
	await assert.rejects(api.throttles.remove({ id: newer.id, revision: newer.revision }, {}), { code: 'not-found.throttle' });
});
