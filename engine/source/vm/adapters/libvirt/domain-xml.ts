/** Definitions of virtual machines (libvirt's manual, "Domain XML format"), as far as Holdfast needs them. They come from a host: whatever they hold, they are only read. */
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { z } from 'zod';
import { EngineError } from '../../../../base/index.ts';
import type { VirtualDisk } from '../../../../contract/index.ts';

export type Domain = {
	readonly id: string;
	readonly name: string;
	readonly tags: readonly string[];
	readonly processors: number;
	readonly memoryBytes: number;
	readonly disks: readonly Pick<VirtualDisk, 'name' | 'path' | 'format' | 'unsupported'>[];
	readonly guestAgent: 'connected' | 'silent' | 'absent';
	/** Path on the host of the variables of its firmware; null: it has none of its own. */
	readonly nvramPath: string | null;
	/** As whom it runs; null: not while it is off, or the host does not say. */
	readonly runsAs: { readonly uid: number; readonly gid: number } | null;
};

const text = z.string().max(32_768);
const attribute = text.optional();
/** An element that is empty is an empty text to the parser. */
const element = <Shape extends z.ZodRawShape>(shape: Shape) => z.union([z.object(shape), z.literal('').transform(() => undefined)]).optional();
const valued = z.union([z.object({ '#text': text, '@unit': attribute }), text]).optional();

const diskElement = z.object({
	'@type': attribute,
	'@device': attribute,
	driver: element({ '@type': attribute }),
	source: z
		.union([
			z.object({ '@file': attribute, '@dev': attribute, '@name': attribute, '@protocol': attribute, '@pool': attribute, '@volume': attribute }),
			z.literal('').transform(() => undefined),
		])
		.optional(),
	target: z.object({ '@dev': z.string().regex(/^[a-z0-9]{1,32}$/) }),
	readonly: z.unknown().optional(),
	transient: z.unknown().optional(),
});
type DiskElement = z.infer<typeof diskElement>;

const domainElement = z.object({
	domain: z.object({
		uuid: z.uuid(),
		name: text.min(1),
		title: valued,
		description: valued,
		memory: valued,
		vcpu: valued,
		/** Its path stands in it, or in an element of its own (libvirt 8.5). */
		os: element({ nvram: z.union([z.object({ '#text': attribute, source: element({ '@file': attribute }) }), text]).optional() }),
		seclabel: z
			.array(z.union([z.object({ '@model': attribute, label: attribute }), z.literal('').transform(() => undefined)]))
			.max(100)
			.default([]),
		devices: element({
			disk: z.array(diskElement).max(1000).default([]),
			channel: z
				.array(z.object({ target: element({ '@name': attribute, '@state': attribute }) }))
				.max(1000)
				.default([]),
		}),
	}),
});

const lists = new Set(['domain.devices.disk', 'domain.devices.channel', 'domain.seclabel']);
const parser = new XMLParser({
	ignoreAttributes: false,
	attributeNamePrefix: '@',
	parseTagValue: false,
	parseAttributeValue: false,
	isArray: (_name, path) => lists.has(String(path)),
});

/** @throws EngineError `source.refused` when it is not the definition of a machine */
export function parseDomain(xml: string): Domain {
	// libvirt writes no document types: one could only declare entities that grow without bound.
	const isXml = !xml.includes('<!DOCTYPE') && XMLValidator.validate(xml) === true;
	const parsed = isXml ? domainElement.safeParse(parsedOrNull(xml)) : null;
	if (!parsed?.success) {
		const issue = parsed?.error.issues[0];
		const why = issue ? `${issue.path.join('/')}: ${issue.message}` : 'it is not XML';
		throw new EngineError('source.refused', `The host described a virtual machine in a way that is not understood (${why}).`);
	}
	const { uuid, name, title, description, memory, vcpu, os, seclabel, devices } = parsed.data.domain;
	const agent = devices?.channel.find(({ target }) => target?.['@name'] === 'org.qemu.guest_agent.0')?.target;
	return {
		id: uuid,
		name,
		tags: [...new Set(`${textOf(title)} ${textOf(description)}`.match(/(?<=^|\s)#[\p{L}\p{N}_-]+/gu) ?? [])].map((tag) => tag.slice(1)),
		processors: Number(textOf(vcpu)) || 0,
		memoryBytes: bytesOf(memory),
		disks: (devices?.disk ?? []).filter((disk) => (disk['@device'] ?? 'disk') === 'disk').map(describeDisk),
		guestAgent: agent === undefined ? 'absent' : agent['@state'] === 'connected' ? 'connected' : 'silent',
		nvramPath: (typeof os?.nvram === 'object' ? (os.nvram.source?.['@file'] ?? os.nvram['#text']) : os?.nvram)?.trim() || null,
		runsAs: accountIn(seclabel.find((label) => label?.['@model'] === 'dac')?.label),
	};
}

/** Null: it is nested without end, or has names that no element has. */
function parsedOrNull(xml: string): unknown {
	try {
		return parser.parse(xml);
	} catch {
		return null; // the parser's reasons say nothing that helps an administrator
	}
}

const textOf = (value: z.infer<typeof valued>): string => (typeof value === 'object' ? value['#text'] : (value ?? ''));

/** `+64055:+108`. */
function accountIn(label: string | undefined): Domain['runsAs'] {
	const [, uid, gid] = /^\+(\d{1,10}):\+(\d{1,10})$/.exec(label ?? '') ?? [];
	return uid === undefined || gid === undefined ? null : { uid: Number(uid), gid: Number(gid) };
}

const units: Readonly<Record<string, number>> = {
	b: 1,
	bytes: 1,
	KB: 1e3,
	KiB: 2 ** 10,
	k: 2 ** 10,
	MB: 1e6,
	MiB: 2 ** 20,
	GB: 1e9,
	GiB: 2 ** 30,
	TiB: 2 ** 40,
};
function bytesOf(value: z.infer<typeof valued>): number {
	const unit = units[(typeof value === 'object' ? value['@unit'] : undefined) ?? 'KiB'];
	const bytes = Number(textOf(value)) * (unit ?? Number.NaN);
	return Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : 0;
}

function describeDisk(disk: DiskElement): Domain['disks'][number] {
	const { source, driver, target } = disk;
	return {
		name: target['@dev'],
		path: source?.['@file'] ?? source?.['@dev'] ?? null,
		format: driver?.['@type'] ?? 'raw',
		unsupported: whyNot(disk),
	};
}

/** Why libvirt's backup cannot read it. */
function whyNot({ '@type': type, source, readonly: isReadOnly, transient: isTransient }: DiskElement): string | null {
	if (source === undefined) return 'It has no medium.';
	if (isTransient !== undefined) return 'What is written to it is thrown away when the machine ends.';
	if (isReadOnly !== undefined) return 'It is read-only.';
	if (type !== 'file' && type !== 'block' && type !== 'volume' && type !== 'network')
		return `Disks of the type “${type}” cannot be read from outside of the machine.`;
	return null;
}
