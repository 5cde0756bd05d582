import picomatch from 'picomatch';
import { EngineError } from './errors.ts';

/** Says whether an entry is left out. `relativePath` has no leading slash. */
export type Exclusion = (relativePath: string) => boolean;

/**
 * Globs relative to the root of the source. A pattern without a slash matches a name at any depth; one that begins with a slash is anchored at
 * the root; a folder that matches is left out with everything below it.
 * @throws `usage.invalid` naming the pattern
 */
export function compileExclusions(patterns: readonly string[]): Exclusion | null {
	if (patterns.length === 0) return null;
	const matchers = patterns.map((pattern) => {
		const anchored = pattern.replace(/^\.?\//, '').replace(/\/$/, '');
		if (anchored === '') throw new EngineError('usage.invalid', `The exclusion "${pattern}" would leave out everything.`, { data: { field: 'exclude' } });
		try {
			const isAnchored = pattern.startsWith('/') || anchored.includes('/');
			// a leading "!" is part of a name: read as "everything but" it would leave out what the user wants to keep
			return picomatch(isAnchored ? anchored : [anchored, `**/${anchored}`], { dot: true, nonegate: true });
		} catch (cause) {
			throw new EngineError('usage.invalid', `The exclusion "${pattern}" is not a valid pattern.`, { data: { field: 'exclude' }, cause });
		}
	});
	return (relativePath) => matchers.some((matches) => matches(relativePath));
}
