/** The definition of a machine that is given back, made from the one that was backed up. What need not change stays as it was, down to its spaces. */
import { XMLBuilder, XMLParser } from 'fast-xml-parser';
import { EngineError, isEngineError } from '../../../../base/index.ts';
import type { MachineRegistration } from '../../hypervisor.ts';
import { parseDomain } from './domain-xml.ts';

/** An element with its children in their order, or a piece of text; entities are left as they stand. */
type Node = { readonly ':@'?: Record<string, string>; readonly [name: string]: Node[] | Record<string, string> | string | undefined };

const attributes = ':@';
const text = '#text';
const options = {
	preserveOrder: true,
	ignoreAttributes: false,
	attributeNamePrefix: '',
	processEntities: false,
	commentPropName: '#comment',
	cdataPropName: '#cdata',
} as const;
const parser = new XMLParser({
	...options,
	parseTagValue: false,
	parseAttributeValue: false,
	trimValues: false,
	// it may have stood in single quotes
	attributeValueProcessor: (_name, value) => value.replaceAll('"', '&quot;'),
});
const builder = new XMLBuilder({ ...options, suppressEmptyNode: true, suppressBooleanAttributes: false });

const inXml = (value: string): string => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const nameOf = (node: Node): string => Object.keys(node).find((key) => key !== attributes) ?? '';
const element = (name: string, given: Record<string, string> = {}): Node => ({ [name]: [], [attributes]: given });
const childrenOf = (node: Node): Node[] => {
	const children = node[nameOf(node)];
	return Array.isArray(children) ? children : [];
};
const child = (node: Node, name: string): Node | undefined => childrenOf(node).find((each) => nameOf(each) === name);
const attribute = (node: Node | undefined, name: string): string | undefined => node?.[attributes]?.[name];

function setText(node: Node, value: string): void {
	childrenOf(node).splice(0, Infinity, { [text]: inXml(value) });
}

function setAttributes(node: Node, changes: Readonly<Record<string, string | null>>): Node {
	const given = { ...node[attributes] };
	for (const [name, value] of Object.entries(changes)) {
		if (value === null) delete given[name];
		else given[name] = inXml(value);
	}
	return Object.assign(node, { [attributes]: given });
}

function remove(node: Node, isUnwanted: (child: Node) => boolean): void {
	const children = childrenOf(node);
	children.splice(0, Infinity, ...children.filter((each) => !isUnwanted(each)));
}

/** @throws EngineError `source.refused` when it is not the definition of a machine */
export function restoredDefinition({
	definition,
	name,
	newId,
	disks,
	nvramPath,
	keepsGeneration = false,
}: MachineRegistration & { /** Its guest goes on, and is not set back in time to itself. */ readonly keepsGeneration?: boolean }): {
	readonly definition: string;
	readonly leftOut: readonly string[];
} {
	parseDomain(definition); // refuses what is hostile
	try {
		const document: Node[] = parser.parse(definition);
		const domain = document.find((node) => nameOf(node) === 'domain') ?? element('domain');
		const named = child(domain, 'name');
		if (named) setText(named, name);
		if (!keepsGeneration) renewGeneration(domain);
		if (newId !== null) setId(domain, newId);
		const os = child(domain, 'os');
		if (os) setNvram(os, nvramPath, newId !== null);
		const paths = new Map(disks.map((disk) => [disk.name, disk.path]));
		const leftOut: string[] = [];
		for (const devices of childrenOf(domain).filter((node) => nameOf(node) === 'devices')) {
			remove(devices, (node) => {
				const isLeftOut = newId !== null && isWritableDisk(node) && !paths.has(diskName(node));
				if (isLeftOut) leftOut.push(diskName(node));
				return isLeftOut;
			});
			for (const device of childrenOf(devices)) {
				const path = nameOf(device) === 'disk' ? paths.get(diskName(device)) : undefined;
				if (path !== undefined) setImage(device, path);
				// libvirt chooses another address where there is none
				if (newId !== null && nameOf(device) === 'interface') remove(device, (node) => nameOf(node) === 'mac');
			}
		}
		return { definition: builder.build(document), leftOut };
	} catch (error) {
		if (isEngineError(error)) throw error;
		throw new EngineError('source.refused', 'The definition of the virtual machine cannot be read.', { cause: error });
	}
}

/** A guest learns by it that it was set back in time, and then keeps for itself what must not happen twice (libvirt: `genid`). */
function renewGeneration(domain: Node): void {
	const generation = child(domain, 'genid');
	if (generation) childrenOf(generation).splice(0); // libvirt makes a new one
}

/** libvirt refuses a machine whose firmware tells another id. */
function setId(domain: Node, id: string): void {
	const own = child(domain, 'uuid');
	if (own) setText(own, id);
	for (const sysinfo of childrenOf(domain).filter((node) => nameOf(node) === 'sysinfo'))
		for (const entry of childrenOf(child(sysinfo, 'system') ?? element('system'))) if (attribute(entry, 'name') === 'uuid') setText(entry, id);
}

function setNvram(os: Node, path: string | null, isCopy: boolean): void {
	const nvram = child(os, 'nvram');
	if (nvram === undefined || (path === null && !isCopy)) return;
	childrenOf(nvram).splice(0); // without a path libvirt makes fresh ones
	setAttributes(nvram, { type: null });
	if (path !== null) setText(nvram, path);
}

const diskName = (disk: Node): string => attribute(child(disk, 'target'), 'dev') ?? '';

/** Two machines must not write to one; what they may share, or only read, they may have both. */
function isWritableDisk(node: Node): boolean {
	if (nameOf(node) !== 'disk' || child(node, 'source') === undefined) return false;
	if (!['disk', 'lun'].includes(attribute(node, 'device') ?? 'disk')) return false;
	return !['readonly', 'shareable', 'transient'].some((name) => child(node, name) !== undefined);
}

/** What only says how the content was kept before. */
const ofOldImage = new Set(['backingStore', 'mirror', 'encryption', 'auth']);

function setImage(disk: Node, path: string): void {
	remove(disk, (node) => ofOldImage.has(nameOf(node)) || (nameOf(node) === 'alias' && !attribute(node, 'name')?.startsWith('ua-')));
	setAttributes(disk, { type: 'file' });
	// passed through to a device that there is no longer
	if (attribute(disk, 'device') === 'lun') setAttributes(disk, { device: 'disk', rawio: null, sgio: null });
	const children = childrenOf(disk);
	const source = setAttributes(element('source'), { file: path });
	const at = children.findIndex((node) => nameOf(node) === 'source');
	// Who may get at it is said of the machine's disk, wherever that lies
	childrenOf(source).push(...childrenOf(children[at] ?? source).filter((node) => nameOf(node) === 'seclabel'));
	children.splice(Math.max(at, 0), at < 0 ? 0 : 1, source);
	const driver = child(disk, 'driver');
	if (driver) setAttributes(driver, { name: 'qemu', type: 'qcow2' });
	else children.unshift(setAttributes(element('driver'), { name: 'qemu', type: 'qcow2' }));
}
