/** What lvs(8) reports, in JSON. */
import { EngineError } from '../../../base/index.ts';

export type LogicalVolume = {
	readonly name: string;
	readonly group: string;
	/** `/dev/GROUP/NAME`; empty for internal ones. */
	readonly path: string;
	/** `/dev/mapper/…`, with doubled hyphens. */
	readonly mapperPath: string;
	/** Ten letters ("lv_attr" in lvs(8)). */
	readonly attributes: string;
	readonly sizeBytes: number;
	readonly tags: readonly string[];
	/** Of a snapshot: what it is one of; null: it is none. */
	readonly origin: string | null;
	/** Of a thin one: the pool that it lies in. */
	readonly pool: string | null;
	/** How full it is: a pool, or the room of a snapshot for changes. Null: not active, or of a kind that is always full. */
	readonly dataPercent: number | null;
	readonly metadataPercent: number | null;
	/** Of the device `dm-N`; null: not active. */
	readonly minor: number | null;
	readonly groupFreeBytes: number;
	readonly extentBytes: number;
};

export const reportFields =
	'lv_name,vg_name,lv_path,lv_dm_path,lv_attr,lv_size,lv_tags,origin,pool_lv,data_percent,metadata_percent,lv_kernel_minor,vg_free,vg_extent_size';
export const reportArguments = ['--reportformat', 'json', '--units', 'b', '--nosuffix', '--options', reportFields] as const;

/** Of a name that LVM itself takes (lvm(8), "VALID NAMES"): nothing else goes into a command. */
const validName = /^[a-zA-Z0-9_+.][a-zA-Z0-9_+.-]{0,126}$/;

/** @throws `snapshot.failed` for what is no such report; volumes with names that LVM would not take are left out */
export function parseReport(output: string): readonly LogicalVolume[] {
	const rows = rowsOf(output);
	if (rows === null) throw new EngineError('snapshot.failed', `lvs answered with something that is no report: ${output.trim().slice(0, 200)}`);
	return rows.flatMap((row): LogicalVolume[] => {
		const text = (field: string): string => (typeof row[field] === 'string' ? row[field] : '');
		const amount = (field: string): number | null => {
			const value = Number(text(field).replace(',', '.')); // LVM writes percentages as the locale has them
			return text(field) === '' || !Number.isFinite(value) || value < 0 ? null : value;
		};
		const [name, group, attributes, sizeBytes] = [text('lv_name'), text('vg_name'), text('lv_attr'), amount('lv_size')];
		if (!validName.test(name) || !validName.test(group) || attributes.length < 10 || sizeBytes === null) return [];
		return [
			{
				name,
				group,
				path: text('lv_path'),
				mapperPath: text('lv_dm_path'),
				attributes,
				sizeBytes,
				tags: text('lv_tags').split(',').filter(Boolean),
				origin: text('origin') || null,
				pool: text('pool_lv') || null,
				dataPercent: amount('data_percent'),
				metadataPercent: amount('metadata_percent'),
				minor: amount('lv_kernel_minor'),
				groupFreeBytes: amount('vg_free') ?? 0,
				extentBytes: amount('vg_extent_size') ?? 4 * 1024 * 1024,
			},
		];
	});
}

function rowsOf(output: string): readonly Readonly<Record<string, unknown>>[] | null {
	try {
		const parsed: unknown = JSON.parse(output);
		if (!isRecord(parsed) || !Array.isArray(parsed.report)) return null;
		return parsed.report.flatMap((part: unknown) => (isRecord(part) && Array.isArray(part.lv) ? part.lv.filter(isRecord) : []));
	} catch {
		return null;
	}
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

const letter = ({ attributes }: LogicalVolume, at: number): string => attributes[at] ?? '-';

/** A snapshot ran full, and the kernel gave it up. */
export const isInvalid = (volume: LogicalVolume): boolean => ['I', 'S'].includes(letter(volume, 4));
export const isThin = (volume: LogicalVolume): boolean => letter(volume, 0) === 'V';

/** Kinds whose content is not a volume's own, by the first letter. */
const unfitKinds: Readonly<Record<string, string>> = {
	s: 'it is a snapshot itself.',
	S: 'it is a snapshot itself, and being merged.',
	O: 'a snapshot is being merged into it.',
	t: 'it is a pool of thin volumes.',
	T: 'it is a part of a pool of thin volumes.',
	c: 'it is being converted.',
	p: 'it is being moved.',
	d: 'it is a pool of VDO.',
	D: 'it is a part of a pool of VDO.',
};
/** A pool of thin volumes by the letter of its health. */
const unhealthyPools: Readonly<Record<string, string>> = { F: 'has failed', D: 'is out of space', M: 'cannot be changed, because its metadata is damaged' };
/** A pool that is this full may run over while the snapshot holds back what is overwritten. */
const fullPoolPercent = 95;

/**
 * Why there can be no snapshot of a volume; null: there can.
 * @param leastBytes room in the group that a snapshot needs, unless the volume is thin
 */
export function refuse(volume: LogicalVolume, all: readonly LogicalVolume[], leastBytes: number): string | null {
	const unfit = unfitKinds[letter(volume, 0)];
	if (unfit !== undefined) return unfit;
	if (letter(volume, 4) !== 'a') return 'it is not active, or suspended.';
	if (!isThin(volume)) {
		if (volume.groupFreeBytes >= leastBytes) return null;
		return `the volume group ${volume.group} has ${mib(volume.groupFreeBytes)} free, and a snapshot needs ${mib(leastBytes)}: extend the group, or shrink a volume.`;
	}
	const pool = all.find(({ name, group }) => name === volume.pool && group === volume.group);
	if (pool === undefined) return `its pool ${volume.pool} is not listed.`;
	const unhealthy = unhealthyPools[letter(pool, 8)];
	if (unhealthy !== undefined) return `its pool ${pool.name} ${unhealthy}.`;
	const fullness = Math.max(pool.dataPercent ?? 0, pool.metadataPercent ?? 0);
	return fullness < fullPoolPercent ? null : `its pool ${pool.name} is ${Math.floor(fullness)} % full: extend it.`;
}

const mib = (bytes: number): string => `${Math.floor(bytes / 1024 / 1024).toLocaleString('en')} MiB`;
