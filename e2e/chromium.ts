/**
 * Debian's Chromium for tests. Its headless shell draws the same pages for less than half the processor time of the whole browser, which
 * is the second choice; without either, Playwright takes its own.
 */
import type { TestContext } from 'node:test';
import { type Browser, chromium } from 'playwright';
import { findTool, requireTool } from '../engine/base/testing.ts';

const headlessShell = 'chromium-headless-shell';
const findChromium = (): string | undefined => process.env.HOLDFAST_CHROMIUM ?? findTool(headlessShell) ?? findTool('chromium');

/** False: the test is skipped, as by `requireTool`. */
export const requireChromium = (t: TestContext): boolean => findChromium() !== undefined || requireTool(t, headlessShell);

/** Without its sandbox, since that refuses to run as root. */
export function launchChromium(...args: string[]): Promise<Browser> {
	const executablePath = findChromium();
	return chromium.launch({ ...(executablePath !== undefined && { executablePath }), args: ['--no-sandbox', ...args] });
}
