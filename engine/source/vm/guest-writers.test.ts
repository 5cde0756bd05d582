import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { addressesOfCards, parseAddresses } from './adapters/libvirt/guest-commands.ts';
import { guestWriterOf, refuseOtherGuestWriter } from './guest-writers.ts';

const { signal } = new AbortController();

test('GIP-03: a script of a job is called in each of its machines: by the agent, or at the first of their addresses that answers', async (t) => {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.after(() => server.close());
	const bound = server.address();
	const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
	const never = (): never => assert.fail('the agent needs no address');
	assert.equal(await guestWriterOf('agent:/app.sh?timeout=5', 'Lab/web 1', { addresses: never, signal }), 'agent:/app.sh?timeout=5&machine=Lab%2Fweb%201');
	const reach = (addresses: readonly string[], machine = 'Lab/web') =>
		guestWriterOf(`ssh:root@:${port}/app.sh?identity=/key`, machine, { addresses: async () => addresses, signal });
	assert.equal(await reach(['127.0.0.9', '127.0.0.1']), `ssh:root@127.0.0.1:${port}/app.sh?identity=/key&alias=web`);
	assert.equal(await reach(['127.0.0.1'], 'Lab/web 1'), `ssh:root@127.0.0.1:${port}/app.sh?identity=/key`, 'a name with a space is none of a host');
	await assert.rejects(reach(['127.0.0.9']), { code: 'snapshot.writer', message: /nothing answers on port \d+ of 127\.0\.0\.9/ });
	await assert.rejects(reach([]), { code: 'snapshot.writer', message: /nobody knows an address/, hint: /agent:/ });
	for (const spec of ['script:/app.sh', 'ssh:root@host/app.sh', 'ssh:/app.sh'])
		assert.throws(() => refuseOtherGuestWriter(spec), { code: 'usage.invalid' }, spec);
});

test('the addresses of a guest, as virsh and the table of neighbours tell them', () => {
	const told = ` lo         00:00:00:00:00:00    ipv4         127.0.0.1/8
 -          -                    ipv6         ::1/128
 eth0       52:54:00:8c:21:0f    ipv6         fe80::5054:ff:fe8c:210f/64
 -          -                    ipv6         2001:db8::7/64
 -          -                    ipv4         192.168.122.7/24
 docker0    02:42:1d:6c:1e:11    ipv4         169.254.3.4/16
`;
	assert.deepEqual(parseAddresses(told), ['192.168.122.7', '2001:db8::7']);
	assert.deepEqual(parseAddresses('\n'), []);
	const cards = ` Interface   Type   Source   Model     MAC
-----------------------------------------------------
 vnet0       user   -        rtl8139   52:54:00:12:34:85
`;
	const neighbours = `IP address       HW type     Flags       HW address            Mask     Device
192.0.2.1        0x1         0x2         02:fc:00:00:00:05     *        eth0
10.231.99.2      0x1         0x2         52:54:00:12:34:85     *        hfxa
10.231.99.3      0x1         0x0         52:54:00:12:34:85     *        hfxa
`;
	assert.deepEqual(addressesOfCards(cards, neighbours), ['10.231.99.2']);
	assert.deepEqual(addressesOfCards('', neighbours), []);
});
