/**
 * `dist/engine`: the command line with the engine and its threads, joined to a few files with what they use of the dependencies. Loading
 * five hundred modules takes longer than most commands. The program runs from its sources where this was never made, and as soon as one
 * of them is not as it was then (engine/cli/bundle.js).
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { build, type Plugin } from 'vite';
import { bundleFolder, describeSource, sourceList } from '../engine/cli/bundle.js';

const root = join(import.meta.dirname, '..');

/**
 * The program, and each thread by itself: a thread that loads one file starts sooner than one that loads the twenty which it would share with others.
 */
export async function bundleEngine(folder: string = bundleFolder(root)): Promise<void> {
	rmSync(folder, { recursive: true, force: true }); // nothing starts from what is half there
	const sources = new Set<string>();
	const entries = new Set([join(root, 'engine', 'cli', 'program.ts')]);
	for (const entry of entries) await bundleEntry(entry, folder, [threadsInto(entries), listSources(sources), inAscii]); // which finds the next ones
	const list = [...[...sources].sort(), 'package-lock.json'].map((path) => describeSource(root, path));
	writeFileSync(join(folder, sourceList), JSON.stringify(list));
}

async function bundleEntry(entry: string, folder: string, plugins: Plugin[]): Promise<void> {
	await build({
		configFile: false,
		root,
		logLevel: 'warn',
		plugins,
		ssr: { noExternal: true, external: ['koffi'] }, // koffi looks for its binary beside itself
		build: {
			ssr: entry,
			outDir: folder,
			emptyOutDir: false,
			copyPublicDir: false,
			target: 'node24',
			minify: false, // stack traces keep the names of the sources
			rolldownOptions: {
				output: { entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js', comments: false },
				// What a thread does not use of an index it need not load: the router, for one.
				treeshake: { moduleSideEffects: (id) => !id.startsWith(join(root, 'engine')) || id === entry },
			},
		},
	});
}

/** A module that runs in a thread is named by `new URL('./x.ts', import.meta.url)`: it becomes a file `x.js` beside the others. */
const threadsInto = (entries: Set<string>): Plugin => ({
	name: 'threads-as-entries',
	enforce: 'pre',
	transform(code, id) {
		if (!id.startsWith(join(root, 'engine'))) return undefined;
		return code.replaceAll(/new URL\('(\.\/[\w-]+)\.ts', import\.meta\.url\)/g, (_, path: string) => {
			const module = join(dirname(id), `${path}.ts`);
			if (!existsSync(module)) throw new Error(`${id} names the thread ${path}.ts, which does not exist.`);
			entries.add(module);
			return `new URL('./${basename(path)}.js', import.meta.url)`;
		});
	},
});

/** Node reads a file of ASCII several times as fast as one with any other character, and V8 keeps it in half the memory. */
const inAscii: Plugin = {
	name: 'in-ascii',
	enforce: 'post',
	generateBundle(_, files) {
		for (const file of Object.values(files)) if (file.type === 'chunk') file.code = escaped(file.code);
	},
};

function escaped(code: string): string {
	if (/String\.raw`[^`]*[^\0-\x7f]/.test(code)) throw new Error('A template that is taken as it stands holds a character outside of ASCII.');
	return code.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const listSources = (sources: Set<string>): Plugin => ({
	name: 'list-sources',
	buildEnd() {
		const own = [...this.getModuleIds()].map((id) => relative(root, id)).filter((path) => /^(engine[/\\]|package\.json$)/.test(path));
		for (const path of own) sources.add(path);
	},
});

if (import.meta.main) await bundleEngine();
