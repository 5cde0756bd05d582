/**
 * Which program runs: the bundle, if it was made (.ci/bundle-engine.ts) from the sources as they are now, else the sources. Plain
 * JavaScript on Node's own modules, because loading anything else first would cost what the bundle saves.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** @param {string} root folder of package.json */
export const bundleFolder = (root) => join(root, 'dist', 'engine');

/** In the folder of the bundle: what it was made from. Written last. */
export const sourceList = 'sources.json';

/**
 * A source as it was: path from the folder of package.json, bytes, time of its last change in milliseconds.
 * @typedef {[path: string, sizeBytes: number, mtimeMs: number]} BundledSource
 */

/** @param {string} path */
export function describeSource(root, path) {
	const { size, mtimeMs } = statSync(`${root}/${path}`); // `join` would take longer than the call
	return /** @type {BundledSource} */ ([path, size, mtimeMs]);
}

/**
 * @param {string} root folder of package.json
 * @returns {string} the module to load
 */
export const programModule = (root) => (isBundleFresh(root) ? join(bundleFolder(root), 'program.js') : join(root, 'engine', 'cli', 'program.ts'));

/** @param {string} root folder of package.json */
export function isBundleFresh(root) {
	try {
		const sources = /** @type {BundledSource[]} */ (JSON.parse(readFileSync(join(bundleFolder(root), sourceList), 'utf8')));
		return sources.every((source) => describeSource(root, source[0]).every((fact, i) => fact === source[i]));
	} catch {
		return false; // there is none, or a source is gone
	}
}
