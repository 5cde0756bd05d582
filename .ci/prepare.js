/**
 * npm's `prepare`: after an installation with development tools the browser console is built, so that the server has
 * something to serve, and the command line is bundled, so that it starts fast. An installation without them, or something that
 * cannot be built, is no reason to have no command line.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

if (existsSync(join(root, 'node_modules', 'vite')) && existsSync(join(root, 'electron', 'build.ts'))) {
	try {
		const { buildRenderer, isRendererStale } = await import('../electron/build.ts');
		if (isRendererStale()) await buildRenderer();
		const { bundleEngine } = await import('./bundle-engine.ts');
		await bundleEngine();
	} catch (error) {
		console.error(error);
		console.error(
			'The console or the bundle of the command line could not be built: see above. "npm run build" tries again; the command line works without it.',
		);
	}
}
