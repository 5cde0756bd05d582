/**
 * Loaded before each test file (`--import`, which threads inherit): threads start from the bundle, as they do for users, and not from the
 * sources, whose hundred modules take longer to load than most tests to run.
 */
import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { bundleFolder } from '../engine/cli/bundle.js';

const folder = bundleFolder(join(import.meta.dirname, '..'));

/** @param {string} url what a thread was started from */
function bundled(url) {
	const path = url.startsWith('file:') && url.endsWith('.ts') ? join(folder, `${basename(fileURLToPath(url), '.ts')}.js`) : '';
	return existsSync(path) ? pathToFileURL(path).href : url;
}

if (!isMainThread) {
	const isEntry = (/** @type {{ parentURL?: string }} */ { parentURL }) => parentURL === undefined;
	registerHooks({ resolve: (specifier, context, next) => next(isEntry(context) ? bundled(specifier) : specifier, context) });
}
