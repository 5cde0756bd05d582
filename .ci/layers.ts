/**
 * The import table of the architecture, enforced: who may import whom. `npm run layers` reads every source file and fails
 * with file, line, import and the rule that it breaks. Type-only imports, re-exports, dynamic imports and worker URLs count like any other.
 */
import { globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { parseSync, Visitor } from 'vite';

export type SourceFile = { readonly path: string; readonly text: string };
export type Violation = { readonly file: string; readonly line: number; readonly specifier: string; readonly rule: string };

/** Upper may import lower. `contract` and `base` lie under all of them and are not named here. */
const layers = [
	'cli',
	'server',
	'api',
	'places',
	'infra',
	'jobs',
	'restore',
	'mover',
	'source',
	'snapshot',
	'repository',
	'format',
	'block',
	'config',
	'platform',
];
/** Joined by `jobs`, so that either can change without the other, although one stands higher. */
const strangers = [['mover', 'snapshot']];
const compositionRoots = ['engine/engine.ts', 'engine/data-mover.ts'];
const productFolders = ['engine', 'renderer', 'electron'];
/** Tests, and what only tests import. */
const testFile = /\.test\.tsx?$|(^|\/)(testing|testbed)(\.ts$|\/)|-suite\.ts$/;
const adapterFolder = /^(.*\/(?:providers|writers|adapters))\//;
const inputAndOutput = /^node:(fs|fs\/promises|net|tls|http|https|http2|dgram|child_process|sqlite)$/;

/** One end of an import. `module` is the folder below `engine/`, and absent elsewhere. */
type Place = { readonly path: string; readonly top: string; readonly module: string | undefined; readonly isTest: boolean };

const placeOf = (path: string): Place => {
	const parts = path.split('/');
	const top = parts[0] ?? '';
	return { path, top, module: top === 'engine' && parts.length > 2 ? parts[1] : undefined, isTest: testFile.test(path) };
};

type OwnRule = { readonly says: string; readonly isBroken: (from: Place, to: Place) => boolean };
type PackageRule = { readonly says: string; readonly isBroken: (from: Place, specifier: string) => boolean };

const isForAll = (module: string): boolean => module === 'contract' || module === 'base';
const crossesModules = (from: Place, to: Place): boolean => to.module !== undefined && from.module !== to.module;
const isIndex = (place: Place): boolean => place.path === `engine/${place.module}/index.ts`;

const ownRules: readonly OwnRule[] = [
	{
		says: 'the contract imports nothing of ours',
		isBroken: (from, to) => from.module === 'contract' && to.module !== 'contract',
	},
	{
		says: 'base imports only the contract',
		isBroken: (from, to) => from.module === 'base' && to.module !== 'base' && to.module !== 'contract',
	},
	{
		says: `a folder in engine/ has its place in the order: ${layers.join(' > ')} > (base, contract)`,
		isBroken: (from, to) => [from.module, to.module].some((module) => module !== undefined && !isForAll(module) && !layers.includes(module)),
	},
	{
		says: `imports point downwards: engine.ts > ${layers.join(' > ')}`,
		isBroken: (from, to) => {
			if (from.module === undefined || to.module === undefined || from.module === to.module) return false;
			return !isForAll(from.module) && !isForAll(to.module) && layers.indexOf(from.module) > layers.indexOf(to.module);
		},
	},
	{
		says: 'mover and snapshot do not know each other: jobs joins them',
		isBroken: (from, to) => strangers.some(([a, b]) => (from.module === a && to.module === b) || (from.module === b && to.module === a)),
	},
	{
		says: 'outside a module only its index.ts is imported (by tests also its testing.ts)',
		isBroken: (from, to) =>
			productFolders.includes(from.top) &&
			crossesModules(from, to) &&
			!isIndex(to) &&
			!(from.isTest && to.isTest) &&
			!(compositionRoots.includes(from.path) && adapterFolder.test(to.path)),
	},
	{
		says: 'nobody names adapters but engine/engine.ts, engine/data-mover.ts, and tests of their module',
		isBroken: (from, to) => {
			const folder = adapterFolder.exec(to.path)?.[1];
			const isOwnTest = from.isTest && from.module === to.module;
			return (
				folder !== undefined && productFolders.includes(from.top) && !compositionRoots.includes(from.path) && !isOwnTest && !from.path.startsWith(`${folder}/`)
			);
		},
	},
	{
		says: 'engine/engine.ts is imported only by cli, by the main process of the desktop and by tests beside it, and engine/data-mover.ts by cli',
		isBroken: (from, to) =>
			compositionRoots.includes(to.path) &&
			productFolders.includes(from.top) &&
			from.module !== 'cli' &&
			!(from.top === 'electron' && from.path !== 'electron/preload.ts' && to.path === compositionRoots[0]) &&
			!(from.top === 'engine' && from.module === undefined),
	},
	{
		says: 'the renderer imports only engine/contract',
		isBroken: (from, to) => from.top === 'renderer' && to.top !== 'renderer' && to.module !== 'contract' && !(from.isTest && to.isTest),
	},
	{
		says: 'electron imports only engine/contract and engine/engine.ts',
		isBroken: (from, to) =>
			from.top === 'electron' && to.top !== 'electron' && to.module !== 'contract' && to.path !== compositionRoots[0] && !(from.isTest && to.isTest),
	},
	{
		says: 'the product does not import its tests, benchmarks and tools',
		isBroken: (from, to) => productFolders.includes(from.top) && !from.isTest && (to.isTest || (!productFolders.includes(to.top) && to.top !== 'package.json')),
	},
	{
		says: 'the engine does not know its faces',
		isBroken: (from, to) => from.top === 'engine' && (to.top === 'renderer' || to.top === 'electron'),
	},
];

const packageRules: readonly PackageRule[] = [
	{
		says: 'koffi is used only in engine/platform',
		isBroken: (from, specifier) => specifier === 'koffi' && productFolders.includes(from.top) && from.module !== 'platform',
	},
	{
		says: 'electron is used only in electron/',
		isBroken: (from, specifier) => /^electron(\/|$)/.test(specifier) && (from.top === 'engine' || from.top === 'renderer'),
	},
	{
		says: 'the renderer runs in a browser and has no Node',
		isBroken: (from, specifier) => from.top === 'renderer' && specifier.startsWith('node:') && !from.isTest,
	},
	{
		says: 'contract, base and format do no input or output',
		isBroken: (from, specifier) => ['contract', 'base', 'format'].includes(from.module ?? '') && inputAndOutput.test(specifier) && !from.isTest,
	},
];

export function findViolations(files: Iterable<SourceFile>): Violation[] {
	const violations: Violation[] = [];
	for (const file of files) {
		const from = placeOf(file.path);
		for (const { specifier, at } of importsOf(file)) {
			const broken = specifier.startsWith('.')
				? brokenBy(ownRules, (rule) => rule.isBroken(from, placeOf(posix.join(posix.dirname(file.path), specifier))))
				: brokenBy(packageRules, (rule) => rule.isBroken(from, specifier));
			for (const rule of broken) violations.push({ file: file.path, line: lineOf(file.text, at), specifier, rule });
		}
	}
	return violations;
}

const brokenBy = <R extends { readonly says: string }>(rules: readonly R[], isBroken: (rule: R) => boolean): string[] =>
	rules.filter(isBroken).map((rule) => rule.says);

const lineOf = (text: string, at: number): number => text.slice(0, at).split('\n').length;

type Import = { readonly specifier: string; readonly at: number };

function importsOf({ path, text }: SourceFile): Import[] {
	const { program, errors } = parseSync(path, text);
	if (errors.length > 0) throw new Error(`${path} cannot be parsed: ${errors[0]?.message}`);
	const imports: Import[] = [];
	const add = (source: { type: string; value?: unknown; start: number } | null | undefined): void => {
		if (source?.type === 'Literal' && typeof source.value === 'string') imports.push({ specifier: source.value, at: source.start });
	};
	new Visitor({
		ImportDeclaration: (node) => add(node.source),
		ExportAllDeclaration: (node) => add(node.source),
		ExportNamedDeclaration: (node) => add(node.source),
		ImportExpression: (node) => add(node.source),
		TSImportType: (node) => add(node.source),
		NewExpression(node) {
			// new URL('./worker.ts', import.meta.url): how workers and data files are named.
			const [address, base] = node.arguments;
			if (node.callee.type === 'Identifier' && node.callee.name === 'URL' && base?.type === 'MemberExpression' && base.object.type === 'MetaProperty') {
				if (address?.type === 'Literal' && /\.[jt]sx?$/.test(String(address.value))) add(address);
			}
		},
	}).visit(program);
	return imports;
}

export function* sourceFiles(root: string): Generator<SourceFile> {
	const exclude = (name: string): boolean => name === 'node_modules' || name === 'dist' || name === 'release';
	for (const path of globSync(['*.ts', '{engine,renderer,electron,e2e,bench,.ci}/**/*.{ts,tsx,js}'], { cwd: root, exclude }).sort()) {
		yield { path: path.replaceAll('\\', '/'), text: readFileSync(join(root, path), 'utf8') };
	}
}

if (import.meta.main) {
	const files = [...sourceFiles(join(import.meta.dirname, '..'))];
	const violations = findViolations(files);
	for (const { file, line, specifier, rule } of violations) console.error(`${file}:${line}  imports ${specifier}\n    rule: ${rule}`);
	console.log(`Layers: ${files.length} files, ${violations.length} violations`);
	process.exitCode = violations.length === 0 ? 0 : 1;
}
