import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAllowedOutside, isOwnPage, pageServer } from './page.ts';

test('the console is served with its media type and a policy that allows no inline script', async (t) => {
	const folder = await mkdtemp(join(tmpdir(), 'holdfast-page-'));
	t.after(() => rm(folder, { recursive: true }));
	await writeFile(join(folder, 'index.html'), '<!doctype html>');
	await mkdir(join(folder, 'assets'));
	await writeFile(join(folder, 'assets', 'a b.js'), '1');
	const serve = pageServer(folder);

	const page = await serve(new Request('holdfast://console/'));
	assert.equal(await page.text(), '<!doctype html>');
	assert.match(page.headers.get('content-type') ?? '', /text\/html/);
	const policy = page.headers.get('content-security-policy') ?? '';
	assert.match(policy, /script-src 'self';/);
	assert.match(policy, /default-src 'none'/);
	const script = await serve(new Request('holdfast://console/assets/a%20b.js'));
	assert.match(script.headers.get('content-type') ?? '', /javascript/);
});

test('no request leaves the folder of the console', async (t) => {
	const outer = await mkdtemp(join(tmpdir(), 'holdfast-page-'));
	t.after(() => rm(outer, { recursive: true }));
	const folder = join(outer, 'renderer');
	await mkdir(folder);
	await mkdir(join(outer, 'renderer-secret'));
	await writeFile(join(outer, 'secret'), 'x');
	await writeFile(join(outer, 'renderer-secret', 'secret'), 'x');
	const serve = pageServer(folder);
	for (const url of [
		'holdfast://console/../secret',
		'holdfast://console/%2e%2e/secret',
		'holdfast://console/..%2fsecret',
		'holdfast://console/..%2frenderer-secret/secret',
		'holdfast://console/%00',
		'holdfast://console/%ff',
		'holdfast://console/absent.js',
		'holdfast://other/index.html',
		'file:///etc/hosts',
	]) {
		assert.equal((await serve(new Request(url))).status, 404, url);
	}
	assert.equal((await serve(new Request('holdfast://console/', { method: 'POST' }))).status, 404);
});

test('only the console counts as our own page', () => {
	assert.ok(isOwnPage('holdfast://console/#/jobs'));
	for (const url of [undefined, '', 'about:blank', 'holdfast://console.evil/', 'https://console/', 'file:///index.html', 'holdfast://consoles/']) {
		assert.ok(!isOwnPage(url), String(url));
	}
});

test('only https links to named origins reach the system browser', () => {
	const allowed = ['https://docs.invalid'];
	assert.ok(isAllowedOutside('https://docs.invalid/page?x#y', allowed));
	for (const url of [
		'http://docs.invalid/',
		'https://docs.invalid.evil.invalid/',
		'file:///etc/passwd',
		'smb://docs.invalid',
		'not a url',
		'https://user@evil.invalid/docs.invalid',
	]) {
		assert.ok(!isAllowedOutside(url, allowed), url);
	}
});
