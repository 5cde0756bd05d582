/**
 * Builds the desktop: `dist/desktop` (main process, preload and engine) and `dist/renderer` (the console).
 *
 * The main process is not bundled. Its sources and the engine's are copied with the types struck out: workers are loaded by
 * path, so the tree must keep its form, and nothing then depends on whether an Electron release can strip types by itself.
 * Only the preload is bundled, because a sandboxed preload may require nothing but `electron`.
 */
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'vite';

const root = join(import.meta.dirname, '..');
const desktopFolder = join(root, 'dist', 'desktop');
const rendererPage = join(root, 'dist', 'renderer', 'index.html');

const desktopSources = ['electron/*.ts', 'engine/**/*.{ts,js}'];
/** Not part of the running desktop. */
const left = [/\.test\.ts$/, /\.d\.ts$/, /^electron\/(build|start|preload|electron-binary)\.ts$/, /^engine\/cli\//, /\/(golden|fixtures)\//];
const rendererSources = ['renderer/**', 'engine/contract/*.ts', 'vite.config.ts', 'package-lock.json'];

export async function buildDesktop(): Promise<void> {
	rmSync(desktopFolder, { recursive: true, force: true });
	for (const path of sources(desktopSources)) {
		if (left.some((pattern) => pattern.test(path))) continue;
		const target = join(desktopFolder, path.replace(/\.ts$/, '.js'));
		mkdirSync(dirname(target), { recursive: true });
		const source = readFileSync(join(root, path), 'utf8');
		writeFileSync(target, path.endsWith('.ts') ? withoutTypes(source) : source);
	}
	// The engine reads its version here.
	cpSync(join(root, 'package.json'), join(desktopFolder, 'package.json'));
	await build({
		configFile: false,
		root,
		logLevel: 'warn',
		build: {
			outDir: join(desktopFolder, 'electron'),
			emptyOutDir: false,
			lib: { entry: join(root, 'electron', 'preload.ts'), formats: ['cjs'], fileName: () => 'preload.cjs' },
			rolldownOptions: { external: ['electron'] },
			target: 'node24',
			minify: false,
		},
	});
}

export async function buildRenderer(): Promise<void> {
	await build({ configFile: join(root, 'vite.config.ts'), root: join(root, 'renderer'), logLevel: 'warn' });
}

export function isRendererStale(): boolean {
	if (!existsSync(rendererPage)) return true;
	const builtAt = statSync(rendererPage).mtimeMs;
	return sources(rendererSources).some((path) => statSync(join(root, path)).mtimeMs > builtAt);
}

/** Types become blanks, so lines and columns in stack traces stay those of the sources; relative `./x.ts` becomes `./x.js`, in imports and in worker URLs. */
const withoutTypes = (source: string): string => stripTypeScriptTypes(source, { mode: 'strip' }).replaceAll(/(['"])(\.{1,2}\/[^'"\n]*)\.ts\1/g, '$1$2.js$1');

const sources = (patterns: string[]): string[] => globSync(patterns, { cwd: root }).map((path) => path.replaceAll('\\', '/'));

if (import.meta.main) {
	await buildDesktop();
	if (isRendererStale()) await buildRenderer();
}
