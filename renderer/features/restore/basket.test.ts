import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Basket, drop, emptyBasket, inheritedFrom, isBelow, type Picked, pick, pickState, summarise, toggle } from './basket.ts';

const file = (path: string, sizeBytes = 10): Picked => ({ path, type: 'file', sizeBytes });
const folder = (path: string): Picked => ({ path, type: 'directory', sizeBytes: 0 });
const paths = (basket: Basket): string[] => [...basket.keys()];

test('a name that merely begins like a folder is not below it', () => {
	assert.equal(isBelow('/etcetera', '/etc'), false);
	assert.equal(isBelow('/etc/hosts', '/etc'), true);
	assert.equal(isBelow('/etc', '/'), true);
	assert.equal(isBelow('/', '/'), false);
});

test('picking a folder takes the place of what was picked below it', () => {
	const basket = pick(emptyBasket, [file('/etc/hosts'), file('/etc/ssl/a.pem'), file('/var/log')]);
	assert.deepEqual(paths(pick(basket, [folder('/etc')])), ['/var/log', '/etc']);
});

test('an entry under a picked folder is part of it and is not added twice', () => {
	const basket = pick(emptyBasket, [folder('/etc')]);
	assert.equal(pickState(basket, '/etc/ssl/a.pem'), 'inherited');
	assert.equal(inheritedFrom(basket, '/etc/ssl/a.pem'), '/etc');
	assert.deepEqual(paths(pick(basket, [file('/etc/hosts')])), ['/etc']);
});

test('a folder shows that something below it is picked, and becomes whole when it is clicked', () => {
	const basket = pick(emptyBasket, [file('/etc/ssl/a.pem')]);
	assert.equal(pickState(basket, '/etc'), 'partial');
	assert.equal(pickState(basket, '/'), 'partial');
	assert.equal(pickState(basket, '/et'), 'none');
	assert.deepEqual(paths(toggle(basket, folder('/etc'))), ['/etc']);
});

test('the root stands for everything', () => {
	const basket = pick(pick(emptyBasket, [file('/a')]), [folder('/')]);
	assert.deepEqual(paths(basket), ['/']);
	assert.equal(pickState(basket, '/a'), 'inherited');
	assert.equal(inheritedFrom(basket, '/'), null);
});

test('toggling twice gives back the same selection, and the given basket is never changed', () => {
	const basket = pick(emptyBasket, [file('/a')]);
	assert.deepEqual(paths(toggle(toggle(basket, file('/b')), file('/b'))), ['/a']);
	assert.deepEqual(paths(drop(basket, ['/a'])), []);
	assert.deepEqual(paths(basket), ['/a']);
});

test('the summary adds up files and leaves the content of folders unknown', () => {
	const basket = pick(emptyBasket, [file('/a', 5), file('/b', 7), folder('/c')]);
	assert.deepEqual(summarise(basket), { files: 2, folders: 1, knownBytes: 12 });
});
