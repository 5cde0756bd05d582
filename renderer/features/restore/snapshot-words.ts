/** What an object was read from, in words. */
import type { Point, SnapshotUse } from '../../../engine/contract/index.ts';
import { instantWords, providerTitle } from '../inventory/inventory-words.ts';

export const consistencyWord: Readonly<Record<Point['consistency'], string>> = {
	application: 'Application-consistent',
	'file-system': 'File-system-consistent',
	crash: 'Crash-consistent',
};
export const consistencyMeaning: Readonly<Record<Point['consistency'], string>> = {
	application: 'all applications of the job held still',
	'file-system': 'file systems as at one instant, without applications',
	crash: 'as after a power cut',
};

const namesOf = (actual: string): string =>
	actual
		.split(', ')
		.map((name) => (name === 'none' ? 'live' : providerTitle(name)))
		.join(' and ');
const upperFirst = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** `read live`, `from: btrfs snapshot`, `from: btrfs snapshot and live`: within a sentence. */
export const readingText = ({ actual }: Pick<SnapshotUse, 'actual'>): string => (actual === 'none' ? 'read live' : `from: ${namesOf(actual)}`);

/** `Live`, `Btrfs snapshot`, `Btrfs snapshot and live`. */
export const readFromText = ({ actual }: Pick<SnapshotUse, 'actual'>): string => upperFirst(namesOf(actual));

/** What the job asked for; of a virtual machine, how its guest was to be treated. */
export function askedText({ requested }: Pick<SnapshotUse, 'requested'>): string {
	if (requested === 'auto') return 'a snapshot, else live';
	if (requested === 'none') return 'live';
	if (requested === 'online') return 'a guest that holds still';
	if (requested === 'offline') return 'a saved state';
	if (requested === 'crash') return 'a guest that is not asked';
	return `${providerTitle(requested)}, or nothing`;
}

export const shownText = ({ instant }: Pick<SnapshotUse, 'instant'>): string =>
	instant === 'live' ? 'nothing at one instant' : instant === 'set' ? 'everything at one instant' : instantWords[instant];

/** Something was asked for that was not to be had. */
export const isLess = ({ requested, actual, instant }: SnapshotUse): boolean =>
	requested !== 'none' && (instant === 'live' || actual.split(', ').includes('none'));
