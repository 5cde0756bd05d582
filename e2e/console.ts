/** The console as a person uses it: by what is written on it. Every method ends when the page shows that it is done. */
import type { Locator, Page } from 'playwright';

export type Section = 'Home' | 'Jobs' | 'Restore' | 'Repositories' | 'Infrastructure' | 'Activity' | 'Settings';
/** A session of the tests takes seconds; a busy machine gets more. */
const sessionTimeoutMs = 90_000;

export class Console {
	readonly page: Page;

	constructor(page: Page) {
		this.page = page;
	}

	async go(section: Section): Promise<void> {
		await this.page.getByRole('navigation', { name: 'Sections' }).getByRole('link', { name: section }).click();
		await this.page.getByRole('heading', { level: 1, name: section }).waitFor();
	}

	/** The row of a table of the current page. */
	row(table: string, text: string): Locator {
		return this.page.getByRole('grid', { name: table }).getByRole('row').filter({ hasText: text });
	}

	async addRepository(name: string, path: string): Promise<void> {
		await this.go('Repositories');
		await this.page.getByRole('button', { name: 'Add repository' }).first().click();
		const dialog = this.page.getByRole('dialog', { name: 'Add repository' });
		await dialog.getByRole('textbox', { name: 'Name' }).fill(name);
		await dialog.getByLabel('Folder on the server').fill(path);
		await dialog.getByRole('button', { name: 'Try it out and add' }).click();
		await dialog.waitFor({ state: 'hidden' });
		await this.page.getByText(name).first().waitFor();
	}

	/** Opens the wizard and goes to its step `What`. */
	async beginJob(name: string): Promise<void> {
		await this.go('Jobs');
		await this.page.getByRole('button', { name: 'New job' }).first().click();
		await this.page.getByRole('textbox', { name: 'Name' }).fill(name);
		await this.next('What');
	}

	/** Leaves a step of the wizard; the engine has nothing against it. */
	async next(title: string): Promise<void> {
		await this.page.getByRole('button', { name: 'Next' }).click();
		await this.wizardStep(title).waitFor();
	}

	wizardStep(title: string): Locator {
		return this.page.getByRole('navigation', { name: 'Steps' }).locator('[aria-current=step]').filter({ hasText: title });
	}

	/** Types a path of the server and adds it. */
	async addPath(path: string): Promise<void> {
		await this.page.getByLabel('Path on the server').fill(path);
		await this.page.getByRole('button', { name: 'Add this path' }).click();
		await this.page.getByRole('button', { name: `Do not protect ${path}` }).waitFor();
	}

	/** Looks into a folder of the server and ticks an entry of it. */
	async tickPath(folder: string, name: string): Promise<void> {
		await this.page.getByLabel('Path on the server').fill(folder);
		await this.page.getByRole('button', { name: 'Go', exact: true }).click();
		await this.row(`Content of ${folder}`, name).getByRole('checkbox', { name: 'Select' }).check();
		await this.page.getByRole('button', { name: `Do not protect ${folder}/${name}` }).waitFor();
	}

	/** From `What` to the end; ends on the job's details. */
	async finishJob({ repository, runNow = false }: { readonly repository: string; readonly runNow?: boolean }): Promise<void> {
		await this.next('Where');
		await this.page.getByRole('radio', { name: repository }).click();
		await this.next('Chain and retention');
		await this.next('Consistency');
		await this.next('Schedule');
		await this.next('Summary');
		if (runNow) await this.page.getByLabel('Run it now').check();
		await this.page.getByRole('button', { name: 'Create the job' }).click();
		await this.details().getByRole('button', { name: 'Edit' }).waitFor();
	}

	details(): Locator {
		return this.page.getByRole('complementary');
	}

	/** Opens a job in the list, starts it, and looks at the running session in the job's details. */
	async runJob(name: string): Promise<void> {
		await this.go('Jobs');
		await this.row('Jobs', name).click();
		await this.details().getByRole('button', { name: 'Run now' }).click();
	}

	/** Runs a job and stays with its details until they show that it went well. */
	async runJobToSuccess(name: string): Promise<void> {
		await this.runJob(name);
		await this.details()
			.getByRole('link', { name: /Success/ })
			.first()
			.waitFor({ timeout: 90_000 });
	}

	/** While the job runs its details show how far it is; from there to the page of the session. */
	async watchRunningSession(): Promise<void> {
		const running = this.details().getByRole('region', { name: 'Running session' });
		await running.getByRole('progressbar', { name: 'Progress' }).waitFor();
		await running.getByRole('link', { name: 'Open the session' }).click();
		await this.page.getByRole('region', { name: 'Summary' }).waitFor();
	}

	/** On a session's page: waits for its end, whatever that is, and gives the word for it. */
	async sessionResult(): Promise<string> {
		const summary = this.page.getByRole('region', { name: 'Summary' });
		const final = summary.getByText(/^(Success|Warning|Failed|Cancelled|Interrupted)$/);
		await final.waitFor({ timeout: sessionTimeoutMs });
		return (await final.textContent()) ?? '';
	}

	async openNewestPoint(objectPath: string): Promise<void> {
		await this.go('Restore');
		await this.row('Protected objects', objectPath).getByRole('link', { name: objectPath }).click();
		await this.page.getByRole('heading', { level: 1, name: objectPath }).waitFor();
	}

	async openFolder(name: string): Promise<void> {
		await this.page.getByRole('gridcell').getByRole('button', { name, exact: true }).click();
		await this.page.getByRole('navigation', { name: 'Folder' }).getByRole('link', { name, exact: true }).waitFor();
	}

	async select(...names: string[]): Promise<void> {
		for (const name of names) await this.page.getByRole('checkbox', { name: `Restore ${name}`, exact: true }).check();
	}

	/** Opens the dialog for what is selected, or for all of the folder that is shown. */
	async beginRestore(what: 'selection' | 'everything'): Promise<Locator> {
		await this.page.getByRole('button', { name: what === 'everything' ? 'Restore everything…' : /^Restore \d+ items?.*…$/ }).click();
		return this.page.getByRole('dialog', { name: /^Restore/ });
	}

	/** Ends on the page of the restore session, with its result. */
	async restoreTo(folder: string, what: 'selection' | 'everything'): Promise<string> {
		const dialog = await this.beginRestore(what);
		await dialog.getByLabel('Another folder').check();
		await dialog.getByRole('textbox', { name: 'Folder' }).fill(folder);
		await dialog
			.getByRole('region', { name: 'Dry run' })
			.getByText(/would be written/)
			.waitFor();
		await dialog.getByRole('button', { name: 'Restore', exact: true }).click();
		return this.sessionResult();
	}

	async restoreDiskTo(path: string): Promise<string> {
		await this.page.getByLabel('Target file or device').fill(path);
		await this.page.getByText(/^A new file in/).waitFor();
		await this.page.getByRole('button', { name: 'Restore the disk' }).click();
		return this.sessionResult();
	}

	/** Clicks `Download` for what is selected. How the content arrives depends on the home of the console. */
	async download(): Promise<void> {
		const dialog = await this.beginRestore('selection');
		await dialog.getByLabel('Download to the computer in front of you').check();
		await dialog.getByRole('button', { name: 'Download', exact: true }).click();
		await dialog.waitFor({ state: 'hidden' });
	}
}
