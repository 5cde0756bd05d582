import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findViolations } from './layers.ts';

const rulesBrokenBy = (path: string, text: string): string[] => findViolations([{ path, text }]).map((violation) => violation.rule);
const importing = (path: string, specifier: string): string[] => rulesBrokenBy(path, `import { x } from '${specifier}';`);

const allowed: readonly [path: string, specifier: string][] = [
	['engine/jobs/session.ts', '../restore/index.ts'],
	['engine/jobs/session.ts', './ports.ts'],
	['engine/format/index-codec.ts', '../contract/index.ts'],
	['engine/platform/linux.ts', '../base/index.ts'],
	['engine/platform/linux.ts', 'koffi'],
	['engine/base/errors.ts', '../contract/index.ts'],
	['engine/mover/pipe.test.ts', '../base/testing.ts'],
	['engine/platform/testbed.ts', '../base/testing.ts'],
	['engine/cli/embedded.ts', '../engine.ts'],
	['engine/cli/main.ts', '../server/index.ts'],
	['engine/engine.ts', './snapshot/providers/btrfs/provider.ts'],
	['engine/engine.test.ts', './engine.ts'],
	['engine/snapshot/providers/btrfs/provider.ts', '../../provider.ts'],
	['engine/snapshot/providers/btrfs/provider.ts', './subvolume.ts'],
	['engine/snapshot/providers/btrfs/provider.test.ts', '../../contract-suite.ts'],
	['engine/mover/pool.ts', '../source/index.ts'],
	['renderer/client.ts', '../engine/contract/index.ts'],
	['renderer/ui/size.test.ts', 'node:test'],
	['electron/engine-host.ts', '../engine/engine.ts'],
	['electron/main.ts', 'electron'],
	['e2e/console.test.ts', '../engine/engine.ts'],
	['bench/run.ts', './measure.ts'],
];

const forbidden: readonly [path: string, specifier: string, rule: RegExp][] = [
	['engine/contract/router.ts', '../base/index.ts', /contract imports nothing/],
	['engine/base/clock.ts', '../platform/index.ts', /base imports only/],
	['engine/restore/browse.ts', '../jobs/index.ts', /downwards/],
	['engine/platform/linux.ts', '../config/index.ts', /downwards/],
	['engine/server/host.ts', '../cli/index.ts', /downwards/],
	['engine/mover/pipe.ts', '../snapshot/index.ts', /do not know each other/],
	['engine/snapshot/requestor.ts', '../mover/index.ts', /do not know each other/],
	['engine/jobs/session.ts', '../format/records.ts', /only its index\.ts/],
	['engine/mover/pipe.test.ts', '../format/records.ts', /only its index\.ts/],
	['engine/mover/pipe.ts', '../base/testing.ts', /does not import its tests/],
	['engine/snapshot/requestor.ts', './providers/btrfs/provider.ts', /names adapters/],
	['engine/snapshot/adapters/a.ts', '../providers/b.ts', /names adapters/],
	['engine/api/jobs.ts', '../engine.ts', /engine\.ts is imported only/],
	['electron/preload.ts', '../engine/engine.ts', /engine\.ts is imported only/],
	['engine/shared/x.ts', '../base/index.ts', /has its place in the order/],
	['engine/jobs/session.ts', '../../renderer/client.ts', /does not know its faces/],
	['engine/jobs/session.ts', '../../bench/measure.ts', /does not import its tests/],
	['engine/repository/writer.ts', 'koffi', /koffi/],
	['electron/main.ts', '../engine/server/index.ts', /electron imports only/],
	['renderer/client.ts', '../engine/base/index.ts', /renderer imports only/],
	['renderer/client.ts', '../electron/channel.ts', /renderer imports only/],
	['renderer/client.ts', 'node:path', /has no Node/],
	['renderer/client.ts', 'electron', /only in electron/],
	['engine/format/records.ts', 'node:fs/promises', /no input or output/],
];

for (const [path, specifier] of allowed) {
	test(`${path} may import ${specifier}`, () => {
		assert.deepEqual(importing(path, specifier), []);
	});
}

for (const [path, specifier, rule] of forbidden) {
	test(`${path} may not import ${specifier}`, () => {
		assert.match(importing(path, specifier).join('\n'), rule);
	});
}

test('every way to name another file counts', () => {
	const ways = [
		`import type { Job } from '../jobs/index.ts';`,
		`import '../jobs/index.ts';`,
		`export * from '../jobs/index.ts';`,
		`export { Job } from '../jobs/index.ts';`,
		`const jobs = await import('../jobs/index.ts');`,
		`type Job = import('../jobs/index.ts').Job;`,
		`new Worker(new URL('../jobs/index.ts', import.meta.url));`,
	];
	for (const way of ways) assert.equal(rulesBrokenBy('engine/restore/x.ts', way).length, 1, way);
});

test('an import in a comment or in a text does not count', () => {
	assert.deepEqual(rulesBrokenBy('engine/restore/x.ts', `// import '../jobs/index.ts'\nconst text = "import x from '../jobs/index.ts'";`), []);
});

test('a violation names file, line, import and rule', () => {
	const [violation] = findViolations([{ path: 'engine/restore/browse.ts', text: `\n\nimport { Job } from '../jobs/index.ts';\n` }]);
	assert.equal(violation?.file, 'engine/restore/browse.ts');
	assert.equal(violation.line, 3);
	assert.equal(violation.specifier, '../jobs/index.ts');
	assert.match(violation.rule, /^imports point downwards/);
});

test('a screen with markup is read too', () => {
	assert.equal(rulesBrokenBy('renderer/ui/page.tsx', `import { x } from '../../engine/jobs/index.ts'; export const P = () => <b>{x}</b>;`).length, 1);
});
