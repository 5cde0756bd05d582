import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client';
import type { Browser, Page } from 'playwright';
import type { AppRouter } from '../../engine/contract/index.ts';
import { launchChromium, requireChromium } from '../chromium.ts';
import { type FakeServer, serveFake } from './serve.ts';

let browser: Browser | undefined;
after(() => browser?.close());

/** A page on a site of its own; whatever the page reports as an error fails the test. */
function consoleTest(name: string, body: (page: Page, server: FakeServer) => Promise<void>): void {
	test(name, async (t) => {
		if (!requireChromium(t)) return;
		browser ??= await launchChromium();
		const server = await serveFake('normal');
		const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
		page.setDefaultTimeout(20_000);
		const errors: string[] = [];
		page.on('pageerror', ({ message }) => errors.push(message));
		try {
			await body(page, server);
		} finally {
			await page.close();
			await server.close();
		}
		assert.deepEqual(errors, []);
	});
}

/** Closed whatever becomes of the test: an open socket would keep the process. */
const apiOf = ({ url }: FakeServer) => {
	const socket = createWSClient({ url: `${url.replace('http', 'ws')}api` });
	return { api: createTRPCClient<AppRouter>({ links: [wsLink({ client: socket })] }), [Symbol.asyncDispose]: () => socket.close() };
};

consoleTest('the table of jobs is used with the keyboard alone, and keeps the focus when details open', async (page, { url }) => {
	await page.goto(`${url}#/jobs`);
	await page.getByRole('grid', { name: 'Jobs' }).focus();
	await page.keyboard.press('ArrowDown');
	await page.getByRole('complementary', { name: 'Details' }).waitFor();
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press(' ');
	await page.getByText('1 job selected').waitFor();
	await page.keyboard.press('Control+a');
	await page.getByText('11 jobs selected').waitFor();
});

consoleTest('a job that is started shows its session, and is cancelled from the same place', async (page, { url }) => {
	await page.goto(`${url}#/jobs/job-etc`);
	await page.getByRole('button', { name: 'Run now' }).click();
	await page.getByRole('region', { name: 'Running session' }).waitFor();
	await page.getByRole('button', { name: 'Cancel the run' }).click();
	await page.getByRole('button', { name: 'Run now' }).waitFor();
});

consoleTest('saving over a newer version shows both and overwrites only when told to', async (page, server) => {
	await using connection = apiOf(server);
	const { api } = connection;
	await page.goto(`${server.url}#/jobs/job-finance/edit`);
	await page.getByRole('textbox', { name: 'Name' }).fill('Finance and payroll');
	const { id, revision, settings } = await api.jobs.get.query({ id: 'job-finance' });
	await api.jobs.update.mutate({ id, revision, settings: { ...settings, retainPoints: 60 } });
	await page.getByRole('button', { name: 'Save', exact: true }).click();
	const dialog = page.getByRole('dialog', { name: /Somebody saved this job/ });
	assert.match(await dialog.getByRole('row', { name: /Restore points to keep/ }).innerText(), /30\s+60/);
	assert.equal((await api.jobs.get.query({ id })).settings.name, 'Finance share');
	await dialog.getByRole('button', { name: 'Save mine over it' }).click();
	await page.waitForURL(/#\/jobs\/job-finance$/);
	assert.deepEqual([(await api.jobs.get.query({ id })).settings.name, (await api.jobs.get.query({ id })).revision], ['Finance and payroll', revision + 2]);
});

consoleTest('the wizard keeps one at a step until the engine finds nothing wrong with it, then creates what was asked', async (page, server) => {
	await using connection = apiOf(server);
	const { api } = connection;
	const next = page.getByRole('button', { name: 'Next' });
	await page.goto(`${server.url}#/jobs/new`);
	await page.getByRole('textbox', { name: 'Name' }).fill('Web server');
	await page.keyboard.press('Enter');
	await page.getByText('Another job is called “Web server”.').waitFor();
	await page.getByRole('textbox', { name: 'Name' }).fill('Web pages');
	await page.keyboard.press('Enter');
	const path = page.getByLabel('Path on the server');
	await path.waitFor();
	await next.click();
	await page.getByText('Choose at least one folder or disk.').waitFor();
	await path.fill('/srv/nowhere');
	await page.getByRole('button', { name: 'Add this path' }).click();
	await next.click();
	await page.getByText('/srv/nowhere does not exist on this server.').waitFor();
	await page.getByRole('button', { name: 'Do not protect /srv/nowhere' }).click();
	await path.fill('/srv/www');
	await page.getByRole('button', { name: 'Add this path' }).click();
	await next.click();
	await page.getByRole('radiogroup', { name: /Repository/ }).waitFor();
	await next.click();
	await page.getByText('The next 8 weeks').waitFor();
	await next.click();
	const reading = page.getByRole('region', { name: 'What the next run reads from' });
	await reading.getByText('clones of files (reflink)').waitFor();
	await page.getByRole('radio', { name: /^Live/ }).click();
	await reading.getByText('live', { exact: true }).waitFor();
	await page.getByRole('switch', { name: /Fail rather than/ }).click();
	await next.click();
	await page.getByText('What is read live is not consistent.').waitFor();
	await page.getByRole('radio', { name: /^A snapshot of one provider/ }).click();
	await page.getByRole('combobox', { name: 'Provider' }).click();
	await page.getByRole('option', { name: /^clones of files/ }).click();
	await page.getByRole('textbox', { name: 'Script, by its whole path' }).fill('app.sh');
	await page.keyboard.press('Enter');
	await next.click();
	await page.getByText('It needs the whole path of a script.').waitFor();
	await page.getByRole('button', { name: 'Do not ask app.sh' }).click();
	await page.getByRole('textbox', { name: 'Script, by its whole path' }).fill('/etc/app.sh');
	await page.getByRole('textbox', { name: 'At most' }).fill('30');
	await page.keyboard.press('Enter');
	await next.click();
	await page.getByText('The coming week', { exact: true }).waitFor();
	await next.click();
	await page.getByText('--source folder:/srv/www').waitFor();
	await page.getByText("--writer 'script:/etc/app.sh?timeout=30'").waitFor();
	await page.getByRole('button', { name: 'Create the job' }).click();
	await page.getByText('Web pages was created').waitFor();
	const created = (await api.jobs.list.query()).find(({ settings }) => settings.name === 'Web pages');
	assert.deepEqual(created?.settings.sources, [{ kind: 'folder', path: '/srv/www' }]);
	assert.equal(created?.settings.schedule?.cron, '0 22 * * *');
	assert.deepEqual(
		[created?.settings.snapshot, created?.settings.requireConsistent, created?.settings.writers],
		['reflink', true, ['script:/etc/app.sh?timeout=30']],
	);
});

consoleTest('whoever leaves the wizard with changes is asked first, whichever way out; without changes nobody is', async (page, { url }) => {
	const dialog = page.getByRole('dialog', { name: 'Leave without saving?' });
	await page.goto(`${url}#/jobs`);
	await page.getByRole('heading', { level: 1, name: 'Jobs' }).waitFor();
	await page.goto(`${url}#/jobs/job-finance/edit`);
	const name = page.getByRole('textbox', { name: 'Name' });
	await name.waitFor();
	await page.getByRole('button', { name: 'Cancel' }).click();
	await page.waitForURL(/#\/jobs\/job-finance$/);
	await page.goto(`${url}#/jobs/job-finance/edit`);
	await name.fill('Other name');
	for (const leave of [
		() => page.getByRole('button', { name: 'Cancel' }).click(),
		() => page.goBack(),
		() => page.getByRole('navigation', { name: 'Sections' }).getByRole('link', { name: 'Home' }).click(),
	]) {
		await leave();
		await dialog.waitFor();
		assert.match(page.url(), /edit/);
		await dialog.getByRole('button', { name: 'Keep' }).click();
		await dialog.waitFor({ state: 'hidden' });
		assert.equal(await name.inputValue(), 'Other name');
	}
	await page.getByRole('button', { name: 'Cancel' }).click();
	await dialog.getByRole('button', { name: 'Leave' }).click();
	await page.waitForURL(/#\/jobs\/job-finance$/);
});

consoleTest('losing the server keeps the page, says so, and comes back by itself', async (page, server) => {
	await page.goto(`${server.url}#/jobs`);
	await page.getByText('Home folders').waitFor();
	await server.close();
	const banner = page.getByText('The server does not answer');
	await banner.waitFor();
	assert.ok(await page.getByText('Home folders').isVisible());
	const again = await serveFake('normal', { port: Number(new URL(server.url).port) });
	try {
		await banner.waitFor({ state: 'detached' });
	} finally {
		await again.close();
	}
});

consoleTest(
	'a chain says with the keyboard alone what depends on what, is compacted in its row, and goes only when its name was typed',
	async (page, server) => {
		await using connection = apiOf(server);
		const { api } = connection;
		const chain = (await api.chains.list.query({ repositoryId: 'repo-main' })).find(({ job, files }) => job === 'Finance share' && files.length > 4);
		assert.ok(chain);
		await page.goto(`${server.url}#/repositories/repo-main?chain=${chain.id}`);
		const row = page.getByRole('article', { name: `Chain of ${chain.job}` }).filter({ has: page.getByRole('table') });
		await row.getByRole('listbox').focus();
		await page.keyboard.press('Home');
		await page.keyboard.press('ArrowRight');
		await row.getByText(/needs 1 file/).waitFor();

		await row.getByRole('button', { name: 'Compact…' }).click();
		const cost = page.getByRole('dialog', { name: /^Compact the chain/ });
		await cost.getByText(/^Needs up to .* of free room/).waitFor();
		await cost.getByRole('button', { name: 'Compact', exact: true }).click();
		await row.getByRole('progressbar', { name: /^Compaction/ }).waitFor();
		await row.getByRole('button', { name: 'Cancel' }).click();
		await row.getByRole('progressbar').waitFor({ state: 'detached' });

		await row.getByRole('button', { name: 'Remove…' }).click();
		const removal = page.getByRole('dialog', { name: /^Remove this chain/ });
		const confirm = removal.getByRole('button', { name: /^Remove \d+ restore points$/ });
		assert.ok(await confirm.isDisabled());
		await removal.getByLabel(`Type “${chain.job}” to go on`).fill(chain.job);
		await confirm.click();
		await removal.waitFor({ state: 'hidden' });
		await row.waitFor({ state: 'detached' });
		assert.ok((await api.chains.list.query({})).every(({ id }) => id !== chain.id));
	},
);

consoleTest('the palette takes the first letter that is typed, finds an object by words in any order, and gives the focus back', async (page, { url }) => {
	await page.goto(`${url}#/`);
	const opener = page.getByRole('button', { name: /^Search or run/ });
	await opener.focus();
	await page.keyboard.press('Enter');
	await page.keyboard.type('finance restore');
	const found = page.getByRole('button', { name: 'Restore /srv/shares/finance' });
	await found.waitFor();
	await page.keyboard.press('Escape');
	await found.waitFor({ state: 'hidden' });
	assert.ok(await opener.evaluate((element) => element === document.activeElement));
	await page.keyboard.press('Control+k');
	await page.keyboard.type('finance restore');
	await found.click();
	await page.getByRole('heading', { level: 1, name: '/srv/shares/finance' }).waitFor();
	await page.keyboard.press('Control+k');
	await page.keyboard.type('rack web-2');
	await page.getByRole('button', { name: /^web-2/ }).click();
	await page.getByRole('complementary', { name: 'Details' }).getByRole('heading', { name: 'web-2' }).waitFor();
});

consoleTest('NET-01, NET-05: a throttling rule is added with its times, refused beside the field that is wrong, and removed', async (page, server) => {
	await page.goto(`${server.url}#/infrastructure`);
	const rules = page.getByRole('grid', { name: 'Throttling rules' });
	await rules.getByText('Branch offices').waitFor();
	await page.getByRole('button', { name: 'Add rule' }).click();
	const dialog = page.getByRole('dialog', { name: 'Add throttling rule' });
	await dialog.getByRole('textbox', { name: 'Name' }).fill('Warehouse');
	await dialog.getByRole('textbox', { name: 'Between' }).fill('10.0.0.9-10.0.0.1');
	await dialog.getByRole('textbox', { name: 'and', exact: true }).fill('10.9.0.0/24');
	await dialog.getByRole('textbox', { name: 'Limit' }).fill('2.5');
	await dialog.getByText('At some times').click();
	await dialog.getByRole('textbox', { name: 'To' }).fill('20:00');
	await dialog.getByRole('button', { name: 'Add', exact: true }).click();
	await dialog.getByText('10.0.0.9 lies behind 10.0.0.1').waitFor();
	await dialog.getByRole('textbox', { name: 'Between' }).fill('10.0.0.1-10.0.0.9');
	await dialog.getByRole('button', { name: 'Add', exact: true }).click();
	await dialog.waitFor({ state: 'hidden' });
	const row = rules.getByRole('row', { name: /Warehouse/ });
	await row.getByText('Mon–Fri 08:00–20:00').waitFor();
	{
		await using site = apiOf(server);
		const added = (await site.api.throttles.list.query()).find(({ settings }) => settings.name === 'Warehouse');
		assert.equal(added?.settings.bytesPerSec, 2_500_000);
		assert.equal(added?.settings.windows[0]?.toMinute, 1200);
	}
	await row.getByRole('button', { name: 'Actions of Warehouse' }).click();
	await page.getByRole('menuitem', { name: 'Remove…' }).click();
	await page.getByRole('dialog', { name: 'Remove “Warehouse”?' }).getByRole('button', { name: 'Remove', exact: true }).click();
	await row.waitFor({ state: 'hidden' });
});

consoleTest('a hypervisor host is tried, added and kept while jobs need it; its machines lead to a job that protects them', async (page, server) => {
	await using connection = apiOf(server);
	const { api } = connection;
	const details = page.getByRole('complementary', { name: 'Details' });
	await page.goto(`${server.url}#/inventory/hosts`);
	await page.getByRole('button', { name: 'Add host' }).click();
	const dialog = page.getByRole('dialog', { name: 'Add hypervisor host' });
	await dialog.getByRole('textbox', { name: 'Name' }).fill('Rack 1');
	await dialog.getByRole('textbox', { name: 'Address' }).fill('xen:///');
	await dialog.getByRole('button', { name: 'Test' }).click();
	await dialog.getByText(/begins with qemu/).waitFor();
	await dialog.getByRole('textbox', { name: 'Address' }).fill('qemu+ssh://root@nowhere/system');
	await dialog.getByRole('button', { name: 'Test' }).click();
	await dialog.getByText(/Name or service not known/).waitFor();
	await dialog.getByRole('textbox', { name: 'Address' }).fill('qemu+ssh://root@rack2/system');
	await dialog.getByRole('button', { name: 'Test' }).click();
	await dialog.getByText('It answers').waitFor();
	await dialog.getByRole('button', { name: 'Add', exact: true }).click();
	await dialog.getByText(/A host named “Rack 1” exists already/).waitFor();
	await dialog.getByRole('textbox', { name: 'Name' }).fill('Rack 2');
	await dialog.getByRole('button', { name: 'Add', exact: true }).click();
	await details.getByRole('heading', { name: 'Rack 2' }).waitFor();

	await page.getByRole('grid', { name: 'Hypervisor hosts' }).getByText('Rack 1', { exact: true }).click();
	await details.getByRole('button', { name: 'Remove…' }).click();
	const removal = page.getByRole('dialog', { name: 'Remove the host “Rack 1”?' });
	await removal.getByRole('button', { name: 'Remove it' }).click();
	await removal.getByText(/are protected by “Production machines”/).waitFor();
	await removal.getByRole('button', { name: 'Keep' }).click();
	assert.ok((await api.hosts.list.query()).some(({ settings }) => settings.name === 'Rack 1'));

	await page.getByRole('tab', { name: 'Virtual machines' }).click();
	await page.getByText('A host does not answer').waitFor();
	const machines = page.getByRole('grid', { name: 'Virtual machines' });
	await machines
		.getByRole('row', { name: /database/ })
		.getByText('Protected', { exact: true })
		.waitFor();
	await page.getByRole('textbox', { name: 'Filter virtual machines' }).fill('new rack');
	await machines.focus();
	await page.keyboard.press('Control+a');
	await page.getByText('1 machine selected').waitFor();
	await page.getByRole('button', { name: 'Protect them…' }).click();
	await page.getByRole('textbox', { name: 'Name' }).fill('New arrivals');
	await page.keyboard.press('Enter');
	await page.getByRole('button', { name: 'Do not protect Rack 2/new-arrival' }).waitFor();
});

consoleTest('SNAP-05: who makes snapshots of a volume is chosen by hand; a device is added, and stays while a snapshot of it is read', async (page, server) => {
	await using connection = apiOf(server);
	const { api } = connection;
	const details = page.getByRole('complementary', { name: 'Details' });
	await page.goto(`${server.url}#/inventory`);
	const volumes = page.getByRole('grid', { name: 'Volumes' });
	await volumes.getByRole('row', { name: /home/ }).getByText('btrfs snapshot').waitFor();
	await volumes.focus();
	await page.keyboard.press('ArrowDown');
	await details.getByRole('heading', { name: '/home' }).waitFor();
	await details.getByRole('combobox', { name: /Jobs that read by/ }).click();
	await page.getByRole('option', { name: /clones of files/ }).click();
	await volumes.getByText('clones of files (reflink), chosen').waitFor();
	await details.getByLabel('Snapshots at a time').fill('65');
	await details.getByText('A number from 1 to 64.').waitFor();
	await details.getByLabel('Snapshots at a time').fill('8');
	await details.getByRole('button', { name: 'Save' }).click();
	await details.getByRole('button', { name: 'Save' }).waitFor({ state: 'hidden' });
	const home = (await api.volumes.list.query({})).find(({ id }) => id === '/home');
	assert.deepEqual([home?.provider, home?.choice, home?.maxSnapshots], ['reflink', 'reflink', 8]);

	await page.getByRole('tab', { name: 'Devices' }).click();
	await page.getByRole('button', { name: 'Add device' }).click();
	const dialog = page.getByRole('dialog', { name: 'Add device' });
	await dialog.getByRole('textbox', { name: 'Name' }).fill('Warehouse');
	await dialog.getByRole('textbox', { name: 'Raw image or block device' }).fill('/nowhere');
	await dialog.getByRole('button', { name: 'Add and serve' }).click();
	await dialog.getByText('/nowhere does not exist.').waitFor();
	await dialog.getByRole('textbox', { name: 'Raw image or block device' }).fill('/vm/warehouse.img');
	await dialog.getByRole('button', { name: 'Add and serve' }).click();
	await details.getByText('nbd+unix:///Warehouse').waitFor();
	await page.getByRole('grid', { name: 'Devices' }).getByText('Database', { exact: true }).click();
	await details.getByText('3.40 GiB overwritten since').waitFor();
	await details.getByRole('button', { name: 'Remove…' }).click();
	const removal = page.getByRole('dialog', { name: 'Remove the device “Database”?' });
	await removal.getByText('2 connections of its users are cut').waitFor();
	await removal.getByRole('button', { name: 'Serve it no longer' }).click();
	await removal.getByText('A snapshot of “Database” is being read.').waitFor();
});

consoleTest(
	'QUIESCE-02: a session and its point say what was read, what was asked for instead, who held still, and how consistent that is',
	async (page, server) => {
		await using connection = apiOf(server);
		const { api } = connection;
		const newest = async (object: string) => {
			const point = (await api.points.list.query({ object })).find(({ restorable }) => restorable);
			assert.ok(point, object);
			return point;
		};
		const home = await newest('folder:/home');
		await page.goto(`${server.url}#/sessions/${home.sessionId}`);
		await page.getByText('Btrfs snapshot').first().waitFor();
		await page.getByRole('button', { name: 'Details of /home' }).click();
		await page.getByText('PostgreSQL 15, the script /etc/holdfast/app.sh').waitFor();
		await page.getByText('Application-consistent: all applications of the job held still').waitFor();
		const etc = await newest('folder:/etc');
		await page.goto(`${server.url}#/sessions/${etc.sessionId}`);
		await page.getByText('No provider can make snapshots of /.').first().waitFor();
		await page.goto(`${server.url}#/restore/point/${etc.id}`);
		await page.getByText('Crash-consistent, read live').waitFor();
		await page.getByText('No provider can make snapshots of /.').waitFor();
		await page.goto(`${server.url}#/restore/point/${home.id}`);
		await page.getByText(/from: btrfs snapshot, while PostgreSQL 15, .* held still/).waitFor();
	},
);

consoleTest('a virtual machine is restored from its point: what happens is said first, refusals at their field, and one disk alone', async (page, { url }) => {
	await page.goto(`${url}#/restore?object=vm%3ARack+1%2Fdatabase`);
	await page.getByRole('button', { name: 'Restore machine…' }).click();
	const dialog = page.getByRole('dialog');
	await dialog.getByText('“database-restored” is registered on Rack 1 as a copy of “database”. It stays off.').waitFor();
	assert.equal(await dialog.getByRole('radio', { name: 'The machine that it was' }).isDisabled(), true, 'it is there');
	const name = dialog.getByLabel('Name of the copy');
	await name.fill('mail');
	await dialog.getByText(/There is a virtual machine “mail” on Rack 1 already/).waitFor();
	assert.equal(await dialog.getByRole('button', { name: 'Restore', exact: true }).isDisabled(), true);
	await name.fill('database-2');
	await dialog.getByRole('radio', { name: /^All into one/ }).click();
	await dialog.getByRole('textbox', { name: 'Folder' }).fill('/srv');
	await dialog.getByText(/exists already/).waitFor();
	await dialog.getByRole('checkbox', { name: /^Replace/ }).check();
	await dialog.getByRole('checkbox', { name: /^Start it/ }).check();
	const restore = dialog.getByRole('button', { name: 'Restore and replace files' });
	await dialog.getByText(/3 files that are there now will be lost/).waitFor();
	assert.equal(await restore.isDisabled(), true, 'nobody has agreed to that');
	await dialog.getByLabel(/Type “database-2”/).fill('database-2');
	await restore.click();
	await page.waitForURL(/#\/sessions\//);

	await page.goto(`${url}#/restore?object=vm%3ARack+1%2Fdatabase`);
	await page.getByText('vdb.raw').click();
	await page.getByRole('button', { name: 'Restore this disk…' }).click();
	await dialog.getByLabel(/^Target file/).fill('/srv/new.qcow2');
	await dialog.getByText(/A new file in/).waitFor();
	assert.equal(await dialog.getByRole('radio', { name: 'qcow2' }).isChecked(), true);
	await dialog.getByRole('button', { name: 'Restore the disk' }).click();
	await page.waitForURL(/#\/sessions\//);
});
