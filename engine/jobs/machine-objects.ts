/** Virtual machines that a job means by patterns. Pure. */
import { isMachinePattern, isMeant, parseMachinePath, type SourceSpec } from '../contract/index.ts';
import { sourceKey } from './source-key.ts';

const kindPrefix = 'vm:';

/** Whether a source of a job means an object, itself or by its pattern. Tags are not known from names: whatever there is of the host may have one. */
export function covers(source: SourceSpec, object: string): boolean {
	if (sourceKey(source) === object) return true;
	if (source.kind !== 'vm' || !isMachinePattern(source.path) || !object.startsWith(kindPrefix)) return false;
	const { host, name } = parseMachinePath(object.slice(kindPrefix.length));
	return isMeant(source.path, host, { name, tags: [parseMachinePath(source.path).name.slice(1)] });
}

/** A pattern as the objects that it means among those that are known; as itself where there is none. */
export function knownObjects(source: SourceSpec, known: readonly string[]): readonly SourceSpec[] {
	if (source.kind !== 'vm' || !isMachinePattern(source.path)) return [source];
	const meant = [...new Set(known)].filter((object) => covers(source, object));
	return meant.length === 0 ? [source] : meant.map((object) => ({ kind: 'vm', path: object.slice(kindPrefix.length) }));
}
