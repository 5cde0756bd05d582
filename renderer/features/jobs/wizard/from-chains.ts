import type { Chain, SourceSpec } from '../../../../engine/contract/index.ts';
import { type Draft, emptyDraft } from './draft.ts';

/** A chain says its objects in one line. A path may hold a comma, but hardly one that is followed by a kind. */
const sourcesOf = (object: string): SourceSpec[] =>
	object.split(/, (?=(?:folder|disk):)/).map((text) => ({ kind: text.startsWith('disk:') ? 'disk' : 'folder', path: text.slice(text.indexOf(':') + 1) }));

const newestAt = ({ files }: Chain): number => Math.max(0, ...files.map(({ createdAt }) => createdAt));

/** A job that goes on with what another job left in a repository: its objects, method and key, and the chains to be mapped to. Null: there are none. */
export function jobFromChains(chains: readonly Chain[], originJobId: string): { readonly draft: Draft; readonly chainIds: readonly string[] } | null {
	const newestFirst = chains.filter((chain) => chain.originJobId === originJobId && chain.adHoc === null).toSorted((a, b) => newestAt(b) - newestAt(a));
	const [newest] = newestFirst;
	if (newest === undefined) return null;
	const taken = new Set<string>();
	const chosen = newestFirst.filter(({ object, method, keyId }) => {
		const isNew = method === newest.method && keyId === newest.keyId && !taken.has(object);
		taken.add(object);
		return isNew;
	});
	const sources = new Map(chosen.flatMap(({ object }) => sourcesOf(object)).map((source) => [`${source.kind}:${source.path}`, source]));
	const { job: name, repositoryId, method, keyId: encryptionKeyId } = newest;
	const draft: Draft = { ...emptyDraft, name, sources: [...sources.values()], repositoryId, method, encryptionKeyId };
	return { draft, chainIds: chosen.map(({ id }) => id) };
}
