import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandLine } from './command-line.ts';
import { differingFields, emptyDraft, errorsOf, sourcesOf, splitDraft, stepOf } from './draft.ts';

test('a problem belongs to the step that asks for its field', () => {
	assert.equal(stepOf('sources.0.path'), 'what');
	assert.equal(stepOf('schedule'), 'schedule');
	assert.equal(stepOf('writers.1'), 'consistency');
	assert.equal(stepOf('somethingNew'), 'summary');
	assert.deepEqual(errorsOf({ errors: { 'sources.1.path': 'x', name: 'y' }, warnings: {} }, 'what'), ['sources.1.path']);
});

test('only what differs between two versions is named', () => {
	assert.deepEqual(differingFields(emptyDraft, { ...emptyDraft, retainPoints: 3, sources: [{ kind: 'folder', path: '/a' }] }), ['sources', 'retainPoints']);
});

test('the command line quotes what a shell would take apart and leaves defaults out', () => {
	const draft = {
		...emptyDraft,
		name: "Anna's share",
		sources: [
			{ kind: 'folder' as const, path: '/srv/my share' },
			{ kind: 'disk' as const, path: '/dev/sda' },
		],
		exclude: ['*.tmp'],
		schedule: { cron: '0 22 * * *', timeZone: 'Europe/Berlin' },
	};
	assert.equal(
		commandLine({ draft, repositoryName: 'Main', serverTimeZone: 'Europe/Berlin', editedName: null }).join(' '),
		`holdfast job add 'Anna'\\''s share' --source 'folder:/srv/my share' --source disk:/dev/sda --repository Main --exclude '*.tmp' --schedule '0 22 * * *'`,
	);
});

test('a schedule in another zone than the server’s names it', () => {
	const line = commandLine({
		draft: { ...emptyDraft, name: 'A', schedule: { cron: '0 1 * * *', timeZone: 'Asia/Tokyo' } },
		repositoryName: 'Main',
		serverTimeZone: 'UTC',
		editedName: null,
	});
	assert.ok(line.includes('--time-zone Asia/Tokyo'));
	assert.ok(commandLine({ draft: emptyDraft, repositoryName: 'Main', machineName: 'Web 1', serverTimeZone: 'UTC', editedName: null }).includes("--on 'Web 1'"));
	const offHost = { draft: { ...emptyDraft, mode: 'off-host' as const }, repositoryName: 'Main', serverTimeZone: 'UTC', editedName: null };
	assert.match(commandLine({ ...offHost, proxyName: 'Worker' }).join(' '), /--mode off-host --proxy Worker/);
	assert.doesNotMatch(commandLine(offHost).join(' '), /--proxy/);
});

test('an edit says everything that could have been otherwise', () => {
	const line = commandLine({ draft: { ...emptyDraft, name: 'New', schedule: null }, repositoryName: 'Main', serverTimeZone: 'UTC', editedName: 'Old' });
	assert.equal(line[0], 'holdfast job edit Old');
	const said = [
		'--name New',
		'--no-on',
		'--method forward',
		'--no-differential',
		'--no-store-unused',
		'--retain 14',
		'--no-retain-days',
		'--no-gfs',
		'--no-schedule',
		'--no-active-full',
		'--no-synthetic-full',
		'--no-exclude',
		'--compression optimal',
		'--snapshot auto',
		'--quiesce online',
		'--no-require-consistent',
		'--no-writer',
	];
	for (const part of said) assert.ok(line.includes(part), part);
});

test('malformed fields are named and left out of what the engine is asked', () => {
	const { wellFormed, errors } = splitDraft({ ...emptyDraft, name: 'a/b', repositoryId: 'r' });
	assert.deepEqual(Object.keys(errors).sort(), ['name', 'sources']);
	assert.equal('name' in wellFormed, false);
	assert.equal(wellFormed.repositoryId, 'r');
});

test('method, differentials, days, archives and synthetic fulls are said as the command line names them', () => {
	const zone = emptyDraft.schedule?.timeZone ?? 'UTC';
	const draft = {
		...emptyDraft,
		name: 'Files',
		differential: true,
		retainDays: 30,
		gfs: { weekly: 4, monthly: 0, yearly: 3 },
		syntheticFull: { cron: '0 20 * * 6', timeZone: zone },
		schedule: null,
	};
	const say = (changes: Partial<typeof draft>): string =>
		commandLine({ draft: { ...draft, ...changes }, repositoryName: 'Main', serverTimeZone: zone, editedName: null }).join(' ');
	assert.equal(
		say({}),
		"holdfast job add Files --repository Main --differential --retain 14 --retain-days 30 --gfs weekly:4,yearly:3 --synthetic-full '0 20 * * 6'",
	);
	const reverse = { ...emptyDraft, name: 'Files', method: 'reverse' as const, schedule: null };
	assert.equal(
		commandLine({ draft: reverse, repositoryName: 'Main', serverTimeZone: zone, editedName: null }).join(' '),
		'holdfast job add Files --repository Main --method reverse',
	);
});

test('the command line names a key, takes it away, or asks for a file with the password, which it never holds', () => {
	const say = (changes: Partial<typeof emptyDraft>, makesKey: boolean, editedName: string | null): string =>
		commandLine({ draft: { ...emptyDraft, name: 'Files', ...changes }, makesKey, repositoryName: 'Main', serverTimeZone: '', editedName }).join(' ');
	assert.match(say({}, true, null), / --encrypt --password-file FILE /);
	assert.match(say({ encryptionKeyId: '5e17' }, false, 'Files'), / --key 5e17 /);
	assert.match(say({}, false, 'Files'), / --no-encrypt /);
	assert.doesNotMatch(say({}, false, null), /encrypt|key|password/);
});

test('QUIESCE-01, QUIESCE-02: what a job reads from and who holds still is said as the command line names it', () => {
	const draft = {
		...emptyDraft,
		name: 'Db',
		schedule: null,
		snapshot: 'btrfs',
		quiesce: 'crash' as const,
		requireConsistent: true,
		writers: ['script:/etc/a b.sh?timeout=30', 'sqlite:/a.db'],
		guestWriters: ['agent:/app.sh'],
	};
	assert.equal(
		commandLine({ draft, repositoryName: 'Main', serverTimeZone: '', editedName: null }).join(' '),
		"holdfast job add Db --repository Main --snapshot btrfs --quiesce crash --require-consistent --writer 'script:/etc/a b.sh?timeout=30' --writer sqlite:/a.db --guest-writer agent:/app.sh",
	);
});

test('sources that an address names are taken over, and what cannot be understood is left out', () => {
	assert.deepEqual(sourcesOf(['vm:Rack 1/#production', 'folder:/srv/a:b', 'floppy:a', 'vm:lonely', '']), [
		{ kind: 'vm', path: 'Rack 1/#production' },
		{ kind: 'folder', path: '/srv/a:b' },
	]);
});
