/** A page of Chromium for a test, and photographs of it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { BrowserContextOptions, Page } from 'playwright';
import { launchChromium } from './chromium.ts';

const usualViewport = { width: 1360, height: 860 } as const;

/** Gives a page of a fresh Chromium to the test; a failure leaves a photograph named after the test. */
export async function inBrowser(t: TestContext, use: (page: Page) => Promise<void>, options: BrowserContextOptions = {}): Promise<void> {
	const browser = await launchChromium();
	try {
		const context = await browser.newContext({ viewport: usualViewport, locale: 'en-GB', reducedMotion: 'reduce', ...options });
		const page = await context.newPage();
		page.setDefaultTimeout(20_000);
		const problems = watchProblems(page);
		await use(page).catch((error: unknown) => photographFailure(page, t, error));
		assert.deepEqual(problems, [], 'no script of the page threw, and its security policy stopped nothing');
	} finally {
		await browser.close();
	}
}

export async function photographFailure(page: Page, t: TestContext, error: unknown): Promise<never> {
	// The page may be gone; the error is what matters.
	await photograph(page, `failed-${t.name.replaceAll(/[^a-z0-9]+/gi, '-').slice(0, 60)}`).catch(() => undefined);
	throw error;
}

/** Collects what its scripts throw and what the content security policy stops. */
export function watchProblems(page: Page): string[] {
	const problems: string[] = [];
	page.on('pageerror', (error) => problems.push(String(error)));
	page.on('console', (message) => {
		if (message.type() === 'error' && /Content Security Policy|Refused to/.test(message.text())) problems.push(message.text());
	});
	return problems;
}

/** Kept out of version control; the README and whoever reviews the console look here. */
export const photograph = (page: Page, name: string): Promise<unknown> =>
	page.screenshot({ path: join(import.meta.dirname, 'screenshots', `${name}.png`), animations: 'disabled' });
