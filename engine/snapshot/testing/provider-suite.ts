/** For tests only: what every provider promises (provider.ts), on real file systems or on a simulated machine. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { EngineError } from '../../base/index.ts';
import type { Lease, Snapshot, SnapshotProvider } from '../provider.ts';
import type { Volume } from '../volume.ts';

export type ProviderSite = {
	/** A new instance each time, as another process would have it. */
	readonly open: () => SnapshotProvider;
	readonly volumes: readonly [Volume, Volume];
	/** Of no kind that the provider knows. */
	readonly foreign: Volume;
	readonly write: (volume: Volume, content: string) => void | Promise<void>;
	readonly read: (snapshot: Snapshot) => string | Promise<string>;
	/** Names of what the provider has left. */
	readonly remains: () => readonly string[];
};

/** @param openSite null after the test was skipped */
export function testProvider(name: string, openSite: (t: TestContext) => ProviderSite | null | Promise<ProviderSite | null>): void {
	const { signal } = new AbortController();
	const options = { signal, outcome: 'complete' } as const;
	const lease = (volume: Volume, id: string): Lease => ({ id, sessionId: 's', provider: name, volume, takenAt: 0, details: null });
	const request = (own: Lease) => ({ lease: own, paths: [own.volume.mountPoint ?? own.volume.id] });

	test(`${name}: snapshots show their instant, in the order of the requests, until another process releases them by their leases alone`, async (t) => {
		const site = await openSite(t);
		if (site === null) return;
		const leases = site.volumes.map((volume, i) => lease(volume, `lease${i}`));
		for (const volume of site.volumes) {
			assert.deepEqual(await site.open().canProtect(volume, { signal }), { can: true });
			await site.write(volume, `before ${volume.id}`);
		}
		const before = Date.now();
		const snapshots = await site.open().create(leases.map(request), { signal });
		for (const volume of site.volumes) await site.write(volume, 'after');
		assert.deepEqual(
			snapshots.map(({ leaseId }) => leaseId),
			['lease0', 'lease1'],
		);
		for (const [i, snapshot] of snapshots.entries()) {
			assert.equal(await site.read(snapshot), `before ${site.volumes[i]?.id}`);
			assert.ok(snapshot.createdAt >= before && snapshot.createdAt <= Date.now());
			assert.ok(snapshot.views.length > 0 || snapshot.device !== null);
			structuredClone(snapshot.details);
		}
		const other = site.open();
		for (const own of leases) await other.verify?.(own, { signal });
		const listed = await other.leases?.({ signal });
		if (listed) assert.deepEqual(listed.map(({ id }) => id).sort(), ['lease0', 'lease1']);
		assert.notDeepEqual(site.remains(), []);
		for (const own of listed ?? leases) await other.release(own, options);
		assert.deepEqual(site.remains(), []);
		for (const own of leases) await site.open().release(own, options); // idempotent
	});

	test(`${name}: all or none: when one of several fails, the leases find whatever was made`, async (t) => {
		const site = await openSite(t);
		if (site === null) return;
		const [first] = site.volumes;
		const leases = [lease(first, 'good'), lease(site.foreign, 'bad')];
		await assert.rejects(site.open().create(leases.map(request), { signal }), EngineError);
		for (const own of leases)
			await site
				.open()
				.release(own, options)
				.catch((error: unknown) => assert.ok(error instanceof EngineError));
		assert.deepEqual(site.remains(), []);
	});

	test(`${name}: what it cannot protect it says in a sentence, and an id that is none touches nothing`, async (t) => {
		const site = await openSite(t);
		if (site === null) return;
		const [first] = site.volumes;
		for (const foreign of [site.foreign, { ...site.foreign, device: '-rf' }, { ...site.foreign, device: null }]) {
			const answer = await site.open().canProtect(foreign, { signal });
			assert.ok(!answer.can);
			assert.match(answer.reason, /\.$/);
		}
		const own = lease(first, 'kept');
		await site.open().create([request(own)], { signal });
		for (const id of ['../../etc', '-f', 'a b', '', '.'])
			await site
				.open()
				.release(lease(first, id), options)
				.catch((error: unknown) => assert.ok(error instanceof EngineError));
		assert.notDeepEqual(site.remains(), []);
		await site.open().release(lease(first, 'neverMade'), options);
		await site.open().release(own, options);
		assert.deepEqual(site.remains(), []);
		const aborted = AbortSignal.abort(new EngineError('cancelled', 'Cancelled.'));
		await assert.rejects(site.open().create([request(lease(first, 'aborted'))], { signal: aborted }));
		await site.open().release(lease(first, 'aborted'), options);
		assert.deepEqual(site.remains(), []);
	});
}
