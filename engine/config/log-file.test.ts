import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openLogFile } from './log-file.ts';

test('a log is bounded: the file before the last turn is kept, older ones are not', (t) => {
	const folder = mkdtempSync(join(tmpdir(), 'holdfast-log-'));
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	const path = join(folder, 'engine.log');
	using log = openLogFile(path, { maxBytes: 100 });
	for (let i = 0; i < 30; i++) log.write(`line ${i} of the log\n`);
	assert.ok(statSync(path).size <= 100);
	assert.ok(statSync(`${path}.1`).size <= 100);
	assert.match(readFileSync(path, 'utf8'), /line 29/);
	assert.equal(existsSync(`${path}.2`), false);
});
