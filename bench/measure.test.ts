import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measure } from './measure.ts';

const node = (script: string): { program: string; args: string[] } => ({ program: process.execPath, args: ['-e', script] });

test('a command that fails is an error with its code and its last words', async () => {
	await assert.rejects(measure(node(`console.error('no room left'); process.exit(4)`)), /ended with code 4:\nno room left/);
});

test('a code that is accepted is no error', async () => {
	const { output } = await measure({ ...node(`console.log('with warnings'); process.exitCode = 3`), acceptedExitCodes: [3] });
	assert.equal(output, 'with warnings\n');
});

test('the memory of processes below the command counts', { skip: process.platform !== 'linux' && 'only Linux tells' }, async () => {
	const large = 'const bytes = Buffer.alloc(200 << 20, 1); setTimeout(() => bytes[0], 1500)';
	const { peakBytes } = await measure(node(`require('node:child_process').spawnSync(process.execPath, ['-e', ${JSON.stringify(large)}])`));
	assert.ok(peakBytes !== null && peakBytes > 200 << 20, `${peakBytes} bytes`);
});

test('the processor time of processes below the command counts', { skip: process.platform !== 'linux' && 'only Linux tells' }, async () => {
	const busy = 'const until = process.cpuUsage().user + 500_000; while (process.cpuUsage().user < until);';
	const { processorSeconds } = await measure(node(`require('node:child_process').spawnSync(process.execPath, ['-e', ${JSON.stringify(busy)}])`));
	assert.ok(processorSeconds !== null && processorSeconds >= 0.45, `${processorSeconds} s`);
});

test('an abort ends the command and waits until it has ended', async () => {
	const abort = new AbortController();
	const script = `process.on('SIGTERM', () => setTimeout(() => process.exit(0), 100)); setInterval(() => {}, 1000)`;
	const running = measure(node(script), { signal: abort.signal });
	abort.abort(new Error('enough'));
	await assert.rejects(running, /enough/);
});
