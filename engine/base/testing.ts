/** For tests only: tools that a machine may lack. Not part of the index, so that no product code sees it. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';

/** Administrator tools live here, and are often missing on the PATH of an ordinary user. */
const extraFolders = process.platform === 'win32' ? [] : ['/usr/local/sbin', '/usr/sbin', '/sbin'];

export function findTool(name: string): string | undefined {
	const suffixes = process.platform === 'win32' ? ['.exe', '.cmd', ''] : [''];
	for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...extraFolders]) {
		for (const suffix of suffixes) {
			const path = join(folder || '.', name + suffix);
			try {
				accessSync(path, constants.X_OK);
				return path;
			} catch {
				// Not in this folder: the next one may have it.
			}
		}
	}
	return undefined;
}

/**
 * True when every named tool is there. Otherwise the test is skipped with the tool's name, or fails when
 * HOLDFAST_TEST_REQUIRE=all (the CI) forbids skipping; then the caller returns at once.
 */
export function requireTool(t: TestContext, ...names: string[]): boolean {
	const missing = names.filter((name) => findTool(name) === undefined);
	if (missing.length === 0) return true;
	const message = `needs ${missing.join(', ')}, which this machine lacks`;
	if (process.env.HOLDFAST_TEST_REQUIRE === 'all') throw new Error(`The test ${message}.`);
	t.skip(message);
	return false;
}
