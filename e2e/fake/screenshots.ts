/**
 * Photographs every page of the built console in its states into `e2e/screenshots/`: light, dark, small, empty, error, crowded.
 * `node e2e/fake/screenshots.ts [part of a name…]`. Ends with 1 when a page reported an error in its console.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright';
import { launchChromium } from '../chromium.ts';
import { serveFake } from './serve.ts';
import type { Scenario } from './site.ts';

type Shot = { readonly name: string; readonly place: string; readonly act?: (page: Page) => Promise<void> };
type Look = { readonly name: string; readonly scenario: Scenario; readonly width: number; readonly height: number; readonly scheme: 'light' | 'dark' };

const folder = join(import.meta.dirname, '../screenshots');
const looks: readonly Look[] = [
	{ name: 'light', scenario: 'normal', width: 1440, height: 900, scheme: 'light' },
	{ name: 'dark', scenario: 'normal', width: 1440, height: 900, scheme: 'dark' },
	{ name: 'small', scenario: 'normal', width: 1024, height: 640, scheme: 'light' },
	{ name: 'empty', scenario: 'empty', width: 1440, height: 900, scheme: 'light' },
	{ name: 'error', scenario: 'error', width: 1440, height: 900, scheme: 'light' },
	{ name: 'crowded', scenario: 'crowded', width: 1440, height: 900, scheme: 'light' },
	{ name: 'rescued', scenario: 'rescued', width: 1440, height: 900, scheme: 'light' },
];

const next = async (page: Page): Promise<void> => {
	await page.getByRole('button', { name: 'Next' }).click();
	await page.waitForTimeout(500);
};
const fillName = (page: Page): Promise<void> => page.getByRole('textbox', { name: 'Name' }).fill('Shared documents');
const tick = async (page: Page): Promise<void> => {
	await page.getByLabel('Path on the server').fill('/srv/shares');
	await page.getByRole('button', { name: 'Go' }).click();
	await page.waitForTimeout(400);
	for (const row of [0, 2]) await page.getByRole('checkbox', { name: 'Select', exact: true }).nth(row).check();
	await page.waitForTimeout(800);
};
const toStep =
	(count: number) =>
	async (page: Page): Promise<void> => {
		await fillName(page);
		for (let step = 0; step < count; step++) {
			await next(page);
			if (step === 0) await tick(page);
		}
		await page.waitForTimeout(500);
	};

const firstRow = (label: string) => (page: Page) => page.getByRole('grid', { name: label }).getByRole('row').nth(1).click();

const shots: readonly Shot[] = [
	{ name: 'home', place: '/' },
	{
		name: 'home-below',
		place: '/',
		act: (page) =>
			page
				.locator('main > div')
				.first()
				.evaluate((element) => element.scrollTo(0, 10_000)),
	},
	{ name: 'jobs', place: '/jobs' },
	{ name: 'jobs-details', place: '/jobs', act: firstRow('Jobs') },
	{ name: 'jobs-running', place: '/jobs/job-mail' },
	{ name: 'jobs-selected', place: '/jobs', act: (page) => page.getByLabel('Select all').check() },
	{ name: 'wizard-1-name', place: '/jobs/new' },
	{ name: 'wizard-2-what', place: '/jobs/new', act: toStep(1) },
	{ name: 'wizard-3-where', place: '/jobs/new', act: toStep(2) },
	{ name: 'wizard-4-chain', place: '/jobs/new', act: toStep(3) },
	{
		name: 'wizard-4-encryption',
		place: '/jobs/new',
		act: async (page) => {
			await toStep(3)(page);
			await page.getByRole('radio', { name: /^With a password of its own/ }).click();
			await page.getByLabel('Password', { exact: true }).fill('seven hero');
			await page.getByLabel('The same again').fill('seven');
			await next(page);
		},
	},
	{
		name: 'wizard-8-recovery-key',
		place: '/jobs/new',
		act: async (page) => {
			await toStep(3)(page);
			await page.getByRole('radio', { name: /^With a password of its own/ }).click();
			await page.getByLabel('Password', { exact: true }).fill('seven herons left');
			await page.getByLabel('The same again').fill('seven herons left');
			for (let step = 0; step < 3; step++) await next(page);
			await page.getByRole('button', { name: 'Create the job' }).click();
			await page.getByRole('button', { name: 'I have stored it' }).waitFor();
		},
	},
	{ name: 'wizard-edit-encryption', place: '/jobs/job-finance/edit?step=summary' },
	{
		name: 'wizard-5-consistency',
		place: '/jobs/new?source=folder%3A%2Fsrv%2Fshares&source=folder%3A%2Fetc&source=folder%3A%2Fhome',
		act: async (page) => {
			await fillName(page);
			for (let step = 0; step < 4; step++) await next(page);
			for (const path of ['/etc/holdfast/app.sh', 'ledger.sh']) {
				await page.getByRole('textbox', { name: 'Script, by its whole path' }).fill(path);
				await page.keyboard.press('Enter');
			}
			await page.getByRole('radio', { name: /^Live/ }).click();
			await page.getByRole('switch', { name: /Fail rather than/ }).click();
			await next(page);
		},
	},
	{
		name: 'wizard-5-guests',
		place: '/jobs/new?source=vm%3ARack%201%2F%23production',
		act: async (page) => {
			await fillName(page);
			for (let step = 0; step < 4; step++) await next(page);
			await page.getByRole('textbox', { name: 'Script, by its whole path in the guest' }).fill('/etc/holdfast/app.sh');
			await page.keyboard.press('Enter');
			await page.getByRole('region', { name: 'Scripts in guests' }).scrollIntoViewIfNeeded();
		},
	},
	{ name: 'wizard-6-schedule', place: '/jobs/new', act: toStep(5) },
	{ name: 'wizard-7-summary', place: '/jobs/new', act: toStep(6) },
	{
		name: 'wizard-2-machines',
		place: '/jobs/new?source=vm%3ARack%201%2F%23production',
		act: async (page) => {
			await fillName(page);
			await next(page);
			await page.getByLabel('Pattern or tag').fill('web-*');
			await page.waitForTimeout(300);
		},
	},
	{
		name: 'wizard-2-on-machine',
		place: '/jobs/new',
		act: async (page) => {
			await fillName(page);
			await next(page);
			await page.getByRole('combobox', { name: 'Machine' }).click();
			await page.getByRole('option', { name: 'Vault' }).click();
			await page.waitForTimeout(400);
			for (const row of [0, 1]) await page.getByRole('checkbox', { name: 'Select', exact: true }).nth(row).check();
			await page.waitForTimeout(1200);
		},
	},
	{ name: 'wizard-edit', place: '/jobs/job-finance/edit?step=schedule' },
	{ name: 'inventory-volumes', place: '/inventory' },
	{ name: 'inventory-volume-details', place: '/inventory/volumes/%2Fhome' },
	{ name: 'inventory-devices', place: '/inventory/devices' },
	{ name: 'inventory-device-details', place: '/inventory/devices/device-1' },
	{
		name: 'inventory-device-error-edit',
		place: '/inventory/devices?add=device',
		act: async (page) => {
			await page.getByRole('textbox', { name: 'Name' }).fill('Ledger');
			await page.getByRole('textbox', { name: 'Raw image or block device' }).fill('/nowhere');
			await page.getByRole('button', { name: 'Add and serve' }).click();
			await page.getByText(/does not exist/).waitFor();
		},
	},
	{ name: 'inventory-vms', place: '/inventory/vms' },
	{ name: 'inventory-vm-details', place: '/inventory/vms', act: (page) => page.getByText('sandbox').first().click() },
	{ name: 'inventory-hosts', place: '/inventory/hosts' },
	{ name: 'inventory-host-details', place: '/inventory/hosts/host-1' },
	{ name: 'inventory-host-offline-details', place: '/inventory/hosts/host-2' },
	{
		name: 'inventory-host-edit',
		place: '/inventory/hosts?add=host',
		act: async (page) => {
			await page.getByRole('button', { name: 'Test' }).click();
			await page.getByText('It answers').waitFor();
		},
	},
	{
		name: 'inventory-host-error-edit',
		place: '/inventory/hosts?add=host',
		act: async (page) => {
			await page.getByRole('textbox', { name: 'Address' }).fill('qemu+ssh://root@nowhere/system');
			await page.getByRole('button', { name: 'Test' }).click();
			await page.getByText(/does not answer: Name/).waitFor();
		},
	},
	{
		name: 'inventory-host-in-use-edit',
		place: '/inventory/hosts/host-1',
		act: async (page) => {
			await page.getByRole('button', { name: 'Remove…' }).click();
			await page.getByRole('button', { name: 'Remove it' }).click();
			await page.getByText(/are protected by/).waitFor();
		},
	},
	{ name: 'restore', place: '/restore' },
	{ name: 'repositories', place: '/repositories' },
	{ name: 'infrastructure', place: '/infrastructure' },
	{ name: 'infrastructure-rule-edit', place: '/infrastructure?rule=rule-2' },
	{
		name: 'infrastructure-rule-error-edit',
		place: '/infrastructure?rule=new',
		act: async (page) => {
			await page.getByLabel('Name').fill('Old line');
			await page.getByLabel('Between').fill('10.0.0.0/44');
			await page.getByRole('textbox', { name: 'and', exact: true }).fill('10.8.0.1');
			await page.getByLabel('Limit').fill('5');
			await page.getByText('At some times').click();
			await page.getByLabel('From').fill('8');
			await page.getByRole('button', { name: 'Add', exact: true }).click();
			await page.getByLabel('From').fill('08:00');
			await page.getByRole('button', { name: 'Add', exact: true }).click();
			await page.waitForTimeout(500);
		},
	},
	{ name: 'import', place: '/repositories/repo-main?import=1', act: (page) => page.waitForTimeout(1500) },
	{
		name: 'import-map',
		place: '/repositories/repo-main?import=1',
		act: async (page) => {
			await page.getByRole('button', { name: 'Go on with it…' }).first().click();
			await page.waitForTimeout(600);
			const job = page.getByRole('combobox', { name: 'Job' });
			if ((await job.count()) === 0) return;
			await job.click();
			await page.getByRole('option').first().click();
			await page.waitForTimeout(600);
		},
	},
	{
		name: 'storage-check',
		place: '/repositories/repo-main',
		act: async (page) => {
			await page.getByRole('button', { name: 'More actions' }).click();
			await page.getByRole('menuitem', { name: 'Try out the storage…' }).click();
			await page.waitForTimeout(1200);
		},
	},
	{
		name: 'jobs-ad-hoc',
		place: '/jobs/job-finance',
		act: async (page) => {
			await page.getByRole('button', { name: 'Other ways to run' }).click();
			await page.getByRole('menuitem', { name: 'Ad-hoc full beside the chain…' }).click();
		},
	},
	{ name: 'jobs-objects', place: '/jobs/job-design' },
	{ name: 'job-from-chains', place: '/jobs/new?from=old-web&repository=repo-main' },
	{ name: 'point-imported', place: '/restore?object=folder%3A%2Fsrv%2Fwww&job=old-web', act: (page) => page.waitForTimeout(800) },
	{
		name: 'chains',
		place: '/repositories/repo-main',
		act: async (page) => {
			await page
				.getByRole('button', { name: /Finance share/ })
				.first()
				.click();
			await page.getByRole('row').nth(2).hover();
		},
	},
	{
		name: 'chain-removal',
		place: '/repositories/repo-main',
		act: async (page) => {
			await page
				.getByRole('button', { name: /Finance share/ })
				.first()
				.click();
			await page.getByRole('button', { name: 'Remove…' }).last().click();
		},
	},
	{ name: 'health', place: '/repositories/repo-vault?tab=health' },
	{ name: 'point', place: '/restore?object=folder%3A%2Fsrv%2Fshares%2Ffinance' },
	{
		name: 'point-on-machine',
		place: '/restore?object=folder%3A%2Fsrv%2Fshares%2Ffinance',
		act: async (page) => {
			await page.getByRole('checkbox').nth(1).check();
			await page
				.getByRole('button', { name: /^Restore/ })
				.last()
				.click();
			const dialog = page.getByRole('dialog');
			await dialog.getByLabel('Another folder').check();
			await dialog.getByLabel('Machine to restore on').first().click();
			await page.getByRole('option', { name: 'Vault' }).click();
			await dialog.getByLabel('Folder', { exact: true }).fill('/srv/back');
			await dialog.getByText('would be written').waitFor();
		},
	},
	{
		name: 'point-disk-on-machine',
		place: '/restore?object=disk%3A%2Fvar%2Flib%2Flibvirt%2Fimages%2Fweb01.qcow2',
		act: async (page) => {
			await page.getByLabel('Machine to restore on').first().click();
			await page.getByRole('option', { name: 'Vault' }).click();
			await page.getByLabel('Target file or device').fill('/srv/lab-restored.raw');
			await page.getByText('A new file in').waitFor();
		},
	},
	{ name: 'point-snapshot', place: '/restore?object=folder%3A%2Fhome' },
	{ name: 'point-live', place: '/restore?object=folder%3A%2Fetc' },
	{
		name: 'session-snapshot',
		place: '/jobs/job-vms',
		act: async (page) => {
			await page.getByRole('region', { name: 'Recent sessions' }).getByRole('listitem').first().getByRole('link').click();
			await page
				.getByRole('button', { name: /^Details of/ })
				.nth(1)
				.click();
			await page.waitForTimeout(600);
		},
	},
	{
		name: 'point-machine-restore',
		place: '/restore?object=vm%3ARack+1%2Fdatabase',
		act: async (page) => {
			await page.getByRole('button', { name: 'Restore machine…' }).click();
			await page.getByText(/is registered on/).waitFor();
		},
	},
	{
		name: 'point-machine-refused',
		place: '/restore?object=vm%3ARack+1%2Fdatabase',
		act: async (page) => {
			await page.getByRole('button', { name: 'Restore machine…' }).click();
			await page.getByLabel('Name of the copy').fill('mail');
			await page.getByText(/already/).waitFor();
		},
	},
	{
		name: 'point-machine-replaces',
		place: '/restore?object=vm%3ARack+1%2Fdatabase',
		act: async (page) => {
			await page.getByRole('button', { name: 'Restore machine…' }).click();
			await page.getByRole('radio', { name: /^All into one/ }).click();
			await page.getByRole('textbox', { name: 'Folder' }).fill('/srv');
			await page.getByRole('checkbox', { name: /^Replace/ }).check();
			await page.getByText(/will be lost/).waitFor();
		},
	},
	{
		name: 'point-machine-disk',
		place: '/restore?object=vm%3ARack+1%2Fdatabase',
		act: async (page) => {
			await page.getByText('vdb.raw').click();
			await page.getByRole('button', { name: 'Restore this disk…' }).click();
			await page.getByLabel(/^Target file/).fill('/srv/database-vdb.qcow2');
			await page.getByText(/A new file in/).waitFor();
		},
	},
	{ name: 'activity', place: '/activity' },
	{
		name: 'session',
		place: '/activity',
		act: async (page) => {
			await page.evaluate(() => location.assign('#/jobs/job-mail'));
			await page.getByRole('link', { name: 'Open the session' }).click();
			await page.waitForTimeout(800);
		},
	},
	{ name: 'machines', place: '/infrastructure/machines' },
	{ name: 'machine', place: '/infrastructure/machines/m-vault' },
	{ name: 'machine-offline', place: '/infrastructure/machines/m-branch' },
	{
		name: 'machine-add',
		place: '/infrastructure/machines',
		act: async (page) => {
			await page.getByRole('button', { name: 'Add machine' }).first().click();
			await page.getByText('--pair').waitFor();
		},
	},
	{
		name: 'machine-remove',
		place: '/infrastructure/machines/m-branch',
		act: (page) => page.getByRole('button', { name: 'Remove…' }).click(),
	},
	{
		name: 'machine-in-use',
		place: '/infrastructure/machines/m-vault',
		act: async (page) => {
			await page.getByRole('button', { name: 'Remove…' }).click();
			await page.getByRole('dialog').getByRole('button', { name: 'Remove it' }).click();
			await page.getByText(/depends on/).waitFor();
		},
	},
	{
		name: 'repository-on-machine',
		place: '/repositories',
		act: async (page) => {
			await page.getByRole('button', { name: 'Add repository' }).first().click();
			await page.getByRole('combobox', { name: 'Machine' }).click();
			await page.getByRole('option', { name: 'Vault' }).click();
			await page.getByLabel('Folder on that machine').fill('/srv/backup');
		},
	},
	{ name: 'repository-share', place: '/repositories/repo-nas' },
	{
		name: 'repository-share-refused',
		place: '/repositories/repo-nas',
		act: async (page) => {
			await page.getByRole('button', { name: 'Edit…' }).click();
			await page.getByRole('combobox', { name: 'Machine' }).click();
			await page.getByRole('option', { name: 'Vault' }).click();
			await page.getByRole('button', { name: 'Save' }).click();
			await page.getByText(/is another repository/).waitFor();
		},
	},
	{
		name: 'repository-mount-server-refused',
		place: '/repositories/repo-nas',
		act: async (page) => {
			await page.getByRole('button', { name: 'Edit…' }).click();
			await page.getByRole('combobox', { name: 'Mount server' }).click();
			await page.getByRole('option', { name: 'Vault' }).click();
			await page.getByRole('button', { name: 'Save' }).click();
			await page.getByText(/cannot be the mount server/).waitFor();
		},
	},
	{
		name: 'repository-browse-machine',
		place: '/repositories',
		act: async (page) => {
			await page.getByRole('button', { name: 'Add repository' }).first().click();
			await page.getByRole('combobox', { name: 'Machine' }).click();
			await page.getByRole('option', { name: 'Vault' }).click();
			await page.getByRole('button', { name: 'Browse…' }).click();
			await page.getByRole('listbox').or(page.getByLabel('Places on the machine')).first().waitFor();
		},
	},
	{ name: 'settings', place: '/settings' },
	{ name: 'key-confirm', place: '/settings?confirm=8c40be1177aa02d9' },
	{
		name: 'key-password-pending',
		place: '/settings',
		act: async (page) => {
			await page.getByRole('button', { name: 'Change password…' }).nth(1).click();
			await page.getByLabel('New password').fill('nine herons came back');
			await page.getByLabel('The same again').fill('nine herons came back');
			await page.getByRole('button', { name: 'Change the password' }).click();
			await page.getByText(/Not yet changed/).waitFor();
		},
	},
	{
		name: 'key-menu',
		place: '/settings',
		act: (page) =>
			page
				.getByRole('button', { name: /^More actions of the key/ })
				.first()
				.click(),
	},
	{
		name: 'repository-encryption',
		place: '/repositories/repo-vault',
		act: async (page) => {
			await page.getByRole('button', { name: 'Edit…' }).click();
			await page.getByRole('radio', { name: /^Not encrypted/ }).click();
			await page.waitForTimeout(300);
		},
	},
	{
		name: 'unlock',
		place: '/repositories/repo-main',
		act: async (page) => {
			await page.getByRole('button', { name: 'Unlock…' }).click();
			await page.getByLabel('Password of the backups').fill('wrong');
			await page.getByRole('button', { name: 'Unlock', exact: true }).click();
			await page.getByText(/opens no chain/).waitFor();
		},
	},
	{ name: 'locked', place: '/repositories/repo-main' },
	{
		name: 'palette',
		place: '/',
		act: async (page) => {
			await page.keyboard.press('Control+k');
			await page.keyboard.type('mail');
		},
	},
];

/** What a look cannot show: nothing to click in an empty or a broken site. */
const isPossible = ({ name }: Shot, { scenario }: Look): boolean =>
	(scenario === 'normal' && !/^unlock|^locked/.test(name)) ||
	!/-details|jobs-|chain|health|point|key-|unlock|locked|encryption|recovery|wizard-(?!1)|below|edit|palette|session|import-map|storage/.test(name) ||
	(scenario === 'rescued' && /import|storage|^unlock|^locked/.test(name)) ||
	(scenario === 'crowded' && /jobs-details|jobs-selected|below|palette/.test(name));

async function photograph(browser: Browser, look: Look, wanted: readonly string[]): Promise<string[]> {
	const problems: string[] = [];
	const server = await serveFake(look.scenario);
	const context = await browser.newContext({
		viewport: { width: look.width, height: look.height },
		colorScheme: look.scheme,
		locale: 'en-GB',
		reducedMotion: 'reduce',
	});
	for (const shot of shots) {
		const name = `${shot.name}.${look.name}`;
		if (!isPossible(shot, look) || (wanted.length > 0 && !wanted.some((part) => name.includes(part)))) continue;
		const page = await context.newPage();
		page.setDefaultTimeout(20_000);
		page.on('pageerror', (error) => problems.push(`${name}: ${error.message}`));
		page.on('console', (message) => message.type() === 'error' && problems.push(`${name}: ${message.text()}`));
		await page.goto(`${server.url}#${shot.place}`);
		await page.waitForTimeout(look.scenario === 'crowded' ? 2500 : 1200);
		try {
			await shot.act?.(page);
		} catch (error) {
			problems.push(`${name}: ${error instanceof Error ? error.message.split('\n')[0] : error}`);
		}
		await page.waitForTimeout(300);
		await page.screenshot({ path: join(folder, `${name}.png`) });
		await page.close();
	}
	await context.close();
	await server.close();
	return problems;
}

await mkdir(folder, { recursive: true });
await using browser = await launchChromium();
const problems: string[] = [];
for (const look of looks) problems.push(...(await photograph(browser, look, process.argv.slice(2))));
for (const problem of problems) console.error(problem);
console.log(`Pictures are in ${folder}.`);
process.exitCode = problems.length > 0 ? 1 : 0;
