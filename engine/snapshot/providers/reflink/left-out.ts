import { compileExclusions } from '../../../base/index.ts';
import type { SelectionExclusions } from '../../provider.ts';
import { isWithin } from '../../volume.ts';

/** Whether a path, and all below it, is of no use to anybody: every selected folder that holds it leaves it out, and none lies below it. Null: nothing is. */
export function leftOutBy({ roots, patterns }: SelectionExclusions): ((path: string) => boolean) | null {
	const isExcluded = compileExclusions(patterns);
	if (isExcluded === null) return null;
	return (path) => {
		const holding = roots.filter((root) => path !== root && isWithin(path, root));
		return (
			holding.length > 0 &&
			!roots.some((root) => isWithin(root, path)) &&
			holding.every((root) => isExcluded(path.slice(root.endsWith('/') ? root.length : root.length + 1)))
		);
	};
}
