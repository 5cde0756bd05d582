import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { hostSettings, type Point, type RestoreVmInput, restoreVmInput, type VirtualMachine } from '../contract/index.ts';
import { lookAtTargets } from '../restore/index.ts';
import type { DefinedMachine, Hypervisor } from '../source/index.ts';
import type { DataPlane } from './ports.ts';
import { createMachineRestores, describePlan, type MachineHosts, type MachineRestorePlan } from './restore-machine.ts';

/** A point of the machine `web` on Lab, a host that knows `machines`, and a folder for its images. */
function openSite(
	t: TestContext,
	{ disks, machines = [], nvramPath = null }: { disks: DefinedMachine['disks']; machines?: VirtualMachine[]; nvramPath?: string | null },
) {
	const files = ['definition.xml', 'nvram', 'vda.raw', 'vdb.raw'];
	const plane = {
		browse: async () => ({ path: '/', total: files.length, entries: files.map((name) => ({ name, type: 'file' })) }),
		openDownload: async () => ({ content: [Buffer.from('<domain/>')] }),
	} as unknown as DataPlane;
	const defined = { id: 'id-of-web', name: 'web', disks, nvramPath };
	const hypervisor = { readDefinition: async () => defined, machines: async () => machines } as unknown as Hypervisor;
	const hosts = ['qemu:///system', 'qemu+ssh://root@far/system'].map((uri, i) => hostSettings.parse({ name: ['Lab', 'Far'][i], uri }));
	const lookAt: MachineHosts['lookAt'] = async (_, paths) => lookAtTargets(paths);
	const restores = createMachineRestores({ plane, hosts: async () => hosts, control: () => hypervisor, open: () => hypervisor, lookAt });
	const folder = mkdtempSync(join(tmpdir(), 'holdfast-plan-'));
	t.after(() => rmSync(folder, { recursive: true }));
	const point = { id: 'p', object: 'vm:Lab/web', objectKind: 'vm' } as Point;
	const plan = (input: Partial<RestoreVmInput> = {}): Promise<MachineRestorePlan> =>
		restores.plan({ repository: { name: 'Main' } as never, point, input: restoreVmInput.parse({ point: 'p', ...input }) });
	return { plan, folder };
}

const known = (name: string, id: string, path: string | null = null): VirtualMachine =>
	({ name, id, disks: [{ name: 'vda', path }] }) as unknown as VirtualMachine;
const files = ({ disks, nvramTo }: MachineRestorePlan): (string | null)[] => [...disks.map(({ to }) => to), nvramTo];

test('the original goes where it was, a copy beside it, and all of it to a folder that is named', async (t) => {
	const { folder } = openSite(t, { disks: [] });
	for (const name of ['a', 'b', 'to']) mkdirSync(join(folder, name));
	const at = (name: string): string => join(folder, name);
	const disks = [
		{ name: 'vda', path: at('a/web.img'), format: 'qcow2' },
		{ name: 'vdb', path: at('b/data.raw'), format: 'raw' },
	];
	const site = openSite(t, { disks, nvramPath: at('a/VARS'), machines: [known('other', 'x')] });
	const original = await site.plan();
	assert.deepEqual(files(original), [at('a/web.img'), at('b/web-vdb.qcow2'), at('a/VARS')]);
	assert.equal(original.newId, null);
	const copy = await site.plan({ name: 'web2' });
	assert.deepEqual(files(copy), [at('a/web2-vda.qcow2'), at('b/web2-vdb.qcow2'), at('a/web2_VARS.fd')]);
	assert.match(copy.newId ?? '', /^[0-9a-f-]{36}$/);
	assert.deepEqual(files(await site.plan({ to: at('to') })), [at('to/web-vda.qcow2'), at('to/web-vdb.qcow2'), at('to/web_VARS.fd')]);
	const told = describePlan(copy);
	assert.deepEqual([told.name, told.formerName, told.host, told.isCopy, told.missingDisks], ['web2', 'web', 'Lab', true, []]);
	assert.deepEqual(
		told.folders.map(({ path, freeBytes }) => [path, (freeBytes ?? 0) > 0]),
		[
			[at('a'), true],
			[at('b'), true],
		],
	);
	const renamed = openSite(t, { disks, machines: [known('web-old', 'id-of-web')] });
	assert.notEqual((await renamed.plan()).newId, null, 'the original is still there under another name');
});

test('what cannot be given back, and where, is refused before anything is written', async (t) => {
	const { folder } = openSite(t, { disks: [] });
	const image = join(folder, 'web-vda.qcow2');
	const disks = [{ name: 'vda', path: image, format: 'qcow2' }];
	const site = openSite(t, { disks, machines: [known('taken', 'x', image)] });
	await assert.rejects(site.plan({ host: 'Far', name: 'new' }), { code: 'usage.unsupported', message: /another machine/, hint: /--on MACHINE.*restore disk/ });
	await assert.rejects(site.plan({ host: 'None' }), { code: 'not-found.host' });
	await assert.rejects(site.plan({ name: 'taken' }), { code: 'exists.name', hint: /--name/ });
	assert.throws(() => restoreVmInput.parse({ point: 'p', name: '../web' }));
	writeFileSync(image, 'somebody uses it');
	await assert.rejects(site.plan({ overwrite: true }), { code: 'exists.target', message: /virtual machine “taken”/ });
	await assert.rejects(openSite(t, { disks }).plan(), { code: 'exists.target', hint: /--overwrite/ });
	const { replaced, missingDisks } = await openSite(t, { disks: [...disks, { name: 'vdz', path: null, format: 'raw' }] }).plan({ overwrite: true });
	assert.deepEqual([replaced, missingDisks], [[image], ['vdz']]);
	await assert.rejects(openSite(t, { disks: [{ name: 'vda', path: '/no/such/folder/x', format: 'qcow2' }] }).plan(), { code: 'restore.target' });
	for (const path of [null, '/dev/vg/web', '../../etc/x'])
		await assert.rejects(openSite(t, { disks: [{ name: 'vda', path, format: 'raw' }] }).plan(), { code: 'usage.invalid', hint: /--to/ });
	const twice = ['vda', 'vdb'].map((name) => ({ name, path: join(folder, 'one'), format: 'qcow2' }));
	await assert.rejects(openSite(t, { disks: twice }).plan(), { code: 'usage.invalid', message: /Two disks/ });
});
