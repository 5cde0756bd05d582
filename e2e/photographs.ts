import { photograph, usualViewport } from './browser.ts';
import type { Console, Section } from './console.ts';

const sections: readonly Section[] = ['Home', 'Jobs', 'Restore', 'Repositories', 'Infrastructure', 'Activity', 'Settings'];
const looks = [
	{ name: 'light', colorScheme: 'light', viewport: usualViewport },
	{ name: 'dark', colorScheme: 'dark', viewport: usualViewport },
	/** The smallest size in which the console promises to be usable. */
	{ name: 'small', colorScheme: 'light', viewport: { width: 1024, height: 640 } },
] as const;

/** Every section of the rail as it is now, in every look. */
export async function photographPages({ page }: Console, prefix: string): Promise<void> {
	for (const section of sections) {
		await page.getByRole('navigation', { name: 'Sections' }).getByRole('link', { name: section }).click();
		await page.waitForFunction(() => document.querySelector('main')?.innerText.trim());
		for (const { name, colorScheme, viewport } of looks) {
			await page.emulateMedia({ colorScheme });
			await page.setViewportSize(viewport);
			await photograph(page, `${prefix}-${section.toLowerCase()}-${name}`);
		}
		await page.emulateMedia({ colorScheme: 'light' });
		await page.setViewportSize(usualViewport);
	}
}
