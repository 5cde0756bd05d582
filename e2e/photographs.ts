import { photograph } from './browser.ts';
import type { Console, Section } from './console.ts';

const sections: readonly Section[] = ['Home', 'Jobs', 'Restore', 'Repositories', 'Infrastructure', 'Activity', 'Settings'];

/** Every section of the rail as it is now. All looks of all pages are drawn by `fake/screenshots.ts`. */
export async function photographPages({ page }: Console, prefix: string): Promise<void> {
	for (const section of sections) {
		await page.getByRole('navigation', { name: 'Sections' }).getByRole('link', { name: section }).click();
		await page.waitForFunction(() => document.querySelector('main')?.innerText.trim());
		await photograph(page, `${prefix}-${section.toLowerCase()}`);
	}
}
