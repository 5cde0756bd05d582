import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writerSpec } from '../../../../engine/contract/index.ts';
import { writerParts, writerText } from './writer-spec.ts';

test('QUIESCE-01: a writer is written as the engine reads it, and read back as it was written', () => {
	const script = writerText({ kind: 'script', place: ' /etc/app.sh ', timeoutS: 30, accept: '0, 3' });
	assert.equal(script, 'script:/etc/app.sh?timeout=30&accept=0,3');
	assert.deepEqual(writerParts(script), { title: 'Script', place: '/etc/app.sh', note: 'at most 30 s, exit codes 0, 3 are fine' });
	const plain = writerText({ kind: 'script', place: '/etc/app.sh', timeoutS: null, accept: '' });
	assert.deepEqual([plain, writerParts(plain).note], ['script:/etc/app.sh', 'at most 60 s']);
	const database = writerText({ kind: 'mariadb', place: 'mysql://keeper@db?option-file=/etc/db.cnf', timeoutS: 5, accept: '1' });
	assert.equal(database, 'mariadb:mysql://keeper@db?option-file=/etc/db.cnf');
	assert.equal(writerParts(database).place, 'mysql://keeper@db?option-file=/etc/db.cnf');
	const guest = writerText({ kind: 'ssh', place: 'root@/app.sh?identity=/key', timeoutS: 5, accept: '' });
	assert.deepEqual([guest, writerParts(guest).place], ['ssh:root@/app.sh?identity=/key&timeout=5', 'root@/app.sh']);
	assert.ok(!writerSpec.safeParse(writerText({ kind: 'sqlite', place: ' ', timeoutS: null, accept: '' })).success);
});

test('a kind of writer that is not known here is shown as it is written', () => {
	assert.deepEqual(writerParts('exchange:store'), { title: 'exchange', place: 'store', note: '' });
});
