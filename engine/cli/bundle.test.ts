import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { bundleFolder, describeSource, programModule, sourceList } from './bundle.js';

const source = join('engine', 'cli', 'program.ts');

function openCheckout(t: TestContext): string {
	const root = mkdtempSync(join(tmpdir(), 'holdfast-bundle-'));
	t.after(() => rmSync(root, { recursive: true, force: true }));
	for (const folder of [join(root, 'engine', 'cli'), bundleFolder(root)]) mkdirSync(folder, { recursive: true });
	writeFileSync(join(root, source), 'as it was bundled');
	writeFileSync(join(root, 'package-lock.json'), '{}');
	writeFileSync(join(bundleFolder(root), sourceList), JSON.stringify([source, 'package-lock.json'].map((path) => describeSource(root, path))));
	return root;
}

test('the program runs from its bundle while that was made from the sources as they are', (t) => {
	const root = openCheckout(t);
	assert.equal(programModule(root), join(bundleFolder(root), 'program.js'));
});

const changes: Readonly<Record<string, (root: string) => void>> = {
	'a source that has changed': (root) => writeFileSync(join(root, source), 'as it is now'),
	'a source of the same size and another time': (root) => utimesSync(join(root, source), 1, 1),
	'a source that is gone': (root) => rmSync(join(root, source)),
	'other versions of the dependencies': (root) => writeFileSync(join(root, 'package-lock.json'), '{ }'),
	'a bundle that is not whole': (root) => rmSync(join(bundleFolder(root), sourceList)),
	'a list that cannot be read': (root) => writeFileSync(join(bundleFolder(root), sourceList), '[["engine'),
	'no bundle': (root) => rmSync(bundleFolder(root), { recursive: true }),
};
for (const [name, change] of Object.entries(changes)) {
	test(`the program runs from its sources with ${name}`, (t) => {
		const root = openCheckout(t);
		change(root);
		assert.equal(programModule(root), join(root, source));
	});
}
