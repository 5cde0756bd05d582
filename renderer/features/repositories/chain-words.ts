import type { Chain } from '../../../engine/contract/index.ts';
import { formatBytes, formatDate, formatDateTime, formatNumber, plural } from '../../ui/index.ts';
import { type ChainFile, chainSize, expiring, neededBy, needs, pointCount } from './chain-layout.ts';

export const kindWord = { full: 'Full', increment: 'Increment', reverse: 'Reverse increment' } as const;
export const methodWord = { forward: 'forward incremental', 'forever-forward': 'forever forward', reverse: 'reverse incremental' } as const;

/** `folder:/etc` as people read it. A machine's name may hold what cannot be decoded. */
export const objectText = (object: string): string => object.toWellFormed();
/** Within a chain only the last part of a path tells files apart. */
export const fileName = (path: string): string => path.slice(path.lastIndexOf('/') + 1).toWellFormed();

/** What marks a chain that is not simply the job's present one; null where nothing does. */
export function chainMark({ isCurrent, adHoc, origin }: Chain): string | null {
	if (adHoc) return adHoc.keepUntil === null ? 'ad-hoc full, kept until removed' : `ad-hoc full, kept until ${formatDate(adHoc.keepUntil)}`;
	if (origin === 'removed-job') return 'its job was removed';
	if (origin === 'elsewhere') return 'imported';
	return isCurrent ? 'current' : null;
}

/** What the next run that succeeds does to a file that is due: a forever forward chain takes what it holds into its full. */
export const fateWord = ({ method }: Chain): string => (method === 'forever-forward' ? 'merged into the full at the next run' : 'removed at the next run');

export function spanText(chain: Chain): string {
	const first = chain.files[0];
	const last = chain.files.at(-1);
	if (!first || !last) return '';
	const { files, bytes, points } = expiring(chain);
	const span = first === last ? formatDateTime(first.createdAt) : `${formatDateTime(first.createdAt)} to ${formatDateTime(last.createdAt)}`;
	if (files === 0) return span;
	return chain.method === 'forever-forward'
		? `${span} · the next successful run merges ${plural(files, 'increment')} (${formatBytes(bytes)}) into the full; the oldest ${points === 1 ? 'point goes' : `${formatNumber(points)} points go`}`
		: `${span} · the next successful run removes ${plural(files, 'file')} (${formatBytes(bytes)}, ${plural(points, 'point')})`;
}

/** All that there is to say of one file, after its kind. */
export function fileText(chain: Chain, file: ChainFile): string {
	const needed = needs(chain.files, file.path).size - 1;
	const dependent = neededBy(chain.files, file.path).size;
	return [
		` of ${formatDateTime(file.createdAt)}, ${formatBytes(file.sizeBytes)}`,
		needed > 0 ? `needs ${plural(needed, 'file')}` : '',
		dependent > 0 ? (dependent === 1 ? 'one file needs it' : `${formatNumber(dependent)} files need it`) : '',
		file.expires ? fateWord(chain) : '',
	]
		.filter((part) => part !== '')
		.join(', ');
}

/** What goes for good with a chain, in numbers. `others`: chains of the same repository. */
export function lossesOf(chain: Chain, others: readonly Chain[]): { readonly lines: readonly string[]; readonly isLot: boolean } {
	const first = chain.files.reduce((least, { createdAt }) => Math.min(least, createdAt), Number.POSITIVE_INFINITY);
	const last = chain.files.reduce((most, { createdAt }) => Math.max(most, createdAt), 0);
	const points = pointCount(chain);
	const remaining = others
		.filter(({ id, object, originJobId }) => id !== chain.id && object === chain.object && originJobId === chain.originJobId)
		.reduce((sum, other) => sum + pointCount(other), 0);
	const lines = [
		points === 0
			? 'No restore point stands in it.'
			: `${plural(points, 'restore point')} of ${objectText(chain.object)}, made ${points === 1 || first === last ? formatDateTime(last) : `${formatDateTime(first)} to ${formatDateTime(last)}`}, ${points === 1 ? 'is' : 'are'} lost for good.`,
		remaining === 0
			? 'No other restore point of this object is in this repository.'
			: `${plural(remaining, 'other restore point')} of this object ${remaining === 1 ? 'stays' : 'stay'} in this repository.`,
		`${plural(chain.files.length, 'file')} ${chain.files.length === 1 ? 'is' : 'are'} deleted; ${formatBytes(chainSize(chain))} become free.`,
		...(chain.isCurrent && chain.jobId !== null ? [`The next run of ${chain.job} begins a new chain with a full.`] : []),
	];
	return { lines, isLot: points > 3 || (points > 0 && remaining === 0) };
}
