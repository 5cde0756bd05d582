/** What zfs(8) lists with `-H -p`: one line each, fields between tabs, numbers without units. */
import { EngineError } from '../../../base/index.ts';

export type DataSet = {
	readonly name: string;
	readonly type: 'filesystem' | 'volume';
	readonly isMounted: boolean;
	/** A path, or a word such as `legacy`. */
	readonly mountPoint: string;
	/** Null: not encrypted. */
	readonly keyStatus: string | null;
	readonly availableBytes: number;
};

export const dataSetFields = 'name,type,mounted,mountpoint,keystatus,available';

/** zfs(8), "NAMES": components of letters, digits and `-_.: `, between slashes. The first is the pool. */
const component = /^[a-zA-Z0-9][a-zA-Z0-9_.: -]*$/;
export const isDataSetName = (name: string): boolean => name.length < 256 && name.split('/').every((part) => component.test(part));
export const poolOf = (name: string): string => name.split('/')[0] ?? '';

/** @throws `snapshot.failed` for what is no such listing */
export function parseDataSet(output: string): DataSet {
	const [line = ''] = output.split('\n');
	const [name = '', type, mounted, mountPoint = '', keyStatus = '-', available] = line.split('\t');
	if (!isDataSetName(name) || (type !== 'filesystem' && type !== 'volume'))
		throw new EngineError('snapshot.failed', `zfs answered with something that is no data set: ${line.slice(0, 200)}`);
	return { name, type, isMounted: mounted === 'yes', mountPoint, keyStatus: keyStatus === '-' ? null : keyStatus, availableBytes: Number(available) || 0 };
}

/** The first field of each line; lines without one are left out. */
export const parseNames = (output: string): readonly string[] => output.split('\n').flatMap((line) => line.split('\t')[0] || []);

/** The numbers of columns are fixed by what was asked for. */
export const parseRows = (output: string): readonly (readonly string[])[] => output.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')]));
